//! The outcome of a run, as a table for people and as JSON for programs.

use std::fmt::{self, Display};

use anstyle::{AnsiColor, Style};
use comfy_table::{Table, presets};
use interlink_annotations_policy::verdict::split_message;
use serde::Serialize;

use crate::host::Answer;
use crate::input::Problem;
use crate::review::Review;

/// What became of every object.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub results: Vec<Outcome>,
    /// What could not be read or judged.
    pub problems: Vec<Trouble>,
}

/// What became of one object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    pub file: String,
    /// The line on which the object's document begins.
    pub line: Option<usize>,
    /// The object's path within a list; empty outside of one.
    pub item: String,
    pub namespace: String,
    pub kind: String,
    pub name: String,
    pub accepted: bool,
    /// The HTTP status of a refusal.
    pub code: Option<u16>,
    /// What a refusal lists, one by one.
    pub findings: Vec<String>,
    pub warnings: Vec<String>,
    pub audit_annotations: std::collections::BTreeMap<String, String>,
}

/// What could not be read or judged, and where.
#[derive(Debug, Serialize)]
pub struct Trouble {
    pub file: String,
    pub line: Option<usize>,
    pub item: String,
    pub message: String,
}

impl Report {
    /// Adds what the policy said of a review.
    pub fn add(&mut self, review: &Review, answer: Answer) {
        let message = answer.message.unwrap_or_default();
        let findings = split_message(&message).into_iter().map(str::to_owned);
        self.results.push(Outcome {
            file: review.source.file.clone(),
            line: review.source.line,
            item: review.source.item.clone(),
            namespace: review.namespace().to_owned(),
            kind: review.kind().to_owned(),
            name: review.name(),
            accepted: answer.accepted,
            code: answer.code,
            findings: findings.filter(|finding| !finding.is_empty()).collect(),
            warnings: answer.warnings,
            audit_annotations: answer.audit_annotations,
        });
    }

    /// Adds what could not be read or judged.
    pub fn add_problem(&mut self, problem: Problem) {
        let Problem { source, message } = problem;
        self.problems.push(Trouble { file: source.file, line: source.line, item: source.item, message });
    }

    pub fn refused(&self) -> usize {
        self.results.iter().filter(|result| !result.accepted).count()
    }

    /// The report as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report has only string keys")
    }
}

const REFUSED: Style = AnsiColor::Red.on_default().bold();
const ACCEPTED: Style = AnsiColor::Green.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default();

/// The report as a table with each object's findings under it, and a line that counts. It has colours; who writes it
/// where there are none takes them out.
impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["NAMESPACE", "KIND", "NAME", "VERDICT"]);
        for result in &self.results {
            table.add_row([
                printable(&result.namespace),
                printable(&result.kind),
                printable(&result.name),
                result.verdict(),
            ]);
        }
        let mut lines = table.lines();
        if let Some(header) = lines.next() {
            writeln!(f, "{}", header.trim())?;
        }
        for (line, result) in lines.zip(&self.results) {
            let style = if result.accepted { ACCEPTED } else { REFUSED };
            writeln!(f, "{style}{}{style:#}", line.trim())?;
            for finding in &result.findings {
                writeln!(f, "    {}", printable_text(finding))?;
            }
            for warning in &result.warnings {
                writeln!(f, "    {WARNING}warning:{WARNING:#} {}", printable_text(warning))?;
            }
        }
        let (total, refused) = (self.results.len(), self.refused());
        writeln!(f, "\n{} accepted, {refused} refused", total - refused)
    }
}

impl Outcome {
    fn verdict(&self) -> String {
        match (self.accepted, self.code) {
            (true, _) => "accepted".to_owned(),
            (false, Some(code)) => format!("refused ({code})"),
            (false, None) => "refused".to_owned(),
        }
    }
}

/// A user's name that cannot steer the terminal; `-` for none.
fn printable(name: &str) -> String {
    match name {
        "" => "-".to_owned(),
        name => name.escape_debug().to_string(),
    }
}

/// A module's text. Ours has no control characters, but `--module` runs any.
fn printable_text(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
