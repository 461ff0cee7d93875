//! The reasons why a module cannot be pulled.

use std::error::Error;
use std::fmt::Display;
use std::io;
use std::time::Duration;

use oci_client::ParseError;
use oci_client::errors::OciEnvelope;
use oci_client::manifest::WASM_LAYER_MEDIA_TYPE;
use reqwest::StatusCode;
use rustls::CertificateError;

use super::client::{MAX_MANIFEST_BYTES, MAX_TOKEN_BYTES};
use crate::document::root_cause;

/// The reason why a module was not pulled. Its text ends with the fix.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The reference cannot be parsed.
    #[error("is not a reference to a module: {0}; write registry://HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]")]
    InvalidReference(#[source] ParseError),
    /// The reference does not begin with a host.
    #[error("{0:?} is not a registry's host; write registry://HOST[:PORT]/REPOSITORY")]
    NoHost(String),
    /// The reference has nothing after the host.
    #[error("names no repository; write registry://HOST[:PORT]/REPOSITORY")]
    NoRepository,
    /// The asynchronous runtime cannot be started.
    #[error("cannot be pulled: {0}")]
    Runtime(#[source] io::Error),
    /// The module did not arrive within the total time.
    #[error("was not pulled within {} seconds; try again later", .0.as_secs_f32())]
    TooSlow(Duration),
    /// The registry, or the server that gives its tokens, stopped answering.
    #[error("{server} has sent nothing for {} seconds; {hint}", .silence.as_secs_f32())]
    Silent {
        /// The server's host and port.
        server: String,
        /// The time without a byte.
        silence: Duration,
        /// What to check.
        hint: &'static str,
    },
    /// The registry, or the server that gives its tokens, cannot be reached.
    #[error("{server} cannot be reached: {}; {hint}", excerpt(root_cause(.source)))]
    Unreachable {
        /// The server's host and port.
        server: String,
        /// The client's error.
        source: reqwest::Error,
        /// What to check.
        hint: &'static str,
    },
    /// The registry does not let this user pull the module.
    #[error("access is denied, or it does not exist; {hint}")]
    Denied {
        /// How to log in.
        hint: String,
    },
    /// The registry does not have the module.
    #[error("is not in the registry; check the repository, and the tag or digest")]
    NotFound,
    /// The registry refuses the request for another reason.
    #[error("is refused by the registry: {}", excerpt(.0))]
    Refused(OciEnvelope),
    /// The bytes do not have the digest that was asked for.
    #[error(
        "was changed in the registry: its digest is {actual}, not {}; contact the registry's administrator",
        excerpt(.expected)
    )]
    WrongDigest {
        /// The digest in the reference or the manifest.
        expected: String,
        /// The digest of the bytes.
        actual: String,
    },
    /// The module does not have the size in its manifest.
    #[error("does not have the size in its manifest; push it again")]
    WrongSize,
    /// The manifest gives a size that is out of bounds.
    #[error("has a size of {bytes} bytes; the size must be from 0 to {limit} bytes")]
    SizeOutOfBounds {
        /// The size in the manifest.
        bytes: i64,
        /// The largest size.
        limit: usize,
    },
    /// The image is not a Kubewarden policy.
    #[error("is not a Kubewarden policy: {0}; push one with: kwctl push")]
    NotAPolicy(#[from] ManifestError),
    /// An answer violates the protocol.
    #[error("cannot be pulled, the registry's response is invalid: {}", excerpt(.0))]
    InvalidAnswer(#[from] AnswerError),
}

/// The way in which an answer violates the protocol.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The status is neither success nor one that has a meaning in the protocol.
    #[error("its status is {status}, with the text {text}")]
    Status {
        /// The status.
        status: StatusCode,
        /// The body.
        text: String,
    },
    /// Each redirect leads to another.
    #[error("it has too many redirects")]
    TooManyRedirects,
    /// The manifest is larger than registries must accept.
    #[error("the manifest is larger than {} MiB", MAX_MANIFEST_BYTES >> 20)]
    LongManifest,
    /// The manifest cannot be parsed.
    #[error("the manifest is malformed: {0}")]
    Manifest(#[source] serde_json::Error),
    /// The digest is malformed, or its algorithm is unknown.
    #[error("{0:?} is not a digest")]
    Digest(String),
    /// The realm, where to get a token, is not an HTTP URL.
    #[error("its token URL is invalid: {0:?}")]
    Realm(String),
    /// The answer with the token is too large.
    #[error("the token is larger than {} KiB", MAX_TOKEN_BYTES >> 10)]
    LongToken,
    /// The answer with the token cannot be parsed.
    #[error("the token is malformed: {0}")]
    Token(#[source] serde_json::Error),
    /// There is no token, or it has characters that cannot be sent back.
    #[error("the token is missing, or has unprintable characters")]
    UnusableToken,
}

/// The reason why a manifest is not a policy's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It lists images for several platforms.
    #[error("it is an index of images")]
    Index,
    /// Its layer is not WebAssembly.
    #[error("its layer is {}, not {WASM_LAYER_MEDIA_TYPE}", excerpt(.0))]
    MediaType(String),
    /// It does not have exactly one layer.
    #[error("it has {0} layers, not one")]
    LayerCount(usize),
}

/// Returns the fix for a certificate that is not accepted, if that is the cause.
pub(super) fn tls_hint(error: &reqwest::Error) -> Option<&'static str> {
    use rustls::Error::{General, InvalidCertificate};
    match tls_error(root_cause(error))? {
        InvalidCertificate(CertificateError::UnknownIssuer) | General(_) => {
            Some("set SSL_CERT_FILE to a file with its CA's certificate")
        }
        InvalidCertificate(_) => Some("its certificate must be valid, and name this host"),
        _ => None,
    }
}

fn tls_error<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    match cause.downcast_ref::<io::Error>() {
        Some(error) => tls_error(error.get_ref()?),
        None => cause.downcast_ref(),
    }
}

/// Returns the beginning of a text that a registry may have sent.
pub(super) fn excerpt(text: &(impl Display + ?Sized)) -> String {
    text.to_string().chars().take(300).collect()
}
