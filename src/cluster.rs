//! Reads the cluster through the host.
//!
//! The requests are constant and hold no user's value: Kubewarden's policy server keeps a watch for every distinct
//! request. It sends the objects without their managed fields.

mod nodes;
mod pods;

use std::cell::OnceCell;
use std::error::Error;
use std::fmt::{self, Display};
use std::net::IpAddr;

use json_scan::{DecodeError, Reader};
use wapc_guest::CallResult;

use crate::escape::quote;
use crate::requester::Requester;
use crate::settings::Settings;

pub(crate) use nodes::VirtualNodes;
pub(crate) use pods::{Holder, Pod};

/// Calls one of the host's functions for Kubernetes, with its name and a request in JSON.
pub type HostCall<'h> = &'h dyn Fn(&str, &[u8]) -> CallResult;

/// Fails every call, for callers that have no cluster.
///
/// # Errors
/// Always.
pub fn no_cluster(_: &str, _: &[u8]) -> CallResult {
    Err("there is no cluster".into())
}

/// The host's function that lists all objects of a kind.
const LIST: &str = "list_resources_all";

/// The prefixes that waPC and Kubewarden add to an error.
const ERROR_PREFIXES: [&str; 2] = ["Host error: ", "Callback evaluation failure: "];

/// The cluster, for one request.
pub(crate) struct Cluster<'h> {
    host_call: HostCall<'h>,
    /// The namespace of the request.
    namespace: &'h str,
    /// Read when needed.
    virtual_nodes: OnceCell<Result<VirtualNodes, ReadError>>,
}

/// The reason why objects cannot be read.
#[derive(Debug)]
pub(crate) struct ReadError(String);

impl ReadError {
    fn new(reason: impl Display) -> Self {
        let reason = reason.to_string();
        let strip = |reason, prefix: &&str| str::strip_prefix(reason, prefix).unwrap_or(reason);
        Self(ERROR_PREFIXES.iter().fold(&*reason, strip).to_owned())
    }
}

impl Display for ReadError {
    /// Writes the reason, quoted and cut, since the text is the host's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quote(&self.0))
    }
}

impl Error for ReadError {}

impl<'h> Cluster<'h> {
    pub(crate) fn new(host_call: HostCall<'h>, requester: &'h Requester<'_>) -> Self {
        Self { host_call, namespace: requester.namespace(), virtual_nodes: OnceCell::new() }
    }

    /// Returns the namespace of the request.
    pub(crate) fn namespace(&self) -> &str {
        self.namespace
    }

    /// Returns the virtual nodes.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) fn virtual_nodes(&self) -> Result<&VirtualNodes, &ReadError> {
        let read = || {
            let answer = self.list(nodes::REQUEST)?;
            VirtualNodes::decode(&answer).map_err(ReadError::new)
        };
        self.virtual_nodes.get_or_init(read).as_ref()
    }

    /// Returns a pod that has an address, other than this one.
    ///
    /// # Errors
    /// If the pods cannot be read.
    pub(crate) fn holder_of(
        &self,
        address: IpAddr,
        pod: &Pod<'_>,
        settings: &Settings<'_>,
    ) -> Result<Option<Holder>, ReadError> {
        let answer = self.list(pods::REQUEST)?;
        pods::find_holder(&answer, address, pod, &settings.virtual_nodes).map_err(ReadError::new)
    }

    fn list(&self, request: &[u8]) -> Result<Vec<u8>, ReadError> {
        (self.host_call)(LIST, request).map_err(ReadError::new)
    }
}

/// Returns a reader before the items of a list that the host returned.
///
/// # Errors
/// If the answer is not a list.
fn items(answer: &[u8]) -> Result<Reader<'_>, DecodeError> {
    let mut reader = Reader::new(answer);
    let is_list = reader.seek_field("items") == Some(true) && reader.peek() == Some(b'[');
    is_list.then_some(reader).ok_or_else(|| DecodeError::new("is not a list of objects"))
}
