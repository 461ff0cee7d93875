//! How text from the input is shown: escaped and truncated, so that it cannot control a terminal or be mistaken for
//! other text.

/// Escapes text and truncates it to `max_chars` characters, with `…` at the end if it is longer.
///
/// Escapes all characters that may have no shape of their own: control, bidirectional, zero-width and combining
/// characters, and those of most scripts.
pub fn escape_truncated(text: &str, max_chars: usize) -> String {
    // Nearly all texts, and much faster.
    if text.len() <= max_chars && text.bytes().all(|byte| byte.is_ascii() && is_visible(byte.into())) {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut room = max_chars;
    for character in text.chars() {
        let escaped = character.escape_default();
        let length = if is_visible(character) { 1 } else { escaped.len() };
        let Some(left) = room.checked_sub(length) else {
            shown.push('…');
            break;
        };
        room = left;
        if is_visible(character) {
            shown.push(character);
        } else {
            shown.extend(escaped);
        }
    }
    shown
}

/// Returns whether a character is shown as it is. The ranges have only characters with a shape: those of the standard
/// library's tables would take thousands of instructions to search.
fn is_visible(character: char) -> bool {
    !matches!(character, '"' | '\\')
        && matches!(
            character,
            // ASCII, Latin, Greek and Cyrillic, without the soft hyphen and combining characters.
            ' '..='~'
                | '\u{a1}'..='\u{ac}'
                | '\u{ae}'..='\u{2af}'
                | '\u{386}'..='\u{3a1}'
                | '\u{3a3}'..='\u{3e1}'
                | '\u{400}'..='\u{482}'
                // Punctuation, currencies, symbols and emoji, without bidirectional, zero-width and combining
                // characters.
                | '\u{2010}'..='\u{2027}'
                | '\u{2030}'..='\u{205e}'
                | '\u{20a0}'..='\u{20bf}'
                | '\u{2100}'..='\u{23ff}'
                | '\u{2500}'..='\u{27bf}'
                | '\u{3001}'..='\u{3020}'
                | '\u{1f300}'..='\u{1f3fa}'
                | '\u{1f400}'..='\u{1f64f}'
                | '\u{1f680}'..='\u{1f6d7}'
                | '\u{1f900}'..='\u{1f9ff}'
                // Kana, Chinese characters and Hangul.
                | '\u{3041}'..='\u{3096}'
                | '\u{30a1}'..='\u{30fc}'
                | '\u{4e00}'..='\u{9fff}'
                | '\u{ac00}'..='\u{d7a3}'
        )
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
        for text in ["it's 10.250.1.5, é", "Größe", "Ελλάδα", "Київ", "サーバー", "Ώρα", "超级计算", "슈퍼컴퓨터"]
        {
            assert_eq!(escape_truncated(text, 64), text);
        }
    }

    #[test]
    fn escapes_text_that_could_mislead() {
        assert_eq!(escape_truncated("a\"b\\c", 64), r#"a\"b\\c"#);
        assert_eq!(escape_truncated("\u{1b}[2J\r\n\0", 64), r"\u{1b}[2J\r\n\u{0}");
        assert_eq!(escape_truncated("\u{202e}\u{2066}\u{200b}\u{feff}", 64), r"\u{202e}\u{2066}\u{200b}\u{feff}");
    }

    #[test]
    fn truncates_whole_characters() {
        assert_eq!(escape_truncated(&"é".repeat(64), 64), "é".repeat(64));
        assert_eq!(escape_truncated(&"é".repeat(65), 64), "é".repeat(64) + "…");
        assert_eq!(escape_truncated(&"\n".repeat(100), 64), "\\n".repeat(32) + "…");
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
