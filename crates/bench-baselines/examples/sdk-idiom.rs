//! The usual way to write a policy: it parses the whole request into a JSON tree, and reads an annotation from that.

use kubewarden_policy_sdk::{accept_request, reject_request, request::ValidationRequest};
use serde::Deserialize;
use wapc_guest::CallResult;

#[derive(Default, Deserialize)]
struct Settings {}

interlink_bench_baselines::register!(validate);

fn validate(payload: &[u8]) -> CallResult {
    let request = ValidationRequest::<Settings>::new(payload)?.request;
    let annotations = &request.object["metadata"]["annotations"];
    if annotations.get("JobID").is_some() {
        return reject_request(Some("JobID is set".to_owned()), Some(403), None, None);
    }
    accept_request()
}
