//! Checks what an update changes on a pod that has a node.
//!
//! By then, interLink has read the pod's annotations. `pod-ip` remains its record of the addresses in use. It reads
//! some annotations again when it deletes the pod, to find out what to clean up. Changes to the others have no effect.

use std::borrow::Cow;

use json_scan::DecodeError;

use crate::annotations::{Annotation, Author, MESH_NETWORK, POD_IP, POD_VPN, SHADOW_SAME_NS, WSTUNNEL_EXTRA_PORTS};
use crate::finding::Finding;
use crate::kinds::Role;
use crate::rule_id::{Level, RuleId};
use crate::rules::{self, Violation};
use crate::settings::Settings;
use crate::target::Target;

/// The annotations that interLink reads again when it deletes a pod.
const READ_AT_DELETION: [&str; 4] = [POD_VPN, WSTUNNEL_EXTRA_PORTS, SHADOW_SAME_NS, MESH_NETWORK];

/// Returns the violations in the changes that an update makes to a pod that has a node.
///
/// # Errors
/// If the old pod's node is malformed. The path is relative to the old object.
pub(crate) fn check<'t>(
    new: &'t Target<'_>,
    old: &'t Target<'_>,
    settings: &Settings<'_>,
) -> Result<Vec<Violation<'t>>, DecodeError> {
    let mut violations = Vec::new();
    if new.location.role != Role::Pod {
        return Ok(violations);
    }
    let mut add = |edit: Edit, annotation: &'t Annotation<'_>| {
        let Some((id, finding)) = edit.finding(annotation) else {
            return;
        };
        let level = settings.rules.get(id);
        if level != Level::Ignore {
            violations.push(Violation { rule: rules::get(id), level, location: Cow::Borrowed(&new.location), finding });
        }
    };
    for annotation in new.annotations() {
        match old.get(&annotation.key) {
            None => add(Edit::Set, annotation),
            Some(before) if before.value != annotation.value => add(Edit::Change, annotation),
            Some(_) => {}
        }
    }
    for annotation in old.annotations().iter().filter(|annotation| new.get(&annotation.key).is_none()) {
        add(Edit::Remove, annotation);
    }
    // Finding the node takes a pass over the spec.
    if !violations.is_empty() && !old.has_node()? {
        violations.clear();
    }
    Ok(violations)
}

/// The change that an update makes to an annotation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edit {
    Set,
    Change,
    Remove,
}

impl Edit {
    /// Returns what is wrong with this edit on a pod that has a node, and the rule that it breaks.
    fn finding<'t>(self, annotation: &'t Annotation<'_>) -> Option<(RuleId, Finding<'t>)> {
        let (infinitive, participle, undo) = match self {
            Self::Set => ("set", "set", "remove it"),
            Self::Change => ("change", "changed", "restore it"),
            Self::Remove => ("remove", "removed", "restore it"),
        };
        let key = annotation.info.key;
        let (id, problem, fix) = if key == POD_IP {
            let problem = format!("is {participle}, but only interLink may {infinitive} it on a pod that has a node");
            (RuleId::ManagedAnnotations, problem, undo)
        } else if READ_AT_DELETION.contains(&key) {
            let problem =
                format!("is {participle} on a pod that has a node, so interLink may leave the pod's tunnel behind");
            (RuleId::IneffectiveAnnotation, problem, undo)
        } else if annotation.info.author == Author::InterLink
            || annotation.info.is_for_plugins()
            || self == Self::Remove
        {
            // Other rules report these annotations. The removal of an annotation that has no effect changes nothing.
            return None;
        } else {
            let problem = format!("is {participle} on a pod that has a node, where it no longer has an effect");
            (RuleId::IneffectiveAnnotation, problem, "create the pod again to apply it")
        };
        Some((id, annotation.finding(problem).fix(fix)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::annotations::{JOB_ID, WG_PRIVATE_KEY, WSTUNNEL_TIMEOUT};
    use crate::testing::*;

    type Annotations = [(&'static str, &'static str)];

    const BOUND: &str = r#"{"nodeName": "hpc"}"#;

    fn update(spec: &str, old: &Annotations, new: &Annotations, json: &str) -> Result<Vec<String>, String> {
        let settings = settings(json);
        let (old, new) = (builder("Pod", old).raw_spec(spec).build(), builder("Pod", new).raw_spec(spec).build());
        let violations = check(&new, &old, &settings).map_err(|error| error.to_string())?;
        let text = |Violation { rule, level, finding, .. }: &Violation<'_>| {
            format!("{} {}: {}: {}; {}", level.as_str(), rule.id, finding.key, finding.problem, finding.fix_text())
        };
        Ok(violations.iter().map(text).collect())
    }

    /// The only violation of an update of a pod that has a node.
    fn only(old: &Annotations, new: &Annotations) -> String {
        let mut found = update(BOUND, old, new, "{}").unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    #[test]
    fn keeps_users_from_the_ledger_of_addresses() {
        let (one, other): (&Annotations, &Annotations) = (&[(POD_IP, "10.0.0.5")], &[(POD_IP, "10.0.0.6")]);
        let text = |rest: &str| format!("Deny managed-annotations: {POD_IP}: {rest}");
        let node = "on a pod that has a node";
        assert_eq!(only(&[], one), text(&format!("is set, but only interLink may set it {node}; remove it")));
        assert_eq!(only(one, other), text(&format!("is changed, but only interLink may change it {node}; restore it")));
        assert_eq!(only(one, &[]), text(&format!("is removed, but only interLink may remove it {node}; restore it")));
    }

    #[test]
    fn warns_about_what_interlink_reads_at_deletion() {
        for key in READ_AT_DELETION {
            for (old, new, fix) in [
                (&[][..], &[(key, "8080")][..], "remove it"),
                (&[(key, "80")], &[(key, "8080")], "restore it"),
                (&[(key, "80")], &[], "restore it"),
            ] {
                let found = only(old, new);
                assert!(found.starts_with("Warn ineffective-annotation: "), "{found}");
                assert!(found.contains("may leave the pod's tunnel behind") && found.ends_with(fix), "{found}");
            }
        }
    }

    #[test]
    fn warns_about_what_interlink_read_at_creation() {
        for key in [WSTUNNEL_TIMEOUT, WG_PRIVATE_KEY] {
            for old in [&[][..], &[(key, "1m")]] {
                assert!(
                    only(old, &[(key, "2m")]).ends_with("no longer has an effect; create the pod again to apply it")
                );
            }
            assert_eq!(update(BOUND, &[(key, "1m")], &[], "{}"), Ok(Vec::new()), "it had no effect");
        }
    }

    #[test]
    fn leaves_other_annotations_and_pods_alone() {
        let edit: (&Annotations, &Annotations) = (&[(POD_IP, "10.0.0.5")], &[(POD_VPN, "true")]);
        assert_eq!(update(BOUND, &[(JOB_ID, "1")], &[(JOB_ID, "2")], "{}"), Ok(Vec::new()), "`job-id` reports it");
        assert_eq!(update(BOUND, edit.0, edit.0, "{}"), Ok(Vec::new()));
        for spec in ["{}", r#"{"nodeName": null}"#, r#"{"nodeName": ""}"#] {
            assert_eq!(update(spec, edit.0, edit.1, "{}"), Ok(Vec::new()), "{spec}");
        }
        let template = |annotations| builder("Deployment", annotations).raw_spec(BOUND).build();
        assert!(check(&template(edit.0), &template(edit.1), &Settings::default()).unwrap().is_empty());
    }

    #[test]
    fn follows_the_levels() {
        let (old, new): (&Annotations, &Annotations) = (&[(POD_IP, "10.0.0.5")], &[(POD_VPN, "true")]);
        let levels = r#"{"rules": {"managed-annotations": "Warn", "ineffective-annotation": "Ignore"}}"#;
        let found = update(BOUND, old, new, levels).unwrap();
        assert!(found.len() == 1 && found[0].starts_with("Warn managed-annotations: "), "{found:?}");
    }

    #[test]
    fn reports_the_path_of_a_malformed_node() {
        for (spec, problem) in [
            ("7", "spec: must be an object, but is a number"),
            (r#"{"nodeName": 7}"#, "spec.nodeName: must be a string, but is a number"),
            (r#"{"nodeName": "", "nodeName": "hpc"}"#, "spec.nodeName: appears twice"),
        ] {
            assert_eq!(update(spec, &[(POD_IP, "10.0.0.5")], &[], "{}"), Err(problem.to_owned()));
        }
    }
}
