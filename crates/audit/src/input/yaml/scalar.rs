//! Scalars, with the types that `kubectl` gives them: those of YAML 1.1, as go-yaml reads it.

use serde_json::json;

/// Returns a scalar as JSON. `tag` is the suffix of its tag, such as `str`.
pub(super) fn to_json(text: &str, is_plain: bool, tag: Option<&str>) -> String {
    match tag {
        Some("str") => json!(text).to_string(),
        _ if is_plain || tag.is_some() => plain(text).unwrap_or_else(|| json!(text).to_string()),
        _ => json!(text).to_string(),
    }
}

/// Returns the text of a key from its JSON: JSON's keys are text.
pub(super) fn key_text(json: &str) -> String {
    serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned())
}

/// Returns the JSON of a plain scalar that is not text.
fn plain(text: &str) -> Option<String> {
    let json = match text {
        "" | "~" | "null" | "Null" | "NULL" => "null",
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => "true",
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => "false",
        _ => return number(text),
    };
    Some(json.to_owned())
}

fn number(text: &str) -> Option<String> {
    let digits = text.replace('_', "");
    let (sign, rest) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits.strip_prefix('+').unwrap_or(&digits)),
    };
    if !rest.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    let integer = ["0x", "0b", "0o"]
        .into_iter()
        .zip([16, 2, 8])
        .find_map(|(prefix, radix)| u64::from_str_radix(rest.strip_prefix(prefix)?, radix).ok());
    let octal = || u64::from_str_radix(rest, 8).ok().filter(|_| rest.starts_with('0'));
    if let Some(integer) = integer.or_else(octal).or_else(|| rest.parse().ok()) {
        return Some(format!("{sign}{integer}"));
    }
    let is_float = rest.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte))
        && rest.bytes().any(|byte| byte.is_ascii_digit());
    let float = format!("{sign}{rest}").parse::<f64>().ok().filter(|float| is_float && float.is_finite())?;
    Some(json!(float).to_string())
}
