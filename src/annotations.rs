//! The catalogue: the annotations of interLink's that the rules look at.
//!
//! Source: interLink's `pkg/virtualkubelet/`, as told in its pod annotations reference.

pub const JOB_ID: &str = "JobID";
pub const POD_VPN: &str = "interlink.eu/pod-vpn";
pub const POD_IP: &str = "interlink.eu/pod-ip";
pub const WSTUNNEL_TIMEOUT: &str = "interlink.virtual-kubelet.io/wstunnel-timeout";
pub const WSTUNNEL_CLIENT_COMMANDS: &str = "interlink.eu/wstunnel-client-commands";
pub const WSTUNNEL_EXTRA_PORTS: &str = "interlink.eu/wstunnel-extra-ports";
pub const WSTUNNEL_PATH_PREFIX: &str = "interlink.eu/wstunnel-path-prefix";
pub const POD_SUBNET: &str = "interlink.eu/pod-subnet";
pub const WIREGUARD_CLIENT_SNIPPET: &str = "interlink.eu/wireguard-client-snippet";
pub const PING_RESPONSE: &str = "interlink.virtual-kubelet.io/ping-response";

/// Every annotation that a rule looks at: no other one reaches the rules.
pub const KNOWN: [&str; 10] = [
    JOB_ID,
    POD_VPN,
    POD_IP,
    WSTUNNEL_TIMEOUT,
    WSTUNNEL_CLIENT_COMMANDS,
    WSTUNNEL_EXTRA_PORTS,
    WSTUNNEL_PATH_PREFIX,
    POD_SUBNET,
    WIREGUARD_CLIENT_SNIPPET,
    PING_RESPONSE,
];

/// The catalogue's own text for a key, if it is one of interLink's.
pub fn known(key: &[u8]) -> Option<&'static str> {
    KNOWN.iter().copied().find(|known| known.as_bytes() == key)
}
