//! The built module and the native code, side by side.

use interlink_annotations_policy as native;
use interlink_audit::MODULE;
use interlink_audit::host::Policy;
use serde_json::Value;

pub struct Both {
    module: Policy,
}

impl Both {
    pub fn load() -> Self {
        let module = Policy::load(MODULE).expect("the module loads");
        Self { module }
    }

    /// The answer to a `validate` call.
    ///
    /// # Errors
    /// If the module fails, or does not answer as the native code does.
    pub fn validate(&self, payload: &[u8]) -> Result<Value, String> {
        self.same("validate", payload, serde_json::to_value(native::validate(payload)))
    }

    /// The answer to a `validate_settings` call.
    ///
    /// # Errors
    /// As for [`Both::validate`].
    pub fn validate_settings(&self, payload: &[u8]) -> Result<Value, String> {
        let native = native::settings::validate(payload);
        self.same("validate_settings", payload, serde_json::to_value(native))
    }

    fn same(&self, function: &str, payload: &[u8], native: serde_json::Result<Value>) -> Result<Value, String> {
        let native = native.map_err(|error| error.to_string())?;
        let answer = self.module.call(function, payload).map_err(|error| error.to_string())?;
        let module: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
        if module == native { Ok(module) } else { Err(format!("the module says {module}, the native code {native}")) }
    }

    /// What `protocol_version` answers.
    ///
    /// # Errors
    /// If the module fails.
    pub fn protocol_version(&self) -> Result<Vec<u8>, String> {
        let answer = self.module.call("protocol_version", b"");
        answer.map_err(|error| error.to_string())
    }
}
