//! Checks across the objects of an audit.

use serde_json::{Value, json};

use crate::{command, outcome, run};

const SETTINGS: &str = "{podIP: {cidrs: [10.250.0.0/16]}}";

/// Returns a pod on the node `hpc`, whose annotations interLink wrote.
fn pod(name: &str, annotations: &Value) -> Value {
    let keys = annotations.as_object().unwrap().keys().map(|key| (format!("f:{key}"), json!({})));
    let fields = json!({"f:metadata": {"f:annotations": keys.collect::<Value>()}});
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "n", "uid": name, "resourceVersion": "7", "annotations": annotations,
            "managedFields": [{"manager": "vk", "fieldsType": "FieldsV1", "fieldsV1": fields}]},
        "spec": {"nodeName": "hpc"},
        "status": {"phase": "Running"},
    })
}

fn node(name: &str, range: &str) -> Value {
    let labels = json!({"virtual-node.interlink/type": "virtual-kubelet"});
    let metadata = json!({"name": name, "uid": name, "resourceVersion": "7", "labels": labels});
    json!({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {"podCIDR": range}})
}

/// Returns a dump in which each check finds something, with each field on a line of its own.
fn dump() -> String {
    let (ip, vpn) = ("interlink.eu/pod-ip", "interlink.eu/pod-vpn");
    let items = [
        pod("first", &json!({"JobID": "1", vpn: "true", ip: "10.250.1.5"})),
        pod("second", &json!({"JobID": "2", vpn: "true", ip: "10.250.1.5"})),
        pod("unassigned", &json!({"JobID": "3", vpn: "true"})),
        pod("ordinary", &json!({})),
        node("hpc", "10.250.0.0/16"),
        node("other", "10.250.1.0/24"),
    ];
    serde_json::to_string_pretty(&json!({"apiVersion": "v1", "kind": "List", "items": items})).unwrap()
}

/// Audits the dump, with these other files and flags.
fn audit(files: &[(&str, &str)], flags: &[&str]) -> (i32, String, String) {
    let dump = dump();
    let files = [&[("dump.json", dump.as_str()), ("s.yaml", SETTINGS)], files].concat();
    run(&files, &[&["audit", "--settings", "s.yaml", "dump.json"], flags].concat())
}

fn report(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Returns the rules and objects of the findings.
fn found(report: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for result in report["results"].as_array().unwrap() {
        for finding in result["findings"].as_array().unwrap() {
            found.push(format!("{} {}", finding["rule"].as_str().unwrap(), result["name"].as_str().unwrap()));
        }
    }
    found
}

const ALL: [&str; 4] =
    ["duplicate-pod-ip second", "pod-ip-not-assigned unassigned", "job-not-tracked ordinary", "node-range other"];

#[test]
fn compares_the_objects_of_a_dump() {
    let (code, json, errors) = audit(&[], &["--format", "json"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    let report = report(&json);
    assert_eq!(found(&report), ALL);
    let results = report["results"].as_array().unwrap();
    assert_eq!(
        results.iter().map(|it| it["name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["first", "second", "unassigned", "second", "unassigned", "ordinary", "other"]
    );
    let line = dump().lines().position(|line| line.contains("\"uid\": \"second\"")).unwrap();
    let line_of_ip = dump().lines().take(line).collect::<Vec<_>>().iter().rposition(|it| it.contains("10.250.1.5"));
    let expected = json!({
        "rule": "duplicate-pod-ip", "level": "Warn", "path": "metadata.annotations", "key": "interlink.eu/pod-ip",
        "problem": "is 10.250.1.5, which Pod n/first has too",
        "fix": "delete one of the two pods, and create it again without this address",
        "line": line_of_ip.unwrap() + 1, "documentation": "docs/cli.md#duplicate-pod-ip",
    });
    assert_eq!(results[3]["findings"][0], expected);
    assert_eq!((&results[3]["item"], &results[3]["evaluatedAs"]), (&json!("items[1]"), &json!("stored")));
    let summary = &report["summary"];
    assert_eq!([&summary["acrossObjects"], &summary["accepted"], &summary["withoutAnnotations"]], [4, 3, 3]);
    assert_eq!(summary["rules"]["node-range"], json!({"deny": 0, "warn": 1}));
}

#[test]
fn warnings_across_objects_count_as_others() {
    assert_eq!(audit(&[], &["--fail-on", "warn"]).0, 1);
    let (_, table, _) = audit(&[], &["--quiet"]);
    let totals = "\n0 refused, 3 accepted, 4 with findings across objects, 3 without interLink annotations\n";
    assert!(table.starts_with("compared       Pod n/second  dump.json:") && table.ends_with(totals), "{table}");
    assert!(!audit(&[], &["--only-refused"]).1.contains("duplicate-pod-ip"));
}

#[test]
fn every_format_shows_findings_across_objects() {
    for format in ["table", "json", "sarif", "junit", "github", "gitlab", "policyreport"] {
        let (_, text, _) = audit(&[], &["--format", format]);
        for rule in ["duplicate-pod-ip", "job-not-tracked", "pod-ip-not-assigned", "node-range"] {
            assert!(text.contains(rule), "{format}: {text}");
        }
    }
    let sarif = report(&audit(&[], &["--format", "sarif"]).1);
    let run = &sarif["runs"][0];
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
    }
}

#[test]
fn reads_the_lists_of_yaml_too() {
    let list = |kind: &str, items: &[Value]| {
        json!({"apiVersion": "v1", "kind": kind, "metadata": {"resourceVersion": ""}, "items": items}).to_string()
    };
    let [pods, nodes] =
        [list("List", &[pod("ordinary", &json!({}))]), list("NodeList", &[node("hpc", "10.250.0.0/16")])];
    let (_, json, _) =
        run(&[("pods.yaml", &pods), ("nodes.yaml", &nodes)], &["audit", "--format", "json", "nodes.yaml", "pods.yaml"]);
    assert_eq!(found(&report(&json)), ["job-not-tracked ordinary"]);
}

#[test]
fn excepts_findings_across_objects() {
    let config = "[[exceptions]]\nrule = 'job-not-tracked'\nname = 'ord*'\nreason = 'a test'\n";
    let files = [("interlink-audit.toml", config), ("good.yaml", crate::GOOD)];
    let (_, json, errors) = audit(&files, &["--format", "json"]);
    let report = report(&json);
    let note = "note: interlink-audit.toml sets exceptions\n";
    assert_eq!(
        (found(&report), errors.as_str()),
        ([&ALL[..2], &ALL[3..]].concat().iter().map(|it| (*it).to_owned()).collect(), note)
    );
    assert_eq!(report["summary"]["acrossObjects"], 3);
    let excepted = &report["results"][5]["exceptedFindings"][0];
    assert_eq!((&excepted["rule"], &excepted["reason"]), (&json!("job-not-tracked"), &json!("a test")));
    let (code, _, errors) = run(&files, &["check", "good.yaml"]);
    assert_eq!((code, errors.as_str()), (0, note), "check cannot match it, and says nothing about it");
}

#[test]
fn a_baseline_has_findings_across_objects() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("dump.json"), dump()).unwrap();
    let run = |flags: &[&str]| {
        let arguments = [&["audit", "dump.json"], flags].concat();
        outcome(command(folder.path(), &arguments).output().unwrap())
    };
    assert_eq!(run(&["--write-baseline", "base.json"]).2, "note: wrote 4 findings to base.json\n");
    let (code, json, _) = run(&["--baseline", "base.json", "--fail-on", "warn", "--format", "json"]);
    assert_eq!((code, found(&report(&json))), (0, Vec::new()));
}

#[test]
fn check_compares_no_objects() {
    let dump = dump();
    let (_, json, _) = run(&[("dump.json", &dump)], &["check", "--format", "json", "dump.json"]);
    assert_eq!(report(&json)["summary"]["acrossObjects"], 0);
}
