//! # unknown-annotation
//!
//! ## What it refuses
//!
//! A key under `interlink.eu/` or `interlink.virtual-kubelet.io/`, in upper or lower case, that is neither in the list
//! of annotations (`docs/annotations.md`) nor in `knownAnnotations` or `managedAnnotations`. If a known key is similar,
//! the message names it. Workloads are checked too, except those that a controller created.
//!
//! ## Why
//!
//! interLink ignores keys that it does not know, and reports nothing: a mistyped key has no effect. This policy does
//! not know the keys of newer versions of interLink and of other tools, so it reports them too.
//!
//! ## How to fix it
//!
//! Write the key exactly as in the list of annotations, including its case and its domain. The command
//! `interlink-audit annotations` prints the list, too. If the key is right, have it added to `knownAnnotations`.
//!
//! ## Settings
//!
//! - `rules.unknown-annotation`: `Warn` (the default), `Deny` or `Ignore`.
//! - `knownAnnotations`: keys of newer versions of interLink, or of other tools, that are accepted. None by default.
//! - `managedAnnotations`: keys that only trusted writers may write. The rule `managed-annotations` checks them.
//!
//! ## References
//!
//! - interLink 0.6.2, `pkg/virtualkubelet/virtualkubelet.go` and `pkg/virtualkubelet/mesh.go`: interLink looks up each
//!   annotation by its exact key.
//! - interLink's pod annotations reference: the whole page, which omits some of the keys.
//! - Kubernetes' documentation: <https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/>.
//!
//! ## Refused
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/wstunnel-timeout: "2m"
//! ```
//!
//! ## Accepted
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.virtual-kubelet.io/wstunnel-timeout: "2m"
//! spec:
//!   containers:
//!     - {name: web, image: nginx, ports: [{containerPort: 80}]}
//! ```

use std::borrow::Cow;

use strsim::osa_distance;

use super::rule::Rule;
use crate::annotations::{AnnotationInfo, Author, CATALOGUE, WG_PRIVATE_KEY};
use crate::compact::contains;
use crate::finding::{Finding, Findings, Fix};
use crate::kinds::Role;
use crate::rule_id::RuleId;
use crate::settings::Settings;
use crate::target::Target;

pub(super) const RULE: Rule = Rule {
    id: RuleId::UnknownAnnotation,
    refuses: "a key under `interlink.eu/` or `interlink.virtual-kubelet.io/` that is neither known nor in \
              `knownAnnotations`",
    about_writers: false,
    roles: &[Role::Pod, Role::PodTemplate, Role::Binding, Role::Workload],
    check,
};

/// The length in bytes of the shortest name that is searched for in others.
const SHORTEST_PART: usize = 3;

/// The length in bytes of the longest name that is compared with others: Kubernetes allows no longer one.
const LONGEST_NAME: usize = 63;

/// The maximum number of keys that are reported. A pod has a few; an attacker may write thousands.
const REPORTED_KEYS: usize = 8;

fn check<'t>(target: &'t Target<'_>, _: &Settings<'_>, findings: &mut Findings<'t>) {
    let keys = target.unknown_keys();
    let more = keys.len().saturating_sub(REPORTED_KEYS);
    for (index, key) in keys.iter().take(REPORTED_KEYS).enumerate() {
        let is_last = index + 1 == REPORTED_KEYS;
        let rest = if is_last && more > 0 { format!(", and check {more} more such keys") } else { String::new() };
        findings.push(Finding::about_key(key, "is not known to this policy").fix(Fix::OfKey(fix, rest.into())));
    }
}

fn fix(key: &str) -> String {
    match nearest(key) {
        Some(info) if info.author == Author::InterLink => {
            format!("remove it: it resembles {}, which only interLink may set", info.key)
        }
        Some(info) => format!("use {}", info.key),
        None => "remove it, or have it added to the setting knownAnnotations".to_owned(),
    }
}

/// Words that make a key the opposite of another, or secret. Keys that differ in one are never similar.
const DISTINCTIVE: [&str; 2] = ["disable", "private"];

/// Returns the known annotation with the most similar name, under either domain: the only one whose name contains this
/// name or is contained in it, or else the nearest one with at most a third of its letters mistyped.
fn nearest(key: &str) -> Option<&'static AnnotationInfo> {
    let (_, name) = key.split_once('/')?;
    if name.len() > LONGEST_NAME {
        return None;
    }
    let name = plain(name);
    let candidates = || {
        // The rule `wireguard` does not allow a private key under its right name either.
        let infos = CATALOGUE.iter().filter(|info| info.key != WG_PRIVATE_KEY);
        let infos = infos.map(|info| (plain(info.name()), info));
        infos.filter(|(other, _)| DISTINCTIVE.iter().all(|word| contains(&name, word) == contains(other, word)))
    };
    let mut containing = candidates()
        .filter(|(other, _)| name.len() >= SHORTEST_PART && (contains(other, &name) || contains(&name, other)));
    if let (Some((_, info)), None) = (containing.next(), containing.next()) {
        return Some(info);
    }
    let length = name.chars().count();
    let distances = candidates().filter_map(|(other, info)| {
        let limit = other.len() / 3;
        // The distance is at least the difference of the lengths.
        let distance = (length.abs_diff(other.len()) <= limit).then(|| osa_distance(&name, &other))?;
        (distance <= limit).then_some((distance, info))
    });
    distances.min_by_key(|(distance, _)| *distance).map(|(_, info)| info)
}

/// Returns a name in the form for comparisons: in lower case, and with hyphens.
fn plain(name: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| !byte.is_ascii_uppercase() && !b"_./".contains(&byte);
    if name.bytes().all(is_plain) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(name.to_ascii_lowercase().replace(['_', '.', '/'], "-"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::annotations::{POD_IP, POD_SUBNET, POD_VPN, WSTUNNEL_EXTRA_PORTS, WSTUNNEL_TIMEOUT};
    use crate::testing::*;

    #[test]
    fn finds_the_most_similar_key() {
        for (key, expected) in [
            ("interlink.eu/pod-vpm", Some(POD_VPN)),
            ("interlink.eu/Pod_VPN", Some(POD_VPN)),
            ("interlink.eu/podvpn", Some(POD_VPN)),
            ("interlink.eu/pod-pi", Some(POD_IP)),
            ("interlink.eu/wstunnel-timeout", Some(WSTUNNEL_TIMEOUT)),
            ("interlink.virtual-kubelet.io/wstunnel-ports", Some(WSTUNNEL_EXTRA_PORTS)),
            ("interlink.virtual-kubelet.io/pod-subnets", Some(POD_SUBNET)),
            ("interlink.eu/jobid", Some("JobID")),
            ("interlink.eu/vpn", Some(POD_VPN)),
            ("interlink.eu/wg-keepalive", Some("interlink.eu/wg-keepalive-seconds")),
            ("interlink.eu/wstunnel-timeout-seconds", Some(WSTUNNEL_TIMEOUT)),
            ("interlink.eu/wstunnel-client", Some("interlink.eu/wstunnel-client-commands")),
            ("interlink.eu/ssh-client-command", Some("interlink.eu/*-client-commands")),
            ("interlink.eu/enable-offload-containers", None),
            ("interlink.eu/offload-containers", None),
            ("interlink.eu/wg-peer-private-key", None),
            ("interlink.eu/wg_private_key", None),
            ("interlink.eu/", None),
            ("interlink.eu/colour", None),
        ] {
            assert_eq!(nearest(key).map(|info| info.key), expected, "{key}");
        }
        assert_eq!(nearest(&format!("interlink.eu/{}", "x".repeat(1_000_000))), None);
    }

    fn problems(keys: &[String]) -> Vec<String> {
        let pod = builder("Pod", &[]).unknown_keys(keys).build();
        texts(&RULE.findings(&pod, &Settings::default()))
    }

    #[test]
    fn suggests_the_most_similar_key() {
        let problems =
            problems(&["interlink.eu/pod-i", "interlink.eu/jobid", "interlink.eu/colour"].map(str::to_owned));
        assert!(problems[0].ends_with("known to this policy; use interlink.eu/pod-ip"), "{problems:?}");
        assert!(problems[1].ends_with("; remove it: it resembles JobID, which only interLink may set"), "{problems:?}");
        assert!(problems[2].ends_with("; remove it, or have it added to the setting knownAnnotations"), "{problems:?}");
    }

    #[test]
    fn counts_thousands_of_keys() {
        let keys: Vec<_> = (0..10_000).map(|n| format!("interlink.eu/colour-{n}")).collect();
        let problems = problems(&keys);
        assert_eq!(problems.len(), REPORTED_KEYS);
        assert!(problems[REPORTED_KEYS - 1].ends_with(", and check 9992 more such keys"), "{problems:?}");
    }

    #[test]
    fn repeats_no_hostile_key() {
        let keys = [format!("interlink.eu/\u{202e}{}", "x".repeat(100))];
        assert!(!problems(&keys)[0].contains('x'));
    }
}
