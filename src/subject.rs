//! What the rules look at: the annotations that a pod has or will have, those that interLink knows.

use std::borrow::Cow;

use crate::annotations::{self, PING_RESPONSE};
use crate::json::{Reader, Unreadable, Value, once};
use crate::kind::{Carries, Kind};
use crate::request::Object;
use crate::text::clip_bytes;

/// The interLink annotations of a pod, a pod template, a Binding or a Node.
#[derive(Debug, PartialEq, Eq)]
pub struct Subject<'a> {
    pub kind: &'static Kind,
    annotations: Vec<Annotation<'a>>,
    /// The pod's spec, not yet read.
    pub spec: Option<Value<'a>>,
}

/// An annotation that interLink knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation<'a> {
    /// The catalogue's text of the key.
    pub key: &'static str,
    pub value: Cow<'a, str>,
    pub hand: Hand<'a>,
}

/// Whose hand wrote an annotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hand<'a> {
    /// That of the one who makes the request.
    Requester,
    /// On a stored object: interLink's.
    InterLink,
    /// On a stored object: that of a field manager who is not interLink.
    Manager(Cow<'a, str>),
    /// On a stored object that does not tell.
    Unknown,
}

impl<'a> Subject<'a> {
    /// Reads the annotations that an object carries.
    ///
    /// # Errors
    /// If what leads to them is no object, or they are no map of strings. The place begins behind the object's.
    pub fn read(kind: &'static Kind, object: &Object<'a>) -> Result<Self, Unreadable> {
        let carrier = object.descend(kind.path)?;
        let mut subject = Self { kind, annotations: Vec::new(), spec: carrier.spec() };
        if let Some(metadata) = carrier.metadata() {
            subject
                .read_metadata(metadata)
                .map_err(|problem| problem.inside(&format!(".{}metadata", kind.prefix())))?;
        }
        Ok(subject)
    }

    fn read_metadata(&mut self, metadata: Value<'a>) -> Result<(), Unreadable> {
        let mut found = None;
        metadata.reader().fields(&mut |name, value| match name {
            b"annotations" if value.take_null() => once(&mut found, ()),
            b"annotations" => once(&mut found, self.read_annotations(value)?),
            _ => value.value().map(drop),
        })
    }

    fn read_annotations(&mut self, reader: &mut Reader<'a>) -> Result<(), Unreadable> {
        reader.entries(&mut |key, value| {
            let value = value.value()?;
            let inside = |problem: Unreadable| problem.inside(&format!("[{}]", clip_bytes(key)));
            if !value.is_string() {
                return Err(inside(value.is_no("a string").mended("put it in quotes")));
            }
            let Some(key) = annotations::known(key).filter(|key| self.is_judged(key)) else {
                return Ok(());
            };
            if self.get(key).is_some() {
                return Err(inside(Unreadable::new("appears twice")));
            }
            let value = value.to_str().map_err(inside)?;
            self.annotations.push(Annotation { key, value, hand: Hand::Requester });
            Ok(())
        })
    }

    /// Of what stands on a Node, interLink minds its own alone.
    fn is_judged(&self, key: &str) -> bool {
        self.kind.carries != Carries::Node || key == PING_RESPONSE
    }

    #[cfg(test)]
    pub(crate) fn new(kind: &'static Kind, annotations: Vec<Annotation<'a>>) -> Self {
        Self { kind, annotations, spec: None }
    }

    /// Whether there is nothing for a rule to look at.
    pub fn is_empty(&self) -> bool {
        self.annotations.is_empty()
    }

    /// Every annotation, to say whose hand wrote it.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Annotation<'a>> {
        self.annotations.iter_mut()
    }

    /// The annotation with this key.
    pub fn get(&self, key: &str) -> Option<&Annotation<'a>> {
        self.annotations.iter().find(|other| other.key == key)
    }

    /// The annotations with one of these keys, in the order of the keys.
    pub fn get_all(&self, keys: &[&str]) -> impl Iterator<Item = &Annotation<'a>> {
        keys.iter().filter_map(|key| self.get(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::KINDS;

    /// The annotations that an object of a kind carries.
    fn read(kind: &str, object: &str) -> Result<Vec<(&'static str, String)>, String> {
        let kind = KINDS.iter().find(|other| other.name == kind).unwrap();
        let object = Object::read(&mut Reader::new(object.as_bytes())).unwrap().unwrap();
        let subject = Subject::read(kind, &object).map_err(|problem| problem.to_string())?;
        Ok(subject.annotations.into_iter().map(|it| (it.key, it.value.into_owned())).collect())
    }

    fn read_pod(metadata: &str) -> Result<Vec<(&'static str, String)>, String> {
        read("Pod", &format!(r#"{{"metadata": {metadata}}}"#))
    }

    #[test]
    fn only_what_interlink_knows_is_kept() {
        let metadata = r#"{"name": "p", "annotations": {"a": "b", "\u004aobID": "\u0031", "jobid": "2"}}"#;
        assert_eq!(read_pod(metadata), Ok(vec![("JobID", "1".to_owned())]));
        for none in ["null", "{}", r#"{"annotations": null}"#, r#"{"annotations": {}}"#] {
            assert_eq!(read_pod(none), Ok(Vec::new()), "{none}");
        }
    }

    #[test]
    fn what_is_no_map_of_strings_is_named() {
        for (metadata, expected) in [
            ("[]", "metadata: must be an object, but is a list"),
            (r#"{"annotations": "x"}"#, "metadata.annotations: must be an object, but is a string"),
            (
                r#"{"annotations": {"a": 1}}"#,
                "metadata.annotations[a]: must be a string, but is a number; put it in quotes",
            ),
            (r#"{"annotations": {"JobID": "1", "JobID": "2"}}"#, "metadata.annotations[JobID]: appears twice"),
        ] {
            assert_eq!(read_pod(metadata), Err(expected.to_owned()));
        }
    }

    const FORGED: &str =
        r#"{"metadata": {"annotations": {"JobID": "1", "interlink.virtual-kubelet.io/ping-response": ""}}}"#;

    #[test]
    fn each_kind_carries_annotations_in_its_own_place() {
        for kind in &KINDS {
            let object = kind.path.iter().rev().fold(FORGED.to_owned(), |object, step| {
                format!(r#"{{"metadata": {{"annotations": {{"JobID": "of something else"}}}}, "{step}": {object}}}"#)
            });
            let found = read(kind.name, &object).unwrap();
            match kind.carries {
                Carries::Node => assert_eq!(found, [(PING_RESPONSE, String::new())]),
                _ => assert_eq!(found[0], ("JobID", "1".to_owned()), "{}", kind.name),
            }
        }
    }

    #[test]
    fn a_path_may_end_early_and_must_lead_through_objects() {
        for object in ["{}", r#"{"spec": null}"#, r#"{"spec": {"template": null}}"#, r#"{"spec": {"template": {}}}"#] {
            assert_eq!(read("Deployment", object), Ok(Vec::new()));
        }
        for (object, problem) in [
            (r#"{"spec": []}"#, "spec: must be an object, but is a list"),
            (r#"{"spec": {"template": "x"}}"#, "spec.template: must be an object, but is a string"),
            (
                r#"{"spec": {"template": {"metadata": {"annotations": {"JobID": null}}}}}"#,
                "spec.template.metadata.annotations[JobID]: must be a string, but is null; put it in quotes",
            ),
        ] {
            assert_eq!(read("Deployment", object), Err(problem.to_owned()));
        }
    }
}
