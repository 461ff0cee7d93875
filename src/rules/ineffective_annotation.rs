//! # ineffective-annotation
//!
//! ## What it refuses
//!
//! - An interLink annotation other than `JobID` on a `Deployment`, a `Job` or another workload instead of its pod
//!   template. On a `CronJob`, also an annotation on its job template. The annotations of an object that a controller
//!   created are exempt, because controllers copy annotations to it; the annotations of its job template are not
//!   exempt.
//! - `interlink.virtual-kubelet.io/wstunnel-timeout` or `interlink.eu/shadow-same-ns` on a pod that gets neither a
//!   tunnel nor the VPN: no container has a port and `interlink.eu/wstunnel-extra-ports` is missing or empty.
//! - `interlink.eu/shadow-same-ns` on a pod that gets the VPN instead of a tunnel.
//! - `interlink.eu/pod-ip` on a pod with the VPN, unless interLink itself may have set it on a stored pod.
//! - An annotation that an update sets or changes on a pod that has a node. `interlink.eu/pod-vpn`,
//!   `interlink.eu/wstunnel-extra-ports`, `interlink.eu/shadow-same-ns` and `interlink.eu/mesh-network` must not be
//!   removed either.
//!
//! A pod that has `JobID`, an annotation for WireGuard, or an annotation that interLink writes on a pod for its tunnel
//! is exempt from the second and the third check, because it may have a tunnel. In a full mesh, every pod is exempt
//! from these two checks. A Binding is exempt from all checks.
//!
//! ## Why
//!
//! interLink reads only the annotations of pods, and Kubernetes gives a pod the annotations of its template, not those
//! of its workload. interLink creates a tunnel only for a pod that has a port and no VPN, unless it runs a full mesh,
//! in which every pod has a tunnel. For a pod with the VPN, interLink replaces the requested address with the first
//! free one.
//!
//! interLink reads a pod's annotations when it creates the pod's job, and does not look at later changes. When it
//! deletes the pod, it reads again the four annotations that must not be removed, to find out what to clean up. If one
//! of them has changed, interLink may leave the tunnel behind.
//!
//! ## How to fix it
//!
//! Move the annotation to the pod template. Add a port to the container that listens on it, or remove the annotation.
//! To change an annotation of a pod that has a node, create the pod again. If interLink runs a full mesh, set
//! `fullMesh`.
//!
//! ## Settings
//!
//! - `rules.ineffective-annotation`: `Warn` (the default), `Deny` or `Ignore`.
//! - `fullMesh`: `true` if interLink runs a full mesh. The default is `false`.
//!
//! ## References
//!
//! - interLink 0.6.2, `pkg/virtualkubelet/virtualkubelet.go`: `hasExposedPorts`, `hasExtraPortsAnnotation` and
//!   `shouldCreateWstunnel`; `setupVPNPodIP` assigns the address; `DeletePod` reads the annotations again.
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

use super::network::{NoTunnel, may_be_assigned, no_tunnel};
use super::rule::Rule;
use crate::annotations::{
    AnnotationInfo, Author, JOB_ID, MANAGED_BY_SETTING, POD_IP, POD_VPN, SHADOW_SAME_NS, WSTUNNEL_TIMEOUT,
};
use crate::finding::Findings;
use crate::kinds::{OTHER_KIND, Role};
use crate::rule_id::RuleId;
use crate::settings::Settings;
use crate::target::Target;

pub(super) const RULE: Rule = Rule {
    id: RuleId::IneffectiveAnnotation,
    refuses: "an annotation on a workload instead of its pod template; a tunnel annotation on a pod that gets no \
              tunnel; `pod-ip` together with `pod-vpn`; a changed annotation on a pod that has a node",
    about_writers: false,
    roles: &[Role::Pod, Role::PodTemplate, Role::Workload],
    check,
};

/// Annotations that only affect a tunnel.
const TUNNEL: [&str; 2] = [WSTUNNEL_TIMEOUT, SHADOW_SAME_NS];

fn check<'t>(target: &'t Target<'_>, settings: &Settings<'_>, findings: &mut Findings<'t>) {
    if target.location.role == Role::Workload {
        check_workload(target, findings);
    } else {
        check_tunnel(target, settings, findings);
        check_address(target, findings);
    }
}

/// Reports annotations on a workload, which its pods do not get.
fn check_workload<'t>(target: &'t Target<'_>, findings: &mut Findings<'t>) {
    // Other software uses the key JobID too, and perhaps those that the settings add.
    let is_interlinks =
        |info: &AnnotationInfo| ![JOB_ID, MANAGED_BY_SETTING.key].contains(&info.key) && !info.is_for_plugins();
    for annotation in target.annotations().iter().filter(|annotation| is_interlinks(annotation.info)) {
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
fn check_tunnel<'t>(target: &'t Target<'_>, settings: &Settings<'_>, findings: &mut Findings<'t>) {
    for annotation in target.get_all(&TUNNEL) {
        let Some(reason) = no_tunnel(target, settings) else {
            return;
        };
        let pod = match reason {
            NoTunnel::Vpn => "with the VPN",
            NoTunnel::NoPort => "without a port",
        };
        // `vpn-with-wstunnel` reports a timeout beside the VPN.
        if reason == NoTunnel::Vpn && annotation.info.key == WSTUNNEL_TIMEOUT {
            continue;
        }
        let problem = format!("has no effect on a pod {pod}, which gets no tunnel unless interLink runs a full mesh");
        findings.push(annotation.finding(problem).fix(reason.fix()).whatever_its_value());
    }
}

/// Reports an address that is requested for a pod with the VPN.
fn check_address<'t>(target: &'t Target<'_>, findings: &mut Findings<'t>) {
    if let Some(annotation) = target.get(POD_IP)
        && target.get(POD_VPN).is_some()
        && !may_be_assigned(target, annotation)
    {
        let problem = "has no effect with interlink.eu/pod-vpn, because interLink assigns the address";
        findings.push(annotation.finding(problem).fix("remove it").whatever_its_value());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::annotations::{Owner, POD_SUBNET, WG_MTU, WSTUNNEL_EXTRA_PORTS};
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
        for other in [WSTUNNEL_EXTRA_PORTS, POD_VPN, WG_MTU, "interlink.eu/ssh-client-commands"] {
            assert_eq!(count(&[timeout, (other, "80")], PORTLESS), 0, "{other}");
        }
        for field in ["containers", "initContainers"] {
            let spec = format!(r#"{{"{field}": [{{"name": "a", "ports": [{{"containerPort": 80}}]}}]}}"#);
            assert_eq!(count(&[timeout], &spec), 0);
        }
        assert!(
            RULE.findings(&builder("Binding", &[timeout]).build(), &Settings::default()).is_empty(),
            "it has no spec"
        );
        let full_mesh = settings(r#"{"fullMesh": true}"#);
        assert!(RULE.findings(&builder("Pod", &[timeout]).spec(PORTLESS).build(), &full_mesh).is_empty());
    }

    #[test]
    fn reports_an_address_requested_with_the_vpn() {
        let both = [(POD_VPN, "true"), (POD_IP, "10.0.0.5")];
        let count = |kind, owner: &Owner<'static>| {
            RULE.findings(&builder(kind, &both).owned_by(owner).build(), &Settings::default()).len()
        };
        for kind in ["Pod", "Deployment", "Binding"] {
            assert_eq!(count(kind, &Owner::Requester), 1, "{kind}");
            assert_eq!(count(kind, &Owner::Manager("kubectl".into())), 1, "{kind}");
            assert_eq!(count(kind, &Owner::InterLink), 0, "{kind}");
        }
        assert_eq!(count("Pod", &Owner::Unknown), 0, "interLink may have assigned it");
        assert_eq!(count("Deployment", &Owner::Unknown), 1);
    }
}
