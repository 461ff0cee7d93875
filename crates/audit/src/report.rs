//! The outcome of a run, as a table for people and as JSON for programs.

use std::fmt::{self, Display};

use anstyle::{AnsiColor, Style};
use comfy_table::{Table, presets};
use interlink_annotations_policy::verdict::split_message;
use serde::Serialize;

use crate::host::Answer;
use crate::input::{Problem, Source};
use crate::review::{JudgedAs, Review};

/// What became of every object.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub results: Vec<Outcome>,
    /// What could not be read or judged.
    pub problems: Vec<Problem>,
}

/// What became of one object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    #[serde(flatten)]
    pub source: Source,
    pub namespace: String,
    pub kind: String,
    pub name: String,
    /// What the object was taken for; none if the policy does not look at such objects at all, and accepts them.
    pub judged_as: Option<JudgedAs>,
    pub accepted: bool,
    /// Whether the object has what interLink writes, and does not tell who wrote it.
    pub writers_unknown: bool,
    /// The HTTP status of a refusal.
    pub code: Option<u16>,
    /// What a refusal lists, one by one.
    pub findings: Vec<String>,
    pub warnings: Vec<String>,
    pub audit_annotations: std::collections::BTreeMap<String, String>,
}

impl Report {
    /// Adds what the policy said of a review.
    pub fn add(&mut self, review: &Review, answer: Answer) {
        let message = answer.message.unwrap_or_default();
        let findings = match answer.code {
            // One problem, in which a user's key may stand unquoted.
            Some(400) => vec![message.as_str()],
            _ => split_message(&message),
        };
        self.results.push(Outcome {
            source: review.source.clone(),
            namespace: review.namespace().to_owned(),
            kind: review.kind().to_owned(),
            name: review.name(),
            judged_as: Some(review.judged_as).filter(|_| !answer.accepted || review.is_judged()),
            accepted: answer.accepted,
            writers_unknown: review.is_silent_on_writers(),
            code: answer.code,
            findings: findings.into_iter().filter(|text| !text.is_empty()).map(str::to_owned).collect(),
            warnings: answer.warnings,
            audit_annotations: answer.audit_annotations,
        });
    }

    /// How many objects do not tell who wrote what interLink writes.
    pub fn with_unknown_writers(&self) -> usize {
        self.results.iter().filter(|result| result.writers_unknown).count()
    }

    /// How many objects were judged.
    pub fn judged(&self) -> usize {
        self.results.iter().filter(|result| result.judged_as.is_some()).count()
    }

    pub fn refused(&self) -> usize {
        self.results.iter().filter(|result| !result.accepted).count()
    }

    /// The report as JSON, with all escaped that could steer a terminal.
    pub fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self).expect("a report has only string keys");
        let mut escaped = String::with_capacity(json.len());
        for character in json.chars() {
            if character.is_ascii() || character.escape_debug().len() == 1 {
                escaped.push(character);
            } else {
                let units = character.encode_utf16(&mut [0; 2]).to_vec();
                escaped.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
            }
        }
        escaped
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
        table.set_header(["NAMESPACE", "KIND", "NAME", "JUDGED AS", "VERDICT"]);
        for result in &self.results {
            table.add_row([
                printable(&result.namespace),
                printable(&result.kind),
                printable(&result.name),
                result.judged_as.map_or("-", JudgedAs::name).to_owned(),
                result.verdict(),
            ]);
        }
        let mut lines = table.lines();
        let header = lines.next().filter(|_| !self.results.is_empty());
        if let Some(header) = header {
            writeln!(f, "{}", header.trim())?;
        }
        for (line, result) in lines.zip(&self.results) {
            let style = match (result.accepted, result.judged_as) {
                (false, _) => REFUSED,
                (true, Some(_)) => ACCEPTED,
                (true, None) => Style::new(),
            };
            writeln!(f, "{style}{}{style:#}", line.trim())?;
            if !(result.findings.is_empty() && result.warnings.is_empty()) {
                writeln!(f, "    in {}", result.source)?;
            }
            for finding in &result.findings {
                writeln!(f, "    {}", printable_text(finding))?;
            }
            for warning in &result.warnings {
                writeln!(f, "    {WARNING}warning:{WARNING:#} {}", printable_text(warning))?;
            }
        }
        let unjudged = self.results.len() - self.judged();
        let accepted = self.judged() - self.refused();
        let gap = if self.results.is_empty() { "" } else { "\n" };
        write!(f, "{gap}{accepted} accepted, {} refused", self.refused())?;
        for (count, what) in
            [(unjudged, "not judged, since the policy does not look at such"), (self.problems.len(), "not readable")]
        {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        writeln!(f)
    }
}

impl Outcome {
    fn verdict(&self) -> String {
        match (self.accepted, self.code) {
            (true, _) if self.judged_as.is_none() => "not judged".to_owned(),
            (true, _) if self.writers_unknown => "accepted, writers unknown".to_owned(),
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

/// A text without control characters. Ours has none, but `--module` runs any module.
pub fn printable_text(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
