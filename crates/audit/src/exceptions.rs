//! Findings that do not count: those with an exception, and those in a baseline.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use globset::{Glob, GlobMatcher};
use interlink_annotations_policy::RuleId;
use serde::{Deserialize, Serialize};

use crate::cross_checks::Check;
use crate::document::{Origin, Problem};
use crate::outcome::{Finding, Outcome, UNREADABLE};

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
    namespace: Option<GlobMatcher>,
    name: Option<GlobMatcher>,
    reason: String,
}

/// An exception as written in the configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExceptionText {
    rule: String,
    kind: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    reason: String,
}

/// The reason why an exception is invalid.
#[derive(Debug, thiserror::Error)]
enum InvalidException {
    #[error("{0:?} is not a rule; interlink-audit rules lists them")]
    UnknownRule(String),
    #[error("reason is empty; say why these findings do not count")]
    NoReason,
    #[error("names no objects by kind, namespace or name; to turn a rule off, set its level in the policy's settings")]
    NoObject,
    #[error("{0}")]
    Pattern(#[from] globset::Error),
}

impl TryFrom<ExceptionText> for Exception {
    type Error = InvalidException;

    fn try_from(text: ExceptionText) -> Result<Self, InvalidException> {
        let ExceptionText { rule, kind, namespace, name, reason } = text;
        if rule != UNREADABLE && RuleId::find(&rule).is_none() && Check::find(&rule).is_none() {
            return Err(InvalidException::UnknownRule(rule));
        }
        if reason.trim().is_empty() {
            return Err(InvalidException::NoReason);
        }
        if kind.is_none() && namespace.is_none() && name.is_none() {
            return Err(InvalidException::NoObject);
        }
        let pattern = |text: String| Glob::new(&text).map(|glob| glob.compile_matcher());
        let [namespace, name] = [namespace, name].map(|text| text.map(pattern).transpose());
        Ok(Self { rule, kind, namespace: namespace?, name: name?, reason })
    }
}

impl Exception {
    fn matches(&self, outcome: &Outcome, finding: &Finding) -> bool {
        let is_match = |pattern: &Option<GlobMatcher>, text: &str| pattern.as_ref().is_none_or(|it| it.is_match(text));
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
        let pattern = |pattern: &Option<GlobMatcher>| pattern.as_ref().map(|it| it.glob().glob().to_owned());
        let [namespace, name] = [&self.namespace, &self.name].map(pattern);
        format!(
            "rule {:?}{}{}{}",
            self.rule,
            part("kind", self.kind.as_deref()),
            part("namespace", namespace.as_deref()),
            part("name", name.as_deref())
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
}

impl Default for Baseline {
    fn default() -> Self {
        Self { version: VERSION, findings: BTreeSet::new() }
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
    #[error("cannot be read: {0}")]
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
        let text = fs::read(file).map_err(|error| problem(BaselineError::Read(error)))?;
        let baseline: Self = serde_json::from_slice(&text).map_err(|error| problem(BaselineError::Syntax(error)))?;
        if baseline.version != VERSION {
            return Err(problem(BaselineError::Version(baseline.version)));
        }
        Ok(baseline)
    }

    /// Adds the findings of an outcome.
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        self.findings.extend(outcome.findings.iter().map(|finding| BaselineFinding::new(outcome, finding)));
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
