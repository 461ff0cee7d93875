//! The policy's wasm module. Tests, benchmarks and `interlink-audit` run the one that ships.

/// The module's bytes.
pub static MODULE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policy.wasm"));
