//! The policy twice: as the wasm module that ships, and as native code.

use std::sync::{Arc, Mutex};

use interlink_annotations_policy as native;
use interlink_audit::host::{Module, Policy};
use serde_json::Value;

use crate::fake_cluster::{self, FakeCluster};

/// The wasm module and the native code. Each call goes to both, and fails if their responses differ.
pub struct DualPolicy {
    module: Policy,
    /// The module's host.
    host: Arc<Mutex<FakeHost>>,
}

/// The host of a policy during one call.
#[derive(Default)]
struct FakeHost {
    cluster: FakeCluster,
    /// The kinds of objects that the policy has read from the cluster.
    kinds: Vec<String>,
    log: Vec<Value>,
}

impl FakeHost {
    fn of(cluster: FakeCluster) -> Self {
        Self { cluster, ..Self::default() }
    }

    fn answer(&mut self, function: &str, request: &[u8]) -> Result<Vec<u8>, String> {
        self.kinds.push(fake_cluster::kind(request));
        self.cluster.answer(function, request)
    }
}

impl DualPolicy {
    /// Loads the module.
    ///
    /// # Panics
    /// If the module is not valid.
    pub fn load() -> Self {
        let host = Arc::new(Mutex::new(FakeHost::default()));
        let shared = Arc::clone(&host);
        let module = Module::built_in().and_then(|module| {
            module.start_with(move |namespace, function, request| {
                let mut host = shared.lock().unwrap();
                match (namespace, function) {
                    ("kubernetes", _) => Ok(host.answer(function, request)?),
                    ("tracing", "log") => {
                        host.log.push(serde_json::from_slice(request)?);
                        Ok(Vec::new())
                    }
                    _ => Err(format!("the policy calls {namespace} {function}").into()),
                }
            })
        });
        Self { module: module.expect("the module can be started"), host }
    }

    /// Calls `validate` for a policy that does not read the cluster.
    ///
    /// # Errors
    /// If the module fails, its response differs from the native one, or one of the two reads the cluster.
    pub fn validate(&self, payload: &[u8]) -> Result<Value, String> {
        match self.validate_in(payload, &FakeCluster::unreadable())? {
            (response, kinds) if kinds.is_empty() => Ok(response),
            (_, kinds) => Err(format!("the policy reads {kinds:?} from the cluster")),
        }
    }

    /// Calls `validate`. Returns the response, and the kinds of objects that the policy reads from the cluster.
    ///
    /// # Errors
    /// If the module fails, or does not do the same as the native code.
    ///
    /// # Panics
    /// If an earlier call panicked.
    pub fn validate_in(&self, payload: &[u8], cluster: &FakeCluster) -> Result<(Value, Vec<String>), String> {
        let native_host = Mutex::new(FakeHost::of(cluster.clone()));
        let host_call = |function: &str, request: &[u8]| Ok(native_host.lock().unwrap().answer(function, request)?);
        let native = native::validate(payload, &host_call);
        *self.host.lock().unwrap() = FakeHost::of(cluster.clone());
        let response = self.compare("validate", payload, serde_json::to_value(native))?;
        let (native, module) = (native_host.into_inner().unwrap().kinds, &self.host.lock().unwrap().kinds);
        if *module == native {
            Ok((response, native))
        } else {
            Err(format!("the module reads {module:?} from the cluster, the native code {native:?}"))
        }
    }

    /// Returns the entries that the module wrote into the log during the last call of `validate`.
    ///
    /// # Panics
    /// If an earlier call panicked.
    pub fn log(&self) -> Vec<Value> {
        self.host.lock().unwrap().log.clone()
    }

    /// Calls `validate_settings`.
    ///
    /// # Errors
    /// If the module fails, or its response differs from the native one.
    pub fn validate_settings(&self, payload: &[u8]) -> Result<Value, String> {
        let native = native::settings::validate(payload);
        self.compare("validate_settings", payload, serde_json::to_value(native))
    }

    /// Calls `protocol_version`, which only the module has.
    ///
    /// # Errors
    /// If the module fails.
    pub fn protocol_version(&self) -> Result<Vec<u8>, String> {
        self.call("protocol_version", b"")
    }

    fn compare(&self, function: &str, payload: &[u8], native: serde_json::Result<Value>) -> Result<Value, String> {
        let native = native.map_err(|error| error.to_string())?;
        let response = self.call(function, payload)?;
        let response: Value = serde_json::from_slice(&response).map_err(|error| error.to_string())?;
        if response == native {
            Ok(response)
        } else {
            Err(format!("the module's response is {response}, the native one {native}"))
        }
    }

    fn call(&self, function: &str, payload: &[u8]) -> Result<Vec<u8>, String> {
        self.module.call(function, payload).map_err(|error| error.to_string())
    }
}
