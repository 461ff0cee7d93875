//! Finds one field after a whole request with `json-scan`, which skips the request.

use json_scan::Reader;
use kubewarden_policy_sdk::accept_request;
use wapc_guest::CallResult;

interlink_bench_baselines::register!(validate);

fn validate(payload: &[u8]) -> CallResult {
    let [settings] = Reader::new(payload).pick(["settings"])?;
    settings.ok_or("the payload has no settings")?;
    accept_request()
}
