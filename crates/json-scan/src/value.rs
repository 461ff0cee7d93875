//! One JSON value, as text.

use std::borrow::Cow;
use std::str::FromStr;

use crate::error::{Context, DecodeError};
use crate::unescape::unescape;

/// The text of one JSON value, without the white space around it. Nothing inside it has been decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a>(pub(crate) &'a [u8]);

impl<'a> Value<'a> {
    /// Returns the text.
    pub fn text(self) -> &'a [u8] {
        self.0
    }

    /// Decodes a string. Borrows it unless it has escapes.
    ///
    /// # Errors
    /// If the value is not a string, has a wrong escape, or is not UTF-8.
    pub fn to_str(self) -> Result<Cow<'a, str>, DecodeError> {
        match self.0 {
            [b'"', inner @ .., b'"'] if is_plain(inner) => {
                str::from_utf8(inner).map(Cow::Borrowed).map_err(|_| DecodeError::new("is not UTF-8"))
            }
            [b'"', inner @ .., b'"'] => unescape(inner).map(Cow::Owned),
            _ => Err(self.type_error("a string")),
        }
    }

    /// Parses a number. Returns `None` if the value is not a number of this type.
    pub fn to_number<T: FromStr>(self) -> Option<T> {
        str::from_utf8(self.0).ok()?.parse().ok()
    }

    /// Returns whether this is a string.
    pub fn is_string(self) -> bool {
        self.0.starts_with(b"\"")
    }

    /// Returns whether this is `null`.
    pub fn is_null(self) -> bool {
        self.0 == b"null"
    }

    /// Returns whether this is `true`.
    pub fn is_true(self) -> bool {
        self.0 == b"true"
    }

    /// Checks that this is an object.
    ///
    /// # Errors
    /// If the value is not an object.
    pub fn expect_object(self) -> Result<(), DecodeError> {
        if self.0.starts_with(b"{") { Ok(()) } else { Err(self.type_error("an object")) }
    }

    /// Creates the error for a value of the wrong type.
    #[cold]
    #[inline(never)]
    pub fn type_error(self, expected: &str) -> DecodeError {
        let found = match self.0.first() {
            Some(b'"') => "a string",
            Some(b'{') => "an object",
            Some(b'[') => "a list",
            Some(b't' | b'f') => "a boolean",
            Some(b'n') => "null",
            _ => "a number",
        };
        DecodeError::new(format!("must be {expected}, but is {found}"))
    }
}

/// Returns the value of an optional field, unless it is `null`.
#[inline]
pub fn present(value: Option<Value<'_>>) -> Option<Value<'_>> {
    value.filter(|value| !value.is_null())
}

/// Decodes the string in an optional field, which may be `null`.
///
/// # Errors
/// If the value is anything else.
pub fn optional_str<'a>(value: Option<Value<'a>>, field: &str) -> Result<Option<Cow<'a, str>>, DecodeError> {
    present(value).map(Value::to_str).transpose().at_field(field)
}

/// Returns whether the inside of a string needs no decoding.
#[expect(clippy::needless_bitwise_bool, reason = "without an early exit, the compiler compares many bytes at once")]
fn is_plain(inner: &[u8]) -> bool {
    inner.iter().fold(true, |plain, byte| plain & (*byte != b'\\') & (*byte >= b' '))
}
