//! The entry about a refusal in the policy server's log.

use json_scan::{Reader, Value, escape_truncated, pick};
use kubewarden_policy_sdk::response::ValidationResponse;
use serde::Serialize;

/// The maximum number of characters of a name: the longest that Kubernetes accepts.
const NAME_CHARS: usize = 253;

/// An entry, as Kubewarden's host expects it.
#[derive(Serialize)]
struct Entry<'a> {
    level: &'static str,
    message: &'static str,
    /// The ids of the violated rules; empty if the request cannot be decoded.
    rules: &'a str,
    code: Option<u16>,
    operation: String,
    kind: String,
    namespace: String,
    name: String,
    username: String,
}

/// Returns the entry about a refused request, as JSON; `None` for a request that names no user, as an audit request does,
/// since Kubewarden reports its result.
pub(crate) fn refusal(payload: &[u8], response: &ValidationResponse) -> Option<Vec<u8>> {
    let [request] = Reader::new(payload).pick(["request"]).unwrap_or_default();
    let [operation, kind, namespace, name, user_info] =
        fields(request, ["operation", "kind", "namespace", "name", "userInfo"]);
    let [kind] = fields(kind, ["kind"]);
    let [username, uid, groups] = fields(user_info, ["username", "uid", "groups"]);
    if [username, uid, groups].iter().all(Option::is_none) {
        return None;
    }
    let rules = response.audit_annotations.as_ref().and_then(|annotations| annotations.get("violations"));
    let entry = Entry {
        level: "info",
        message: "request refused",
        rules: rules.map_or("", String::as_str),
        code: response.code,
        operation: text(operation),
        kind: text(kind),
        namespace: text(namespace),
        name: text(name),
        username: text(username),
    };
    serde_json::to_vec(&entry).ok()
}

/// Returns the values of some fields, `None` for those that are absent or cannot be read.
fn fields<'a, const N: usize>(object: Option<Value<'a>>, names: [&str; N]) -> [Option<Value<'a>>; N] {
    pick(object, names).unwrap_or([None; N])
}

/// Returns the text of a field, escaped and truncated; empty if it is absent or not a string.
fn text(value: Option<Value<'_>>) -> String {
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
    escape_truncated(&text, NAME_CHARS)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cluster::no_cluster;
    use crate::validate;

    fn entry(user_info: &str) -> Option<Value> {
        let payload = format!(
            r#"{{"request": {{"operation": "CREATE", "kind": {{"kind": "Pod"}}, "namespace": "physics", "name": "p\u001b",
            "userInfo": {user_info}, "object": {{"metadata": {{"annotations": {{"JobID": "1"}}}}}}}}}}"#
        );
        let response = validate(payload.as_bytes(), &no_cluster);
        refusal(payload.as_bytes(), &response).map(|entry| serde_json::from_slice(&entry).unwrap())
    }

    #[test]
    fn names_the_rules_the_object_and_the_requester() {
        let expected = json!({
            "level": "info", "message": "request refused", "rules": "job-id", "code": 403, "operation": "CREATE",
            "kind": "Pod", "namespace": "physics", "name": "p\\u{1b}", "username": "alice",
        });
        assert_eq!(entry(r#"{"username": "alice"}"#), Some(expected));
    }

    #[test]
    fn is_silent_about_a_request_without_a_user() {
        for user_info in ["null", "{}"] {
            assert_eq!(entry(user_info), None);
        }
        for user_info in [r#"{"uid": "5"}"#, r#"{"groups": []}"#] {
            assert!(entry(user_info).is_some(), "{user_info}");
        }
    }
}
