//! The rules, as SARIF describes them.

use interlink_annotations_policy::rules::{RULES, Rule, documentation};
use interlink_annotations_policy::{Level, RuleId};
use interlink_generate::reference;
use serde_json::{Value, json};

use crate::outcome::{Finding, UNREADABLE};

/// Returns the descriptors of all rules, and of the text in place of a rule if an object cannot be decoded.
pub(super) fn descriptors() -> Vec<Value> {
    let text = crate::documentation::UNREADABLE;
    let unreadable = json!({
        "id": UNREADABLE,
        "shortDescription": { "text": "an object that the policy cannot decode" },
        "fullDescription": { "text": section(text, "Why") },
        "help": { "text": section(text, "How to fix it"), "markdown": text },
        "defaultConfiguration": { "level": "error" },
    });
    RULES.iter().map(descriptor).chain([unreadable]).collect()
}

/// Returns the index of the descriptor for a finding.
pub(super) fn index(finding: &Finding) -> usize {
    finding.rule.as_deref().and_then(RuleId::find).map_or(RULES.len(), |id| id as usize)
}

fn descriptor(rule: &Rule) -> Value {
    let id = rule.id;
    let text = documentation(id);
    let mut descriptor = json!({
        "id": id.as_str(),
        "shortDescription": { "text": reference::plain(rule.refuses) },
        "fullDescription": { "text": section(&text, "Why") },
        "help": { "text": section(&text, "How to fix it"), "markdown": reference::rule(id.as_str()) },
        "defaultConfiguration": match id.default_level() {
            Level::Deny => json!({ "level": "error" }),
            Level::Warn => json!({ "level": "warning" }),
            Level::Ignore => json!({ "level": "note", "enabled": false }),
        },
    });
    if crate::documentation::repository().is_some() {
        descriptor["helpUri"] = json!(crate::documentation::link(id.as_str()));
    }
    descriptor
}

/// Returns the plain text of a section, with each paragraph on one line.
fn section(documentation: &str, heading: &str) -> String {
    let start = format!("\n## {heading}\n");
    let text = documentation.split_once(&start).map_or("", |(_, text)| text);
    let text = text.split_once("\n## ").map_or(text, |(section, _)| section);
    let paragraphs: Vec<_> = text.trim().split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
    reference::plain(&paragraphs.join("\n\n"))
}
