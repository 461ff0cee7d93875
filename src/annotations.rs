//! The catalogue: every annotation that interLink knows.
//!
//! Source: interLink's `pkg/virtualkubelet/`, and the version table of its pod annotations reference.

use std::hint::black_box;

use crate::text::is_same;

/// An annotation that interLink knows.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    pub key: &'static str,
    pub author: Author,
    pub belongs: Belongs,
    /// The interLink version that it came with, where its documentation tells.
    pub since: Option<&'static str>,
    /// What it does, in half a sentence.
    pub does: &'static str,
}

/// Who writes an annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    User,
    InterLink,
    /// The user, or else interLink.
    Either,
}

/// Where an annotation belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belongs {
    Pod,
    Node,
    /// The pod template of a tunnel's shadow Deployment, and the pods made of it.
    ShadowTemplate,
}

pub const JOB_ID: &str = "JobID";
pub const POD_VPN: &str = "interlink.eu/pod-vpn";
pub const POD_IP: &str = "interlink.eu/pod-ip";
pub const WSTUNNEL_TIMEOUT: &str = "interlink.virtual-kubelet.io/wstunnel-timeout";
pub const WSTUNNEL_EXTRA_PORTS: &str = "interlink.eu/wstunnel-extra-ports";
pub const WSTUNNEL_CLIENT_COMMANDS: &str = "interlink.eu/wstunnel-client-commands";
pub const WSTUNNEL_PATH_PREFIX: &str = "interlink.eu/wstunnel-path-prefix";
pub const SHADOW_SAME_NS: &str = "interlink.eu/shadow-same-ns";
pub const MESH_NETWORK: &str = "interlink.eu/mesh-network";
pub const WG_MTU: &str = "interlink.eu/wg-mtu";
pub const WG_KEEPALIVE_SECONDS: &str = "interlink.eu/wg-keepalive-seconds";
pub const WG_PEER_PUBLIC_KEY: &str = "interlink.eu/wg-peer-public-key";
pub const WG_PRIVATE_KEY: &str = "interlink.eu/wg-private-key";
pub const POD_SUBNET: &str = "interlink.eu/pod-subnet";
pub const WIREGUARD_CLIENT_SNIPPET: &str = "interlink.eu/wireguard-client-snippet";
pub const DISABLE_OFFLOAD_CONTAINERS: &str = "interlink.eu/disable-offload-containers";
pub const DISABLE_OFFLOAD_INIT_CONTAINERS: &str = "interlink.eu/disable-offload-init-containers";
pub const PING_RESPONSE: &str = "interlink.virtual-kubelet.io/ping-response";

/// The domains of interLink's annotations. A key of theirs that is not in the catalogue is a mistake.
pub const DOMAINS: [&str; 2] = ["interlink.eu/", "interlink.virtual-kubelet.io/"];

/// How all of them begin.
pub const DOMAIN_PREFIX: &str = "interlink.";

use Author::{Either, InterLink, User};
use Belongs::{Node, Pod, ShadowTemplate};

/// Every annotation that interLink knows.
pub static CATALOGUE: [Known; 18] = [
    known(JOB_ID, InterLink, Pod, "which job at the HPC centre the pod is").since("v0.1.0"),
    known(POD_VPN, User, Pod, "turns the VPN on, whatever the value").since("v0.1.0"),
    known(POD_IP, Either, Pod, "the pod's address; with the VPN, the one that is asked for or was given")
        .since("v0.1.0"),
    known(WSTUNNEL_TIMEOUT, User, Pod, "how long the pod may wait for its tunnel, a Go duration").since("v0.6.0"),
    known(WSTUNNEL_EXTRA_PORTS, User, Pod, "ports to tunnel beside those of the containers, `port[:name[:protocol]]`"),
    known(WSTUNNEL_CLIENT_COMMANDS, InterLink, Pod, "commands that open the tunnel from the HPC centre"),
    known(WSTUNNEL_PATH_PREFIX, InterLink, ShadowTemplate, "the tunnel's password"),
    known(SHADOW_SAME_NS, User, Pod, "`true` has the tunnel's shadow pod in the pod's own namespace"),
    known(MESH_NETWORK, User, Pod, "`disabled` keeps the pod out of the mesh network"),
    known(WG_MTU, User, Pod, "the MTU of the mesh's WireGuard interface, 1280 unless set"),
    known(WG_KEEPALIVE_SECONDS, User, Pod, "the seconds between the mesh's WireGuard keepalives, 25 unless set"),
    known(WG_PEER_PUBLIC_KEY, User, Pod, "the job's WireGuard public key in the mesh; one is generated unless set"),
    known(WG_PRIVATE_KEY, User, Pod, "the shadow pod's WireGuard private key; leave it out, and one is generated"),
    known(POD_SUBNET, InterLink, Pod, "the mesh's range of pod addresses"),
    known(WIREGUARD_CLIENT_SNIPPET, InterLink, Pod, "the WireGuard configuration of the job in the mesh"),
    known(DISABLE_OFFLOAD_CONTAINERS, User, Pod, "names of containers to keep in the cluster, with commas"),
    known(DISABLE_OFFLOAD_INIT_CONTAINERS, User, Pod, "names of init containers to keep in the cluster, with commas"),
    known(PING_RESPONSE, InterLink, Node, "what the interLink API last answered").since("v0.2.0"),
];

const fn known(key: &'static str, author: Author, belongs: Belongs, does: &'static str) -> Known {
    Known { key, author, belongs, since: None, does }
}

impl Known {
    const fn since(self, version: &'static str) -> Self {
        Self { since: Some(version), ..self }
    }

    /// The part behind the domain.
    pub fn name(&self) -> &'static str {
        self.key.rsplit('/').next().unwrap_or(self.key)
    }
}

/// What the catalogue says of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    Known(&'static Known),
    /// Under a domain of interLink's, but not in the catalogue.
    Unknown,
    /// Not interLink's at all.
    Foreign,
}

/// Looks a key up.
pub fn look_up(key: &[u8]) -> Entry {
    // Nearly every key of a cluster ends here.
    if !(starts_with(key, DOMAIN_PREFIX.as_bytes()) || key == JOB_ID.as_bytes()) {
        return Entry::Foreign;
    }
    // Were the list known to the compiler, it would write out all comparisons, in two kilobytes.
    if let Some(known) = black_box(&CATALOGUE).iter().find(|known| is_same(known.key.as_bytes(), key)) {
        return Entry::Known(known);
    }
    match DOMAINS.iter().any(|domain| starts_with(key, domain.as_bytes())) {
        true => Entry::Unknown,
        false => Entry::Foreign,
    }
}

/// Kubernetes takes capital letters in an annotation's domain, and interLink does not know it then.
fn starts_with(key: &[u8], domain: &[u8]) -> bool {
    key.get(..domain.len()).is_some_and(|start| start.eq_ignore_ascii_case(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_once_and_under_a_domain() {
        for (index, known) in CATALOGUE.iter().enumerate() {
            assert!(CATALOGUE[..index].iter().all(|other| other.key != known.key), "{}", known.key);
            let under_domain = DOMAINS.iter().any(|domain| known.key.strip_prefix(domain) == Some(known.name()));
            assert!(under_domain || known.key == JOB_ID, "{}", known.key);
        }
        assert!(DOMAINS.iter().all(|domain| domain.starts_with(DOMAIN_PREFIX)));
    }

    #[test]
    fn a_key_is_known_to_the_letter() {
        assert_eq!(look_up(b"interlink.eu/pod-vpn"), Entry::Known(&CATALOGUE[1]));
        for unknown in
            ["interlink.eu/Pod-VPN", "interlink.eu/", "interlink.virtual-kubelet.io/pod-vpn", "Interlink.EU/pod-vpn"]
        {
            assert_eq!(look_up(unknown.as_bytes()), Entry::Unknown, "{unknown}");
        }
        for foreign in ["jobid", "interlink.example/pod-vpn", "interlink.eu", "pod-vpn", "slurm-job.vk.io/flags"] {
            assert_eq!(look_up(foreign.as_bytes()), Entry::Foreign, "{foreign}");
        }
    }
}
