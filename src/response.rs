//! The response to a request, in the form that the API server passes on.

use std::collections::HashMap;

use json_scan::DecodeError;
use kubewarden_policy_sdk::response::ValidationResponse;
use serde::Serialize;

use crate::compact::sorted_set;
pub use crate::escape::name as show_name;
use crate::escape::truncate;
use crate::requester::Requester;
use crate::rule_id::Level;
use crate::rules::Violation;
pub use crate::sentence::{ParsedSentence, parse, path_steps};
use crate::sentence::{sentence, split_rule, unquoted};

/// The HTTP status for a request that cannot be decoded.
const BAD_REQUEST: u16 = 400;

/// The maximum number of warnings in a response.
const WARNINGS: usize = 32;
/// The maximum number of characters of a warning. The API server may truncate longer ones.
const WARNING_CHARS: usize = 256;
/// The maximum number of characters of a message, which the API server shows on one line.
const MESSAGE_CHARS: usize = 2_000;
/// The number of characters of a message that are reserved for the number of omitted violations.
const REMAINDER_CHARS: usize = 32;

/// Returns the response that accepts a request.
pub(crate) fn accepted() -> ValidationResponse {
    ValidationResponse {
        accepted: true,
        message: None,
        code: None,
        mutated_object: None,
        audit_annotations: None,
        warnings: None,
    }
}

/// The response that accepts a request, as Kubewarden reads it.
pub(crate) const ACCEPTED_JSON: &[u8] =
    br#"{"accepted":true,"message":null,"code":null,"mutated_object":null,"audit_annotations":null,"warnings":null}"#;

/// A [`ValidationResponse`] whose `mutated_object` is always null. Serializing the JSON tree there adds 21 KB of wasm.
#[derive(Serialize)]
struct WireResponse<'r> {
    accepted: bool,
    message: &'r Option<String>,
    code: Option<u16>,
    mutated_object: Option<()>,
    audit_annotations: &'r Option<HashMap<String, String>>,
    warnings: &'r Option<Vec<String>>,
}

/// Serializes a response as Kubewarden reads it. This policy mutates no object.
///
/// # Errors
/// If serialization fails, which no value here can cause.
pub fn to_json(response: &ValidationResponse) -> serde_json::Result<Vec<u8>> {
    let ValidationResponse { accepted, message, code, mutated_object: _, audit_annotations, warnings } = response;
    serde_json::to_vec(&WireResponse {
        accepted: *accepted,
        message,
        code: *code,
        mutated_object: None,
        audit_annotations,
        warnings,
    })
}

/// Returns the response to a request that cannot be decoded.
pub(crate) fn bad_request(error: &DecodeError) -> ValidationResponse {
    ValidationResponse {
        accepted: false,
        message: Some(truncate(error.to_string(), MESSAGE_CHARS - 1)),
        code: Some(BAD_REQUEST),
        ..accepted()
    }
}

/// Returns the response to a request with these violations, or `None` if there are none. A violation about who may
/// write an annotation names the requester, if there is one. A refusal ends with the address of a page for help, unless
/// that is empty.
pub(crate) fn from_violations(
    violations: &[Violation<'_>],
    requester: Option<&Requester<'_>>,
    help_url: &str,
) -> Option<ValidationResponse> {
    if violations.is_empty() {
        return None;
    }
    let hint = requester.map(Requester::trust_hint);
    let sentence = |violation: &Violation<'_>, max_chars| sentence(violation, hint.as_deref(), max_chars);
    let (denied, warned): (Vec<_>, Vec<_>) = violations.iter().partition(|violation| violation.level == Level::Deny);
    let audit_annotations: HashMap<_, _> = [("violations", &denied), ("warnings", &warned)]
        .into_iter()
        .filter(|(_, violations)| !violations.is_empty())
        .map(|(name, violations)| (name.to_owned(), rule_ids(violations)))
        .collect();
    let mut warnings: Vec<_> =
        warned.iter().take(WARNINGS).map(|violation| sentence(violation, WARNING_CHARS)).collect();
    if warned.len() > WARNINGS {
        warnings.push(and_more(warned.len() - WARNINGS));
    }
    Some(ValidationResponse {
        accepted: denied.is_empty(),
        message: (!denied.is_empty()).then(|| message(&denied, sentence, help_url)),
        // 403 before 422.
        code: denied.iter().map(|violation| violation.rule.code()).min(),
        audit_annotations: Some(audit_annotations),
        warnings: (!warnings.is_empty()).then_some(warnings),
        ..accepted()
    })
}

/// Joins the ids of the violated rules, sorted and unique.
fn rule_ids(violations: &[&Violation<'_>]) -> String {
    let ids = sorted_set(violations.iter().map(|violation| violation.rule.id.as_str()));
    ids.into_iter().collect::<Vec<_>>().join(",")
}

/// Joins as many violations as fit, at least the first, and the address of a page for help.
fn message(denied: &[&Violation<'_>], sentence: impl Fn(&Violation<'_>, usize) -> String, help_url: &str) -> String {
    let help = if help_url.is_empty() { String::new() } else { format!("{HELP}{help_url}") };
    let room = MESSAGE_CHARS - REMAINDER_CHARS - help.len();
    let mut message = String::new();
    for (index, violation) in denied.iter().enumerate() {
        let sentence = sentence(violation, room);
        if index == 0 {
            message = sentence;
        } else if message.chars().count() + "; ".len() + sentence.chars().count() <= room {
            message = message + "; " + &sentence;
        } else {
            message = message + "; " + &and_more(denied.len() - index);
            break;
        }
    }
    message + &help
}

/// The text before the address of a page for help.
const HELP: &str = "; see ";

/// Returns the text for a number of omitted violations.
fn and_more(count: usize) -> String {
    format!("and {count} more")
}

/// Returns the number of omitted violations, if a text is only about that.
pub fn omitted(text: &str) -> Option<usize> {
    text.strip_prefix("and ")?.strip_suffix(" more")?.parse().ok()
}

/// Splits the message of a refusal into its violations: at each `; ` that a rule's id follows, outside of quotes,
/// because quoted text is a user's. The address of a page for help is left out.
pub fn split_message(message: &str) -> Vec<&str> {
    let message = without_help(message);
    let mut parts = Vec::new();
    let mut start = 0;
    for (index, character) in unquoted(message) {
        if character == ';' && starts_violation(&message[index..]) {
            parts.push(&message[start..index]);
            start = index + "; ".len();
        }
    }
    parts.push(&message[start..]);
    parts
}

/// Returns a message without the address of a page for help at its end, which has neither spaces nor quotes.
fn without_help(message: &str) -> &str {
    let starts = unquoted(message).map(|(index, _)| index).filter(|index| message[*index..].starts_with(HELP));
    let Some(index) = starts.last() else {
        return message;
    };
    let url = &message[index + HELP.len()..];
    if url.starts_with("http") && !url.contains([' ', '"']) { &message[..index] } else { message }
}

/// Returns whether a text begins with `; `, an id and `: `, or with the number of violations left out.
fn starts_violation(text: &str) -> bool {
    let Some(text) = text.strip_prefix("; ") else {
        return false;
    };
    split_rule(text).is_some() || omitted(text).is_some()
}

#[cfg(test)]
mod tests {
    use json_scan::Reader;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::annotations::{Annotations, CATALOGUE, JOB_ID, POD_IP, POD_VPN, WSTUNNEL_TIMEOUT};
    use crate::escape;
    use crate::kinds::Role;
    use crate::path::Path;
    use crate::rules;
    use crate::settings::Settings;
    use crate::target::Target;
    use crate::templates::Template;
    use crate::testing::*;

    fn answer(annotations: &[(&'static str, &str)], rules: &str) -> ValidationResponse {
        let json = format!(r#"{{"rules": {rules}}}"#);
        from_violations(&rules::check(&pod(annotations), &settings(&json)), None, "").unwrap_or_else(accepted)
    }

    fn audit(answer: &ValidationResponse, name: &str) -> Option<String> {
        answer.audit_annotations.as_ref()?.get(name).cloned()
    }

    #[test]
    fn serializes_answers_as_kubewarden_reads_them() {
        let cases: [(&[(&'static str, &str)], &str); 3] =
            [(&[], "{}"), (&[(POD_VPN, "no")], "{}"), (&[(POD_VPN, "no")], r#"{"pod-vpn": "Warn"}"#)];
        for (annotations, rules) in cases {
            let answer = answer(annotations, rules);
            let written: serde_json::Value = serde_json::from_slice(&to_json(&answer).unwrap()).unwrap();
            assert_eq!(written, serde_json::to_value(answer).unwrap());
        }
        assert_eq!(to_json(&accepted()).unwrap(), ACCEPTED_JSON);
    }

    #[test]
    fn accepts_without_violations() {
        let json = serde_json::to_value(answer(&[], "{}")).unwrap();
        assert_eq!(json, serde_json::to_value(accepted()).unwrap());
    }

    #[test]
    fn lists_the_violations_in_a_refusal() {
        let answer = answer(
            &[(POD_VPN, "no"), (WSTUNNEL_TIMEOUT, "0"), (POD_IP, "x")],
            r#"{"ineffective-annotation": "Ignore"}"#,
        );
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
    fn returns_403_for_rules_about_writers_and_422_for_others() {
        assert_eq!(answer(&[(JOB_ID, "1"), (POD_VPN, "no")], "{}").code, Some(403));
        assert_eq!(answer(&[(JOB_ID, "1"), (POD_VPN, "no")], r#"{"job-id": "Warn"}"#).code, Some(422));
        assert_eq!(answer(&[(JOB_ID, "1")], r#"{"job-id": "Warn"}"#).code, None);
    }

    #[test]
    fn adds_warnings_to_either_answer() {
        let accepted = answer(&[(POD_VPN, "no")], r#"{"pod-vpn": "Warn"}"#);
        assert!(accepted.accepted && accepted.message.is_none());
        assert_eq!(accepted.warnings.as_ref().unwrap().len(), 1);
        assert_eq!(audit(&accepted, "warnings").unwrap(), "pod-vpn");
        let refused = answer(&[(JOB_ID, "1"), (POD_VPN, "no")], r#"{"pod-vpn": "Warn"}"#);
        assert!(!refused.accepted && refused.warnings.is_some());
        assert_eq!(audit(&refused, "violations").unwrap(), "job-id");
    }

    #[test]
    fn reports_nothing_of_an_ignored_rule() {
        let answer = answer(&[(POD_VPN, "no")], r#"{"pod-vpn": "Ignore"}"#);
        assert!(answer.accepted && answer.warnings.is_none());
    }

    /// Annotations in which every rule finds something, with long texts.
    fn worst() -> Vec<(&'static str, String)> {
        CATALOGUE.iter().map(|info| (info.key, "\u{202e}x".repeat(100))).collect()
    }

    #[test]
    fn limits_the_length_of_message_and_warnings() {
        let worst = worst();
        let annotations: Vec<_> = worst.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let refused = answer(&annotations, "{}");
        let message = refused.message.unwrap();
        assert!(message.chars().count() < MESSAGE_CHARS, "{}", message.chars().count());
        assert!(message.ends_with(" more"), "{message}");
        let warn = rules::RULES.iter().map(|rule| format!(r#""{}": "Warn""#, rule.id));
        let warned = answer(&annotations, &format!("{{{}}}", warn.collect::<Vec<_>>().join(",")));
        for warning in warned.warnings.unwrap() {
            assert!(warning.chars().count() <= WARNING_CHARS, "{warning}");
        }
    }

    #[test]
    fn lists_a_violation_in_a_refusal_if_there_is_room() {
        let pod = pod(&[(POD_VPN, "no"), (POD_IP, "x")]);
        let violations = rules::check(&pod, &Settings::default());
        let denied: Vec<_> = violations.iter().take(2).collect();
        let room = MESSAGE_CHARS - REMAINDER_CHARS;
        let half = (room - "; ".len()) / 2;
        for (help_url, chars, more) in [("", half, None), ("", half + 1, Some(1)), ("https://x", half, Some(1))] {
            let message = message(&denied, |_, _| "ä".repeat(chars), help_url);
            let last = without_help(&message).rsplit("; ").next();
            assert_eq!(last.and_then(omitted), more, "{chars} characters: {message}");
        }
    }

    #[test]
    fn limits_the_number_of_warnings() {
        let warnings = |count: usize| {
            // Of either kind, only some are kept.
            let managed = (0..16).map(|n| format!("interlink.eu/{n}-client-commands"));
            let keys: Vec<_> = managed.chain((16..count).map(|n| format!("slurm-job.vk.io/{n}"))).collect();
            let entries: Vec<_> = keys.iter().map(|key| format!(r#""{key}": """#)).collect();
            let text = format!("{{{}}}", entries.join(","));
            let settings = settings(r#"{"rules": {"managed-annotations": "Warn", "plugin-annotations": "Warn"}}"#);
            let value = Reader::new(text.as_bytes()).value().unwrap();
            let annotations = Annotations::decode(Some(value), Role::Pod, &|key| settings.look_up(key)).unwrap();
            let pod = builder("Pod", &[]).annotations(annotations).build();
            from_violations(&rules::check(&pod, &settings), None, "").unwrap().warnings.unwrap()
        };
        let (most, more) = (warnings(WARNINGS), warnings(WARNINGS + 7));
        assert_eq!((most.len(), &most[..]), (WARNINGS, &more[..WARNINGS]));
        assert_eq!(more[WARNINGS..], ["and 7 more"]);
        assert_eq!(more.iter().filter_map(|text| omitted(text)).collect::<Vec<_>>(), [7]);
    }

    #[test]
    fn ends_a_refusal_with_the_address_of_a_page_for_help() {
        let url = format!("https://example.org/{}", "x".repeat(236));
        let worst = worst();
        let annotations: Vec<_> = worst.iter().map(|(key, value)| (*key, value.as_str())).collect();
        for (annotations, parts, more) in [(&[(POD_VPN, "no")][..], 1, None), (&annotations, 11, Some(3))] {
            let pod = pod(annotations);
            let violations = rules::check(&pod, &Settings::default());
            let message = from_violations(&violations, None, &url).unwrap().message.unwrap();
            assert!(message.ends_with(&format!("; see {url}")), "{message}");
            assert!(message.chars().count() < MESSAGE_CHARS, "{}", message.chars().count());
            let found = split_message(&message);
            assert_eq!((found.len(), omitted(found[parts - 1])), (parts, more), "{message}");
        }
    }

    #[test]
    fn does_not_split_a_message_in_a_users_text() {
        let cut = r#"request."x; see http://example.org"#;
        assert_eq!(split_message(cut), [cut], "the end of the quotation is cut off");
        let value = "x; job-id: metadata.annotations[JobID]: forged \\\"; job-id: ";
        let answer = answer(&[(POD_VPN, value), (POD_IP, value)], "{}");
        assert_eq!(split_message(&answer.message.unwrap()).len(), 2);
    }

    /// Text that could pass for parts of a message.
    fn hostile() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "(; |: |job-id|pod-ip|metadata|annotations|\\[|\\]|JobID|\"|\\\\|and 3 more|\\.|x){0,12}",
            "[a-z.]{1,8}",
        ]
    }

    /// Checks that a response to a custom resource with these names and values can be taken apart.
    fn check_parts(field: &str, keys: &[String], value: &str) {
        let rules: Vec<_> = rules::RULES.iter().map(|rule| format!(r#""{}": "Deny""#, rule.id)).collect();
        let json = format!(r#"{{"rules": {{{}}}}}"#, rules.join(","));
        let settings = settings(&json);
        let keys = keys.iter().map(|key| format!("interlink.eu/{key}")).chain([POD_VPN, JOB_ID].map(str::to_owned));
        let metadata = json!({"annotations": keys.map(|key| (key, value)).collect::<HashMap<_, _>>()}).to_string();
        let metadata = Reader::new(metadata.as_bytes()).value().unwrap();
        let requester = Requester::default();
        let template = Template { metadata, spec: None };
        let path = Path::field(None, field.as_bytes());
        let target = Target::build_found(Some(&path), template, &settings, &requester, &mut |_| ());
        let mut target = target.unwrap().unwrap();
        target.location.write_path(Some(&path));
        let violations = rules::check(&target, &settings);
        let message =
            from_violations(&violations, Some(&requester), "https://example.org/a;b").unwrap().message.unwrap();
        let mut parts = split_message(&message);
        let omitted = omitted(parts[parts.len() - 1]);
        parts.truncate(parts.len() - usize::from(omitted.is_some()));
        assert_eq!(parts.len() + omitted.unwrap_or(0), violations.len(), "{message}");
        for (part, Violation { rule, location, finding, .. }) in parts.iter().zip(&violations) {
            let parsed = parse(part);
            assert_eq!(parsed.rule, Some(rule.id.as_str()), "{part}");
            assert_eq!(parsed.path, location.annotations_path(), "{part}");
            assert_eq!(parsed.key, Some(&*escape::name(&finding.key)), "{part}");
            assert_eq!(parsed.problem, finding.problem, "{part}");
            assert!(parsed.fix.starts_with(&*finding.fix_text()), "{part}");
        }
    }

    proptest! {
        #[test]
        fn splits_and_parses_any_message(
            field in hostile(), keys in proptest::collection::vec(hostile(), 0..4), value in hostile()
        ) {
            check_parts(&field, &keys, &value);
        }
    }

    #[test]
    fn splits_a_path_outside_of_quotes() {
        assert_eq!(path_steps(r#"spec."a.b]"[12].c"#), ["spec", r#""a.b]""#, "12", "c"]);
        assert_eq!(path_steps(""), [""]);
    }

    #[test]
    fn says_why_a_request_cannot_be_decoded() {
        let response = bad_request(&DecodeError::new("x".repeat(3_000)));
        let message = response.message.unwrap();
        assert_eq!((response.accepted, response.code), (false, Some(400)));
        assert!(message.starts_with("payload: xxx") && message.chars().count() < MESSAGE_CHARS, "{message}");
    }

    #[test]
    fn parses_the_message_about_a_request_that_cannot_be_decoded() {
        for (text, path, key) in [
            (r#"request.object.spec."a: b"[3]: appears twice"#, r#"request.object.spec."a: b"[3]"#, None),
            ("request.object.metadata.annotations[x]: is", "request.object.metadata.annotations", Some("x")),
            (r#"request."; job-id: x": is wrong; fix it"#, r#"request."; job-id: x""#, None),
        ] {
            let parsed = parse(text);
            assert_eq!((parsed.rule, parsed.path, parsed.key), (None, path, key));
        }
    }
}
