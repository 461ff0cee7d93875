//! Decoding the escapes of JSON strings.

use crate::error::DecodeError;

/// Decodes the inside of a string.
///
/// # Errors
/// If an escape is wrong, a control character is not escaped, or the result is not UTF-8.
pub(crate) fn unescape(inner: &[u8]) -> Result<String, DecodeError> {
    decode(inner).ok_or_else(|| DecodeError::new("is not a valid JSON string"))
}

fn decode(mut inner: &[u8]) -> Option<String> {
    let mut text = Vec::with_capacity(inner.len());
    while let Some((byte, rest)) = inner.split_first() {
        inner = rest;
        match byte {
            b'\\' => inner = take_escape(inner, &mut text)?,
            0..b' ' => return None,
            byte => text.push(*byte),
        }
    }
    String::from_utf8(text).ok()
}

/// Decodes the escape after a backslash, and returns the text after it.
fn take_escape<'a>(escape: &'a [u8], text: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (name, rest) = escape.split_first()?;
    let byte = match name {
        b'"' | b'\\' | b'/' => *name,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => {
            let (character, rest) = take_character(rest)?;
            text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(rest);
        }
        _ => return None,
    };
    text.push(byte);
    Some(rest)
}

/// Decodes the digits after `\u`, and a second such escape if the two are a surrogate pair.
fn take_character(digits: &[u8]) -> Option<(char, &[u8])> {
    let (first, rest) = take_unit(digits)?;
    if let Some(character) = char::from_u32(first.into()) {
        return Some((character, rest));
    }
    let (second, rest) = take_unit(rest.strip_prefix(b"\\u")?)?;
    let character = char::decode_utf16([first, second]).next()?.ok()?;
    Some((character, rest))
}

/// Decodes four hexadecimal digits, and returns the text after them.
fn take_unit(digits: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, rest) = digits.split_first_chunk::<4>()?;
    let unit = digits.iter().try_fold(0, |unit: u16, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(digit).ok()?)
    })?;
    Some((unit, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with_serde_json(inner: &[u8]) -> Option<String> {
        let quoted = [b"\"", inner, b"\""].concat();
        serde_json::from_slice(&quoted).ok()
    }

    #[test]
    fn decodes_every_escape() {
        let text = decode(br#"\"\\\/\b\f\n\r\t\u004aobID \uD83D\ude00 \u0000"#);
        assert_eq!(text.as_deref(), Some("\"\\/\u{8}\u{c}\n\r\tJobID \u{1f600} \0"));
    }

    #[test]
    fn rejects_wrong_escapes() {
        for inner in [r"\", r"\x", r"\u12", r"\u12g4", r"\u+123", r"\ud800", r"\ud800x", r"\ud800\u0041", r"\udc00"] {
            assert_eq!(decode(inner.as_bytes()), None, "{inner}");
        }
        assert_eq!(decode(b"\n"), None);
        assert_eq!(decode(b"\xff"), None);
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(inner in r#"([a-f0-9é]|\\["\\/bfnrtux]|\\u[dD][89a-fA-F][0-9a-f]{2}|\\u[0-9a-fA-F]{3,4}){0,12}"#) {
            prop_assert_eq!(decode(inner.as_bytes()), with_serde_json(inner.as_bytes()));
        }
    }
}
