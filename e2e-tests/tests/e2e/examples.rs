//! The examples in the rules' documentation and the requests of kwctl.bats, run as cases.

use interlink_annotations_policy::rules::{RULES, documentation};
use interlink_e2e_tests::admission_request::AdmissionRequest;
use interlink_e2e_tests::dual_policy::DualPolicy;
use interlink_e2e_tests::response::rule_ids;
use serde_json::{Value, json};

use crate::case;

pub(crate) const TESTS: &[crate::Test] = &[
    ("responds to the examples in the rules' documentation as it says", responds_as_documented),
    ("responds to the requests of kwctl.bats as it expects", responds_to_recorded_requests),
];

/// The requests, and the rules for which they are refused.
const REQUESTS: [(&str, &[&str]); 6] = [
    (include_str!("../../requests/create-with-address.json"), &[]),
    (include_str!("../../requests/interlink-sets-job-id.json"), &[]),
    (include_str!("../../requests/stored-forged-job-id.json"), &["job-id"]),
    (include_str!("../../requests/stored-job-id.json"), &[]),
    (include_str!("../../requests/update-adds-job-id.json"), &["job-id"]),
    (include_str!("../../requests/update-keeps-wrong-vpn.json"), &[]),
];

fn responds_to_recorded_requests(policy: &DualPolicy) -> Result<(), String> {
    for (request, expected) in REQUESTS {
        let payload = format!(r#"{{"request": {request}, "settings": {{"podIP": {{"cidrs": ["10.250.0.0/16"]}}}}}}"#);
        let response = policy.validate(payload.as_bytes())?;
        if response["accepted"] != expected.is_empty() || rule_ids(&response) != expected {
            return Err(format!("{expected:?} should refuse {request}, the response is {response}"));
        }
    }
    Ok(())
}

/// Each example under *Refused* violates its rule; those under *Accepted* violate none.
fn responds_as_documented(policy: &DualPolicy) -> Result<(), String> {
    for rule in &RULES {
        let text = documentation(rule.id);
        let (text, accepted) =
            text.split_once("## Accepted").ok_or_else(|| format!("{}: no accepted example", rule.id))?;
        let (_, refused) = text.split_once("## Refused").ok_or_else(|| format!("{}: no refused example", rule.id))?;
        for example in parse_examples(refused)? {
            if !evaluate(policy, &example)?.iter().any(|id| id == rule.id.as_str()) {
                return Err(format!("{} should report {example:#}", rule.id));
            }
        }
        for example in parse_examples(accepted)? {
            let ids = evaluate(policy, &example)?;
            if !ids.is_empty() {
                return Err(format!("{}: {ids:?} should not report {example:#}", rule.id));
            }
        }
    }
    Ok(())
}

/// Parses the YAML blocks of a text, each of which is an object. There must be at least one.
fn parse_examples(text: &str) -> Result<Vec<Value>, String> {
    let blocks = text.split("```yaml\n").skip(1).filter_map(|block| block.split("```").next());
    let examples: Vec<Value> =
        blocks.map(yaml_serde::from_str).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    if examples.is_empty() { Err(format!("no example in {text:?}")) } else { Ok(examples) }
}

/// Returns the ids of the rules that report an object. The fields that it lacks are those of a pod with a port.
fn evaluate(policy: &DualPolicy, example: &Value) -> Result<Vec<String>, String> {
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": {"containers": [{"name": "app", "image": "busybox", "ports": [{"containerPort": 80}]}]},
    });
    for (field, value) in example.as_object().ok_or("an example is an object")? {
        object[field] = value.clone();
    }
    let settings = json!({
        "podIP": {"cidrs": ["10.250.0.0/16"]},
        "pluginAnnotations": {"allowed": ["slurm-job.vk.io/image-root"]},
        "rules": {"plugin-annotations": "Deny"},
    });
    let request = AdmissionRequest::create(object).namespace("default").into_json();
    let payload = case::with_large_text(&json!({"request": request, "settings": settings}));
    let response = policy.validate(payload.as_bytes())?;
    Ok(rule_ids(&response).into_iter().map(str::to_owned).collect())
}
