//! How a user's text is shown: quoted, escaped and cut, so that it can neither pass for ours nor steer a terminal.

use std::collections::BTreeSet;

/// How many characters of a user's text are shown.
const LONGEST: usize = 64;

/// Whether two names are the same. Where neither is known to the compiler, `==` goes byte by byte.
#[inline(always)]
pub fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && is_same_text(a, b)
}

/// Written out in each place, this would take three kilobytes.
#[inline(never)]
fn is_same_text(a: &[u8], b: &[u8]) -> bool {
    let ((a_words, a_rest), (b_words, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    a_words.iter().eq(b_words) && a_rest.iter().eq(b_rest)
}

/// The text between quotes, escaped, and cut at 64 characters.
pub fn quote(text: &str) -> String {
    format!("\"{}\"", clip(text))
}

/// The text cut at 64 characters, without quotes. Whatever has no shape of its own is escaped: control,
/// bidirectional, zero-width and combining characters.
pub fn clip(text: &str) -> String {
    let mut shown = String::new();
    let mut room = LONGEST;
    for character in text.chars() {
        // Rust escapes apostrophes too, for the sake of its own literals.
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

/// The same for text that may not be UTF-8.
pub fn clip_bytes(text: &[u8]) -> String {
    clip(&String::from_utf8_lossy(text))
}

/// Whether a text, space around it aside, could be more than one value where interLink pastes it into a manifest: it
/// has a control character such as a line break, or the `---` at which interLink parts manifests, on whatever line.
pub fn injects(text: &str) -> bool {
    let breaks = |character: char| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
    text.trim().contains(breaks) || holds(text, "---")
}

/// Whether a text has another within: `contains` would take four kilobytes, to be quick where texts are long.
pub fn holds(text: &str, part: &str) -> bool {
    part.is_empty() || text.as_bytes().windows(part.len()).any(|window| is_same(window, part.as_bytes()))
}

/// The entries of a list with commas, as interLink reads one: without the space around them, and without empty ones.
pub fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

/// The set of some texts, for where a hostile object may have thousands to look up. It grows one by one: collecting
/// them would sort them first, for which the standard library takes 9 KB of module.
pub fn set_of<'t>(texts: impl Iterator<Item = &'t str>) -> BTreeSet<&'t str> {
    let mut set = BTreeSet::new();
    set.extend(texts);
    set
}

/// How many items of a list are shown.
const MOST_ITEMS: usize = 3;

/// The first items of a list, and how many more there are.
pub fn first_of(items: &[String]) -> String {
    let (shown, rest) = items.split_at(items.len().min(MOST_ITEMS));
    match rest.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The text cut so that it has at most `longest` characters, the mark of the cut included.
pub fn shorten(mut text: String, longest: usize) -> String {
    if text.chars().count() > longest {
        let end = text.char_indices().nth(longest - 1).map_or(0, |(at, _)| at);
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
    fn plain_text_is_quoted_as_it_is() {
        assert_eq!(quote("it's 10.244.1.5, é"), "\"it's 10.244.1.5, é\"");
    }

    #[test]
    fn what_could_mislead_is_escaped() {
        assert_eq!(quote("a\"b\\c"), r#""a\"b\\c""#);
        assert_eq!(quote("\u{1b}[2J\r\n\0"), r#""\u{1b}[2J\r\n\0""#);
        assert_eq!(quote("\u{202e}\u{2066}\u{200b}\u{feff}"), r#""\u{202e}\u{2066}\u{200b}\u{feff}""#);
    }

    #[test]
    fn long_text_is_cut_at_64_characters() {
        assert_eq!(clip(&"é".repeat(64)), "é".repeat(64));
        assert_eq!(clip(&"é".repeat(65)), "é".repeat(64) + "…");
        assert_eq!(clip(&"\0".repeat(100)), "\\0".repeat(32) + "…");
    }

    #[test]
    fn a_long_list_is_counted() {
        let items = ["a", "b", "c", "d", "e"].map(str::to_owned);
        assert_eq!(first_of(&items[..1]), "a");
        assert_eq!(first_of(&items[..3]), "a, b, c");
        assert_eq!(first_of(&items), "a, b, c and 2 more");
    }

    #[test]
    fn shorten_counts_its_mark() {
        assert_eq!(shorten("abcdé".to_owned(), 5), "abcdé");
        assert_eq!(shorten("abcdéf".to_owned(), 5), "abcd…");
    }

    proptest! {
        #[test]
        fn nothing_shown_is_a_control_character(text in any::<String>()) {
            let shown = quote(&text);
            prop_assert!(shown.chars().all(|c| !c.is_control()));
            prop_assert!(shown.chars().count() <= LONGEST + 3);
        }
    }
}
