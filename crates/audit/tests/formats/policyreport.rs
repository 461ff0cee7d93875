//! Reports of the API group openreports.io.

use serde_json::{Value, json};

use crate::{HOSTILE, MIXED, check, check_hostile, list, parse, run, text};

/// Returns the reports, of which each is checked for what a cluster requires.
fn items(report: &str) -> Vec<Value> {
    let report = parse(report);
    assert_eq!((&report["apiVersion"], &report["kind"]), (&json!("v1"), &json!("List")));
    for item in list(&report["items"]) {
        assert_eq!(item["apiVersion"], "openreports.io/v1alpha1");
        let name = text(&item["metadata"]["name"]);
        assert!(name.len() <= 63 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{name}");
        assert_eq!(item["kind"] == "Report", item["metadata"]["namespace"].is_string());
        assert_eq!(item["metadata"]["namespace"], item["scope"]["namespace"]);
        let results = list(&item["results"]);
        for (result, count) in item["summary"].as_object().unwrap() {
            let found = results.iter().filter(|it| it["result"] == **result).count();
            assert_eq!(count.as_u64(), Some(found as u64), "{result}");
        }
        for result in results {
            let strings = result["properties"].as_object().unwrap().values();
            assert!(strings.chain([&result["message"], &result["policy"]]).all(Value::is_string), "{result}");
            assert!(["high", "medium", "info"].contains(&text(&result["severity"])));
            assert!(result["timestamp"]["seconds"].is_u64() && result["timestamp"]["nanos"] == 0);
        }
    }
    list(&report["items"]).to_vec()
}

#[test]
fn each_object_has_a_report_in_its_namespace() {
    let items = items(&check(MIXED, "policyreport"));
    let results =
        |item: &Value| list(&item["results"]).iter().map(|it| text(&it["result"]).to_owned()).collect::<Vec<_>>();
    let found: Vec<_> =
        items.iter().map(|it| (text(&it["kind"]), text(&it["scope"]["name"]), results(it).join(" "))).collect();
    let expected = [
        ("Report", "refused", "fail fail warn"),
        ("Report", "warned", "warn"),
        ("Report", "good", "pass"),
        ("ClusterReport", "hpc", "pass"),
        ("Report", "malformed", "fail"),
    ];
    assert_eq!(found, expected.map(|(kind, name, results)| (kind, name, results.to_owned())));
    let finding = &items[0]["results"][0];
    assert_eq!((&finding["rule"], &finding["scored"]), (&json!("job-id"), &json!(true)));
    assert_eq!(finding["properties"]["path"], "metadata.annotations[JobID]");
}

#[test]
fn reports_of_an_audit_refer_to_the_stored_object() {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {
        "name": "a", "namespace": "b", "uid": "5", "resourceVersion": "7", "annotations": {"JobID": "1"},
    }});
    let (_, report) = run(&[("c.json", &pod.to_string())], &["audit", "--format", "policyreport", "c.json"]);
    let items = items(&report);
    let scope = json!({"apiVersion": "v1", "kind": "Pod", "name": "a", "namespace": "b", "uid": "5"});
    assert_eq!(items[0]["scope"], scope);
    let result = &items[0]["results"][0];
    assert_eq!((text(&result["result"]), text(&result["message"])), ("warn", "accepted, writers unknown"));
    assert_ne!(items[0]["metadata"]["name"], "5", "the audit scanner's own report has that name");
}

#[test]
fn a_report_can_be_applied_again() {
    let names =
        |report: &str| items(report).iter().map(|it| text(&it["metadata"]["name"]).to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&check(MIXED, "policyreport")), names(&check(&format!("# A comment.\n{MIXED}"), "policyreport")));
}

#[test]
fn reports_keep_hostile_text() {
    let report = check_hostile("policyreport");
    let from_yaml: Value = yaml_serde::from_str(&report).unwrap();
    assert_eq!(from_yaml, parse(&report), "the JSON is YAML too");
    let items = items(&report);
    assert_eq!(items[1]["scope"]["kind"], HOSTILE);
    assert_eq!(items[1]["metadata"]["namespace"], HOSTILE);
}
