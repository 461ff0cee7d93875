//! The entry about a refusal in the policy server's log.

use json_scan::{DecodeError, Reader, Value, escape_truncated, optional_str, pick};
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

/// Returns the entry about a refused request, as JSON; `None` for an audit request, which names no user, since Kubewarden
/// reports its result.
pub(crate) fn refusal(payload: &[u8], response: &ValidationResponse) -> Option<Vec<u8>> {
    let rules = response.audit_annotations.as_ref().and_then(|annotations| annotations.get("violations"));
    let entry = entry(payload, rules.map_or("", String::as_str), response.code).ok()?;
    if entry.username.is_empty() { None } else { serde_json::to_vec(&entry).ok() }
}

fn entry<'a>(payload: &[u8], rules: &'a str, code: Option<u16>) -> Result<Entry<'a>, DecodeError> {
    let [request] = Reader::new(payload).pick(["request"])?;
    let [operation, kind, namespace, name, user_info] =
        pick(request, ["operation", "kind", "namespace", "name", "userInfo"])?;
    let [kind] = pick(kind, ["kind"])?;
    let [username] = pick(user_info, ["username"])?;
    Ok(Entry {
        level: "info",
        message: "the request is refused",
        rules,
        code,
        operation: text(operation)?,
        kind: text(kind)?,
        namespace: text(namespace)?,
        name: text(name)?,
        username: text(username)?,
    })
}

/// Returns the text of a field, escaped and truncated; empty if it is absent.
fn text(value: Option<Value<'_>>) -> Result<String, DecodeError> {
    let text = optional_str(value, "")?.unwrap_or_default();
    Ok(escape_truncated(&text, NAME_CHARS))
}
