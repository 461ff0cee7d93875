//! What the rules check: one set of annotations, with everything that the rules need to know about it.

use std::collections::BTreeMap;

use json_scan::{Context, DecodeError, Value, optional_str};

use crate::annotations::{
    Action, Annotation, AnnotationInfo, Annotations, DISABLE_OFFLOAD_CONTAINERS, DISABLE_OFFLOAD_INIT_CONTAINERS,
    Matched, POD_IP, SHADOW_SAME_NS, WSTUNNEL_EXTRA_PORTS, WSTUNNEL_TIMEOUT,
};
use crate::compact::contains;
use crate::field_ownership::FieldOwnership;
use crate::finding::Finding;
use crate::kinds::{Kind, Location, OTHER_KIND, Role};
use crate::path::{self, Path};
use crate::pod_count::PodCount;
use crate::pod_spec::PodSpec;
use crate::request::{Metadata, Object};
use crate::requester::Requester;
use crate::scope;
use crate::settings::Settings;
use crate::templates::Template;

/// interLink's annotations at one location of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    pub(crate) kind: &'static Kind,
    pub(crate) location: TargetLocation,
    /// The size of the whole object in bytes, as the API server sends it.
    pub(crate) object_size: usize,
    /// The containers that annotations refer to; `None` if none does, or there is no spec.
    pub(crate) pod_spec: Option<PodSpec<'a>>,
    /// The number of pods that a template creates at the same time, if an annotation sets something that they would
    /// share.
    pub(crate) pod_count: PodCount,
    annotations: Annotations<'a>,
    /// The unknown keys that the old object of an update has too.
    preexisting_keys: Vec<String>,
    /// Whether the annotations that matter only in scope are checked.
    in_scope: bool,
    /// The metadata that the annotations are in, and the spec beside it.
    metadata: Option<Value<'a>>,
    spec: Option<Value<'a>>,
}

/// Where in an object a target is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetLocation {
    pub(crate) role: Role,
    path: LocationPath,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum LocationPath {
    /// A location of the object's kind.
    Known(&'static Location),
    /// The location of a pod template that was found by its shape.
    Found {
        /// Its path; empty for the object itself. Not written before the template is reported.
        path: String,
        is_spec_template: bool,
    },
}

/// The path of the template in most workloads.
const SPEC_TEMPLATE: [&str; 2] = ["spec", "template"];

impl TargetLocation {
    /// Creates the location of a pod template that was found by its shape.
    fn found(path: Option<&Path<'_>>) -> Self {
        let is_spec_template = path.is_some_and(|path| path.is(&SPEC_TEMPLATE));
        Self { role: Role::PodTemplate, path: LocationPath::Found { path: String::new(), is_spec_template } }
    }

    /// Writes the path of a pod template that was found by its shape.
    pub(crate) fn write_path(&mut self, path: Option<&Path<'_>>) {
        if let LocationPath::Found { path: text, .. } = &mut self.path {
            *text = path.map_or_else(String::new, Path::to_text);
        }
    }

    /// Returns whether this is the location `spec.template`.
    pub(crate) fn is_spec_template(&self) -> bool {
        match &self.path {
            LocationPath::Known(location) => location.path == SPEC_TEMPLATE,
            LocationPath::Found { is_spec_template, .. } => *is_spec_template,
        }
    }

    /// Returns the path of the annotations, such as `spec.template.metadata.annotations`.
    pub(crate) fn annotations_path(&self) -> String {
        match &self.path {
            LocationPath::Known(location) => location.annotations_path(),
            LocationPath::Found { path, .. } if path.is_empty() => "metadata.annotations".to_owned(),
            LocationPath::Found { path, .. } => format!("{path}.metadata.annotations"),
        }
    }
}

impl From<&'static Location> for TargetLocation {
    fn from(location: &'static Location) -> Self {
        Self { role: location.role, path: LocationPath::Known(location) }
    }
}

/// The annotations whose meaning depends on the pod's spec.
const NEED_POD_SPEC: [&str; 5] = [
    DISABLE_OFFLOAD_CONTAINERS,
    DISABLE_OFFLOAD_INIT_CONTAINERS,
    WSTUNNEL_TIMEOUT,
    WSTUNNEL_EXTRA_PORTS,
    SHADOW_SAME_NS,
];

/// An annotation of the old target of an update.
struct Before<'a> {
    key: Vec<u8>,
    value: Value<'a>,
    is_in_new: bool,
    /// Whether it is left out of both targets, because it is unchanged.
    is_left_out: bool,
}

impl<'a> Target<'a> {
    /// Builds the target at a location of an object: the annotations that are in scope there, with their owners.
    ///
    /// # Errors
    /// If a part of the object that matters is malformed. The path is relative to the object.
    pub(crate) fn build(
        kind: &'static Kind,
        location: &'static Location,
        object: &Object<'a>,
        settings: &Settings<'_>,
        requester: &Requester<'_>,
        ownership: Option<&FieldOwnership<'_, 'a>>,
    ) -> Result<Self, DecodeError> {
        let holder = object.at(location.path)?;
        let metadata = holder.metadata().at_path(location.path)?;
        let target = Self::decode(kind, location.into(), metadata, holder.metadata_value(), holder.spec(), settings);
        let mut target = target.at_path(location.path)?;
        if target.is_empty() {
            return Ok(target);
        }
        let in_scope = scope::in_scope(settings, requester, location.role, target.spec);
        let in_scope = in_scope.at_field("spec").at_path(location.path)?;
        target.apply_scope(in_scope).at_path(location.path)?;
        if in_scope && location.role == Role::PodTemplate && target.get(POD_IP).is_some() {
            target.pod_count = PodCount::decode(kind, location, object)?;
        }
        if let Some(ownership) = ownership {
            ownership.assign_owners(&mut target.annotations, location)?;
        }
        Ok(target)
    }

    /// Builds the target of a pod template that was found by its shape, unless there is nothing to check. Its location
    /// lacks the path. `assign_owners` assigns the owners of its annotations.
    ///
    /// # Errors
    /// If a part of the template that matters is malformed. The path is relative to the template.
    pub(crate) fn build_found(
        path: Option<&Path<'_>>,
        template: Template<'a>,
        settings: &Settings<'_>,
        requester: &Requester<'_>,
        assign_owners: &mut dyn FnMut(&mut Annotations<'a>),
    ) -> Result<Option<Self>, DecodeError> {
        let Template { metadata: text, spec } = template;
        let metadata = Metadata::decode(text).at_field("metadata")?;
        let location = TargetLocation::found(path);
        let mut target = Self::decode(&OTHER_KIND, location, metadata, Some(text), spec, settings)?;
        if target.is_empty() {
            return Ok(None);
        }
        // A template without a spec does not show where its pods run.
        let in_scope =
            spec.is_none() || scope::in_scope(settings, requester, Role::PodTemplate, spec).at_field("spec")?;
        target.apply_scope(in_scope)?;
        if target.is_empty() {
            return Ok(None);
        }
        assign_owners(&mut target.annotations);
        Ok(Some(target))
    }

    /// Decodes the annotations in some metadata, before their scope and owners are known. `text` is the text of the
    /// metadata.
    fn decode(
        kind: &'static Kind,
        location: TargetLocation,
        metadata: Metadata<'a>,
        text: Option<Value<'a>>,
        spec: Option<Value<'a>>,
        settings: &Settings<'_>,
    ) -> Result<Self, DecodeError> {
        let look_up = |key: &[u8]| settings.look_up(key);
        let annotations = Annotations::decode(metadata.annotations, location.role, &look_up);
        Ok(Self {
            kind,
            location,
            object_size: 0,
            pod_spec: None,
            pod_count: PodCount::UpTo(1),
            annotations: annotations.at_path(&["metadata", "annotations"])?,
            preexisting_keys: Vec::new(),
            in_scope: true,
            metadata: text,
            spec,
        })
    }

    /// Decodes the pod's spec if the target is in scope, and drops the annotations that are not checked if it is not.
    fn apply_scope(&mut self, in_scope: bool) -> Result<(), DecodeError> {
        self.in_scope = in_scope;
        if in_scope {
            self.pod_spec = self.decode_pod_spec().at_field("spec")?;
        } else {
            self.annotations.retain(scope::applies_outside_scope);
        }
        Ok(())
    }

    fn decode_pod_spec(&self) -> Result<Option<PodSpec<'a>>, DecodeError> {
        // The spec beside a workload's own metadata is not a pod's.
        let is_needed = self.location.role != Role::Workload && self.get_all(&NEED_POD_SPEC).next().is_some();
        let spec = self.spec.filter(|_| is_needed);
        spec.map(PodSpec::decode).transpose()
    }

    /// Returns the target with the size of its object.
    pub(crate) fn in_object_of(self, object_size: usize) -> Self {
        Self { object_size, ..self }
    }

    /// Sets unknown keys aside that the old object of an update has too.
    pub(crate) fn set_aside(&mut self, is_preexisting: &dyn Fn(&str) -> bool) {
        let unknown_keys = std::mem::take(&mut self.annotations.unknown_keys);
        (self.preexisting_keys, self.annotations.unknown_keys) =
            unknown_keys.into_iter().partition(|key| is_preexisting(key));
    }

    /// Returns whether annotations beyond the limit were left out and reported.
    pub(crate) fn lacks_annotations(&self) -> bool {
        self.annotations.excess.is_some()
    }

    /// Returns whether the annotations have the same text as those of another target.
    pub(crate) fn has_same_annotations(&self, other: &Self) -> bool {
        self.annotations_text() == other.annotations_text()
    }

    /// Decodes the annotations of both targets of an update again, because the old one has more than the limit. The
    /// first 32 of each target need not have the same keys, so the two could not be compared. Afterwards, the targets
    /// have the added, changed and removed annotations, up to the limit, and some of the unchanged ones.
    pub(crate) fn decode_changed(new: &mut Self, old: &mut Self, settings: &Settings<'_>) {
        if !new.in_scope || new.has_same_annotations(old) {
            new.annotations.excess = None;
            return;
        }
        let (mut before, mut by_hash, mut repeated) = (Vec::new(), BTreeMap::new(), None);
        old.decode_limited(settings, &mut |key, value, _| {
            let index = *by_hash.entry(path::hash_text(key)).or_insert(before.len());
            if before.get(index).is_some_and(|other: &Before<'_>| other.key == key) {
                repeated = Some(String::from_utf8_lossy(key).into_owned());
            }
            before.push(Before { key: key.to_vec(), value, is_in_new: false, is_left_out: false });
            Action::Skip
        });
        let (mut changed, mut unchanged) = (Matched::default(), Matched::default());
        new.decode_limited_again(settings, &mut |key, value, info| {
            let old = by_hash.get(&path::hash_text(key)).and_then(|index: &usize| before.get_mut(*index));
            let Some(old) = old.filter(|old| old.key == key) else {
                return if changed.count(info) { Action::Keep } else { Action::Report };
            };
            let (is_repeated, is_unchanged) = (old.is_in_new, old.value == value);
            old.is_in_new = true;
            if is_repeated || !is_unchanged && !changed.count(info) {
                Action::Report
            } else if is_unchanged && !unchanged.count(info) {
                old.is_left_out = true;
                Action::Skip
            } else {
                Action::Keep
            }
        });
        new.annotations.excess = new.annotations.excess.take().or(repeated);
        let (mut before, mut removed) = (before.into_iter(), Matched::default());
        old.decode_limited_again(settings, &mut |_, _, info| match before.next() {
            Some(Before { is_left_out: true, .. }) => Action::Skip,
            Some(Before { is_in_new: false, .. }) if !removed.count(info) => Action::Skip,
            _ => Action::Keep,
        });
    }

    /// Replaces the known annotations by those whose number is not limited, and those that a function selects.
    fn decode_limited_again(
        &mut self,
        settings: &Settings<'_>,
        classify: &mut dyn FnMut(&[u8], Value<'a>, &AnnotationInfo) -> Action,
    ) {
        if let Some(Annotations { known, excess, .. }) = self.decode_limited(settings, classify) {
            (self.annotations.known, self.annotations.excess) = (known, excess);
        }
    }

    /// Decodes the known annotations whose number is not limited, and those that a function selects. An error does not
    /// matter, because the annotations were decoded before.
    fn decode_limited(
        &self,
        settings: &Settings<'_>,
        classify: &mut dyn FnMut(&[u8], Value<'a>, &AnnotationInfo) -> Action,
    ) -> Option<Annotations<'a>> {
        let look_up = |key: &[u8]| settings.look_up(key);
        let classify = &mut |key: &[u8], value, info: Option<&AnnotationInfo>| {
            info.map_or(Action::Skip, |info| classify(key, value, info))
        };
        Annotations::decode_with(self.annotations_text(), self.location.role, &look_up, classify).ok()
    }

    /// Returns the unknown keys that the old object of an update has too.
    pub(crate) fn preexisting_keys(&self) -> &[String] {
        &self.preexisting_keys
    }

    /// Returns whether the metadata and the spec have the same text as those of another target.
    pub(crate) fn has_same_text(&self, other: &Self) -> bool {
        self.metadata == other.metadata && self.spec == other.spec
    }

    /// Checks that the target does not have too many annotations.
    ///
    /// # Errors
    /// If it does. The path is relative to the object or template that has the metadata.
    pub(crate) fn check_excess(&self) -> Result<(), DecodeError> {
        self.annotations.check_excess().at_path(&["metadata", "annotations"])
    }

    fn annotations_text(&self) -> Option<Value<'a>> {
        self.metadata.and_then(|metadata| Metadata::decode(metadata).ok()?.annotations)
    }

    /// Returns the metadata that the annotations are in.
    pub(crate) fn metadata(&self) -> Option<Value<'a>> {
        self.metadata
    }

    /// Returns the spec beside that metadata.
    pub(crate) fn spec(&self) -> Option<Value<'a>> {
        self.spec
    }

    /// Returns whether the pod is bound to a node.
    ///
    /// # Errors
    /// If the spec is not an object, or its `nodeName` not a string. The path is relative to the object.
    pub(crate) fn has_node(&self) -> Result<bool, DecodeError> {
        let Some(spec) = self.spec else {
            return Ok(false);
        };
        let name = spec.reader().pick(["nodeName"]).and_then(|[name]| optional_str(name, "nodeName"));
        Ok(name.at_field("spec")?.is_some_and(|name| !name.is_empty()))
    }

    /// Returns whether there is nothing to check.
    pub(crate) fn is_empty(&self) -> bool {
        self.annotations.is_empty()
    }

    /// Returns the keys of all annotations: those of known ones first.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        let unknown = self.unknown_keys().iter().chain(&self.preexisting_keys).map(String::as_str);
        self.annotations().iter().map(|annotation| &*annotation.key).chain(unknown)
    }

    /// Returns the known annotations, in the order of the object.
    pub(crate) fn annotations(&self) -> &[Annotation<'a>] {
        &self.annotations.known
    }

    /// Returns the keys under interLink's domains that are not known.
    pub(crate) fn unknown_keys(&self) -> &[String] {
        &self.annotations.unknown_keys
    }

    /// Returns the annotation with this key.
    pub(crate) fn get(&self, key: &str) -> Option<&Annotation<'a>> {
        self.annotations.get(key)
    }

    /// Returns the annotations with these keys, in the order of the keys.
    pub(crate) fn get_all(&self, keys: &[&str]) -> impl Iterator<Item = &Annotation<'a>> {
        keys.iter().filter_map(|key| self.get(key))
    }

    /// Returns whether a finding is about a value that is not final: in a template of an Argo workflow, a value may
    /// contain variables. The pods are checked with the values that Argo puts in their place.
    pub(crate) fn is_provisional(&self, finding: &Finding<'_>) -> bool {
        let has_variables = |annotation: &Annotation<'_>| contains(&annotation.value, "{{");
        self.is_argo_template()
            && !finding.evidence.is_empty()
            && self.annotations.get(&finding.key).is_some_and(has_variables)
    }

    /// Returns whether this is a template of an Argo workflow: the only ones without a pod's spec that are found.
    fn is_argo_template(&self) -> bool {
        matches!(self.location.path, LocationPath::Found { .. }) && self.spec.is_none()
    }

    /// Returns the target with this spec.
    #[cfg(test)]
    pub(crate) fn with_spec(self, spec: Option<Value<'a>>) -> Self {
        Self { spec, ..self }
    }

    /// Returns a target with these annotations.
    #[cfg(test)]
    pub(crate) fn with_annotations(
        kind: &'static Kind,
        location: &'static Location,
        annotations: Annotations<'a>,
        pod_spec: Option<PodSpec<'a>>,
        pod_count: PodCount,
    ) -> Self {
        Self {
            kind,
            location: location.into(),
            object_size: 0,
            pod_spec,
            pod_count,
            annotations,
            preexisting_keys: Vec::new(),
            in_scope: true,
            metadata: None,
            spec: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use json_scan::Reader;

    use super::*;
    use crate::annotations::PING_RESPONSE;
    use crate::kinds::KINDS;
    use crate::testing::settings;

    fn build<'a>(
        kind: &str,
        location: impl Fn(&'static Kind) -> &'static Location,
        object: &'a str,
        settings: &Settings<'_>,
    ) -> Result<Target<'a>, String> {
        let kind = KINDS.iter().find(|other| other.name == kind).unwrap();
        let object = Object::decode(Reader::new(object.as_bytes()).value().unwrap()).unwrap();
        Target::build(kind, location(kind), &object, settings, &Requester::default(), None)
            .map_err(|error| error.to_string())
    }

    /// The annotations that a pod gets from an object of a kind.
    fn annotations(kind: &str, object: &str) -> Result<Vec<(&'static str, String)>, String> {
        let target = build(kind, Kind::pod_location, object, &Settings::default())?;
        Ok(target.annotations().iter().map(|known| (known.info.key, known.value.to_string())).collect())
    }

    const FORGED: &str =
        r#"{"metadata": {"annotations": {"JobID": "1", "interlink.virtual-kubelet.io/ping-response": ""}}}"#;

    #[test]
    fn finds_the_annotations_of_each_kind_at_its_own_location() {
        for kind in &KINDS {
            let object = kind.pod_location().path.iter().rev().fold(FORGED.to_owned(), |object, field| {
                format!(r#"{{"metadata": {{"annotations": {{"JobID": "of something else"}}}}, "{field}": {object}}}"#)
            });
            let found = annotations(kind.name, &object).unwrap();
            if kind.pod_location().role == Role::Node {
                assert_eq!(found, [(PING_RESPONSE, String::new())]);
            } else {
                assert_eq!(found[0], ("JobID", "1".to_owned()), "{}", kind.name);
            }
        }
    }

    #[test]
    fn accepts_a_path_that_ends_early() {
        for object in ["{}", r#"{"spec": null}"#, r#"{"spec": {"template": null}}"#, r#"{"spec": {"template": {}}}"#] {
            assert_eq!(annotations("Deployment", object), Ok(Vec::new()));
        }
        for object in ["{}", r#"{"metadata": null}"#, r#"{"metadata": {"annotations": null}}"#] {
            assert_eq!(annotations("Pod", object), Ok(Vec::new()));
        }
    }

    #[test]
    fn reports_the_path_of_a_malformed_field() {
        for (kind, object, error) in [
            ("Pod", r#"{"metadata": []}"#, "metadata: must be an object, but is a list"),
            (
                "Pod",
                r#"{"metadata": {"annotations": "x"}}"#,
                "metadata.annotations: must be an object, but is a string",
            ),
            ("Deployment", r#"{"spec": []}"#, "spec: must be an object, but is a list"),
            ("Deployment", r#"{"spec": {"template": "x"}}"#, "spec.template: must be an object, but is a string"),
            (
                "Deployment",
                r#"{"spec": {"template": {"metadata": {"annotations": {"JobID": null}}}}}"#,
                "spec.template.metadata.annotations[JobID]: must be a string, but is null; put it in quotes",
            ),
        ] {
            assert_eq!(annotations(kind, object), Err(error.to_owned()));
        }
    }

    #[test]
    fn keeps_only_some_annotations_out_of_scope() {
        let settings = settings(r#"{"scope": "VirtualNodePods"}"#);
        let object = |spec: &str| {
            format!(
                r#"{{"metadata": {{"annotations": {{"JobID": "", "interlink.eu/x": "",
                "interlink.eu/wstunnel-path-prefix": ""}}}}, "spec": {spec}}}"#
            )
        };
        let (outside, inside) = (object("{}"), object(r#"{"tolerations": [{"operator": "Exists"}]}"#));
        let outside = build("Pod", Kind::pod_location, &outside, &settings).unwrap();
        assert_eq!((outside.annotations().len(), outside.unknown_keys().len()), (1, 0));
        let inside = build("Pod", Kind::pod_location, &inside, &settings).unwrap();
        assert_eq!((inside.annotations().len(), inside.unknown_keys().len()), (2, 1));
    }

    #[test]
    fn counts_the_pods_of_a_template_that_requests_an_address() {
        let object = |key: &str| {
            let template = format!(r#"{{"metadata": {{"annotations": {{"{key}": ""}}}}, "spec": {{}}}}"#);
            format!(r#"{{"spec": {{"replicas": 3, "template": {template}}}}}"#)
        };
        for (key, scope, count) in [(POD_IP, "AllPods", 3), ("JobID", "AllPods", 1), (POD_IP, "VirtualNodePods", 1)] {
            let json = format!(r#"{{"scope": "{scope}"}}"#);
            let (object, settings) = (object(key), settings(&json));
            let target = build("Deployment", Kind::pod_location, &object, &settings).unwrap();
            assert_eq!(target.pod_count, PodCount::UpTo(count), "{key}, {scope}");
        }
    }

    #[test]
    fn decodes_the_spec_only_for_annotations_that_need_it() {
        let malformed =
            |key: &str| format!(r#"{{"metadata": {{"annotations": {{"{key}": ""}}}}, "spec": {{"containers": 7}}}}"#);
        assert!(annotations("Pod", &malformed("JobID")).is_ok());
        let workload = |kind: &'static Kind| kind.locations.last().unwrap();
        assert!(build("Deployment", workload, &malformed(WSTUNNEL_TIMEOUT), &Settings::default()).is_ok());
        assert_eq!(
            annotations("Pod", &malformed(WSTUNNEL_TIMEOUT)),
            Err("spec.containers: must be a list, but is a number".to_owned())
        );
    }
}
