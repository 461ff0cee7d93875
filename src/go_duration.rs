//! Go's durations, parsed as `time.ParseDuration` does, which interLink calls.
//!
//! A duration is an optional sign and one or more decimal numbers, each with a unit: `90s`, `1h30m`, `1.5h`. Results
//! are in nanoseconds. `tests/oracle/go-durations.jsonl` has Go's own results for 12,090 strings.

use std::fmt::Write;

/// The units with their nanoseconds, largest first. Go accepts both micro signs, U+00B5 and U+03BC.
const UNITS: [(&str, u64); 8] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ns", 1),
];

/// The magnitude of the smallest duration. That of the greatest is one nanosecond less.
const LIMIT: u64 = 1 << 63;

/// The reason why a text is not a Go duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseError<'a> {
    /// The text is empty.
    Empty,
    /// A number is missing, or there is a sign where none may be.
    Malformed,
    /// A number has no unit.
    MissingUnit,
    /// A number has this unit, which Go does not know.
    UnknownUnit(&'a str),
    /// More than about 292 years.
    Overflow,
}

/// Parses a duration into nanoseconds.
///
/// # Errors
/// If `time.ParseDuration` returns one.
pub fn parse(text: &str) -> Result<i64, ParseError<'_>> {
    let (negative, mut rest) = match text.as_bytes() {
        [] => return Err(ParseError::Empty),
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(ParseError::Malformed);
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (nanoseconds, rest_of_text) = parse_term(rest)?;
        total = total.checked_add(nanoseconds).filter(|sum| *sum <= LIMIT).ok_or(ParseError::Overflow)?;
        rest = rest_of_text;
    }
    if negative {
        Ok(0_i64.wrapping_sub_unsigned(total))
    } else {
        i64::try_from(total).map_err(|_| ParseError::Overflow)
    }
}

/// Parses one number with its unit. Returns its nanoseconds and the rest of the text.
fn parse_term(text: &str) -> Result<(u64, &str), ParseError<'_>> {
    let (whole, rest) = split_digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => split_digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(ParseError::Malformed);
    }
    let whole = parse_whole(whole)?;
    let unit_end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    if unit.is_empty() {
        return Err(ParseError::MissingUnit);
    }
    let (_, scale) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or(ParseError::UnknownUnit(unit))?;
    let nanoseconds = whole
        .checked_mul(scale)
        .and_then(|value| value.checked_add(fraction_of(fraction, scale)))
        .filter(|value| *value <= LIMIT)
        .ok_or(ParseError::Overflow)?;
    Ok((nanoseconds, rest))
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// Parses the digits before a decimal point. No digits mean zero, as in `.5s`.
fn parse_whole(digits: &str) -> Result<u64, ParseError<'_>> {
    digits
        .bytes()
        .try_fold(0_u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
        .filter(|value| *value <= LIMIT)
        .ok_or(ParseError::Overflow)
}

/// Converts the digits after a decimal point to nanoseconds, with the same floating-point steps as Go: it drops digits
/// that do not fit into 63 bits, and truncates the result.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "Go does the same, with the same loss"
)]
fn fraction_of(digits: &str, scale: u64) -> u64 {
    let mut value = 0_u64;
    let mut divisor = 1_f64;
    for digit in digits.bytes() {
        if value > (LIMIT - 1) / 10 {
            break;
        }
        let next = value * 10 + u64::from(digit - b'0');
        if next > LIMIT {
            break;
        }
        value = next;
        divisor *= 10.0;
    }
    (value as f64 * (scale as f64 / divisor)) as u64
}

/// Formats nanoseconds as a Go duration, such as `1h30m`.
pub fn format(nanoseconds: u64) -> String {
    let mut text = String::new();
    let mut rest = nanoseconds;
    for (unit, scale) in UNITS.into_iter().filter(|(unit, _)| unit.is_ascii()) {
        if rest >= scale {
            let _ = write!(text, "{}{unit}", rest / scale);
            rest %= scale;
        }
    }
    if text.is_empty() {
        text.push_str("0s");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn agrees_with_go() {
        let oracle = include_str!("../tests/oracle/go-durations.jsonl");
        let mut count = 0;
        for line in oracle.lines() {
            let (text, expected): (String, Option<i64>) = serde_json::from_str(line).unwrap();
            assert_eq!(parse(&text).ok(), expected, "{text:?}");
            count += 1;
        }
        assert_eq!(count, 12_090);
    }

    #[test]
    fn distinguishes_errors() {
        assert_eq!(parse(""), Err(ParseError::Empty));
        assert_eq!(parse("30"), Err(ParseError::MissingUnit));
        assert_eq!(parse("1d"), Err(ParseError::UnknownUnit("d")));
        assert_eq!(parse("30 s"), Err(ParseError::UnknownUnit(" s")));
        assert_eq!(parse("s"), Err(ParseError::Malformed));
        assert_eq!(parse("3000000h"), Err(ParseError::Overflow));
    }

    proptest! {
        #[test]
        fn parses_what_it_formats(nanoseconds in 0..=i64::MAX) {
            let text = format(nanoseconds.unsigned_abs());
            prop_assert_eq!(parse(&text), Ok(nanoseconds));
        }

        #[test]
        fn never_panics(text in "[-+]?([0-9.]{0,25}(h|m|s|ms|us|µs|μs|ns|d| )?){0,4}") {
            let _ = parse(&text);
        }
    }
}
