//! # vpn-with-wstunnel
//!
//! ## What it refuses
//!
//! `interlink.eu/pod-vpn` together with an annotation for the tunnel:
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

use super::{Finding, OF_PODS, Rule};
use crate::annotations::{POD_VPN, WSTUNNEL_CLIENT_COMMANDS, WSTUNNEL_EXTRA_PORTS, WSTUNNEL_TIMEOUT};
use crate::settings::{Level, Settings};
use crate::subject::Subject;

pub(super) const RULE: Rule = Rule {
    id: "vpn-with-wstunnel",
    refuses: "`pod-vpn` together with `wstunnel-timeout`, `wstunnel-extra-ports` or `wstunnel-client-commands`",
    default_level: Level::Deny,
    about_writers: false,
    subjects: OF_PODS,
    check,
};

const TUNNEL: [&str; 3] = [WSTUNNEL_TIMEOUT, WSTUNNEL_EXTRA_PORTS, WSTUNNEL_CLIENT_COMMANDS];

/// A finding for each annotation of the tunnel. The values do not matter: a stored pod that has both keeps them when
/// another timeout is written.
fn check<'s>(subject: &'s Subject<'_>, _: &Settings<'_>) -> Vec<Finding<'s>> {
    if subject.get(POD_VPN).is_none() {
        return Vec::new();
    }
    let problem = "cannot be combined with interlink.eu/pod-vpn, which takes the place of the tunnel";
    let found = subject.get_all(&TUNNEL).map(|annotation| Finding {
        judged: Vec::new(),
        ..Finding::of_value(annotation, problem, "remove one of the two")
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::*;

    #[test]
    fn each_tunnel_annotation_beside_the_vpn_is_refused() {
        for key in TUNNEL {
            for vpn in ["true", "false", ""] {
                let pod = pod(&[(POD_VPN, vpn), (key, "")]);
                assert_eq!(keys(&check(&pod, &Settings::default())), [key]);
            }
        }
    }

    #[test]
    fn either_alone_is_fine() {
        assert_eq!(check(&pod(&[(POD_VPN, "true")]), &Settings::default()), []);
        let pod = pod(&TUNNEL.map(|key| (key, "30s")));
        assert_eq!(check(&pod, &Settings::default()), []);
    }
}
