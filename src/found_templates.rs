//! The targets in an object of a kind that the policy does not know by name: its pod templates, which are found by their
//! shape.
//!
//! A hostile object may have thousands of templates. Each one is built, checked and dropped; only some violations are
//! kept for the response.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::mem;

use json_scan::{Context, DecodeError, Value, present};

use crate::annotations::{Annotations, Owner};
use crate::cluster::Cluster;
use crate::field_ownership::FieldOwnership;
use crate::object_size;
use crate::path::{self, Path};
use crate::request::{Change, Metadata, OBJECT, OLD_OBJECT};
use crate::requester::Requester;
use crate::rule_id::Level;
use crate::rules::Violation;
use crate::settings::Settings;
use crate::target::Target;
use crate::templates::{self, Template};
use crate::versions::Versions;

/// The maximum number of refused templates in the response, and of templates with warnings.
const REPORTED: usize = 32;

/// The maximum number of templates whose annotations get an owner in an audit request; the owners in all others are
/// unknown. Each such template takes a pass over `managedFields`.
const WITH_OWNERS: usize = 16;

/// The maximum number of templates whose annotations may change in an update if the old version has too many. Comparing
/// these takes long.
const COMPARED: usize = 16;

/// The templates that were found in an object.
#[derive(Default)]
pub(crate) struct Found {
    /// The violations in the first templates that have any.
    pub(crate) violations: Vec<Violation<'static>>,
    /// Whether the object holds pod templates, and is not one itself.
    pub(crate) is_workload: bool,
}

/// Checks the pod templates in an object.
///
/// # Errors
/// If a part of the object that matters is malformed.
pub(crate) fn check<'a>(
    change: &Change<'_, 'a>,
    settings: &Settings<'_>,
    requester: &Requester<'_>,
    ownership: Option<&FieldOwnership<'_, 'a>>,
    cluster: &Cluster<'_>,
) -> Result<Found, DecodeError> {
    let find_old = |old| OldTemplates::find(old, settings, requester);
    let old = change.old_text.map(find_old).transpose().at_path(&OLD_OBJECT)?.unwrap_or_default();
    // An update is not blamed for an object that was too large before.
    let was_oversized = old.has_annotations() && change.old_size > object_size::MAX;
    let mut search = Search {
        settings,
        requester,
        cluster,
        object_size: if was_oversized { 0 } else { change.size },
        owners: Owners { ownership, templates: 0, error: None },
        compared: 0,
        refused: 0,
        warned: 0,
        found: Found::default(),
    };
    templates::visit(change.text, &mut |path, template| search.add(path, template, &old)).at_path(&OBJECT)?;
    match search.owners.error {
        Some(error) => Err(error.at_path(&OBJECT)),
        None => Ok(search.found),
    }
}

/// The state of the search in the new object.
struct Search<'r, 's, 'a> {
    settings: &'r Settings<'s>,
    requester: &'r Requester<'r>,
    cluster: &'r Cluster<'r>,
    /// The size of the object for the next template: 0 after the first, so that it is reported once.
    object_size: usize,
    owners: Owners<'r, 'a>,
    /// The number of templates that count towards [`COMPARED`].
    compared: usize,
    /// The number of reported templates that are refused, and of those with warnings.
    refused: usize,
    warned: usize,
    found: Found,
}

impl<'a> Search<'_, '_, 'a> {
    /// Checks a template. The object itself comes last.
    fn add(
        &mut self,
        path: Option<&Path<'_>>,
        template: Template<'a>,
        old: &OldTemplates<'a>,
    ) -> Result<(), DecodeError> {
        self.found.is_workload = path.is_some();
        let owners = &mut self.owners;
        let built = Target::build_found(path, template, self.settings, self.requester, &mut |annotations| {
            owners.assign(annotations, path);
        });
        let old = if matches!(built, Ok(None)) { None } else { old.counterpart(path, template) };
        let mut new = match (built, old) {
            (Ok(Some(new)), _) => new,
            // An update is not blamed for what was malformed before.
            (Ok(None), _) | (Err(_), Some(OldTemplate { target: None, .. })) => return Ok(()),
            (Err(error), _) => return Err(error),
        };
        new.object_size = mem::take(&mut self.object_size);
        let old = old.and_then(|old| old.target.as_deref());
        if old.is_some_and(|old| old.lacks_annotations() && !old.has_same_annotations(&new)) {
            self.compared += 1;
            if self.compared > COMPARED {
                let problem = format!("is one of more than {COMPARED} changed templates that had too many annotations");
                return Err(DecodeError::new(problem).hint("change fewer of them at a time"));
            }
        }
        let versions = Versions::new(new, old.map(Cow::Borrowed), self.settings);
        versions.check_excess()?;
        self.keep(path, &versions)
    }

    /// Keeps the violations of a target for the response, if it is among the first targets with violations.
    fn keep(&mut self, path: Option<&Path<'_>>, versions: &Versions<'_, 'a>) -> Result<(), DecodeError> {
        let violations = versions.check(self.settings, self.cluster)?;
        let is_refused = violations.iter().any(|violation| violation.level == Level::Deny);
        let reported = if is_refused { &mut self.refused } else { &mut self.warned };
        if !violations.is_empty() && *reported < REPORTED {
            *reported += 1;
            self.found.violations.extend(violations.into_iter().map(|violation| violation.reported_at(path)));
        }
        Ok(())
    }
}

/// Assigns the owners of annotations, in an audit request.
struct Owners<'r, 'a> {
    ownership: Option<&'r FieldOwnership<'r, 'a>>,
    /// The number of templates whose annotations have been assigned owners.
    templates: usize,
    /// Returned after the search, because its path is relative to the object, not to the template.
    error: Option<DecodeError>,
}

impl<'a> Owners<'_, 'a> {
    fn assign(&mut self, annotations: &mut Annotations<'a>, path: Option<&Path<'_>>) {
        let Some(ownership) = self.ownership else {
            return;
        };
        self.templates += 1;
        if self.templates > WITH_OWNERS {
            annotations.known.iter_mut().for_each(|annotation| annotation.owner = Owner::Unknown);
        } else if let Err(error) = ownership.assign_found_owners(annotations, path) {
            self.error.get_or_insert(error);
        }
    }
}

/// The templates in the old object that have interLink annotations, or are malformed.
#[derive(Default)]
struct OldTemplates<'a> {
    templates: Vec<OldTemplate<'a>>,
    /// The index of the template at each path, and of the first template with each text of annotations, by hash. If two
    /// hashes collide, a template is compared with another old one, no more.
    by_hash: BTreeMap<u64, usize>,
}

struct OldTemplate<'a> {
    annotations: &'a [u8],
    /// `None` if it is malformed.
    target: Option<Box<Target<'a>>>,
    /// Whether it is the old version of a template with the same annotations.
    is_taken: Cell<bool>,
    /// In the first template with the same annotations, the index of the next candidate for a template that moved.
    candidate: Cell<Option<usize>>,
    /// The index of the candidate after this one.
    next: Option<usize>,
}

impl<'a> OldTemplates<'a> {
    fn find(object: Value<'a>, settings: &Settings<'_>, requester: &Requester<'_>) -> Result<Self, DecodeError> {
        let mut old = Self::default();
        templates::visit(object, &mut |path, template| {
            let target = match Target::build_found(path, template, settings, requester, &mut |_| ()) {
                Ok(None) => return Ok(()),
                Ok(Some(target)) => Some(Box::new(target)),
                Err(_) => None,
            };
            let (index, annotations) = (old.templates.len(), annotations(template));
            old.by_hash.entry(path::hash(path)).or_insert(index);
            let first = *old.by_hash.entry(path::hash_text(annotations)).or_insert(index);
            let next = old.templates.get(first).and_then(|first| first.candidate.replace(Some(index)));
            let (is_taken, candidate) = (Cell::new(false), Cell::new(Some(index)));
            old.templates.push(OldTemplate { annotations, target, is_taken, candidate, next });
            Ok(())
        })?;
        Ok(old)
    }

    /// Returns whether a template has interLink annotations.
    fn has_annotations(&self) -> bool {
        self.templates.iter().any(|template| template.target.is_some())
    }

    /// Returns the old version of a template: the one at the same path or, if its annotations changed, one that had the
    /// same annotations elsewhere, since the templates of a list may be reordered. Each old template counts as the old
    /// version of only one template with the same annotations, so a copy is new. A malformed old template counts only
    /// if its annotations are the same.
    fn counterpart(&self, path: Option<&Path<'_>>, template: Template<'a>) -> Option<&OldTemplate<'a>> {
        if self.templates.is_empty() {
            return None;
        }
        let annotations = annotations(template);
        let at_path = self.get(path::hash(path)).filter(|old| !old.is_taken.get());
        let same = at_path.filter(|old| old.annotations == annotations).or_else(|| self.same(annotations));
        if let Some(old) = same {
            old.is_taken.set(true);
        }
        same.or_else(|| at_path.filter(|old| old.target.is_some()))
    }

    /// Returns an old template with these annotations that is not taken.
    fn same(&self, annotations: &[u8]) -> Option<&OldTemplate<'a>> {
        let first = self.get(path::hash_text(annotations))?;
        while let Some(old) = first.candidate.get().and_then(|index| self.templates.get(index)) {
            first.candidate.set(old.next);
            if !old.is_taken.get() && old.annotations == annotations {
                return Some(old);
            }
        }
        None
    }

    fn get(&self, hash: u64) -> Option<&OldTemplate<'a>> {
        self.by_hash.get(&hash).and_then(|index| self.templates.get(*index))
    }
}

/// Returns the text of a template's annotations, or of its metadata if that has none.
fn annotations(template: Template<'_>) -> &[u8] {
    let metadata = Metadata::decode(template.metadata).ok();
    let annotations = metadata.and_then(|metadata| present(metadata.annotations));
    annotations.unwrap_or(template.metadata).text()
}

#[cfg(test)]
mod tests {
    use super::COMPARED;
    use crate::cluster::no_cluster;
    use crate::object_size;
    use crate::validate;

    const TEMPLATE: &str = r#"{"metadata": {"annotations": {"interlink.eu/pod-vpn": "true"}}, "script": {}}"#;
    const MALFORMED: &str = r#"{"metadata": {"annotations": {"a": 1}}, "script": {}}"#;

    /// Returns how many templates the response to an UPDATE of a large custom resource reports.
    fn reported(old_size: usize, old_templates: &[&str], templates: &[&str]) -> usize {
        let object = |size: usize, templates: &[&str]| {
            format!(r#"{{"metadata": {{}}, "notes": "{}", "list": [{}]}}"#, "x".repeat(size), templates.join(","))
        };
        let (old, new) = (object(old_size, old_templates), object(object_size::MAX, templates));
        let payload = format!(
            r#"{{"request": {{"operation": "UPDATE", "kind": {{"group": "example.org", "kind": "Fleet"}},
            "userInfo": {{"username": "alice"}}, "object": {new}, "oldObject": {old}}}}}"#
        );
        let message = validate(payload.as_bytes(), &no_cluster).message.unwrap_or_default();
        message.matches("is on an object of 769 KiB").count()
    }

    #[test]
    fn reports_a_large_object_once_unless_it_was_large_before() {
        let large = object_size::MAX;
        assert_eq!(reported(0, &[TEMPLATE], &[TEMPLATE, TEMPLATE]), 1);
        assert_eq!(reported(large, &[TEMPLATE], &[TEMPLATE, TEMPLATE]), 0);
        assert_eq!(reported(large, &[], &[TEMPLATE]), 1);
        assert_eq!(reported(large, &[MALFORMED], &[MALFORMED, TEMPLATE]), 1);
    }

    #[test]
    fn accepts_wrong_templates_in_another_order() {
        let template = |value: &str| TEMPLATE.replace("true", value);
        let update = |old: &[String], new: &[String]| {
            let object = |templates: &[String]| format!(r#"{{"list": [{}]}}"#, templates.join(","));
            let payload = format!(
                r#"{{"request": {{"operation": "UPDATE", "kind": {{"group": "example.org", "kind": "Fleet"}},
                "userInfo": {{"username": "alice"}}, "object": {}, "oldObject": {}}}}}"#,
                object(new),
                object(old)
            );
            validate(payload.as_bytes(), &no_cluster).accepted
        };
        let [no, off, none] = ["no", "off", "none"].map(template);
        let list = |templates: &[&String]| templates.iter().map(|text| (*text).clone()).collect::<Vec<_>>();
        for (old, new, accepted) in [
            (&[&no, &off][..], &[&off, &no][..], true),
            (&[&no, &no, &no, &off, &off, &off], &[&off, &off, &off, &no, &no, &no], true),
            (&[&no, &off, &none], &[&off, &none, &no], true),
            (&[&no, &off], &[&none, &no], false),
            // A copy is new.
            (&[&no], &[&off, &no, &no], false),
            (&[&no], &[&no, &no], false),
            (&[&no, &no], &[&no, &no, &no], false),
            (&[&no, &off], &[&off, &off], false),
            (&[&off, &no], &[&off, &off], false),
            (&[&off, &no], &[&no, &no], false),
        ] {
            assert_eq!(update(&list(old), &list(new)), accepted, "{old:?} {new:?}");
        }
    }

    #[test]
    fn compares_a_limited_number_of_templates_with_too_many_annotations() {
        let update = |count: usize, before: usize, after: usize| {
            let template = |commands: usize| {
                let commands = (0..commands).map(|n| format!(r#""interlink.eu/{n:02}-client-commands": "","#));
                let commands: String = commands.collect();
                format!(r#"{{"metadata": {{"annotations": {{{commands} "a": ""}}}}, "script": {{}}}}"#)
            };
            let list = |commands| vec![template(commands); count].join(",");
            let payload = format!(
                r#"{{"request": {{"operation": "UPDATE", "kind": {{"group": "example.org", "kind": "Fleet"}},
                "userInfo": {{"username": "alice"}}, "object": {{"list": [{}]}}, "oldObject": {{"list": [{}]}}}}}}"#,
                list(after),
                list(before)
            );
            validate(payload.as_bytes(), &no_cluster).message
        };
        assert_eq!(update(100, 40, 40), None);
        assert_eq!(update(COMPARED, 40, 20), None);
        let message = update(COMPARED + 1, 40, 20).unwrap_or_default();
        assert!(message.starts_with("request.object.list[16]: is one of more than 16 changed templates"), "{message}");
    }

    #[test]
    fn leaves_values_with_variables_to_the_pods_unless_a_user_may_not_write_them() {
        for (annotations, expected) in [
            (r#"{"interlink.eu/pod-vpn": "{{vpn}}"}"#, None),
            (r#"{"interlink.eu/pod-vpn": "no"}"#, Some(422)),
            (r#"{"JobID": "{{id}}"}"#, Some(403)),
            (r#"{"interlink.eu/wstunnel-extra-ports": "{{ports}}\\n---"}"#, Some(422)),
        ] {
            let payload = format!(
                r#"{{"request": {{"operation": "CREATE", "kind": {{"group": "argoproj.io", "kind": "Workflow"}},
                "userInfo": {{"username": "alice"}},
                "object": {{"list": [{{"metadata": {{"annotations": {annotations}}}, "script": {{}}}}]}}}}}}"#
            );
            assert_eq!(validate(payload.as_bytes(), &no_cluster).code, expected, "{annotations}");
        }
    }
}
