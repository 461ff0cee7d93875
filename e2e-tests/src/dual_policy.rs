//! The policy twice: as the wasm module that ships, and as native code.

use interlink_annotations_policy as native;
use interlink_audit::host::{Module, Policy};
use serde_json::Value;

/// The wasm module and the native code. Each call goes to both, and fails if their responses differ.
pub struct DualPolicy {
    module: Policy,
}

impl DualPolicy {
    /// Loads the module.
    ///
    /// # Panics
    /// If the module is not valid.
    pub fn load() -> Self {
        Self { module: Module::built_in().and_then(|module| module.start()).expect("the module can be started") }
    }

    /// Calls `validate`.
    ///
    /// # Errors
    /// If the module fails, or its response differs from the native one.
    pub fn validate(&self, payload: &[u8]) -> Result<Value, String> {
        self.compare("validate", payload, serde_json::to_value(native::validate(payload)))
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
