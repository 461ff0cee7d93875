//! How text from the input is shown: escaped and truncated, so that it cannot control a terminal or be mistaken for
//! other text.

/// Escapes text and truncates it to `max_chars` characters, with `…` at the end if it is longer.
///
/// Escapes all characters without a shape of their own: control, bidirectional, zero-width and combining characters.
pub fn escape_truncated(text: &str, max_chars: usize) -> String {
    // Nearly all texts, and much faster.
    if text.len() <= max_chars && text.bytes().all(is_printable) {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut room = max_chars;
    for character in text.chars() {
        // Rust also escapes apostrophes, which is needed only in its own literals.
        let escaped = character.escape_debug().skip(usize::from(character == '\''));
        let Some(left) = room.checked_sub(escaped.len()) else {
            shown.push('…');
            break;
        };
        room = left;
        shown.extend(escaped);
    }
    shown
}

/// Returns whether a byte is an ASCII character that needs no escape.
fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')
}

/// Shows the name of a field or a key. The name is in quotes if it has characters other than letters, digits and
/// `._/-`, so that it cannot be mistaken for the text around it.
pub fn show_name(name: &str, max_chars: usize) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte);
    let shown = escape_truncated(name, max_chars);
    if !name.is_empty() && name.bytes().all(is_plain) { shown } else { format!("\"{shown}\"") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_plain_text() {
        assert_eq!(escape_truncated("it's 10.250.1.5, é", 64), "it's 10.250.1.5, é");
    }

    #[test]
    fn escapes_text_that_could_mislead() {
        assert_eq!(escape_truncated("a\"b\\c", 64), r#"a\"b\\c"#);
        assert_eq!(escape_truncated("\u{1b}[2J\r\n\0", 64), r"\u{1b}[2J\r\n\0");
        assert_eq!(escape_truncated("\u{202e}\u{2066}\u{200b}\u{feff}", 64), r"\u{202e}\u{2066}\u{200b}\u{feff}");
    }

    #[test]
    fn truncates_whole_characters() {
        assert_eq!(escape_truncated(&"é".repeat(64), 64), "é".repeat(64));
        assert_eq!(escape_truncated(&"é".repeat(65), 64), "é".repeat(64) + "…");
        assert_eq!(escape_truncated(&"\0".repeat(100), 64), "\\0".repeat(32) + "…");
    }

    #[test]
    fn quotes_names_that_could_pass_for_other_text() {
        for name in ["JobID", "interlink.eu/pod-vpn", "a_b"] {
            assert_eq!(show_name(name, 64), name);
        }
        for name in ["", " ", "a b", "a:", "a[0]", "a;b", "é", "a\nb"] {
            assert_eq!(show_name(name, 64), format!("\"{}\"", escape_truncated(name, 64)));
        }
        assert_eq!(show_name(&"a".repeat(65), 64), "a".repeat(64) + "…");
        assert_eq!(show_name(&" ".repeat(65), 64), format!("\"{}…\"", " ".repeat(64)));
    }

    proptest! {
        #[test]
        fn shows_no_control_character(text in any::<String>()) {
            let shown = escape_truncated(&text, 64);
            prop_assert!(shown.chars().all(|character| !character.is_control()));
            prop_assert!(shown.chars().count() <= 65);
        }
    }
}
