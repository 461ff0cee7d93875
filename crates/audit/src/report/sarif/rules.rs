//! The rules and the checks across objects, as SARIF describes them.

use interlink_annotations_policy::Level;
use interlink_annotations_policy::rules::{RULES, Rule, documentation};
use interlink_generate::reference::{self, OMITTED, UNREADABLE};
use serde_json::{Value, json};

use crate::cross_checks::Check;
use crate::outcome::Finding;

/// An entry in the report's list of rules.
#[derive(Clone, Copy)]
enum Entry {
    Rule(&'static Rule),
    /// For objects that cannot be decoded.
    Unreadable,
    Check(Check),
    /// For findings that are left out of the policy's response.
    Omitted,
}

impl Entry {
    /// Returns all entries, in the order of the list.
    fn all() -> impl Iterator<Item = Self> {
        let checks = Check::ALL.map(Self::Check);
        RULES.iter().map(Self::Rule).chain([Self::Unreadable]).chain(checks).chain([Self::Omitted])
    }

    fn id(self) -> &'static str {
        match self {
            Self::Rule(rule) => rule.id.as_str(),
            Self::Unreadable => UNREADABLE,
            Self::Check(check) => check.as_str(),
            Self::Omitted => OMITTED,
        }
    }

    fn descriptor(self) -> Value {
        match self {
            Self::Rule(rule) => rule_descriptor(rule),
            Self::Unreadable => substitute_descriptor(UNREADABLE, "an object that the policy cannot decode"),
            Self::Check(check) => check_descriptor(check),
            Self::Omitted => substitute_descriptor(OMITTED, "findings that are left out of the response"),
        }
    }
}

/// Returns the descriptors of all entries.
pub(super) fn descriptors() -> Vec<Value> {
    Entry::all().map(Entry::descriptor).collect()
}

/// Returns the index of the descriptor for a finding; `None` if another version's module has a rule of its own.
pub(super) fn index(finding: &Finding) -> Option<usize> {
    Entry::all().position(|entry| entry.id() == finding.rule())
}

/// Returns the descriptor for what stands for a rule.
fn substitute_descriptor(id: &str, summary: &str) -> Value {
    let text = reference::rule(id).unwrap_or_default();
    let mut descriptor = json!({
        "id": id,
        "shortDescription": { "text": summary },
        "fullDescription": { "text": section(&text, "Why") },
        "help": { "text": section(&text, "How to fix it"), "markdown": text },
        "defaultConfiguration": { "level": "error" },
    });
    add_help(&mut descriptor, id);
    descriptor
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

fn rule_descriptor(rule: &Rule) -> Value {
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
