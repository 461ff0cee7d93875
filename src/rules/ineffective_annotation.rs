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
//! - An annotation that an update sets or changes on a pod that has a node. For `interlink.eu/pod-vpn`,
//!   `interlink.eu/wstunnel-extra-ports`, `interlink.eu/shadow-same-ns` and `interlink.eu/mesh-network`, also its
//!   removal.
//!
//! A pod that has `JobID`, an annotation for WireGuard or one that interLink writes for a tunnel is exempt from the
//! second and the third: it may have a tunnel.
//!
//! ## Why
//!
//! interLink reads the annotations of pods only, and Kubernetes gives a pod the annotations of its template, not those
//! of its workload. interLink creates a tunnel only for a pod that has a port and no VPN. If interLink runs a full
//! mesh, every pod has a tunnel, but the policy cannot see that.
//!
//! interLink reads a pod's annotations when it creates the pod's job, and does not look at later changes. Only these
//! four it reads again when it deletes the pod, to find out what there is to clean up. If they have changed, it may leave
//! the tunnel behind.
//!
//! ## How to fix it
//!
//! Move the annotation to the pod template. Add a port to the container that listens on it, or remove the annotation.
//! To change an annotation of a pod that has a node, create the pod again.
//!
//! ## Settings
//!
//! - `rules.ineffective-annotation`: `Warn` (the default), `Deny` or `Ignore`.
//!
//! ## References
//!
//! - interLink 0.6.2, `pkg/virtualkubelet/virtualkubelet.go`: `hasExposedPorts`, `hasExtraPortsAnnotation` and
//!   `shouldCreateWstunnel`; `DeletePod` reads the annotations again.
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

use super::rule::Rule;
use crate::annotations::{
    Author, JOB_ID, POD_SUBNET, POD_VPN, SHADOW_SAME_NS, WG_KEEPALIVE_SECONDS, WG_MTU, WG_PEER_PUBLIC_KEY,
    WG_PRIVATE_KEY, WIREGUARD_CLIENT_SNIPPET, WSTUNNEL_CLIENT_COMMANDS, WSTUNNEL_EXTRA_PORTS, WSTUNNEL_TIMEOUT,
};
use crate::finding::Findings;
use crate::kinds::{OTHER_KIND, Role};
use crate::rule_id::RuleId;
use crate::settings::Settings;
use crate::target::Target;

pub(super) const RULE: Rule = Rule {
    id: RuleId::IneffectiveAnnotation,
    refuses: "an annotation on a workload in place of its pod template; a tunnel's on a pod that gets none; one that \
              is changed on a pod that has a node",
    about_writers: false,
    roles: &[Role::Pod, Role::PodTemplate, Role::Workload],
    check,
};

/// Annotations that only affect a tunnel.
const TUNNEL: [&str; 2] = [WSTUNNEL_TIMEOUT, SHADOW_SAME_NS];

/// Annotations of a full mesh, or of a tunnel that interLink has created.
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

fn check<'t>(target: &'t Target<'_>, _: &Settings<'_>, findings: &mut Findings<'t>) {
    if target.location.role == Role::Workload {
        check_workload(target, findings);
    } else {
        check_tunnel(target, findings);
    }
}

/// Reports annotations on a workload, which its pods do not get.
fn check_workload<'t>(target: &'t Target<'_>, findings: &mut Findings<'t>) {
    // Other software uses the key JobID too.
    for annotation in target.annotations().iter().filter(|annotation| annotation.info.key != JOB_ID) {
        let problem = format!("has no effect on a {}, only on its pods", target.kind.name);
        let fix = match annotation.info.author {
            Author::InterLink => "remove it".to_owned(),
            Author::User | Author::Either if *target.kind == OTHER_KIND => {
                "move it to the metadata of its pod template".to_owned()
            }
            Author::User | Author::Either => {
                format!("move it to {}", target.kind.pod_location().annotations_path())
            }
        };
        findings.push(annotation.finding(problem).fix(fix).whatever_its_value());
    }
}

/// Reports annotations that only affect a tunnel, on a pod that gets none.
fn check_tunnel<'t>(target: &'t Target<'_>, findings: &mut Findings<'t>) {
    let has_extra_port = target.get(WSTUNNEL_EXTRA_PORTS).is_some_and(|ports| !ports.value.trim().is_empty());
    let has_port = has_extra_port || target.pod_spec.as_ref().is_none_or(|spec| spec.has_port);
    // With an empty value, interLink creates both the VPN and a tunnel.
    let has_vpn = target.get(POD_VPN).is_some_and(|vpn| !vpn.value.is_empty());
    if has_port && !has_vpn || target.get_all(&HAS_TUNNEL).next().is_some() {
        return;
    }
    let (pod, fix) = if has_vpn {
        ("with the VPN", "remove it, or interlink.eu/pod-vpn")
    } else {
        ("without a port", "give a container a port, or remove it")
    };
    for annotation in target.get_all(&TUNNEL) {
        // `vpn-with-wstunnel` reports a timeout beside the VPN.
        if has_vpn && annotation.info.key == WSTUNNEL_TIMEOUT {
            continue;
        }
        let problem = format!("has no effect on a pod {pod}, which gets no tunnel unless interLink runs a full mesh");
        findings.push(annotation.finding(problem).fix(fix).whatever_its_value());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn names_the_pod_template_for_a_workload() {
        for (kind, place) in [
            ("Deployment", "spec.template.metadata.annotations"),
            ("CronJob", "spec.jobTemplate.spec.template.metadata.annotations"),
            ("PodTemplate", "template.metadata.annotations"),
        ] {
            let workload = builder(kind, &[(POD_VPN, "true"), (JOB_ID, "1"), (POD_SUBNET, "")]).on_workload().build();
            let effect = format!("has no effect on a {kind}, only on its pods");
            let expected = [format!("{effect}; move it to {place}"), format!("{effect}; remove it")];
            assert_eq!(texts(&RULE.findings(&workload, &Settings::default())), expected);
        }
    }

    fn count(annotations: &[(&'static str, &str)], spec: &str) -> usize {
        RULE.findings(&builder("Pod", annotations).spec(spec).build(), &Settings::default()).len()
    }

    const PORTLESS: &str = r#"{"containers": [{"name": "a"}]}"#;

    #[test]
    fn reports_annotations_of_a_tunnel_without_a_port() {
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
        assert_eq!(RULE.findings(&builder("Binding", &[timeout]).build(), &Settings::default()), [], "it has no spec");
    }
}
