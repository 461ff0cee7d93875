//! Pulls a policy's module from an OCI registry, by the same references and media types as Kubewarden.
//!
//! The module must have the digest that its manifest states, and the manifest the digest in the reference, if there is
//! one. Without one, the registry decides which module a tag names.

mod credentials;
mod error;

use std::io::{self, Cursor};
use std::time::Duration;

use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::{DigestError, OciDistributionError, OciErrorCode};
use oci_client::manifest::{OciDescriptor, OciManifest, WASM_LAYER_MEDIA_TYPE};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use tokio::runtime;
use tokio::time::timeout;

use crate::tls::{install_provider, is_loopback};
use credentials::Credentials;

pub use error::{ManifestError, PullError};

/// The beginning of a reference to a module in a registry.
pub const SCHEME: &str = "registry://";

/// The size limit of a module, in bytes. The policy has a hundredth of it.
const MAX_BYTES: usize = 20_000_000;

const TIMEOUTS: Timeouts = Timeouts { silence: Duration::from_secs(15), total: Duration::from_mins(2) };

/// Pulls the module that a reference names, `registry://HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]`.
///
/// It uses the credentials that `docker login` stored, and HTTPS, except for loopback addresses or with `plain_http`.
///
/// # Errors
/// If the reference is malformed, the registry returns no module for it, or the bytes do not match the digests.
pub fn pull(reference: &str, plain_http: bool) -> Result<Vec<u8>, PullError> {
    let image = parse(reference.strip_prefix(SCHEME).unwrap_or(reference))?;
    let protocol =
        if plain_http || is_loopback(image.registry()) { ClientProtocol::Http } else { ClientProtocol::Https };
    let credentials = Credentials::from_docker(image.registry());
    Pull { image, protocol, credentials, timeouts: TIMEOUTS }.run()
}

/// Parses a reference, which must have a host: without one, it would refer to Docker Hub.
fn parse(reference: &str) -> Result<Reference, PullError> {
    match host(reference) {
        Some(host) if reference.len() == host.len() => Err(PullError::NoRepository),
        Some(_) => reference.parse().map_err(PullError::InvalidReference),
        None => Err(PullError::NoHost(reference.split('/').next().unwrap_or_default().to_owned())),
    }
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
    protocol: ClientProtocol,
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
        let describe = |error| self.describe(error);
        let (client, auth) = self.log_in().await.map_err(describe)?;
        let (manifest, _) = client.pull_manifest(&self.image, &auth).await.map_err(describe)?;
        let layer = only_layer(&manifest)?;
        let size = size(layer)?;
        let mut module = Cursor::new(vec![0; size].into_boxed_slice());
        // By digest only: the manifest may list URLs of other servers for a layer, and those are not followed.
        client.pull_blob(&self.image, layer.digest.as_str(), &mut module).await.map_err(describe)?;
        if module.position() == size as u64 { Ok(module.into_inner().into_vec()) } else { Err(PullError::WrongSize) }
    }

    /// Returns a client, and the credentials or the token that the registry accepts.
    async fn log_in(&self) -> Result<(Client, RegistryAuth), OciDistributionError> {
        let (client, auth) = (self.client()?, &self.credentials.auth);
        match client.auth(&self.image, auth, RegistryOperation::Pull).await? {
            None => Ok((client, auth.clone())),
            // A new client that has only the token: the first one would ask for another, and panic at a malformed one.
            Some(token) if token.chars().all(|character| character.is_ascii_graphic()) => {
                Ok((self.client()?, RegistryAuth::Bearer(token)))
            }
            Some(_) => Err(OciDistributionError::RegistryTokenDecodeError("it has unprintable characters".to_owned())),
        }
    }

    fn client(&self) -> Result<Client, OciDistributionError> {
        install_provider();
        Client::try_from(ClientConfig {
            protocol: self.protocol.clone(),
            connect_timeout: Some(self.timeouts.silence),
            read_timeout: Some(self.timeouts.silence),
            ..ClientConfig::default()
        })
    }

    /// Returns the error for the user from the client's error.
    fn describe(&self, error: OciDistributionError) -> PullError {
        use OciDistributionError as Fault;
        let denied = || PullError::Denied { hint: self.credentials.hint.clone() };
        let registry = || self.image.registry().to_owned();
        match error {
            Fault::UnauthorizedError { .. }
            | Fault::AuthenticationFailure(_)
            | Fault::ServerError { code: 403, .. } => denied(),
            Fault::ServerError { code: 404, .. } => PullError::NotFound,
            Fault::RegistryError { envelope, .. } => {
                use OciErrorCode::{BlobUnknown, Denied, ManifestUnknown, NameUnknown, NotFound, Unauthorized};
                match envelope.errors.first().map(|error| &error.code) {
                    Some(Denied | Unauthorized) => denied(),
                    Some(BlobUnknown | ManifestUnknown | NameUnknown | NotFound) => PullError::NotFound,
                    _ => PullError::Refused(envelope),
                }
            }
            Fault::RequestError(error) if error.is_timeout() => {
                PullError::Silent { registry: registry(), silence: self.timeouts.silence, hint: self.connection_hint() }
            }
            Fault::RequestError(_) => {
                let hint = error::tls_hint(&error).unwrap_or_else(|| self.connection_hint());
                PullError::Unreachable { registry: registry(), source: error, hint }
            }
            Fault::DigestError(DigestError::VerificationError { expected, actual }) => {
                PullError::WrongDigest { expected, actual }
            }
            Fault::IoError(error) if error.kind() == io::ErrorKind::WriteZero => PullError::WrongSize,
            error => PullError::InvalidAnswer(error),
        }
    }

    /// Returns what to check when the registry does not answer.
    fn connection_hint(&self) -> &'static str {
        match self.protocol {
            ClientProtocol::Http => "check the host and the port",
            _ => "check the host and the port, and add --plain-http if it has no TLS",
        }
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
        thread::spawn(move || {
            listener.incoming().for_each(|stream| {
                let mut stream = stream.unwrap();
                // A client takes an answer that comes before its request for an error.
                assert_ne!(stream.read(&mut [0; 1024]).unwrap(), 0);
                serve(&mut stream);
            });
        });
        let credentials = Credentials { auth: RegistryAuth::Anonymous, hint: String::new() };
        Pull { image, protocol: ClientProtocol::Http, credentials, timeouts }.run().unwrap_err().to_string()
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
}
