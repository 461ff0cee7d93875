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
    pub accepted: bool,
    /// Why the request is refused.
    pub message: Option<String>,
    /// The HTTP status of a refusal.
    pub code: Option<u16>,
    pub warnings: Vec<String>,
    pub audit_annotations: BTreeMap<String, String>,
}

/// Why a module gave no answer.
#[derive(Debug)]
pub struct HostError(String);

impl std::fmt::Display for HostError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for HostError {}

impl Policy {
    /// Compiles and starts a module.
    ///
    /// # Errors
    /// If it is no WebAssembly, or no waPC guest.
    pub fn load(module: &[u8]) -> Result<Self, HostError> {
        let engine = WasmtimeEngineProviderBuilder::new()
            .module_bytes(module)
            .build()
            .map_err(|error| HostError(format!("is not a policy module that can be loaded: {error}")))?;
        let host = WapcHost::new(Box::new(engine), None)
            .map_err(|error| HostError(format!("is not a policy module that can be started: {error}")))?;
        Ok(Self { host })
    }

    /// Calls a waPC function of the module.
    ///
    /// # Errors
    /// If the module has no such function, fails or traps.
    pub fn call(&self, function: &str, payload: &[u8]) -> Result<Vec<u8>, HostError> {
        self.host.call(function, payload).map_err(|error| HostError(format!("the module's {function} failed: {error}")))
    }

    /// Judges an `AdmissionRequest`.
    ///
    /// # Errors
    /// If the module fails, or gives no answer of the form that Kubewarden expects.
    pub fn validate(&self, request: &Value, settings: &Value) -> Result<Answer, HostError> {
        let payload = json!({"request": request, "settings": settings}).to_string();
        let answer = self.call("validate", payload.as_bytes())?;
        Answer::parse(&answer).ok_or_else(|| unexpected("validate", &answer))
    }

    /// Whether a policy with these settings may be deployed; if not, why.
    ///
    /// # Errors
    /// If the module fails, or gives no answer of the form that Kubewarden expects.
    pub fn validate_settings(&self, settings: &Value) -> Result<Result<(), String>, HostError> {
        let answer = self.call("validate_settings", settings.to_string().as_bytes())?;
        let tree: Value = serde_json::from_slice(&answer).unwrap_or_default();
        match tree["valid"].as_bool() {
            Some(true) => Ok(Ok(())),
            Some(false) => Ok(Err(tree["message"].as_str().unwrap_or_default().to_owned())),
            None => Err(unexpected("validate_settings", &answer)),
        }
    }
}

impl Answer {
    fn parse(answer: &[u8]) -> Option<Self> {
        let tree: Value = serde_json::from_slice(answer).ok()?;
        let strings = |value: &Value| value.as_str().map(str::to_owned);
        let annotations = tree["audit_annotations"].as_object();
        Some(Self {
            accepted: tree["accepted"].as_bool()?,
            message: strings(&tree["message"]),
            code: tree["code"].as_u64().and_then(|code| code.try_into().ok()),
            warnings: tree["warnings"]
                .as_array()
                .map(|list| list.iter().filter_map(strings).collect())
                .unwrap_or_default(),
            audit_annotations: annotations
                .into_iter()
                .flatten()
                .filter_map(|(key, value)| Some((key.clone(), strings(value)?)))
                .collect(),
        })
    }
}

fn unexpected(function: &str, answer: &[u8]) -> HostError {
    let answer = String::from_utf8_lossy(answer);
    HostError(format!("the module's {function} gave an answer of another form: {answer}"))
}
