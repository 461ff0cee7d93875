//! Checks README's settings and list of manifests.

use std::fs;

use interlink_annotations_policy::rules::RULES;
use interlink_annotations_policy::settings::Settings;
use serde_json::Value;

const README: &str = include_str!("../../../README.md");

/// Returns the first YAML block under a heading.
fn yaml_under(heading: &str) -> Value {
    let (_, section) = README.split_once(&format!("\n## {heading}\n")).expect("no such heading");
    let (_, block) = section.split_once("```yaml\n").expect("no YAML block");
    let (block, _) = block.split_once("```").expect("the block has no end");
    yaml_serde::from_str(block).expect("the block is not YAML")
}

#[test]
fn shows_the_default_settings() {
    let text = yaml_under("Settings").to_string();
    let shown = Settings::parse(text.as_bytes()).unwrap();
    let mut expected = Settings::default();
    expected.pod_ip.cidrs = vec!["10.250.0.0/16".parse().unwrap()];
    assert_eq!(shown, expected);
    let mut shown: Vec<_> = yaml_under("Settings")["rules"].as_object().unwrap().keys().cloned().collect();
    let mut ids = RULES.each_ref().map(|rule| rule.id.to_string());
    shown.sort();
    ids.sort();
    assert_eq!(shown, ids);
}

#[test]
fn lists_the_manifests_in_deploy() {
    let rows = README.lines().filter_map(|line| line.strip_prefix("| [")?.split_once("](deploy/"));
    let mut named: Vec<_> = rows.map(|(name, _)| name.to_owned()).collect();
    let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy")).unwrap();
    let mut files: Vec<_> = folder.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    named.sort();
    files.sort();
    assert_eq!(named, files);
}
