//! The rules and the checks across objects, as SARIF describes them.

use interlink_annotations_policy::rules::{RULES, Rule, documentation};
use interlink_annotations_policy::{Level, RuleId};
use interlink_generate::reference;
use serde_json::{Value, json};

use crate::cross_checks::Check;
use crate::outcome::{Finding, OMITTED, UNREADABLE};

/// Returns the descriptors of all rules, of the entry for objects that cannot be decoded, of the checks across objects,
/// and of the entry for findings that are left out.
pub(super) fn descriptors() -> Vec<Value> {
    let text = crate::documentation::UNREADABLE;
    let unreadable = json!({
        "id": UNREADABLE,
        "shortDescription": { "text": "an object that the policy cannot decode" },
        "fullDescription": { "text": section(text, "Why") },
        "help": { "text": section(text, "How to fix it"), "markdown": text },
        "defaultConfiguration": { "level": "error" },
    });
    let omitted = json!({
        "id": OMITTED,
        "shortDescription": { "text": "findings that are left out of the answer" },
        "fullDescription": { "text": "The policy shows as many findings as fit into its answer." },
        "help": { "text": "Fix the other findings of the object, and run this again." },
        "defaultConfiguration": { "level": "error" },
    });
    let checks = Check::ALL.map(check_descriptor);
    RULES.iter().map(descriptor).chain([unreadable]).chain(checks).chain([omitted]).collect()
}

/// Returns the index of the descriptor for a finding.
pub(super) fn index(finding: &Finding) -> usize {
    let rule = finding.rule.as_deref();
    if rule == Some(OMITTED) {
        return RULES.len() + 1 + Check::ALL.len();
    }
    let check = rule.and_then(Check::find).map(|check| RULES.len() + 1 + check as usize);
    check.or_else(|| rule.and_then(RuleId::find).map(|id| id as usize)).unwrap_or(RULES.len())
}

fn check_descriptor(check: Check) -> Value {
    let mut descriptor = json!({
        "id": check.as_str(),
        "shortDescription": { "text": reference::plain(check.summary()) },
        "fullDescription": { "text": reference::plain(&check.why()) },
        "help": { "text": reference::plain(&check.how_to_fix()), "markdown": check.documentation() },
        "defaultConfiguration": { "level": "warning" },
    });
    add_help(&mut descriptor, check.as_str());
    descriptor
}

/// Adds the link to the documentation, if the repository is known.
fn add_help(descriptor: &mut Value, id: &str) {
    if crate::documentation::repository().is_some() {
        descriptor["helpUri"] = json!(crate::documentation::link(id));
    }
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
    add_help(&mut descriptor, id.as_str());
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
