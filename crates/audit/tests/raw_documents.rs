//! The command refuses what the module refuses, however odd the JSON of a document is.

use interlink_audit::document::{Document, Origin};
use interlink_audit::evaluate::{Evaluation, Evaluator};
use interlink_audit::host::{Module, Policy};
use interlink_audit::outcome::Verdict;
use interlink_audit::request::{DEFAULT_USERNAME, Impersonation, Mode};
use interlink_audit::versions::Versions;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// API versions and kinds.
const KINDS: [(&str, &str, &str); 3] =
    [("", "v1", "Pod"), ("apps", "v1", "Deployment"), ("example.org", "v1", "Fleet")];

/// Entries of annotations, as JSON text. None is null: the API server makes an empty text of it before it calls the policy,
/// and so does the command.
const ENTRIES: [&str; 16] = [
    r#""JobID": "1""#,
    r#""JobID": "2""#,
    r#""\u004aobID": "1""#,
    r#""jobid": "1""#,
    r#""interlink.eu/pod-vpn": "true""#,
    r#""interlink.eu/pod-vpn": "no""#,
    r#""interlink\u002eeu/pod-ip": "10.0.0.1""#,
    r#""INTERLINK.eu/x": """#,
    r#""interlink.eu/]: ok; job-id: a[JobID]: b": "c""#,
    r#""a": "b""#,
    r#""a": 1"#,
    r#""a": {"JobID": "1"}"#,
    r#""JobID": "\ud800""#,
    "\"JobID\":\n\"1\"",
    r#""a": "\"JobID\"""#,
    r#""b": "1" "c": "2""#,
];

/// Fields beside the annotations.
const FIELDS: [&str; 9] = [
    r#""name": "a""#,
    r#""annotations": null"#,
    r#""annotations": []"#,
    r#""labels": {"JobID": "1"}"#,
    r#""spec": {"containers": []}"#,
    r#""spec": null"#,
    r#""metadata": {}"#,
    r#""note": "interlink.eu/""#,
    r#""open": ["#,
];

/// A document, and the group, version and kind that it says.
#[derive(Debug, Clone)]
struct Raw {
    kind: (&'static str, &'static str, &'static str),
    text: String,
}

fn joined(entries: &[&str]) -> String {
    format!("{{{}}}", entries.join(",\n"))
}

fn metadata() -> impl Strategy<Value = String> {
    (subsequence(&FIELDS[..4], 0..=2), prop::collection::vec(select(&ENTRIES[..]), 0..4), 0..=2_usize).prop_map(
        |(fields, entries, times)| {
            let annotations = format!("\"annotations\": {}", joined(&entries));
            let fields: Vec<_> = fields.into_iter().map(str::to_owned).chain(vec![annotations; times]).collect();
            format!("\"metadata\": {{{}}}", fields.join(", "))
        },
    )
}

fn document() -> impl Strategy<Value = Raw> {
    let rare = prop::option::weighted(0.2, select(&FIELDS[4..]));
    (select(&KINDS[..]), metadata(), metadata(), rare, any::<bool>()).prop_map(|(kind, own, inner, rare, is_first)| {
        let (group, version, name) = kind;
        let separator = if group.is_empty() { "" } else { "/" };
        let mut fields =
            vec![format!("\"apiVersion\": \"{group}{separator}{version}\""), format!("\"kind\": \"{name}\""), own];
        if name != "Pod" {
            fields.push(format!("\"spec\": {{\"template\": {{{inner}, \"spec\": {{\"containers\": []}}}}}}"));
        }
        fields.extend(rare.map(str::to_owned));
        if is_first {
            fields.rotate_left(2);
        }
        Raw { kind, text: format!("{{{}}}", fields.join(", ")) }
    })
}

/// Returns the module's answer to the creation of an object.
fn answer(policy: &Policy, raw: &Raw) -> Value {
    let (group, version, kind) = raw.kind;
    let user = json!({"username": DEFAULT_USERNAME, "groups": ["system:authenticated"]});
    let payload = format!(
        r#"{{"request": {{"uid": "1", "kind": {}, "operation": "CREATE", "namespace": "default", "userInfo": {user},
            "object": {}}}, "settings": {{}}}}"#,
        json!({"group": group, "version": version, "kind": kind}),
        raw.text,
    );
    serde_json::from_slice(&policy.call("validate", payload.as_bytes()).unwrap()).unwrap()
}

fn evaluator() -> Evaluator {
    let mode = Mode::Manifests { impersonation: Impersonation::default(), old: Versions::default() };
    Evaluator { module: Module::built_in().unwrap(), settings: b"{}".to_vec(), mode, is_built_in: true }
}

fn check(raw: &Raw, evaluation: &Evaluation, answer: &Value) {
    let is_accepted = answer["accepted"] == true;
    match evaluation {
        Evaluation::Outcome(outcome) => {
            assert_eq!(outcome.verdict != Verdict::Refused, is_accepted, "{raw:?}: {answer}");
            let warnings = answer["warnings"].as_array().map_or(0, Vec::len);
            assert_eq!(outcome.has_warnings(), warnings > 0, "{raw:?}: {answer}");
        }
        Evaluation::Irrelevant => assert!(is_accepted && answer["warnings"].is_null(), "{raw:?}: {answer}"),
        // The API server reads no such document, whatever the module makes of it.
        Evaluation::Problem(_) => {
            let is_json = serde_json::from_str::<IgnoredAny>(&raw.text).is_ok();
            assert!(!is_json || !is_accepted, "{raw:?}: {answer}");
        }
        Evaluation::Skipped | Evaluation::AcrossObjects(_) => panic!("{raw:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn refuses_what_the_module_refuses(documents in prop::collection::vec(document(), 64)) {
        let evaluator = evaluator();
        let policy = evaluator.module.start().unwrap();
        let read = documents.iter().map(|raw| {
            Ok(Document { origin: Origin::file("f.json"), text: raw.text.clone().into(), is_optional: false })
        });
        let mut evaluations = Vec::new();
        evaluator.run(read.collect::<Vec<_>>().into_iter(), |evaluation| {
            evaluations.push(evaluation);
            Ok::<_, ()>(())
        }).unwrap();
        prop_assert_eq!(evaluations.len(), documents.len());
        for (raw, evaluation) in documents.iter().zip(&evaluations) {
            check(raw, evaluation, &answer(&policy, raw));
        }
    }
}
