//! Any payload has an answer that can be shown, and the same one however its JSON is written.
#![no_main]

use interlink_annotations_policy as policy;
use interlink_annotations_policy_fuzz::payload;
use interlink_e2e_tests::answer::check_texts;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let payload = payload(bytes);
    let answer = validate(&payload);
    check_texts(&answer).unwrap();
    assert_eq!(answer["accepted"] == true, answer["message"].is_null());

    if let Ok(tree) = serde_json::from_slice::<Value>(&payload) {
        let writings = [payload.to_vec(), format!("{tree}").into(), format!("{tree:#}").into()];
        let answers @ [_, dense, spaced] = &[answer, validate(&writings[1]), validate(&writings[2])];
        if !writings.iter().all(|text| mentions_interlink(text)) {
            // What is malformed may be told of one writing, and not be read of another.
            assert!(answers.iter().all(is_quiet), "{answers:?}");
            return;
        }
        assert_eq!(dense, spaced);
        // The tree has its fields in another order, and of two with the same name the last: the policy refuses these.
        if answers[0]["code"] != 400 {
            for field in ["accepted", "code", "audit_annotations"] {
                assert_eq!(answers[0][field], dense[field], "{field}");
            }
        }
    }
});

/// Whether a JSON text may have a key of interLink's.
fn mentions_interlink(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    text.contains("JobID") || text.contains("\\u") || text.to_ascii_lowercase().contains("interlink.")
}

/// Whether no rule has found anything.
fn is_quiet(answer: &Value) -> bool {
    answer["code"] == 400 || answer["accepted"] == true && answer["warnings"].is_null()
}

fn validate(payload: &[u8]) -> Value {
    let response = policy::validate(payload);
    let written = policy::verdict::to_json(&response).expect("an answer can be written");
    let answer: Value = serde_json::from_slice(&written).expect("an answer is JSON");
    assert_eq!(answer, serde_json::to_value(response).expect("an answer can be written"));
    answer
}
