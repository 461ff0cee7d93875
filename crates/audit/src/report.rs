//! The outcome of a run, in the formats for people and for programs.
//!
//! Each outcome is written as soon as it is known, unless the format needs all outcomes first.

mod fingerprint;
mod github;
mod gitlab;
mod json;
mod json_list;
mod junit;
mod policyreport;
mod sarif;
mod table;
mod text;

use std::collections::BTreeMap;
use std::io::{self, Write};

use interlink_annotations_policy::Level;
use serde::Serialize;

use crate::document::Problem;
use crate::evaluate::Evaluation;
use crate::exceptions::{Baseline, Exceptions};
use crate::outcome::{Outcome, Verdict};

pub use github::GitHub;
pub use gitlab::GitLab;
pub use json::Json;
pub use junit::JUnit;
pub use policyreport::PolicyReport;
pub use sarif::Sarif;
pub use table::{Table, print_error, print_message};

/// A format of reports.
pub trait Format {
    /// Writes the outcome of an object.
    ///
    /// # Errors
    /// If writing fails.
    fn outcome(&mut self, outcome: &Outcome) -> io::Result<()>;

    /// Writes a problem with what was not evaluated.
    ///
    /// # Errors
    /// If writing fails.
    fn problem(&mut self, problem: &Problem) -> io::Result<()>;

    /// Writes the end of the report.
    ///
    /// # Errors
    /// If writing fails.
    fn finish(&mut self, summary: &Summary) -> io::Result<()>;
}

/// The output of a report.
pub type Output = Box<dyn Write>;

/// Which outcomes a report shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Show {
    /// All objects with an interLink annotation, and those that cannot be decoded.
    All,
    /// Those with a warning or a refusal.
    Findings,
    /// Those that are refused.
    Refused,
}

/// The counts of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Objects that are refused.
    pub refused: usize,
    /// Objects that are accepted, with or without warnings.
    pub accepted: usize,
    /// Objects with warnings, refused or accepted.
    pub with_warnings: usize,
    /// Refused objects that have warnings too.
    pub refused_with_warnings: usize,
    /// Objects that do not show who wrote the annotations that interLink writes, refused or accepted.
    pub writers_unknown: usize,
    /// The refused ones among these.
    pub refused_writers_unknown: usize,
    /// Objects that are accepted unchecked, because the settings trust the requester.
    pub trusted: usize,
    /// Objects that have an interLink annotation, but are of a kind, or in a request, that the policy does not check.
    pub not_checked: usize,
    /// Objects that would be refused, but only for findings that do not count.
    pub excepted: usize,
    /// Objects with findings across objects. The other counts include them by the policy's verdict.
    pub across_objects: usize,
    /// Objects without any interLink annotation.
    pub without_annotations: usize,
    /// Documents in folders that are not Kubernetes objects.
    pub skipped: usize,
    /// Documents that cannot be read or evaluated.
    pub problems: usize,
    /// Findings that are not shown, because the policy's answer has too many.
    pub omitted_findings: usize,
    /// The findings of each rule.
    pub rules: BTreeMap<String, RuleCount>,
    /// Stored objects that were evaluated as if a user created them.
    #[serde(skip)]
    pub stored_creations: usize,
    /// Accepted objects with warnings, for the totals.
    #[serde(skip)]
    accepted_with_warnings: usize,
    /// Accepted objects with unknown writers, for the totals.
    #[serde(skip)]
    accepted_writers_unknown: usize,
}

/// The findings of a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleCount {
    /// The number of findings for which an object is refused.
    pub deny: usize,
    /// The number of warnings.
    pub warn: usize,
}

impl Summary {
    fn add(&mut self, outcome: &Outcome) {
        match outcome.verdict {
            Verdict::Refused => self.refused += 1,
            Verdict::Accepted | Verdict::WritersUnknown => self.accepted += 1,
            Verdict::Excepted => self.excepted += 1,
            Verdict::Trusted => self.trusted += 1,
            Verdict::NotChecked => self.not_checked += 1,
        }
        let is_refused = outcome.verdict == Verdict::Refused;
        let (has_warnings, writers_unknown) = (outcome.has_warnings(), outcome.writers_unknown);
        self.with_warnings += usize::from(has_warnings);
        self.refused_with_warnings += usize::from(is_refused && has_warnings);
        self.writers_unknown += usize::from(writers_unknown);
        self.stored_creations += usize::from(outcome.is_stored_creation);
        self.refused_writers_unknown += usize::from(is_refused && writers_unknown);
        let is_accepted = matches!(outcome.verdict, Verdict::Accepted | Verdict::WritersUnknown);
        self.accepted_with_warnings += usize::from(is_accepted && has_warnings);
        self.accepted_writers_unknown += usize::from(is_accepted && writers_unknown);
        self.add_findings(outcome);
    }

    /// Adds the findings of checks across objects. The object itself is already counted.
    fn add_across_objects(&mut self, outcome: &Outcome) {
        self.across_objects += usize::from(outcome.has_warnings());
        self.add_findings(outcome);
    }

    fn add_findings(&mut self, outcome: &Outcome) {
        self.omitted_findings += outcome.omitted_findings;
        for finding in &outcome.findings {
            let Some(rule) = &finding.rule else { continue };
            let count = self.rules.entry(rule.clone()).or_default();
            *(if finding.level == Level::Deny { &mut count.deny } else { &mut count.warn }) += 1;
        }
    }

    /// Returns the number of objects that were read.
    pub fn objects(&self) -> usize {
        self.refused + self.accepted + self.excepted + self.trusted + self.not_checked + self.without_annotations
    }
}

/// A report that is being written.
pub struct Report<'f> {
    format: &'f mut dyn Format,
    show: Show,
    exceptions: Exceptions,
    /// The findings to write into a baseline.
    baseline: Option<Baseline>,
    summary: Summary,
}

/// The result of a report.
pub struct Finished {
    /// The counts.
    pub summary: Summary,
    /// The exceptions, including whether they matched a finding.
    pub exceptions: Exceptions,
    /// The baseline, if one is written.
    pub baseline: Option<Baseline>,
}

impl<'f> Report<'f> {
    /// Begins a report. The findings in `exceptions` do not count; all others are added to the baseline, if there is
    /// one.
    pub fn new(format: &'f mut dyn Format, show: Show, exceptions: Exceptions, baseline: Option<Baseline>) -> Self {
        Self { format, show, exceptions, baseline, summary: Summary::default() }
    }

    /// Adds the result for a document.
    ///
    /// # Errors
    /// If writing fails.
    pub fn add(&mut self, evaluation: Evaluation) -> io::Result<()> {
        match evaluation {
            Evaluation::Irrelevant => self.summary.without_annotations += 1,
            Evaluation::Skipped => self.summary.skipped += 1,
            Evaluation::Problem(problem) => {
                self.summary.problems += 1;
                self.format.problem(&problem)?;
            }
            Evaluation::Outcome(outcome) => self.add_outcome(*outcome, Summary::add)?,
            Evaluation::AcrossObjects(outcome) => self.add_outcome(*outcome, Summary::add_across_objects)?,
        }
        Ok(())
    }

    fn add_outcome(&mut self, mut outcome: Outcome, count: fn(&mut Summary, &Outcome)) -> io::Result<()> {
        self.exceptions.apply(&mut outcome);
        if let Some(baseline) = &mut self.baseline {
            baseline.add(&outcome);
        }
        count(&mut self.summary, &outcome);
        let is_shown = match self.show {
            Show::All => true,
            Show::Findings => !outcome.findings.is_empty() || outcome.omitted_findings > 0,
            Show::Refused => outcome.verdict == Verdict::Refused,
        };
        if is_shown { self.format.outcome(&outcome) } else { Ok(()) }
    }

    /// Writes the end of the report.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(self) -> io::Result<Finished> {
        let Self { format, summary, exceptions, baseline, .. } = self;
        format.finish(&summary)?;
        Ok(Finished { summary, exceptions, baseline })
    }
}
