//! Helpers for unit tests.

use json_scan::{Reader, Value};

use crate::annotations::{Annotation, Annotations, Lookup, Owner, look_up};
use crate::finding::Finding;
use crate::kinds::{KINDS, Kind, Location};
use crate::pod_count::PodCount;
use crate::pod_spec::PodSpec;
use crate::settings::Settings;
use crate::target::Target;

/// The parts of a target for a test.
pub(crate) struct TargetBuilder<'a> {
    kind: &'static Kind,
    location: &'static Location,
    annotations: Annotations<'a>,
    pod_spec: Option<PodSpec<'a>>,
    spec: Option<Value<'a>>,
    pod_count: PodCount,
    object_size: usize,
}

/// A pod with these annotations.
pub(crate) fn pod<'a>(annotations: &[(&'static str, &'a str)]) -> Target<'a> {
    builder("Pod", annotations).build()
}

/// The target at the pod location of a kind, with these annotations.
pub(crate) fn builder<'a>(kind: &str, annotations: &[(&'static str, &'a str)]) -> TargetBuilder<'a> {
    let kind = KINDS.iter().find(|other| other.name == kind).expect("src/kinds.rs has the kind");
    let annotations = annotations.iter().map(|(key, value)| {
        let Lookup::Known(info) = look_up(key.as_bytes()) else { panic!("the catalogue lacks {key}") };
        Annotation { key: (*key).into(), info, value: (*value).into(), owner: Owner::Requester }
    });
    let annotations = Annotations { known: annotations.collect(), ..Annotations::default() };
    TargetBuilder {
        kind,
        location: kind.pod_location(),
        annotations,
        pod_spec: None,
        spec: None,
        pod_count: PodCount::UpTo(1),
        object_size: 0,
    }
}

impl<'a> TargetBuilder<'a> {
    /// Moves the annotations to the workload itself.
    pub(crate) fn on_workload(mut self) -> Self {
        self.location = self.kind.locations.last().expect("a kind has locations");
        self
    }

    /// Adds unknown keys.
    pub(crate) fn unknown_keys(mut self, keys: &[String]) -> Self {
        self.annotations.unknown_keys = keys.to_vec();
        self
    }

    /// Replaces the annotations.
    pub(crate) fn annotations(self, annotations: Annotations<'a>) -> Self {
        Self { annotations, ..self }
    }

    /// Adds a pod's spec.
    pub(crate) fn spec(mut self, spec: &'a str) -> Self {
        self.pod_spec = Some(PodSpec::decode(Reader::new(spec.as_bytes()).value().unwrap()).unwrap());
        self
    }

    /// Adds a spec that is not decoded.
    pub(crate) fn raw_spec(mut self, spec: &'a str) -> Self {
        self.spec = Some(Reader::new(spec.as_bytes()).value().unwrap());
        self
    }

    /// Sets how many pods the template makes at the same time.
    pub(crate) fn pod_count(mut self, pod_count: PodCount) -> Self {
        self.pod_count = pod_count;
        self
    }

    /// Sets the size of the whole object.
    pub(crate) fn object_size(self, object_size: usize) -> Self {
        Self { object_size, ..self }
    }

    /// Sets the owner of every annotation.
    pub(crate) fn owned_by(mut self, owner: &Owner<'a>) -> Self {
        self.annotations.known.iter_mut().for_each(|annotation| annotation.owner = owner.clone());
        self
    }

    pub(crate) fn build(self) -> Target<'a> {
        let Self { kind, location, annotations, pod_spec, spec, pod_count, object_size } = self;
        let target = Target::with_annotations(kind, location, annotations, pod_spec, pod_count);
        target.with_spec(spec).in_object_of(object_size)
    }
}

/// Settings from JSON.
pub(crate) fn settings(json: &str) -> Settings<'_> {
    Settings::parse(json.as_bytes()).unwrap()
}

/// The keys that findings are about.
pub(crate) fn keys(findings: &[Finding<'_>]) -> Vec<String> {
    findings.iter().map(|finding| finding.key.to_string()).collect()
}

/// The problems and fixes of findings.
pub(crate) fn texts(findings: &[Finding<'_>]) -> Vec<String> {
    let text = |finding: &Finding<'_>| format!("{}; {}", finding.problem, finding.fix_text());
    findings.iter().map(text).collect()
}
