//! The requests that are measured.

use interlink_e2e_tests::admission_request::AdmissionRequest;
use serde_json::{Map, Value, json};

const IMAGE: &str =
    "registry.example.org/physics/training@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// A request to measure.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) payload: Vec<u8>,
}

/// Returns a 3.2 KB CREATE and a 38 KB UPDATE, each without and with interLink annotations, and an audit request for a
/// pod with 20 field managers.
pub(crate) fn cases() -> Vec<Case> {
    let (plain, interlink) = (plain_annotations(), running_annotations());
    [
        ("create, plain", create(1, &plain)),
        ("create, interLink", create(1, &interlink_annotations())),
        ("update, plain", update(8, &plain)),
        ("update, interLink", update(8, &interlink)),
        ("audit, interLink", audit(8, &interlink, 20)),
    ]
    .map(|(name, payload)| Case { name, payload })
    .into()
}

/// Returns the payload for the CREATE of a pod.
pub(crate) fn create(containers: usize, annotations: &Value) -> Vec<u8> {
    payload(&by_physicist(AdmissionRequest::create(new_pod(containers, annotations))))
}

/// Returns the payload for an UPDATE that adds a label.
fn update(containers: usize, annotations: &Value) -> Vec<u8> {
    let old = stored_pod(containers, annotations);
    let mut new = old.clone();
    new["metadata"]["labels"]["touched"] = "yes".into();
    payload(&by_physicist(AdmissionRequest::update(old, new)))
}

/// Returns the payload for an audit request.
fn audit(containers: usize, annotations: &Value, managers: usize) -> Vec<u8> {
    let mut object = stored_pod(containers, annotations);
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten().cycle().take(managers).cloned();
    object["metadata"]["managedFields"] = entries.collect();
    payload(&AdmissionRequest::audit(object))
}

fn by_physicist(request: AdmissionRequest) -> AdmissionRequest {
    let groups = ["physicists", "system:authenticated"];
    request.user_info(json!({"username": "alice@example.org", "groups": groups}))
}

/// Returns the payload for a request, with settings that allow one range of addresses.
pub(crate) fn payload(request: &AdmissionRequest) -> Vec<u8> {
    request.payload(&json!({"podIP": {"cidrs": ["10.250.0.0/16"]}}))
}

fn plain_annotations() -> Value {
    json!({
        "kubectl.kubernetes.io/default-container": "worker-0",
        "prometheus.io/scrape": "true",
        "slurm-job.vk.io/flags": "--partition=boost --time=08:00:00 --nodes=2 --ntasks-per-node=4",
    })
}

fn interlink_annotations() -> Value {
    let mut annotations = plain_annotations();
    annotations["interlink.eu/mesh-network"] = "disabled".into();
    annotations["interlink.eu/pod-ip"] = "10.250.1.100".into();
    annotations
}

/// Returns the annotations of a pod with the VPN, to which interLink assigned an address.
fn running_annotations() -> Value {
    let mut annotations = plain_annotations();
    annotations["interlink.eu/pod-vpn"] = "true".into();
    annotations["interlink.eu/pod-ip"] = "10.250.1.100".into();
    annotations
}

/// Returns a pod as a client creates it.
fn new_pod(containers: usize, annotations: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "training-7f9c",
            "namespace": "physics",
            "labels": {"app.kubernetes.io/name": "training", "app.kubernetes.io/part-of": "simulation"},
            "annotations": annotations,
        },
        "spec": {
            "containers": names(containers).map(|name| container(&name)).collect::<Vec<_>>(),
            "nodeSelector": {"kubernetes.io/hostname": "leonardo"},
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["leonardo"]}]},
            ]}}},
            "tolerations": [
                {"key": "virtual-node.interlink/no-schedule", "operator": "Exists"},
                {
                    "key": "node.kubernetes.io/not-ready", "operator": "Exists",
                    "effect": "NoExecute", "tolerationSeconds": 300,
                },
            ],
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 1000, "fsGroup": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "terminationGracePeriodSeconds": 30,
            "schedulerName": "default-scheduler",
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "default",
            "restartPolicy": "Never",
            "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "4Gi"}}],
        },
    })
}

/// Returns a pod as it is stored while it runs.
fn stored_pod(containers: usize, annotations: &Value) -> Value {
    let mut pod = new_pod(containers, annotations);
    let has_pod_ip = !annotations["interlink.eu/pod-ip"].is_null();
    pod["metadata"]["uid"] = "a2b4b1a8-0c41-4f5c-9a4e-5a7f1a6d5b11".into();
    pod["metadata"]["resourceVersion"] = "918273".into();
    pod["metadata"]["managedFields"] = managed_fields(containers, has_pod_ip);
    pod["status"] = status(containers);
    pod
}

fn names(containers: usize) -> impl Iterator<Item = String> {
    (0..containers).map(|index| format!("worker-{index}"))
}

fn container(name: &str) -> Value {
    json!({
        "name": name,
        "image": IMAGE,
        "command": ["/bin/sh", "-c", "set -eu\nexec python -m training --epochs 40 --checkpoint \"/scratch/run\""],
        "env": [
            {"name": "OMP_NUM_THREADS", "value": "8"},
            {"name": "TRAINING_DATA", "value": "s3://datasets.example.org/cms/run3/2026/"},
            {"name": "HTTPS_PROXY", "value": "http://proxy.site.example.org:3128"},
            {"name": "PYTHONUNBUFFERED", "value": "1"},
            {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.nodeName"}}},
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "training-token", "key": "token"}}},
        ],
        "ports": [{"name": "metrics", "containerPort": 9090, "protocol": "TCP"}],
        "resources": {
            "requests": {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "1"},
            "limits": {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "1"},
        },
        "livenessProbe": {
            "httpGet": {"path": "/healthz", "port": "metrics", "scheme": "HTTP"},
            "initialDelaySeconds": 30, "timeoutSeconds": 1, "periodSeconds": 10,
            "successThreshold": 1, "failureThreshold": 3,
        },
        "volumeMounts": [
            {"name": "scratch", "mountPath": "/scratch"},
            {"name": "kube-api-access", "readOnly": true, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
        ],
        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    })
}

fn managed_fields(containers: usize, has_pod_ip: bool) -> Value {
    let fields: Map<String, Value> = names(containers)
        .map(|name| {
            let fields = json!({
                ".": {}, "f:command": {}, "f:env": {
                    ".": {}, "k:{\"name\":\"OMP_NUM_THREADS\"}": {".": {}, "f:name": {}, "f:value": {}},
                    "k:{\"name\":\"TRAINING_DATA\"}": {".": {}, "f:name": {}, "f:value": {}},
                },
                "f:image": {}, "f:imagePullPolicy": {}, "f:name": {}, "f:resources": {},
                "f:terminationMessagePath": {}, "f:terminationMessagePolicy": {},
            });
            (format!("k:{{\"name\":\"{name}\"}}"), fields)
        })
        .collect();
    let metadata = if has_pod_ip { json!({"f:annotations": {"f:interlink.eu/pod-ip": {}}}) } else { json!({}) };
    json!([{
        "manager": "kubectl-client-side-apply",
        "operation": "Update",
        "apiVersion": "v1",
        "time": "2026-05-04T08:12:44Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:metadata": {"f:annotations": {".": {}, "f:prometheus.io/scrape": {}}, "f:labels": {".": {}}},
            "f:spec": {"f:containers": fields, "f:restartPolicy": {}, "f:tolerations": {}, "f:volumes": {}},
        },
    }, {
        "manager": "vk",
        "operation": "Update",
        "apiVersion": "v1",
        "time": "2026-05-04T08:13:03Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:metadata": metadata,
            "f:status": {
                "f:conditions": {"k:{\"type\":\"Ready\"}": {
                    ".": {}, "f:lastTransitionTime": {}, "f:status": {}, "f:type": {},
                }},
                "f:containerStatuses": {}, "f:phase": {}, "f:podIP": {}, "f:startTime": {}, "f:qosClass": {},
            },
        },
        "subresource": "status",
    }])
}

fn status(containers: usize) -> Value {
    let statuses: Vec<Value> = names(containers)
        .map(|name| {
            json!({
                "name": name, "ready": true, "restartCount": 0, "started": true,
                "image": "registry.example.org/physics/training",
                "imageID": IMAGE,
                "state": {"running": {"startedAt": "2026-05-04T08:13:02Z"}}, "lastState": {},
            })
        })
        .collect();
    json!({
        "phase": "Running",
        "podIP": "10.250.1.100",
        "startTime": "2026-05-04T08:12:45Z",
        "conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": "2026-05-04T08:13:03Z"},
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-05-04T08:12:45Z"},
        ],
        "containerStatuses": statuses,
        "qosClass": "Guaranteed",
    })
}
