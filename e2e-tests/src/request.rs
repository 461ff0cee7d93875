//! The request that the API server makes of an object.

use serde_json::{Value, json};

/// An `AdmissionRequest` for `object`, which was `old` before; null where there is none. Without `user_info`, it does not
/// tell who asks.
pub fn request(user_info: &Value, operation: &str, namespace: &Value, old: &Value, object: &Value) -> Value {
    let kind = if object.is_null() { old } else { object };
    let api_version = kind["apiVersion"].as_str().unwrap_or_default();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let mut request = json!({
        "uid": "1",
        "kind": {"group": group, "version": version, "kind": kind["kind"]},
        "operation": operation,
        "namespace": namespace,
        "object": object,
        "oldObject": old,
    });
    if !user_info.is_null() {
        request["userInfo"] = user_info.clone();
    }
    request
}
