//! How a user's text is shown in messages: quoted, escaped and truncated.

use std::fmt;

use json_scan::{escape_truncated, show_name};

/// The maximum number of characters of a user's text in a message.
const SHOWN_CHARS: usize = 64;

/// The maximum number of items of a list in a message.
const SHOWN_ITEMS: usize = 3;

/// Escapes and truncates a user's text, in quotes.
pub(crate) fn quote(text: &str) -> String {
    ["\"", &escape_truncated(text, SHOWN_CHARS), "\""].concat()
}

/// Escapes and truncates the name of a field or a key, in quotes unless it is plain.
pub fn name(text: &str) -> String {
    show_name(text, SHOWN_CHARS)
}

/// The first items of a list, and the number of all others. A hostile list may have a million.
#[derive(Default)]
pub(crate) struct Summary {
    shown: Vec<String>,
    more: usize,
}

impl Summary {
    /// Adds an item. Writes its text only if it is shown.
    pub(crate) fn add(&mut self, text: impl FnOnce() -> String) {
        if self.shown.len() < SHOWN_ITEMS {
            self.shown.push(text());
        } else {
            self.more += 1;
        }
    }

    /// Returns whether there is no item.
    pub(crate) fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown.join(", "))?;
        match self.more {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// Lists the first items, and says how many more there are.
pub(crate) fn summarize<I>(items: impl Iterator<Item = I>, text: impl Fn(I) -> String) -> Summary {
    let mut summary = Summary::default();
    items.for_each(|item| summary.add(|| text(item)));
    summary
}

/// Truncates text to `max_chars` characters, including the `…` that marks the truncation.
pub(crate) fn truncate(mut text: String, max_chars: usize) -> String {
    if text.chars().count() > max_chars {
        let end = text.char_indices().nth(max_chars - 1).map_or(0, |(index, _)| index);
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_escape_and_truncate() {
        assert_eq!(quote("it's 10.250.1.5, é"), "\"it's 10.250.1.5, é\"");
        assert_eq!(quote("a\"b\\c\u{202e}"), r#""a\"b\\c\u{202e}""#);
        assert_eq!(quote(&"é".repeat(65)), format!("\"{}…\"", "é".repeat(64)));
    }

    #[test]
    fn summaries_count_the_rest_of_a_long_list() {
        let items = ["a", "b", "c", "d", "e"];
        let summary = |items: &[&str]| summarize(items.iter(), |item| (*item).to_owned()).to_string();
        assert_eq!(summary(&items[..1]), "a");
        assert_eq!(summary(&items[..3]), "a, b, c");
        assert_eq!(summary(&items), "a, b, c and 2 more");
    }

    #[test]
    fn truncation_counts_its_ellipsis() {
        assert_eq!(truncate("abcdé".to_owned(), 5), "abcdé");
        assert_eq!(truncate("abcdéf".to_owned(), 5), "abcd…");
    }

    proptest! {
        #[test]
        fn quotes_hold_no_control_character(text in any::<String>()) {
            let shown = quote(&text);
            prop_assert!(shown.chars().all(|character| !character.is_control()));
            prop_assert!(shown.chars().count() <= SHOWN_CHARS + 3);
        }
    }
}
