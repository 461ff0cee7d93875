//! The waPC host: it loads a policy module and calls it, as Kubewarden's policy server does.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wapc::WapcHost;
use wasmtime_provider::WasmtimeEngineProviderBuilder;

/// A loaded policy module.
pub struct Policy {
    host: WapcHost,
}

/// A policy's answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub(crate) accepted: bool,
    /// The reason of a refusal.
    pub(crate) message: Option<String>,
    /// The HTTP status of a refusal.
    pub(crate) code: Option<u16>,
    pub(crate) warnings: Vec<String>,
    pub(crate) audit_annotations: BTreeMap<String, String>,
}

/// The reason why a module cannot be used, or gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The bytes are not a WebAssembly module.
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

impl Policy {
    /// Compiles and starts a module.
    ///
    /// # Errors
    /// [`HostError::Load`] or [`HostError::Start`].
    pub fn load(module: &[u8]) -> Result<Self, HostError> {
        let engine = WasmtimeEngineProviderBuilder::new().module_bytes(module).build().map_err(HostError::Load)?;
        let host = WapcHost::new(Box::new(engine), None).map_err(HostError::Start)?;
        Ok(Self { host })
    }

    /// Calls a waPC function of the module.
    ///
    /// # Errors
    /// [`HostError::Call`].
    pub fn call(&self, function: &str, payload: &[u8]) -> Result<Vec<u8>, HostError> {
        self.host.call(function, payload).map_err(|source| HostError::Call { function: function.to_owned(), source })
    }

    /// Evaluates an `AdmissionRequest`.
    ///
    /// # Errors
    /// [`HostError::Call`] or [`HostError::UnknownAnswer`].
    pub fn validate(&self, request: &Value, settings: &Value) -> Result<Answer, HostError> {
        let payload = json!({"request": request, "settings": settings}).to_string();
        let answer = self.call("validate", payload.as_bytes())?;
        Answer::parse(&answer).ok_or_else(|| unknown_answer("validate", &answer))
    }

    /// Checks whether a policy with these settings may be deployed.
    ///
    /// # Errors
    /// [`HostError::InvalidSettings`] if not, [`HostError::Call`] or [`HostError::UnknownAnswer`].
    pub(crate) fn validate_settings(&self, settings: &Value) -> Result<(), HostError> {
        let answer = self.call("validate_settings", settings.to_string().as_bytes())?;
        let tree: Value = serde_json::from_slice(&answer).unwrap_or_default();
        match tree["valid"].as_bool() {
            Some(true) => Ok(()),
            Some(false) => Err(HostError::InvalidSettings(tree["message"].as_str().unwrap_or_default().to_owned())),
            None => Err(unknown_answer("validate_settings", &answer)),
        }
    }
}

impl Answer {
    fn parse(answer: &[u8]) -> Option<Self> {
        let tree: Value = serde_json::from_slice(answer).ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let warnings = tree["warnings"].as_array();
        let annotations = tree["audit_annotations"].as_object();
        Some(Self {
            accepted: tree["accepted"].as_bool()?,
            message: text(&tree["message"]),
            code: tree["code"].as_u64().and_then(|code| code.try_into().ok()),
            warnings: warnings.into_iter().flatten().filter_map(text).collect(),
            audit_annotations: annotations
                .into_iter()
                .flatten()
                .filter_map(|(key, value)| Some((key.clone(), text(value)?)))
                .collect(),
        })
    }
}

fn unknown_answer(function: &'static str, answer: &[u8]) -> HostError {
    HostError::UnknownAnswer { function, answer: String::from_utf8_lossy(answer).into_owned() }
}
