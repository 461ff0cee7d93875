//! Evaluates the policy over manifests, in the runtime that Kubewarden's policy server uses.
//!
//! [`input`] finds the objects in files, and [`cluster`] those in a live cluster, [`versions`] their earlier versions,
//! [`request`] makes the request that Kubernetes or Kubewarden would make of each, [`evaluate`] runs the module on all
//! cores, in [`host`], [`outcome`] takes the answers apart, [`cross_checks`] compares stored objects, and [`report`] shows
//! the findings, without [`exceptions`]. The module is [`MODULE`], or comes from a [`registry`]. The command
//! `interlink-audit` puts them together.
//!
//! An error's text is one line with its cause and, unless it is obvious, the fix. `source` returns the cause as well.

pub mod cluster;
pub mod cross_checks;
pub mod document;
pub mod documentation;
pub mod evaluate;
pub mod exceptions;
pub mod host;
mod in_flight;
pub mod input;
mod line;
mod object;
pub mod outcome;
pub mod policy_settings;
pub mod registry;
pub mod report;
pub mod request;
pub mod streams;
pub mod suggestion;
mod tls;
mod trust;
pub mod versions;

pub use interlink_policy_module::MODULE;
