//! Go's duration grammar, as `time.ParseDuration` reads it: interLink's, and so ours.
//!
//! A duration is an optional sign and one or more decimal numbers, each with a unit: `90s`, `1h30m`, `1.5h`. The
//! result is in nanoseconds. `tests/oracle/go-durations.jsonl` holds what Go itself answers to 12,090 strings.

use std::fmt::Write;

/// The units, largest first, with their nanoseconds. Both signs for micro, U+00B5 and U+03BC, are Go's.
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

/// The magnitude of the most negative duration; a positive one ends one nanosecond earlier.
const LIMIT: u64 = 1 << 63;

/// Why Go would not read a text as a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error<'a> {
    Empty,
    /// A number or a sign stands where it cannot, or is missing.
    Malformed,
    MissingUnit,
    UnknownUnit(&'a str),
    /// More than about 292 years.
    Overflow,
}

/// The nanoseconds of a duration.
///
/// # Errors
/// Where `time.ParseDuration` has one.
pub fn parse(text: &str) -> Result<i64, Error<'_>> {
    let (negative, mut rest) = match text.as_bytes() {
        [] => return Err(Error::Empty),
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(Error::Malformed);
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (nanoseconds, behind) = parse_term(rest)?;
        total = total.checked_add(nanoseconds).filter(|sum| *sum <= LIMIT).ok_or(Error::Overflow)?;
        rest = behind;
    }
    if negative { Ok(0_i64.wrapping_sub_unsigned(total)) } else { i64::try_from(total).map_err(|_| Error::Overflow) }
}

/// Reads one number with its unit; returns its nanoseconds and what follows.
fn parse_term(text: &str) -> Result<(u64, &str), Error<'_>> {
    let (whole, rest) = split_digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => split_digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(Error::Malformed);
    }
    let whole = parse_whole(whole)?;
    let unit_end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    if unit.is_empty() {
        return Err(Error::MissingUnit);
    }
    let (_, scale) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or(Error::UnknownUnit(unit))?;
    let nanoseconds = whole
        .checked_mul(scale)
        .and_then(|value| value.checked_add(fraction_of(fraction, scale)))
        .filter(|value| *value <= LIMIT)
        .ok_or(Error::Overflow)?;
    Ok((nanoseconds, rest))
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// No digits are zero, as in `.5s`.
fn parse_whole(digits: &str) -> Result<u64, Error<'_>> {
    digits
        .bytes()
        .try_fold(0_u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
        .filter(|value| *value <= LIMIT)
        .ok_or(Error::Overflow)
}

/// The nanoseconds of the digits behind a decimal point, in Go's own floating-point steps: it drops the digits
/// that no longer fit 63 bits, and cuts off what is left of a nanosecond.
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

/// A text that Go reads as this many nanoseconds: `1h30m`.
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
    fn answers_as_go_does() {
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
    fn errors_say_what_is_wrong() {
        assert_eq!(parse(""), Err(Error::Empty));
        assert_eq!(parse("30"), Err(Error::MissingUnit));
        assert_eq!(parse("1d"), Err(Error::UnknownUnit("d")));
        assert_eq!(parse("30 s"), Err(Error::UnknownUnit(" s")));
        assert_eq!(parse("s"), Err(Error::Malformed));
        assert_eq!(parse("3000000h"), Err(Error::Overflow));
    }

    proptest! {
        #[test]
        fn what_is_formatted_reads_back(nanoseconds in 0..=i64::MAX as u64) {
            let text = format(nanoseconds);
            prop_assert_eq!(parse(&text), Ok(nanoseconds as i64));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[-+]?([0-9.]{0,25}(h|m|s|ms|us|µs|μs|ns|d| )?){0,4}") {
            let _ = parse(&text);
        }
    }
}
