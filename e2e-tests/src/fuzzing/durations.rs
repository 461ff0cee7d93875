//! The parser of Go durations agrees with a slow one that computes in integers. Each fraction may differ by a
//! nanosecond, because Go computes it in floating point.

use std::sync::LazyLock;

use interlink_annotations_policy::go_duration::{self, parse};
use regex::Regex;

const TERM_PATTERN: &str = "([0-9]+[.]?[0-9]*|[.][0-9]+)(h|ms|m|s|us|µs|μs|ns)";
static TERM: LazyLock<Regex> = LazyLock::new(|| Regex::new(TERM_PATTERN).unwrap());
static DURATION: LazyLock<Regex> = LazyLock::new(|| Regex::new(&format!("^[-+]?(0|({TERM_PATTERN})+)$")).unwrap());

pub(super) fn check(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let limit = i64::MAX as u128 + u128::from(text.starts_with('-'));
    match (parse(text), parse_slowly(text)) {
        (Ok(parsed), Some((nanoseconds, fractions))) => {
            let difference = u128::from(parsed.unsigned_abs()).abs_diff(nanoseconds);
            assert!(difference <= fractions, "{parsed} should be {nanoseconds}");
            assert!(parsed == 0 || (parsed < 0) == text.starts_with('-'));
            if let Ok(positive) = u64::try_from(parsed) {
                assert_eq!(parse(&go_duration::format(positive)), Ok(parsed));
            }
        }
        (Err(_), Some((nanoseconds, fractions))) => assert!(nanoseconds.saturating_add(fractions) > limit),
        (parsed, None) => assert!(parsed.is_err()),
    }
}

/// Returns the nanoseconds of a duration without its sign, and the number of its fractions.
fn parse_slowly(text: &str) -> Option<(u128, u128)> {
    DURATION.is_match(text).then(|| {
        TERM.captures_iter(text).fold((0_u128, 0), |(sum, fractions), term| {
            let (whole, fraction) = term[1].split_once('.').unwrap_or((&term[1], ""));
            let unit = match &term[2] {
                "h" => 3_600_000_000_000,
                "m" => 60_000_000_000,
                "s" => 1_000_000_000,
                "ms" => 1_000_000,
                "ns" => 1,
                _ => 1_000,
            };
            // A number that overflows is too large in any case; a fraction's 19th digit is below a nanosecond.
            let whole = format!("0{whole}").parse().unwrap_or(u128::MAX).saturating_mul(unit);
            let part = format!("{fraction:0<18.18}").parse::<u128>().unwrap() * unit / 10_u128.pow(18);
            (sum.saturating_add(whole).saturating_add(part), fractions + u128::from(!fraction.is_empty()))
        })
    })
}
