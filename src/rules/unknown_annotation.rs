//! # unknown-annotation
//!
//! ## What it refuses
//!
//! A key under `interlink.eu/` or `interlink.virtual-kubelet.io/` that interLink does not know. It names the one that
//! comes nearest.
//!
//! ## Why
//!
//! interLink passes over keys that it does not know. A mistyped one does nothing, and nobody is told.
//!
//! ## How to mend it
//!
//! Write the key as interLink knows it, capital letters and domain included. README and `interlink-audit annotations`
//! list them all.
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
use crate::annotations::{Author, CATALOGUE, Known};
use crate::kind::Carries;
use crate::settings::{Level, Settings};
use crate::subject::Subject;
use crate::text::clip;

pub(super) const RULE: Rule = Rule {
    id: "unknown-annotation",
    refuses: "a key under `interlink.eu/` or `interlink.virtual-kubelet.io/` that interLink does not know",
    default_level: Level::Warn,
    about_writers: false,
    subjects: &[Carries::Pod, Carries::Template, Carries::Binding, Carries::Nothing],
    check,
};

/// The longest name that is compared with others: Kubernetes takes none longer.
const LONGEST_NAME: usize = 63;

fn check<'s>(subject: &'s Subject<'_>, _: &Settings<'_>) -> Vec<Finding<'s>> {
    let unknown = &subject.unknown;
    let found = unknown.keys.iter().enumerate().map(|(index, key)| {
        let problem = match unknown.more {
            more if more > 0 && index + 1 == unknown.keys.len() => {
                format!("is not an annotation that interLink knows, and {more} more are not either").into()
            }
            _ => "is not an annotation that interLink knows, so that it has no effect".into(),
        };
        let mend = match nearest(key) {
            Some(known) if known.author == Author::InterLink => {
                format!("remove it, as only interLink may write {}", known.key).into()
            }
            Some(known) => format!("write {}", known.key).into(),
            None => "remove it, or write one that the README of interlink-annotations-policy lists".into(),
        };
        Finding { key: clip(key).into(), judged: vec![key], protected: false, problem, mend }
    });
    found.collect()
}

/// The known annotation whose name comes nearest, whatever its domain, if one is near: with a third of it mistyped.
fn nearest(key: &str) -> Option<&'static Known> {
    let (_, name) = key.split_once('/')?;
    if name.len() > LONGEST_NAME {
        return None;
    }
    let plain = |name: &str| name.to_ascii_lowercase().replace(['_', '.', '/'], "-");
    let name = plain(name);
    let distances = CATALOGUE.iter().map(|known| (osa_distance(&name, &plain(known.name())), known));
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
            ("interlink.eu/", None),
            ("interlink.eu/colour", None),
        ] {
            assert_eq!(nearest(key).map(|known| known.key), expected, "{key}");
        }
        assert_eq!(nearest(&format!("interlink.eu/{}", "x".repeat(1_000_000))), None);
    }

    fn problems(keys: &[&str], more: usize) -> Vec<String> {
        let mut pod = pod(&[]);
        pod.unknown.keys = keys.iter().map(|key| (*key).to_owned()).collect();
        pod.unknown.more = more;
        texts(&check(&pod, &Settings::default()))
    }

    #[test]
    fn what_to_do_depends_on_what_is_near() {
        let problems = problems(&["interlink.eu/pod-i", "interlink.eu/jobid", "interlink.eu/colour"], 7);
        assert!(problems[0].ends_with("so that it has no effect; write interlink.eu/pod-ip"), "{problems:?}");
        assert!(problems[1].ends_with("; remove it, as only interLink may write JobID"), "{problems:?}");
        assert!(problems[2].contains("and 7 more are not either; remove it, or write one that"), "{problems:?}");
    }

    #[test]
    fn a_hostile_key_is_escaped_and_cut() {
        let mut pod = pod(&[]);
        pod.unknown.keys = vec![format!("interlink.eu/\u{202e}{}", "x".repeat(100))];
        let findings = check(&pod, &Settings::default());
        assert!(findings[0].key.starts_with("interlink.eu/\\u{202e}xxx") && findings[0].key.chars().count() <= 65);
    }
}
