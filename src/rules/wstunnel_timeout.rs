//! # wstunnel-timeout
//!
//! ## What it refuses
//!
//! A value of `interlink.virtual-kubelet.io/wstunnel-timeout` that Go's `time.ParseDuration` rejects, or that is less
//! than `wstunnelTimeout.min` or more than `wstunnelTimeout.max`.
//!
//! ## Why
//!
//! If interLink cannot parse the value, it waits 30 seconds and reports nothing, so a typo goes unnoticed. If the value
//! is zero or less, the pod fails at once. While interLink waits, the virtual kubelet's only worker is busy: one pod
//! with a long timeout stops the whole node until its tunnel is ready or the timeout expires.
//!
//! ## How to fix it
//!
//! Write numbers with the units `h`, `m`, `s` or `ms`, without spaces: `30s`, `2m30s` or `1.5m`. There is no unit for
//! days.
//!
//! ## Settings
//!
//! - `rules.wstunnel-timeout`: `Deny` (the default), `Warn` or `Ignore`.
//! - `wstunnelTimeout.min`: the shortest timeout, `1s` by default.
//! - `wstunnelTimeout.max`: the longest timeout, `10m` by default.
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

use super::rule::{POD_ROLES, Rule};
use crate::annotations::WSTUNNEL_TIMEOUT;
use crate::escape::quote;
use crate::finding::Findings;
use crate::go_duration::{self, ParseError};
use crate::rule_id::RuleId;
use crate::settings::{Settings, WstunnelTimeout};
use crate::target::Target;

pub(super) const RULE: Rule = Rule {
    id: RuleId::WstunnelTimeout,
    refuses: "`wstunnel-timeout` that Go's `time.ParseDuration` rejects, or that is outside the bounds",
    about_writers: false,
    roles: POD_ROLES,
    check,
};

/// interLink's default in nanoseconds, as an example.
const EXAMPLE: i64 = 30_000_000_000;

/// A day in nanoseconds.
const DAY: i64 = 86_400_000_000_000;

/// The length in bytes of the longest text that a message shows as an unknown unit: "nanoseconds" with a space before
/// it.
const LONGEST_UNIT: usize = 12;

fn check<'t>(target: &'t Target<'_>, settings: &Settings<'_>, findings: &mut Findings<'t>) {
    let Some(annotation) = target.get(WSTUNNEL_TIMEOUT) else {
        return;
    };
    let (text, bounds) = (&*annotation.value, &settings.wstunnel_timeout);
    let parsed = go_duration::parse(text);
    if parsed.is_ok_and(|timeout| bounds.0.contains(&timeout)) {
        return;
    }
    let finding = match parsed {
        Ok(timeout) => {
            let problem = format!("{} {}", quote(text), out_of_bounds(text, timeout, bounds));
            annotation.finding(problem).fix(usage(bounds))
        }
        Err(error) => {
            let problem =
                format!("{} is not a Go duration ({}), so interLink would wait 30s", quote(text), reason(error));
            let meant = guess(text).filter(|meant| bounds.0.contains(meant));
            let fix = meant.map(|meant| format!("set it to {}", go_duration::format(meant.unsigned_abs())));
            annotation.finding(problem).fix(fix.unwrap_or_else(|| usage(bounds)))
        }
    };
    findings.push(finding);
}

/// Returns a sentence about the allowed durations.
fn usage(bounds: &WstunnelTimeout) -> String {
    let (min, max) = bounds.to_go();
    let example = if bounds.0.contains(&EXAMPLE) { ", such as 30s" } else { "" };
    format!("use a duration from {min} to {max}{example}")
}

/// Returns how a duration is out of bounds.
fn out_of_bounds(text: &str, timeout: i64, bounds: &WstunnelTimeout) -> String {
    let (min, max) = bounds.to_go();
    if timeout <= 0 {
        "is not greater than zero, so the pod would fail at once".to_owned()
    } else if timeout < *bounds.0.start() {
        format!("{}is less than the minimum {min}", in_words(text, timeout))
    } else {
        format!("{}is greater than the maximum {max}", in_words(text, timeout))
    }
}

/// Returns a duration in words, unless the text already has that form: `(1h 30m) ` for `5400000ms`. Longer ones would
/// have days and months, which are no units of Go.
fn in_words(text: &str, nanoseconds: i64) -> String {
    let words = format_duration(Duration::from_nanos(nanoseconds.unsigned_abs())).to_string();
    if nanoseconds >= DAY || words == text { String::new() } else { format!("({words}) ") }
}

/// Returns why Go rejects a text.
fn reason(error: ParseError<'_>) -> String {
    match error {
        ParseError::Empty => "it is empty".to_owned(),
        ParseError::Malformed => "a number is missing".to_owned(),
        ParseError::MissingUnit => "a unit is missing".to_owned(),
        ParseError::UnknownUnit(unit) if unit.len() <= LONGEST_UNIT => format!("{} is not a unit", quote(unit)),
        ParseError::UnknownUnit(_) => "a unit is unknown".to_owned(),
        ParseError::Overflow => "it overflows".to_owned(),
    }
}

/// Units that people write, Go's among them, and their seconds.
const UNITS: [(&[&str], u64); 4] = [
    (&["", "s", "sec", "secs", "second", "seconds"], 1),
    (&["m", "min", "mins", "minute", "minutes"], 60),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600),
    (&["d", "day", "days"], 86_400),
];

/// Guesses the nanoseconds that the user meant: people write `1 day`, `2min`, `30` and `1m30`.
///
/// `humantime` could parse these too, but adds 7 KB to the module.
fn guess(text: &str) -> Option<i64> {
    let mut compact = String::new();
    for word in text.to_ascii_lowercase().split_ascii_whitespace() {
        let is_digit = |character: char| character.is_ascii_digit();
        if compact.ends_with(is_digit) && word.starts_with(is_digit) {
            // Two numbers side by side have no clear meaning.
            return None;
        }
        compact += word;
    }
    if let Some(seconds) = seconds(&compact) {
        return i64::try_from(seconds.checked_mul(1_000_000_000)?).ok();
    }
    // A fraction, as in Go's grammar.
    if compact.ends_with(|character: char| character.is_ascii_digit()) {
        compact.push('s');
    }
    go_duration::parse(&compact).ok()
}

/// Returns the sum in seconds of whole numbers, each with a unit after it.
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

fn split_where(text: &str, is_end: impl FnMut(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(is_end).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn problem(text: &str, bounds: &str) -> String {
        let json = format!(r#"{{"wstunnelTimeout": {bounds}}}"#);
        let settings = settings(&json);
        let pod = pod(&[(WSTUNNEL_TIMEOUT, text)]);
        let texts = texts(&RULE.findings(&pod, &settings));
        assert!(texts.len() <= 1);
        texts.into_iter().next().unwrap_or_default()
    }

    #[test]
    fn accepts_go_durations_within_the_bounds() {
        for text in ["30s", "1m", "2m30s", "10m", "1s", "1.5m", "+30s", "600000ms", ".1h"] {
            assert_eq!(problem(text, "{}"), "", "{text}");
        }
    }

    #[test]
    fn rejects_other_texts_and_suggests_what_was_meant() {
        for (text, expected) in [
            (
                "",
                "\"\" is not a Go duration (it is empty), so interLink would wait 30s; \
                 use a duration from 1s to 10m, such as 30s",
            ),
            ("30", "\"30\" is not a Go duration (a unit is missing), so interLink would wait 30s; set it to 30s"),
            (
                "1d",
                "\"1d\" is not a Go duration (\"d\" is not a unit), so interLink would wait 30s; \
                 use a duration from 1s to 10m, such as 30s",
            ),
        ] {
            assert_eq!(problem(text, "{}"), expected);
        }
        for (text, meant) in [
            ("2 min", "set it to 2m"),
            ("30S", "set it to 30s"),
            (" 30s", "set it to 30s"),
            ("90 seconds", "set it to 1m30s"),
            ("1h 5m", "use a duration from 1s to 10m, such as 30s"),
            ("1 hour", "use a duration from 1s to 10m, such as 30s"),
            ("10 minutes", "set it to 10m"),
            ("1m30", "set it to 1m30s"),
            ("2.5 m", "set it to 2m30s"),
            (".5 M", "set it to 30s"),
            ("10 30s", "use a duration from 1s to 10m, such as 30s"),
            ("1.5", "set it to 1s500ms"),
            ("1 Day", "use a duration from 1s to 10m, such as 30s"),
            ("1é", "use a duration from 1s to 10m, such as 30s"),
            ("", "use a duration from 1s to 10m, such as 30s"),
            ("soon", "use a duration from 1s to 10m, such as 30s"),
            ("-30", "use a duration from 1s to 10m, such as 30s"),
            ("0 s", "use a duration from 1s to 10m, such as 30s"),
            ("9999999999999999999", "use a duration from 1s to 10m, such as 30s"),
            ("3000000h", "use a duration from 1s to 10m, such as 30s"),
        ] {
            let problem = problem(text, "{}");
            assert!(problem.ends_with(meant), "{text}: {problem}");
        }
    }

    #[test]
    fn includes_the_bounds() {
        let bounds = r#"{"min": "10s", "max": "1m30s"}"#;
        assert_eq!(problem("10s", bounds), "");
        assert_eq!(problem("90s", bounds), "");
        assert_eq!(
            problem("9.999999999s", bounds),
            "\"9.999999999s\" (9s 999ms 999us 999ns) is less than the minimum 10s; \
             use a duration from 10s to 1m30s, such as 30s"
        );
        assert_eq!(
            problem("90000000001ns", bounds),
            "\"90000000001ns\" (1m 30s 1ns) is greater than the maximum 1m30s; use a duration from 10s to 1m30s, such as 30s"
        );
        assert!(problem("2h", "{}").starts_with("\"2h\" is greater than the maximum 10m"));
    }

    #[test]
    fn rejects_zero_and_less() {
        for text in ["0", "0s", "-1s", "-0", "-9223372036854775808ns"] {
            assert!(problem(text, "{}").contains("is not greater than zero"), "{text}");
        }
    }
}
