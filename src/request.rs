//! What Kubewarden passes to `validate`: an `AdmissionRequest` and the settings, of which only what is needed is read.

use std::borrow::Cow;

use crate::json::{Reader, Unreadable, Value, Want, Wanted, descend, text};
use crate::kind::Kind;

/// A request of the API server, its parts borrowed from the payload.
#[derive(Debug)]
pub struct Request<'a> {
    /// What is found of [`of_payload`].
    found: [Option<Value<'a>>; SETTINGS + 1],
}

/// A Kubernetes object, or one within it, such as a pod template: the fields that may lead to a pod's annotations.
#[derive(Debug, Clone, Copy, Default)]
pub struct Object<'a> {
    /// What is found of [`of_object`].
    found: [Option<Value<'a>>; OBJECT_SLOTS],
}

/// An object's metadata, as far as it matters.
#[derive(Debug, Clone, Copy, Default)]
pub struct Metadata<'a> {
    pub annotations: Option<Value<'a>>,
    pub owner_references: Option<Value<'a>>,
    pub resource_version: Option<Value<'a>>,
    pub managed_fields: Option<Value<'a>>,
}

// Where what is found goes: an object in the slot with its name, and what is found in it behind that, in the order of
// the functions below.
const OPERATION: usize = 1;
const KIND: usize = 2;
const NAMESPACE: usize = 5;
const USER_INFO: usize = 6;
const NEW: usize = 7;
const OLD: usize = NEW + OBJECT_SLOTS;
const SETTINGS: usize = OLD + OBJECT_SLOTS;

/// What is wanted of a payload. The slot of the request itself is the first.
fn of_payload(name: &[u8]) -> Option<Want<'static>> {
    match name {
        b"request" => within(0, &of_request),
        b"settings" => whole(SETTINGS),
        _ => None,
    }
}

fn of_request(name: &[u8]) -> Option<Want<'static>> {
    match name {
        b"operation" => whole(OPERATION),
        b"kind" => within(KIND, &of_kind),
        b"namespace" => whole(NAMESPACE),
        b"userInfo" => whole(USER_INFO),
        b"object" => within(NEW, &of_object),
        b"oldObject" => within(OLD, &of_object),
        _ => None,
    }
}

fn of_kind(name: &[u8]) -> Option<Want<'static>> {
    match name {
        b"group" => whole(1),
        b"kind" => whole(2),
        _ => None,
    }
}

const METADATA: usize = 1;
const SPEC: usize = 6;
const TEMPLATE: usize = 7;
const JOB_TEMPLATE: usize = 8;
const OBJECT_SLOTS: usize = 9;

fn of_object(name: &[u8]) -> Option<Want<'static>> {
    match name {
        b"metadata" => within(METADATA, &of_metadata),
        b"spec" => whole(SPEC),
        b"template" => whole(TEMPLATE),
        b"jobTemplate" => whole(JOB_TEMPLATE),
        _ => None,
    }
}

fn of_metadata(name: &[u8]) -> Option<Want<'static>> {
    match name {
        b"annotations" => whole(1),
        b"ownerReferences" => whole(2),
        b"resourceVersion" => whole(3),
        b"managedFields" => whole(4),
        _ => None,
    }
}

fn whole(slot: usize) -> Option<Want<'static>> {
    Some(Want { slot, within: None })
}

fn within(slot: usize, of: &'static dyn Fn(&[u8]) -> Option<Want<'static>>) -> Option<Want<'static>> {
    Some(Want { slot, within: Some(Wanted::Fields(of)) })
}

/// What is to be judged.
#[derive(Debug)]
pub struct Change<'a> {
    pub kind: &'static Kind,
    pub operation: Operation,
    pub new: Object<'a>,
    /// The object before an UPDATE, where the request tells.
    pub old: Option<Object<'a>>,
}

/// An operation that writes an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Create,
    Update,
}

impl<'a> Request<'a> {
    /// Finds the request and the settings in a payload.
    ///
    /// # Errors
    /// If the payload is no JSON object, or has no request.
    pub fn read(payload: &'a [u8]) -> Result<Self, Unreadable> {
        let mut request = Self { found: [None; SETTINGS + 1] };
        let mut reader = Reader::new(payload);
        reader.find(Wanted::Fields(&of_payload), &mut request.found)?;
        reader.end()?;
        let whole = request.found[0].ok_or_else(|| missing("request"))?;
        whole.must_be_object().map_err(|problem| problem.inside("request"))?;
        Ok(request)
    }

    /// A field, unless it is `null`.
    fn get(&self, slot: usize) -> Option<Value<'a>> {
        self.found[slot].filter(|value| !value.is_null())
    }

    /// The policy's settings.
    pub fn settings(&self) -> Option<Value<'a>> {
        self.get(SETTINGS)
    }

    /// Who asks; `None` where the request does not say.
    pub fn user_info(&self) -> Option<Value<'a>> {
        self.found[USER_INFO]
    }

    /// The namespace of the request, empty for a resource that has none.
    ///
    /// # Errors
    /// If it is no string.
    pub fn namespace(&self) -> Result<Cow<'a, str>, Unreadable> {
        text(self.get(NAMESPACE), "request.namespace").map(Option::unwrap_or_default)
    }

    /// What the request would change, if it is ours to judge: an object that carries a pod's annotations, created or
    /// updated.
    ///
    /// # Errors
    /// If the request does not tell, or lacks the object.
    pub fn change(&self) -> Result<Option<Change<'a>>, Unreadable> {
        let Some(operation) = self.operation()? else {
            return Ok(None);
        };
        let Some(kind) = self.kind()? else {
            return Ok(None);
        };
        let new = self.object(NEW).map_err(|problem| problem.inside("request.object"))?;
        let new = new.ok_or_else(|| missing("request.object"))?;
        let old = match operation {
            Operation::Create => None,
            Operation::Update => self.object(OLD).map_err(|problem| problem.inside("request.oldObject"))?,
        };
        Ok(Some(Change { kind, operation, new, old }))
    }

    /// The operation, if it is one that writes an object.
    fn operation(&self) -> Result<Option<Operation>, Unreadable> {
        let operation = self.found[OPERATION].ok_or_else(|| missing("request.operation"))?;
        let read = operation.to_str().and_then(|operation| match operation.as_ref() {
            "CREATE" => Ok(Some(Operation::Create)),
            "UPDATE" => Ok(Some(Operation::Update)),
            "DELETE" | "CONNECT" => Ok(None),
            _ => Err(Unreadable::new("must be CREATE, UPDATE, DELETE or CONNECT")),
        });
        read.map_err(|problem| problem.inside("request.operation"))
    }

    fn kind(&self) -> Result<Option<&'static Kind>, Unreadable> {
        let kind = self.found[KIND].ok_or_else(|| missing("request.kind"))?;
        let read = || {
            kind.must_be_object()?;
            let name = text(self.get(KIND + 2), ".kind")?.ok_or_else(|| missing(".kind"))?;
            Ok(Kind::find(&text(self.get(KIND + 1), ".group")?.unwrap_or_default(), &name))
        };
        read().map_err(|problem: Unreadable| problem.inside("request.kind"))
    }

    fn object(&self, slot: usize) -> Result<Option<Object<'a>>, Unreadable> {
        let Some(whole) = self.get(slot) else {
            return Ok(None);
        };
        whole.must_be_object()?;
        let mut object = Object::default();
        object.found.copy_from_slice(&self.found[slot..slot + OBJECT_SLOTS]);
        Ok(Some(object))
    }
}

impl<'a> Object<'a> {
    /// Reads where an object's fields are.
    ///
    /// # Errors
    /// If it is no object, or one that is broken.
    pub(crate) fn read(value: Value<'a>) -> Result<Self, Unreadable> {
        let mut object = Self::default();
        value.reader().find(Wanted::Fields(&of_object), &mut object.found)?;
        Ok(object)
    }

    /// A field, unless it is `null`.
    fn get(&self, name: &str) -> Option<Value<'a>> {
        let wanted = of_object(name.as_bytes())?;
        self.found[wanted.slot].filter(|value| !value.is_null())
    }

    /// The object's metadata; none are empty.
    ///
    /// # Errors
    /// If they are no object. The place begins behind this object's.
    pub fn metadata(&self) -> Result<Metadata<'a>, Unreadable> {
        let [_, metadata, rest @ ..] = self.found;
        let Some(metadata) = metadata.filter(|metadata| !metadata.is_null()) else {
            return Ok(Metadata::default());
        };
        metadata.must_be_object().map_err(|problem| problem.inside(".metadata"))?;
        let [annotations, owner_references, resource_version, managed_fields, ..] =
            rest.map(|value| value.filter(|value| !value.is_null()));
        Ok(Metadata { annotations, owner_references, resource_version, managed_fields })
    }

    pub fn spec(&self) -> Option<Value<'a>> {
        self.get("spec")
    }

    /// The object at the end of a path of fields; where that ends early, one without fields.
    ///
    /// # Errors
    /// If something on the way is no object.
    pub fn descend(&self, path: &[&str]) -> Result<Self, Unreadable> {
        let Some((first, rest)) = path.split_first() else {
            return Ok(*self);
        };
        let inner = descend(self.get(first), rest).map_err(|problem| problem.along(&[first]))?;
        inner.map_or(Ok(Self::default()), Self::read).map_err(|problem| problem.along(path))
    }
}

fn missing(place: &str) -> Unreadable {
    Unreadable::new("is missing").inside(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(request: &str) -> Result<Option<(bool, bool)>, String> {
        let payload = format!(r#"{{"request": {request}}}"#);
        let request = Request::read(payload.as_bytes()).map_err(|problem| problem.to_string())?;
        let change = request.change().map_err(|problem| problem.to_string())?;
        Ok(change.map(|change| (change.new.found[1].is_some(), change.old.is_some())))
    }

    const POD: &str = r#""kind": {"group": "", "version": "v1", "kind": "Pod"}"#;

    #[test]
    fn creations_and_updates_of_pods_are_judged() {
        let object = r#""object": {"metadata": {}}, "oldObject": {}"#;
        for (operation, expected) in
            [("CREATE", Some((true, false))), ("UPDATE", Some((true, true))), ("DELETE", None), ("CONNECT", None)]
        {
            let request = format!(r#"{{"operation": "{operation}", {POD}, {object}}}"#);
            assert_eq!(change(&request), Ok(expected), "{operation}");
        }
    }

    #[test]
    fn other_kinds_are_not() {
        for (group, kind) in [("", "Service"), ("example.org", "Pod"), ("", "Deployment")] {
            let request = format!(r#"{{"operation": "CREATE", "kind": {{"group": "{group}", "kind": "{kind}"}}}}"#);
            assert_eq!(change(&request), Ok(None), "{group}/{kind}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (request, place) in [
            ("{}".to_owned(), "request.operation"),
            (r#"{"operation": "CREATE"}"#.to_owned(), "request.kind"),
            (r#"{"operation": "CREATE", "kind": {}}"#.to_owned(), "request.kind.kind"),
            (format!(r#"{{"operation": "CREATE", {POD}, "object": null}}"#), "request.object"),
        ] {
            assert_eq!(change(&request), Err(format!("{place}: is missing")));
        }
        assert_eq!(Request::read(b"{}").unwrap_err().to_string(), "request: is missing");
    }

    #[test]
    fn an_update_may_lack_its_old_object() {
        for old in ["", r#", "oldObject": null"#] {
            let request = format!(r#"{{"operation": "UPDATE", {POD}, "object": {{}}{old}}}"#);
            assert_eq!(change(&request), Ok(Some((false, false))));
        }
    }

    #[test]
    fn a_field_that_stands_twice_is_refused() {
        let twice = r#"{"object": {"metadata": {}, "\u006detadata": {}}}"#;
        assert_eq!(change(twice), Err("request.object.metadata: appears twice".to_owned()));
    }
}
