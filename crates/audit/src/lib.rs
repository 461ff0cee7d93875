//! Evaluates the policy over manifests, in the runtime that Kubewarden's policy server uses.
//!
//! [`input`] finds the objects in files, [`versions`] their earlier versions, [`review`] makes the request of each that
//! Kubernetes or Kubewarden would make, [`host`] runs the module on it, and [`report`] tells the outcome. The module is
//! [`MODULE`], or comes from a [`registry`]. The command `interlink-audit` puts them together.

pub mod host;
pub mod input;
pub mod policy_settings;
pub mod registry;
pub mod report;
pub mod review;
pub mod versions;
pub mod yaml;

pub use interlink_policy_module::MODULE;
