//! Finds one field behind a whole request with `json-scan`, which skips the request.

use json_scan::Reader;
use kubewarden_policy_sdk::{accept_request, protocol_version_guest};
use wapc_guest::{CallResult, register_function};

/// Registers the functions that the host calls.
#[expect(unsafe_code, reason = "the host calls it by this name")]
#[unsafe(no_mangle)]
pub extern "C" fn wapc_init() {
    register_function("validate", validate);
    register_function("protocol_version", protocol_version_guest);
}

fn validate(payload: &[u8]) -> CallResult {
    let [settings] = Reader::new(payload).pick(["settings"])?;
    settings.ok_or("the payload has no settings")?;
    accept_request()
}
