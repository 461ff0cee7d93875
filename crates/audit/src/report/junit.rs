//! JUnit's XML, for the test reports of CI servers.

use std::io::{self, Write};

use interlink_annotations_policy::Level;
use interlink_generate::reference::UNREADABLE;

use super::text::{advice, excepted_line, file, line, visible};
use super::{Format, Output, Summary};
use crate::document::{Origin, Problem};
use crate::outcome::{Finding, Outcome, Verdict};

/// A test suite with a test case for each object and problem.
///
/// It has no totals, which would have to precede the test cases. CI servers count the test cases.
pub struct JUnit {
    output: Output,
    has_begun: bool,
}

impl JUnit {
    /// Begins a report.
    pub fn new(output: Output) -> Self {
        Self { output, has_begun: false }
    }

    fn begin(&mut self) -> io::Result<()> {
        if !self.has_begun {
            self.has_begun = true;
            writeln!(self.output, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
            writeln!(self.output, "<testsuites>\n  <testsuite name=\"interlink-audit\">")?;
        }
        Ok(())
    }

    fn begin_case(&mut self, origin: &Origin, name: &str) -> io::Result<()> {
        self.begin()?;
        let (file, line) = (escape(file(origin)), line(origin, None));
        let name = escape(name);
        writeln!(self.output, r#"    <testcase classname="{file}" name="{name}" file="{file}" line="{line}">"#)
    }

    fn end_case(&mut self) -> io::Result<()> {
        writeln!(self.output, "    </testcase>")
    }

    /// Writes an element with a type and a message, and text unless that is empty.
    fn element(&mut self, name: &str, kind: &str, message: &str, text: &str) -> io::Result<()> {
        let [kind, message] = [kind, message].map(escape);
        writeln!(self.output, r#"      <{name} type="{kind}" message="{message}">{text}</{name}>"#)
    }
}

impl Format for JUnit {
    fn outcome(&mut self, outcome: &Outcome) -> io::Result<()> {
        self.begin_case(&outcome.origin, &outcome.object())?;
        let omitted = outcome.omitted();
        let (refusals, warnings): (Vec<_>, Vec<_>) =
            outcome.findings.iter().chain(&omitted).partition(|finding| finding.level == Level::Deny);
        let excepted: Vec<_> = outcome.excepted_findings.iter().map(excepted_line).collect();
        match outcome.verdict {
            Verdict::Refused => {
                let rules: Vec<_> = refusals.iter().map(|finding| finding.rule()).collect();
                self.element("failure", &rules.join(","), "refused", &lines(outcome, &refusals))?;
            }
            Verdict::Excepted => {
                let message = format!("excepted: {}", excepted.join("; "));
                writeln!(self.output, r#"      <skipped message="{}"/>"#, escape(&message))?;
            }
            Verdict::Trusted | Verdict::NotChecked => {
                writeln!(self.output, r#"      <skipped message="{}"/>"#, outcome.verdict.name())?;
            }
            Verdict::Accepted | Verdict::WritersUnknown => {}
        }
        if outcome.verdict != Verdict::Excepted {
            for line in &excepted {
                writeln!(self.output, "      <system-out>excepted: {}</system-out>", escape(line))?;
            }
        }
        if outcome.writers_unknown {
            writeln!(self.output, "      <system-out>{}</system-out>", outcome.verdict_name())?;
        }
        if !warnings.is_empty() {
            writeln!(self.output, "      <system-out>{}</system-out>", lines(outcome, &warnings))?;
        }
        self.end_case()
    }

    fn problem(&mut self, problem: &Problem) -> io::Result<()> {
        self.begin_case(problem.origin(), &problem.origin().to_string())?;
        self.element("error", UNREADABLE, &problem.message(), "")?;
        self.end_case()
    }

    fn finish(&mut self, _: &Summary) -> io::Result<()> {
        self.begin()?;
        writeln!(self.output, "  </testsuite>\n</testsuites>")?;
        self.output.flush()
    }
}

/// Returns the findings as lines of XML.
fn lines(outcome: &Outcome, findings: &[&Finding]) -> String {
    let file = file(&outcome.origin);
    let mut text = "\n".to_owned();
    for finding in findings {
        let line = line(&outcome.origin, finding.line);
        text += &escape(&format!("{} at {file}:{line}: {}", finding.rule(), advice(finding)));
        text.push('\n');
    }
    text
}

/// Escapes text for an element or an attribute. XML 1.0 has no way to write most control characters.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in visible(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_xml_does_not_allow() {
        assert_eq!(escape("]]><a b=\"'\">&\0\u{fffe}"), "]]&gt;&lt;a b=&quot;'&quot;&gt;&amp;\\0\\u{fffe}");
    }
}
