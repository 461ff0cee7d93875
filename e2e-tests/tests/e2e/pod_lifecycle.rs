//! One pod from its creation to its deletion, under the default settings.

use interlink_e2e_tests::admission_request::AdmissionRequest;
use interlink_e2e_tests::dual_policy::DualPolicy;
use serde_json::{Value, json};

pub(crate) const TESTS: &[crate::Test] =
    &[("accepts each requester's own part in a pod's lifecycle, and rejects the others'", pod_lifecycle)];

const SCHEDULER: &str = "system:kube-scheduler";
const INTERLINK: &str = "system:serviceaccount:interlink:vk-slurm";
const DEPLOYMENT_CONTROLLER: &str = "system:serviceaccount:kube-system:deployment-controller";
const REPLICASET_CONTROLLER: &str = "system:serviceaccount:kube-system:replicaset-controller";

const COMMANDS: &str = "interlink.eu/wstunnel-client-commands";
const PASSWORD: &str = "interlink.eu/wstunnel-path-prefix";
const TIMEOUT: &str = "interlink.virtual-kubelet.io/wstunnel-timeout";

/// A policy with the default settings.
struct Policy<'p>(&'p DualPolicy);

impl Policy<'_> {
    fn expect_allowed(&self, request: &AdmissionRequest) -> Result<(), String> {
        let response = self.validate(request)?;
        if response["accepted"] == true { Ok(()) } else { Err(format!("should allow {request:?}: {response:#}")) }
    }

    /// Expects a refusal whose message contains a text.
    fn expect_denied(&self, request: &AdmissionRequest, text: &str) -> Result<(), String> {
        let response = self.validate(request)?;
        let message = response["message"].as_str().unwrap_or_default();
        if response["accepted"] == false && message.contains(text) {
            Ok(())
        } else {
            Err(format!("should deny {request:?} with {text:?}: {response:#}"))
        }
    }

    fn validate(&self, request: &AdmissionRequest) -> Result<Value, String> {
        self.0.validate(&request.payload(&json!({})))
    }
}

fn create(object: &Value) -> AdmissionRequest {
    AdmissionRequest::create(object.clone())
}

fn update(old: &Value, new: &Value) -> AdmissionRequest {
    AdmissionRequest::update(old.clone(), new.clone())
}

/// Returns the object with another value at a path. Null removes the field.
fn with(object: &Value, path: &[&str], value: Value) -> Value {
    let mut object = object.clone();
    let (last, parents) = path.split_last().unwrap();
    let parent = parents.iter().fold(&mut object, |object, segment| &mut object[*segment]);
    if value.is_null() {
        parent.as_object_mut().unwrap().remove(*last);
    } else {
        parent[*last] = value;
    }
    object
}

fn annotated(object: &Value, key: &str, value: &str) -> Value {
    with(object, &["metadata", "annotations", key], value.into())
}

/// Returns the managed fields entry of a manager that set an annotation.
fn managed_fields(manager: &str, subresource: &str, key: &str) -> Value {
    let fields = json!({"f:metadata": {"f:annotations": {format!("f:{key}"): {}}}});
    json!({"manager": manager, "operation": "Update", "subresource": subresource, "fieldsType": "FieldsV1",
        "fieldsV1": fields})
}

fn pod_lifecycle(policy: &DualPolicy) -> Result<(), String> {
    let policy = Policy(policy);
    let pod = create_pod(&policy)?;
    let bound = bind_pod(&policy, &pod)?;
    create_tunnel(&policy)?;
    let running = start_job(&policy, &bound)?;
    edit_pod(&policy, &running)?;
    audit_pod(&policy, &running)?;
    delete_pod(&policy, &running)
}

/// Alice copies the manifest of an older pod, and then removes the `JobID` from it.
fn create_pod(policy: &Policy<'_>) -> Result<Value, String> {
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "simulation",
            "namespace": "physics",
            "annotations": {TIMEOUT: "2m"},
        },
        "spec": {
            "containers": [{"name": "app", "image": "busybox", "ports": [{"containerPort": 8080}]}],
            "tolerations": [{"key": "virtual-node.interlink/no-schedule", "operator": "Exists"}],
        },
    });
    policy.expect_denied(&create(&annotated(&pod, "JobID", "slurm-1")), "is set to \"slurm-1\"")?;
    policy.expect_allowed(&create(&pod))?;
    Ok(pod)
}

/// The scheduler binds the pod to the virtual node.
fn bind_pod(policy: &Policy<'_>, pod: &Value) -> Result<Value, String> {
    let binding = json!({"apiVersion": "v1", "kind": "Binding",
        "metadata": {"name": "simulation", "namespace": "physics"}, "target": {"kind": "Node", "name": "vk-slurm"}});
    policy.expect_allowed(&create(&binding).user(SCHEDULER))?;
    let bound = with(pod, &["spec", "nodeName"], json!("vk-slurm"));
    policy.expect_allowed(&update(pod, &bound).user(SCHEDULER))?;
    Ok(bound)
}

/// interLink creates a tunnel's Deployment, with the tunnel's password in its template. Controllers copy it from there.
fn create_tunnel(policy: &Policy<'_>) -> Result<(), String> {
    let template = json!({"metadata": {"annotations": {PASSWORD: "secret"}}, "spec": {"containers": []}});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "simulation", "namespace": "physics-wstunnel"}, "spec": {"template": template}});
    policy.expect_denied(&create(&deployment), "spec.template.metadata.annotations[interlink.eu/wstunnel-path")?;
    policy.expect_allowed(&create(&deployment).user(INTERLINK))?;
    let replica_set = with(&deployment, &["kind"], json!("ReplicaSet"));
    policy.expect_allowed(&create(&replica_set).user(DEPLOYMENT_CONTROLLER))?;
    let shadow_pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "simulation-1",
        "namespace": "physics-wstunnel", "annotations": {PASSWORD: "secret"}}});
    policy.expect_denied(&create(&shadow_pod), "only interLink may set it")?;
    policy.expect_allowed(&create(&shadow_pod).user(REPLICASET_CONTROLLER))
}

/// interLink patches the pod with the tunnel's commands, and sets the job's id through the status.
fn start_job(policy: &Policy<'_>, bound: &Value) -> Result<Value, String> {
    let with_tunnel = annotated(bound, COMMANDS, "./wstunnel client");
    policy.expect_denied(&update(bound, &with_tunnel), "only interLink may set it")?;
    policy.expect_allowed(&update(bound, &with_tunnel).user(INTERLINK))?;
    let running = annotated(&with_tunnel, "JobID", "slurm-2");
    policy.expect_denied(&update(&with_tunnel, &running), "is set to \"slurm-2\"")?;
    policy.expect_allowed(&update(&with_tunnel, &running).user(INTERLINK))?;
    Ok(running)
}

/// Alice labels the pod and changes her own annotations, but not those that interLink wrote.
fn edit_pod(policy: &Policy<'_>, running: &Value) -> Result<(), String> {
    policy.expect_allowed(&update(running, &with(running, &["metadata", "labels"], json!({"run": "2"}))))?;
    policy.expect_allowed(&update(running, &annotated(running, TIMEOUT, "5m")))?;
    policy.expect_denied(&update(running, &annotated(running, TIMEOUT, "5 minutes")), "set it to 5m")?;
    policy.expect_denied(&update(running, &annotated(running, "JobID", "slurm-3")), "is changed")?;
    for path in [&["metadata", "annotations", "JobID"][..], &["metadata", "annotations"]] {
        policy.expect_denied(&update(running, &with(running, path, Value::Null)), "is removed")?;
    }
    Ok(())
}

/// The audit scanner reports a `JobID` only where another field manager than interLink's set it.
fn audit_pod(policy: &Policy<'_>, running: &Value) -> Result<(), String> {
    let stored = |manager, subresource| {
        let managers = [managed_fields("vk", "", COMMANDS), managed_fields(manager, subresource, "JobID")];
        let stored = with(running, &["metadata", "resourceVersion"], json!("4711"));
        with(&stored, &["metadata", "managedFields"], json!(managers))
    };
    let audit = |object: &Value| AdmissionRequest::audit(object.clone());
    policy.expect_allowed(&audit(&stored("vk", "status")))?;
    policy.expect_denied(&audit(&stored("kubectl-edit", "")), "by the field manager \"kubectl-edit\"")?;
    policy.expect_denied(&create(&stored("vk", "")), "is set")
}

/// Alice deletes the pod, and a controller removes its finalizer.
fn delete_pod(policy: &Policy<'_>, running: &Value) -> Result<(), String> {
    policy.expect_allowed(&AdmissionRequest::delete(running.clone()))?;
    let finalized = with(running, &["metadata", "deletionTimestamp"], json!("2026-01-01T00:00:00Z"));
    let terminating = with(&finalized, &["metadata", "finalizers"], json!(["example.com/accounting"]));
    policy.expect_allowed(&update(&terminating, &finalized).user("system:serviceaccount:accounting:collector"))
}
