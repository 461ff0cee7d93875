//! How interLink connects a pod: by a tunnel, or by the VPN with an address that interLink assigns.

use crate::annotations::{
    Annotation, CLIENT_COMMANDS, JOB_ID, Owner, POD_SUBNET, POD_VPN, WG_KEEPALIVE_SECONDS, WG_MTU, WG_PEER_PUBLIC_KEY,
    WG_PRIVATE_KEY, WIREGUARD_CLIENT_SNIPPET, WSTUNNEL_CLIENT_COMMANDS, WSTUNNEL_EXTRA_PORTS,
};
use crate::kinds::Role;
use crate::settings::Settings;
use crate::target::Target;

/// Annotations of a full mesh, or of a tunnel that interLink has created.
const HAS_TUNNEL: [&str; 9] = [
    JOB_ID,
    WG_MTU,
    WG_KEEPALIVE_SECONDS,
    WG_PEER_PUBLIC_KEY,
    WG_PRIVATE_KEY,
    WSTUNNEL_CLIENT_COMMANDS,
    CLIENT_COMMANDS,
    WIREGUARD_CLIENT_SNIPPET,
    POD_SUBNET,
];

/// The reason why a pod gets no tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoTunnel {
    /// The pod has the VPN instead.
    Vpn,
    /// The pod has no port.
    NoPort,
}

impl NoTunnel {
    /// Returns the fix for an annotation that needs the tunnel.
    pub(super) fn fix(self) -> &'static str {
        match self {
            Self::Vpn => "remove either it or interlink.eu/pod-vpn",
            Self::NoPort => "give a container a port, or remove it",
        }
    }
}

/// Returns why a pod gets no tunnel, or `None` if it may have one.
pub(super) fn no_tunnel(target: &Target<'_>, settings: &Settings<'_>) -> Option<NoTunnel> {
    if settings.full_mesh || target.annotations().iter().any(|annotation| HAS_TUNNEL.contains(&annotation.info.key)) {
        return None;
    }
    // With an empty value, interLink creates both the VPN and a tunnel.
    if target.get(POD_VPN).is_some_and(|vpn| !vpn.value.is_empty()) {
        return Some(NoTunnel::Vpn);
    }
    let has_extra_port = target.get(WSTUNNEL_EXTRA_PORTS).is_some_and(|ports| !ports.value.trim().is_empty());
    let has_port = has_extra_port || target.pod_spec.as_ref().is_none_or(|spec| !spec.ports.is_empty());
    (!has_port).then_some(NoTunnel::NoPort)
}

/// Returns whether interLink may have assigned a pod's address: it assigns one from its own range to a pod with the
/// VPN.
pub(super) fn may_be_assigned(target: &Target<'_>, address: &Annotation<'_>) -> bool {
    match address.owner {
        Owner::InterLink => true,
        Owner::Unknown => target.get(POD_VPN).is_some() && target.location.role == Role::Pod,
        Owner::Requester | Owner::Manager(_) => false,
    }
}
