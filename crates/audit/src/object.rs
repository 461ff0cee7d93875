//! The parts of an object that the command reads: its name, and the annotations that the policy checks.

use std::borrow::Cow;

use interlink_annotations_policy::annotations::{Author, Lookup, look_up};
use interlink_annotations_policy::kinds::{KINDS, Kind, Role};
use interlink_annotations_policy::{is_stored_version, template_pointers};
use json_scan::{DecodeError, Reader, Value, optional_str, present, seek_path};
use memchr::memchr_iter;
use serde_json::Value as Json;

/// The fields that name an object, and show whether it is stored in a cluster.
#[derive(Debug, Default)]
pub(crate) struct Header<'a> {
    pub(crate) kind: Cow<'a, str>,
    pub(crate) api_version: Cow<'a, str>,
    pub(crate) name: Cow<'a, str>,
    pub(crate) generate_name: Cow<'a, str>,
    namespace: Cow<'a, str>,
    pub(crate) uid: Cow<'a, str>,
    resource_version: Cow<'a, str>,
    has_managed_fields: bool,
}

impl<'a> Header<'a> {
    /// Reads the fields of an object. A field of the wrong type is left out: the policy reports it.
    ///
    /// # Errors
    /// If a field appears twice, or the text is not an object.
    pub(crate) fn decode(object: &'a [u8]) -> Result<Self, DecodeError> {
        let [kind, api_version, metadata] = Reader::new(object).pick(["kind", "apiVersion", "metadata"])?;
        let mut header = Self { kind: text(kind), api_version: text(api_version), ..Self::default() };
        if let Some(metadata) = metadata.filter(|metadata| metadata.expect_object().is_ok()) {
            let names = ["name", "generateName", "namespace", "uid", "resourceVersion", "managedFields"];
            let [name, generate_name, namespace, uid, resource_version, managed_fields] =
                metadata.reader().pick(names)?;
            [header.name, header.generate_name, header.namespace, header.uid, header.resource_version] =
                [name, generate_name, namespace, uid, resource_version].map(text);
            header.has_managed_fields =
                managed_fields.is_some_and(|fields| fields.text().starts_with(b"[") && fields.text() != b"[]");
        }
        Ok(header)
    }

    /// Returns the API group, which is empty for the core group.
    pub(crate) fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// Returns the version without the group.
    pub(crate) fn version(&self) -> &str {
        self.api_version.rsplit('/').next().unwrap_or_default()
    }

    /// Returns the namespace; if the object names none, `default` for a namespaced kind that the policy knows.
    pub(crate) fn namespace(&self) -> &str {
        let is_namespaced = |kind: &Kind| kind.pod_location().role != Role::Node;
        match &*self.namespace {
            "" if KINDS.iter().find(|kind| kind.name == self.kind).is_some_and(is_namespaced) => "default",
            namespace => namespace,
        }
    }

    /// Returns the namespace; if the object names none, the given one, as `kubectl --namespace` does.
    pub(crate) fn namespace_or<'s>(&'s self, given: Option<&'s str>) -> &'s str {
        given.filter(|_| self.namespace.is_empty()).unwrap_or_else(|| self.namespace())
    }

    /// Returns the name; a `*` stands for what the API server will append to it.
    pub(crate) fn display_name(&self) -> String {
        match (&*self.name, &*self.generate_name) {
            ("", "") => String::new(),
            ("", prefix) => format!("{prefix}*"),
            (name, _) => name.to_owned(),
        }
    }

    /// Returns whether the object is stored in a cluster, by its `uid` and `resourceVersion`.
    pub(crate) fn is_stored(&self) -> bool {
        !self.uid.is_empty() && is_stored_version(&self.resource_version)
    }

    /// Returns whether the object does not show who wrote the annotations that interLink writes.
    pub(crate) fn has_unknown_owners(&self, object: &[u8]) -> bool {
        !self.has_managed_fields && has_managed_annotation(object, self.known_kind())
    }

    /// Returns the kind, if the policy knows it by name.
    pub(crate) fn known_kind(&self) -> Option<&'static Kind> {
        Kind::find(self.group(), &self.kind)
    }
}

/// Sets fields of an object, and keeps the text of all others, each on its line.
///
/// # Errors
/// If the text is not an object.
pub(crate) fn with_fields(object: &[u8], fields: &[(&str, Json)]) -> Result<Vec<u8>, DecodeError> {
    let names = fields.iter().map(|(name, _)| *name);
    let mut text = fields.iter().cloned().collect::<Json>().to_string().into_bytes();
    text.pop();
    let mut lines = 0;
    let mut counter = LineCounter::new(object);
    Reader::new(object).fields(&mut |name, value| {
        let value = value.value()?;
        let name = String::from_utf8_lossy(name);
        if names.clone().all(|other| other != name) {
            let before = counter.lines_before(value);
            text.push(if text.len() > 1 { b',' } else { b' ' });
            text.extend(std::iter::repeat_n(b'\n', before.saturating_sub(lines)));
            text.extend(format!("{}:", Json::from(name)).into_bytes());
            text.extend(value.text());
            lines = before + line_breaks(value.text());
        }
        Ok(())
    })?;
    text.push(b'}');
    Ok(text)
}

/// Returns the number of line breaks in a text.
pub(crate) fn line_breaks(text: &[u8]) -> usize {
    memchr_iter(b'\n', text).count()
}

/// Returns the number of line breaks before a value in a text.
pub(crate) fn lines_before(text: &[u8], value: Value<'_>) -> usize {
    line_breaks(before(text, value))
}

/// Counts the line breaks before values that follow each other in a text, without counting any of them twice.
pub(crate) struct LineCounter<'t> {
    rest: &'t [u8],
    lines: usize,
}

impl<'t> LineCounter<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Self {
        Self { rest: text, lines: 0 }
    }

    /// Returns the number of line breaks before a value.
    pub(crate) fn lines_before(&mut self, value: Value<'_>) -> usize {
        let passed = before(self.rest, value);
        self.rest = &self.rest[passed.len()..];
        self.lines += line_breaks(passed);
        self.lines
    }
}

/// Returns the number of line breaks before the key of a value in a text.
pub(crate) fn lines_before_key(text: &[u8], value: Value<'_>) -> usize {
    line_breaks(before(text, value).trim_ascii_end())
}

/// Returns the part of a text before a value in it.
fn before<'t>(text: &'t [u8], value: Value<'_>) -> &'t [u8] {
    &text[..value.text().as_ptr().addr() - text.as_ptr().addr()]
}

/// Returns a string's text, and an empty text for any other value.
pub(crate) fn text(value: Option<Value<'_>>) -> Cow<'_, str> {
    optional_str(value, "").ok().flatten().unwrap_or_default()
}

/// Returns whether the policy checks objects of a kind: those that it knows by name, and those that hold a pod
/// template.
pub(crate) fn is_checked(object: &[u8], kind: Option<&Kind>) -> bool {
    // The policy refuses an object that cannot be searched.
    kind.is_some() || template_pointers(object).map_or(true, |pointers| !pointers.is_empty())
}

/// Returns whether a text is a Kubernetes object, possibly a malformed one.
pub(crate) fn is_object(text: &[u8]) -> bool {
    let has_kind = |header: Header<'_>| !header.kind.is_empty() && !header.api_version.is_empty();
    Reader::new(text).peek() == Some(b'{') && Header::decode(text).map_or(true, has_kind)
}

/// Returns whether an object has an annotation that interLink writes, where the policy checks it.
fn has_managed_annotation(object: &[u8], kind: Option<&Kind>) -> bool {
    let is_managed = |key: &[u8]| matches!(look_up(key), Lookup::Known(info) if info.author != Author::User);
    let mut found = false;
    for annotations in annotations(object, kind) {
        let read = annotations.reader().entries(&mut |key, value| {
            found |= is_managed(key);
            value.skip()
        });
        found &= read.is_ok();
    }
    found
}

/// Returns the annotations of an object where the policy checks them.
fn annotations<'a>(object: &'a [u8], kind: Option<&Kind>) -> Vec<Value<'a>> {
    let mut found = typed_annotations(object, kind);
    if kind.is_none()
        && let Ok(value) = Reader::new(object).value()
    {
        let pointers = template_pointers(object).unwrap_or_default();
        let templates = pointers.iter().filter(|pointer| !pointer.is_empty());
        found.extend(templates.filter_map(|pointer| find(value, &format!("{pointer}/metadata/annotations"))));
    }
    found
}

/// Returns the annotations of an object in the fields whose type the API server knows: in other kinds than those that
/// the policy knows too, that is its own metadata alone.
fn typed_annotations<'a>(object: &'a [u8], kind: Option<&Kind>) -> Vec<Value<'a>> {
    let object = Reader::new(object).value().ok();
    let at = |path: &[&str]| {
        let path: Vec<_> = path.iter().chain(&["metadata", "annotations"]).copied().collect();
        present(seek_path(object, &path).ok().flatten())
    };
    match kind {
        Some(kind) => kind.locations.iter().filter_map(|location| at(location.path)).collect(),
        None => at(&[]).into_iter().collect(),
    }
}

/// Returns the value at a JSON pointer.
fn find<'a>(value: Value<'a>, pointer: &str) -> Option<Value<'a>> {
    pointer.split('/').skip(1).try_fold(value, |value, step| {
        let step = step.replace("~1", "/").replace("~0", "~");
        let mut found = None;
        let read = visit_children(value, &mut |key, child| {
            if key == step {
                found = Some(child);
            }
        });
        read.ok().and(found)
    })
}

/// Calls a function with the key and the value of each entry of an object, or with the index and the value of each
/// element of a list.
///
/// # Errors
/// If the value is neither, or is malformed.
pub(crate) fn visit_children<'a>(value: Value<'a>, visit: &mut dyn FnMut(&str, Value<'a>)) -> Result<(), DecodeError> {
    let mut reader = value.reader();
    if value.text().starts_with(b"[") {
        let mut index = 0_usize;
        reader.elements(&mut |element| {
            visit(&index.to_string(), element.value()?);
            index += 1;
            Ok(())
        })
    } else {
        reader.entries(&mut |key, entry| {
            visit(&String::from_utf8_lossy(key), entry.value()?);
            Ok(())
        })
    }
}

/// Sets annotations that are null to an empty text, as the API server reads them in fields whose type it knows.
pub(crate) fn with_empty_annotations<'a>(object: &'a [u8], kind: Option<&Kind>) -> Cow<'a, [u8]> {
    let mut nulls = Vec::new();
    for annotations in typed_annotations(object, kind) {
        // The policy reports malformed annotations.
        let _ = annotations.reader().entries(&mut |_, value| {
            let value = value.value()?;
            if value.is_null() {
                nulls.push(before(object, value).len());
            }
            Ok(())
        });
    }
    if nulls.is_empty() {
        return Cow::Borrowed(object);
    }
    nulls.sort_unstable();
    let mut text = Vec::with_capacity(object.len());
    let mut start = 0;
    for null in nulls {
        text.extend(&object[start..null]);
        text.extend(b"\"\"");
        start = null + b"null".len();
    }
    text.extend(&object[start..]);
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_fields_that_name_an_object() {
        let text = br#"{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"generateName": "web-", "uid": "5",
            "resourceVersion": "7", "managedFields": []}}"#;
        let header = Header::decode(text).unwrap();
        assert_eq!((header.group(), header.version(), &*header.kind), ("apps", "v1", "Deployment"));
        assert_eq!((header.namespace(), header.display_name()), ("default", "web-*".to_owned()));
        assert!(header.is_stored() && header.known_kind().is_some() && !header.has_managed_fields);
        assert!(Header::decode(br#"{"kind": "Pod", "kind": "Node"}"#).is_err());
        assert!(Header::decode(b"7").is_err());
        let odd = Header::decode(br#"{"kind": 7, "metadata": []}"#).unwrap();
        assert_eq!((&*odd.kind, odd.namespace()), ("", ""));
    }

    #[test]
    fn reads_a_null_annotation_as_empty() {
        let pod = br#"{"metadata": {"annotations": {"a": null, "b": 1, "c":null}}, "x": null}"#;
        let text = with_empty_annotations(pod, Kind::find("", "Pod"));
        assert_eq!(&*text, br#"{"metadata": {"annotations": {"a": "", "b": 1, "c":""}}, "x": null}"#);
        let custom = br#"{"metadata":{"annotations":{"a":null}},"template":{"metadata":{"annotations":{"a":null}}}}"#;
        let text = String::from_utf8(with_empty_annotations(custom, None).into_owned()).unwrap();
        assert_eq!(text.matches("null").count(), 1, "not in fields whose type the API server does not know: {text}");
    }

    #[test]
    fn finds_annotations_that_interlink_writes() {
        let unknown = |object: &str| Header::decode(object.as_bytes()).unwrap().has_unknown_owners(object.as_bytes());
        let pod = |annotation: &str, fields: &str| {
            format!(
                r#"{{"kind": "Pod", "apiVersion": "v1", "metadata": {{"annotations": {{"{annotation}": ""}}, "managedFields": {fields}}}}}"#
            )
        };
        assert!(unknown(&pod("JobID", "[]")) && unknown(&pod("JobID", "null")));
        assert!(!unknown(&pod("JobID", "[{}]")));
        assert!(!unknown(&pod("interlink.eu/pod-vpn", "[]")));
        let custom = r#"{"kind": "JobSet", "apiVersion": "x/v1", "spec": {"jobs": [{"template": {"metadata":
            {"annotations": {"JobID": ""}}, "spec": {"containers": []}}}]}}"#;
        assert!(unknown(custom));
    }
}
