//! Checks the pages about settings and manifests, and the length of README.

use std::fs;

use interlink_annotations_policy::rules::RULES;
use interlink_annotations_policy::settings::Settings;
use serde_json::Value;

const README: &str = include_str!("../../../README.md");
const SETTINGS: &str = include_str!("../../../docs/settings.md");
const PLUGINS: &str = include_str!("../../../docs/plugins.md");
const USAGE: &str = include_str!("../../../USAGE.md");
const INSTALL: &str = include_str!("../../../docs/install.md");

/// Returns the YAML blocks of a page.
fn yaml_blocks(page: &str) -> Vec<Value> {
    let blocks = page.split("```yaml\n").skip(1).map(|rest| rest.split_once("```").expect("the block has no end").0);
    blocks.map(|block| yaml_serde::from_str(block).expect("the block is not YAML")).collect()
}

#[test]
fn shows_the_default_settings() {
    let block = &yaml_blocks(SETTINGS)[0];
    let text = block.to_string();
    let shown = Settings::parse(text.as_bytes()).unwrap();
    let mut expected = Settings::default();
    expected.pod_ip.cidrs = vec!["10.250.0.0/16".parse().unwrap()];
    assert_eq!(shown, expected);
    let mut shown: Vec<_> = block["rules"].as_object().unwrap().keys().cloned().collect();
    let mut ids = RULES.each_ref().map(|rule| rule.id.to_string());
    shown.sort();
    ids.sort();
    assert_eq!(shown, ids);
}

#[test]
fn explains_every_setting() {
    let block = &yaml_blocks(SETTINGS)[0];
    for field in block.as_object().unwrap().keys() {
        assert!(SETTINGS.contains(&format!("\n## {field}\n")), "no section about {field}");
    }
}

#[test]
fn shows_valid_settings() {
    let (_, minimal) = README.split_once("\n## Settings\n").expect("no such heading");
    let mut blocks = yaml_blocks(SETTINGS);
    blocks.push(yaml_blocks(minimal)[0].clone());
    blocks.push(yaml_blocks(USAGE)[0]["settings"].clone());
    blocks.push(yaml_blocks(PLUGINS)[0].clone());
    for block in blocks {
        let text = block.to_string();
        let parsed = Settings::parse(text.as_bytes());
        assert!(parsed.is_ok(), "{text}: {parsed:?}");
    }
}

#[test]
fn lists_the_manifests_in_deploy() {
    let rows = INSTALL.lines().filter_map(|line| line.strip_prefix("| [")?.split_once("](../deploy/"));
    let mut named: Vec<_> = rows.map(|(name, _)| name.to_owned()).collect();
    let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy")).unwrap();
    let mut files: Vec<_> = folder.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    named.sort();
    files.sort();
    assert_eq!(named, files);
}

#[test]
fn readme_is_short() {
    assert!(README.lines().count() <= 150);
}
