//! The requests of 2 MiB that take longest: the policy server accepts no larger ones.

use std::fmt::Write;

use interlink_e2e_tests::admission_request::AdmissionRequest;
use serde_json::{Map, Value, json};

use crate::requests::{Case, create, payload};

/// The size of the largest review that the policy server accepts, in bytes. The requests are up to two percent smaller.
#[cfg(test)]
pub(crate) const MAX_SIZE: usize = 2 << 20;

const LOCAL_CONTAINERS: &str = "interlink.eu/disable-offload-containers";
const EXTRA_PORTS: &str = "interlink.eu/wstunnel-extra-ports";

/// Returns the requests.
pub(crate) fn cases() -> Vec<Case> {
    // It takes eight characters to show each of these.
    let long_name = "\u{200b}".repeat(100) + ",";
    let keeping_local = |names: String| create(1, &json!({LOCAL_CONTAINERS: names}));
    [
        ("update of tiny templates", tiny_templates(19_000)),
        ("update of wrong templates", wrong_templates(10_200)),
        ("templates with wrong annotations", all_wrong(9_000)),
        ("templates with unknown keys", unknown_keys(5_200)),
        ("templates with long names", long_names(74_800)),
        ("copies of a large template", copies(7_500)),
        ("a template with the same port", ports_in_template(1_048_000)),
        ("templates with many commands", many_commands(830)),
        ("update of a pod with many commands", other_commands(26_100)),
        ("a pod with unknown keys", create(1, &Value::Object(keys(48_600)))),
        ("update of a pod with unknown keys", other_keys(41_800)),
        ("a valid list of ports", create(1, &json!({EXTRA_PORTS: ports(356_400)}))),
        ("a list of the same port", create(1, &json!({EXTRA_PORTS: "1,".repeat(1_040_000)}))),
        ("a list of repeated ports", create(1, &json!({EXTRA_PORTS: "9:udp,".repeat(348_100)}))),
        ("a list of hidden names", keeping_local("\u{200b},".repeat(520_100))),
        ("a list of long hidden names", keeping_local(long_name.repeat(6_900))),
        ("a list of unknown names", keeping_local("x,".repeat(1_039_900))),
        ("a pod with local containers", half_local(97_200)),
        ("an escaped value", escaped(348_100)),
        ("an audit with field managers", field_managers(26_100)),
        ("a pod with tolerations", tolerations(56_800)),
    ]
    .map(|(name, payload)| Case { name, payload })
    .into()
}

/// A custom resource with templates.
fn fleet(templates: impl Iterator<Item = Value>) -> Value {
    let spec: Vec<_> = templates.collect();
    json!({"apiVersion": "example.org/v1", "kind": "Fleet", "metadata": {"name": "f"}, "spec": spec})
}

fn template(annotations: &Value) -> Value {
    json!({"metadata": {"annotations": annotations}, "spec": {"containers": []}})
}

/// A template of an Argo workflow, the smallest that there is.
fn argo_template(annotations: &Value) -> Value {
    json!({"metadata": {"annotations": annotations}, "script": {}})
}

/// An UPDATE that changes each of the smallest templates that there are.
fn tiny_templates(count: usize) -> Vec<u8> {
    let object = |value: &str| fleet((0..count).map(|_| argo_template(&json!({"JobID": value}))));
    payload(&AdmissionRequest::update(object("1"), object("2")))
}

/// An UPDATE of a custom resource that changes each of its templates from one wrong value to another.
pub(crate) fn wrong_templates(count: usize) -> Vec<u8> {
    let object = |name: &str| {
        let value = |index| format!("{name}-{index}");
        fleet((0..count).map(|index| template(&json!({"interlink.eu/pod-vpn": value(index), "JobID": "1"}))))
    };
    payload(&AdmissionRequest::update(object("old"), object("new")))
}

/// Templates in which many rules find something.
fn all_wrong(count: usize) -> Vec<u8> {
    let annotations = json!({
        "JobID": "1",
        "interlink.eu/pod-ip": "x",
        "interlink.eu/pod-vpn": "x",
        "interlink.eu/mesh-network": "x",
        "interlink.eu/wg-mtu": "x",
        "interlink.virtual-kubelet.io/wstunnel-timeout": "x",
    });
    payload(&AdmissionRequest::create(fleet((0..count).map(|_| template(&annotations)))))
}

/// Templates below fields with names that are long and hard to show.
fn long_names(count: usize) -> Vec<u8> {
    let templates: Vec<_> = (0..count).map(|_| json!({"metadata": {}, "script": {}})).collect();
    let name = "\u{1fbf0}".repeat(64);
    let mut object = fleet([argo_template(&json!({"JobID": "1"}))].into_iter());
    object["more"] = json!({&name: {&name: templates}});
    payload(&AdmissionRequest::create(object))
}

/// An UPDATE that adds copies of the annotations of a template with many containers.
fn copies(count: usize) -> Vec<u8> {
    let annotations = json!({LOCAL_CONTAINERS: "x"});
    let containers: Vec<_> = (0..40_000).map(|index| json!({"name": format!("c{index}")})).collect();
    let large = json!({"metadata": {"annotations": annotations}, "spec": {"containers": containers}});
    let copies = (0..count).map(|_| argo_template(&annotations));
    let new = fleet(copies.chain([large.clone()]));
    payload(&AdmissionRequest::update(fleet([large].into_iter()), new))
}

/// A custom resource with one template that lists a port again and again.
fn ports_in_template(count: usize) -> Vec<u8> {
    let template = argo_template(&json!({EXTRA_PORTS: "1,".repeat(count)}));
    payload(&AdmissionRequest::create(fleet([template].into_iter())))
}

/// An UPDATE of templates with as many annotations that only interLink writes as are checked.
fn many_commands(count: usize) -> Vec<u8> {
    let object = |value: &str| {
        let commands = || (0..32).map(|tunnel| (format!("interlink.eu/{tunnel:02}-client-commands"), json!(value)));
        fleet((0..count).map(|_| argo_template(&Value::Object(commands().collect()))))
    };
    payload(&AdmissionRequest::update(object("1"), object("2")))
}

/// An UPDATE that adds a managed annotation to a pod that has far more of them than the policy checks.
fn other_commands(count: usize) -> Vec<u8> {
    let pod = |first: usize| {
        let commands: Map<_, _> =
            (first..count).map(|tunnel| (format!("interlink.eu/{tunnel:05}-client-commands"), json!(""))).collect();
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": commands}})
    };
    payload(&AdmissionRequest::update(pod(1), pod(0)))
}

/// An UPDATE of a pod that replaces all of its unknown keys.
fn other_keys(count: usize) -> Vec<u8> {
    let pod = |first: usize| {
        let keys: Map<_, _> =
            (first..first + count).map(|key| (format!("interlink.eu/{key:06x}"), json!(""))).collect();
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": keys}})
    };
    payload(&AdmissionRequest::update(pod(0), pod(count)))
}

/// Templates with keys for which a similar one could be searched.
pub(crate) fn unknown_keys(count: usize) -> Vec<u8> {
    payload(&AdmissionRequest::create(fleet((0..count).map(|_| template(&Value::Object(keys(8)))))))
}

fn keys(count: usize) -> Map<String, Value> {
    (0..count).map(|index| (format!("interlink.eu/wstunnel-timeout-{index:07}"), json!(""))).collect()
}

fn ports(count: usize) -> String {
    (0..count).map(|index| (index % 65_535 + 1).to_string()).collect::<Vec<_>>().join(",")
}

/// A pod that keeps every second of its containers local.
fn half_local(count: usize) -> Vec<u8> {
    let containers: Vec<_> = (0..count).map(|index| json!({"name": format!("c{index}")})).collect();
    let local = (0..count / 2).fold(String::new(), |mut names, index| {
        let _ = write!(names, "c{},", 2 * index);
        names
    });
    let metadata = json!({"annotations": {LOCAL_CONTAINERS: local}});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}});
    payload(&AdmissionRequest::create(pod))
}

/// A pod with an annotation in which each character is escaped.
fn escaped(count: usize) -> Vec<u8> {
    let payload = create(1, &json!({"interlink.eu/pod-vpn": "VALUE"}));
    let payload = String::from_utf8(payload).expect("JSON is UTF-8");
    payload.replace("VALUE", &"\\u200b".repeat(count)).into_bytes()
}

/// The audit of a pod with many field managers.
fn field_managers(count: usize) -> Vec<u8> {
    let fields = json!({"f:metadata": {"f:annotations": {"f:JobID": {}}}});
    let managers: Vec<_> =
        (0..count).map(|index| json!({"manager": format!("m{index}"), "fieldsV1": fields})).collect();
    let metadata = json!({"annotations": {"JobID": "1"}, "resourceVersion": "7", "managedFields": managers});
    payload(&AdmissionRequest::audit(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata})))
}

/// A pod with many tolerations, with a policy that looks for one of a virtual node.
fn tolerations(count: usize) -> Vec<u8> {
    let tolerations: Vec<_> =
        (0..count).map(|index| json!({"key": format!("k{index}"), "operator": "Exists"})).collect();
    let metadata = json!({"annotations": {"JobID": "1"}});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"tolerations": tolerations}});
    let settings = json!({"scope": "VirtualNodePods", "virtualNodes": {"names": ["hpc"]}});
    AdmissionRequest::create(pod).payload(&settings)
}
