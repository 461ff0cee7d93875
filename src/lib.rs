//! A Kubewarden policy that enforces interLink's best practices for pod annotations.
//!
//! A request passes through these modules in order:
//!
//! 1. `prefilter` accepts, without parsing them, requests that cannot contain an interLink annotation.
//! 2. `request` decodes the fields that are needed, borrowing them from the payload.
//! 3. `requester` is the user who makes the request. A trusted writer is accepted here.
//! 4. `target` is one set of pod annotations, with what is in `scope` and, in an audit, its `field_ownership`.
//!    `templates` finds those in custom resources, and `found_templates` builds them.
//! 5. [`rules`] check a target and report findings.
//! 6. `ratchet` drops the findings that the old object of an update already had. `rollout` warns about them if the
//!    update replaces pods, and `bound_pod` checks what changes on a pod that has a node.
//! 7. `requested_address` compares an address with the virtual nodes and the other pods, which [`cluster`] reads, if
//!    the settings ask for it.
//! 8. [`response`] builds the response from the remaining violations, with the levels of the [`settings`].
//!
//! `log` writes the entry about a refusal for the policy server's log. [`validate()`] puts the rest together. This file
//! contains only the waPC entry points.

pub mod annotations;
mod bound_pod;
pub mod cluster;
mod compact;
mod escape;
mod field_ownership;
mod finding;
mod found_templates;
pub mod go_duration;
pub mod kinds;
mod log;
mod node_names;
mod object_size;
mod path;
mod pod_count;
mod pod_spec;
mod prefilter;
mod ratchet;
mod request;
mod requested_address;
mod requester;
pub mod response;
mod rollout;
mod rule_id;
pub mod rules;
mod scope;
mod sentence;
pub mod settings;
mod target;
mod templates;
#[cfg(test)]
mod testing;
mod validate;
mod versions;

use kubewarden_policy_sdk::protocol_version_guest;
use wapc_guest::{CallResult, host_call, register_function};

pub use field_ownership::is_stored_version;
pub use prefilter::is_irrelevant_object;
pub use rule_id::{Level, RuleId};
pub use templates::template_pointers;
pub use validate::{is_trusted_request, validate};

/// Registers the functions that the host calls.
#[expect(unsafe_code, reason = "the host calls it by this name")]
#[unsafe(no_mangle)]
pub extern "C" fn wapc_init() {
    register_function("validate", validate_guest);
    register_function("validate_settings", validate_settings_guest);
    register_function("protocol_version", protocol_version_guest);
}

fn validate_guest(payload: &[u8]) -> CallResult {
    let read_cluster = |function: &str, request: &[u8]| host_call("kubewarden", "kubernetes", function, request);
    let Some(answer) = validate::answer(payload, &read_cluster) else {
        return Ok(response::ACCEPTED_JSON.to_vec());
    };
    if !answer.accepted
        && let Some(entry) = log::refusal(payload, &answer)
    {
        // A failure to log must not change the response.
        host_call("kubewarden", "tracing", "log", &entry).ok();
    }
    Ok(response::to_json(&answer)?)
}

fn validate_settings_guest(payload: &[u8]) -> CallResult {
    Ok(serde_json::to_vec(&settings::validate(payload))?)
}
