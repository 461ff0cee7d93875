//! Findings that do not count: those with an exception, and those in a baseline.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use interlink_annotations_policy::RuleId;
use interlink_generate::reference::UNREADABLE;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::cross_checks::Check;
use crate::document::{Origin, Problem};
use crate::input;
use crate::outcome::{Finding, Outcome};
use crate::suggestion::closest;

/// The version of the baseline's format.
const VERSION: u32 = 1;

/// The reason for a finding in the baseline.
const IN_BASELINE: &str = "in the baseline";

/// Findings that do not count.
#[derive(Debug, Default)]
pub struct Exceptions {
    /// Each exception, and whether it has matched a finding.
    list: Vec<(Exception, bool)>,
    baseline: BTreeSet<BaselineFinding>,
}

/// Findings of a rule on some objects, and the reason why they do not count.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "ExceptionText")]
pub struct Exception {
    rule: String,
    kind: Option<String>,
    namespace: Option<Pattern>,
    name: Option<Pattern>,
    reason: String,
}

/// Text in which `*` stands for any text.
#[derive(Debug, Clone, Deserialize)]
struct Pattern(String);

/// An exception as written in the configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct ExceptionText {
    // An error about a field has its line, one about the whole exception has that of the first exception.
    #[serde(deserialize_with = "rule")]
    rule: String,
    kind: Option<String>,
    namespace: Option<Pattern>,
    name: Option<Pattern>,
    #[serde(deserialize_with = "reason")]
    reason: String,
}

/// The reason why an exception is invalid.
#[derive(Debug, thiserror::Error)]
enum InvalidException {
    #[error("{0:?} is not a rule; {fix}", fix = suggest_rule(.0))]
    UnknownRule(String),
    #[error("is empty; say why these findings do not count")]
    NoReason,
    #[error(
        "the exception for the rule {0} names no objects by kind, namespace or name; to turn a rule off, set its level \
         in the policy's settings"
    )]
    NoObject(String),
}

fn rule<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let rule = String::deserialize(deserializer)?;
    if rule != UNREADABLE && RuleId::find(&rule).is_none() && Check::find(&rule).is_none() {
        return Err(D::Error::custom(InvalidException::UnknownRule(rule)));
    }
    Ok(rule)
}

fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let reason = String::deserialize(deserializer)?;
    if reason.trim().is_empty() { Err(D::Error::custom(InvalidException::NoReason)) } else { Ok(reason) }
}

fn suggest_rule(text: &str) -> String {
    let ids = RuleId::ALL.into_iter().map(RuleId::as_str).chain([UNREADABLE]);
    match closest(text, ids.chain(Check::ALL.map(Check::as_str))) {
        Some(rule) => format!("did you mean {rule}?"),
        None => "run `interlink-audit rules` to list them".to_owned(),
    }
}

impl Pattern {
    fn matches(&self, text: &str) -> bool {
        let Some((start, rest)) = self.0.split_once('*') else { return self.0 == text };
        let Some(mut text) = text.strip_prefix(start) else { return false };
        let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
        for part in middle.split('*') {
            let Some((_, after)) = text.split_once(part) else { return false };
            text = after;
        }
        text.ends_with(end)
    }
}

impl TryFrom<ExceptionText> for Exception {
    type Error = InvalidException;

    fn try_from(text: ExceptionText) -> Result<Self, InvalidException> {
        let ExceptionText { rule, kind, namespace, name, reason } = text;
        if kind.is_none() && namespace.is_none() && name.is_none() {
            return Err(InvalidException::NoObject(rule));
        }
        Ok(Self { rule, kind, namespace, name, reason })
    }
}

impl Exception {
    fn matches(&self, outcome: &Outcome, finding: &Finding) -> bool {
        let is_match = |pattern: &Option<Pattern>, text: &str| pattern.as_ref().is_none_or(|it| it.matches(text));
        self.rule == finding.rule()
            && self.kind.as_ref().is_none_or(|kind| *kind == outcome.kind)
            && is_match(&self.namespace, &outcome.namespace)
            && is_match(&self.name, &outcome.name)
    }

    /// Returns whether the findings are those of a check across objects.
    pub fn is_across_objects(&self) -> bool {
        Check::find(&self.rule).is_some()
    }

    /// Names the exception.
    pub fn describe(&self) -> String {
        let part = |name: &str, value: Option<&str>| value.map_or_else(String::new, |it| format!(", {name} {it:?}"));
        let [namespace, name] = [&self.namespace, &self.name].map(|pattern| pattern.as_ref().map(|it| it.0.as_str()));
        format!(
            "rule {:?}{}{}{}",
            self.rule,
            part("kind", self.kind.as_deref()),
            part("namespace", namespace),
            part("name", name)
        )
    }
}

impl Exceptions {
    /// Creates the exceptions of a configuration and a baseline.
    pub fn new(list: Vec<Exception>, baseline: Baseline) -> Self {
        let list = list.into_iter().map(|exception| (exception, false)).collect();
        Self { list, baseline: baseline.findings }
    }

    /// Removes the findings that do not count from an outcome.
    pub(crate) fn apply(&mut self, outcome: &mut Outcome) {
        for finding in std::mem::take(&mut outcome.findings) {
            match self.reason(outcome, &finding) {
                Some(reason) => outcome.except(finding, reason),
                None => outcome.findings.push(finding),
            }
        }
        outcome.settle_exceptions();
    }

    /// Returns the reason why a finding does not count, if there is one.
    fn reason(&mut self, outcome: &Outcome, finding: &Finding) -> Option<String> {
        let mut reason = None;
        for (exception, is_used) in &mut self.list {
            if exception.matches(outcome, finding) {
                *is_used = true;
                reason.get_or_insert_with(|| exception.reason.clone());
            }
        }
        reason.or_else(|| {
            let is_known = !self.baseline.is_empty() && self.baseline.contains(&BaselineFinding::new(outcome, finding));
            is_known.then(|| IN_BASELINE.to_owned())
        })
    }

    /// Returns the exceptions that no finding has matched.
    pub fn unused(&self) -> impl Iterator<Item = &Exception> {
        self.list.iter().filter(|(_, is_used)| !is_used).map(|(exception, _)| exception)
    }
}

/// Earlier findings, as stored in a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    version: u32,
    findings: BTreeSet<BaselineFinding>,
    /// The objects with findings that the policy's answer left out, and how many were left out.
    #[serde(skip)]
    incomplete: Vec<(String, usize)>,
}

impl Default for Baseline {
    fn default() -> Self {
        Self { version: VERSION, findings: BTreeSet::new(), incomplete: Vec::new() }
    }
}

/// A finding, without the parts that change when its file or value changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BaselineFinding {
    kind: String,
    namespace: String,
    name: String,
    rule: String,
    path: String,
}

impl BaselineFinding {
    fn new(outcome: &Outcome, finding: &Finding) -> Self {
        Self {
            kind: outcome.kind.clone(),
            namespace: outcome.namespace.clone(),
            name: outcome.name.clone(),
            rule: finding.rule().to_owned(),
            path: finding.full_path(),
        }
    }
}

/// The reason why a baseline cannot be used.
#[derive(Debug, thiserror::Error)]
enum BaselineError {
    #[error("cannot be read: {0}; write it with --write-baseline")]
    Read(#[source] std::io::Error),
    #[error("is not a baseline: {0}; write one with --write-baseline")]
    Syntax(#[source] serde_json::Error),
    #[error("is of version {0}, but this command knows only {VERSION}; write it again with --write-baseline")]
    Version(u32),
    #[error("cannot be written: {0}")]
    Write(#[source] std::io::Error),
}

impl Baseline {
    /// Reads a baseline.
    ///
    /// # Errors
    /// If the file cannot be read, or is not a baseline.
    pub fn read(file: &Path) -> Result<Self, Problem> {
        let problem = |error| Origin::path(file).problem(error);
        let text = input::read_limited(file).map_err(|error| problem(BaselineError::Read(error)))?;
        let baseline: Self = serde_json::from_str(&text).map_err(|error| problem(BaselineError::Syntax(error)))?;
        if baseline.version != VERSION {
            return Err(problem(BaselineError::Version(baseline.version)));
        }
        Ok(baseline)
    }

    /// Adds the findings of an outcome.
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        if outcome.omitted_findings > 0 {
            self.incomplete.push((outcome.object(), outcome.omitted_findings));
        }
        self.findings.extend(outcome.findings.iter().map(|finding| BaselineFinding::new(outcome, finding)));
    }

    /// Returns the objects with findings that are not in the baseline, since the policy's answer left them out, and
    /// how many were left out.
    pub fn incomplete(&self) -> &[(String, usize)] {
        &self.incomplete
    }

    /// Returns the number of findings.
    pub fn len(&self) -> usize {
        self.findings.len()
    }

    /// Returns whether there is no finding.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// Writes the baseline.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, file: &Path) -> Result<(), Problem> {
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::from);
        let written = text.and_then(|text| fs::write(file, text + "\n"));
        written.map_err(|error| Origin::path(file).problem(BaselineError::Write(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_star_stands_for_other_text() {
        for (pattern, matching, other) in [
            ("a", "a", "ab"),
            ("a*", "abc", "ba"),
            ("*a", "a", "ab"),
            ("*a*b*", "xaxbx", "ba"),
            ("ab*ba", "abba", "aba"),
            ("{a,b}", "{a,b}", "a"),
            ("[a?", "[a?", "[ab"),
        ] {
            let pattern = Pattern(pattern.to_owned());
            assert!(pattern.matches(matching), "{pattern:?}");
            assert!(!pattern.matches(other), "{pattern:?}");
        }
    }
}
