//! Builds a tree of the payload with `serde_json`, to find one field in it.

use kubewarden_policy_sdk::accept_request;
use serde_json::Value;
use wapc_guest::CallResult;

interlink_bench_baselines::register!(validate);

fn validate(payload: &[u8]) -> CallResult {
    let payload: Value = serde_json::from_slice(payload)?;
    payload.get("settings").ok_or("the payload has no settings")?;
    accept_request()
}
