//! Pulls a policy's module from an OCI registry, by the same references and media types as Kubewarden.
//!
//! What a registry sends must have the digest that its manifest tells, and the manifest the one in the reference, if
//! there is one. By a tag, the registry is trusted to name the right module.

use std::error::Error;
use std::fmt;
use std::io::{self, Cursor};
use std::net::IpAddr;
use std::time::Duration;

use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::{DigestError, OciDistributionError, OciEnvelope, OciErrorCode};
use oci_client::manifest::{OciDescriptor, OciManifest, WASM_LAYER_MEDIA_TYPE};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use rustls::CertificateError;
use tokio::runtime;
use tokio::time::timeout;

/// What a reference to a module in a registry begins with.
pub const SCHEME: &str = "registry://";

/// The policy has a hundredth of this; a larger module is another one.
const MAX_BYTES: usize = 20_000_000;

const PATIENCE: Patience = Patience { silence: Duration::from_secs(15), whole: Duration::from_secs(120) };

/// Why a module was not pulled.
#[derive(Debug)]
pub struct PullError(String);

impl fmt::Display for PullError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for PullError {}

/// Pulls the module that `registry://HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]` names, with the credentials that
/// `docker login` left. It asks by HTTPS, save on loopback addresses, or everywhere with `plain_http`.
///
/// # Errors
/// If the reference is none, the registry gives no module for it, or gives other bytes than the digests tell.
pub fn pull(reference: &str, plain_http: bool) -> Result<Vec<u8>, PullError> {
    let image = parse(reference)?;
    let protocol =
        if plain_http || is_loopback(image.registry()) { ClientProtocol::Http } else { ClientProtocol::Https };
    let credentials = Credentials::of_docker(image.registry());
    Pull { image, protocol, credentials, patience: PATIENCE }.run()
}

fn parse(reference: &str) -> Result<Reference, PullError> {
    reference.strip_prefix(SCHEME).unwrap_or(reference).parse().map_err(|error| {
        PullError(format!("is no reference to a module, {error}; write {SCHEME}HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]"))
    })
}

/// Whether a registry, `HOST[:PORT]`, is on this machine, so that nobody is on the way to it.
fn is_loopback(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// How long a registry may take.
struct Patience {
    /// Without a word.
    silence: Duration,
    /// For the whole module.
    whole: Duration,
}

/// Who asks, and what helps if that is in vain.
struct Credentials {
    auth: RegistryAuth,
    remedy: String,
}

impl Credentials {
    fn of_docker(registry: &str) -> Self {
        use CredentialRetrievalError::{ConfigNotFound, ConfigReadError, NoCredentialConfigured};
        // Docker files its own registry under this name.
        let server = if registry == "docker.io" { "https://index.docker.io/v1/" } else { registry };
        let (auth, reason) = match docker_credential::get_credential(server) {
            Ok(DockerCredential::UsernamePassword(user, password)) => (
                RegistryAuth::Basic(user, password),
                "the credentials in docker's configuration are not enough; ".into(),
            ),
            Ok(DockerCredential::IdentityToken(_)) => {
                (RegistryAuth::Anonymous, "docker's configuration has a token in place of a password; ".into())
            }
            Err(NoCredentialConfigured | ConfigNotFound | ConfigReadError) => (RegistryAuth::Anonymous, String::new()),
            Err(error) => (RegistryAuth::Anonymous, format!("docker's configuration gives no credentials, {error}; ")),
        };
        Self { auth, remedy: format!("{reason}try: docker login {registry}") }
    }
}

/// A module in a registry, and the way to it.
struct Pull {
    image: Reference,
    protocol: ClientProtocol,
    credentials: Credentials,
    patience: Patience,
}

impl Pull {
    fn run(&self) -> Result<Vec<u8>, PullError> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| PullError(format!("cannot be pulled: {error}")))?;
        let whole = self.patience.whole;
        let module = runtime.block_on(async { timeout(whole, self.module()).await });
        // A thread may still wait for the host's address, and nobody needs it any more.
        runtime.shutdown_background();
        module.unwrap_or_else(|_| {
            let seconds = whole.as_secs_f32();
            Err(PullError(format!("was not pulled within {seconds} seconds; try again later")))
        })
    }

    async fn module(&self) -> Result<Vec<u8>, PullError> {
        let describe = |error| self.describe(&error);
        let (client, auth) = self.log_in().await.map_err(describe)?;
        let (manifest, _) = client.pull_manifest(&self.image, &auth).await.map_err(describe)?;
        let layer = only_layer(&manifest)?;
        let size = size(layer)?;
        let mut module = Cursor::new(vec![0; size].into_boxed_slice());
        // By its digest alone: the layer may list URLs elsewhere, but what is asked for is what this registry has.
        client.pull_blob(&self.image, layer.digest.as_str(), &mut module).await.map_err(describe)?;
        if module.position() == size as u64 { Ok(module.into_inner().into_vec()) } else { Err(other_size()) }
    }

    /// A client, and the credentials or the token for which the registry takes them.
    async fn log_in(&self) -> Result<(Client, RegistryAuth), OciDistributionError> {
        let (client, auth) = (self.client()?, &self.credentials.auth);
        match client.auth(&self.image, auth, RegistryOperation::Pull).await? {
            None => Ok((client, auth.clone())),
            // A client that has only the token asks for no other, which might hold what it panics at.
            Some(token) if token.chars().all(|character| character.is_ascii_graphic()) => {
                Ok((self.client()?, RegistryAuth::Bearer(token)))
            }
            Some(_) => Err(OciDistributionError::RegistryTokenDecodeError("it is no token".to_owned())),
        }
    }

    fn client(&self) -> Result<Client, OciDistributionError> {
        // It fails where there is one already, which serves as well.
        rustls::crypto::ring::default_provider().install_default().ok();
        Client::try_from(ClientConfig {
            protocol: self.protocol.clone(),
            connect_timeout: Some(self.patience.silence),
            read_timeout: Some(self.patience.silence),
            ..ClientConfig::default()
        })
    }

    fn describe(&self, error: &OciDistributionError) -> PullError {
        use OciDistributionError as Fault;
        PullError(match error {
            Fault::UnauthorizedError { .. }
            | Fault::AuthenticationFailure(_)
            | Fault::ServerError { code: 403, .. } => self.no_access(),
            Fault::ServerError { code: 404, .. } => not_found(),
            Fault::RegistryError { envelope, .. } => self.refusal(envelope),
            Fault::RequestError(error) if error.is_timeout() => {
                let (registry, seconds) = (self.image.registry(), self.patience.silence.as_secs_f32());
                format!("{registry} has been silent for {seconds} seconds; {}", self.way())
            }
            Fault::RequestError(error) => self.no_connection(root(error)),
            Fault::DigestError(DigestError::VerificationError { expected, actual }) => {
                let expected = brief(expected);
                format!("is not what was asked for: its digest is {actual}, not {expected}; ask who runs the registry")
            }
            Fault::IoError(error) if error.kind() == io::ErrorKind::WriteZero => return other_size(),
            error => format!("cannot be pulled, the registry's answer is of no use: {}", brief(error)),
        })
    }

    fn no_access(&self) -> String {
        format!("may not be pulled, or does not exist; {}", self.credentials.remedy)
    }

    fn refusal(&self, envelope: &OciEnvelope) -> String {
        use OciErrorCode::{BlobUnknown, Denied, ManifestUnknown, NameUnknown, NotFound, Unauthorized};
        match envelope.errors.first().map(|error| &error.code) {
            Some(Denied | Unauthorized) => self.no_access(),
            Some(BlobUnknown | ManifestUnknown | NameUnknown | NotFound) => not_found(),
            _ => format!("is refused by the registry: {}", brief(envelope)),
        }
    }

    fn no_connection(&self, cause: &(dyn Error + 'static)) -> String {
        let registry = self.image.registry();
        let remedy = match tls_fault(cause) {
            Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) | rustls::Error::General(_)) => {
                "let SSL_CERT_FILE name a file with its CA's certificate"
            }
            Some(rustls::Error::InvalidCertificate(_)) => "its certificate must be valid, and name this host",
            _ => self.way(),
        };
        format!("{registry} cannot be reached, {}; {remedy}", brief(cause))
    }

    /// What may be wrong with the way to the registry.
    fn way(&self) -> &'static str {
        match self.protocol {
            ClientProtocol::Http => "check the host and the port",
            _ => "check the host and the port, and add --plain-http if it has no TLS",
        }
    }
}

fn not_found() -> String {
    "is not in the registry; check the repository, and the tag or digest".to_owned()
}

fn other_size() -> PullError {
    PullError("has another size than its manifest tells; push it again".to_owned())
}

/// The module's layer. The policy server would take the first of several; but then it is not clear what was meant.
fn only_layer(manifest: &OciManifest) -> Result<&OciDescriptor, PullError> {
    let fault = match manifest {
        OciManifest::ImageIndex(_) => "it is a list of images".to_owned(),
        OciManifest::Image(image) => match image.layers.as_slice() {
            [layer] if layer.media_type == WASM_LAYER_MEDIA_TYPE => return Ok(layer),
            [layer] => format!("its layer is {}, in place of {WASM_LAYER_MEDIA_TYPE}", brief(&layer.media_type)),
            layers => format!("it has {} layers in place of one", layers.len()),
        },
    };
    Err(PullError(format!("is no Kubewarden policy, {fault}; push one with: kwctl push")))
}

fn size(layer: &OciDescriptor) -> Result<usize, PullError> {
    match layer.size.try_into() {
        Ok(size) if size <= MAX_BYTES => Ok(size),
        _ => Err(PullError(format!("has {} bytes, and no more than {MAX_BYTES} are pulled", layer.size))),
    }
}

/// The error at the bottom of an error.
fn root<'a>(mut error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

fn tls_fault<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    match cause.downcast_ref::<io::Error>() {
        Some(error) => tls_fault(error.get_ref()?),
        None => cause.downcast_ref(),
    }
}

/// What a registry may have written, no longer than a reader needs it.
fn brief(text: &(impl fmt::Display + ?Sized)) -> String {
    text.to_string().chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Pulls from a server that does this on each connection.
    fn pull_from(patience: Patience, serve: impl Fn(&mut dyn Write) + Send + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let image = format!("{}/policy", listener.local_addr().unwrap()).parse().unwrap();
        thread::spawn(move || {
            listener.incoming().for_each(|stream| {
                let mut stream = stream.unwrap();
                // Who is answered before asking takes it for a fault.
                assert_ne!(stream.read(&mut [0; 1024]).unwrap(), 0);
                serve(&mut stream);
            });
        });
        let credentials = Credentials { auth: RegistryAuth::Anonymous, remedy: String::new() };
        Pull { image, protocol: ClientProtocol::Http, credentials, patience }.run().unwrap_err().to_string()
    }

    #[test]
    fn loopback_is_known_by_its_address() {
        for registry in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.8.8.8"] {
            assert!(is_loopback(registry), "{registry}");
        }
        for registry in ["localhost.example.org", "ghcr.io", "10.0.0.1:5000", "0.0.0.0", "127.0.0.1.example.org:80"] {
            assert!(!is_loopback(registry), "{registry}");
        }
    }

    #[test]
    fn a_registry_that_says_nothing_is_left() {
        let patience = Patience { silence: Duration::from_millis(200), whole: Duration::from_secs(60) };
        let told = pull_from(patience, |_| thread::sleep(Duration::from_secs(60)));
        assert!(told.contains("has been silent for 0.2 seconds"), "{told}");
    }

    #[test]
    fn a_registry_that_never_ends_is_left() {
        let patience = Patience { silence: Duration::from_secs(60), whole: Duration::from_millis(200) };
        let told = pull_from(patience, |stream| {
            while stream.write_all(b"HTTP/1.1 200 OK\r\nx-never: ").and_then(|()| stream.write_all(b"ending")).is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        assert_eq!(told, "was not pulled within 0.2 seconds; try again later");
    }
}
