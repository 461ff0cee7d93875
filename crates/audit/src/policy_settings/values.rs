//! The values of a policy's `spec` of which Kubernetes or Kubewarden accepts only some. A policy with another value is
//! not deployed.

use json_scan::{Context, DecodeError, Value, each, present};

use crate::object::text;

/// The fields with such values.
const VALUES: [(&str, &[&str]); 3] = [
    ("mode", &["protect", "monitor"]),
    ("failurePolicy", &["Fail", "Ignore"]),
    ("matchPolicy", &["Equivalent", "Exact"]),
];

/// The operations of a rule.
const OPERATIONS: [&str; 5] = ["CREATE", "UPDATE", "DELETE", "CONNECT", "*"];

/// Checks the values in a policy's `spec`. The first wrong one is put into `wrong`.
///
/// # Errors
/// If a value is not accepted, or cannot be read.
pub(super) fn check_values<'v>(spec: Value<'v>, wrong: &mut Option<Value<'v>>) -> Result<(), DecodeError> {
    let values = spec.reader().pick(VALUES.map(|(field, _)| field)).at_field("spec")?;
    for ((field, accepted), value) in VALUES.into_iter().zip(values) {
        if let Some(value) = present(value) {
            check(value, accepted, wrong).at_path(&["spec", field])?;
        }
    }
    let [rules] = spec.reader().pick(["rules"]).at_field("spec")?;
    let checked = each(rules, &mut |rule| {
        let [operations] = rule.pick(["operations"])?;
        each(operations, &mut |operation| check(operation.value()?, &OPERATIONS, wrong)).at_field("operations")
    });
    checked.at_path(&["spec", "rules"])
}

fn check<'v>(value: Value<'v>, accepted: &[&str], wrong: &mut Option<Value<'v>>) -> Result<(), DecodeError> {
    if value.is_string() && accepted.contains(&&*text(Some(value))) {
        return Ok(());
    }
    *wrong = Some(value);
    Err(DecodeError::new(format!("is {}; use {}", String::from_utf8_lossy(value.text()), or(accepted))))
}

/// Lists words as alternatives.
pub(super) fn or(words: &[&str]) -> String {
    match words {
        [words @ .., last] if !words.is_empty() => format!("{} or {last}", words.join(", ")),
        _ => words.concat(),
    }
}
