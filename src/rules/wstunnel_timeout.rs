//! # wstunnel-timeout
//!
//! ## What it refuses
//!
//! A value of `interlink.virtual-kubelet.io/wstunnel-timeout` that Go's `time.ParseDuration` rejects, or that is less
//! than `wstunnelTimeout.min` or more than `wstunnelTimeout.max`.
//!
//! ## Why
//!
//! If interLink cannot parse the value, it waits 30 seconds and reports nothing, so a typo goes unnoticed. If the
//! value is zero or less, the pod fails at once. While interLink waits, the virtual kubelet's only worker is busy: one
//! pod with a long timeout stops the whole node until its tunnel is ready or the time is over.
//!
//! ## How to fix it
//!
//! Write numbers with the units `h`, `m`, `s` or `ms`, without spaces: `30s`, `2m30s` or `1.5h`. There is no unit for
//! days.
//!
//! ## Settings
//!
//! - `rules.wstunnel-timeout`: `Deny` (the default), `Warn` or `Ignore`.
//! - `wstunnelTimeout.min`: the shortest timeout, `1s` by default.
//! - `wstunnelTimeout.max`: the longest timeout, `1h` by default.
//!
//! ## References
//!
//! - interLink 0.6.2, `pkg/virtualkubelet/virtualkubelet.go`: `handleWstunnelCreation` parses the value, and
//!   `waitForWstunnelPodIP` waits.
//! - interLink 0.6.2, `cmd/virtual-kubelet/main.go`: `main` starts the pod controller with one worker.
//! - Go's documentation: <https://pkg.go.dev/time#ParseDuration>.
//! - interLink's pod annotations reference: "`interlink.virtual-kubelet.io/wstunnel-timeout`".
//!
//! ## Refused
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.virtual-kubelet.io/wstunnel-timeout: "1d"
//! ```
//!
//! ## Accepted
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.virtual-kubelet.io/wstunnel-timeout: "2m30s"
//! ```

use std::time::Duration;

use humantime::format_duration;

use super::{Finding, OF_PODS, Rule};
use crate::annotations::WSTUNNEL_TIMEOUT;
use crate::go_duration::{self, Error};
use crate::settings::{Level, Settings, WstunnelTimeout};
use crate::subject::Subject;
use crate::text::quote;

pub(super) const RULE: Rule = Rule {
    id: "wstunnel-timeout",
    refuses: "`wstunnel-timeout` that Go's `time.ParseDuration` does not read, or that is outside the bounds",
    default_level: Level::Deny,
    about_writers: false,
    subjects: OF_PODS,
    check,
};

/// interLink's default.
const EXAMPLE: i64 = 30_000_000_000;

/// The longest text without a digit that a user may have taken for a unit: "nanoseconds", with a space before it.
const LONGEST_UNIT: usize = 12;

fn check<'s>(subject: &'s Subject<'_>, settings: &Settings<'_>) -> Vec<Finding<'s>> {
    let wrong = subject.get(WSTUNNEL_TIMEOUT).and_then(|annotation| {
        let (problem, mend) = judge(&annotation.value, &settings.wstunnel_timeout).err()?;
        let problem = format!("{} {problem}", quote(&annotation.value));
        Some(Finding::of_value(annotation, problem, mend))
    });
    wrong.into_iter().collect()
}

/// What is wrong with a timeout, and how to mend it.
fn judge(text: &str, bounds: &WstunnelTimeout) -> Result<(), (String, String)> {
    let read = go_duration::parse(text);
    if read.is_ok_and(|value| bounds.0.contains(&value)) {
        return Ok(());
    }
    let (min, max) = bounds.texts();
    let example = if bounds.0.contains(&EXAMPLE) { ", such as 30s" } else { "" };
    let mut mend = format!("write a time from {min} to {max}{example}");
    let problem = match read {
        Ok(value) if value <= 0 => "is not more than zero, so that the pod fails at once".to_owned(),
        Ok(value) if value < *bounds.0.start() => format!("{}is less than the minimum {min}", reading(text, value)),
        Ok(value) => format!("{}is more than the maximum {max}", reading(text, value)),
        Err(error) => {
            if let Some(meant) = meant(text).filter(|meant| bounds.0.contains(meant)) {
                mend = format!("write {}", go_duration::format(meant.unsigned_abs()));
            }
            format!("is not a Go duration, {}, so that interLink would wait 30s", reason(error))
        }
    };
    Err((problem, mend))
}

/// The value in words, where that helps: `"5400000ms" (1h 30m)`.
fn reading(text: &str, nanoseconds: i64) -> String {
    let words = format_duration(Duration::from_nanos(nanoseconds.unsigned_abs())).to_string();
    if words == text { String::new() } else { format!("({words}) ") }
}

/// Why Go does not read it.
fn reason(error: Error<'_>) -> String {
    match error {
        Error::Empty => "it is empty".to_owned(),
        Error::Malformed => "it has no number where one must stand".to_owned(),
        Error::MissingUnit => "it lacks a unit".to_owned(),
        Error::UnknownUnit(unit) if unit.len() <= LONGEST_UNIT => format!("{} is not a unit", quote(unit)),
        Error::UnknownUnit(_) => "it has an unknown unit".to_owned(),
        Error::Overflow => "it is too long".to_owned(),
    }
}

/// The units that people write, beside Go's, and the seconds that each has.
const UNITS: [(&[&str], u64); 4] = [
    (&["", "s", "sec", "secs", "second", "seconds"], 1),
    (&["m", "min", "mins", "minute", "minutes"], 60),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600),
    (&["d", "day", "days"], 86_400),
];

/// The nanoseconds that the user may have meant: people write `1 day`, `2min`, `30` and `1m30`. `humantime` would read
/// these too, but takes seven kilobytes of module for it.
fn meant(text: &str) -> Option<i64> {
    let mut compact = String::new();
    for word in text.to_ascii_lowercase().split_ascii_whitespace() {
        let is_digit = |character: char| character.is_ascii_digit();
        if compact.ends_with(is_digit) && word.starts_with(is_digit) {
            // Two numbers: who knows how they belong together?
            return None;
        }
        compact += word;
    }
    match seconds(&compact) {
        Some(seconds) => i64::try_from(seconds.checked_mul(1_000_000_000)?).ok(),
        // A fraction, for which Go's grammar serves.
        None => {
            if compact.ends_with(|character: char| character.is_ascii_digit()) {
                compact.push('s');
            }
            go_duration::parse(&compact).ok()
        }
    }
}

/// The sum of whole numbers, each with a unit behind it.
fn seconds(mut text: &str) -> Option<u64> {
    let mut sum = 0_u64;
    while !text.is_empty() {
        let (number, rest) = split_where(text, |byte| !byte.is_ascii_digit());
        let (unit, rest) = split_where(rest, |byte| byte.is_ascii_digit());
        let (_, each) = UNITS.iter().find(|(names, _)| names.contains(&unit))?;
        sum = sum.checked_add(number.parse::<u64>().ok()?.checked_mul(*each)?)?;
        text = rest;
    }
    Some(sum)
}

fn split_where(text: &str, is_behind: impl FnMut(u8) -> bool) -> (&str, &str) {
    let at = text.bytes().position(is_behind).unwrap_or(text.len());
    text.split_at_checked(at).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::*;

    fn problem(text: &str, bounds: &str) -> String {
        let json = format!(r#"{{"wstunnelTimeout": {bounds}}}"#);
        let settings = settings(&json);
        let pod = pod(&[(WSTUNNEL_TIMEOUT, text)]);
        let texts = texts(&check(&pod, &settings));
        assert!(texts.len() <= 1);
        texts.into_iter().next().unwrap_or_default()
    }

    #[test]
    fn what_go_reads_within_the_bounds_is_fine() {
        for text in ["30s", "1m", "2m30s", "10m", "1s", "1h", "1.5m", "+30s", "3600000ms", ".5h"] {
            assert_eq!(problem(text, "{}"), "", "{text}");
        }
    }

    #[test]
    fn what_go_does_not_read_is_refused_with_what_was_meant() {
        for (text, expected) in [
            (
                "",
                "\"\" is not a Go duration, it is empty, so that interLink would wait 30s; \
                 write a time from 1s to 1h, such as 30s",
            ),
            ("30", "\"30\" is not a Go duration, it lacks a unit, so that interLink would wait 30s; write 30s"),
            (
                "1d",
                "\"1d\" is not a Go duration, \"d\" is not a unit, so that interLink would wait 30s; \
                 write a time from 1s to 1h, such as 30s",
            ),
        ] {
            assert_eq!(problem(text, "{}"), expected);
        }
        for (text, meant) in [
            ("2 min", "write 2m"),
            ("30S", "write 30s"),
            (" 30s", "write 30s"),
            ("90 seconds", "write 1m30s"),
            ("1h 5m", "write a time from 1s to 1h, such as 30s"),
            ("1 hour", "write 1h"),
            ("1m30", "write 1m30s"),
            ("2.5 m", "write 2m30s"),
            (".5 M", "write 30s"),
            ("10 30s", "write a time from 1s to 1h, such as 30s"),
            ("1.5", "write 1s500ms"),
            ("1 Day", "write a time from 1s to 1h, such as 30s"),
            ("1é", "write a time from 1s to 1h, such as 30s"),
            ("", "write a time from 1s to 1h, such as 30s"),
            ("soon", "write a time from 1s to 1h, such as 30s"),
            ("-30", "write a time from 1s to 1h, such as 30s"),
            ("0 s", "write a time from 1s to 1h, such as 30s"),
            ("9999999999999999999", "write a time from 1s to 1h, such as 30s"),
            ("3000000h", "write a time from 1s to 1h, such as 30s"),
        ] {
            let problem = problem(text, "{}");
            assert!(problem.ends_with(meant), "{text}: {problem}");
        }
    }

    #[test]
    fn bounds_are_inclusive() {
        let bounds = r#"{"min": "10s", "max": "1m30s"}"#;
        assert_eq!(problem("10s", bounds), "");
        assert_eq!(problem("90s", bounds), "");
        assert_eq!(
            problem("9.999999999s", bounds),
            "\"9.999999999s\" (9s 999ms 999us 999ns) is less than the minimum 10s; \
             write a time from 10s to 1m30s, such as 30s"
        );
        assert_eq!(
            problem("90000000001ns", bounds),
            "\"90000000001ns\" (1m 30s 1ns) is more than the maximum 1m30s; write a time from 10s to 1m30s, such as 30s"
        );
        assert!(problem("2h", "{}").starts_with("\"2h\" is more than the maximum 1h"));
    }

    #[test]
    fn zero_and_less_are_refused() {
        for text in ["0", "0s", "-1s", "-0", "-9223372036854775808ns"] {
            assert!(problem(text, "{}").contains("is not more than zero"), "{text}");
        }
    }
}
