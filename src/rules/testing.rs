//! What the rules' unit tests share.

use super::Finding;
use crate::annotations;
use crate::json::Reader;
use crate::kind::KINDS;
use crate::settings::Settings;
pub(crate) use crate::subject::Hand;
use crate::subject::{Annotation, Subject};

/// A pod with these annotations.
pub(crate) fn pod(annotations: &[(&'static str, &str)]) -> Subject<'static> {
    carrier("Pod", annotations)
}

/// An object of a kind with these annotations, or a template of it.
pub(crate) fn carrier(kind: &str, annotations: &[(&'static str, &str)]) -> Subject<'static> {
    let annotations = annotations.iter().map(|(key, value)| {
        let key = annotations::known(key.as_bytes()).expect("src/annotations.rs knows the key");
        Annotation { key, value: (*value).to_owned().into(), hand: Hand::Requester }
    });
    let kind = KINDS.iter().find(|other| other.name == kind).expect("src/kind.rs knows the kind");
    Subject::new(kind, annotations.collect())
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
pub(crate) fn keys(findings: &[Finding<'_>]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.key).collect()
}

/// What findings say.
pub(crate) fn texts(findings: &[Finding<'_>]) -> Vec<String> {
    let text = |finding: &Finding<'_>| format!("{}; {}", finding.problem, finding.mend);
    findings.iter().map(text).collect()
}
