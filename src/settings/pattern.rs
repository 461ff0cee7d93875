//! Patterns for names, in which `*` matches any text.

use std::borrow::Cow;

use json_scan::{DecodeError, Reader};

use super::decode::string;
use crate::escape::quote;

/// Text in which `*` matches any text, including none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern<'a>(Cow<'a, str>);

impl<'a> Pattern<'a> {
    /// Creates a pattern from text in this program.
    pub(super) const fn from_static(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let text = string(reader)?;
        if text.is_empty() || text.trim() != text {
            let text = quote(&text);
            return Err(DecodeError::new(format!("{text} is empty or has space around it; use a name or a pattern")));
        }
        Ok(Self(text))
    }

    /// Returns the pattern's text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the text before the first `*`; `None` if there is no `*`.
    pub(super) fn literal_prefix(&self) -> Option<&str> {
        self.0.split_once('*').map(|(prefix, _)| prefix)
    }

    /// Returns the text after the last `*`; `None` if there is no `*`.
    pub(super) fn literal_suffix(&self) -> Option<&str> {
        self.0.rsplit_once('*').map(|(_, suffix)| suffix)
    }

    /// Returns whether the pattern matches the whole text. Takes at most as many steps as the product of both lengths.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let (mut pattern, mut text) = (self.0.as_bytes(), text.as_bytes());
        // The pattern after the last star, and the text from which it was last tried.
        let mut retry: Option<(&[u8], &[u8])> = None;
        loop {
            match (pattern, text) {
                ([b'*', rest @ ..], _) => {
                    retry = Some((rest, text));
                    pattern = rest;
                }
                ([], []) => return true,
                ([first, pattern_rest @ ..], [byte, text_rest @ ..]) if first == byte => {
                    (pattern, text) = (pattern_rest, text_rest);
                }
                // Let the star match one more byte.
                _ => match retry {
                    Some((after_star, [_, rest @ ..])) => {
                        retry = Some((after_star, rest));
                        (pattern, text) = (after_star, rest);
                    }
                    _ => return false,
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern(pattern.into()).matches(text)
    }

    #[test]
    fn matches_stars_and_literal_text() {
        for (pattern, text) in
            [("a", "a"), ("a*", "a"), ("*a", "ba"), ("a*c*e", "abcde"), ("*-w", "-w"), ("a**b", "ab")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("a", "ab"), ("a", "ba"), ("a*a", "a"), ("ab*ba", "aba"), ("a*c*e", "abde"), ("a.b", "axb"), ("a*", "A")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_recursive_definition(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            fn defined(pattern: &[u8], text: &[u8]) -> bool {
                match (pattern, text) {
                    ([], text) => text.is_empty(),
                    ([b'*', rest @ ..], text) => (0..=text.len()).any(|start| defined(rest, &text[start..])),
                    ([byte, pattern @ ..], [other, text @ ..]) => byte == other && defined(pattern, text),
                    _ => false,
                }
            }
            prop_assert_eq!(matches(&pattern, &text), defined(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
