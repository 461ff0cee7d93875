//! The dump of a large cluster, as `kubectl get --show-managed-fields -o json` would print it, but compact.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use serde_json::{Value, json};

pub(crate) const PODS: usize = 100_000;
pub(crate) const DEPLOYMENTS: usize = 20_000;

/// One of this many objects is interLink's.
const INTERLINK: usize = 20;

/// Writes the dump.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn write(path: &str) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    write!(file, r#"{{"apiVersion":"v1","items":["#)?;
    for number in 0..PODS + DEPLOYMENTS {
        if number > 0 {
            write!(file, ",")?;
        }
        let object = if number < PODS { pod(number) } else { deployment(number) };
        serde_json::to_writer(&mut file, &object)?;
    }
    writeln!(file, r#"],"kind":"List","metadata":{{"resourceVersion":""}}}}"#)?;
    file.flush()
}

fn pod(number: usize) -> Value {
    let mut metadata = metadata(number, "Pod");
    let mut fields = vec![creation_fields(), status_fields()];
    if number.is_multiple_of(INTERLINK) {
        metadata["annotations"] = json!({
            "JobID": format!("slurm-{number}"),
            "interlink.virtual-kubelet.io/wstunnel-timeout": "2m",
        });
        let annotations = json!({"f:metadata": {"f:annotations": {".": {}, "f:JobID": {}}}});
        fields.push(managed_fields("vk", "", &annotations));
    }
    metadata["managedFields"] = fields.into();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod_spec(number), "status": pod_status(number)})
}

fn deployment(number: usize) -> Value {
    let mut metadata = metadata(number, "Deployment");
    metadata["managedFields"] = json!([creation_fields(), status_fields()]);
    let mut template = json!({"metadata": {"labels": labels(number)}, "spec": pod_spec(number)});
    if number.is_multiple_of(INTERLINK) {
        template["metadata"]["annotations"] = json!({"interlink.virtual-kubelet.io/wstunnel-timeout": "2m"});
    }
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"replicas": 3, "selector": {"matchLabels": labels(number)}, "template": template},
        "status": {"availableReplicas": 3, "observedGeneration": 7, "readyReplicas": 3, "replicas": 3},
    })
}

fn labels(number: usize) -> Value {
    json!({
        "app.kubernetes.io/name": format!("service-{}", number % 997),
        "app.kubernetes.io/part-of": "simulation",
        "pod-template-hash": "6d4cf56db6",
    })
}

fn metadata(number: usize, kind: &str) -> Value {
    let owner = json!([{
        "apiVersion": "apps/v1", "blockOwnerDeletion": true, "controller": true, "kind": "ReplicaSet",
        "name": format!("service-{}-6d4cf56db6", number % 997), "uid": "5d1b8c1e-0f0e-4f4e-9d0e-1c9b3a7f0b11",
    }]);
    json!({
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": labels(number),
        "name": format!("service-{}-{number}", number % 997),
        "namespace": format!("team-{}", number % 200),
        "ownerReferences": if kind == "Pod" { owner } else { json!([]) },
        "resourceVersion": (100_000 + number).to_string(),
        "uid": format!("{number:08x}-7a1b-4c0d-8e2f-0123456789ab"),
    })
}

fn managed_fields(manager: &str, subresource: &str, fields: &Value) -> Value {
    json!({
        "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields, "manager": manager,
        "operation": "Update", "subresource": subresource, "time": "2026-01-01T00:00:00Z",
    })
}

/// Returns the fields that `kube-controller-manager` wrote.
fn creation_fields() -> Value {
    let port = json!({".": {}, "f:containerPort": {}, "f:name": {}, "f:protocol": {}});
    let mount = json!({".": {}, "f:mountPath": {}, "f:name": {}, "f:readOnly": {}});
    let variable = json!({".": {}, "f:name": {}, "f:value": {}});
    let container = json!({
        ".": {},
        "f:env": {".": {}, "k:{\"name\":\"LEVEL\"}": variable, "k:{\"name\":\"REGION\"}": variable},
        "f:image": {}, "f:imagePullPolicy": {}, "f:name": {},
        "f:ports": {".": {}, "k:{\"containerPort\":8080,\"protocol\":\"TCP\"}": port},
        "f:resources": {".": {}, "f:limits": {".": {}, "f:cpu": {}, "f:memory": {}}, "f:requests": {".": {}, "f:cpu": {}}},
        "f:terminationMessagePath": {}, "f:terminationMessagePolicy": {},
        "f:volumeMounts": {".": {}, "k:{\"mountPath\":\"/data\"}": mount},
    });
    let fields = json!({
        "f:metadata": {
            "f:generateName": {},
            "f:labels": {".": {}, "f:app.kubernetes.io/name": {}, "f:app.kubernetes.io/part-of": {}},
            "f:ownerReferences": {".": {}, "k:{\"uid\":\"5d1b8c1e-0f0e-4f4e-9d0e-1c9b3a7f0b11\"}": {}},
        },
        "f:spec": {
            "f:containers": {"k:{\"name\":\"service\"}": container, "k:{\"name\":\"proxy\"}": container},
            "f:dnsPolicy": {}, "f:enableServiceLinks": {}, "f:restartPolicy": {}, "f:schedulerName": {},
            "f:securityContext": {}, "f:terminationGracePeriodSeconds": {}, "f:volumes": {".": {}, "k:{\"name\":\"data\"}": {}},
        },
    });
    managed_fields("kube-controller-manager", "", &fields)
}

/// Returns the fields that the kubelet wrote.
fn status_fields() -> Value {
    let condition = json!({".": {}, "f:lastProbeTime": {}, "f:lastTransitionTime": {}, "f:status": {}, "f:type": {}});
    let conditions: Value = ["ContainersReady", "Initialized", "PodReadyToStartContainers", "Ready"]
        .map(|name| (format!("k:{{\"type\":\"{name}\"}}"), condition.clone()))
        .into_iter()
        .collect();
    let fields = json!({"f:status": {
        "f:conditions": conditions, "f:containerStatuses": {}, "f:hostIP": {}, "f:hostIPs": {}, "f:phase": {},
        "f:podIP": {}, "f:podIPs": {".": {}, "k:{\"ip\":\"10.1.2.3\"}": {".": {}, "f:ip": {}}}, "f:startTime": {},
    }});
    managed_fields("kubelet", "status", &fields)
}

fn pod_spec(number: usize) -> Value {
    let container = |name: &str| {
        json!({
            "env": [{"name": "REGION", "value": "eu-west"}, {"name": "LEVEL", "value": "info"}],
            "image": format!("registry.example.org/team-{}/{name}:v{}", number % 200, number % 13),
            "imagePullPolicy": "IfNotPresent",
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"}, "periodSeconds": 10},
            "name": name,
            "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
            "resources": {"limits": {"cpu": "2", "memory": "4Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}},
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": true},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "volumeMounts": [
                {"mountPath": "/data", "name": "data"},
                {"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "name": "kube-api-access", "readOnly": true},
            ],
        })
    };
    let toleration = |key| json!({"effect": "NoExecute", "key": key, "operator": "Exists", "tolerationSeconds": 300});
    json!({
        "containers": [container("service"), container("proxy")],
        "dnsPolicy": "ClusterFirst", "enableServiceLinks": true, "nodeName": format!("node-{}", number % 500),
        "preemptionPolicy": "PreemptLowerPriority", "priority": 0, "restartPolicy": "Always",
        "schedulerName": "default-scheduler", "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "serviceAccount": "default", "serviceAccountName": "default", "terminationGracePeriodSeconds": 30,
        "tolerations": [toleration("node.kubernetes.io/not-ready"), toleration("node.kubernetes.io/unreachable")],
        "volumes": [{"emptyDir": {}, "name": "data"}, {"name": "kube-api-access", "projected": {"defaultMode": 420, "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}},
        ]}}],
    })
}

fn pod_status(number: usize) -> Value {
    let condition = |name| {
        json!({
            "lastProbeTime": null, "lastTransitionTime": "2026-01-01T00:00:01Z", "status": "True", "type": name,
        })
    };
    let conditions =
        ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"].map(condition);
    let container = |name: &str| {
        json!({
            "containerID": format!("containerd://{number:064x}"), "image": format!("registry.example.org/{name}:v1"),
            "imageID": format!("registry.example.org/{name}@sha256:{number:064x}"), "lastState": {}, "name": name,
            "ready": true, "restartCount": 0, "started": true, "state": {"running": {"startedAt": "2026-01-01T00:00:05Z"}},
        })
    };
    json!({
        "conditions": conditions,
        "containerStatuses": [container("service"), container("proxy")],
        "hostIP": "192.168.1.7", "hostIPs": [{"ip": "192.168.1.7"}], "phase": "Running", "podIP": "10.1.2.3",
        "podIPs": [{"ip": "10.1.2.3"}], "qosClass": "Burstable", "startTime": "2026-01-01T00:00:01Z",
    })
}
