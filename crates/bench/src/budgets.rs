//! Limits on the module's size, instructions and memory. The counts are the same on every run with the pinned
//! toolchain. The commit message of a change that raises a limit explains why.

use interlink_audit::MODULE;
use interlink_e2e_tests::admission_request::AdmissionRequest;
use serde_json::json;
use wasmtime_provider::wasmtime::{Engine, Module};

use crate::guest::Guest;
use crate::pods;
use crate::ratio;
use crate::requests::{cases, create};

/// The size of the module, in bytes.
const MODULE_SIZE: usize = 345_000;

/// The instructions to start: instantiation, and the functions that a waPC host calls first.
const START: u64 = 5_000;

/// The instructions for each measured request.
const INSTRUCTIONS: [(&str, u64); 5] = [
    ("create, plain", 13_000),
    ("create, interLink", 51_800),
    ("update, plain", 85_000),
    ("update, interLink", 210_500),
    ("audit, interLink", 575_000),
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

/// An UPDATE of a custom resource that changes each of its templates from one wrong value to another.
fn update_custom_resource(templates: usize) -> Vec<u8> {
    let wrong = |value: &str| {
        let annotations = json!({"interlink.eu/pod-vpn": value, "JobID": "1"});
        json!({"metadata": {"annotations": annotations}, "spec": {"containers": [{"name": "app"}]}})
    };
    let object = |value: &str| {
        let list: Vec<_> = (0..templates).map(|index| wrong(&format!("{value}-{index}"))).collect();
        json!({"apiVersion": "example.org/v1", "kind": "Fleet", "metadata": {"name": "f"}, "spec": list})
    };
    AdmissionRequest::update(object("old"), object("new")).payload(&json!({}))
}

#[test]
fn instructions_grow_linearly_with_the_templates_of_a_custom_resource() {
    let per_byte = |templates| {
        let payload = update_custom_resource(templates);
        let (_, instructions) = guest().call("validate", &payload).unwrap();
        ratio(instructions, payload.len() as u64)
    };
    let (usual, many) = (per_byte(100), per_byte(10_000));
    assert!(many <= usual * 1.1, "{many:.2} instructions per byte with 10,000 templates, {usual:.2} with 100");
}

/// The instructions per byte of a custom resource with unknown keys in every template. Searching for a similar key for
/// each of them would take 2,900.
const UNKNOWN_KEYS: f64 = 160.0;

#[test]
fn suggestions_that_are_not_shown_cost_nothing() {
    let keys = |template| (0..8).map(move |n| (format!("interlink.eu/wstunnel-timeout-{template:08}-{n}"), json!("")));
    let template = |template| {
        let annotations: serde_json::Map<_, _> = keys(template).collect();
        json!({"metadata": {"annotations": annotations}, "spec": {"containers": []}})
    };
    let spec: Vec<_> = (0..2_500).map(template).collect();
    let object = json!({"apiVersion": "example.org/v1", "kind": "Fleet", "metadata": {"name": "f"}, "spec": spec});
    let payload = AdmissionRequest::create(object).payload(&json!({}));
    let (_, instructions) = guest().call("validate", &payload).unwrap();
    let per_byte = ratio(instructions, payload.len() as u64);
    assert!(per_byte <= UNKNOWN_KEYS, "{per_byte:.2} instructions per byte of {}", payload.len());
}

/// Lists with many wrong entries, and the instructions per byte. Writing the details of each entry would take 282 for
/// the first list, 527 for the last, and 55 MiB of memory for the second.
fn wrong_entries() -> [(&'static str, String, f64); 3] {
    // It takes eight characters to show each of these.
    let long_name = "\u{200b}".repeat(100) + ",";
    [
        ("interlink.eu/disable-offload-containers", long_name.repeat(9_000), 50.0),
        ("interlink.eu/disable-offload-containers", "x,".repeat(1_400_000), 200.0),
        ("interlink.eu/wstunnel-extra-ports", "9:udp,".repeat(450_000), 370.0),
    ]
}

#[test]
fn entries_that_are_not_shown_cost_little() {
    for (key, list, limit) in wrong_entries() {
        let payload = create(1, &json!({key: list}));
        let mut guest = guest();
        let (_, instructions) = guest.call("validate", &payload).unwrap();
        let per_byte = ratio(instructions, payload.len() as u64);
        assert!(per_byte <= limit, "{key}: {per_byte:.2} instructions per byte of {}", payload.len());
        assert!(guest.memory() <= MEMORY, "{key}: {} bytes", guest.memory());
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
