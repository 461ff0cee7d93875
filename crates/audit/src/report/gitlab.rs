//! A Code Quality report, which GitLab shows in merge requests.

use std::io::{self, Write};

use interlink_annotations_policy::Level;
use interlink_generate::reference::UNREADABLE;
use serde_json::{Value, json};

use super::fingerprint::Fingerprints;
use super::json_list::JsonList;
use super::table::print_error;
use super::text::{excepted_message, file, line, message, visible};
use super::{Format, Output, Summary};
use crate::document::{Origin, Problem};
use crate::outcome::{Finding, Outcome};

/// A JSON list of all findings and problems.
pub struct GitLab {
    output: Output,
    issues: JsonList,
    fingerprints: Fingerprints,
}

impl GitLab {
    /// Begins a report.
    pub fn new(output: Output) -> Self {
        Self { output, issues: JsonList::after("", 1), fingerprints: Fingerprints::default() }
    }

    fn finding(&mut self, outcome: &Outcome, finding: &Finding, severity: &str, text: &str) -> io::Result<()> {
        let issue = json!({
            "description": visible(text),
            "check_name": finding.rule(),
            "fingerprint": self.fingerprints.finding(outcome, finding),
            "severity": severity,
            "location": location(&outcome.origin, finding.line),
        });
        self.issues.push(&mut self.output, &issue)
    }
}

impl Format for GitLab {
    fn outcome(&mut self, outcome: &Outcome) -> io::Result<()> {
        for finding in outcome.findings.iter().chain(&outcome.omitted()) {
            let severity = if finding.level == Level::Deny { "major" } else { "minor" };
            self.finding(outcome, finding, severity, &message(outcome, finding))?;
        }
        for excepted in &outcome.excepted_findings {
            self.finding(outcome, &excepted.finding, "info", &excepted_message(outcome, excepted))?;
        }
        Ok(())
    }

    fn problem(&mut self, problem: &Problem) -> io::Result<()> {
        print_error(problem);
        let issue = json!({
            "description": visible(&problem.message()),
            "check_name": UNREADABLE,
            "fingerprint": self.fingerprints.problem(problem),
            "severity": "critical",
            "location": location(problem.origin(), None),
        });
        self.issues.push(&mut self.output, &issue)
    }

    fn finish(&mut self, _: &Summary) -> io::Result<()> {
        self.issues.end(&mut self.output)?;
        writeln!(self.output)?;
        self.output.flush()
    }
}

fn location(origin: &Origin, finding: Option<usize>) -> Value {
    json!({ "path": file(origin), "lines": { "begin": line(origin, finding) } })
}
