//! GitLab's Code Quality.

use std::collections::BTreeSet;

use crate::{HOSTILE_FILE, MIXED, check, check_hostile, list, parse, text};

#[test]
fn gitlab_gets_an_issue_for_each_finding_and_problem() {
    let report = parse(&check(MIXED, "gitlab"));
    let found: Vec<_> = list(&report)
        .iter()
        .map(|issue| {
            (text(&issue["check_name"]), text(&issue["severity"]), issue["location"]["lines"]["begin"].as_u64())
        })
        .collect();
    let expected = [
        ("job-id", "major", Some(7)),
        ("pod-ip", "major", Some(8)),
        ("mesh-network", "minor", Some(9)),
        ("mesh-network", "minor", Some(13)),
        ("unreadable", "major", Some(32)),
        ("unreadable", "critical", Some(35)),
    ];
    assert_eq!(found, expected);
    let fingerprints: BTreeSet<_> = list(&report).iter().map(|issue| text(&issue["fingerprint"])).collect();
    assert_eq!(fingerprints.len(), expected.len(), "GitLab shows one issue for each fingerprint");
    let moved = parse(&check(&format!("# A comment.\n{MIXED}"), "gitlab"));
    assert_eq!(fingerprints, list(&moved).iter().map(|issue| text(&issue["fingerprint"])).collect());
}

#[test]
fn gitlab_gets_the_path_in_the_repository() {
    for issue in list(&parse(&check_hostile("gitlab"))) {
        assert_eq!(issue["location"]["path"], HOSTILE_FILE);
    }
}
