//! The answer to a request.

use oci_client::errors::{OciEnvelope, OciErrorCode};
use reqwest::StatusCode;

use super::error::{AnswerError, PullError};

/// An answer, with its body, or the beginning of an error's text.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// Returns the body, or the error that the server answers with. The hint is the fix if it denies access.
    pub(super) fn into_body(self, login_hint: &str) -> Result<Vec<u8>, PullError> {
        use OciErrorCode::{BlobUnknown, Denied, ManifestUnknown, NameUnknown, NotFound, Unauthorized};
        let denied = || PullError::Denied { hint: login_hint.to_owned() };
        if self.status == StatusCode::OK {
            return Ok(self.body);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            return Err(denied());
        }
        if self.status.is_client_error()
            && let Ok(envelope) = serde_json::from_slice::<OciEnvelope>(&self.body)
        {
            return Err(match envelope.errors.first().map(|error| &error.code) {
                Some(Denied | Unauthorized) => denied(),
                Some(BlobUnknown | ManifestUnknown | NameUnknown | NotFound) => PullError::NotFound,
                _ => PullError::Refused(envelope),
            });
        }
        Err(match self.status {
            StatusCode::FORBIDDEN => denied(),
            StatusCode::NOT_FOUND => PullError::NotFound,
            status => AnswerError::Status { status, text: String::from_utf8_lossy(&self.body).into_owned() }.into(),
        })
    }
}
