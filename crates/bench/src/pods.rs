//! The pods of a cluster, and a request that is compared with them.

use std::sync::Arc;

use interlink_e2e_tests::admission_request::AdmissionRequest;
use serde_json::{Value, json};

/// Returns the CREATE of a pod with an address that no other pod has.
pub(crate) fn request() -> Vec<u8> {
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "training", "annotations": {"interlink.eu/pod-ip": "10.250.9.9"}},
        "spec": {"containers": [{"name": "app"}], "tolerations": [{"operator": "Exists"}]},
    });
    let settings = json!({"podIP": {"cidrs": ["10.250.0.0/16"]}, "cluster": {"podIPConflicts": true}});
    AdmissionRequest::create(pod).namespace("physics").payload(&settings)
}

/// Returns the host's answer with so many pods, one in twenty of which requests an address.
pub(crate) fn answer(count: usize) -> Arc<[u8]> {
    let pods: Vec<_> = (0..count).map(pod).collect();
    let list = json!({"apiVersion": "v1", "kind": "PodList", "metadata": {"resourceVersion": ""}, "items": pods});
    list.to_string().into_bytes().into()
}

/// Returns a pod with what the policy server leaves of it: the metadata, and the fields that the policy asks for.
fn pod(index: usize) -> Value {
    let address = format!("10.{}.{}.{}", 1 + index / 62_500, index / 250 % 250, 2 + index % 249);
    let mut annotations = json!({
        "kubectl.kubernetes.io/default-container": "worker",
        "prometheus.io/scrape": "true",
        "checksum/config": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    });
    if index.is_multiple_of(20) {
        annotations["interlink.eu/pod-ip"] = address.clone().into();
    }
    let tolerations = ["not-ready", "unreachable"].map(|taint| {
        let key = format!("node.kubernetes.io/{taint}");
        json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})
    });
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": format!("training-7f9c6d8b54-{index:05}"),
            "generateName": "training-7f9c6d8b54-",
            "namespace": format!("team-{}", index % 50),
            "uid": format!("a2b4b1a8-0c41-4f5c-9a4e-{index:012}"),
            "resourceVersion": (918_273 + index).to_string(),
            "creationTimestamp": "2026-05-04T08:12:44Z",
            "labels": {
                "app.kubernetes.io/name": "training",
                "app.kubernetes.io/instance": "simulation",
                "app.kubernetes.io/part-of": "physics",
                "pod-template-hash": "7f9c6d8b54",
            },
            "annotations": annotations,
            "ownerReferences": [{
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": "training-7f9c6d8b54",
                "uid": "5e3b7f0c-9a1d-4c1e-8f39-2f1f0e6b7a11",
                "controller": true,
                "blockOwnerDeletion": true,
            }],
        },
        "spec": {
            "nodeName": format!("worker-{}", index % 300),
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "tolerations": tolerations,
        },
        "status": {"phase": "Running", "podIPs": [{"ip": address}]},
    })
}
