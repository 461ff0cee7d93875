//! What Kubewarden passes to `validate`: an `AdmissionRequest` and the settings, of which only what is needed is read.

use std::borrow::Cow;

use k8s_openapi::Resource;
use k8s_openapi::api::core::v1::Pod;

use crate::json::{Reader, Unreadable, Value};

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

/// A Kubernetes object, of which it is known where its parts are.
#[derive(Debug)]
pub struct Object<'a> {
    /// `object` or `oldObject`.
    pub field: &'static str,
    pub metadata: Option<Value<'a>>,
}

/// What is to be judged.
#[derive(Debug)]
pub struct Change<'a> {
    pub new: Object<'a>,
    /// The object before an UPDATE.
    pub old: Option<Object<'a>>,
}

/// Finds the request and the settings in a payload. Settings that are not there are `{}`.
///
/// # Errors
/// If the payload is no JSON object, or has no request.
pub fn read_payload(payload: &[u8]) -> Result<(Request<'_>, Option<Value<'_>>), Unreadable> {
    let mut request = None;
    let mut settings = None;
    let mut reader = Reader::new(payload);
    reader.fields(&mut |name, value| match name {
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
        reader.fields(&mut |name, value| match name {
            b"operation" => once(&mut request.operation, value.value()?),
            b"kind" => once(&mut request.kind, value.value()?),
            b"userInfo" => once(&mut request.user_info, value.value()?),
            b"namespace" => once(&mut request.namespace, value.value()?),
            b"object" => once(&mut request.object, Object::read("object", value)?),
            b"oldObject" => once(&mut request.old_object, Object::read("oldObject", value)?),
            _ => value.value().map(drop),
        })?;
        Ok(request)
    }

    /// The namespace of the request, empty for a resource that has none.
    ///
    /// # Errors
    /// If it is no string.
    pub fn namespace(&self) -> Result<Cow<'a, str>, Unreadable> {
        self.namespace
            .filter(|namespace| !namespace.is_null())
            .map_or(Ok("".into()), Value::to_str)
            .map_err(|problem| problem.inside("request.namespace"))
    }

    /// What the request would change, if it is ours to judge: a Pod, created or updated.
    ///
    /// # Errors
    /// If the request does not tell, or lacks the objects that its operation has.
    pub fn change(&mut self) -> Result<Option<Change<'a>>, Unreadable> {
        let operation = self.operation.ok_or_else(|| missing("request.operation"))?;
        let operation = operation.to_str().map_err(|problem| problem.inside("request.operation"))?;
        let update = match operation.as_ref() {
            "CREATE" => false,
            "UPDATE" => true,
            "DELETE" | "CONNECT" => return Ok(None),
            _ => {
                let expected = "must be CREATE, UPDATE, DELETE or CONNECT";
                return Err(Unreadable::new(expected).inside("request.operation"));
            }
        };
        if !self.is_pod()? {
            return Ok(None);
        }
        let new = take(&mut self.object, "request.object")?;
        let old = match update {
            true => Some(take(&mut self.old_object, "request.oldObject")?),
            false => None,
        };
        Ok(Some(Change { new, old }))
    }

    fn is_pod(&self) -> Result<bool, Unreadable> {
        let (mut group, mut kind) = (None, None);
        self.kind
            .ok_or_else(|| missing("request.kind"))?
            .reader()
            .fields(&mut |name, value| match name {
                b"group" => once(&mut group, value.value()?.to_str()?),
                b"kind" => once(&mut kind, value.value()?.to_str()?),
                _ => value.value().map(drop),
            })
            .map_err(|problem| problem.inside("request.kind"))?;
        let kind = kind.ok_or_else(|| missing("request.kind.kind"))?;
        Ok(group.unwrap_or_default() == Pod::GROUP && kind == Pod::KIND)
    }
}

impl<'a> Object<'a> {
    /// Reads where an object's parts are; `null` is no object.
    fn read(field: &'static str, reader: &mut Reader<'a>) -> Result<Option<Self>, Unreadable> {
        if reader.take_null() {
            return Ok(None);
        }
        let mut metadata = None;
        reader.fields(&mut |name, value| match name {
            b"metadata" => once(&mut metadata, value.value()?),
            _ => value.value().map(drop),
        })?;
        Ok(Some(Self { field, metadata }))
    }
}

/// Keeps a field's value. JSON readers differ in which of two they take, so a field may stand only once.
///
/// # Errors
/// If there is one already.
pub fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Unreadable> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Unreadable::new("appears twice")),
    }
}

fn take<'a>(object: &mut Option<Option<Object<'a>>>, place: &str) -> Result<Object<'a>, Unreadable> {
    object.take().flatten().ok_or_else(|| missing(place))
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
        for (group, kind) in [("", "Node"), ("example.org", "Pod"), ("", "PodTemplate")] {
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
            (format!(r#"{{"operation": "UPDATE", {POD}, "object": {{}}}}"#), "request.oldObject"),
        ] {
            assert_eq!(change(&request), Err(format!("{place}: is missing")));
        }
        assert_eq!(read_payload(b"{}").unwrap_err().to_string(), "request: is missing");
    }

    #[test]
    fn a_field_that_stands_twice_is_refused() {
        let twice = r#"{"object": {"metadata": {}, "\u006detadata": {}}}"#;
        assert_eq!(change(twice), Err("request.object.metadata: appears twice".to_owned()));
    }
}
