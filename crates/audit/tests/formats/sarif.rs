//! SARIF, as GitHub's code scanning requires it.

use interlink_audit::cross_checks::Check;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::{HOSTILE, HOSTILE_FILE, MIXED, check, check_hostile, list, parse, text};

fn rules(run: &Value) -> &[Value] {
    list(&run["tool"]["driver"]["rules"])
}

fn run(report: &str) -> Value {
    let report = parse(report);
    assert_eq!(report["version"], "2.1.0");
    assert_eq!(list(&report["runs"]).len(), 1);
    let run = report["runs"][0].clone();
    check_structure(&run);
    run
}

fn check_structure(run: &Value) {
    assert_eq!(run["tool"]["driver"]["name"], "interlink-audit");
    for rule in rules(run) {
        for field in ["shortDescription", "fullDescription", "help"] {
            let text = text(&rule[field]["text"]);
            assert!((1..=1024).contains(&text.len()) && !text.contains('`'), "{}: {field}: {text}", rule["id"]);
        }
        let level = text(&rule["defaultConfiguration"]["level"]);
        assert!(["error", "warning", "note"].contains(&level), "{rule}");
    }
    for result in list(&run["results"]) {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules(run)[index]["id"], result["ruleId"]);
        assert!(["error", "warning"].contains(&text(&result["level"])));
        assert!(!text(&result["message"]["text"]).is_empty());
        check_location(&result["locations"][0]["physicalLocation"]);
        let fingerprints = result["partialFingerprints"].as_object().unwrap();
        assert!(fingerprints.values().all(|it| text(it).len() == 32), "{fingerprints:?}");
        assert!(!fingerprints.contains_key("primaryLocationLineHash"), "GitHub's upload computes that itself");
    }
}

fn check_location(location: &Value) {
    let uri = text(&location["artifactLocation"]["uri"]);
    assert!(uri.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~%".contains(&byte)), "{uri}");
    assert!(location["region"]["startLine"].as_u64() >= Some(1));
}

#[test]
fn sarif_has_what_github_requires() {
    let run = run(&check(MIXED, "sarif"));
    let rules = rules(&run);
    let ids: Vec<_> = interlink_annotations_policy::RuleId::ALL.iter().map(|id| id.as_str()).collect();
    let checks = Check::ALL.map(Check::as_str);
    let omitted = ["omitted"];
    assert_eq!(
        rules.iter().map(|rule| text(&rule["id"])).collect::<Vec<_>>(),
        [&ids[..], &["unreadable"], &checks, &omitted].concat()
    );
    assert!(text(&rules[0]["help"]["markdown"]).starts_with("# job-id\n\nDefault level: Deny."));
    let off = rules.iter().find(|rule| rule["id"] == "plugin-annotations").unwrap();
    assert_eq!(off["defaultConfiguration"]["enabled"], false);

    let found: Vec<_> = list(&run["results"])
        .iter()
        .map(|it| {
            (
                text(&it["ruleId"]),
                text(&it["level"]),
                it.pointer("/locations/0/physicalLocation/region/startLine").unwrap().as_u64(),
            )
        })
        .collect();
    let expected = [
        ("job-id", "error", Some(7)),
        ("pod-ip", "error", Some(8)),
        ("mesh-network", "warning", Some(9)),
        ("mesh-network", "warning", Some(13)),
        ("unreadable", "error", Some(32)),
    ];
    assert_eq!(found, expected);

    let result = &run["results"][0];
    let logical = &result["locations"][0]["logicalLocations"];
    assert_eq!(logical[0]["fullyQualifiedName"], "Pod physics/refused");
    assert_eq!(logical[1]["fullyQualifiedName"], "Pod physics/refused: metadata.annotations[JobID]");
    assert!(text(&result["properties"]["documentation"]).ends_with("docs/rules.md#job-id"));

    let invocation = &run["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    let notification = &invocation["toolExecutionNotifications"][0];
    assert!(text(&notification["message"]["text"]).starts_with("is not valid YAML"));
    check_location(&notification["locations"][0]["physicalLocation"]);
}

/// Returns the fingerprints of a report, in order.
fn fingerprints(manifest: &str) -> Vec<String> {
    let run = run(&check(manifest, "sarif"));
    list(&run["results"]).iter().map(|it| text(&it["partialFingerprints"]["interlinkAudit/v1"]).to_owned()).collect()
}

#[test]
fn fingerprints_stay_when_lines_move_and_values_change() {
    let moved =
        format!("# A comment.\n\n{}", MIXED.replace("JobID: '1'", "JobID: 'other'").replace("---\n", "---\n\n"));
    assert_eq!(fingerprints(MIXED), fingerprints(&moved));
    let renamed = fingerprints(&MIXED.replace("name: refused", "name: other"));
    assert!(fingerprints(MIXED).iter().zip(&renamed).take(3).all(|(one, other)| one != other));
}

#[test]
fn equal_findings_have_fingerprints_of_their_own() {
    let twice = fingerprints(&format!("{}---\n{MIXED}", MIXED.replace("---\na: [\n", "")));
    let mut unique = twice.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), twice.len());
}

#[test]
fn sarif_keeps_hostile_text_and_makes_no_links_of_it() {
    let run = run(&check_hostile("sarif"));
    let result = list(&run["results"]).iter().find(|it| text(&it["message"]["text"]).starts_with(r"a\\u{1b}")).unwrap();
    assert!(!text(&result["message"]["text"]).replace(r"\\", "").replace(r"\](", "").contains("]("), "{result}");
    let location = &result["locations"][0];
    assert_eq!(location["logicalLocations"][0]["name"], HOSTILE);
    let uri = text(&location["physicalLocation"]["artifactLocation"]["uri"]);
    assert_eq!(percent_decode_str(uri).decode_utf8().unwrap(), HOSTILE_FILE);
}

#[test]
fn a_backslash_in_a_name_makes_no_link() {
    let pod = MIXED.replace("name: refused", r"name: '[click\](https://evil.example)'");
    let run = run(&check(&pod, "sarif"));
    let message = text(&run["results"][0]["message"]["text"]);
    assert!(message.starts_with(r"Pod physics/[click\\\](https://evil.example): "), "{message}");
}
