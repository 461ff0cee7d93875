//! The reasons why a cluster, or a list of its objects, cannot be read.

use std::error::Error;
use std::io;
use std::time::Duration;

use kube::config::{InClusterError, KubeconfigError};
use kube::core::Status;

use crate::document::root_cause;

/// The maximum number of characters of an API server's message that are shown.
const SHOWN_CHARS: usize = 500;

/// The reason why there is no connection to a cluster.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The kubeconfig cannot be used.
    #[error("{}; kubectl config get-contexts shows what is in it", describe(.0))]
    Kubeconfig(#[from] KubeconfigError),
    /// There is no kubeconfig, and the command does not run in a pod.
    #[error("{}; name a kubeconfig with --kubeconfig or KUBECONFIG", describe(.0))]
    NoKubeconfig(#[source] KubeconfigError),
    /// The command runs in a pod that lacks the files of a service account.
    #[error("the pod's service account cannot be used: {0}")]
    InCluster(#[from] InClusterError),
    /// The connection's settings cannot be used, such as a certificate.
    #[error("cannot be connected to: {}", root_cause(.0))]
    Client(#[source] kube::Error),
    /// The asynchronous runtime cannot be started.
    #[error("cannot be connected to: {0}")]
    Runtime(#[source] io::Error),
}

/// Returns the error's text. The library puts the path into quotes twice.
fn describe(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::ReadConfig(error, path) => {
            format!("the kubeconfig {} cannot be read: {error}", path.display())
        }
        error => error.to_string(),
    }
}

/// The reason why a list, or the rest of a list, was not read.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The user may not list such objects.
    #[error(
        "are not audited, since the permission to list them is missing: {message}; grant the verb list on {resource}"
    )]
    Forbidden {
        /// What the API server says: the user, and the permission.
        message: String,
        /// The resource.
        resource: String,
    },
    /// The API server does not know the user.
    #[error("cannot be read, since the API server does not accept the credentials: {0}; log in again")]
    Unauthorized(String),
    /// There is no such resource.
    #[error("do not exist in this cluster, or are not namespaced")]
    NotFound,
    /// The snapshot that the pages are taken from is gone.
    #[error("are audited only in part, since the API server no longer has the list's next page; run it again")]
    Expired {
        /// Continues the list with its present state.
        continue_token: Option<String>,
    },
    /// The API server refuses the request, such as for a malformed selector.
    #[error("cannot be read: the API server answered {code}, {message}")]
    Refused {
        /// The HTTP status.
        code: u16,
        /// What the API server says.
        message: String,
    },
    /// The API server cannot be reached.
    #[error("cannot be read: {}; check the server and the proxy", root_cause(.0))]
    Unreachable(#[source] kube::Error),
    /// The API server does not answer.
    #[error("cannot be read: {}", root_cause(.0))]
    NoAnswer(#[source] kube::Error),
    /// The connection is lost during the response.
    #[error("{}", root_cause(&**.0))]
    Interrupted(Box<dyn Error + Send + Sync>),
    /// The API server stopped answering.
    #[error("the API server has sent nothing for {} seconds", .0.as_secs())]
    Silent(Duration),
    /// The response is not from a Kubernetes API.
    #[error("cannot be read: the answer is not a list of objects; check the server in the kubeconfig")]
    NotAList,
}

impl ListError {
    /// Returns the error for a status other than 200.
    pub(super) fn from_status(code: u16, body: &[u8], resource: &str) -> Self {
        let status: Status = serde_json::from_slice(body).unwrap_or_default();
        let message = match status.message.as_str() {
            "" => String::from_utf8_lossy(body).trim().to_owned(),
            message => message.to_owned(),
        };
        let message = message.chars().take(SHOWN_CHARS).collect();
        match code {
            401 => Self::Unauthorized(message),
            403 => Self::Forbidden { message, resource: resource.to_owned() },
            404 => Self::NotFound,
            410 => Self::Expired {
                continue_token: status
                    .metadata
                    .and_then(|metadata| metadata.continue_)
                    .filter(|token| !token.is_empty()),
            },
            code => Self::Refused { code, message },
        }
    }

    /// Returns the error for a failure before the response.
    pub(super) fn before_answer(error: kube::Error) -> Self {
        let client_error = match &error {
            kube::Error::Service(error) => error.downcast_ref::<hyper_util::client::legacy::Error>(),
            _ => None,
        };
        let is_connected = client_error.is_some_and(|error| !error.is_connect());
        if is_connected { Self::NoAnswer(error) } else { Self::Unreachable(error) }
    }

    /// Returns whether no other list can be read either.
    pub(super) fn ends_all(&self) -> bool {
        matches!(self, Self::Unauthorized(_) | Self::Unreachable(_) | Self::Refused { code: 400, .. })
    }
}
