//! Any payload gets a response that is safe to print, and the same one whatever the formatting of its JSON.

use interlink_annotations_policy as policy;
use json_scan::{DecodeError, Reader};
use serde::Serialize;
use serde_json::ser::PrettyFormatter;
use serde_json::{Serializer, Value};

use super::payload::payload;
use crate::response::check_texts;

pub(super) fn check(bytes: &[u8]) {
    let payload = payload(bytes);
    let response = validate(&payload);
    check_texts(&response).unwrap();
    assert_eq!(response["accepted"] == true, response["message"].is_null());

    if let Ok(tree) = serde_json::from_slice::<Value>(&payload) {
        let formats = [payload.to_vec(), format!("{tree}").into(), with_line_breaks(&tree)];
        let responses @ [original, compact, with_breaks] = &[response, validate(&formats[1]), validate(&formats[2])];
        if !formats.iter().all(|text| mentions_interlink(text)) {
            // An error may be found in one format, while the policy does not parse another.
            assert!(responses.iter().all(reports_nothing), "{responses:?}");
            return;
        }
        if compact != with_breaks {
            // Kubewarden deploys no policy with wrong settings, so the policy decodes them only if it needs them.
            let has_wrong_settings = |response: &Value| {
                response["code"] == 400 && response["message"].as_str().is_some_and(|text| text.starts_with("settings"))
            };
            assert!([compact, with_breaks].into_iter().any(has_wrong_settings), "{compact} {with_breaks}");
            return;
        }
        // The tree sorts the fields, and keeps the last of two with one name. The policy rejects such a request, or
        // checks an object as new whose old version has such fields.
        if original["code"] != 400 && fields_in_text(&mut Reader::new(&payload)) == Ok(fields_in_tree(&tree)) {
            for field in ["accepted", "code", "audit_annotations"] {
                assert_eq!(original[field], compact[field], "{field}");
            }
        }
    }
}

/// Writes a tree with line breaks, but without indentation: a template that moves to another depth would have another
/// text there, and be new to the policy.
fn with_line_breaks(tree: &Value) -> Vec<u8> {
    let mut text = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b""));
    tree.serialize(&mut serializer).expect("a tree can be written");
    text
}

/// Counts all fields of a JSON text, at any depth.
fn fields_in_text(reader: &mut Reader<'_>) -> Result<usize, DecodeError> {
    let mut count = 0;
    match reader.peek() {
        Some(b'{') => reader.entries(&mut |_, value| {
            count += 1 + fields_in_text(value)?;
            Ok(())
        })?,
        Some(b'[') => reader.elements(&mut |element| {
            count += fields_in_text(element)?;
            Ok(())
        })?,
        _ => reader.skip()?,
    }
    Ok(count)
}

/// Counts all fields of a JSON tree, at any depth.
fn fields_in_tree(tree: &Value) -> usize {
    match tree {
        Value::Object(fields) => fields.values().map(|value| 1 + fields_in_tree(value)).sum(),
        Value::Array(elements) => elements.iter().map(fields_in_tree).sum(),
        _ => 0,
    }
}

/// Whether a JSON text may contain an interLink annotation, or turn on the rule that looks at others.
fn mentions_interlink(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    // For the policy, which ignores case, the dotted capital I is an i, and the Kelvin sign is a k.
    let lower = text.replace('\u{130}', "i").replace('\u{212a}', "k").to_ascii_lowercase();
    ["JobID", "\\u", "\"plugin-annotations\""].iter().any(|part| text.contains(part)) || lower.contains("interlink.")
}

/// Whether a response reports no finding of any rule.
fn reports_nothing(response: &Value) -> bool {
    response["code"] == 400 || response["accepted"] == true && response["warnings"].is_null()
}

/// Evaluates a payload, and checks that both ways to serialize the response agree.
fn validate(payload: &[u8]) -> Value {
    let response = policy::validate(payload, &policy::cluster::no_cluster);
    let written = policy::response::to_json(&response).expect("a response can be serialized");
    let parsed: Value = serde_json::from_slice(&written).expect("a response is JSON");
    assert_eq!(parsed, serde_json::to_value(response).expect("a response can be serialized"));
    parsed
}
