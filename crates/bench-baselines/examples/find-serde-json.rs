//! Finds one field after a whole request with `serde_json`, which validates the request that it skips.

use kubewarden_policy_sdk::accept_request;
use serde::Deserialize;
use serde::de::IgnoredAny;
use wapc_guest::CallResult;

#[derive(Deserialize)]
struct Payload {
    #[expect(dead_code, reason = "finding the field is what is measured")]
    settings: IgnoredAny,
}

interlink_bench_baselines::register!(validate);

fn validate(payload: &[u8]) -> CallResult {
    serde_json::from_slice::<Payload>(payload)?;
    accept_request()
}
