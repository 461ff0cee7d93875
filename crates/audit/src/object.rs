//! What the policy's own library knows about objects and requests.

use interlink_annotations_policy::annotations::{Author, Lookup, look_up};
use interlink_annotations_policy::kinds::{KINDS, Kind, Role};
use interlink_annotations_policy::{is_stored_version, template_pointers};
use serde_json::Value;

/// Returns the API group of an object, empty for the core group; `None` if the object lacks its kind or API version.
pub(crate) fn api_group(object: &Value) -> Option<&str> {
    object["kind"].as_str()?;
    let version = object["apiVersion"].as_str()?;
    Some(version.split_once('/').map_or("", |(group, _)| group))
}

/// Returns the namespace of an object; if it names none, `default` for a namespaced kind that the policy knows.
pub(crate) fn namespace(object: &Value) -> &str {
    let is_namespaced = |kind: &Kind| kind.pod_location().role != Role::Node;
    let is_of = |kind: &&Kind| kind.name == text(&object["kind"]);
    match text(&object["metadata"]["namespace"]) {
        "" if KINDS.iter().find(is_of).is_some_and(is_namespaced) => "default",
        namespace => namespace,
    }
}

/// Returns whether an object is stored in a cluster, by its `uid` and `resourceVersion`.
pub(crate) fn is_stored(object: &Value) -> bool {
    let metadata = &object["metadata"];
    !text(&metadata["uid"]).is_empty() && is_stored_version(text(&metadata["resourceVersion"]))
}

/// Returns whether an object has an annotation that interLink writes, where the policy checks it.
pub(crate) fn has_managed_annotation(object: &Value) -> bool {
    let owners = known_kind(object).map_or_else(|| template_owners(object), locations);
    owners
        .iter()
        .filter_map(|owner| object.pointer(&annotations_of(owner))?.as_object())
        .flat_map(|annotations| annotations.keys())
        .any(|key| matches!(look_up(key.as_bytes()), Lookup::Known(info) if info.author != Author::User))
}

/// Sets annotations that are null to an empty text, as the API server reads them. It does not in the templates of custom
/// resources.
pub(crate) fn with_empty_annotations(mut object: Value) -> Value {
    for owner in known_kind(&object).map_or_else(|| vec![String::new()], locations) {
        if let Some(annotations) = object.pointer_mut(&annotations_of(&owner)).and_then(Value::as_object_mut) {
            annotations.values_mut().filter(|value| value.is_null()).for_each(|value| *value = "".into());
        }
    }
    object
}

fn known_kind(object: &Value) -> Option<&'static Kind> {
    api_group(object).and_then(|group| Kind::find(group, text(&object["kind"])))
}

/// Returns JSON pointers to what has annotations in an object of a kind.
fn locations(kind: &Kind) -> Vec<String> {
    let pointer = |path: &[&str]| path.iter().fold(String::new(), |pointer, field| pointer + "/" + field);
    kind.locations.iter().map(|location| pointer(location.path)).collect()
}

fn annotations_of(owner: &str) -> String {
    owner.to_owned() + "/metadata/annotations"
}

/// Returns JSON pointers to the pod templates in an object of a kind that the policy does not know by name, and to the
/// object itself, if there are any. The policy refuses an object that cannot be searched.
fn template_owners(object: &Value) -> Vec<String> {
    let mut owners = template_pointers(object.to_string().as_bytes()).unwrap_or_default();
    if !owners.is_empty() && !owners.contains(&String::new()) {
        owners.push(String::new());
    }
    owners
}

/// Returns whether the policy checks a request, by its operation, its kind and the pod templates in its object; it
/// accepts all others.
pub(crate) fn is_checked(request: &Value) -> bool {
    let (operation, kind) = (&request["operation"], &request["kind"]);
    let writes = !matches!(operation.as_str(), Some("DELETE" | "CONNECT"));
    let is_known = |name: &str| Kind::find(text(&kind["group"]), name).is_some();
    // The policy refuses a request without a kind.
    writes && (kind["kind"].as_str().is_none_or(is_known) || !template_owners(&request["object"]).is_empty())
}

/// Returns a string's text, and an empty text for any other value.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
