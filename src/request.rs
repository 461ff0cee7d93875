//! What Kubewarden passes to `validate`: an `AdmissionRequest` and the settings, of which only what is needed is read.

use std::borrow::Cow;

use crate::json::{Reader, Unreadable, Value, once, text};
use crate::kind::Kind;

/// A request of the API server, its parts borrowed from the payload.
#[derive(Debug, Default)]
pub struct Request<'a> {
    operation: Option<Value<'a>>,
    kind: Option<Value<'a>>,
    /// Who asks; `None` where the request does not say.
    pub user_info: Option<Value<'a>>,
    namespace: Option<Value<'a>>,
    /// The outer `Option` tells whether the field is there, the inner one whether it is `null`.
    object: Option<Option<Object<'a>>>,
    old_object: Option<Option<Object<'a>>>,
}

/// A Kubernetes object, or one within it, such as a pod template: the fields that may lead to a pod's annotations.
#[derive(Debug, Clone, Default)]
pub struct Object<'a> {
    /// An error is told only if the metadata matters.
    metadata: Option<Result<Metadata<'a>, Unreadable>>,
    /// The values of [`STEPS`].
    steps: [Option<Value<'a>>; STEPS.len()],
}

/// Fields that may lead to an object within.
const STEPS: [&str; 3] = ["spec", "template", "jobTemplate"];

/// An object's metadata, as far as it matters.
#[derive(Debug, Clone, Copy, Default)]
pub struct Metadata<'a> {
    pub annotations: Option<Value<'a>>,
    pub owner_references: Option<Value<'a>>,
    pub resource_version: Option<Value<'a>>,
    pub managed_fields: Option<Value<'a>>,
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

/// Finds the request and the settings in a payload. Settings that are not there are `{}`.
///
/// # Errors
/// If the payload is no JSON object, or has no request.
pub fn read_payload(payload: &[u8]) -> Result<(Request<'_>, Option<Value<'_>>), Unreadable> {
    let mut request = None;
    let mut settings = None;
    let mut reader = Reader::new(payload);
    reader.fields(|name, value| match name {
        b"request" => once(&mut request, Request::read(value)?),
        b"settings" => once(&mut settings, value.value()?),
        _ => value.value().map(drop),
    })?;
    reader.end()?;
    let request = request.ok_or_else(|| missing("request"))?;
    Ok((request, settings.filter(|settings| !settings.is_null())))
}

impl<'a> Request<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unreadable> {
        let mut request = Self::default();
        reader.fields(|name, value| match name {
            b"operation" => once(&mut request.operation, value.value()?),
            b"kind" => once(&mut request.kind, value.value()?),
            b"userInfo" => once(&mut request.user_info, value.value()?),
            b"namespace" => once(&mut request.namespace, value.value()?),
            b"object" => once(&mut request.object, Object::read(value)?),
            b"oldObject" => once(&mut request.old_object, Object::read(value)?),
            _ => value.value().map(drop),
        })?;
        Ok(request)
    }

    /// The namespace of the request, empty for a resource that has none.
    ///
    /// # Errors
    /// If it is no string.
    pub fn namespace(&self) -> Result<Cow<'a, str>, Unreadable> {
        let namespace = self.namespace.filter(|namespace| !namespace.is_null());
        text(namespace, "request.namespace").map(Option::unwrap_or_default)
    }

    /// What the request would change, if it is ours to judge: an object that carries a pod's annotations, created or
    /// updated.
    ///
    /// # Errors
    /// If the request does not tell, or lacks the object.
    pub fn change(&mut self) -> Result<Option<Change<'a>>, Unreadable> {
        let Some(operation) = self.operation()? else {
            return Ok(None);
        };
        let Some(kind) = self.kind()? else {
            return Ok(None);
        };
        let new = self.object.take().flatten().ok_or_else(|| missing("request.object"))?;
        let old = self.old_object.take().flatten().filter(|_| operation == Operation::Update);
        Ok(Some(Change { kind, operation, new, old }))
    }

    /// The operation, if it is one that writes an object.
    fn operation(&self) -> Result<Option<Operation>, Unreadable> {
        let operation = self.operation.ok_or_else(|| missing("request.operation"))?;
        let read = operation.to_str().and_then(|operation| match operation.as_ref() {
            "CREATE" => Ok(Some(Operation::Create)),
            "UPDATE" => Ok(Some(Operation::Update)),
            "DELETE" | "CONNECT" => Ok(None),
            _ => Err(Unreadable::new("must be CREATE, UPDATE, DELETE or CONNECT")),
        });
        read.map_err(|problem| problem.inside("request.operation"))
    }

    fn kind(&self) -> Result<Option<&'static Kind>, Unreadable> {
        let kind = self.kind.ok_or_else(|| missing("request.kind"))?;
        let read = || {
            let [group, name] = kind.reader().pick(["group", "kind"])?;
            let name = text(name, ".kind")?.ok_or_else(|| missing(".kind"))?;
            Ok(Kind::find(&text(group, ".group")?.unwrap_or_default(), &name))
        };
        read().map_err(|problem: Unreadable| problem.inside("request.kind"))
    }
}

impl<'a> Object<'a> {
    /// Reads where an object's fields are; `null` is no object.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Option<Self>, Unreadable> {
        if reader.take_null() {
            return Ok(None);
        }
        let mut object = Self::default();
        reader.fields(|name, value| {
            if name == b"metadata" {
                let metadata = value.attempt(Metadata::read)?;
                return once(&mut object.metadata, metadata);
            }
            let value = value.value()?;
            match STEPS.iter().position(|step| step.as_bytes() == name) {
                Some(index) => once(&mut object.steps[index], value),
                None => Ok(()),
            }
        })?;
        Ok(Some(object))
    }

    /// The object's metadata; none are empty.
    ///
    /// # Errors
    /// If they are no object. The place begins behind this object's.
    pub fn metadata(&self) -> Result<Metadata<'a>, Unreadable> {
        let metadata = self.metadata.clone().unwrap_or(Ok(Metadata::default()));
        metadata.map_err(|problem| problem.inside(".metadata"))
    }

    pub fn spec(&self) -> Option<Value<'a>> {
        self.steps[0].filter(|spec| !spec.is_null())
    }

    /// What stands at the end of a path of fields; where that ends early, an object without fields.
    ///
    /// # Errors
    /// If something on the way is no object.
    pub fn descend(&self, path: &[&str]) -> Result<Cow<'_, Self>, Unreadable> {
        let Some((step, rest)) = path.split_first() else {
            return Ok(Cow::Borrowed(self));
        };
        let field = STEPS.iter().position(|field| field == step).and_then(|index| self.steps[index]);
        let inner = field.map_or(Ok(None), |field| Self::read(&mut field.reader())).and_then(|inner| {
            let inner = inner.unwrap_or_default();
            Ok(Cow::Owned(inner.descend(rest)?.into_owned()))
        });
        inner.map_err(|problem| problem.inside(&format!(".{step}")))
    }
}

impl<'a> Metadata<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unreadable> {
        if reader.take_null() {
            return Ok(Self::default());
        }
        let [annotations, owner_references, resource_version, managed_fields] =
            reader.pick(["annotations", "ownerReferences", "resourceVersion", "managedFields"])?;
        Ok(Self { annotations, owner_references, resource_version, managed_fields })
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
        let (mut request, _) = read_payload(payload.as_bytes()).map_err(|problem| problem.to_string())?;
        let change = request.change().map_err(|problem| problem.to_string())?;
        Ok(change.map(|change| (change.new.metadata.is_some(), change.old.is_some())))
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
        assert_eq!(read_payload(b"{}").unwrap_err().to_string(), "request: is missing");
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
