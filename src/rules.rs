//! The rules: one file each, and the registry that lists them.
//!
//! To add one, write its file and name it in the two lists below.

mod ineffective_annotation;
mod job_id;
mod managed_annotations;
mod mesh_network;
mod offload_containers;
mod pod_ip;
mod pod_vpn;
mod shadow_same_ns;
mod unknown_annotation;
mod vpn_with_wstunnel;
mod wireguard;
mod wstunnel_extra_ports;
mod wstunnel_timeout;

#[cfg(test)]
pub(crate) mod testing;

use std::borrow::Cow;

use crate::kind::{Carries, Place};
use crate::replay::CONTROLLERS;
use crate::settings::{Level, Settings};
use crate::subject::{Annotation, Hand, Subject};
use crate::text::quote;

/// A best practice, with an id and a level of its own.
#[derive(Debug)]
pub struct Rule {
    /// As settings and answers name it.
    pub id: &'static str,
    /// What it refuses, in half a sentence.
    pub refuses: &'static str,
    /// Its level where the settings name none.
    pub default_level: Level,
    /// Whether it is about who may write, not about what is written.
    pub about_writers: bool,
    /// The subjects that it is asked about.
    subjects: &'static [Carries],
    check: Check,
}

/// What most rules are about: annotations that come to a pod.
const OF_PODS: &[Carries] = &[Carries::Pod, Carries::Template, Carries::Binding];

/// What a rule finds on a subject.
type Check = for<'s, 'a> fn(&'s Subject<'a>, &Settings<'_>) -> Vec<Finding<'s>>;

/// What is wrong with an annotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding<'s> {
    /// The annotation's key, fit to be shown.
    pub key: Cow<'s, str>,
    /// What was found wrong, whole: in what respect, and which text. On an update, a finding about something that was
    /// not wrong before is a new one.
    pub judged: Vec<(&'static str, &'s str)>,
    /// Whether the value could change what interLink makes of it, such as a manifest that it pastes the text into. It
    /// is then refused even if the rule only warns.
    pub injects: bool,
    /// Whether the annotation is interLink's own on this object, so that no one else may change or remove it either.
    pub protected: bool,
    /// What is wrong: the end of a sentence that begins with the annotation.
    pub problem: Cow<'static, str>,
    /// How to mend it: an order to who made the request.
    pub mend: Cow<'static, str>,
}

impl<'s> Finding<'s> {
    /// A finding about an annotation's value.
    fn of_value(
        annotation: &'s Annotation<'_>,
        problem: impl Into<Cow<'static, str>>,
        mend: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            key: annotation.known.key.into(),
            judged: vec![("", &annotation.value)],
            injects: false,
            protected: false,
            problem: problem.into(),
            mend: mend.into(),
        }
    }

    /// The same, about a value that interLink pastes into manifests.
    fn of_pasted_text(self, injects: bool) -> Self {
        match injects {
            true => Self { injects, problem: self.problem + ", and could add a manifest to interLink's own", ..self },
            false => self,
        }
    }
}

/// Of an annotation that only interLink may write: who else did, for a message, and how to mend that, which on a stored
/// pod is for the rule to say. None if it may have been interLink.
fn stranger(
    subject: &Subject<'_>,
    annotation: &Annotation<'_>,
    on_stored_pod: &'static str,
) -> Option<(String, &'static str)> {
    let manager = match &annotation.hand {
        Hand::InterLink | Hand::Unknown => return None,
        Hand::Requester => return Some((String::new(), "remove it")),
        Hand::Manager(name) => name,
    };
    let mend = match subject.place.carries {
        _ if manager == CONTROLLERS => "remove it from the template that a controller copied it from",
        Carries::Pod => on_stored_pod,
        _ => "remove it, or name that manager in trustedFieldManagers if it is interLink's",
    };
    Some((format!(" by the field manager {}", quote(manager)), mend))
}

/// A finding, with the rule that found it, the level that the settings give that rule, and the place it is about.
#[derive(Debug, Clone)]
pub struct Violation<'s> {
    pub place: &'static Place,
    pub rule: &'static Rule,
    pub level: Level,
    pub finding: Finding<'s>,
}

macro_rules! registry {
    ($($rule:ident),* $(,)?) => {
        /// All rules, in the order in which their findings are told.
        pub static RULES: [Rule; [$(stringify!($rule)),*].len()] = [$($rule::RULE),*];

        /// A rule's documentation, in Markdown: the head of its own file.
        pub fn documentation(id: &str) -> Option<String> {
            $(if $rule::RULE.id == id {
                return Some(head_of(include_str!(concat!("rules/", stringify!($rule), ".rs"))));
            })*
            None
        }
    };
}

registry!(
    job_id,
    managed_annotations,
    pod_vpn,
    pod_ip,
    wstunnel_timeout,
    vpn_with_wstunnel,
    wstunnel_extra_ports,
    mesh_network,
    wireguard,
    offload_containers,
    shadow_same_ns,
    unknown_annotation,
    ineffective_annotation,
);

/// The ids of all rules, for a message.
pub fn ids() -> String {
    RULES.each_ref().map(|rule| rule.id).join(", ")
}

/// The `//!` lines that a source file begins with, without their marks.
fn head_of(source: &str) -> String {
    source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .fold(String::new(), |text, line| text + line + "\n")
}

/// Asks every rule that is about such a subject and that the settings do not ignore.
pub fn check<'s>(subject: &'s Subject<'_>, settings: &Settings<'_>) -> Vec<Violation<'s>> {
    let place = subject.place;
    let mut violations = Vec::new();
    for (rule, level) in settings.rules.iter() {
        if level == Level::Ignore || !rule.subjects.contains(&place.carries) {
            continue;
        }
        for finding in (rule.check)(subject, settings) {
            let level = if finding.injects { Level::Deny } else { level };
            violations.push(Violation { place, rule, level, finding });
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_kebab_case_and_stand_once() {
        for (index, rule) in RULES.iter().enumerate() {
            let kebab = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(rule.id.chars().all(kebab), "{}", rule.id);
            assert!(RULES[..index].iter().all(|other| other.id != rule.id));
        }
    }

    #[test]
    fn every_rule_documents_itself() {
        for rule in &RULES {
            let text = documentation(rule.id).unwrap();
            assert!(text.starts_with(&format!("# {}\n", rule.id)), "{text}");
            for heading in [
                "## What it refuses",
                "## Why",
                "## How to fix it",
                "## Settings",
                "## References",
                "## Refused",
                "## Accepted",
            ] {
                assert!(text.contains(heading), "{}: {heading}", rule.id);
            }
        }
        assert_eq!(documentation("no-such-rule"), None);
    }
}
