//! # unknown-annotation
//!
//! ## What it refuses
//!
//! A key under `interlink.eu/` or `interlink.virtual-kubelet.io/` that this policy does not know. If a known key is
//! similar, the message names it.
//!
//! ## Why
//!
//! interLink ignores keys that it does not know, and reports nothing. A mistyped key has no effect.
//!
//! ## How to fix it
//!
//! Write the key exactly as in the list of annotations, including its case and its domain. The README has the list,
//! and `interlink-audit annotations` prints it.
//!
//! ## Settings
//!
//! - `rules.unknown-annotation`: `Warn` (the default), `Deny` or `Ignore`.
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

use strsim::osa_distance;

use super::{Finding, Rule};
use crate::annotations::{Author, CATALOGUE, Known, WG_PRIVATE_KEY};
use crate::kind::Carries;
use crate::settings::{Level, Settings};
use crate::subject::Subject;
use crate::text::{clip, holds};

pub(super) const RULE: Rule = Rule {
    id: "unknown-annotation",
    refuses: "a key under `interlink.eu/` or `interlink.virtual-kubelet.io/` that interLink does not know",
    default_level: Level::Warn,
    about_writers: false,
    subjects: &[Carries::Pod, Carries::Template, Carries::Binding, Carries::Nothing],
    check,
};

/// The shortest name that is looked for in others.
const SHORTEST_PART: usize = 3;

/// The longest name that is compared with others: Kubernetes takes none longer.
const LONGEST_NAME: usize = 63;

/// How many keys are told: a pod has a few, and an attacker thousands.
const MOST_KEYS: usize = 8;

fn check<'s>(subject: &'s Subject<'_>, _: &Settings<'_>) -> Vec<Finding<'s>> {
    let more = subject.unknown.len().saturating_sub(MOST_KEYS);
    let found = subject.unknown.iter().take(MOST_KEYS).enumerate().map(|(index, key)| {
        let mut mend = match nearest(key) {
            Some(known) if known.author == Author::InterLink => {
                format!("remove it, as only interLink may write {}", known.key)
            }
            Some(known) => format!("write {}", known.key),
            None => "remove it, or write one that the README of interlink-annotations-policy lists".to_owned(),
        };
        if more > 0 && index + 1 == MOST_KEYS {
            mend += &format!(", and see to {more} more such keys");
        }
        let problem = "is not an annotation that interLink knows, so that it has no effect".into();
        Finding {
            key: clip(key).into(),
            judged: vec![("", key)],
            injects: false,
            protected: false,
            problem,
            mend: mend.into(),
        }
    });
    found.collect()
}

/// What means the opposite of another key, or is secret: keys that differ in it are not near.
const APART: [&str; 2] = ["disable", "private"];

/// The known annotation whose name comes nearest, whatever its domain: the only one whose name holds this one or is
/// held by it, or else the nearest with less than a third of it mistyped.
fn nearest(key: &str) -> Option<&'static Known> {
    let (_, name) = key.split_once('/')?;
    if name.len() > LONGEST_NAME {
        return None;
    }
    let plain = |name: &str| name.to_ascii_lowercase().replace(['_', '.', '/'], "-");
    let name = plain(name);
    let candidates = || {
        // The rule wireguard refuses a private key under its right name, too.
        let known = CATALOGUE.iter().filter(|known| known.key != WG_PRIVATE_KEY);
        let known = known.map(|known| (plain(known.name()), known));
        known.filter(|(other, _)| APART.iter().all(|word| holds(&name, word) == holds(other, word)))
    };
    let mut holding =
        candidates().filter(|(other, _)| name.len() >= SHORTEST_PART && (holds(other, &name) || holds(&name, other)));
    if let (Some((_, known)), None) = (holding.next(), holding.next()) {
        return Some(known);
    }
    let distances = candidates().map(|(other, known)| (osa_distance(&name, &other), known));
    let near = distances.filter(|(distance, known)| *distance <= known.name().len() / 3);
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::annotations::{POD_IP, POD_SUBNET, POD_VPN, WSTUNNEL_EXTRA_PORTS, WSTUNNEL_TIMEOUT};
    use crate::rules::testing::*;

    #[test]
    fn the_nearest_known_key_is_named() {
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
            ("interlink.eu/enable-offload-containers", None),
            ("interlink.eu/offload-containers", None),
            ("interlink.eu/wg-peer-private-key", None),
            ("interlink.eu/wg_private_key", None),
            ("interlink.eu/", None),
            ("interlink.eu/colour", None),
        ] {
            assert_eq!(nearest(key).map(|known| known.key), expected, "{key}");
        }
        assert_eq!(nearest(&format!("interlink.eu/{}", "x".repeat(1_000_000))), None);
    }

    fn problems(keys: &[String]) -> Vec<String> {
        let mut pod = pod(&[]);
        pod.unknown = keys.to_vec();
        texts(&check(&pod, &Settings::default()))
    }

    #[test]
    fn what_to_do_depends_on_what_is_near() {
        let problems =
            problems(&["interlink.eu/pod-i", "interlink.eu/jobid", "interlink.eu/colour"].map(str::to_owned));
        assert!(problems[0].ends_with("so that it has no effect; write interlink.eu/pod-ip"), "{problems:?}");
        assert!(problems[1].ends_with("; remove it, as only interLink may write JobID"), "{problems:?}");
        assert!(problems[2].contains("; remove it, or write one that the README"), "{problems:?}");
    }

    #[test]
    fn thousands_of_keys_are_counted() {
        let keys: Vec<_> = (0..10_000).map(|n| format!("interlink.eu/colour-{n}")).collect();
        let problems = problems(&keys);
        assert_eq!(problems.len(), MOST_KEYS);
        assert!(problems[MOST_KEYS - 1].ends_with(", and see to 9992 more such keys"), "{problems:?}");
    }

    #[test]
    fn a_hostile_key_is_escaped_and_cut() {
        let mut pod = pod(&[]);
        pod.unknown = vec![format!("interlink.eu/\u{202e}{}", "x".repeat(100))];
        let findings = check(&pod, &Settings::default());
        assert!(findings[0].key.starts_with("interlink.eu/\\u{202e}xxx") && findings[0].key.chars().count() <= 65);
    }
}
