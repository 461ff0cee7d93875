//! What the policy's own library knows about objects and requests.

use interlink_annotations_policy::annotations::{Author, Lookup, look_up};
use interlink_annotations_policy::is_stored_version;
use interlink_annotations_policy::kinds::{KINDS, Kind, Role};
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

/// Returns whether an object has an annotation that interLink writes, in any location.
pub(crate) fn has_managed_annotation(object: &Value) -> bool {
    annotation_pointers(object)
        .iter()
        .filter_map(|pointer| object.pointer(pointer)?.as_object())
        .flat_map(|annotations| annotations.keys())
        .any(|key| matches!(look_up(key.as_bytes()), Lookup::Known(info) if info.author != Author::User))
}

/// Sets annotations that are null to an empty text, as the API server reads them.
pub(crate) fn with_empty_annotations(mut object: Value) -> Value {
    for pointer in annotation_pointers(&object) {
        if let Some(annotations) = object.pointer_mut(&pointer).and_then(Value::as_object_mut) {
            annotations.values_mut().filter(|value| value.is_null()).for_each(|value| *value = "".into());
        }
    }
    object
}

/// Returns JSON pointers to the annotations in all locations of an object.
fn annotation_pointers(object: &Value) -> Vec<String> {
    let kind = api_group(object).and_then(|group| Kind::find(group, text(&object["kind"])));
    let locations = kind.map_or(&[][..], |kind| kind.locations).iter().map(|location| location.path);
    let paths = locations.map(|path| path.iter().chain(&["metadata", "annotations"]));
    paths.map(|path| path.fold(String::new(), |pointer, field| pointer + "/" + field)).collect()
}

/// Returns whether the policy checks a request, by its operation and kind; it accepts all others.
pub(crate) fn is_checked(request: &Value) -> bool {
    let (operation, kind) = (&request["operation"], &request["kind"]);
    let writes = !matches!(operation.as_str(), Some("DELETE" | "CONNECT"));
    // The policy refuses a request without a kind.
    writes && kind["kind"].as_str().is_none_or(|name| Kind::find(text(&kind["group"]), name).is_some())
}

/// Returns a string's text, and an empty text for any other value.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
