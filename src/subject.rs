//! What the rules look at: the annotations that a pod has or will have, those that are interLink's.

use std::borrow::Cow;

use crate::annotations::{
    self, DISABLE_OFFLOAD_CONTAINERS, DISABLE_OFFLOAD_INIT_CONTAINERS, Entry, Known, PING_RESPONSE, SHADOW_SAME_NS,
    WSTUNNEL_TIMEOUT,
};
use crate::json::{Reader, Unreadable, Value};
use crate::kind::{Carries, Kind, Place};
use crate::pod_spec::PodSpec;
use crate::request::Object;
use crate::text::{clip_bytes, is_same, set_of};

/// The interLink annotations of a pod, a pod template, a Binding or a Node; or of a workload itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Subject<'a> {
    pub kind: &'static Kind,
    pub place: &'static Place,
    annotations: Vec<Annotation<'a>>,
    /// Keys under interLink's domains that it does not know.
    pub unknown: Vec<String>,
    /// Whether a controller made the object, and gave it the annotations of another.
    pub is_made: bool,
    /// The pod's spec, not yet read.
    pub spec: Option<Value<'a>>,
    /// What the spec says, where an annotation refers to it.
    pub pod: Option<PodSpec<'a>>,
}

/// An annotation that interLink knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation<'a> {
    pub known: &'static Known,
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

/// Annotations that mean something only beside what the spec says.
const ABOUT_SPEC: [&str; 4] =
    [DISABLE_OFFLOAD_CONTAINERS, DISABLE_OFFLOAD_INIT_CONTAINERS, WSTUNNEL_TIMEOUT, SHADOW_SAME_NS];

impl<'a> Subject<'a> {
    /// Reads the annotations in a place of an object.
    ///
    /// # Errors
    /// If what leads to them is no object, or they are no map of strings. The place begins behind the object's.
    pub fn read(kind: &'static Kind, place: &'static Place, object: &Object<'a>) -> Result<Self, Unreadable> {
        let mut subject = Self::new(kind, place);
        let carrier = object.descend(place.path)?;
        subject.spec = carrier.spec();
        let metadata = carrier.metadata().map_err(|problem| subject.inside_path(problem))?;
        subject.is_made = metadata.owner_references.is_some_and(|owners| owners.text().contains(&b'{'));
        if let Some(annotations) = metadata.annotations {
            subject
                .read_annotations(&mut annotations.reader())
                .map_err(|problem| subject.inside_path(problem.inside(".metadata.annotations")))?;
        }
        Ok(subject)
    }

    /// An error in what stands at this place, seen from the object.
    pub fn inside_path(&self, problem: Unreadable) -> Unreadable {
        problem.along(self.place.path)
    }

    /// A subject without annotations.
    pub(crate) fn new(kind: &'static Kind, place: &'static Place) -> Self {
        Self { kind, place, annotations: Vec::new(), unknown: Vec::new(), is_made: false, spec: None, pod: None }
    }

    #[cfg(test)]
    pub(crate) fn set(&mut self, annotations: impl Iterator<Item = Annotation<'a>>) {
        self.annotations = annotations.collect();
    }

    fn read_annotations(&mut self, reader: &mut Reader<'a>) -> Result<(), Unreadable> {
        reader.entries(&mut |key, value| {
            let value = value.value()?;
            let inside = |problem: Unreadable| problem.inside(&format!("[{}]", clip_bytes(key)));
            if !value.is_string() {
                return Err(inside(value.is_no("a string").mended("put it in quotes")));
            }
            match annotations::look_up(key) {
                Entry::Foreign => {}
                // Of what stands on a Node, interLink minds its own alone.
                Entry::Known(known) if self.place.carries == Carries::Node && known.key != PING_RESPONSE => {}
                Entry::Known(known) if self.get(known.key).is_some() => {
                    return Err(inside(Unreadable::new("appears twice")));
                }
                Entry::Known(known) => {
                    let value = value.to_str().map_err(inside)?;
                    self.annotations.push(Annotation { known, value, hand: Hand::Requester });
                }
                Entry::Unknown if self.place.carries == Carries::Node => {}
                Entry::Unknown => self.unknown.push(String::from_utf8_lossy(key).into_owned()),
            }
            Ok(())
        })
    }

    /// Reads what annotations refer to.
    ///
    /// # Errors
    /// If it has the wrong type. The place begins behind the object's.
    pub fn read_spec(&mut self) -> Result<(), Unreadable> {
        if let Some(spec) = self.spec.filter(|_| self.get_all(&ABOUT_SPEC).next().is_some()) {
            let read = PodSpec::read(spec);
            self.pod = Some(read.map_err(|problem| self.inside_path(problem.inside(".spec")))?);
        }
        Ok(())
    }

    /// Forgets the keys that another subject has as well.
    pub fn forget_unknown_of(&mut self, other: &Self) {
        let others = set_of(other.unknown.iter().map(String::as_str));
        self.unknown.retain(|key| !others.contains(key.as_str()));
    }

    /// Forgets the annotations that are not so.
    pub fn retain(&mut self, is_so: impl Fn(&Known) -> bool) {
        self.annotations.retain(|annotation| is_so(annotation.known));
        self.unknown.clear();
    }

    /// Whether there is nothing for a rule to look at.
    pub fn is_empty(&self) -> bool {
        self.annotations.is_empty() && self.unknown.is_empty()
    }

    /// Every annotation, to say whose hand wrote it.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Annotation<'a>> {
        self.annotations.iter_mut()
    }

    /// Every annotation, in the order of the object.
    pub fn iter(&self) -> impl Iterator<Item = &Annotation<'a>> {
        self.annotations.iter()
    }

    /// The annotation with this key.
    pub fn get(&self, key: &str) -> Option<&Annotation<'a>> {
        self.annotations.iter().find(|other| is_same(other.known.key.as_bytes(), key.as_bytes()))
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
        let subject = read_place(kind, Kind::main_place, object)?;
        Ok(subject.annotations.into_iter().map(|it| (it.known.key, it.value.into_owned())).collect())
    }

    fn read_place<'a>(
        kind: &str,
        place: impl Fn(&'static Kind) -> &'static Place,
        object: &'a str,
    ) -> Result<Subject<'a>, String> {
        let kind = KINDS.iter().find(|other| other.name == kind).unwrap();
        let object = Object::read(Reader::new(object.as_bytes()).value().unwrap()).unwrap();
        Subject::read(kind, place(kind), &object).map_err(|problem| problem.to_string())
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
            let object = kind.main_place().path.iter().rev().fold(FORGED.to_owned(), |object, step| {
                format!(r#"{{"metadata": {{"annotations": {{"JobID": "of something else"}}}}, "{step}": {object}}}"#)
            });
            let found = read(kind.name, &object).unwrap();
            match kind.main_place().carries {
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
