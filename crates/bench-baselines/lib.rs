//! Policy modules that `make bench` compares with this one. Each one is an example, because a package can have many
//! examples but only one library.
//!
//! To add one, write `examples/NAME.rs` with [`register!`], list it in `Cargo.toml` as a `cdylib`, and add it to
//! `BASELINES` in the Makefile.

use kubewarden_policy_sdk::settings::SettingsValidationResponse;
use wapc_guest::CallResult;

/// Accepts any settings. Kubewarden's policy server calls this before it serves a policy.
///
/// # Errors
/// Never.
pub fn accept_settings(_: &[u8]) -> CallResult {
    Ok(serde_json::to_vec(&SettingsValidationResponse { valid: true, message: None })?)
}

/// Defines the entry point of a policy whose requests this function answers.
#[macro_export]
macro_rules! register {
    ($validate:path) => {
        /// Registers the functions that the host calls.
        #[expect(unsafe_code, reason = "the host calls it by this name")]
        #[unsafe(no_mangle)]
        pub extern "C" fn wapc_init() {
            wapc_guest::register_function("validate", $validate);
            wapc_guest::register_function("validate_settings", $crate::accept_settings);
            wapc_guest::register_function("protocol_version", kubewarden_policy_sdk::protocol_version_guest);
        }
    };
}
