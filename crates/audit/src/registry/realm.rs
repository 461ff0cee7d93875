//! The servers that may receive the credentials for a registry.

use oci_client::Reference;
use reqwest::Url;

use super::SCHEME;
use super::transport::host_and_port;

/// Returns the reason why a server that gives tokens must not receive the credentials for a registry; `None` if it may.
///
/// A registry can name any server. Only one that belongs to the registry's owner has a use for the credentials: on the
/// same host, or on a subdomain or parent domain of it.
pub(super) fn objection(registry: &Url, server: &Url) -> Option<&'static str> {
    if registry.scheme() == "https" && server.scheme() != "https" {
        return Some("it has no TLS");
    }
    let is_related = match (domain(registry), domain(server)) {
        (Some(registry), Some(server)) => is_below(server, registry) || is_below(registry, server),
        _ => false,
    };
    let is_same = registry.host_str() == server.host_str();
    (!is_same && !is_related).then_some("it is another host than the registry's")
}

/// Returns the fix if the registry denies access because a server did not receive the credentials.
pub(super) fn hint(server: &Url, objection: &str, image: &Reference) -> String {
    format!(
        "the credentials in Docker's configuration were not sent to {}, because {objection}; if you trust it, get a \
         file for --module with: kwctl pull --output-path policy.wasm {SCHEME}{image}",
        host_and_port(server)
    )
}

/// Returns the domain in a URL; `None` for an IP address.
fn domain(url: &Url) -> Option<&str> {
    match url.domain()? {
        // Docker Hub's tokens come from auth.docker.io.
        "index.docker.io" | "registry-1.docker.io" => Some("docker.io"),
        domain => Some(domain),
    }
}

/// Returns whether a domain is below another, which is not a top-level domain.
fn is_below(domain: &str, parent: &str) -> bool {
    let is_top_level = !parent.trim_end_matches('.').contains('.');
    !is_top_level && domain.strip_suffix(parent).is_some_and(|labels| labels.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objection_to(registry: &str, server: &str) -> Option<&'static str> {
        objection(&registry.parse().unwrap(), &server.parse().unwrap())
    }

    #[test]
    fn trusts_the_same_host_and_related_domains() {
        for (registry, server) in [
            ("https://ghcr.io", "https://ghcr.io/token"),
            ("https://ghcr.io", "https://GHCR.io:8443/token"),
            ("https://10.0.0.1:5000", "https://10.0.0.1/token"),
            ("https://index.docker.io", "https://auth.docker.io/token"),
            ("https://registry-1.docker.io", "https://auth.docker.io/token"),
            ("https://registry.gitlab.com", "https://gitlab.com/jwt/auth"),
            ("https://example.org", "https://a.b.example.org"),
            ("https://a.b.example.org", "https://example.org"),
            ("http://localhost:5000", "http://localhost:5001/token"),
            ("http://localhost:5000", "https://localhost/token"),
            ("http://registry.example.org", "http://example.org/token"),
        ] {
            assert_eq!(objection_to(registry, server), None, "{registry} {server}");
        }
    }

    #[test]
    fn distrusts_other_hosts() {
        for (registry, server) in [
            ("https://registry.example.org", "https://registry.example.org.attacker.net"),
            ("https://registry.example.org", "https://auth.example.org"),
            ("https://example.org", "https://badexample.org"),
            ("https://badexample.org", "https://example.org"),
            ("https://registry.example.org", "https://registry.example.org@attacker.net"),
            ("https://registry.example.org", "https://example.org."),
            ("https://example.org", "https://org"),
            ("https://example.org", "https://org."),
            ("http://registry", "http://auth.registry"),
            ("http://localhost:5000", "http://127.0.0.1:5000"),
            ("http://127.0.0.1:5000", "http://127.0.0.2:5000"),
            ("https://1.10.0.0.1.example.org", "https://10.0.0.1"),
            ("https://10.0.0.1", "https://1.10.0.0.1.example.org"),
            ("https://docker.io.example.org", "https://auth.docker.io"),
        ] {
            let expected = Some("it is another host than the registry's");
            assert_eq!(objection_to(registry, server), expected, "{registry} {server}");
        }
    }

    #[test]
    fn requires_tls_if_the_registry_has_it() {
        for server in ["http://ghcr.io/token", "http://auth.ghcr.io"] {
            assert_eq!(objection_to("https://ghcr.io", server), Some("it has no TLS"), "{server}");
        }
    }
}
