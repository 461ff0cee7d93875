//! Finds one field behind a whole request with `serde_json`, which validates the request that it skips.

use kubewarden_policy_sdk::{accept_request, protocol_version_guest};
use serde::Deserialize;
use serde::de::IgnoredAny;
use wapc_guest::{CallResult, register_function};

#[derive(Deserialize)]
struct Payload {
    #[expect(dead_code, reason = "finding the field is what is measured")]
    settings: IgnoredAny,
}

/// Registers the functions that the host calls.
#[expect(unsafe_code, reason = "the host calls it by this name")]
#[unsafe(no_mangle)]
pub extern "C" fn wapc_init() {
    register_function("validate", validate);
    register_function("protocol_version", protocol_version_guest);
}

fn validate(payload: &[u8]) -> CallResult {
    serde_json::from_slice::<Payload>(payload)?;
    accept_request()
}
