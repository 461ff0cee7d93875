//! The credentials that `docker login` stored.

use docker_credential::{CredentialRetrievalError, DockerCredential};

use super::transport::Authorization;

/// The credentials for a registry.
pub(super) struct Credentials {
    /// `None` for anonymous requests.
    pub(super) login: Option<Authorization>,
    /// The fix if the registry does not accept the credentials.
    pub(super) hint: String,
}

impl Credentials {
    /// Reads them from Docker's configuration; without any, the request is anonymous.
    pub(super) fn from_docker(registry: &str) -> Self {
        use CredentialRetrievalError::{ConfigNotFound, ConfigReadError, NoCredentialConfigured};
        // The name under which Docker stores the credentials for its own registry.
        let server = if registry == "docker.io" { "https://index.docker.io/v1/" } else { registry };
        let (login, reason) = match docker_credential::get_credential(server) {
            Ok(DockerCredential::UsernamePassword(user, password)) => (
                Some(Authorization::Basic { user, password }),
                "the registry does not accept the credentials in Docker's configuration; ".to_owned(),
            ),
            Ok(DockerCredential::IdentityToken(_)) => {
                (None, "Docker's configuration has an identity token, which is not supported; ".to_owned())
            }
            Err(NoCredentialConfigured | ConfigNotFound | ConfigReadError) => (None, String::new()),
            Err(error) => (None, format!("the credentials in Docker's configuration cannot be read, {error}; ")),
        };
        Self { login, hint: format!("{reason}try: docker login {registry}") }
    }
}
