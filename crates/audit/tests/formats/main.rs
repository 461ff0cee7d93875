//! The formats of reports, read as the programs read them for which they are.

mod github;
mod gitlab;
mod json;
mod junit;
mod page;
mod policyreport;
mod sarif;

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

/// All formats but the table.
const FORMATS: [&str; 6] = ["json", "sarif", "junit", "github", "gitlab", "policyreport"];

/// Text that would end a string, an element, a command or a line, control a terminal, or reverse what follows.
const HOSTILE: &str = "a\u{1b}[2J\"'<&]]>--%0A\r\n::error::x,y:z [b](http://c) {0} \u{202e}\u{0}\u{ffff}\u{e9}";

/// The same, as text shows it.
const SHOWN: &str = r#"a\u{1b}[2J"'<&]]>--%0A\r\n::error::x,y:z [b](http://c) {0} \u{202e}\0\u{ffff}é"#;

/// A hostile name for a file, which has neither a NUL nor a slash.
const HOSTILE_FILE: &str = "a\u{1b}\"'<&]]>%0A\r\n::error::x,y \u{202e}é.json";

/// An object of each verdict that `check` knows, and a document that cannot be read.
const MIXED: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: refused
  namespace: physics
  annotations:
    JobID: '1'
    interlink.eu/pod-ip: 10.0.0.7
    interlink.eu/mesh-network: 'off'
---
apiVersion: v1
kind: Pod
metadata: {name: warned, annotations: {interlink.eu/mesh-network: 'off'}}
---
apiVersion: v1
kind: Pod
metadata: {name: good, annotations: {interlink.eu/pod-vpn: 'true'}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: notes, annotations: {JobID: '1'}}
---
apiVersion: v1
kind: Node
metadata: {name: hpc, annotations: {JobID: '1'}}
---
apiVersion: v1
kind: Pod
metadata:
  name: malformed
  annotations:
    interlink.eu/pod-vpn: 7
---
a: [
";

/// Runs the command in a folder with these files. Returns the exit code and standard output.
fn run(files: &[(&str, &str)], arguments: &[&str]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let output = Command::new(env!("CARGO_BIN_EXE_interlink-audit"))
        .current_dir(folder.path())
        .args(arguments)
        .output()
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// Returns the report of `check` over a file.
fn check(text: &str, format: &str) -> String {
    run(&[("a.yaml", text)], &["check", "--format", format, "a.yaml"]).1
}

fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// Returns the elements of a list.
fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Returns objects that have hostile text wherever it is free: a pod, and an object of an own kind.
fn hostile() -> String {
    let metadata = json!({
        "name": HOSTILE,
        "namespace": HOSTILE,
        "annotations": {"JobID": HOSTILE, format!("interlink.eu/{HOSTILE}"): HOSTILE},
    });
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata});
    let template = json!({"metadata": metadata, "spec": {"containers": [{"name": "c"}]}});
    let fleet = json!({"apiVersion": HOSTILE, "kind": HOSTILE, "metadata": metadata, "spec": {"template": template}});
    json!({"apiVersion": "v1", "kind": "List", "items": [pod, fleet, HOSTILE]}).to_string()
}

/// Returns the report of `check` over hostile objects in a file with a hostile name.
fn check_hostile(format: &str) -> String {
    let file = format!("./{HOSTILE_FILE}");
    let (code, report) = run(&[(HOSTILE_FILE, &hostile())], &["check", "--format", format, &file]);
    assert_eq!(code, 1, "{report}");
    report
}

#[test]
fn no_report_has_a_character_that_controls_a_terminal() {
    for format in FORMATS {
        let report = check_hostile(format);
        let found = report.chars().find(|c| *c != '\n' && (c.is_control() || ['\u{202e}', '\u{ffff}'].contains(c)));
        assert_eq!(found, None, "{format}: {report}");
    }
}

#[test]
fn every_format_shows_every_finding() {
    for format in FORMATS {
        let report = check(MIXED, format);
        for rule in ["job-id", "pod-ip", "mesh-network"] {
            assert!(report.contains(rule), "{format} should show {rule}: {report}");
        }
        assert!(report.contains("must be a string, but is a number"), "{format}: {report}");
    }
}

#[test]
fn every_report_without_results_is_complete() {
    for format in FORMATS {
        let report = check("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n", format);
        match format {
            "junit" => assert!(roxmltree::Document::parse(&report).is_ok(), "{report}"),
            "github" => assert_eq!(report.lines().count(), 1),
            _ => assert!(parse(&report).is_object() || report == "[]\n", "{report}"),
        }
    }
}
