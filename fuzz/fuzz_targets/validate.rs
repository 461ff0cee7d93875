//! Any payload has an answer that can be shown, and the same one however its JSON is written.
#![no_main]

use interlink_annotations_policy as policy;
use interlink_annotations_policy_fuzz::{answer::check_texts, payload};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let payload = payload(bytes);
    let answer = validate(&payload);
    check_texts(&answer).unwrap();
    assert_eq!(answer["accepted"] == true, answer["message"].is_null());

    if let Ok(tree) = serde_json::from_slice::<Value>(&payload) {
        let [dense, spaced] = [format!("{tree}"), format!("{tree:#}")].map(|text| validate(text.as_bytes()));
        assert_eq!(dense, spaced);
        // The tree has its fields in another order, and of two with the same name the last: the policy refuses these.
        if answer["code"] != 400 {
            for field in ["accepted", "code", "audit_annotations"] {
                assert_eq!(answer[field], dense[field], "{field}");
            }
        }
    }
});

fn validate(payload: &[u8]) -> Value {
    let response = policy::validate(payload);
    let written = policy::verdict::to_json(&response).expect("an answer can be written");
    let answer: Value = serde_json::from_slice(&written).expect("an answer is JSON");
    assert_eq!(answer, serde_json::to_value(response).expect("an answer can be written"));
    answer
}
