//! The usual way to write a policy: it parses the whole request into a JSON tree, and reads an annotation from that.

use kubewarden_policy_sdk::{accept_request, protocol_version_guest, reject_request, request::ValidationRequest};
use serde::Deserialize;
use wapc_guest::{CallResult, register_function};

#[derive(Default, Deserialize)]
struct Settings {}

/// Registers the waPC functions.
#[expect(unsafe_code, reason = "the host calls it by this name")]
#[unsafe(no_mangle)]
pub extern "C" fn wapc_init() {
    register_function("validate", validate);
    register_function("protocol_version", protocol_version_guest);
}

fn validate(payload: &[u8]) -> CallResult {
    let request = ValidationRequest::<Settings>::new(payload)?.request;
    let annotations = &request.object["metadata"]["annotations"];
    if annotations.get("JobID").is_some() {
        return reject_request(Some("JobID is set".to_owned()), Some(403), None, None);
    }
    accept_request()
}
