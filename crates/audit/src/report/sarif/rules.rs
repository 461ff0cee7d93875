//! The rules and the checks across objects, as SARIF describes them.

use interlink_annotations_policy::Level;
use interlink_annotations_policy::rules::{RULES, Rule, documentation};
use interlink_generate::reference;
use serde_json::{Value, json};

use crate::cross_checks::Check;
use crate::outcome::{Finding, OMITTED, UNREADABLE};

/// An entry in the report's list of rules.
#[derive(Clone, Copy)]
enum Entry {
    Rule(&'static Rule),
    /// For objects that cannot be decoded.
    Unreadable,
    Check(Check),
    /// For findings that are left out of the policy's answer.
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
            Self::Unreadable => unreadable_descriptor(),
            Self::Check(check) => check_descriptor(check),
            Self::Omitted => omitted_descriptor(),
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

fn unreadable_descriptor() -> Value {
    let text = crate::documentation::UNREADABLE;
    json!({
        "id": UNREADABLE,
        "shortDescription": { "text": "an object that the policy cannot decode" },
        "fullDescription": { "text": section(text, "Why") },
        "help": { "text": section(text, "How to fix it"), "markdown": text },
        "defaultConfiguration": { "level": "error" },
    })
}

fn omitted_descriptor() -> Value {
    json!({
        "id": OMITTED,
        "shortDescription": { "text": "findings that are left out of the answer" },
        "fullDescription": { "text": "The policy shows as many findings as fit into its answer." },
        "help": { "text": "Fix the other findings of the object, and run this again." },
        "defaultConfiguration": { "level": "error" },
    })
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
