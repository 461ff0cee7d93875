//! The policy server's log: an entry for each refusal, and nothing else.

use interlink_e2e_tests::admission_request::AdmissionRequest;
use interlink_e2e_tests::dual_policy::DualPolicy;
use serde_json::{Value, json};

pub(crate) const TESTS: &[crate::Test] = &[
    ("logs a refusal with rules, object and requester", logs_a_refusal),
    ("logs a request that cannot be decoded", logs_a_malformed_request),
    ("logs a refused request that names a group alone", logs_a_request_with_groups_alone),
    ("logs neither accepted requests nor audit requests", logs_nothing_else),
];

fn pod(annotations: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "annotations": annotations}})
}

fn log(policy: &DualPolicy, request: &AdmissionRequest) -> Result<Vec<Value>, String> {
    policy.validate(&request.payload(&json!({})))?;
    Ok(policy.log())
}

fn expect(log: &[Value], expected: &[Value]) -> Result<(), String> {
    if log == expected { Ok(()) } else { Err(format!("the log is {log:?}")) }
}

fn logs_a_refusal(policy: &DualPolicy) -> Result<(), String> {
    let request = AdmissionRequest::create(pod(&json!({"JobID": "1", "interlink.eu/pod-ip": "x"})));
    let log = log(policy, &request.namespace("physics"))?;
    let entry = json!({
        "level": "info", "message": "request refused", "rules": "job-id,pod-ip", "code": 403,
        "operation": "CREATE", "kind": "Pod", "namespace": "physics", "name": "web", "username": "alice",
    });
    expect(&log, &[entry])
}

fn logs_a_malformed_request(policy: &DualPolicy) -> Result<(), String> {
    let request = AdmissionRequest::create(pod(&json!({"JobID": 1}))).user(&"\u{202e}".repeat(1_000));
    // 31 times the eight characters of the escape.
    let username = "\\u{202e}".repeat(31) + "…";
    let entry = json!({
        "level": "info", "message": "request refused", "rules": "", "code": 400,
        "operation": "CREATE", "kind": "Pod", "namespace": "", "name": "web", "username": username,
    });
    expect(&log(policy, &request)?, &[entry])
}

fn logs_a_request_with_groups_alone(policy: &DualPolicy) -> Result<(), String> {
    let request = AdmissionRequest::create(pod(&json!({"JobID": "1"})));
    let log = log(policy, &request.user_info(json!({"username": "", "groups": ["users"]})))?;
    let entry = json!({
        "level": "info", "message": "request refused", "rules": "job-id", "code": 403,
        "operation": "CREATE", "kind": "Pod", "namespace": "", "name": "web", "username": "",
    });
    expect(&log, &[entry])
}

fn logs_nothing_else(policy: &DualPolicy) -> Result<(), String> {
    for request in [
        AdmissionRequest::create(pod(&json!({}))),
        AdmissionRequest::create(pod(&json!({"interlink.eu/unknown": ""}))),
        AdmissionRequest::audit(pod(&json!({"interlink.eu/pod-vpn": "no"}))),
    ] {
        expect(&log(policy, &request)?, &[])?;
    }
    Ok(())
}
