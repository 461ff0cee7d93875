//! Evaluates the policy over manifests, in the runtime that Kubewarden's policy server uses.
//!
//! [`input`] finds the objects in files, [`versions`] their earlier versions, [`review`] makes the request that
//! Kubernetes or Kubewarden would make of each, [`host`] runs the module on it, and [`report`] shows the outcome. The
//! module is [`MODULE`], or comes from a [`registry`]. The command `interlink-audit` puts them together.
//!
//! An error's text is one line with its cause and, unless it is obvious, the fix. `source` returns the cause as well.

pub mod document;
pub mod host;
pub mod input;
mod json;
mod object;
pub mod policy_settings;
pub mod registry;
pub mod report;
pub mod review;
pub mod versions;
mod yaml;

pub use interlink_policy_module::MODULE;
