//! TLS for the connections to registries and clusters.

use std::net::IpAddr;

/// Installs ring as the cryptography provider.
pub(crate) fn install_provider() {
    // It fails only if a provider is already installed, which works as well.
    rustls::crypto::ring::default_provider().install_default().ok();
}

/// Returns whether a server, `HOST[:PORT]`, is on this machine, where nobody can change what it sends.
pub(crate) fn is_loopback(server: &str) -> bool {
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognizes_loopback_addresses() {
        for server in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.8.8.8"] {
            assert!(is_loopback(server), "{server}");
        }
        for server in ["localhost.example.org", "ghcr.io", "10.0.0.1:5000", "0.0.0.0", "127.0.0.1.example.org:80"] {
            assert!(!is_loopback(server), "{server}");
        }
    }
}
