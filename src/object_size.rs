//! The size of an object in a review.

use std::cell::Cell;

use json_scan::Value;
use json_scan::simd::any_pair;

/// The size in bytes above which updates of an object may exceed the policy server's limit of 2 MiB: both versions of
/// the object, and 512 KiB for the rest of the review and for what controllers add.
pub(crate) const MAX: usize = 768 * 1024;

/// The length of an escape, such as `\u003c`.
const ESCAPE: usize = 6;

/// Returns the size of an object's JSON text in bytes, as the API server sends it: without line breaks and indentation,
/// and with `<`, `>`, `&`, U+2028 and U+2029 as escapes, like Go's `encoding/json`.
///
/// The size of an object that is certainly below [`MAX`] is not counted, but estimated.
pub(crate) fn sent_size(object: Value<'_>) -> usize {
    let text = object.text();
    if text.len() <= MAX / ESCAPE {
        return text.len();
    }
    let size = Cell::new(text.len());
    // None of them ends the search.
    any_pair(
        text,
        |bytes, next| {
            let html = bytes.eq(b'<').or(bytes.eq(b'>')).or(bytes.eq(b'&'));
            let separator_end = bytes.eq(0x80).and(next.set(1).eq(0xa9));
            html.or(bytes.eq(b'\n')).or(separator_end)
        },
        |index| {
            let (before, rest) = text.split_at(index);
            let length = size.get();
            size.set(match rest[0] {
                // In JSON, line breaks are only between values. Kubewarden sends none, but manifests and dumps have them.
                b'\n' => length - 1 - rest[1..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count(),
                b'<' | b'>' | b'&' => length + ESCAPE - 1,
                // U+2028 is e2 80 a8 in UTF-8, and U+2029 is e2 80 a9.
                _ if before.ends_with(&[0xe2]) => length + ESCAPE - 3,
                _ => length,
            });
            false
        },
    );
    size.get()
}

#[cfg(test)]
mod tests {
    use json_scan::Reader;
    use serde_json::json;

    use super::*;

    fn size(text: &str) -> usize {
        sent_size(Reader::new(text.as_bytes()).value().unwrap())
    }

    #[test]
    fn counts_bytes_as_go_writes_them() {
        let filler = "x".repeat(MAX);
        for (text, expected) in [
            ("", 0),
            ("é\u{1f600}", 6),
            ("<>&", 18),
            ("\u{2028}\u{2029}", 12),
            ("\u{2027}\u{202a}\u{e2}\u{80}\u{c0a8}", 13),
            (r#"\" \\ "#, 10),
        ] {
            let object = json!({"a": [text, 7], "text": filler});
            let written = size(&object.to_string());
            assert_eq!(written, size(&json!({"a": ["", 7], "text": filler}).to_string()) + expected, "{text}");
            // Beside the names of the two fields, there is a space.
            assert_eq!(size(&serde_json::to_string_pretty(&object).unwrap()), written + 2, "{text}");
        }
    }

    #[test]
    fn estimates_the_size_of_a_small_object() {
        let longest = "<".repeat(MAX / ESCAPE - 2);
        assert_eq!(size(&json!(longest).to_string()), MAX / ESCAPE);
        assert!(size(&json!(longest + "<").to_string()) < MAX);
    }
}
