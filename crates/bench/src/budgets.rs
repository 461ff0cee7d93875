//! What the module may cost. The counts are the same on every run with the pinned toolchain: who makes them grow sees it
//! here, and says why in the change that raises a budget.

use interlink_audit::MODULE;
use serde_json::json;
use wasmtime_provider::wasmtime::{Engine, Module};

use crate::guest::Guest;
use crate::requests::{cases, with_annotations};

/// Bytes of the module.
const MODULE_BYTES: usize = 250_000;

/// Instructions to start: instantiation, and what waPC calls first.
const START: u64 = 5_000;

/// Instructions for each of the measured requests.
const INSTRUCTIONS: [(&str, u64); 5] = [
    ("create, plain", 13_000),
    ("create, interLink", 51_600),
    ("update, plain", 85_000),
    ("update, interLink", 207_000),
    ("replay, interLink", 570_000),
];

/// Bytes of linear memory after a request of three megabytes and a thousand small ones: the request once as the host
/// hands it over, once more at most for a text that is copied, and what the allocator keeps.
const MEMORY: usize = 8 << 20;

fn guest() -> Guest {
    Guest::new(MODULE).unwrap()
}

#[test]
fn the_module_is_small() {
    assert!(MODULE.len() <= MODULE_BYTES, "{} bytes", MODULE.len());
}

#[test]
fn it_starts_at_once() {
    assert!(guest().start <= START, "{} instructions", guest().start);
}

#[test]
fn requests_cost_no_more_than_they_may() {
    for (case, (name, most)) in cases().into_iter().zip(INSTRUCTIONS) {
        assert_eq!(case.name, name);
        let mut guest = guest();
        // The second call is counted, when memory has grown to its size.
        guest.call("validate", &case.payload).unwrap();
        let (_, instructions) = guest.call("validate", &case.payload).unwrap();
        assert!(instructions <= most, "{name}: {instructions} instructions");
    }
}

#[test]
fn the_cost_grows_with_the_request_and_not_faster() {
    let per_byte = |containers| {
        let payload = with_annotations(json!({}), containers);
        let (_, instructions) = guest().call("validate", &payload).unwrap();
        instructions as f64 / payload.len() as f64
    };
    let (usual, large) = (per_byte(24), per_byte(700));
    assert!(large <= usual * 1.1, "{large:.2} instructions a byte at 1 MB, {usual:.2} at 38 KB");
}

#[test]
fn memory_stays_bounded() {
    let mut guest = guest();
    let large = with_annotations(json!({"interlink.eu/pod-ip": "x".repeat(3_000_000)}), 1);
    let small = with_annotations(json!({"JobID": "1"}), 1);
    guest.call("validate", &large).unwrap();
    for _ in 0..1_000 {
        guest.call("validate", &small).unwrap();
    }
    assert!(guest.memory() <= MEMORY, "{} bytes", guest.memory());
}

#[test]
fn nothing_else_is_imported() {
    let module = Module::new(&Engine::default(), MODULE).unwrap();
    let mut imports: Vec<_> = module.imports().map(|import| format!("{}.{}", import.module(), import.name())).collect();
    imports.sort();
    assert_eq!(
        imports,
        [
            "wapc.__guest_error",
            "wapc.__guest_request",
            "wapc.__guest_response",
            // Rust's own: the seed of hash maps, and what a panic prints before it ends.
            "wasi_snapshot_preview1.environ_get",
            "wasi_snapshot_preview1.environ_sizes_get",
            "wasi_snapshot_preview1.fd_write",
            "wasi_snapshot_preview1.proc_exit",
            "wasi_snapshot_preview1.random_get",
        ]
    );
}
