//! Limits on the module's size, instructions and memory. The counts are the same on every run with the pinned
//! toolchain. The commit message of a change that raises a limit explains why.

use interlink_audit::MODULE;
use serde_json::json;
use wasmtime_provider::wasmtime::{Engine, Module};

use crate::guest::Guest;
use crate::ratio;
use crate::requests::{cases, create};
use crate::{hostile, pods};

/// The size of the module, in bytes.
const MODULE_SIZE: usize = 332_000;

/// The instructions to start: instantiation, and the functions that a waPC host calls first.
const START: u64 = 5_000;

/// The instructions for each measured request.
const INSTRUCTIONS: [(&str, u64); 5] = [
    ("create, plain", 13_000),
    ("create, interLink", 52_300),
    ("update, plain", 85_000),
    ("update, interLink", 211_500),
    ("audit, interLink", 576_000),
];

/// The linear memory after a request of 3 MB and a thousand small ones, in bytes: the payload, at most one copy of a
/// text in it, and the allocator's overhead.
const MEMORY: usize = 8 << 20;

fn guest() -> Guest {
    Guest::new(MODULE).unwrap()
}

#[test]
fn module_size_is_within_budget() {
    assert!(MODULE.len() <= MODULE_SIZE, "{} bytes", MODULE.len());
}

#[test]
fn start_is_within_budget() {
    let instructions = guest().start_instructions;
    assert!(instructions <= START, "{instructions} instructions");
}

#[test]
fn requests_are_within_budget() {
    for (case, (name, limit)) in cases().into_iter().zip(INSTRUCTIONS) {
        assert_eq!(case.name, name);
        let mut guest = guest();
        // The first call also grows the memory.
        guest.call("validate", &case.payload).unwrap();
        let (_, instructions) = guest.call("validate", &case.payload).unwrap();
        assert!(instructions <= limit, "{name}: {instructions} instructions");
    }
}

#[test]
fn instructions_grow_linearly_with_the_request() {
    let per_byte = |containers| {
        let payload = create(containers, &json!({}));
        let (_, instructions) = guest().call("validate", &payload).unwrap();
        ratio(instructions, payload.len() as u64)
    };
    let (usual, large) = (per_byte(24), per_byte(700));
    assert!(large <= usual * 1.1, "{large:.2} instructions per byte at 1 MB, {usual:.2} at 38 KB");
}

#[test]
fn instructions_grow_linearly_with_the_templates_of_a_custom_resource() {
    let per_byte = |templates| {
        let payload = hostile::wrong_templates(templates);
        let (_, instructions) = guest().call("validate", &payload).unwrap();
        ratio(instructions, payload.len() as u64)
    };
    let (usual, many) = (per_byte(100), per_byte(10_000));
    assert!(many <= usual * 1.1, "{many:.2} instructions per byte with 10,000 templates, {usual:.2} with 100");
}

/// The instructions per byte for each hostile request. If the policy wrote the details of each wrong entry or searched for a
/// similar key for each unknown one, some would take ten times as many.
const HOSTILE: [(&str, f64); 21] = [
    ("update of tiny templates", 345.0),
    ("update of wrong templates", 280.0),
    ("templates with wrong annotations", 290.0),
    ("templates with unknown keys", 135.0),
    ("templates with long names", 100.0),
    ("copies of a large template", 315.0),
    ("a template with the same port", 245.0),
    ("templates with many commands", 540.0),
    ("update of a pod with many commands", 185.0),
    ("a pod with unknown keys", 105.0),
    ("update of a pod with unknown keys", 215.0),
    ("a valid list of ports", 150.0),
    ("a list of the same port", 150.0),
    ("a list of repeated ports", 150.0),
    ("a list of hidden names", 150.0),
    ("a list of long hidden names", 50.0),
    ("a list of unknown names", 180.0),
    ("a pod with local containers", 380.0),
    ("an escaped value", 95.0),
    ("an audit with field managers", 80.0),
    ("a pod with tolerations", 60.0),
];

/// The linear memory after a hostile request, in bytes.
const HOSTILE_MEMORY: usize = 10_000_000;

#[test]
fn hostile_requests_are_within_budget() {
    for (case, (name, limit)) in hostile::cases().into_iter().zip(HOSTILE) {
        assert_eq!(case.name, name);
        let size = case.payload.len();
        assert!((hostile::MAX_SIZE * 98 / 100..=hostile::MAX_SIZE).contains(&size), "{name}: {size} bytes");
        let mut guest = guest();
        let (_, instructions) = guest.call("validate", &case.payload).unwrap();
        let per_byte = ratio(instructions, size as u64);
        assert!(per_byte <= limit, "{name}: {per_byte:.1} instructions per byte of {size}");
        assert!(guest.memory() <= HOSTILE_MEMORY, "{name}: {} bytes", guest.memory());
    }
}

#[test]
fn memory_is_within_budget() {
    let mut guest = guest();
    let large = create(1, &json!({"interlink.eu/pod-ip": "x".repeat(3_000_000)}));
    let small = create(1, &json!({"JobID": "1"}));
    guest.call("validate", &large).unwrap();
    for _ in 0..1_000 {
        guest.call("validate", &small).unwrap();
    }
    assert!(guest.memory() <= MEMORY, "{} bytes", guest.memory());
}

/// The instructions per byte of the pods that an address is compared with.
const COMPARISON: f64 = 3.0;

/// The memory besides the host's answer, in bytes.
const COMPARISON_MEMORY: usize = 2 << 20;

#[test]
fn comparing_an_address_with_pods_is_within_budget() {
    for count in [1_000, 10_000] {
        let answer = pods::answer(count);
        let mut guest = guest();
        let (_, instructions) = guest.call_with("validate", &pods::request(), &answer).unwrap();
        let per_byte = ratio(instructions, answer.len() as u64);
        assert!(per_byte <= COMPARISON, "{per_byte:.2} instructions per byte of {count} pods");
        let memory = guest.memory() - answer.len();
        assert!(memory <= COMPARISON_MEMORY, "{memory} bytes besides the {count} pods");
    }
}

#[test]
fn imports_only_wapc_and_wasi() {
    let module = Module::new(&Engine::default(), MODULE).unwrap();
    let mut imports: Vec<_> = module.imports().map(|import| format!("{}.{}", import.module(), import.name())).collect();
    imports.sort();
    assert_eq!(
        imports,
        [
            "wapc.__guest_error",
            "wapc.__guest_request",
            "wapc.__guest_response",
            // To read the cluster.
            "wapc.__host_call",
            "wapc.__host_error",
            "wapc.__host_error_len",
            "wapc.__host_response",
            "wapc.__host_response_len",
            // The Rust standard library's: the seed of hash maps, and printing a panic before the exit.
            "wasi_snapshot_preview1.environ_get",
            "wasi_snapshot_preview1.environ_sizes_get",
            "wasi_snapshot_preview1.fd_write",
            "wasi_snapshot_preview1.proc_exit",
            "wasi_snapshot_preview1.random_get",
        ]
    );
}
