//! A list in a JSON report, written as its elements come.

use std::io::{self, Write};

use serde::Serialize;

use super::text::{begins_command, is_plain};

/// A list within a JSON report, in which each element begins on a line of its own.
pub(super) struct JsonList {
    /// The report up to the list, until it is written.
    head: Option<String>,
    /// The indentation level of the elements.
    level: usize,
}

impl JsonList {
    /// Creates a list that follows this text of the report.
    pub(super) fn after(head: impl Into<String>, level: usize) -> Self {
        Self { head: Some(head.into()), level }
    }

    /// Writes an element.
    pub(super) fn push(&mut self, output: &mut impl Write, element: &impl Serialize) -> io::Result<()> {
        match self.head.take() {
            Some(head) => write!(output, "{head}[")?,
            None => write!(output, ",")?,
        }
        write!(output, "{}{}", line_break(self.level), to_json(element, self.level)?)
    }

    /// Writes the end of the list.
    pub(super) fn end(&mut self, output: &mut impl Write) -> io::Result<()> {
        match self.head.take() {
            Some(head) => write!(output, "{head}[]"),
            None => write!(output, "{}]", line_break(self.level - 1)),
        }
    }
}

fn line_break(level: usize) -> String {
    format!("\n{}", "  ".repeat(level))
}

/// Returns a value as JSON that is indented by some levels. Every character that could control a terminal or a CI
/// server is escaped.
pub(super) fn to_json(value: &impl Serialize, level: usize) -> io::Result<String> {
    let line_break = line_break(level);
    let json = serde_json::to_string_pretty(value)?;
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        // No string has a line break: JSON escapes it.
        if character == '\n' {
            escaped.push_str(&line_break);
        } else if is_plain(character) && !begins_command(&escaped, character) {
            escaped.push(character);
        } else {
            let mut units = [0; 2];
            let units = character.encode_utf16(&mut units).iter();
            escaped.extend(units.map(|unit| format!("\\u{unit:04x}")));
        }
    }
    Ok(escaped)
}
