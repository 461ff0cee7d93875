//! An update answers for what it changes, not for what was there before.
//!
//! Controllers update pods all the time: to remove a finalizer, to add a label. A policy that refused such an update
//! because of something older would block deletion. Annotations that are interLink's own work the other way round as
//! well: what was there may neither change nor go.

use crate::rules::{Finding, Violation};

/// The violations that an update brings: those of the new object which the old one did not have, and those of
/// protected annotations that it changes or removes.
pub fn brought<'s>(new: Vec<Violation<'s>>, old: &[Violation<'s>]) -> Vec<Violation<'s>> {
    let removed = old
        .iter()
        .filter(|was| was.finding.protected && !new.iter().any(|now| same_annotation(now, was)))
        .map(|was| restated(was, "is removed, but only interLink may remove it", "put it back as it was"));
    let removed: Vec<_> = removed.collect();
    let added = new.into_iter().filter_map(|now| {
        let mut same = old.iter().filter(|was| same_annotation(&now, was));
        if same.clone().any(|was| was_there(&now.finding, &was.finding)) {
            return None;
        }
        match same.find(|was| was.finding.protected) {
            Some(was) => Some(restated(was, "is changed, but only interLink may change it", "put it back as it was")),
            None => Some(now),
        }
    });
    added.chain(removed).collect()
}

fn same_annotation(one: &Violation<'_>, other: &Violation<'_>) -> bool {
    one.rule.id == other.rule.id && one.finding.key == other.finding.key
}

/// Whether the old object's finding says it all already.
fn was_there(now: &Finding<'_>, was: &Finding<'_>) -> bool {
    now.judged.iter().all(|judged| was.judged.contains(judged))
}

/// A violation about the same annotation, in other words.
fn restated<'s>(was: &Violation<'s>, problem: &'static str, mend: &'static str) -> Violation<'s> {
    Violation { finding: Finding { problem: problem.into(), mend: mend.into(), ..was.finding.clone() }, ..*was }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{self, testing::*};

    type Annotations = [(&'static str, &'static str)];

    /// What an update brings: the ids of the rules and what they say.
    fn update(from: &Annotations, to: &Annotations) -> Vec<String> {
        let settings = settings(r#"{"podIP": {"cidrs": ["10.0.0.0/8"]}}"#);
        let (old, new) = (pod(from), pod(to));
        let brought = brought(rules::check(&new, &settings), &rules::check(&old, &settings));
        let text = |violation: &Violation<'_>| format!("{}: {}", violation.rule.id, violation.finding.problem);
        brought.iter().map(text).collect()
    }

    const IP: &str = "interlink.eu/pod-ip";
    const VPN: &str = "interlink.eu/pod-vpn";
    const TIMEOUT: &str = "interlink.virtual-kubelet.io/wstunnel-timeout";
    const COMMANDS: &str = "interlink.eu/wstunnel-client-commands";

    #[test]
    fn what_was_there_does_not_block() {
        let wrong = [("JobID", "1"), (VPN, "no"), (IP, "x"), (TIMEOUT, "soon"), (COMMANDS, "curl")];
        assert_eq!(update(&wrong, &wrong), [""; 0]);
    }

    #[test]
    fn mending_is_fine() {
        assert_eq!(update(&[(VPN, "no"), (IP, "x")], &[(VPN, "true")]), [""; 0]);
        let both = [(VPN, "true"), (TIMEOUT, "1m"), ("interlink.eu/wstunnel-extra-ports", "80")];
        assert_eq!(update(&both, &both[..2]), [""; 0]);
    }

    #[test]
    fn a_wrong_value_for_a_wrong_value_is_refused() {
        assert_eq!(update(&[(VPN, "no")], &[(VPN, "off")]).len(), 1);
        let (one, other) = ("x".repeat(70) + "1", "x".repeat(70) + "2");
        let (one, other) = (one.leak(), other.leak());
        assert_eq!(update(&[(IP, one)], &[(IP, other)]).len(), 1, "beyond what a message shows");
    }

    #[test]
    fn a_combination_that_was_there_may_change_its_values() {
        let (from, to) = ([(VPN, "true"), (TIMEOUT, "1m")], [(VPN, "true"), (TIMEOUT, "2m")]);
        assert_eq!(update(&from, &to), [""; 0]);
    }

    #[test]
    fn an_address_that_becomes_the_pods_is_refused() {
        assert_eq!(update(&[(VPN, "true"), (IP, "6.6.6.6")], &[(IP, "6.6.6.6")]).len(), 1);
        assert_eq!(update(&[(IP, "6.6.6.6")], &[(VPN, "true"), (IP, "6.6.6.6")]).len(), 0);
    }

    #[test]
    fn what_never_belongs_on_a_pod_may_go() {
        const PING: &str = "interlink.virtual-kubelet.io/ping-response";
        assert_eq!(update(&[(PING, "ok")], &[]), [""; 0]);
        assert_eq!(update(&[(PING, "ok")], &[(PING, "no")]).len(), 1);
    }

    #[test]
    fn a_protected_annotation_neither_comes_nor_changes_nor_goes() {
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
}
