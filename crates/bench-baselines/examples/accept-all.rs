//! The lower bound: a policy that accepts every request without parsing it.

use kubewarden_policy_sdk::accept_request;
use wapc_guest::CallResult;

interlink_bench_baselines::register!(validate);

fn validate(_payload: &[u8]) -> CallResult {
    accept_request()
}
