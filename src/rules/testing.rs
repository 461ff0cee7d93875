//! What the rules' unit tests share.

use super::Finding;
use crate::annotations::CATALOGUE;
use crate::json::Reader;
use crate::kind::{KINDS, Kind, Place};
use crate::pod_spec::PodSpec;
use crate::settings::Settings;
pub(crate) use crate::subject::Hand;
use crate::subject::{Annotation, Subject};

/// A pod with these annotations.
pub(crate) fn pod(annotations: &[(&'static str, &str)]) -> Subject<'static> {
    carrier("Pod", annotations)
}

/// An object of a kind with these annotations, or a template of it.
pub(crate) fn carrier(kind: &str, annotations: &[(&'static str, &str)]) -> Subject<'static> {
    subject(kind, Kind::main_place, annotations)
}

/// A workload with these annotations on itself.
pub(crate) fn workload(kind: &str, annotations: &[(&'static str, &str)]) -> Subject<'static> {
    subject(kind, |kind| kind.places.last().unwrap(), annotations)
}

fn subject(
    kind: &str,
    place: impl Fn(&'static Kind) -> &'static Place,
    annotations: &[(&'static str, &str)],
) -> Subject<'static> {
    let kind = KINDS.iter().find(|other| other.name == kind).expect("src/kind.rs knows the kind");
    let mut subject = Subject::new(kind, place(kind));
    subject.set(annotations.iter().map(|(key, value)| {
        let known = CATALOGUE.iter().find(|known| known.key == *key).expect("src/annotations.rs knows the key");
        Annotation { known, value: (*value).to_owned().into(), hand: Hand::Requester }
    }));
    subject
}

/// The same subject, with a pod's spec.
pub(crate) fn with_spec<'a>(mut subject: Subject<'a>, spec: &'a str) -> Subject<'a> {
    subject.pod = Some(PodSpec::read(Reader::new(spec.as_bytes()).value().unwrap()).unwrap());
    subject
}

/// The same subject, stored, with every annotation written by this hand.
pub(crate) fn written_by(mut subject: Subject<'static>, hand: &Hand<'static>) -> Subject<'static> {
    subject.iter_mut().for_each(|annotation| annotation.hand = hand.clone());
    subject
}

/// Settings from JSON.
pub(crate) fn settings(json: &str) -> Settings<'_> {
    let value = Reader::new(json.as_bytes()).value().unwrap();
    Settings::read(Some(value)).unwrap()
}

/// The annotations that findings are about.
pub(crate) fn keys(findings: &[Finding<'_>]) -> Vec<String> {
    findings.iter().map(|finding| finding.key.to_string()).collect()
}

/// What findings say.
pub(crate) fn texts(findings: &[Finding<'_>]) -> Vec<String> {
    let text = |finding: &Finding<'_>| format!("{}; {}", finding.problem, finding.mend);
    findings.iter().map(text).collect()
}
