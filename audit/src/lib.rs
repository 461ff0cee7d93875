//! Evaluates the policy over manifests, in the runtime that Kubewarden's policy server uses.
//!
//! [`input`] finds the objects in files, [`review`] makes the request of each that the API server would make,
//! [`host`] runs the module on it, and [`report`] tells the outcome. The command `interlink-audit` puts them together.

pub mod host;
pub mod input;
pub mod policy_settings;
pub mod report;
pub mod review;

/// The policy's module, as `make policy.wasm` builds it.
pub static MODULE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policy.wasm"));
