//! A page of a list, which arrives in the background.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{ACCEPT, HeaderValue};
use http_body_util::{BodyExt, Collected, Limited};
use kube::Client;
use kube::client::Body;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::{Cluster, ListError, Resource};

/// The longest time without a response, or between parts of it: the longest time that an API server takes for a
/// request.
const SILENCE: Duration = Duration::from_mins(1);

/// The maximum number of buffered bytes of a page. It is larger than most pages, because an API server gives up if it
/// cannot send the whole page within a minute.
const WAITING_BYTES: u32 = 32 << 20;

/// The maximum number of bytes of an error's text that are read.
const MAX_ERROR: usize = 1 << 20;

/// A request for a list, or the reason why there is none.
type ListRequest = Result<http::Request<Vec<u8>>, kube::core::request::Error>;

/// A page, as the text that the API server sends.
pub(super) struct Page {
    parts: UnboundedReceiver<Result<Part, ListError>>,
    part: Option<Part>,
}

/// A part of the text. When it is dropped, there is room for another one.
struct Part {
    text: Bytes,
    _room: OwnedSemaphorePermit,
}

impl Page {
    /// Requests a page of a resource, and lets it arrive in the background.
    pub(super) fn request(cluster: &Cluster, resource: &Resource, list: ListRequest) -> Self {
        let (sender, parts) = unbounded_channel();
        let (client, resource) = (cluster.client.clone(), resource.to_string());
        cluster.runtime.spawn(async move {
            if let Err(error) = receive(&client, list, &resource, &sender).await {
                // The receiver may be gone.
                sender.send(Err(error)).ok();
            }
        });
        Self { parts, part: None }
    }

    /// Waits until the page begins.
    ///
    /// # Errors
    /// If the API server does not send it.
    pub(super) fn wait(&mut self) -> Result<(), ListError> {
        self.part = self.parts.blocking_recv().transpose()?;
        Ok(())
    }
}

impl Read for Page {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.part.as_ref().is_none_or(|part| part.text.is_empty()) {
            self.part = None;
            self.part = self.parts.blocking_recv().transpose().map_err(io::Error::other)?;
        }
        let Some(part) = &mut self.part else { return Ok(0) };
        let length = part.text.len().min(buffer.len());
        buffer[..length].copy_from_slice(&part.text.split_to(length));
        Ok(length)
    }
}

/// Sends the request, and passes on the parts of the response.
async fn receive(
    client: &Client,
    list: ListRequest,
    resource: &str,
    parts: &UnboundedSender<Result<Part, ListError>>,
) -> Result<(), ListError> {
    let mut list = list.map_err(|error| ListError::Unreachable(kube::Error::BuildRequest(error)))?.map(Body::from);
    list.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    let response = timeout(SILENCE, client.send(list)).await.map_err(|_| ListError::Silent(SILENCE))?;
    let response = response.map_err(ListError::before_answer)?;
    let (head, mut body) = response.into_parts();
    if head.status != StatusCode::OK {
        let text = timeout(SILENCE, Limited::new(body, MAX_ERROR).collect()).await;
        let text = text.ok().and_then(Result::ok).map(Collected::to_bytes).unwrap_or_default();
        return Err(ListError::from_status(head.status.as_u16(), &text, resource));
    }
    let room = Arc::new(Semaphore::new(WAITING_BYTES as usize));
    while let Some(frame) = timeout(SILENCE, body.frame()).await.map_err(|_| ListError::Silent(SILENCE))? {
        let frame = frame.map_err(|error| ListError::Interrupted(error.into()))?;
        // The only other kind of frame, which is never sent here, has headers.
        let Ok(text) = frame.into_data() else { continue };
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX).min(WAITING_BYTES);
        // The semaphore is never closed.
        let Ok(room) = room.clone().acquire_many_owned(length).await else { break };
        if !text.is_empty() && parts.send(Ok(Part { text, _room: room })).is_err() {
            break;
        }
    }
    Ok(())
}
