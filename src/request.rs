//! Decoding the payload that Kubewarden passes to `validate`: an `AdmissionRequest` and the settings. Everything is
//! borrowed from the payload, and only the fields that the policy needs are decoded.

use std::borrow::Cow;

use json_scan::{Context, DecodeError, Field, Nested, Reader, Record, Value, each, optional_str, present, seek_path};

use crate::kinds::{Kind, OTHER_KIND};
use crate::object_size::sent_size;

/// The payload of a `validate` call.
#[derive(Default)]
pub(crate) struct Payload<'a> {
    request: Nested<'a, AdmissionRequest<'a>>,
    /// The policy's settings.
    pub(crate) settings: Option<Value<'a>>,
}

/// An `AdmissionRequest`.
#[derive(Default)]
pub(crate) struct AdmissionRequest<'a> {
    /// The uid of the request itself.
    uid: Option<Value<'a>>,
    operation: Option<Value<'a>>,
    kind: Nested<'a, GroupKind<'a>>,
    /// The namespace of the object; absent if the object has none.
    pub(crate) namespace: Option<Value<'a>>,
    /// The user who makes the request.
    pub(crate) user_info: Option<Value<'a>>,
    object: Nested<'a, Object<'a>>,
    old_object: Nested<'a, Object<'a>>,
}

/// A `GroupVersionKind` without its version.
#[derive(Default)]
struct GroupKind<'a> {
    group: Option<Value<'a>>,
    kind: Option<Value<'a>>,
}

/// A Kubernetes object, or a part of one that has metadata, such as a pod template.
#[derive(Clone, Copy, Default)]
pub(crate) struct Object<'a> {
    metadata: Nested<'a, Metadata<'a>>,
    spec: Option<Value<'a>>,
    template: Option<Value<'a>>,
}

/// The metadata of an object.
#[derive(Clone, Copy, Default)]
pub(crate) struct Metadata<'a> {
    pub(crate) uid: Option<Value<'a>>,
    pub(crate) annotations: Option<Value<'a>>,
    pub(crate) owner_references: Option<Value<'a>>,
    pub(crate) resource_version: Option<Value<'a>>,
    pub(crate) managed_fields: Option<Value<'a>>,
}

impl<'a> Record<'a> for Payload<'a> {
    fn field(&mut self, name: &[u8]) -> Option<Field<'_, 'a>> {
        match name {
            b"request" => Some(self.request.as_field()),
            b"settings" => Some(Field::Value(&mut self.settings)),
            _ => None,
        }
    }
}

impl<'a> Record<'a> for AdmissionRequest<'a> {
    fn field(&mut self, name: &[u8]) -> Option<Field<'_, 'a>> {
        match name {
            b"uid" => Some(Field::Value(&mut self.uid)),
            b"operation" => Some(Field::Value(&mut self.operation)),
            b"kind" => Some(self.kind.as_field()),
            b"namespace" => Some(Field::Value(&mut self.namespace)),
            b"userInfo" => Some(Field::Value(&mut self.user_info)),
            b"object" => Some(self.object.as_field()),
            b"oldObject" => Some(self.old_object.as_field()),
            _ => None,
        }
    }
}

impl<'a> Record<'a> for GroupKind<'a> {
    fn field(&mut self, name: &[u8]) -> Option<Field<'_, 'a>> {
        match name {
            b"group" => Some(Field::Value(&mut self.group)),
            b"kind" => Some(Field::Value(&mut self.kind)),
            _ => None,
        }
    }
}

impl<'a> Record<'a> for Object<'a> {
    fn field(&mut self, name: &[u8]) -> Option<Field<'_, 'a>> {
        match name {
            b"metadata" => Some(self.metadata.as_field()),
            b"spec" => Some(Field::Value(&mut self.spec)),
            b"template" => Some(Field::Value(&mut self.template)),
            _ => None,
        }
    }
}

impl<'a> Record<'a> for Metadata<'a> {
    fn field(&mut self, name: &[u8]) -> Option<Field<'_, 'a>> {
        match name {
            b"uid" => Some(Field::Value(&mut self.uid)),
            b"annotations" => Some(Field::Value(&mut self.annotations)),
            b"ownerReferences" => Some(Field::Value(&mut self.owner_references)),
            b"resourceVersion" => Some(Field::Value(&mut self.resource_version)),
            b"managedFields" => Some(Field::Value(&mut self.managed_fields)),
            _ => None,
        }
    }
}

/// The creation or update of an object that carries, or may carry, pod annotations.
pub(crate) struct Change<'r, 'a> {
    /// [`OTHER_KIND`] for any kind that the policy does not know by name.
    pub(crate) kind: &'static Kind,
    pub(crate) operation: Operation,
    /// The uid of the request.
    pub(crate) request_uid: Option<Cow<'a, str>>,
    pub(crate) object: &'r Object<'a>,
    /// The object before an update, if the request has it.
    pub(crate) old_object: Option<&'r Object<'a>>,
    /// The whole object, and the whole old one.
    pub(crate) text: Value<'a>,
    pub(crate) old_text: Option<Value<'a>>,
    /// The sizes of both in bytes, as the API server sends them.
    pub(crate) size: usize,
    pub(crate) old_size: usize,
}

/// An operation that writes an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Update,
}

impl<'a> Payload<'a> {
    /// Decodes the payload of a `validate` call.
    ///
    /// # Errors
    /// If the payload is not a JSON object.
    pub(crate) fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut decoded = Self::default();
        let mut reader = Reader::new(payload);
        reader.record(&mut decoded)?;
        reader.end()?;
        Ok(decoded)
    }

    /// Returns the request.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn request(&self) -> Result<&AdmissionRequest<'a>, DecodeError> {
        required(self.request.get()).at_field("request")
    }
}

impl<'a> AdmissionRequest<'a> {
    /// Returns the change that the request makes, or `None` if the policy has nothing to check: the operation does not
    /// write, or there is no object and the policy does not know the kind by name.
    ///
    /// # Errors
    /// If the operation, the kind or the object is missing or malformed.
    pub(crate) fn change(&self) -> Result<Option<Change<'_, 'a>>, DecodeError> {
        let Some(operation) = self.operation().at_path(&["request", "operation"])? else {
            return Ok(None);
        };
        let kind = self.kind().at_path(&["request", "kind"])?;
        let text = match self.object.value() {
            None if *kind == OTHER_KIND => return Ok(None),
            text => required(Ok(text)).at_path(&OBJECT)?,
        };
        let object = required(self.object.get()).at_path(&OBJECT)?;
        let (old_object, old_text) = match operation {
            Operation::Create => (None, None),
            Operation::Update => (self.old_object.get().at_path(&OLD_OBJECT)?, self.old_object.value()),
        };
        let request_uid = optional_str(self.uid, "uid").at_field("request")?;
        let (size, old_size) = (sent_size(text), old_text.map_or(0, sent_size));
        Ok(Some(Change { kind, operation, request_uid, object, old_object, text, old_text, size, old_size }))
    }

    /// Returns the operation if it writes an object.
    fn operation(&self) -> Result<Option<Operation>, DecodeError> {
        match required(Ok(self.operation))?.to_str()?.as_ref() {
            "CREATE" => Ok(Some(Operation::Create)),
            "UPDATE" => Ok(Some(Operation::Update)),
            "DELETE" | "CONNECT" => Ok(None),
            _ => Err(DecodeError::new("must be CREATE, UPDATE, DELETE or CONNECT")),
        }
    }

    fn kind(&self) -> Result<&'static Kind, DecodeError> {
        let GroupKind { group, kind } = *required(self.kind.get())?;
        let kind = required(optional_str(kind, "kind")).at_field("kind")?;
        let group = optional_str(group, "group")?.unwrap_or_default();
        Ok(Kind::find(&group, &kind).unwrap_or(&OTHER_KIND))
    }
}

/// The paths of the object and the old object, for errors.
pub(crate) const OBJECT: [&str; 2] = ["request", "object"];
pub(crate) const OLD_OBJECT: [&str; 2] = ["request", "oldObject"];

/// Returns a required value.
fn required<T>(value: Result<Option<T>, DecodeError>) -> Result<T, DecodeError> {
    value?.ok_or_else(|| DecodeError::new("is missing"))
}

impl<'a> Object<'a> {
    /// Decodes an object.
    ///
    /// # Errors
    /// If the value is not an object, or is malformed.
    pub(crate) fn decode(value: Value<'a>) -> Result<Self, DecodeError> {
        let mut object = Self::default();
        value.reader().record(&mut object)?;
        Ok(object)
    }

    /// Returns the metadata, empty if there is none.
    ///
    /// # Errors
    /// If it is not an object. The path is relative to this object.
    pub(crate) fn metadata(&self) -> Result<Metadata<'a>, DecodeError> {
        self.metadata.get().at_field("metadata").map(|metadata| metadata.copied().unwrap_or_default())
    }

    /// Returns the text of the metadata.
    pub(crate) fn metadata_value(&self) -> Option<Value<'a>> {
        self.metadata.value()
    }

    /// Returns the spec.
    pub(crate) fn spec(&self) -> Option<Value<'a>> {
        present(self.spec)
    }

    /// Returns the object at the end of a path of fields, an empty one if the path ends early.
    ///
    /// # Errors
    /// If a value along the path is not an object. The path is relative to this object.
    pub(crate) fn at(&self, path: &[&str]) -> Result<Self, DecodeError> {
        if path.is_empty() {
            return Ok(*self);
        }
        match self.value_at(path)? {
            Some(value) => Self::decode(value).at_path(path),
            None => Ok(Self::default()),
        }
    }

    /// Returns the value at the end of a path of fields, or `None` if the path is empty or ends early.
    ///
    /// # Errors
    /// If a value along the path is not an object. The path is relative to this object.
    pub(crate) fn value_at(&self, path: &[&str]) -> Result<Option<Value<'a>>, DecodeError> {
        let Some((first, rest)) = path.split_first() else {
            return Ok(None);
        };
        let start = match *first {
            "spec" => self.spec,
            "template" => self.template,
            _ => None,
        };
        seek_path(start, rest).at_field(first)
    }
}

impl<'a> Metadata<'a> {
    /// Decodes metadata.
    ///
    /// # Errors
    /// If the value is not an object, or has a field twice.
    pub(crate) fn decode(value: Value<'a>) -> Result<Self, DecodeError> {
        let mut metadata = Self::default();
        value.reader().record(&mut metadata)?;
        Ok(metadata)
    }

    /// Returns whether a controller created the object.
    ///
    /// # Errors
    /// If the owner references are malformed. The path is relative to the object.
    pub(crate) fn has_controller(&self) -> Result<bool, DecodeError> {
        let mut has_controller = false;
        let decoded = each(self.owner_references, &mut |owner| {
            let [controller] = owner.pick(["controller"])?;
            has_controller |= controller.is_some_and(Value::is_true);
            Ok(())
        });
        decoded.at_path(&["metadata", "ownerReferences"])?;
        Ok(has_controller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns whether a request has metadata in its object, and whether it has an old object.
    fn change(request: &str) -> Result<Option<(bool, bool)>, String> {
        let payload = format!(r#"{{"request": {request}}}"#);
        let decode = || {
            let payload = Payload::decode(payload.as_bytes())?;
            let change = payload.request()?.change()?;
            let summary = change.map(|change| (change.object.metadata.get(), change.old_object.is_some()));
            summary.map(|(metadata, has_old)| Ok((metadata?.is_some(), has_old))).transpose()
        };
        decode().map_err(|error: DecodeError| error.to_string())
    }

    const POD: &str = r#""kind": {"group": "", "version": "v1", "kind": "Pod"}"#;

    #[test]
    fn returns_creations_and_updates_of_pods() {
        let object = r#""object": {"metadata": {}}, "oldObject": {}"#;
        for (operation, expected) in
            [("CREATE", Some((true, false))), ("UPDATE", Some((true, true))), ("DELETE", None), ("CONNECT", None)]
        {
            let request = format!(r#"{{"operation": "{operation}", {POD}, {object}}}"#);
            assert_eq!(change(&request), Ok(expected), "{operation}");
        }
    }

    #[test]
    fn keeps_the_object_and_the_old_object_apart() {
        let request = format!(
            r#"{{"operation": "UPDATE", {POD}, "oldObject": {{"spec": {{"old": 1}}}}, "object": {{"spec": {{"new": 1}}}}}}"#
        );
        let payload = format!(r#"{{"request": {request}}}"#);
        let payload = Payload::decode(payload.as_bytes()).unwrap();
        let change = payload.request().unwrap().change().unwrap().unwrap();
        assert_eq!(change.object.spec().unwrap().text(), br#"{"new": 1}"#);
        assert_eq!(change.old_object.unwrap().spec().unwrap().text(), br#"{"old": 1}"#);
    }

    #[test]
    fn needs_no_object_of_other_kinds() {
        for (group, kind) in [("", "Service"), ("example.org", "Pod"), ("", "Deployment")] {
            let request = format!(r#"{{"operation": "CREATE", "kind": {{"group": "{group}", "kind": "{kind}"}}"#);
            assert_eq!(change(&(request.clone() + "}")), Ok(None), "{group}/{kind}");
            assert_eq!(change(&(request + r#", "object": {}}"#)), Ok(Some((false, false))), "{group}/{kind}");
        }
    }

    #[test]
    fn reports_the_path_of_a_missing_field() {
        for (request, path) in [
            ("null".to_owned(), "request"),
            ("{}".to_owned(), "request.operation"),
            (r#"{"operation": "CREATE"}"#.to_owned(), "request.kind"),
            (r#"{"operation": "CREATE", "kind": {}}"#.to_owned(), "request.kind.kind"),
            (format!(r#"{{"operation": "CREATE", {POD}, "object": null}}"#), "request.object"),
        ] {
            assert_eq!(change(&request), Err(format!("{path}: is missing")));
        }
        assert_eq!(Payload::decode(b"{}").unwrap().request().err().unwrap().to_string(), "request: is missing");
    }

    #[test]
    fn accepts_an_update_without_its_old_object() {
        for old in ["", r#", "oldObject": null"#] {
            let request = format!(r#"{{"operation": "UPDATE", {POD}, "object": {{}}{old}}}"#);
            assert_eq!(change(&request), Ok(Some((false, false))));
        }
    }

    #[test]
    fn rejects_a_field_that_appears_twice() {
        let twice = r#"{"object": {"metadata": {}, "\u006detadata": {}}}"#;
        assert_eq!(change(twice), Err("request.object.metadata: appears twice".to_owned()));
    }

    #[test]
    fn knows_whether_a_controller_created_the_object() {
        let has_controller = |owners: &str| {
            let object = format!(r#"{{"metadata": {{"ownerReferences": {owners}}}}}"#);
            let object = Object::decode(Reader::new(object.as_bytes()).value().unwrap()).unwrap();
            object.metadata().unwrap().has_controller().map_err(|error| error.to_string())
        };
        for (owners, expected) in [
            ("null", false),
            ("[]", false),
            (r#"[{"name": "a"}]"#, false),
            (r#"[{"controller": false}, {"controller": "true"}]"#, false),
            (r#"[{"controller": null}, {"controller": true}]"#, true),
        ] {
            assert_eq!(has_controller(owners), Ok(expected), "{owners}");
        }
        let error = "metadata.ownerReferences[1]: must be an object, but is a number";
        assert_eq!(has_controller(r#"[{"controller": true}, 7]"#), Err(error.to_owned()));
    }
}
