//! One pod's life, from its creation to its deletion, as the policy sees it with the default settings.

use serde_json::{Value, json};

use interlink_e2e_tests::both::Both;
use interlink_e2e_tests::request::request;

const ALICE: &str = "alice";
const SCHEDULER: &str = "system:kube-scheduler";
const INTERLINK: &str = "system:serviceaccount:interlink:vk-slurm";
const DEPLOYMENT_CONTROLLER: &str = "system:serviceaccount:kube-system:deployment-controller";
const REPLICASET_CONTROLLER: &str = "system:serviceaccount:kube-system:replicaset-controller";
const AUDIT_SCANNER: &str = "";

const COMMANDS: &str = "interlink.eu/wstunnel-client-commands";
const PASSWORD: &str = "interlink.eu/wstunnel-path-prefix";

struct Policy<'b>(&'b Both);

impl Policy<'_> {
    fn answer(&self, username: &str, operation: &str, old: &Value, object: &Value) -> Result<Value, String> {
        let user_info = json!({"username": username});
        let request = request(&user_info, operation, &object["metadata"]["namespace"], old, object);
        self.0.validate(json!({"request": request, "settings": {}}).to_string().as_bytes())
    }

    fn lets(&self, username: &str, operation: &str, old: &Value, object: &Value) -> Result<(), String> {
        let answer = self.answer(username, operation, old, object)?;
        if answer["accepted"] == true {
            Ok(())
        } else {
            Err(format!("{username} should be let {operation}: {answer:#}"))
        }
    }

    /// Expects a refusal that says something.
    fn keeps(&self, username: &str, operation: &str, old: &Value, object: &Value, says: &str) -> Result<(), String> {
        let answer = self.answer(username, operation, old, object)?;
        let message = answer["message"].as_str().unwrap_or_default();
        if answer["accepted"] == false && message.contains(says) {
            Ok(())
        } else {
            Err(format!("{username} should be kept from {operation} with {says:?}: {answer:#}"))
        }
    }
}

/// The same object with something else at a place; null takes it out.
fn with(object: &Value, place: &[&str], value: Value) -> Value {
    let mut object = object.clone();
    let (last, way) = place.split_last().unwrap();
    let field = way.iter().fold(&mut object, |object, step| &mut object[*step]);
    match value {
        Value::Null => drop(field.as_object_mut().unwrap().remove(*last)),
        value => field[*last] = value,
    }
    object
}

fn annotated(object: &Value, key: &str, value: Value) -> Value {
    with(object, &["metadata", "annotations", key], value)
}

/// A managed field entry as the API server writes it for a writer of annotations.
fn owner(manager: &str, subresource: &str, key: &str) -> Value {
    let fields = json!({"f:metadata": {"f:annotations": {format!("f:{key}"): {}}}});
    json!({"manager": manager, "operation": "Update", "subresource": subresource, "fieldsType": "FieldsV1",
        "fieldsV1": fields})
}

pub fn life_of_a_pod(both: &Both) -> Result<(), String> {
    let policy = Policy(both);
    let none = &Value::Null;

    // Alice copies the manifest of an older pod, and then takes out what is not hers.
    let manifest = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "simulation",
            "namespace": "physics",
            "annotations": {"interlink.virtual-kubelet.io/wstunnel-timeout": "2m"},
        },
        "spec": {
            "containers": [{"name": "app", "image": "busybox", "ports": [{"containerPort": 8080}]}],
            "tolerations": [{"key": "virtual-node.interlink/no-schedule", "operator": "Exists"}],
        },
    });
    let copied = annotated(&manifest, "JobID", json!("slurm-1"));
    policy.keeps(ALICE, "CREATE", none, &copied, "is set to \"slurm-1\"")?;
    policy.lets(ALICE, "CREATE", none, &manifest)?;

    // The scheduler binds the pod to the virtual node.
    let binding = json!({"apiVersion": "v1", "kind": "Binding",
        "metadata": {"name": "simulation", "namespace": "physics"}, "target": {"kind": "Node", "name": "vk-slurm"}});
    policy.lets(SCHEDULER, "CREATE", none, &binding)?;
    let bound = with(&manifest, &["spec", "nodeName"], json!("vk-slurm"));
    policy.lets(SCHEDULER, "UPDATE", &manifest, &bound)?;

    // interLink makes a tunnel, whose password it keeps in the template of a Deployment. Controllers copy it from
    // there.
    let template = json!({"metadata": {"annotations": {PASSWORD: "secret"}}, "spec": {"containers": []}});
    let shadow = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "simulation", "namespace": "physics-wstunnel"}, "spec": {"template": template}});
    policy.keeps(ALICE, "CREATE", none, &shadow, "spec.template.metadata.annotations[interlink.eu/wstunnel-path")?;
    policy.lets(INTERLINK, "CREATE", none, &shadow)?;
    let replicas = with(&shadow, &["kind"], json!("ReplicaSet"));
    policy.lets(DEPLOYMENT_CONTROLLER, "CREATE", none, &replicas)?;
    let shadow_pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "simulation-1",
        "namespace": "physics-wstunnel", "annotations": {PASSWORD: "secret"}}});
    policy.keeps(ALICE, "CREATE", none, &shadow_pod, "only interLink may write it")?;
    policy.lets(REPLICASET_CONTROLLER, "CREATE", none, &shadow_pod)?;

    // It patches the pod with the tunnel's commands, and sets the job's id through the status.
    let tunnelled = annotated(&bound, COMMANDS, json!("./wstunnel client"));
    policy.keeps(ALICE, "UPDATE", &bound, &tunnelled, "only interLink may write it")?;
    policy.lets(INTERLINK, "UPDATE", &bound, &tunnelled)?;
    let running = annotated(&tunnelled, "JobID", json!("slurm-2"));
    policy.keeps(ALICE, "UPDATE", &tunnelled, &running, "is set to \"slurm-2\"")?;
    policy.lets(INTERLINK, "UPDATE", &tunnelled, &running)?;

    // Alice may label the pod, and correct what is hers, but what interLink wrote stays.
    policy.lets(ALICE, "UPDATE", &running, &with(&running, &["metadata", "labels"], json!({"run": "2"})))?;
    let longer = |time: &str| annotated(&running, "interlink.virtual-kubelet.io/wstunnel-timeout", json!(time));
    policy.lets(ALICE, "UPDATE", &running, &longer("5m"))?;
    policy.keeps(ALICE, "UPDATE", &running, &longer("5 minutes"), "write 5m")?;
    policy.keeps(ALICE, "UPDATE", &running, &annotated(&running, "JobID", json!("slurm-3")), "is changed")?;
    policy.keeps(ALICE, "UPDATE", &running, &annotated(&running, "JobID", Value::Null), "is removed")?;
    policy.keeps(
        ALICE,
        "UPDATE",
        &running,
        &with(&running, &["metadata", "annotations"], Value::Null),
        "is removed",
    )?;

    // The audit scanner finds nothing; but it would, had someone got past the policy.
    let stored = |managers: [Value; 2]| {
        let stored = with(&running, &["metadata", "resourceVersion"], json!("4711"));
        with(&stored, &["metadata", "managedFields"], json!(managers))
    };
    let commands = owner("vk", "", COMMANDS);
    policy.lets(AUDIT_SCANNER, "CREATE", none, &stored([commands.clone(), owner("vk", "status", "JobID")]))?;
    let forged = stored([commands, owner("kubectl-edit", "", "JobID")]);
    policy.keeps(AUDIT_SCANNER, "CREATE", none, &forged, "by the field manager \"kubectl-edit\"")?;
    policy.keeps(ALICE, "CREATE", none, &stored([owner("vk", "", COMMANDS), owner("vk", "", "JobID")]), "is set")?;

    // Alice deletes the pod; a controller takes off its finalizer, and it is gone.
    policy.lets(ALICE, "DELETE", &running, &running)?;
    let ending = with(&running, &["metadata", "deletionTimestamp"], json!("2026-01-01T00:00:00Z"));
    let held = with(&ending, &["metadata", "finalizers"], json!(["example.com/accounting"]));
    policy.lets("system:serviceaccount:accounting:collector", "UPDATE", &held, &ending)
}
