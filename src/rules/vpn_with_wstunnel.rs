//! # vpn-with-wstunnel
//!
//! ## What it refuses
//!
//! `interlink.eu/pod-vpn` together with an annotation for the tunnel, unless interLink runs a full mesh:
//!
//! - `interlink.virtual-kubelet.io/wstunnel-timeout`
//! - `interlink.eu/wstunnel-extra-ports`
//! - `interlink.eu/wstunnel-client-commands`
//!
//! ## Why
//!
//! The VPN takes precedence over the tunnel. For a pod with the VPN, interLink creates no tunnel unless it runs a full
//! mesh, and it reports nothing: the ports that you expect to be forwarded are not. A pod with the VPN and ordinary
//! container ports is fine.
//!
//! ## How to fix it
//!
//! Choose one of the two. Remove `interlink.eu/pod-vpn` to reach the pod's ports through the tunnel, or remove the
//! tunnel's annotations to connect the pod to the cluster's network.
//!
//! ## Settings
//!
//! - `rules.vpn-with-wstunnel`: `Deny` (the default), `Warn` or `Ignore`.
//! - `fullMesh`: `true` if interLink runs a full mesh, in which a pod with the VPN gets a tunnel too. The default is
//!   `false`.
//!
//! ## References
//!
//! - interLink 0.6.2, `pkg/virtualkubelet/virtualkubelet.go`: `shouldCreateWstunnel` and `CreatePod`.
//! - interLink's pod annotations reference: "`interlink.eu/pod-vpn`", and "Best Practices".
//!
//! ## Refused
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/pod-vpn: "true"
//!     interlink.virtual-kubelet.io/wstunnel-timeout: "2m"
//! ```
//!
//! ## Accepted
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/pod-vpn: "true"
//! spec:
//!   containers:
//!     - {name: web, image: nginx, ports: [{containerPort: 80}]}
//! ```

use super::rule::{POD_ROLES, Rule};
use crate::annotations::{POD_VPN, WSTUNNEL_CLIENT_COMMANDS, WSTUNNEL_EXTRA_PORTS, WSTUNNEL_TIMEOUT};
use crate::finding::Findings;
use crate::rule_id::RuleId;
use crate::settings::Settings;
use crate::target::Target;

pub(super) const RULE: Rule = Rule {
    id: RuleId::VpnWithWstunnel,
    refuses: "`pod-vpn` together with `wstunnel-timeout`, `wstunnel-extra-ports` or `wstunnel-client-commands`, \
              unless `fullMesh` is set",
    about_writers: false,
    roles: POD_ROLES,
    check,
};

/// The annotations of a tunnel.
const TUNNEL: [&str; 3] = [WSTUNNEL_TIMEOUT, WSTUNNEL_EXTRA_PORTS, WSTUNNEL_CLIENT_COMMANDS];

fn check<'t>(target: &'t Target<'_>, settings: &Settings<'_>, findings: &mut Findings<'t>) {
    if settings.full_mesh || target.get(POD_VPN).is_none() {
        return;
    }
    for annotation in target.get_all(&TUNNEL) {
        let problem = "cannot be combined with interlink.eu/pod-vpn, which replaces the tunnel";
        // On an update, the timeout of a pod that has both may change.
        findings.push(annotation.finding(problem).fix("remove one of the two").whatever_its_value());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn rejects_each_annotation_of_a_tunnel_beside_the_vpn() {
        for key in TUNNEL {
            for vpn in ["true", "false", ""] {
                let pod = pod(&[(POD_VPN, vpn), (key, "")]);
                assert_eq!(keys(&RULE.findings(&pod, &Settings::default())), [key]);
            }
        }
    }

    #[test]
    fn accepts_both_in_a_full_mesh() {
        let pod = pod(&[(POD_VPN, "true"), (WSTUNNEL_TIMEOUT, "5m"), (WSTUNNEL_EXTRA_PORTS, "80:web")]);
        assert!(RULE.findings(&pod, &settings(r#"{"fullMesh": true}"#)).is_empty());
    }

    #[test]
    fn accepts_either_alone() {
        assert!(RULE.findings(&pod(&[(POD_VPN, "true")]), &Settings::default()).is_empty());
        let pod = pod(&TUNNEL.map(|key| (key, "30s")));
        assert!(RULE.findings(&pod, &Settings::default()).is_empty());
    }
}
