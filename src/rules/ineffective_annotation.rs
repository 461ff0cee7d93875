//! # ineffective-annotation
//!
//! ## What it refuses
//!
//! - An interLink annotation other than `JobID` on a `Deployment`, a `Job` or another workload instead of its pod
//!   template. On a `CronJob`, also one on its job template. Objects that a controller created are exempt, because
//!   controllers copy annotations to them.
//! - `interlink.virtual-kubelet.io/wstunnel-timeout` or `interlink.eu/shadow-same-ns` on a pod that gets no tunnel: no
//!   container has a port and `interlink.eu/wstunnel-extra-ports` is missing or empty.
//! - `interlink.eu/shadow-same-ns` on a pod that gets the VPN instead of a tunnel.
//!
//! A pod that has `JobID`, an annotation for WireGuard or one that interLink writes for a tunnel is exempt from the
//! last two: it may have a tunnel.
//!
//! ## Why
//!
//! interLink reads the annotations of pods only, and Kubernetes gives a pod the annotations of its template, not those
//! of its workload. interLink creates a tunnel only for a pod that has a port and no VPN. If interLink runs a full
//! mesh, every pod has a tunnel, but the policy cannot see that.
//!
//! ## How to fix it
//!
//! Move the annotation to the pod template. Add a port to the container that listens on it, or remove the annotation.
//!
//! ## Settings
//!
//! - `rules.ineffective-annotation`: `Warn` (the default), `Deny` or `Ignore`.
//!
//! ## References
//!
//! - interLink 0.6.2, `pkg/virtualkubelet/virtualkubelet.go`: `hasExposedPorts`, `hasExtraPortsAnnotation` and
//!   `shouldCreateWstunnel`.
//! - interLink's pod annotations reference: "Networking Considerations".
//! - Kubernetes' documentation: <https://kubernetes.io/docs/concepts/workloads/pods/#pod-templates>.
//!
//! ## Refused
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata:
//!   annotations:
//!     interlink.eu/pod-vpn: "true"
//! ```
//!
//! ## Accepted
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! spec:
//!   template:
//!     metadata:
//!       annotations:
//!         interlink.eu/pod-vpn: "true"
//! ```

use super::{Finding, Rule};
use crate::annotations::{
    Author, JOB_ID, POD_SUBNET, POD_VPN, SHADOW_SAME_NS, WG_KEEPALIVE_SECONDS, WG_MTU, WG_PEER_PUBLIC_KEY,
    WG_PRIVATE_KEY, WIREGUARD_CLIENT_SNIPPET, WSTUNNEL_CLIENT_COMMANDS, WSTUNNEL_EXTRA_PORTS, WSTUNNEL_TIMEOUT,
};
use crate::kind::Carries;
use crate::settings::{Level, Settings};
use crate::subject::Subject;

pub(super) const RULE: Rule = Rule {
    id: "ineffective-annotation",
    refuses: "an annotation on a workload in place of its pod template; a tunnel's on a pod that gets none",
    default_level: Level::Warn,
    about_writers: false,
    subjects: &[Carries::Pod, Carries::Template, Carries::Nothing],
    check,
};

/// What only a tunnel heeds.
const TUNNEL: [&str; 2] = [WSTUNNEL_TIMEOUT, SHADOW_SAME_NS];

/// What belongs to a full mesh, or tells that interLink has made a tunnel.
const HAS_TUNNEL: [&str; 8] = [
    JOB_ID,
    WG_MTU,
    WG_KEEPALIVE_SECONDS,
    WG_PEER_PUBLIC_KEY,
    WG_PRIVATE_KEY,
    WSTUNNEL_CLIENT_COMMANDS,
    WIREGUARD_CLIENT_SNIPPET,
    POD_SUBNET,
];

fn check<'s>(subject: &'s Subject<'_>, _: &Settings<'_>) -> Vec<Finding<'s>> {
    match subject.place.carries {
        Carries::Nothing => misplaced(subject),
        _ => without_tunnel(subject),
    }
}

fn misplaced<'s>(subject: &'s Subject<'_>) -> Vec<Finding<'s>> {
    // Others have a JobID, too.
    let interlinks = subject.iter().filter(|annotation| annotation.known.key != JOB_ID);
    let found = interlinks.map(|annotation| {
        let mend = match annotation.known.author {
            Author::InterLink => "remove it".to_owned(),
            _ => format!("move it to {}metadata.annotations", subject.kind.main_place().prefix()),
        };
        let problem = format!("has no effect on a {}, only on its pods", subject.kind.name);
        // The value does not matter.
        Finding { judged: Vec::new(), ..Finding::of_value(annotation, problem, mend) }
    });
    found.collect()
}

fn without_tunnel<'s>(subject: &'s Subject<'_>) -> Vec<Finding<'s>> {
    let has_extra_port = subject.get(WSTUNNEL_EXTRA_PORTS).is_some_and(|ports| !ports.value.trim().is_empty());
    let has_port = has_extra_port || subject.pod.as_ref().is_none_or(|pod| pod.has_port);
    // interLink makes a tunnel beside a VPN without a value.
    let has_vpn = subject.get(POD_VPN).is_some_and(|vpn| !vpn.value.is_empty());
    if has_port && !has_vpn || subject.get_all(&HAS_TUNNEL).next().is_some() {
        return Vec::new();
    }
    let (without, mend) = match has_vpn {
        true => ("with the VPN", "remove it, or interlink.eu/pod-vpn"),
        false => ("without a port", "give a container a port, or remove it"),
    };
    // With the VPN, a timeout is for another rule.
    let heeded = TUNNEL.iter().filter(|key| !(has_vpn && **key == WSTUNNEL_TIMEOUT));
    let found = heeded.filter_map(|key| {
        let problem =
            format!("has no effect on a pod {without}, which gets no tunnel unless interLink runs a full mesh");
        let annotation = subject.get(key)?;
        Some(Finding { judged: Vec::new(), ..Finding::of_value(annotation, problem, mend) })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::*;

    #[test]
    fn on_a_workload_the_template_is_named() {
        for (kind, place) in [
            ("Deployment", "spec.template.metadata.annotations"),
            ("CronJob", "spec.jobTemplate.spec.template.metadata.annotations"),
            ("PodTemplate", "template.metadata.annotations"),
        ] {
            let itself = workload(kind, &[(POD_VPN, "true"), (JOB_ID, "1"), (POD_SUBNET, "")]);
            let effect = format!("has no effect on a {kind}, only on its pods");
            let expected = [format!("{effect}; move it to {place}"), format!("{effect}; remove it")];
            assert_eq!(texts(&check(&itself, &Settings::default())), expected);
        }
    }

    fn count(annotations: &[(&'static str, &str)], spec: &str) -> usize {
        check(&with_spec(pod(annotations), spec), &Settings::default()).len()
    }

    const PORTLESS: &str = r#"{"containers": [{"name": "a"}]}"#;

    #[test]
    fn a_tunnel_needs_a_port() {
        let timeout = (WSTUNNEL_TIMEOUT, "2m");
        assert_eq!(count(&[timeout, (SHADOW_SAME_NS, "true")], PORTLESS), 2);
        assert_eq!(count(&[timeout, (WSTUNNEL_EXTRA_PORTS, " ")], PORTLESS), 1);
        for other in [WSTUNNEL_EXTRA_PORTS, POD_VPN, WG_MTU] {
            assert_eq!(count(&[timeout, (other, "80")], PORTLESS), 0, "{other}");
        }
        for field in ["containers", "initContainers"] {
            let spec = format!(r#"{{"{field}": [{{"name": "a", "ports": [{{"containerPort": 80}}]}}]}}"#);
            assert_eq!(count(&[timeout], &spec), 0);
        }
        assert_eq!(check(&carrier("Binding", &[timeout]), &Settings::default()), [], "it has no spec");
    }
}
