//! The error type of this crate: a path and a problem.

use std::error::Error;
use std::fmt;

use crate::escape::show_name;

/// The maximum number of characters of a field name or key in an error.
const SHOWN_CHARS: usize = 64;

/// Why JSON text could not be decoded, and where.
///
/// Boxed, because every function that reads returns a result, and a wide result costs a tenth more instructions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    /// The innermost segment first, in the order in which callers add them.
    path: Vec<Segment>,
    problem: String,
}

/// One step from a value to a value inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// A field that the schema names: `.name`.
    Field(String),
    /// A key that a user chose: `[key]`.
    Key(String),
    /// An element of a list: `[0]`.
    Index(usize),
}

impl DecodeError {
    /// Creates an error about the value at hand. Callers add its path with [`Context`].
    #[cold]
    #[inline(never)]
    pub fn new(problem: impl Into<String>) -> Self {
        Self(Box::new(Inner { path: Vec::new(), problem: problem.into() }))
    }

    /// Creates the error for text that is not JSON.
    #[cold]
    #[inline(never)]
    pub(crate) fn syntax(expected: &str) -> Self {
        Self::new(format!("is not valid JSON: {expected} is missing"))
    }

    /// Adds how to fix the problem.
    #[must_use]
    pub fn hint(mut self, fix: &str) -> Self {
        self.0.problem = format!("{}; {fix}", self.0.problem);
        self
    }

    /// Adds a field name that has not been checked to be UTF-8.
    #[cold]
    #[inline(never)]
    pub(crate) fn at_name(self, name: &[u8]) -> Self {
        self.at(Segment::Field(String::from_utf8_lossy(name).into_owned()))
    }

    #[cold]
    #[inline(never)]
    fn at(mut self, segment: Segment) -> Self {
        self.0.path.push(segment);
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { path, problem } = &*self.0;
        if path.is_empty() {
            f.write_str("payload")?;
        }
        for (index, segment) in path.iter().rev().enumerate() {
            match segment {
                Segment::Field(name) => {
                    f.write_str(if index == 0 { "" } else { "." })?;
                    f.write_str(&show_name(name, SHOWN_CHARS))?;
                }
                Segment::Key(key) => write!(f, "[{}]", show_name(key, SHOWN_CHARS))?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        write!(f, ": {problem}")
    }
}

impl Error for DecodeError {}

/// Adds the path of a value to the errors about it, from the innermost step outwards.
pub trait Context: Sized {
    /// The value is in a field that the schema names.
    #[must_use]
    fn at_field(self, name: &str) -> Self;

    /// The value is at the end of a path of fields.
    #[must_use]
    fn at_path(self, path: &[&str]) -> Self;

    /// The value is under a key that a user chose.
    #[must_use]
    fn at_key(self, key: &[u8]) -> Self;

    /// The value is an element of a list.
    #[must_use]
    fn at_index(self, index: usize) -> Self;
}

impl Context for DecodeError {
    #[cold]
    #[inline(never)]
    fn at_field(self, name: &str) -> Self {
        self.at(Segment::Field(name.to_owned()))
    }

    #[cold]
    #[inline(never)]
    fn at_path(self, path: &[&str]) -> Self {
        path.iter().rev().fold(self, |error, name| error.at_field(name))
    }

    #[cold]
    #[inline(never)]
    fn at_key(self, key: &[u8]) -> Self {
        self.at(Segment::Key(String::from_utf8_lossy(key).into_owned()))
    }

    #[cold]
    #[inline(never)]
    fn at_index(self, index: usize) -> Self {
        self.at(Segment::Index(index))
    }
}

impl<T> Context for Result<T, DecodeError> {
    #[inline]
    fn at_field(self, name: &str) -> Self {
        self.map_err(|error| error.at_field(name))
    }

    #[inline]
    fn at_path(self, path: &[&str]) -> Self {
        self.map_err(|error| error.at_path(path))
    }

    #[inline]
    fn at_key(self, key: &[u8]) -> Self {
        self.map_err(|error| error.at_key(key))
    }

    #[inline]
    fn at_index(self, index: usize) -> Self {
        self.map_err(|error| error.at_index(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_path_from_the_outside_in() {
        let error = DecodeError::new("is wrong").at_key(b"a/b").at_index(7).at_path(&["spec", "list"]).hint("fix it");
        assert_eq!(error.to_string(), "spec.list[7][a/b]: is wrong; fix it");
        assert_eq!(DecodeError::new("is wrong").to_string(), "payload: is wrong");
    }

    #[test]
    fn quotes_and_truncates_names_from_the_input() {
        let hostile = format!("\u{1b}[2J{}", "x".repeat(100));
        for error in [DecodeError::new("").at_field(&hostile), DecodeError::new("").at_key(hostile.as_bytes())] {
            let text = error.to_string();
            assert!(text.contains("\"\\u{1b}[2Jx") && text.chars().count() < 80, "{text}");
        }
    }
}
