//! The documents that are read, their origins, and the problems with them.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// The file name that stands for standard input.
pub const STANDARD_INPUT: &str = "-";

/// The location where a document was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The file as the user named it, or as it was found in a folder that the user named; or a cluster's context and
    /// the kind of its objects.
    #[serde(serialize_with = "as_text")]
    pub(crate) file: Arc<str>,
    /// The line on which the document begins, counted from 1.
    pub(crate) line: Option<usize>,
    /// The path within a list, such as `items[0]`; empty outside of a list.
    pub(crate) item: String,
}

/// A document as JSON text, and its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The origin.
    pub origin: Origin,
    /// The text. Each of its lines has the number of the line in the file with the same content.
    pub text: Vec<u8>,
    /// Whether it is skipped if it is not a Kubernetes object: it is neither in a file that the user named nor in a
    /// list of objects.
    pub is_optional: bool,
}

/// An error, and its origin.
///
/// Its text is one line: the origin, the error with its cause, and the fix unless it is obvious.
#[derive(Debug, thiserror::Error, Serialize)]
#[error("{origin}: {error}")]
pub struct Problem {
    #[serde(flatten)]
    origin: Origin,
    #[serde(rename = "message", serialize_with = "as_text")]
    #[source]
    error: Box<dyn Error + Send + Sync>,
}

impl Origin {
    /// Creates the origin of a whole file.
    pub fn file(file: &str) -> Self {
        Self { file: file.into(), line: None, item: String::new() }
    }

    /// Creates the origin of a whole file, by its path.
    pub fn path(file: &Path) -> Self {
        Self::file(&file.display().to_string())
    }

    /// Returns the source of the document: a file, or the kind of a cluster's objects.
    pub fn source(&self) -> &Arc<str> {
        &self.file
    }

    /// Returns the line on which the document begins, counted from 1.
    pub(crate) fn line(&self) -> Option<usize> {
        self.line
    }

    /// Returns the origin of a document that begins on this line of the file.
    #[must_use]
    pub fn at_line(&self, line: usize) -> Self {
        Self { line: Some(line), ..self.clone() }
    }

    /// Returns the origin of a list's item, by its path within the list.
    pub(crate) fn item(&self, step: &str) -> Self {
        let separator = if self.item.is_empty() { "" } else { "." };
        Self { item: [&*self.item, step].join(separator), ..self.clone() }
    }

    /// Creates a problem with this origin.
    pub fn problem(self, error: impl Into<Box<dyn Error + Send + Sync>>) -> Problem {
        let error = error.into();
        match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(ErrorKind::NotFound) => Problem { origin: self, error: "does not exist".into() },
            _ => Problem { origin: self, error },
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.file {
            STANDARD_INPUT => f.write_str("standard input")?,
            file => write!(f, "{}", file.escape_debug())?,
        }
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        match self.item.as_str() {
            "" => Ok(()),
            item => write!(f, " {item}"),
        }
    }
}

impl Problem {
    /// Returns the origin.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Adds a note about the consequences.
    pub(crate) fn with_note(self, note: &str) -> Self {
        self.origin.problem(format!("{}; {note}", self.error))
    }

    /// Returns what is wrong, without the origin.
    pub(crate) fn message(&self) -> String {
        self.error.to_string()
    }
}

#[cfg(test)]
impl Problem {
    pub(crate) fn line(&self) -> Option<usize> {
        self.origin.line
    }
}

/// Returns the last error in the chain of sources, which says most.
pub(crate) fn root_cause<'e>(mut error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

pub(crate) fn as_text<S: Serializer>(text: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(text)
}

/// Removes the positions from a parser's message. They count from where the parser began, not from the file's first
/// line.
pub(crate) fn without_positions(message: &str) -> String {
    fn skip_number(text: &str) -> &str {
        text.trim_start_matches(|c: char| c.is_ascii_digit())
    }
    let mut parts = message.split(" at line ");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = skip_number(part);
        text += rest.strip_prefix(" column ").map_or(rest, skip_number);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_positions_from_messages() {
        let message = "no , at line 7 column 1, while parsing a map at line 2 column 4";
        assert_eq!(without_positions(message), "no ,, while parsing a map");
    }
}
