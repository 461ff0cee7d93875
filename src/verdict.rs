//! The answer: what becomes of the violations, in the form that the API server passes on.

use std::collections::HashMap;

use kubewarden_policy_sdk::response::ValidationResponse;
use serde::Serialize;

use crate::json::Unreadable;
use crate::rules::Violation;
use crate::settings::Level;
use crate::text::shorten;

/// Who may write it: HTTP "forbidden".
const FORBIDDEN: u16 = 403;
/// What is written: HTTP "unprocessable content".
const UNPROCESSABLE: u16 = 422;
/// What cannot be read: HTTP "bad request".
const BAD_REQUEST: u16 = 400;

/// Characters of a warning that Kubernetes is sure to pass on.
const LONGEST_WARNING: usize = 256;
/// Characters of a message; Kubernetes shows it in one line.
const LONGEST_MESSAGE: usize = 2_000;

/// Room for the words that say how many violations a message leaves out.
const ROOM_FOR_MORE: usize = 32;

/// The answer to a request that is fine.
pub fn accepted() -> ValidationResponse {
    ValidationResponse {
        accepted: true,
        message: None,
        code: None,
        mutated_object: None,
        audit_annotations: None,
        warnings: None,
    }
}

/// A [`ValidationResponse`] without the field for a JSON tree: writing one would take 21 KB of module.
#[derive(Serialize)]
struct Lean<'r> {
    accepted: bool,
    message: &'r Option<String>,
    code: Option<u16>,
    mutated_object: Option<()>,
    audit_annotations: &'r Option<HashMap<String, String>>,
    warnings: &'r Option<Vec<String>>,
}

/// The answer to a request that is fine, as Kubewarden reads it.
pub const ACCEPTED: &[u8] =
    br#"{"accepted":true,"message":null,"code":null,"mutated_object":null,"audit_annotations":null,"warnings":null}"#;

/// The answer as Kubewarden reads it. This policy changes no object.
///
/// # Errors
/// None that is known: every text can be written as JSON.
pub fn to_json(response: &ValidationResponse) -> serde_json::Result<Vec<u8>> {
    let ValidationResponse { accepted, message, code, mutated_object: _, audit_annotations, warnings } = response;
    serde_json::to_vec(&Lean {
        accepted: *accepted,
        message,
        code: *code,
        mutated_object: None,
        audit_annotations,
        warnings,
    })
}

/// The answer to a request that cannot be read.
pub fn unreadable(problem: &Unreadable) -> ValidationResponse {
    ValidationResponse {
        accepted: false,
        message: Some(shorten(problem.to_string(), LONGEST_MESSAGE - 1)),
        code: Some(BAD_REQUEST),
        ..accepted()
    }
}

/// The answer to a request with these violations, if there are any.
pub fn of_violations(violations: &[Violation<'_>]) -> Option<ValidationResponse> {
    if violations.is_empty() {
        return None;
    }
    let (denied, warned): (Vec<_>, Vec<_>) = violations.iter().partition(|violation| violation.level == Level::Deny);
    let annotations: HashMap<_, _> = [("violations", &denied), ("warnings", &warned)]
        .into_iter()
        .filter(|(_, violations)| !violations.is_empty())
        .map(|(name, violations)| (name.to_owned(), ids(violations)))
        .collect();
    let warnings: Vec<_> = warned.iter().map(|violation| shorten(sentence(violation), LONGEST_WARNING)).collect();
    Some(ValidationResponse {
        accepted: denied.is_empty(),
        message: (!denied.is_empty()).then(|| message(&denied)),
        code: code(&denied),
        audit_annotations: Some(annotations),
        warnings: (!warnings.is_empty()).then_some(warnings),
        ..accepted()
    })
}

fn code(denied: &[&Violation<'_>]) -> Option<u16> {
    if denied.is_empty() {
        None
    } else if denied.iter().any(|violation| violation.rule.about_writers) {
        Some(FORBIDDEN)
    } else {
        Some(UNPROCESSABLE)
    }
}

/// The rules' ids, sorted, each once.
fn ids(violations: &[&Violation<'_>]) -> String {
    let mut ids = Vec::new();
    for violation in violations {
        // In place: the standard library's sort alone would be 9 KB of module.
        if let Err(place) = ids.binary_search(&violation.rule.id) {
            ids.insert(place, violation.rule.id);
        }
    }
    ids.join(",")
}

/// The violations, as many as there is room for, the first in any case.
fn message(denied: &[&Violation<'_>]) -> String {
    let room = LONGEST_MESSAGE - ROOM_FOR_MORE;
    let mut message = String::new();
    for (index, violation) in denied.iter().enumerate() {
        let sentence = sentence(violation);
        if index == 0 {
            message = shorten(sentence, room);
        } else if message.chars().count() + "; ".len() + sentence.chars().count() <= room {
            message = message + "; " + &sentence;
        } else {
            return format!("{message}; and {} more", denied.len() - index);
        }
    }
    message
}

fn sentence(violation: &Violation<'_>) -> String {
    let finding = &violation.finding;
    let place = format!("{}metadata.annotations[{}]", violation.place.prefix(), finding.key);
    format!("{}: {place}: {}; {}", violation.rule.id, finding.problem, finding.mend)
}

/// The violations that a message lists, one by one. A `; ` parts them where a rule's id follows, and not within
/// quotes, where the text is a user's.
pub fn split_message(message: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut within_quotes, mut escaped) = (0, false, false);
    for (at, character) in message.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = within_quotes,
            '"' => within_quotes = !within_quotes,
            ';' if !within_quotes && begins_violation(&message[at..]) => {
                parts.push(&message[start..at]);
                start = at + "; ".len();
            }
            _ => {}
        }
    }
    parts.push(&message[start..]);
    parts
}

/// Whether a text is `; `, an id and `: `, or says how many more there are.
fn begins_violation(text: &str) -> bool {
    let Some(text) = text.strip_prefix("; ") else {
        return false;
    };
    let is_id = |id: &str| id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    text.split_once(": ").is_some_and(|(id, _)| is_id(id))
        || text.strip_prefix("and ").is_some_and(|text| text.ends_with(" more"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::annotations::{CATALOGUE, JOB_ID, POD_IP, POD_VPN, WSTUNNEL_TIMEOUT};
    use crate::rules::{self, testing::*};

    fn answer(annotations: &[(&'static str, &str)], rules: &str) -> ValidationResponse {
        let json = format!(r#"{{"rules": {rules}}}"#);
        of_violations(&rules::check(&pod(annotations), &settings(&json))).unwrap_or_else(accepted)
    }

    fn audit(answer: &ValidationResponse, name: &str) -> Option<String> {
        answer.audit_annotations.as_ref()?.get(name).cloned()
    }

    #[test]
    fn answers_are_written_as_kubewarden_reads_them() {
        let cases: [(&[(&'static str, &str)], &str); 3] =
            [(&[], "{}"), (&[(POD_VPN, "no")], "{}"), (&[(POD_VPN, "no")], r#"{"pod-vpn": "Warn"}"#)];
        for (annotations, rules) in cases {
            let answer = answer(annotations, rules);
            let written: serde_json::Value = serde_json::from_slice(&to_json(&answer).unwrap()).unwrap();
            assert_eq!(written, serde_json::to_value(answer).unwrap());
        }
        assert_eq!(to_json(&accepted()).unwrap(), ACCEPTED);
    }

    #[test]
    fn nothing_found_is_accepted_without_a_word() {
        let json = serde_json::to_value(answer(&[], "{}")).unwrap();
        assert_eq!(json, serde_json::to_value(accepted()).unwrap());
    }

    #[test]
    fn a_refusal_lists_its_violations() {
        let answer = answer(&[(POD_VPN, "no"), (WSTUNNEL_TIMEOUT, "0"), (POD_IP, "x")], "{}");
        assert!(!answer.accepted);
        assert_eq!(answer.code, Some(422));
        let message = answer.message.clone().unwrap();
        let parts = split_message(&message);
        assert_eq!(parts.len(), 4);
        assert!(parts[0].starts_with("pod-vpn: metadata.annotations[interlink.eu/pod-vpn]: is \"no\""));
        assert_eq!(audit(&answer, "violations").unwrap(), "pod-ip,pod-vpn,vpn-with-wstunnel,wstunnel-timeout");
        assert_eq!((audit(&answer, "warnings"), answer.warnings), (None, None));
    }

    #[test]
    fn who_may_write_is_forbidden_what_is_written_unprocessable() {
        assert_eq!(answer(&[(JOB_ID, "1"), (POD_VPN, "no")], "{}").code, Some(403));
        assert_eq!(answer(&[(JOB_ID, "1"), (POD_VPN, "no")], r#"{"job-id": "Warn"}"#).code, Some(422));
        assert_eq!(answer(&[(JOB_ID, "1")], r#"{"job-id": "Warn"}"#).code, None);
    }

    #[test]
    fn warnings_go_with_either_verdict() {
        let accepted = answer(&[(POD_VPN, "no")], r#"{"pod-vpn": "Warn"}"#);
        assert!(accepted.accepted && accepted.message.is_none());
        assert_eq!(accepted.warnings.as_ref().unwrap().len(), 1);
        assert_eq!(audit(&accepted, "warnings").unwrap(), "pod-vpn");
        let refused = answer(&[(JOB_ID, "1"), (POD_VPN, "no")], r#"{"pod-vpn": "Warn"}"#);
        assert!(!refused.accepted && refused.warnings.is_some());
        assert_eq!(audit(&refused, "violations").unwrap(), "job-id");
    }

    #[test]
    fn an_ignored_rule_says_nothing() {
        let answer = answer(&[(POD_VPN, "no")], r#"{"pod-vpn": "Ignore"}"#);
        assert!(answer.accepted && answer.warnings.is_none());
    }

    /// Every rule finds something, with texts as long as they can be.
    fn worst() -> Vec<(&'static str, String)> {
        CATALOGUE.iter().map(|known| (known.key, "\u{202e}x".repeat(100))).collect()
    }

    #[test]
    fn a_message_and_its_warnings_keep_their_lengths() {
        let worst = worst();
        let annotations: Vec<_> = worst.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let refused = answer(&annotations, "{}");
        let message = refused.message.unwrap();
        assert!(message.chars().count() < LONGEST_MESSAGE, "{}", message.chars().count());
        assert!(message.ends_with(" more"), "{message}");
        let warn = rules::RULES.iter().map(|rule| format!(r#""{}": "Warn""#, rule.id));
        let warned = answer(&annotations, &format!("{{{}}}", warn.collect::<Vec<_>>().join(",")));
        for warning in warned.warnings.unwrap() {
            assert!(warning.chars().count() <= LONGEST_WARNING, "{warning}");
        }
    }

    #[test]
    fn a_users_text_does_not_part_a_message() {
        let value = "x; job-id: metadata.annotations[JobID]: forged \\\"; job-id: ";
        let answer = answer(&[(POD_VPN, value), (POD_IP, value)], "{}");
        assert_eq!(split_message(&answer.message.unwrap()).len(), 2);
    }
}
