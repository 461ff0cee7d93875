//! A duration is what a slow reading in whole numbers makes of it, but for a nanosecond by which Go's floating point
//! may err in each fraction.
#![no_main]

use std::sync::LazyLock;

use interlink_annotations_policy::go_duration::{self, parse};
use libfuzzer_sys::fuzz_target;
use regex::Regex;

const ONE: &str = "([0-9]+[.]?[0-9]*|[.][0-9]+)(h|ms|m|s|us|µs|μs|ns)";
static TERM: LazyLock<Regex> = LazyLock::new(|| Regex::new(ONE).unwrap());
static DURATION: LazyLock<Regex> = LazyLock::new(|| Regex::new(&format!("^[-+]?(0|({ONE})+)$")).unwrap());

fuzz_target!(|text: &str| {
    let limit = i64::MAX as u128 + u128::from(text.starts_with('-'));
    match (parse(text), read_slowly(text)) {
        (Ok(read), Some((nanoseconds, fractions))) => {
            assert!(u128::from(read.unsigned_abs()).abs_diff(nanoseconds) <= fractions, "{read} is {nanoseconds}");
            assert!(read == 0 || (read < 0) == text.starts_with('-'));
            if let Ok(positive) = u64::try_from(read) {
                assert_eq!(parse(&go_duration::format(positive)), Ok(read));
            }
        }
        (Err(_), Some((nanoseconds, fractions))) => assert!(nanoseconds.saturating_add(fractions) > limit),
        (read, None) => assert!(read.is_err()),
    }
});

/// The nanoseconds of a duration without its sign, and how many fractions it has.
fn read_slowly(text: &str) -> Option<(u128, u128)> {
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
            // A number with more digits than fit is too long anyway, and a fraction's 19th digit below a nanosecond.
            let whole = format!("0{whole}").parse().unwrap_or(u128::MAX).saturating_mul(unit);
            let part = format!("{fraction:0<18.18}").parse::<u128>().unwrap() * unit / 10_u128.pow(18);
            (sum.saturating_add(whole).saturating_add(part), fractions + u128::from(!fraction.is_empty()))
        })
    })
}
