//! Ratcheting: an update is not blamed for what was wrong before.
//!
//! Controllers update pods all the time, to remove a finalizer or add a label. Refusing such an update because of an
//! older problem would block deletion. Managed annotations are the exception: an update may neither add, change nor
//! remove them.
//!
//! See also KEP-4008, which does the same for custom resources.

use std::collections::BTreeMap;

use crate::finding::Finding;
use crate::path;
use crate::rule_id::RuleId;
use crate::rules::{self, Violation};
use crate::settings::Settings;
use crate::target::Target;

/// Sets aside the unknown keys of the new target that the old one has too. Their rule reports only a limited number of
/// keys, which old keys must not use up.
pub(crate) fn ignore_preexisting_keys(new: &mut Target<'_>, old: &Target<'_>) {
    let keys = old.unknown_keys();
    // For a pod with 40,000 keys, a sorted set would take more than three times as long.
    let mut by_hash = BTreeMap::new();
    for (index, key) in keys.iter().enumerate() {
        by_hash.entry(path::hash_text(key.as_bytes())).or_insert(index);
    }
    let find = |key: &str| by_hash.get(&path::hash_text(key.as_bytes())).and_then(|index: &usize| keys.get(*index));
    new.set_aside(&|key| find(key).is_some_and(|other| other == key));
}

/// The violations of the new target of an update.
pub(crate) struct Ratcheted<'t> {
    /// The violations that the update introduces.
    pub(crate) introduced: Vec<Violation<'t>>,
    /// The violations that the old target already had.
    pub(crate) preexisting: Vec<Violation<'t>>,
}

/// Checks the new target of an update, and separates the violations that the update introduces.
pub(crate) fn check<'t>(new: &'t Target<'_>, old: &'t Target<'_>, settings: &Settings<'_>) -> Ratcheted<'t> {
    let before = rules::check(old, settings);
    let mut ratcheted = separate(rules::check(new, settings), &before);
    let is_kept = |key: &str| new.preexisting_keys().iter().any(|kept| kept == key);
    ratcheted.preexisting.extend(before.into_iter().filter(|violation| {
        violation.rule.id == RuleId::UnknownAnnotation && violation.finding.evidence.iter().any(|(_, key)| is_kept(key))
    }));
    ratcheted
}

/// Separates the violations of the new object that the old one did not have, and those of immutable annotations that
/// were changed or removed.
fn separate<'t>(new: Vec<Violation<'t>>, old: &[Violation<'t>]) -> Ratcheted<'t> {
    let removed: Vec<_> = old
        .iter()
        .filter(|before| before.finding.immutable && !new.iter().any(|after| has_same_subject(after, before)))
        .map(|before| reworded(before, "is removed, but only interLink may remove it"))
        .collect();
    let mut ratcheted = Ratcheted { introduced: Vec::new(), preexisting: Vec::new() };
    for after in new {
        let mut before = old.iter().filter(|before| has_same_subject(&after, before));
        if before.clone().any(|before| after.finding.is_covered_by(&before.finding)) {
            ratcheted.preexisting.push(after);
            continue;
        }
        ratcheted.introduced.push(match before.find(|before| before.finding.immutable) {
            Some(before) => reworded(before, "is changed, but only interLink may change it"),
            None => after,
        });
    }
    ratcheted.introduced.extend(removed);
    ratcheted
}

fn has_same_subject(one: &Violation<'_>, other: &Violation<'_>) -> bool {
    one.rule.id == other.rule.id && (one.finding.about_object || one.finding.key == other.finding.key)
}

/// Returns a violation about the same annotation with another problem.
fn reworded<'t>(violation: &Violation<'t>, problem: &'static str) -> Violation<'t> {
    let finding = Finding { problem: problem.into(), fix: "restore it".into(), ..violation.finding.clone() };
    Violation { finding, location: violation.location.clone(), ..*violation }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object_size;
    use crate::pod_count::PodCount;
    use crate::testing::*;

    type Annotations = [(&'static str, &'static str)];

    /// The violations that an update introduces: the ids of the rules and the problems.
    fn update(from: &Annotations, to: &Annotations) -> Vec<String> {
        let settings = settings(r#"{"podIP": {"cidrs": ["10.0.0.0/8"]}}"#);
        let (old, new) = (pod(from), pod(to));
        let violations = check(&new, &old, &settings).introduced;
        let text = |violation: &Violation<'_>| format!("{}: {}", violation.rule.id, violation.finding.problem);
        violations.iter().map(text).collect()
    }

    const IP: &str = "interlink.eu/pod-ip";
    const VPN: &str = "interlink.eu/pod-vpn";
    const TIMEOUT: &str = "interlink.virtual-kubelet.io/wstunnel-timeout";
    const COMMANDS: &str = "interlink.eu/wstunnel-client-commands";

    #[test]
    fn accepts_what_was_wrong_before() {
        let wrong = [("JobID", "1"), (VPN, "no"), (IP, "x"), (TIMEOUT, "soon"), (COMMANDS, "curl")];
        assert_eq!(update(&wrong, &wrong), [""; 0]);
    }

    #[test]
    fn accepts_a_fix() {
        assert_eq!(update(&[(VPN, "no"), (IP, "x")], &[(VPN, "true")]), [""; 0]);
        let both = [(VPN, "true"), (TIMEOUT, "1m"), ("interlink.eu/wstunnel-extra-ports", "80")];
        assert_eq!(update(&both, &both[..2]), [""; 0]);
    }

    #[test]
    fn rejects_another_wrong_value() {
        assert_eq!(update(&[(VPN, "no")], &[(VPN, "off")]).len(), 1);
        let (one, other) = ("x".repeat(70) + "1", "x".repeat(70) + "2");
        let (one, other) = (one.leak(), other.leak());
        assert_eq!(update(&[(IP, one)], &[(IP, other)]).len(), 1, "beyond what a message shows");
    }

    #[test]
    fn accepts_other_values_in_a_combination_that_was_there() {
        let (from, to) = ([(VPN, "true"), (TIMEOUT, "1m")], [(VPN, "true"), (TIMEOUT, "2m")]);
        assert_eq!(update(&from, &to), [""; 0]);
    }

    #[test]
    fn rejects_an_address_that_becomes_the_pods_own() {
        assert_eq!(update(&[(VPN, "true"), (IP, "6.6.6.6")], &[(IP, "6.6.6.6")]).len(), 1);
        let becomes_a_request = update(&[(IP, "6.6.6.6")], &[(VPN, "true"), (IP, "6.6.6.6")]);
        assert!(
            becomes_a_request.len() == 1 && becomes_a_request[0].contains("has no effect"),
            "{becomes_a_request:?}"
        );
    }

    #[test]
    fn accepts_the_removal_of_an_annotation_that_is_not_a_pods() {
        const PING: &str = "interlink.virtual-kubelet.io/ping-response";
        assert_eq!(update(&[(PING, "ok")], &[]), [""; 0]);
        assert_eq!(update(&[(PING, "ok")], &[(PING, "no")]).len(), 1);
    }

    #[test]
    fn rejects_adding_changing_or_removing_an_immutable_annotation() {
        for (key, id) in [("JobID", "job-id"), (COMMANDS, "managed-annotations")] {
            let came = update(&[], &[(key, "1")]);
            assert!(came.len() == 1 && came[0].contains("is set"), "{came:?}");
            let changed = update(&[(key, "1")], &[(key, "2")]);
            assert_eq!(changed, [format!("{id}: is changed, but only interLink may change it")]);
            let gone = update(&[(key, "1")], &[]);
            assert_eq!(gone, [format!("{id}: is removed, but only interLink may remove it")]);
            assert_eq!(update(&[(key, "1")], &[(key, "1")]), [""; 0]);
        }
    }

    #[test]
    fn rejects_an_address_that_more_pods_share() {
        let settings = settings(r#"{"podIP": {"cidrs": ["10.0.0.0/8"]}}"#);
        let shared_by = |count| builder("Deployment", &[(IP, "10.0.0.5")]).pod_count(PodCount::UpTo(count)).build();
        for (before, after, introduced) in [(2, 3, 1), (3, 3, 0), (3, 2, 0)] {
            let (old, new) = (shared_by(before), shared_by(after));
            assert_eq!(check(&new, &old, &settings).introduced.len(), introduced, "{before} to {after}");
        }
    }

    #[test]
    fn accepts_other_annotations_on_an_object_that_was_too_large() {
        let large = |annotations: &Annotations| builder("Pod", annotations).object_size(object_size::MAX + 1).build();
        let (old, new) = (large(&[(VPN, "true")]), large(&[("interlink.eu/mesh-network", "disabled")]));
        assert!(check(&new, &old, &Settings::default()).introduced.is_empty());
        assert_eq!(check(&new, &pod(&[(VPN, "true")]), &Settings::default()).introduced.len(), 1);
    }

    #[test]
    fn reports_a_new_unknown_key_beside_many_others() {
        let keys: Vec<_> =
            (0..100).map(|n| format!("interlink.eu/{n:03}")).chain(["interlink.eu/new".into()]).collect();
        let old = builder("Pod", &[]).unknown_keys(&keys[..100]).build();
        let mut new = builder("Pod", &[]).unknown_keys(&keys).build();
        ignore_preexisting_keys(&mut new, &old);
        let introduced = check(&new, &old, &Settings::default()).introduced;
        let keys: Vec<_> = introduced.iter().map(|violation| &*violation.finding.key).collect();
        assert_eq!(keys, ["interlink.eu/new"]);
    }

    #[test]
    fn keeps_the_findings_about_unknown_keys_that_stay() {
        let with_keys = |keys: &[&str]| {
            let keys: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
            builder("Pod", &[]).unknown_keys(&keys).build()
        };
        let old = with_keys(&["interlink.eu/colour", "interlink.eu/size"]);
        for (keys, preexisting) in [(&["interlink.eu/size"][..], 1), (&[], 0)] {
            let mut new = with_keys(keys);
            ignore_preexisting_keys(&mut new, &old);
            let ratcheted = check(&new, &old, &Settings::default());
            assert_eq!((ratcheted.introduced.len(), ratcheted.preexisting.len()), (0, preexisting), "{keys:?}");
        }
    }
}
