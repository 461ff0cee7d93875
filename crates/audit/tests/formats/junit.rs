//! JUnit's XML.

use roxmltree::{Document, Node};
use serde_json::json;

use crate::{HOSTILE_FILE, MIXED, SHOWN, check, check_hostile, run};

fn cases<'d>(document: &'d Document<'d>) -> Vec<Node<'d, 'd>> {
    let suites = document.root_element();
    assert_eq!((suites.tag_name().name(), suites.children().filter(Node::is_element).count()), ("testsuites", 1));
    document.descendants().filter(|node| node.has_tag_name("testcase")).collect()
}

/// Returns the names of the elements in a test case.
fn outcome<'d>(case: &Node<'d, 'd>) -> Vec<&'d str> {
    case.children().filter(Node::is_element).map(|node| node.tag_name().name()).collect()
}

#[test]
fn junit_has_a_test_case_for_each_object_and_problem() {
    let report = check(MIXED, "junit");
    let document = Document::parse(&report).unwrap();
    let found: Vec<_> = cases(&document).iter().map(|case| (case.attribute("name").unwrap(), outcome(case))).collect();
    let expected: [(&str, Vec<&str>); 7] = [
        ("Pod physics/refused", vec!["failure", "system-out"]),
        ("Pod default/warned", vec!["system-out"]),
        ("Pod default/good", vec![]),
        ("ConfigMap notes", vec!["skipped"]),
        ("Node hpc", vec![]),
        ("Pod default/malformed", vec!["failure"]),
        ("a.yaml:35", vec!["error"]),
    ];
    assert_eq!(found, expected);
    let failure = document.descendants().find(|node| node.has_tag_name("failure")).unwrap();
    assert_eq!(failure.attribute("type"), Some("job-id,pod-ip"));
    let lines: Vec<_> = failure.text().unwrap().trim().lines().collect();
    assert!(lines[0].starts_with("job-id at a.yaml:7: metadata.annotations[JobID]: is set to \"1\""), "{lines:?}");
    assert_eq!(lines.len(), 2);
}

#[test]
fn junit_says_that_nothing_shows_the_writer() {
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "a", "uid": "5", "resourceVersion": "7", "annotations": {"JobID": "1"}}});
    let (_, report) = run(&[("c.json", &pod.to_string())], &["audit", "--format", "junit", "c.json"]);
    let document = Document::parse(&report).unwrap();
    let output = document.descendants().find(|node| node.has_tag_name("system-out")).unwrap();
    assert_eq!(output.text(), Some("accepted, writers unknown"));
}

#[test]
fn junit_shows_hostile_text() {
    let report = check_hostile("junit");
    let document = Document::parse(&report).unwrap();
    let cases = cases(&document);
    assert_eq!(cases.len(), 3);
    assert_eq!(cases[1].attribute("name").unwrap(), format!("{SHOWN} {SHOWN}/{SHOWN}"));
    let shown = HOSTILE_FILE.replace('\u{1b}', r"\u{1b}").replace("\r\n", r"\r\n").replace('\u{202e}', r"\u{202e}");
    assert_eq!(cases[1].attribute("file").unwrap(), shown);
    let failure = document.descendants().find(|node| node.has_tag_name("failure")).unwrap();
    assert!(failure.text().unwrap().contains("]]>"), "{report}");
}
