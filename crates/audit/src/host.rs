//! The waPC host: it loads a policy module and calls it, as Kubewarden's policy server does.

use std::collections::BTreeMap;
use std::error::Error;
use std::thread;
use std::time::Duration;

use interlink_annotations_policy::settings::ERROR_PREFIX;
use interlink_policy_module::{COMPILED, MODULE};
use serde::Deserialize;
use wapc::WapcHost;
use wasmtime_provider::wasmtime::{self, Config, Engine};
use wasmtime_provider::{EpochDeadlines, ResourceLimits, WasmtimeEngineProviderBuilder, WasmtimeEngineProviderPre};

/// How a WebAssembly module begins in the binary format, and in the text format: with an expression or a comment.
const MODULE_STARTS: [&[u8]; 3] = [b"\0asm", b"(", b";;"];

/// The interval at which the time of a module's call is measured.
const TICK: Duration = Duration::from_millis(100);

/// The number of ticks in which a module must start, and must answer a call: twice the limit of Kubewarden's policy
/// server.
const DEADLINES: EpochDeadlines = EpochDeadlines { wapc_init: 40, wapc_func: 40 };

/// The limit of a module's memory. This policy takes 8 MiB for the largest request.
const LIMITS: ResourceLimits = ResourceLimits { max_memory_size: Some(256 << 20), max_table_elements: Some(100_000) };

/// The answer to a policy's call of its host.
pub type HostAnswer = Result<Vec<u8>, Box<dyn Error + Send + Sync>>;

/// A compiled policy module. Each thread has its own instance.
#[derive(Clone)]
pub struct Module {
    provider: WasmtimeEngineProviderPre,
    deadlines: Option<EpochDeadlines>,
}

/// An instance of a policy module.
pub struct Policy {
    host: WapcHost,
}

/// A policy's answer to one request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Answer {
    pub(crate) accepted: bool,
    /// The reason of a refusal.
    pub(crate) message: Option<String>,
    /// The HTTP status of a refusal.
    pub(crate) code: Option<u16>,
    pub(crate) warnings: Option<Vec<String>>,
    pub(crate) audit_annotations: Option<BTreeMap<String, String>>,
}

impl Answer {
    /// Returns whether the request is accepted without a warning.
    pub(crate) fn is_plain(&self) -> bool {
        self.accepted && self.warnings.as_ref().is_none_or(Vec::is_empty)
    }
}

/// The answer to whether settings are valid.
#[derive(Deserialize)]
struct SettingsAnswer {
    valid: bool,
    message: Option<String>,
}

/// The reason why a module cannot be used, or gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The file does not begin like a WebAssembly module.
    #[error("is not a WebAssembly module; name a .wasm file")]
    NotWasm,
    /// The WebAssembly module is not valid.
    #[error("is not a policy module that can be loaded: {0}")]
    Load(#[source] wasmtime_provider::errors::Error),
    /// The module is not a waPC guest.
    #[error("is not a policy module that can be started: {0}")]
    Start(#[source] wapc::errors::Error),
    /// The module lacks the function, fails or traps.
    #[error("the module's function {function} failed: {source}")]
    Call {
        /// The function's name.
        function: String,
        /// The runtime's error.
        source: wapc::errors::Error,
    },
    /// The answer is not in the format that Kubewarden expects.
    #[error("the module's function {function} returned an answer in an unknown format: {answer}")]
    UnknownAnswer {
        /// The function's name.
        function: &'static str,
        /// The answer.
        answer: String,
    },
    /// The policy refuses its settings; the text is its own.
    #[error("{0}")]
    InvalidSettings(String),
}

impl Module {
    /// Returns the module that is built in. It was compiled with this program.
    ///
    /// # Errors
    /// [`HostError::Load`].
    pub fn built_in() -> Result<Self, HostError> {
        let engine = Engine::default();
        let module = deserialize(&engine).or_else(|_| wasmtime::Module::new(&engine, MODULE)).map_err(load_error)?;
        Self::new(WasmtimeEngineProviderBuilder::new().engine(engine).module(module), None)
    }

    /// Compiles a module that may be hostile: a call that takes too long is an error.
    ///
    /// # Errors
    /// [`HostError::Load`].
    pub fn compile_untrusted(module: &[u8]) -> Result<Self, HostError> {
        if !MODULE_STARTS.iter().any(|start| module.starts_with(start)) {
            return Err(HostError::NotWasm);
        }
        let mut config = Config::new();
        config.epoch_interruption(true);
        let engine = Engine::new(&config).map_err(load_error)?;
        let builder = WasmtimeEngineProviderBuilder::new().engine(engine.clone()).module_bytes(module);
        let module = Self::new(builder, Some(DEADLINES))?;
        thread::spawn(move || {
            loop {
                thread::sleep(TICK);
                engine.increment_epoch();
            }
        });
        Ok(module)
    }

    fn new(builder: WasmtimeEngineProviderBuilder<'_>, deadlines: Option<EpochDeadlines>) -> Result<Self, HostError> {
        let provider = builder.enable_resource_limits(LIMITS).build_pre().map_err(HostError::Load)?;
        Ok(Self { provider, deadlines })
    }

    /// Starts an instance that can neither read the cluster nor write a log.
    ///
    /// # Errors
    /// [`HostError::Start`].
    pub fn start(&self) -> Result<Policy, HostError> {
        self.start_with(|_, _, _| Err("this command does not read the cluster for the policy".into()))
    }

    /// Starts an instance whose calls of Kubewarden's host a function answers. It gets the namespace and the name of the
    /// host's function, such as `kubernetes` and `list_resources_all`, and the request.
    ///
    /// # Errors
    /// [`HostError::Start`].
    pub fn start_with(
        &self,
        answer: impl Fn(&str, &str, &[u8]) -> HostAnswer + Send + Sync + 'static,
    ) -> Result<Policy, HostError> {
        let engine = self.provider.rehydrate(self.deadlines).map_err(HostError::Load)?;
        let callback =
            move |_, _: &str, namespace: &str, function: &str, request: &[u8]| answer(namespace, function, request);
        let host = WapcHost::new(Box::new(engine), Some(Box::new(callback))).map_err(HostError::Start)?;
        Ok(Policy { host })
    }
}

/// Loads the module that was compiled with this program.
///
/// # Errors
/// If there is none, or this machine lacks an instruction that it uses.
#[expect(unsafe_code, reason = "wasmtime cannot check machine code")]
fn deserialize(engine: &Engine) -> wasmtime::Result<wasmtime::Module> {
    // SAFETY: the build script has compiled it with wasmtime, and it is part of this program.
    unsafe { wasmtime::Module::deserialize(engine, COMPILED) }
}

fn load_error(error: wasmtime::Error) -> HostError {
    HostError::Load(error.into())
}

impl Policy {
    /// Calls a waPC function of the module.
    ///
    /// # Errors
    /// [`HostError::Call`].
    pub fn call(&self, function: &str, payload: &[u8]) -> Result<Vec<u8>, HostError> {
        self.host.call(function, payload).map_err(|source| HostError::Call { function: function.to_owned(), source })
    }

    /// Evaluates an `AdmissionRequest` with settings, both as JSON.
    ///
    /// # Errors
    /// [`HostError::Call`] or [`HostError::UnknownAnswer`].
    pub(crate) fn validate(&self, request: &[u8], settings: &[u8]) -> Result<Answer, HostError> {
        let payload = [b"{\"request\":", request, b",\"settings\":", settings, b"}"].concat();
        let answer = self.call("validate", &payload)?;
        serde_json::from_slice(&answer).map_err(|_| unknown_answer("validate", &answer))
    }

    /// Checks whether a policy with these settings, as JSON, may be deployed.
    ///
    /// # Errors
    /// [`HostError::InvalidSettings`] if not, [`HostError::Call`] or [`HostError::UnknownAnswer`].
    pub(crate) fn validate_settings(&self, settings: &[u8]) -> Result<(), HostError> {
        let answer = self.call("validate_settings", settings)?;
        match serde_json::from_slice(&answer) {
            Ok(SettingsAnswer { valid: true, .. }) => Ok(()),
            Ok(SettingsAnswer { message, .. }) => {
                let message = message.unwrap_or_default();
                // The command itself names the policy's manifest.
                let error = message.strip_prefix(ERROR_PREFIX).unwrap_or(&message);
                Err(HostError::InvalidSettings(error.to_owned()))
            }
            Err(_) => Err(unknown_answer("validate_settings", &answer)),
        }
    }
}

fn unknown_answer(function: &'static str, answer: &[u8]) -> HostError {
    let answer = String::from_utf8_lossy(answer).chars().take(200).collect();
    HostError::UnknownAnswer { function, answer }
}
