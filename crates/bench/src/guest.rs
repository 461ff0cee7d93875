//! A waPC guest on plain wasmtime with a fuel meter: one unit of fuel is one wasm instruction.
//!
//! The waPC host crate does not expose fuel, so this module has the few host functions that a policy needs. Random
//! numbers are constant, because the seed of a hash map must not change the count.

use std::mem;
use std::sync::Arc;

use wasmtime_provider::wasmtime::{
    self, Caller, Config, Engine, Error, Extern, Instance, InstancePre, Linker, Module, Result, Store, TypedFunc,
};

const FUEL: u64 = u64::MAX / 2;

/// The data that host and guest exchange during one call.
#[derive(Default)]
struct Exchange {
    operation: Vec<u8>,
    payload: Vec<u8>,
    response: Vec<u8>,
    error: Vec<u8>,
    /// The host's answer to every call of the guest.
    answer: Arc<[u8]>,
}

/// A compiled policy module.
pub(crate) struct CompiledModule {
    engine: Engine,
    instance: InstancePre<Exchange>,
    is_metered: bool,
}

/// An instance of a policy module, which serves many calls.
pub(crate) struct Guest {
    store: Store<Exchange>,
    instance: Instance,
    call: TypedFunc<(u32, u32), u32>,
    is_metered: bool,
    /// The instructions that the start took; 0 without a meter.
    pub(crate) start_instructions: u64,
}

impl CompiledModule {
    /// Compiles a module without a meter, which would distort the time.
    pub(crate) fn unmetered(module: &[u8]) -> Result<Self> {
        Self::compile(module, false)
    }

    fn compile(module: &[u8], is_metered: bool) -> Result<Self> {
        let engine = Engine::new(Config::new().consume_fuel(is_metered))?;
        let module = Module::new(&engine, module)?;
        let mut linker = Linker::new(&engine);
        add_wapc(&mut linker)?;
        linker.func_wrap("wasi_snapshot_preview1", "random_get", constant_random)?;
        linker.func_wrap("wasi_snapshot_preview1", "environ_sizes_get", empty_environment)?;
        linker.define_unknown_imports_as_traps(&module)?;
        Ok(Self { engine, instance: linker.instantiate_pre(&module)?, is_metered })
    }

    /// Starts an instance.
    pub(crate) fn start(&self) -> Result<Guest> {
        let mut store = Store::new(&self.engine, Exchange::default());
        if self.is_metered {
            store.set_fuel(FUEL)?;
        }
        let instance = self.instance.instantiate(&mut store)?;
        for start in ["_initialize", "wapc_init"] {
            if let Ok(function) = instance.get_typed_func::<(), ()>(&mut store, start) {
                function.call(&mut store, ())?;
            }
        }
        let call = instance.get_typed_func(&mut store, "__guest_call")?;
        let start_instructions = if self.is_metered { FUEL - store.get_fuel()? } else { 0 };
        Ok(Guest { store, instance, call, is_metered: self.is_metered, start_instructions })
    }
}

impl Guest {
    /// Starts a module whose instructions are counted.
    pub(crate) fn new(module: &[u8]) -> Result<Self> {
        CompiledModule::compile(module, true)?.start()
    }

    /// Returns the size of the linear memory in bytes. It never shrinks.
    pub(crate) fn memory(&mut self) -> usize {
        self.instance.get_memory(&mut self.store, "memory").map_or(0, |memory| memory.data_size(&self.store))
    }

    /// Calls a waPC operation. Returns the response, and the number of instructions; 0 without a meter.
    pub(crate) fn call(&mut self, operation: &str, payload: &[u8]) -> Result<(Vec<u8>, u64)> {
        self.call_with(operation, payload, &Arc::default())
    }

    /// Calls a waPC operation, in which the host gives this answer to every call of the guest.
    pub(crate) fn call_with(&mut self, operation: &str, payload: &[u8], answer: &Arc<[u8]>) -> Result<(Vec<u8>, u64)> {
        let lengths = (u32::try_from(operation.len())?, u32::try_from(payload.len())?);
        *self.store.data_mut() = Exchange {
            operation: operation.into(),
            payload: payload.into(),
            answer: Arc::clone(answer),
            ..Exchange::default()
        };
        if self.is_metered {
            self.store.set_fuel(FUEL)?;
        }
        let ok = self.call.call(&mut self.store, lengths)?;
        let instructions = if self.is_metered { FUEL - self.store.get_fuel()? } else { 0 };
        let exchange = mem::take(self.store.data_mut());
        if ok == 1 {
            Ok((exchange.response, instructions))
        } else {
            Err(Error::msg(String::from_utf8_lossy(&exchange.error).into_owned()))
        }
    }
}

fn add_wapc(linker: &mut Linker<Exchange>) -> Result<()> {
    linker.func_wrap(
        "wapc",
        "__guest_request",
        |mut caller: Caller<'_, Exchange>, operation_at: u32, payload_at: u32| {
            let operation = mem::take(&mut caller.data_mut().operation);
            let payload = mem::take(&mut caller.data_mut().payload);
            write(&mut caller, operation_at, &operation)?;
            write(&mut caller, payload_at, &payload)
        },
    )?;
    linker.func_wrap("wapc", "__guest_response", |mut caller: Caller<'_, Exchange>, at: u32, length: u32| {
        caller.data_mut().response = read(&mut caller, at, length)?;
        Ok(())
    })?;
    linker.func_wrap("wapc", "__guest_error", |mut caller: Caller<'_, Exchange>, at: u32, length: u32| {
        caller.data_mut().error = read(&mut caller, at, length)?;
        Ok(())
    })?;
    // Binding, namespace, operation and payload, each with its length.
    linker.func_wrap(
        "wapc",
        "__host_call",
        |_: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32| -> u32 { 1 },
    )?;
    linker.func_wrap("wapc", "__host_response_len", |caller: Caller<'_, Exchange>| -> Result<u32> {
        Ok(u32::try_from(caller.data().answer.len())?)
    })?;
    linker.func_wrap("wapc", "__host_response", |mut caller: Caller<'_, Exchange>, at: u32| {
        let answer = Arc::clone(&caller.data().answer);
        write(&mut caller, at, &answer)
    })?;
    Ok(())
}

fn constant_random(mut caller: Caller<'_, Exchange>, at: u32, length: u32) -> Result<i32> {
    write(&mut caller, at, &vec![7; length as usize])?;
    Ok(0)
}

fn empty_environment(mut caller: Caller<'_, Exchange>, count: u32, size: u32) -> Result<i32> {
    write(&mut caller, count, &[0; 4])?;
    write(&mut caller, size, &[0; 4])?;
    Ok(0)
}

fn write(caller: &mut Caller<'_, Exchange>, at: u32, bytes: &[u8]) -> Result<()> {
    let memory = memory(caller)?;
    Ok(memory.write(caller, at as usize, bytes)?)
}

fn read(caller: &mut Caller<'_, Exchange>, at: u32, length: u32) -> Result<Vec<u8>> {
    let memory = memory(caller)?;
    let mut bytes = vec![0; length as usize];
    memory.read(caller, at as usize, &mut bytes)?;
    Ok(bytes)
}

fn memory(caller: &mut Caller<'_, Exchange>) -> Result<wasmtime::Memory> {
    caller.get_export("memory").and_then(Extern::into_memory).ok_or_else(|| Error::msg("the module exports no memory"))
}
