//! interLink's annotations on an object, and the catalogue that they are looked up in.

mod catalogue;
mod values;

use std::borrow::Cow;

use json_scan::{Context, DecodeError, Reader, Value, bytes_eq, present};

pub(crate) use catalogue::*;
pub use catalogue::{AnnotationInfo, AppliesTo, Author, CATALOGUE, DOMAINS, Lookup, look_up};
pub(crate) use values::{could_inject, list_entries};

use crate::kinds::Role;

/// An annotation that interLink knows, on an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Annotation<'a> {
    pub(crate) info: &'static AnnotationInfo,
    pub(crate) value: Cow<'a, str>,
    pub(crate) owner: Owner<'a>,
}

/// The field manager that owns an annotation, as far as `metadata.managedFields` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner<'a> {
    /// This is not an audit request: the requester writes the annotation.
    Requester,
    /// A trusted field manager.
    InterLink,
    /// Any other field manager.
    Manager(Cow<'a, str>),
    /// The object does not show it.
    Unknown,
}

/// interLink's annotations at one location of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Annotations<'a> {
    /// Those in the catalogue, in the order of the object.
    pub(crate) known: Vec<Annotation<'a>>,
    /// Keys under interLink's domains that are not in the catalogue.
    pub(crate) unknown_keys: Vec<String>,
}

impl<'a> Annotations<'a> {
    /// Decodes the annotations at a location with this role.
    ///
    /// # Errors
    /// If they are not a map of strings, or have a known key twice.
    pub(crate) fn decode(value: Option<Value<'a>>, role: Role) -> Result<Self, DecodeError> {
        let mut annotations = Self::default();
        if let Some(value) = present(value) {
            value.reader().entries(&mut |key, value| annotations.decode_entry(key, value, role).at_key(key))?;
        }
        Ok(annotations)
    }

    fn decode_entry(&mut self, key: &[u8], value: &mut Reader<'a>, role: Role) -> Result<(), DecodeError> {
        let value = value.value()?;
        if !value.is_string() {
            return Err(value.type_error("a string").hint("put it in quotes"));
        }
        match look_up(key) {
            Lookup::Unrelated => {}
            // On a Node, interLink looks only at its own annotation.
            Lookup::Known(info) if role == Role::Node && info.applies_to != AppliesTo::Node => {}
            Lookup::Unknown if role == Role::Node => {}
            Lookup::Known(info) => {
                if self.get(info.key).is_some() {
                    return Err(DecodeError::new("appears twice"));
                }
                self.known.push(Annotation { info, value: value.to_str()?, owner: Owner::Requester });
            }
            Lookup::Unknown => self.unknown_keys.push(String::from_utf8_lossy(key).into_owned()),
        }
        Ok(())
    }

    /// Returns whether there is nothing to check.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.unknown_keys.is_empty()
    }

    /// Returns the annotation with this key.
    pub(crate) fn get(&self, key: &str) -> Option<&Annotation<'a>> {
        self.known.iter().find(|annotation| bytes_eq(annotation.info.key.as_bytes(), key.as_bytes()))
    }

    /// Keeps only the known annotations for which the predicate returns true.
    pub(crate) fn retain(&mut self, predicate: impl Fn(&AnnotationInfo) -> bool) {
        self.known.retain(|annotation| predicate(annotation.info));
        self.unknown_keys.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(annotations: &str, role: Role) -> Result<Vec<(&'static str, String)>, String> {
        let value = Reader::new(annotations.as_bytes()).value().unwrap();
        let annotations = Annotations::decode(Some(value), role).map_err(|error| error.to_string())?;
        Ok(annotations.known.into_iter().map(|known| (known.info.key, known.value.into_owned())).collect())
    }

    #[test]
    fn keeps_known_annotations() {
        let annotations = r#"{"a": "b", "\u004aobID": "\u0031", "jobid": "2"}"#;
        assert_eq!(decode(annotations, Role::Pod), Ok(vec![("JobID", "1".to_owned())]));
        for none in ["null", "{}"] {
            assert_eq!(decode(none, Role::Pod), Ok(Vec::new()), "{none}");
        }
    }

    #[test]
    fn keeps_only_a_nodes_own_annotation_on_a_node() {
        let annotations = r#"{"JobID": "1", "interlink.virtual-kubelet.io/ping-response": "", "interlink.eu/x": ""}"#;
        assert_eq!(decode(annotations, Role::Node), Ok(vec![(PING_RESPONSE, String::new())]));
        assert_eq!(decode(annotations, Role::Pod).unwrap().len(), 2);
    }

    #[test]
    fn rejects_anything_but_a_map_of_strings() {
        for (annotations, expected) in [
            (r#""x""#, "payload: must be an object, but is a string"),
            (r#"{"a": 1}"#, "[a]: must be a string, but is a number; put it in quotes"),
            (r#"{"JobID": "1", "JobID": "2"}"#, "[JobID]: appears twice"),
        ] {
            assert_eq!(decode(annotations, Role::Pod), Err(expected.to_owned()));
        }
    }
}
