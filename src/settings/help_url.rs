//! The setting `helpURL`.

use std::borrow::Cow;

use json_scan::{DecodeError, Reader};

use super::decode::string_or;

/// The length in bytes of the longest address, which leaves room for findings in a message.
const LONGEST: usize = 256;

const FIX: &str = "use the address of a web page, such as https://example.org/interlink";

/// Decodes the address of a web page. It has no character that could be confused with the rest of a message.
pub(super) fn decode<'a>(reader: &mut Reader<'a>) -> Result<Cow<'a, str>, DecodeError> {
    let url = string_or(reader, FIX)?;
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if rest.is_none_or(str::is_empty) {
        return Err(DecodeError::new("is not the address of a web page").hint(FIX));
    }
    if url.len() > LONGEST {
        return Err(DecodeError::new(format!("is longer than {LONGEST} characters")).hint("use a shorter address"));
    }
    if !url.bytes().all(is_allowed) {
        let fix = "percent-encode all other characters than those of RFC 3986";
        return Err(DecodeError::new("has a character that an address cannot have").hint(fix));
    }
    Ok(url)
}

/// Returns whether RFC 3986 allows a character in an address.
fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode_json(json: &str) -> Result<String, String> {
        decode(&mut Reader::new(json.as_bytes())).map(Cow::into_owned).map_err(|error| error.to_string())
    }

    #[test]
    fn accepts_addresses_of_web_pages() {
        for url in ["https://example.org/interlink", "http://wiki/hpc?a=b;c#d", &format!("https://{}", "x".repeat(248))]
        {
            assert_eq!(decode_json(&format!("{url:?}")), Ok(url.to_owned()));
        }
    }

    #[test]
    fn rejects_other_text() {
        for (json, problem) in [
            ("7", "must be a string, but is a number; use the address"),
            (r#""""#, "is not the address of a web page; use"),
            (r#""https://""#, "is not the address of a web page"),
            (r#""ftp://example.org""#, "is not the address of a web page"),
            (r#""javascript:alert(1)""#, "is not the address of a web page"),
            (r#""https://example.org/a b""#, "has a character that"),
            (r#""https://example.org/\"""#, "has a character that"),
            (r#""https://example.org/é""#, "has a character that"),
            (&format!("\"https://{}\"", "x".repeat(249)), "is longer than 256 characters; use a shorter"),
        ] {
            let error = decode_json(json).unwrap_err();
            assert!(error.starts_with(&format!("payload: {problem}")), "{json}: {error}");
        }
    }
}
