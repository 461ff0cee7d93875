//! Any settings are valid or have a message that can be shown; `validate` refuses those that are not, and no others.
#![no_main]

use interlink_annotations_policy::{settings, validate};
use interlink_e2e_tests::answer::check_texts;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const REQUEST: &str = r#"{"request": {"operation": "CREATE", "kind": {"group": "", "kind": "Pod"},
    "object": {"metadata": {"annotations": {"JobID": "1"}}}}, "settings": "#;

fuzz_target!(|settings: &[u8]| {
    let answer = serde_json::to_value(settings::validate(settings)).expect("an answer can be written");
    check_texts(&answer).unwrap();
    assert_eq!(answer["valid"] == true, answer["message"].is_null());

    // What is no JSON value could end the payload early.
    if answer["valid"] == true || serde_json::from_slice::<Value>(settings).is_ok() {
        let payload = [REQUEST.as_bytes(), settings, b"}"].concat();
        assert_eq!(answer["valid"] == true, validate(&payload).code != Some(400));
    }
});
