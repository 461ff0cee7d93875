//! What README claims about rules and settings, held against the code.

use std::collections::BTreeMap;

use interlink_annotations_policy::json::Reader;
use interlink_annotations_policy::kind::{Carries, KINDS};
use interlink_annotations_policy::rules::RULES;
use interlink_annotations_policy::settings::{OctetRange, Settings};
use interlink_audit::reference;
use serde_json::Value;

const README: &str = include_str!("../../README.md");

#[test]
fn the_table_lists_every_rule() {
    let rows: Vec<_> = README.lines().filter(|line| line.starts_with("| [`")).collect();
    let expected: Vec<_> = RULES
        .iter()
        .map(|rule| {
            let level = rule.default_level.name();
            format!("| [`{0}`](docs/rules.md#{0}) | {1} | {level} |", rule.id, rule.refuses)
        })
        .collect();
    assert_eq!(rows, expected);
}

#[test]
fn the_annotations_are_those_of_the_catalogue() {
    assert!(README.contains(&reference::annotations()), "expected:\n{}", reference::annotations());
}

#[test]
fn the_rules_reference_is_current() {
    assert!(include_str!("../../docs/rules.md") == reference::rules(), "docs/rules.md is old; run: make docs");
}

/// The YAML blocks under a heading.
fn yaml_under(heading: &str) -> Value {
    let (_, section) = README.split_once(&format!("\n## {heading}\n")).expect("the heading is there");
    let (_, block) = section.split_once("```yaml\n").expect("a block follows");
    let (block, _) = block.split_once("```").expect("it ends");
    yaml_serde::from_str(block).expect("it is YAML")
}

#[test]
fn the_settings_shown_are_the_defaults() {
    let text = yaml_under("Settings").to_string();
    let shown = Settings::read(Some(Reader::new(text.as_bytes()).value().unwrap())).unwrap();
    let mut expected = Settings::default();
    expected.pod_ip.cidrs = vec!["10.244.0.0/16".parse().unwrap()];
    expected.pod_ip.octet_range = Some(OctetRange { min: 2, max: 250 });
    assert_eq!(shown, expected);
    let mut shown: Vec<_> = yaml_under("Settings")["rules"].as_object().unwrap().keys().cloned().collect();
    let mut ids = RULES.each_ref().map(|rule| rule.id.to_owned());
    shown.sort();
    ids.sort();
    assert_eq!(shown, ids);
}

/// The resources that rules ask for, with their operations, as `group/resource`.
fn asked_for(rules: &Value) -> BTreeMap<String, Vec<String>> {
    let texts = |list: &Value| -> Vec<String> { serde_json::from_value(list.clone()).unwrap() };
    let mut resources = BTreeMap::new();
    for rule in rules.as_array().unwrap() {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                resources.insert(format!("{group}/{resource}"), texts(&rule["operations"]));
            }
        }
    }
    resources
}

#[test]
fn the_metadata_and_the_hardening_ask_for_every_kind() {
    let metadata: Value = yaml_serde::from_str(include_str!("../../policy-metadata.yml")).unwrap();
    assert_eq!(metadata["rules"], yaml_under("Deploy it")["spec"]["rules"]);
    let (usual, hardening) = (asked_for(&metadata["rules"]), asked_for(&yaml_under("Harden it")["spec"]["rules"]));
    for kind in &KINDS {
        let resource = format!("{}/{}s", kind.group, kind.name.to_lowercase());
        let (rules, operations) = match kind.main_place().carries {
            Carries::Pod | Carries::Template | Carries::Nothing => (&usual, vec!["CREATE", "UPDATE"]),
            Carries::Binding => (&hardening, vec!["CREATE"]),
            Carries::Node => (&hardening, vec!["CREATE", "UPDATE"]),
        };
        assert!(rules.get(&resource).is_some_and(|asked| *asked == operations), "{resource}");
    }
    for subresource in ["/pods/status", "/pods/binding", "/nodes/status"] {
        assert!(hardening.contains_key(subresource), "{subresource}");
    }
}

#[test]
fn the_policies_shown_are_the_examples() {
    for (heading, file) in [
        ("Deploy it", include_str!("../../examples/policy.yaml")),
        ("Harden it", include_str!("../../examples/hardening.yaml")),
    ] {
        let example: Value = yaml_serde::from_str(file).unwrap();
        assert_eq!(yaml_under(heading), example);
    }
}
