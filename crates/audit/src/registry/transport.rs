//! GET requests to a registry and to the server that gives its tokens.

use std::time::Duration;

use reqwest::header::{ACCEPT, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode, Url};

use super::answer::Answer;
use super::error::{self, AnswerError, PullError};
use crate::tls::install_provider;

const MAX_REDIRECTS: usize = 10;

/// The size limit of an error's text, in bytes.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// The content of an Authorization header.
#[derive(Clone)]
pub(super) enum Authorization {
    Basic { user: String, password: String },
    Bearer(String),
}

/// An HTTP client.
pub(super) struct Transport {
    client: reqwest::Client,
    silence: Duration,
}

impl Transport {
    /// Returns a client that waits this long to connect, and without a byte received.
    pub(super) fn new(registry: &Url, silence: Duration) -> Result<Self, PullError> {
        install_provider();
        let client = reqwest::Client::builder()
            .user_agent(concat!("interlink-audit/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(silence)
            .read_timeout(silence)
            // The client's own redirects send the Authorization header to another host at the second redirect.
            .redirect(Policy::none())
            .build();
        Ok(Self { client: client.map_err(|error| describe(error, registry, silence))?, silence })
    }

    /// Sends a GET request. Reads at most `limit` bytes of the body; a longer one is the error `too_long`. The text of an
    /// error is cut instead.
    pub(super) async fn get(
        &self,
        url: &Url,
        accept: &str,
        authorization: Option<&Authorization>,
        limit: usize,
        too_long: PullError,
    ) -> Result<Answer, PullError> {
        let mut response = self.follow(url, accept, authorization).await?;
        let status = response.status();
        let is_success = status == StatusCode::OK;
        let limit = if is_success { limit } else { MAX_ERROR_BYTES };
        let mut body = Vec::new();
        while body.len() <= limit {
            match response.chunk().await {
                Ok(Some(part)) => body.extend_from_slice(&part),
                Ok(None) => break,
                Err(error) => return Err(describe(error, response.url(), self.silence)),
            }
        }
        if body.len() > limit && is_success {
            return Err(too_long);
        }
        body.truncate(limit);
        Ok(Answer { status, body })
    }

    /// Sends a GET request, and follows redirects. From the first one to another host on, it sends no authorization.
    pub(super) async fn follow(
        &self,
        url: &Url,
        accept: &str,
        mut authorization: Option<&Authorization>,
    ) -> Result<Response, PullError> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let request = self.client.get(url.clone()).header(ACCEPT, accept);
            let request = match authorization {
                Some(Authorization::Basic { user, password }) => request.basic_auth(user, Some(password)),
                Some(Authorization::Bearer(token)) => request.bearer_auth(token),
                None => request,
            };
            let response = request.send().await.map_err(|error| describe(error, &url, self.silence))?;
            let Some(target) = redirect_target(&response, &url) else { return Ok(response) };
            authorization = authorization.filter(|_| target.origin() == url.origin());
            url = target;
        }
        Err(AnswerError::TooManyRedirects.into())
    }
}

/// Returns the host in a URL, with the port if there is one.
pub(super) fn host_and_port(url: &Url) -> String {
    let host = error::excerpt(url.host_str().unwrap_or_default());
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

fn redirect_target(response: &Response, url: &Url) -> Option<Url> {
    let location = response.headers().get(LOCATION).filter(|_| response.status().is_redirection())?;
    url.join(location.to_str().ok()?).ok()
}

/// Returns the error for the user from the client's error.
fn describe(error: reqwest::Error, url: &Url, silence: Duration) -> PullError {
    let server = host_and_port(url);
    let hint = match url.scheme() {
        "http" => "check the host and the port",
        _ => "check the host and the port, and add --plain-http if it has no TLS",
    };
    if error.is_timeout() {
        PullError::Silent { server, silence, hint }
    } else {
        let hint = error::tls_hint(&error).unwrap_or(hint);
        PullError::Unreachable { server, source: error, hint }
    }
}
