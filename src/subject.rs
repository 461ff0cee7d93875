//! What the rules look at: a pod's annotations, those that interLink knows.

use std::borrow::Cow;

use crate::annotations;
use crate::json::{Unreadable, Value};
use crate::request::{Change, Object, once};
use crate::text;

/// The interLink annotations of a pod.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Subject<'a> {
    annotations: Vec<Annotation<'a>>,
}

/// An annotation that interLink knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation<'a> {
    /// The catalogue's text of the key.
    pub key: &'static str,
    pub value: Cow<'a, str>,
}

impl<'a> Subject<'a> {
    /// Reads a pod, and the pod that it was before an UPDATE.
    ///
    /// # Errors
    /// If their metadata is no object, or their annotations are no map of strings.
    pub fn of_change(change: &Change<'a>) -> Result<(Self, Option<Self>), Unreadable> {
        let old = change.old.as_ref().map(Self::of_pod);
        Ok((Self::of_pod(&change.new)?, old.transpose()?))
    }

    fn of_pod(object: &Object<'a>) -> Result<Self, Unreadable> {
        let read = || match object.metadata.filter(|metadata| !metadata.is_null()) {
            Some(metadata) => Self::of_metadata(metadata).map_err(|e| e.inside(".metadata")),
            None => Ok(Self::default()),
        };
        read().map_err(|problem| problem.inside(&format!("request.{}", object.field)))
    }

    fn of_metadata(metadata: Value<'a>) -> Result<Self, Unreadable> {
        let mut subject = None;
        metadata.reader().fields(&mut |name, value| match name {
            b"annotations" if value.take_null() => once(&mut subject, Self::default()),
            b"annotations" => once(&mut subject, Self::of_annotations(value.value()?)?),
            _ => value.value().map(drop),
        })?;
        Ok(subject.unwrap_or_default())
    }

    fn of_annotations(map: Value<'a>) -> Result<Self, Unreadable> {
        let mut annotations: Vec<Annotation<'a>> = Vec::new();
        map.reader().entries(&mut |key, value| {
            let value = value.value()?;
            let inside = |problem: Unreadable| problem.inside(&format!("[{}]", text::clip_bytes(key)));
            if !value.is_string() {
                return Err(inside(value.is_no("a string").mended("put it in quotes")));
            }
            let Some(key) = annotations::known(key) else {
                return Ok(());
            };
            if annotations.iter().any(|other| other.key == key) {
                return Err(inside(Unreadable::new("appears twice")));
            }
            let value = value.to_str().map_err(inside)?;
            annotations.push(Annotation { key, value });
            Ok(())
        })?;
        Ok(Self { annotations })
    }

    #[cfg(test)]
    pub(crate) fn new(annotations: Vec<Annotation<'a>>) -> Self {
        Self { annotations }
    }

    /// Whether there is nothing for a rule to look at.
    pub fn is_empty(&self) -> bool {
        self.annotations.is_empty()
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
    use crate::json::Reader;

    fn read(metadata: &str) -> Result<Vec<(&'static str, String)>, String> {
        let metadata = Reader::new(metadata.as_bytes()).value().unwrap();
        let subject = Subject::of_pod(&Object { field: "object", metadata: Some(metadata) });
        let subject = subject.map_err(|problem| problem.to_string())?;
        Ok(subject.annotations.into_iter().map(|it| (it.key, it.value.into_owned())).collect())
    }

    #[test]
    fn only_what_interlink_knows_is_kept() {
        let metadata = r#"{"name": "p", "annotations": {"a": "b", "\u004aobID": "\u0031", "jobid": "2"}}"#;
        assert_eq!(read(metadata), Ok(vec![("JobID", "1".to_owned())]));
        for none in ["null", "{}", r#"{"annotations": null}"#, r#"{"annotations": {}}"#] {
            assert_eq!(read(none), Ok(Vec::new()), "{none}");
        }
    }

    #[test]
    fn what_is_no_map_of_strings_is_named() {
        for (metadata, expected) in [
            ("[]", "request.object.metadata: must be an object, but is a list"),
            (r#"{"annotations": "x"}"#, "request.object.metadata.annotations: must be an object, but is a string"),
            (
                r#"{"annotations": {"a": 1}}"#,
                "request.object.metadata.annotations[a]: must be a string, but is a number; put it in quotes",
            ),
            (
                r#"{"annotations": {"JobID": "1", "JobID": "2"}}"#,
                "request.object.metadata.annotations[JobID]: appears twice",
            ),
        ] {
            assert_eq!(read(metadata), Err(expected.to_owned()));
        }
    }
}
