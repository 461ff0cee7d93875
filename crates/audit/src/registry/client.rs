//! The client of a registry, as the OCI distribution specification defines it.

use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE,
    OciManifest,
};
use reqwest::Url;
use serde::Deserialize;

use super::challenge::Challenge;
use super::digest::Digest;
use super::error::{AnswerError, PullError};
use super::transport::{Authorization, Transport};
use super::{Pull, realm};

/// The size limit of a manifest, in bytes: the least that the specification asks registries to accept.
pub(super) const MAX_MANIFEST_BYTES: usize = 4 << 20;

/// The size limit of the answer with a token, in bytes.
pub(super) const MAX_TOKEN_BYTES: usize = 64 << 10;

const ANY_MEDIA_TYPE: &str = "*/*";

/// A client that is logged in to a registry.
pub(super) struct Client<'a> {
    pull: &'a Pull,
    transport: Transport,
    authorization: Option<Authorization>,
    /// The fix if the registry denies access.
    login_hint: String,
}

impl<'a> Client<'a> {
    /// Authenticates in the way that the registry asks for.
    pub(super) async fn log_in(pull: &'a Pull) -> Result<Self, PullError> {
        let transport = Transport::new(&pull.api, pull.timeouts.silence)?;
        let response = transport.follow(&pull.api, ANY_MEDIA_TYPE, None).await?;
        let mut client = Self { pull, transport, authorization: None, login_hint: pull.credentials.hint.clone() };
        let login = pull.credentials.login.as_ref();
        client.authorization = match Challenge::find(response.headers())? {
            None => None,
            Some(Challenge::Basic) => login.cloned(),
            Some(Challenge::Bearer { realm, service }) => {
                let objection = login.and_then(|_| realm::objection(&pull.api, &realm));
                if let Some(objection) = objection {
                    client.login_hint = realm::hint(&realm, objection, &pull.image);
                }
                let login = login.filter(|_| objection.is_none());
                Some(Authorization::Bearer(client.token(realm, service, login).await?))
            }
        };
        Ok(client)
    }

    /// Gets a token that allows pulling the image.
    async fn token(
        &self,
        mut url: Url,
        service: Option<String>,
        login: Option<&Authorization>,
    ) -> Result<String, PullError> {
        let scope = format!("repository:{}:pull", self.pull.image.repository());
        url.query_pairs_mut().append_pair("scope", &scope).extend_pairs(service.map(|service| ("service", service)));
        let too_long = AnswerError::LongToken.into();
        let answer = self.transport.get(&url, ANY_MEDIA_TYPE, login, MAX_TOKEN_BYTES, too_long).await?;
        // Others, such as 429, say nothing about the credentials.
        if let 400 | 401 | 403 | 404 = answer.status.as_u16() {
            return Err(PullError::Denied { hint: self.login_hint.clone() });
        }
        let body = answer.into_body(&self.login_hint)?;
        let token: Token = serde_json::from_slice(&body).map_err(AnswerError::Token)?;
        let token = token.token.or(token.access_token).ok_or(AnswerError::UnusableToken)?;
        // Others cannot be sent in a header.
        let is_printable = token.bytes().all(|byte| byte.is_ascii_graphic());
        if is_printable { Ok(token) } else { Err(AnswerError::UnusableToken.into()) }
    }

    /// Gets the manifest, which must have the digest in the reference, if there is one.
    pub(super) async fn manifest(&self) -> Result<OciManifest, PullError> {
        let media_types = [
            OCI_IMAGE_MEDIA_TYPE,
            IMAGE_MANIFEST_MEDIA_TYPE,
            OCI_IMAGE_INDEX_MEDIA_TYPE,
            IMAGE_MANIFEST_LIST_MEDIA_TYPE,
        ];
        let reference = self.pull.image.digest().or(self.pull.image.tag()).unwrap_or("latest");
        let (path, accept) = (format!("manifests/{reference}"), media_types.join(", "));
        let body = self.get(&path, &accept, MAX_MANIFEST_BYTES, AnswerError::LongManifest.into()).await?;
        if let Some(digest) = self.pull.image.digest() {
            Digest::parse(digest)?.verify(&body)?;
        }
        serde_json::from_slice(&body).map_err(|error| AnswerError::Manifest(error).into())
    }

    /// Gets a blob of this digest and size.
    pub(super) async fn blob(&self, digest: &str, size: usize) -> Result<Vec<u8>, PullError> {
        let parsed = Digest::parse(digest)?;
        let blob = self.get(&format!("blobs/{digest}"), ANY_MEDIA_TYPE, size, PullError::WrongSize).await?;
        if blob.len() != size {
            return Err(PullError::WrongSize);
        }
        parsed.verify(&blob)?;
        Ok(blob)
    }

    /// Gets a resource of the image's repository.
    async fn get(&self, path: &str, accept: &str, limit: usize, too_long: PullError) -> Result<Vec<u8>, PullError> {
        let mut url = self.pull.api.clone();
        url.set_path(&format!("/v2/{}/{path}", self.pull.image.repository()));
        let answer = self.transport.get(&url, accept, self.authorization.as_ref(), limit, too_long).await?;
        answer.into_body(&self.login_hint)
    }
}

/// An answer with a token. Servers use one name or the other, or both.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}
