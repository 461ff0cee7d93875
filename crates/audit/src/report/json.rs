//! JSON, for programs. `docs/report.schema.json` describes it.

use std::io::{self, Write};

use serde::Serialize;

use super::table::print_error;
use super::{Format, Output, Summary};
use crate::document::Problem;
use crate::outcome::Outcome;

/// The version of the format. A new one may lack what this one has.
const VERSION: u32 = 1;

/// One JSON object: the version, the results as they come, the problems and the summary.
pub struct Json {
    output: Output,
    problems: Vec<Vec<u8>>,
    has_results: bool,
}

impl Json {
    /// Begins a report.
    pub fn new(output: Output) -> Self {
        Self { output, problems: Vec::new(), has_results: false }
    }

    fn begin_result(&mut self) -> io::Result<()> {
        let start = if self.has_results { "," } else { "" };
        if !self.has_results {
            write!(self.output, "{{\n  \"version\": {VERSION},\n  \"results\": [")?;
        }
        self.has_results = true;
        write!(self.output, "{start}\n    ")
    }
}

impl Format for Json {
    fn outcome(&mut self, outcome: &Outcome) -> io::Result<()> {
        self.begin_result()?;
        let text = to_json(outcome, 2)?;
        self.output.write_all(&text)?;
        self.output.flush()
    }

    fn problem(&mut self, problem: &Problem) -> io::Result<()> {
        print_error(problem);
        self.problems.push(to_json(problem, 2)?);
        Ok(())
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        let results = if self.has_results {
            "\n  ]".to_owned()
        } else {
            format!("{{\n  \"version\": {VERSION},\n  \"results\": []")
        };
        write!(self.output, "{results},\n  \"problems\": [")?;
        for (index, problem) in self.problems.iter().enumerate() {
            self.output.write_all(if index == 0 { b"\n    " } else { b",\n    " })?;
            self.output.write_all(problem)?;
        }
        let end = if self.problems.is_empty() { "]" } else { "\n  ]" };
        write!(self.output, "{end},\n  \"summary\": ")?;
        self.output.write_all(&to_json(summary, 1)?)?;
        writeln!(self.output, "\n}}")?;
        self.output.flush()
    }
}

/// Returns a value as JSON that is indented by some levels, in which every character that could control a terminal is
/// escaped.
fn to_json(value: &impl Serialize, levels: usize) -> io::Result<Vec<u8>> {
    let indent = format!("\n{}", "  ".repeat(levels));
    let json = serde_json::to_string_pretty(value)?;
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        // No string has a line break: JSON escapes it.
        if character == '\n' {
            escaped.push_str(&indent);
        } else if character == '"' || character == '\'' || character == '\\' || character.escape_debug().len() == 1 {
            escaped.push(character);
        } else {
            let units = character.encode_utf16(&mut [0; 2]).to_vec();
            escaped.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    Ok(escaped.into_bytes())
}
