//! The scanner decodes the escapes of a JSON string as `serde_json` does. A user's text in a message is escaped so that
//! the message still has the same parts.

use interlink_annotations_policy::cluster::no_cluster;
use interlink_annotations_policy::response::{parse, split_message};
use interlink_annotations_policy::validate;
use json_scan::{Reader, show_name};
use serde_json::json;

use crate::admission_request::AdmissionRequest;
use crate::response::check_texts;

pub(super) fn check(bytes: &[u8]) {
    check_decoded(bytes);
    if let Ok(text) = str::from_utf8(bytes) {
        check_shown(text);
    }
}

/// Checks how the scanner decodes a string with these bytes between its quotes.
fn check_decoded(bytes: &[u8]) {
    let literal = [b"\"", bytes, b"\""].concat();
    let mut reader = Reader::new(&literal);
    let decoded = reader.value().and_then(|value| reader.end().and_then(|()| value.to_str()));
    match serde_json::from_slice::<String>(&literal) {
        Ok(expected) => assert_eq!(decoded.expect("a valid string is decoded"), expected),
        Err(_) => assert!(decoded.is_err(), "{decoded:?}"),
    }
}

/// Checks the message about a text as an annotation's value and as part of a key.
fn check_shown(text: &str) {
    let key = format!("interlink.eu/{text}~");
    let object = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"annotations": {"interlink.eu/pod-vpn": format!("{text}~"), &key: text}}});
    let settings = json!({"rules": {"unknown-annotation": "Deny"}});
    let response = validate(&AdmissionRequest::create(object).payload(&settings), &no_cluster);
    let message = response.message.as_deref().unwrap_or_default();
    let sentences: Vec<_> = split_message(message).into_iter().map(parse).collect();
    let found: Vec<_> = sentences.iter().map(|sentence| (sentence.rule, sentence.key)).collect();
    let shown = show_name(&key, usize::MAX);
    let [(Some("pod-vpn"), Some("interlink.eu/pod-vpn")), (Some("unknown-annotation"), Some(cut))] = found[..] else {
        panic!("{message} has the parts {found:?}");
    };
    assert!(shown.starts_with(cut.trim_end_matches(['"', '…'])), "{cut} is not the start of {shown}");
    check_texts(&serde_json::to_value(&response).expect("a response can be serialized")).unwrap();
}
