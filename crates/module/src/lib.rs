//! The policy's wasm module. Tests, benchmarks and `interlink-audit` run the published module.

/// The module's bytes.
pub static MODULE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policy.wasm"));

/// The module, compiled by wasmtime for this program's target; empty if that failed.
pub static COMPILED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policy.cwasm"));
