//! The policy's module: what clusters run, and what tests, benchmarks and `interlink-audit` evaluate.

/// The module's bytes.
pub static MODULE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policy.wasm"));
