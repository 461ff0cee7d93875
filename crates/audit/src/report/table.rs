//! The format for people: a row for each object, with its findings below.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use interlink_annotations_policy::Level;
use textwrap::{Options, WordSplitter, fill};

use super::text::{excepted_line, visible};
use super::{Format, Output, Summary};
use crate::document::{Origin, Problem};
use crate::outcome::{Finding, Outcome, Verdict};
use crate::streams::print_line;

const REFUSED: Style = AnsiColor::Red.on_default().bold();
const ACCEPTED: Style = AnsiColor::Green.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// Columns of the verdict. Few are longer.
const VERDICT_COLUMNS: usize = "refused (403)".len();

/// A row for each object, with its findings below, and a line with the totals.
///
/// It has colors, which the output removes if they are not wanted.
pub struct Table {
    output: Output,
    /// Columns at which text is wrapped; `None` if it is not.
    width: Option<usize>,
    has_rows: bool,
    show_statistics: bool,
}

impl Table {
    /// Creates a table for an output with this many columns; `None` if that is no terminal.
    pub fn new(output: Output, width: Option<usize>, show_statistics: bool) -> Self {
        Self { output, width, has_rows: false, show_statistics }
    }

    fn finding(&mut self, origin: &Origin, finding: &Finding) -> io::Result<()> {
        let (level, style) = if finding.level == Level::Deny { ("deny", REFUSED) } else { ("warn", WARNING) };
        let place = Origin { line: finding.line, ..origin.clone() };
        let text = visible(&format!("{} at {place}", finding.rule()));
        writeln!(self.output, "  {style}{level}{style:#} {text}")?;
        self.wrap(&finding.text())?;
        if !finding.fix.is_empty() {
            self.wrap(&format!("fix: {}", finding.fix))?;
        }
        Ok(())
    }

    /// Writes text below a finding, wrapped between words.
    fn wrap(&mut self, text: &str) -> io::Result<()> {
        const INDENT: &str = "       ";
        let text = visible(text);
        match self.width {
            Some(width) => {
                let options = Options::new(width.max(40)).initial_indent(INDENT).subsequent_indent(INDENT);
                let options = options.word_splitter(WordSplitter::NoHyphenation).break_words(false);
                writeln!(self.output, "{}", fill(&text, options))
            }
            None => writeln!(self.output, "{INDENT}{text}"),
        }
    }
}

impl Format for Table {
    fn outcome(&mut self, outcome: &Outcome) -> io::Result<()> {
        self.has_rows = true;
        let verdict = match outcome.code {
            Some(code) => format!("{} ({code})", outcome.verdict_name()),
            None => outcome.verdict_name().to_owned(),
        };
        let style = match outcome.verdict {
            // The policy's own verdict is in another row.
            _ if outcome.is_across_objects => WARNING,
            Verdict::Refused => REFUSED,
            Verdict::Accepted => ACCEPTED,
            Verdict::WritersUnknown | Verdict::Trusted | Verdict::Excepted => WARNING,
            Verdict::NotChecked => Style::new(),
        };
        let namespace = match outcome.namespace.as_str() {
            "" => String::new(),
            namespace => format!("{namespace}/"),
        };
        let name = if outcome.name.is_empty() { "-" } else { &outcome.name };
        let Outcome { kind, origin, evaluated_as, .. } = outcome;
        let object = visible(&format!("{kind} {namespace}{name}  {origin}, {}", evaluated_as.name()));
        writeln!(self.output, "{style}{verdict:VERDICT_COLUMNS$}{style:#}  {object}")?;
        for finding in &outcome.findings {
            self.finding(&outcome.origin, finding)?;
        }
        for excepted in &outcome.excepted_findings {
            writeln!(self.output, "  excepted {}", visible(&excepted_line(excepted)))?;
        }
        if outcome.omitted_findings > 0 {
            writeln!(self.output, "  and {} more", outcome.omitted_findings)?;
        }
        self.output.flush()
    }

    fn problem(&mut self, problem: &Problem) -> io::Result<()> {
        self.output.flush()?;
        print_error(problem);
        Ok(())
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        if self.has_rows {
            writeln!(self.output)?;
        }
        if self.show_statistics && !summary.rules.is_empty() {
            let width = summary.rules.keys().map(String::len).max().unwrap_or_default();
            for (rule, count) in &summary.rules {
                let rule = visible(rule);
                writeln!(self.output, "{rule:width$}  {} deny, {} warn", count.deny, count.warn)?;
            }
            writeln!(self.output)?;
        }
        writeln!(self.output, "{}", totals(summary))?;
        self.output.flush()
    }
}

/// Returns the line with the totals. Counts of zero are left out, except refused and accepted objects.
pub(super) fn totals(summary: &Summary) -> String {
    let verdicts = [
        (summary.refused, "refused", summary.refused_writers_unknown, summary.refused_with_warnings),
        (summary.accepted, "accepted", summary.accepted_writers_unknown, summary.accepted_with_warnings),
    ];
    let verdicts = verdicts.map(|(count, verdict, writers_unknown, with_warnings)| {
        format!("{count} {verdict}{}", of_them(writers_unknown, with_warnings))
    });
    let optional = [
        (summary.excepted, "excepted"),
        (summary.trusted, "accepted unchecked (trusted writer)"),
        (
            summary.not_checked,
            "not checked (no pod template with metadata was found in them, or the policy does not cover their kind or \
             operation)",
        ),
        (summary.across_objects, "with findings across objects"),
        (summary.without_annotations, "without interLink annotations"),
        (summary.skipped, "skipped, not Kubernetes objects"),
        (summary.problems, "not evaluated"),
        (summary.omitted_findings, "findings left out"),
    ];
    let optional = optional.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    verdicts.into_iter().chain(optional).collect::<Vec<_>>().join(", ")
}

/// Returns in brackets how many of the objects with a verdict need attention.
fn of_them(writers_unknown: usize, with_warnings: usize) -> String {
    let counts = [(writers_unknown, "with unknown writers"), (with_warnings, "with warnings")];
    let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} of them {what}"));
    match counts.collect::<Vec<_>>().join(", ") {
        counts if counts.is_empty() => counts,
        counts => format!(" ({counts})"),
    }
}

/// Writes an error to standard error.
pub fn print_error(problem: &Problem) {
    print_message("error", &problem.to_string());
}

/// Writes a message of a kind, such as a note, to standard error.
pub fn print_message(kind: &str, text: &str) {
    // A library's error can have several lines.
    print_line(&format!("{kind}: {}", visible(&text.replace('\n', " "))));
}
