//! The credentials that `docker login` stored.

use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::secrets::RegistryAuth;

/// The credentials for a registry.
pub(super) struct Credentials {
    pub(super) auth: RegistryAuth,
    /// The fix if the registry does not accept the credentials.
    pub(super) hint: String,
}

impl Credentials {
    /// Reads them from Docker's configuration; without any, the request is anonymous.
    pub(super) fn from_docker(registry: &str) -> Self {
        use CredentialRetrievalError::{ConfigNotFound, ConfigReadError, NoCredentialConfigured};
        // The name under which Docker stores the credentials for its own registry.
        let server = if registry == "docker.io" { "https://index.docker.io/v1/" } else { registry };
        let (auth, reason) = match docker_credential::get_credential(server) {
            Ok(DockerCredential::UsernamePassword(user, password)) => (
                RegistryAuth::Basic(user, password),
                "the registry does not accept the credentials in Docker's configuration; ".to_owned(),
            ),
            Ok(DockerCredential::IdentityToken(_)) => (
                RegistryAuth::Anonymous,
                "Docker's configuration has an identity token, which is not supported; ".to_owned(),
            ),
            Err(NoCredentialConfigured | ConfigNotFound | ConfigReadError) => (RegistryAuth::Anonymous, String::new()),
            Err(error) => (
                RegistryAuth::Anonymous,
                format!("the credentials in Docker's configuration cannot be read, {error}; "),
            ),
        };
        Self { auth, hint: format!("{reason}try: docker login {registry}") }
    }
}
