//! Pulls a policy's module from an OCI registry, by the same references and media types as Kubewarden.
//!
//! The module must have the digest that its manifest states, and the manifest the digest in the reference, if there is
//! one. Without one, the registry decides which module a tag names.

mod answer;
mod challenge;
mod client;
mod credentials;
mod digest;
mod error;
mod realm;
mod transport;

use std::time::Duration;

use oci_client::Reference;
use oci_client::manifest::{OciDescriptor, OciManifest, WASM_LAYER_MEDIA_TYPE};
use reqwest::Url;
use tokio::runtime;
use tokio::time::timeout;

use crate::tls::is_loopback;
use client::Client;
use credentials::Credentials;

pub use error::{AnswerError, ManifestError, PullError};

/// The beginning of a reference to a module in a registry.
pub const SCHEME: &str = "registry://";

/// The size limit of a module, in bytes; this policy takes less than half a megabyte.
pub const MAX_BYTES: usize = 20_000_000;

const TIMEOUTS: Timeouts = Timeouts { silence: Duration::from_secs(15), total: Duration::from_mins(2) };

/// Pulls the module that a reference names, `registry://HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]`.
///
/// It uses the credentials that `docker login` stored, and HTTPS, except for loopback addresses or with `plain_http`.
///
/// # Errors
/// If the reference is malformed, the registry returns no module for it, or the bytes do not match the digests.
pub fn pull(reference: &str, plain_http: bool) -> Result<Vec<u8>, PullError> {
    let image = parse(reference.strip_prefix(SCHEME).unwrap_or(reference))?;
    let api = api_url(&image, plain_http)?;
    let credentials = Credentials::from_docker(image.registry());
    Pull { image, api, credentials, timeouts: TIMEOUTS }.run()
}

/// Parses a reference, which must have a host: without one, it would refer to Docker Hub.
fn parse(reference: &str) -> Result<Reference, PullError> {
    match host(reference) {
        Some(host) if reference.len() == host.len() => Err(PullError::NoRepository),
        Some(_) => reference.parse().map_err(PullError::InvalidReference),
        None => Err(PullError::NoHost(reference.split('/').next().unwrap_or_default().to_owned())),
    }
}

/// Returns the URL of a registry's API.
fn api_url(image: &Reference, plain_http: bool) -> Result<Url, PullError> {
    let scheme = if plain_http || is_loopback(image.registry()) { "http" } else { "https" };
    let url = format!("{scheme}://{}/v2/", image.resolve_registry());
    url.parse().map_err(|_| PullError::NoHost(image.registry().to_owned()))
}

/// Returns the host in a reference without its scheme, with the port if there is one; `None` if it begins with no host.
pub fn host(reference: &str) -> Option<&str> {
    let first = reference.split('/').next()?;
    let is_host = first == "localhost" || first.contains(['.', ':']) && !first.starts_with(['.', ':']);
    is_host.then_some(first)
}

/// The longest times that a pull may take.
struct Timeouts {
    /// The time to connect, and the time without a byte received.
    silence: Duration,
    /// The time for the whole module.
    total: Duration,
}

/// A module in a registry, and how to get it.
struct Pull {
    image: Reference,
    api: Url,
    credentials: Credentials,
    timeouts: Timeouts,
}

impl Pull {
    fn run(&self) -> Result<Vec<u8>, PullError> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(PullError::Runtime)?;
        let total = self.timeouts.total;
        let module = runtime.block_on(async { timeout(total, self.module()).await });
        // A thread may still resolve the host's name; do not wait for it.
        runtime.shutdown_background();
        module.unwrap_or(Err(PullError::TooSlow(total)))
    }

    async fn module(&self) -> Result<Vec<u8>, PullError> {
        let client = Client::log_in(self).await?;
        let manifest = client.manifest().await?;
        let layer = only_layer(&manifest)?;
        // By digest only: the manifest may list URLs of other servers for a layer, and those are not followed.
        client.blob(&layer.digest, size(layer)?).await
    }
}

/// Returns the module's layer.
///
/// The policy server would take the first of several, but which one is the policy is then unclear.
fn only_layer(manifest: &OciManifest) -> Result<&OciDescriptor, ManifestError> {
    match manifest {
        OciManifest::ImageIndex(_) => Err(ManifestError::Index),
        OciManifest::Image(image) => match image.layers.as_slice() {
            [layer] if layer.media_type == WASM_LAYER_MEDIA_TYPE => Ok(layer),
            [layer] => Err(ManifestError::MediaType(layer.media_type.clone())),
            layers => Err(ManifestError::LayerCount(layers.len())),
        },
    }
}

fn size(layer: &OciDescriptor) -> Result<usize, PullError> {
    match layer.size.try_into() {
        Ok(size) if size <= MAX_BYTES => Ok(size),
        _ => Err(PullError::SizeOutOfBounds { bytes: layer.size, limit: MAX_BYTES }),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Pulls from a server that does this on each connection, and returns the error.
    fn pull_from(timeouts: Timeouts, serve: impl Fn(&mut dyn Write) + Send + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let image = format!("{}/policy", listener.local_addr().unwrap()).parse().unwrap();
        let api = api_url(&image, true).unwrap();
        thread::spawn(move || {
            listener.incoming().for_each(|stream| {
                let mut stream = stream.unwrap();
                // A client takes an answer that comes before its request for an error.
                assert_ne!(stream.read(&mut [0; 1024]).unwrap(), 0);
                serve(&mut stream);
            });
        });
        let credentials = Credentials { login: None, hint: String::new() };
        Pull { image, api, credentials, timeouts }.run().unwrap_err().to_string()
    }

    #[test]
    fn requires_a_host_and_a_repository() {
        for reference in ["ghcr.io/x/y:v1", "localhost/x", "registry:5000/x", "[::1]:5000/x", "10.0.0.1/x@sha256:1"] {
            assert!(host(reference).is_some(), "{reference}");
        }
        for (reference, error) in [
            ("interlink/x", "\"interlink\" is not a registry's host; write registry://HOST[:PORT]/REPOSITORY"),
            ("", "\"\" is not a registry's host; write registry://HOST[:PORT]/REPOSITORY"),
            ("../x", "\"..\" is not a registry's host; write registry://HOST[:PORT]/REPOSITORY"),
            ("localhost:5999", "names no repository; write registry://HOST[:PORT]/REPOSITORY"),
        ] {
            assert_eq!(parse(reference).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn gives_up_on_a_silent_registry() {
        let timeouts = Timeouts { silence: Duration::from_millis(200), total: Duration::from_mins(1) };
        let error = pull_from(timeouts, |_| thread::sleep(Duration::from_mins(1)));
        assert!(error.contains("has sent nothing for 0.2 seconds"), "{error}");
    }

    #[test]
    fn gives_up_on_an_endless_answer() {
        let timeouts = Timeouts { silence: Duration::from_mins(1), total: Duration::from_millis(200) };
        let error = pull_from(timeouts, |stream| {
            while stream.write_all(b"HTTP/1.1 200 OK\r\nx-never: ").and_then(|()| stream.write_all(b"ending")).is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        assert_eq!(error, "was not pulled within 0.2 seconds; try again later");
    }

    #[test]
    fn gives_up_on_an_endless_body() {
        let error_for = |head: &'static str| {
            let timeouts = Timeouts { silence: Duration::from_mins(1), total: Duration::from_mins(1) };
            pull_from(timeouts, move |stream| {
                stream.write_all(head.as_bytes()).unwrap();
                // Until the client has had enough.
                while stream.write_all(&[b' '; 4096]).is_ok() {}
            })
        };
        let manifest = error_for("HTTP/1.1 200 OK\r\n\r\n");
        assert_eq!(manifest, "cannot be pulled, the registry's response is invalid: the manifest is larger than 4 MiB");
        let status = error_for("HTTP/1.1 500 -\r\n\r\n");
        assert!(
            status.starts_with("cannot be pulled, the registry's response is invalid: its status is 500"),
            "{status}"
        );
    }
}
