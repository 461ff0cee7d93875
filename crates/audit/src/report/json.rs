//! JSON, for programs. `docs/report.schema.json` describes it.

use std::io::{self, Write};

use super::json_list::{JsonList, to_json};
use super::table::print_error;
use super::{Format, Output, Summary};
use crate::document::Problem;
use crate::outcome::Outcome;

/// The version of the format. A new one may lack what this one has.
const VERSION: u32 = 1;

/// One JSON object: the version, the results as they come, the problems and the summary.
pub struct Json {
    output: Output,
    results: JsonList,
    problems: JsonList,
    /// The text of the problems, which comes after all results.
    problems_text: Vec<u8>,
}

impl Json {
    /// Begins a report.
    pub fn new(output: Output) -> Self {
        let head = format!("{{\n  \"version\": {VERSION},\n  \"results\": ");
        Self {
            output,
            results: JsonList::after(head, 2),
            problems: JsonList::after("\"problems\": ", 2),
            problems_text: Vec::new(),
        }
    }
}

impl Format for Json {
    fn outcome(&mut self, outcome: &Outcome) -> io::Result<()> {
        self.results.push(&mut self.output, outcome)?;
        self.output.flush()
    }

    fn problem(&mut self, problem: &Problem) -> io::Result<()> {
        print_error(problem);
        self.problems.push(&mut self.problems_text, problem)
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        self.results.end(&mut self.output)?;
        self.problems.end(&mut self.problems_text)?;
        write!(self.output, ",\n  ")?;
        self.output.write_all(&self.problems_text)?;
        writeln!(self.output, ",\n  \"summary\": {}\n}}", to_json(summary, 1)?)?;
        self.output.flush()
    }
}
