//! The requests that are measured, in the form in which Kubewarden passes them on.

use serde_json::{Map, Value, json};

const IMAGE: &str =
    "registry.example.org/physics/training@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// A request to measure.
pub struct Case {
    pub name: &'static str,
    pub payload: Vec<u8>,
}

/// A 3.2 KB CREATE and a 38 KB UPDATE, each without and with interLink annotations; and the audit scanner's CREATE of a
/// stored pod with 20 field managers.
pub fn cases() -> Vec<Case> {
    let mut cases: Vec<_> = [
        ("create, plain", 1, false, false),
        ("create, interLink", 1, false, true),
        ("update, plain", 8, true, false),
        ("update, interLink", 8, true, true),
    ]
    .map(|(name, containers, update, interlink)| Case { name, payload: payload(containers, update, interlink) })
    .into();
    cases.push(Case { name: "replay, interLink", payload: replay(20) });
    cases
}

/// A CREATE of a pod with these annotations and so many containers.
#[cfg(test)]
pub fn with_annotations(annotations: Value, containers: usize) -> Vec<u8> {
    let mut object = pod(containers, false, false);
    object["metadata"]["annotations"] = annotations;
    request(object, false)
}

fn payload(containers: usize, update: bool, interlink: bool) -> Vec<u8> {
    request(pod(containers, update, interlink), update)
}

/// As the audit scanner sends it: nobody asks, for an object that is there already.
fn replay(managers: usize) -> Vec<u8> {
    let mut object = pod(8, true, true);
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten().cycle().take(managers).cloned();
    object["metadata"]["managedFields"] = entries.collect();
    let mut request = admission_request(object, false);
    request["userInfo"] = json!({"username": ""});
    with_settings(request)
}

fn request(object: Value, update: bool) -> Vec<u8> {
    with_settings(admission_request(object, update))
}

fn with_settings(request: Value) -> Vec<u8> {
    let settings = json!({"podIP": {"cidrs": ["10.244.0.0/16"]}});
    json!({"request": request, "settings": settings}).to_string().into_bytes()
}

fn admission_request(object: Value, update: bool) -> Value {
    let mut request = json!({
        "uid": "0df28fbd-5f5f-11e8-bc74-36e6bb280816",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
        "requestResource": {"group": "", "version": "v1", "resource": "pods"},
        "name": "training-7f9c",
        "namespace": "physics",
        "operation": "CREATE",
        "userInfo": {
            "username": "alice@example.org",
            "groups": ["physicists", "system:authenticated"],
        },
        "object": object,
        "dryRun": false,
        "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions", "fieldManager": "kubectl"},
    });
    if update {
        request["operation"] = "UPDATE".into();
        request["oldObject"] = request["object"].clone();
        request["object"]["metadata"]["labels"]["touched"] = "yes".into();
    }
    request
}

fn pod(containers: usize, stored: bool, interlink: bool) -> Value {
    let names: Vec<String> = (0..containers).map(|i| format!("worker-{i}")).collect();
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "training-7f9c",
            "namespace": "physics",
            "labels": {"app.kubernetes.io/name": "training", "app.kubernetes.io/part-of": "simulation"},
            "annotations": annotations(interlink),
        },
        "spec": {
            "containers": names.iter().map(|name| container(name)).collect::<Vec<_>>(),
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
    });
    if stored {
        pod["metadata"]["uid"] = "a2b4b1a8-0c41-4f5c-9a4e-5a7f1a6d5b11".into();
        pod["metadata"]["resourceVersion"] = "918273".into();
        pod["metadata"]["managedFields"] = managed_fields(&names, interlink);
        pod["status"] = status(&names);
    }
    pod
}

fn annotations(interlink: bool) -> Value {
    let mut annotations = json!({
        "kubectl.kubernetes.io/default-container": "worker-0",
        "prometheus.io/scrape": "true",
        "slurm-job.vk.io/flags": "--partition=boost --time=08:00:00 --nodes=2 --ntasks-per-node=4",
    });
    if interlink {
        annotations["interlink.eu/pod-vpn"] = "true".into();
        annotations["interlink.eu/pod-ip"] = "10.244.1.100".into();
    }
    annotations
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

fn managed_fields(containers: &[String], interlink: bool) -> Value {
    let fields: Map<String, Value> = containers
        .iter()
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
    let address = if interlink { json!({"f:annotations": {"f:interlink.eu/pod-ip": {}}}) } else { json!({}) };
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
            "f:metadata": address,
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

fn status(containers: &[String]) -> Value {
    let statuses: Vec<Value> = containers
        .iter()
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
        "podIP": "10.244.1.100",
        "startTime": "2026-05-04T08:12:45Z",
        "conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": "2026-05-04T08:13:03Z"},
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-05-04T08:12:45Z"},
        ],
        "containerStatuses": statuses,
        "qosClass": "Guaranteed",
    })
}
