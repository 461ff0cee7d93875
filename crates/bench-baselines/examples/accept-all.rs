//! The lower bound: a policy that accepts every request without parsing it.

use kubewarden_policy_sdk::{accept_request, protocol_version_guest};
use wapc_guest::{CallResult, register_function};

/// Registers the waPC functions.
#[expect(unsafe_code, reason = "the host calls it by this name")]
#[unsafe(no_mangle)]
pub extern "C" fn wapc_init() {
    register_function("validate", validate);
    register_function("protocol_version", protocol_version_guest);
}

fn validate(_payload: &[u8]) -> CallResult {
    accept_request()
}
