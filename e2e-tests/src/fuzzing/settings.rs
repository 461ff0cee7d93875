//! `validate_settings` accepts settings, or rejects them with a message that is safe to print; `validate` returns code
//! 400 for those that are rejected, and for no others.

use interlink_annotations_policy::cluster::no_cluster;
use interlink_annotations_policy::{settings, validate};
use serde_json::Value;

use crate::response::check_texts;

const REQUEST: &str = r#"{"request": {"operation": "CREATE", "kind": {"group": "", "kind": "Pod"},
    "object": {"metadata": {"annotations": {"JobID": "1"}}}}, "settings": "#;

pub(super) fn check(settings: &[u8]) {
    let response = serde_json::to_value(settings::validate(settings)).expect("a response can be serialized");
    check_texts(&response).unwrap();
    let is_valid = response["valid"] == true;
    assert_eq!(is_valid, response["message"].is_null());

    // Bytes that are not JSON could end the payload early.
    if is_valid || serde_json::from_slice::<Value>(settings).is_ok() {
        let payload = [REQUEST.as_bytes(), settings, b"}"].concat();
        assert_eq!(is_valid, validate(&payload, &no_cluster).code != Some(400));
    }
}
