//! Finds the objects in a live cluster.
//!
//! Lists are read in pages, as the text that the API server sends: memory holds a few objects and the received parts of
//! two pages. While a page is evaluated, the next one arrives. Only GET requests are sent.

mod connection;
mod error;
mod objects;
mod page;
mod resource;

pub use connection::{Cluster, ConnectionOptions};
pub use error::{ConnectionError, ListError};
pub use objects::Objects;
pub use resource::{InvalidName, Resource, parse_namespace};

/// Which objects of a cluster are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Kinds to read in addition to those that the policy knows by name.
    pub resources: Vec<Resource>,
    /// The namespace; `None` for all of them. With one, only objects in it are read, and no nodes.
    pub namespace: Option<String>,
    /// The label selector, in the syntax of `kubectl`.
    pub selector: Option<String>,
}
