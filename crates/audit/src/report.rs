//! The outcome of a run, as a table for people and as JSON for programs.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use anstyle::{AnsiColor, Style};
use comfy_table::{Table, presets};
use interlink_annotations_policy::response::split_message;
use serde::Serialize;

use crate::document::{Origin, Problem};
use crate::host::Answer;
use crate::review::{EvaluatedAs, Review};

/// The outcomes of all objects, and the problems with what was not evaluated.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    results: Vec<Outcome>,
    problems: Vec<Problem>,
}

/// The outcome of one object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    #[serde(flatten)]
    origin: Origin,
    namespace: String,
    kind: String,
    name: String,
    /// `None` if the policy does not check such objects, and accepts them.
    #[serde(rename = "judgedAs")]
    evaluated_as: Option<EvaluatedAs>,
    accepted: bool,
    #[serde(rename = "writersUnknown")]
    has_unknown_owners: bool,
    /// The HTTP status of a refusal.
    code: Option<u16>,
    /// The findings that a refusal lists, one by one.
    findings: Vec<String>,
    warnings: Vec<String>,
    audit_annotations: BTreeMap<String, String>,
}

impl Report {
    /// Adds the policy's answer to a review.
    pub fn add(&mut self, review: &Review, answer: Answer) {
        let message = answer.message.unwrap_or_default();
        let findings = match answer.code {
            // A single finding, in which a user's key may stand without quotes.
            Some(400) => vec![message.as_str()],
            _ => split_message(&message),
        };
        self.results.push(Outcome {
            origin: review.origin.clone(),
            namespace: review.namespace().to_owned(),
            kind: review.kind().to_owned(),
            name: review.name(),
            evaluated_as: Some(review.evaluated_as).filter(|_| !answer.accepted || review.is_checked()),
            accepted: answer.accepted,
            has_unknown_owners: review.has_unknown_owners(),
            code: answer.code,
            findings: findings.into_iter().filter(|text| !text.is_empty()).map(str::to_owned).collect(),
            warnings: answer.warnings,
            audit_annotations: answer.audit_annotations,
        });
    }

    /// Adds a problem with a document that was not evaluated.
    pub fn add_problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Returns whether there is a document that was not evaluated.
    pub fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Returns the number of objects with annotations that interLink writes, but without managed fields.
    pub fn with_unknown_owners(&self) -> usize {
        self.results.iter().filter(|result| result.has_unknown_owners).count()
    }

    /// Returns the number of objects that the policy checked.
    pub fn checked(&self) -> usize {
        self.results.iter().filter(|result| result.evaluated_as.is_some()).count()
    }

    /// Returns the number of objects that the policy refused.
    pub fn refused(&self) -> usize {
        self.results.iter().filter(|result| !result.accepted).count()
    }

    /// Returns the report as JSON, in which every character that could control a terminal is escaped.
    ///
    /// # Errors
    /// If the report cannot be serialized, for which no case is known.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let json = serde_json::to_string_pretty(self)?;
        let mut escaped = String::with_capacity(json.len());
        for character in json.chars() {
            if character.is_ascii() || character.escape_debug().len() == 1 {
                escaped.push(character);
            } else {
                let units = character.encode_utf16(&mut [0; 2]).to_vec();
                escaped.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
            }
        }
        Ok(escaped)
    }

    fn fmt_results(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["NAMESPACE", "KIND", "NAME", "JUDGED AS", "VERDICT"]);
        for result in &self.results {
            table.add_row(result.cells());
        }
        let mut lines = table.lines();
        writeln!(f, "{}", lines.next().unwrap_or_default().trim())?;
        for (line, result) in lines.zip(&self.results) {
            let style = result.style();
            writeln!(f, "{style}{}{style:#}", line.trim())?;
            result.fmt_findings(f)?;
        }
        writeln!(f)
    }

    fn fmt_totals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (checked, refused) = (self.checked(), self.refused());
        write!(f, "{} accepted, {refused} refused", checked - refused)?;
        let unchecked = self.results.len() - checked;
        if unchecked > 0 {
            write!(f, ", {unchecked} not checked, because the policy does not cover their kind or operation")?;
        }
        if self.has_problems() {
            write!(f, ", {} not readable", self.problems.len())?;
        }
        writeln!(f)
    }
}

const REFUSED: Style = AnsiColor::Red.on_default().bold();
const ACCEPTED: Style = AnsiColor::Green.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default();

/// The report as a table with each object's findings below it, and a line with the totals.
///
/// It has colours; where they are not wanted, the writer removes them.
impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.results.is_empty() {
            self.fmt_results(f)?;
        }
        self.fmt_totals(f)
    }
}

impl Outcome {
    fn cells(&self) -> [String; 5] {
        [
            printable_name(&self.namespace),
            printable_name(&self.kind),
            printable_name(&self.name),
            self.evaluated_as.map_or("-", EvaluatedAs::name).to_owned(),
            self.verdict(),
        ]
    }

    fn verdict(&self) -> String {
        match (self.accepted, self.code) {
            (true, _) if self.evaluated_as.is_none() => "not checked".to_owned(),
            (true, _) if self.has_unknown_owners => "accepted, writers unknown".to_owned(),
            (true, _) => "accepted".to_owned(),
            (false, Some(code)) => format!("refused ({code})"),
            (false, None) => "refused".to_owned(),
        }
    }

    fn style(&self) -> Style {
        match (self.accepted, self.evaluated_as) {
            (false, _) => REFUSED,
            (true, Some(_)) => ACCEPTED,
            (true, None) => Style::new(),
        }
    }

    fn fmt_findings(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !(self.findings.is_empty() && self.warnings.is_empty()) {
            writeln!(f, "    in {}", self.origin)?;
        }
        for finding in &self.findings {
            writeln!(f, "    {}", printable_text(finding))?;
        }
        for warning in &self.warnings {
            writeln!(f, "    {WARNING}warning:{WARNING:#} {}", printable_text(warning))?;
        }
        Ok(())
    }
}

/// Escapes every character of a user's name that could control a terminal; `-` stands for no name.
fn printable_name(name: &str) -> String {
    match name {
        "" => "-".to_owned(),
        name => name.escape_debug().to_string(),
    }
}

/// Replaces control characters by spaces. This policy's texts have none, but `--module` evaluates any module.
pub fn printable_text(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
