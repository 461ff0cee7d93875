//! Workflow commands, which GitHub Actions shows beside the lines of a file.

use std::io::{self, Write};

use interlink_annotations_policy::Level;
use interlink_generate::reference::UNREADABLE;

use super::table::totals;
use super::text::{excepted_message, file, line, message, visible};
use super::{Format, Output, Summary};
use crate::document::{Origin, Problem};
use crate::outcome::{ExceptedFinding, Outcome};

/// A command for each finding and problem, and a line with the totals.
pub struct GitHub {
    output: Output,
}

impl GitHub {
    /// Begins a report.
    pub fn new(output: Output) -> Self {
        Self { output }
    }

    fn command(&mut self, name: &str, origin: &Origin, line: usize, title: &str, text: &str) -> io::Result<()> {
        let [file, title] = [file(origin), title].map(escape_property);
        writeln!(self.output, "::{name} file={file},line={line},title={title}::{}", escape(text))
    }
}

impl Format for GitHub {
    fn outcome(&mut self, outcome: &Outcome) -> io::Result<()> {
        for finding in outcome.findings.iter().chain(&outcome.omitted()) {
            let name = if finding.level == Level::Deny { "error" } else { "warning" };
            let line = line(&outcome.origin, finding.line);
            self.command(name, &outcome.origin, line, finding.rule(), &message(outcome, finding))?;
        }
        for excepted in &outcome.excepted_findings {
            let ExceptedFinding { finding, .. } = excepted;
            let line = line(&outcome.origin, finding.line);
            self.command("notice", &outcome.origin, line, finding.rule(), &excepted_message(outcome, excepted))?;
        }
        self.output.flush()
    }

    fn problem(&mut self, problem: &Problem) -> io::Result<()> {
        let origin = problem.origin();
        self.command("error", origin, line(origin, None), UNREADABLE, &problem.message())?;
        self.output.flush()
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        writeln!(self.output, "{}", totals(summary))?;
        self.output.flush()
    }
}

/// Escapes a command's message.
fn escape(text: &str) -> String {
    // No line break is left.
    visible(text).replace('%', "%25")
}

/// Escapes the value of a command's property.
fn escape_property(text: &str) -> String {
    escape(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_ends_a_message_or_property() {
        assert_eq!(escape("100%0A\n::error::"), "100%250A\\n::error::");
        assert_eq!(escape_property("a:b,c%\r"), "a%3Ab%2Cc%25\\r");
    }
}
