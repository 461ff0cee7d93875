//! Checks the fields of a policy's `spec` that accept only certain values. A policy with another value is not deployed.

use json_scan::{Context, DecodeError, Value, each, escape_truncated, present};

use crate::object::text;

/// These fields, and the values that they accept.
const VALUES: [(&str, &[&str]); 3] = [
    ("mode", &["protect", "monitor"]),
    ("failurePolicy", &["Fail", "Ignore"]),
    ("matchPolicy", &["Equivalent", "Exact"]),
];

/// The operations that a rule accepts.
const OPERATIONS: [&str; 5] = ["CREATE", "UPDATE", "DELETE", "CONNECT", ALL];
/// Stands for all operations, and cannot be combined with others.
const ALL: &str = "*";

/// The maximum number of characters of a value in an error.
const SHOWN_CHARS: usize = 64;

/// Checks the values in a policy's `spec`. Stores the value that is being checked in `checked`.
///
/// # Errors
/// If a value is invalid.
pub(super) fn check_values<'v>(spec: Value<'v>, checked: &mut Option<Value<'v>>) -> Result<(), DecodeError> {
    let values = spec.reader().pick(VALUES.map(|(field, _)| field)).at_field("spec")?;
    for ((field, accepted), value) in VALUES.into_iter().zip(values) {
        if let Some(value) = present(value) {
            *checked = Some(value);
            check(value, accepted).at_path(&["spec", field])?;
        }
    }
    let [rules] = spec.reader().pick(["rules"]).at_field("spec")?;
    *checked = present(rules);
    let each_rule = each(rules, &mut |rule| {
        let rule = rule.value()?;
        *checked = Some(rule);
        let [operations] = rule.reader().pick(["operations"])?;
        check_operations(operations, checked).at_field("operations")
    });
    each_rule.at_path(&["spec", "rules"])
}

fn check_operations<'v>(operations: Option<Value<'v>>, checked: &mut Option<Value<'v>>) -> Result<(), DecodeError> {
    if let Some(operations) = present(operations) {
        *checked = Some(operations);
    }
    let (mut count, mut has_all) = (0, false);
    each(operations, &mut |operation| {
        let operation = operation.value()?;
        *checked = Some(operation);
        count += 1;
        has_all |= text(Some(operation)) == ALL;
        check(operation, &OPERATIONS)
    })?;
    match count {
        0 => Err(DecodeError::new(format!("is missing or empty; use {}", join_with_or(&OPERATIONS)))),
        2.. if has_all => Err(DecodeError::new("has * beside other operations; use only *")),
        _ => Ok(()),
    }
}

fn check(value: Value<'_>, accepted: &[&str]) -> Result<(), DecodeError> {
    let text = text(Some(value));
    let error = match value.is_string() {
        true if accepted.contains(&&*text) => return Ok(()),
        true => DecodeError::new(format!("is \"{}\"", escape_truncated(&text, SHOWN_CHARS))),
        false => value.type_error("a string"),
    };
    Err(error.hint(&format!("use {}", join_with_or(accepted))))
}

/// Lists words as alternatives.
pub(super) fn join_with_or(words: &[&str]) -> String {
    match words {
        [words @ .., last] if !words.is_empty() => format!("{} or {last}", words.join(", ")),
        _ => words.concat(),
    }
}
