//! Random requests: objects, changes to them, requesters and settings.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::rules::RULES;

/// How many numbers a request is made from. Each has eight bytes.
pub(super) const LENGTH: usize = 20;

/// Random bytes, each of which decides something. Smaller bytes choose what is simpler, so that proptest can shrink a
/// request; after the last byte, the simplest is chosen.
pub(super) struct Choices(std::vec::IntoIter<u8>);

impl Choices {
    pub(super) fn new(numbers: &[u64]) -> Self {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        Self(bytes.into_iter())
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.0.next().unwrap_or(0)) % limit
    }

    fn pick<T: Copy>(&mut self, options: &[T]) -> T {
        options[self.below(options.len())]
    }

    pub(super) fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == number - 1
    }

    /// Joins some of the options.
    fn list(&mut self, options: &[&str], most: usize) -> String {
        let parts: Vec<_> = (0..self.below(most + 1)).map(|_| self.pick(options)).collect();
        parts.join(",")
    }
}

/// A value of an annotation, valid or not.
fn value(key: &str, choices: &mut Choices) -> String {
    let text = match key {
        "interlink.eu/pod-vpn" => choices.pick(&["true", "true", "true", "", "false", " true", "True"]),
        "interlink.eu/pod-ip" => choices.pick(&[
            "10.200.1.50",
            "10.200.1.51",
            "10.200.1.2",
            "10.200.1.1",
            "10.200.1.250",
            "10.200.1.251",
            "10.200.0.0",
            "10.200.0.1",
            "10.200.0.2",
            "10.200.255.255",
            "10.200.1.100",
            "10.96.0.4",
            "10.96.0.5",
            "10.96.0.6",
            "10.96.0.7",
            "10.96.0.8",
            "192.0.2.7",
            "192.0.2.8",
            "fd00::5",
            "FD00:0::5",
            "fd00::",
            "2001:db8::1",
            "::ffff:10.200.1.50",
            "::10.200.1.50",
            "fe80::1%eth0",
            "[fd00::5]",
            "10.200.1.50/16",
            " 10.200.1.50",
            "010.200.1.50",
            "10.200.1",
            "$(id)",
            "",
        ]),
        "interlink.virtual-kubelet.io/wstunnel-timeout" => return timeout(choices),
        "interlink.eu/wstunnel-extra-ports" => return choices.list(&EXTRA_PORTS, 4),
        "interlink.eu/mesh-network" => {
            choices.pick(&["disabled", " Disabled\n", "di\u{17f}abled", "off", "", "d\u{131}sabled"])
        }
        "interlink.eu/shadow-same-ns" => choices.pick(&["true", "true", "yes", "True", "true\n", ""]),
        "interlink.eu/wg-mtu" | "interlink.eu/wg-keepalive-seconds" => choices.pick(&[
            "1420",
            "25",
            " 1\n",
            "+7",
            "0",
            "-0",
            "-1",
            "65535",
            "65536",
            "9223372036854775808",
            "1420.0",
            "25s",
            "",
        ]),
        "interlink.eu/wg-peer-public-key" | "interlink.eu/wg-private-key" => choices.pick(&[
            "YW4gZXhhbXBsZSBvZiBhIHB1YmxpYyBrZXkhISEhISE=",
            "c2hvcnQ=",
            "",
            " ",
            "c2VjcmV0\n",
            "c2VjcmV0\n  PostUp = id",
            "c2VjcmV0 --- {}",
            "c2\u{85}VjcmV0",
            "c2\u{2029}VjcmV0",
        ]),
        "interlink.eu/disable-offload-containers" | "interlink.eu/disable-offload-init-containers" => {
            return choices.list(&["sidecar", "fetch", "main", " sidecar\n", "", "sidcar", "Main", "unpack"], 3);
        }
        _ => choices.pick(&["a", "b", ""]),
    };
    text.to_owned()
}

const EXTRA_PORTS: [&str; 51] = [
    "8080",
    "9090:api",
    "9091:metrics",
    "53:dns:UDP",
    "53:dns-tcp",
    "80",
    "80:http",
    "80:web:tcp",
    "80:web:",
    "443:https",
    "5353:mdns:udp",
    "8080:page",
    "8081:api",
    " +8082:a ",
    "08080:b",
    "\u{a0}7000:c\n",
    "",
    " ",
    "9092",
    "9093:",
    "9093:d:",
    "5353::udp",
    "5353:udp",
    "http",
    "0:none",
    "65535:high",
    "65536:higher",
    "4294975376:overflow",
    "-1:minus",
    "9000:ws",
    "9001:vpn",
    "9002:webhook",
    "9003:on",
    "9003:null",
    "9003:y",
    "9003:1e5",
    "9003:1e-5",
    "9003:0x1f",
    "9003:12",
    "9004:abcdefghijklmno",
    "9004:abcdefghijklmnop",
    "9005:a--b",
    "9005:-a",
    "9005:A",
    "3868:diameter:SCTP",
    "8080:web:TCP:80",
    "9006:web\n---",
    "9006:a---b",
    "9006:a\u{2028}b",
    "9007:tcp",
    "9006:web\u{7}",
];

fn timeout(choices: &mut Choices) -> String {
    let odd =
        ["", "0", "60", "1d", "2 m", "1.5", "s", ".s", "1..5s", "1e3s", "soon", "\u{661}s", "9223372036854775808ns"];
    if choices.one_in(4) {
        return choices.pick(&odd).to_owned();
    }
    let sign = choices.pick(&["", "", "", "", "+", "-"]);
    let parts = (0..=choices.below(2)).map(|_| {
        let number =
            choices.pick(&["30", "2", "1", "1.5", ".5", "0", "10", "5.", "600", "00045", "999", "0.9999999999"]);
        let unit = choices.pick(&["s", "m", "s", "ms", "h", "us", "\u{b5}s", "\u{3bc}s", "ns"]);
        format!("{number}{unit}")
    });
    format!("{sign}{}", parts.collect::<String>())
}

const KEYS: [&str; 48] = [
    "interlink.eu/pod-vpn",
    "interlink.eu/pod-ip",
    "interlink.virtual-kubelet.io/wstunnel-timeout",
    "interlink.eu/wstunnel-extra-ports",
    "interlink.eu/shadow-same-ns",
    "interlink.eu/mesh-network",
    "interlink.eu/wg-mtu",
    "interlink.eu/wg-keepalive-seconds",
    "interlink.eu/wg-peer-public-key",
    "interlink.eu/wg-private-key",
    "interlink.eu/disable-offload-containers",
    "interlink.eu/disable-offload-init-containers",
    // These again, because there is most to get wrong about them.
    "interlink.eu/pod-vpn",
    "interlink.eu/pod-ip",
    "interlink.eu/pod-ip",
    "interlink.virtual-kubelet.io/wstunnel-timeout",
    "interlink.eu/wstunnel-extra-ports",
    "interlink.eu/shadow-same-ns",
    "interlink.eu/mesh-network",
    "interlink.eu/disable-offload-containers",
    "JobID",
    "interlink.eu/wstunnel-client-commands",
    "interlink.eu/rathole-client-commands",
    "interlink.virtual-kubelet.io/-client-commands",
    "interlink.eu/wstunnel-path-prefix",
    "interlink.eu/pod-subnet",
    "interlink.eu/wireguard-client-snippet",
    "interlink.virtual-kubelet.io/ping-response",
    "interlink.eu/gang-token",
    "interlink.eu/original-metadata",
    "interlink.eu/pod-vpm",
    "interlink.eu/client-commands",
    "interlink.eu/",
    "Interlink.EU/pod-vpn",
    "interlin\u{212a}.eu/pod-vpn",
    "interlin\u{212a}.eu/ssh-client-commands",
    "\u{130}nterlink.virtual-kubelet.io/JobID",
    "slurm-job.vk.io/flags",
    "slurm-job.vk.io/pre-exec",
    "docker-options.vk.io/flags",
    "docker-options.vk.io/network",
    "a.fuse-vk.io/data",
    "htcondor-job.knoc.io/image-root",
    "job.vk.io/x",
    "Slurm-Job.vk.io/flags",
    "example.com/x",
    "example.com/JobID",
    "jobid",
];

type Annotations = BTreeMap<&'static str, String>;

fn annotate(annotations: &mut Annotations, choices: &mut Choices) {
    let key = choices.pick(&KEYS);
    annotations.insert(key, value(key, choices));
}

/// An object, before it is written as JSON.
#[derive(Clone)]
pub(super) struct Draft {
    kind: &'static str,
    namespace: &'static str,
    /// The annotations of the pod, the template, the Binding or the Node.
    annotations: Annotations,
    /// Those of a workload itself, and of a CronJob's Jobs.
    own: [Annotations; 2],
    has_controller: bool,
    label: usize,
    template_label: usize,
    image: usize,
    main_ports: usize,
    init_ports: usize,
    sidecar: Option<&'static str>,
    node: Option<&'static str>,
    placement: usize,
    replicas: Option<u64>,
    completions: Option<u64>,
    concurrency: Option<&'static str>,
}

const PODS: [Option<u64>; 5] = [None, Some(1), Some(2), Some(3), Some(0)];

pub(super) fn draft(choices: &mut Choices) -> Draft {
    let kind = choices.pick(&[
        "Pod",
        "Pod",
        "Pod",
        "Pod",
        "Pod",
        "Pod",
        "Deployment",
        "Deployment",
        "StatefulSet",
        "Job",
        "CronJob",
        "ReplicaSet",
        "ReplicationController",
        "DaemonSet",
        "PodTemplate",
        "Widget",
        "Binding",
        "Node",
    ]);
    let mut draft = Draft {
        kind,
        namespace: choices.pick(&[
            "default",
            "default",
            "default",
            "physics-wstunnel",
            "computational-chemistry-b-wstun",
            "computational-wstun",
            "interlink",
        ]),
        annotations: Annotations::new(),
        own: [Annotations::new(), Annotations::new()],
        has_controller: choices.one_in(5),
        label: 0,
        template_label: 0,
        image: 0,
        main_ports: choices.below(PORTS),
        init_ports: if choices.one_in(4) { choices.below(PORTS) } else { 0 },
        sidecar: choices.pick(&[None, Some("sidecar")]),
        node: choices.pick(&NODES),
        placement: choices.below(PLACEMENTS),
        replicas: choices.pick(&PODS),
        completions: choices.pick(&PODS),
        concurrency: choices.pick(&[None, Some("Forbid"), Some("Replace"), Some("Allow")]),
    };
    for _ in 0..choices.below(7) {
        annotate(&mut draft.annotations, choices);
    }
    if choices.one_in(4) {
        annotate(&mut draft.own[0], choices);
        annotate(&mut draft.own[1], choices);
    }
    draft
}

const NODES: [Option<&str>; 4] = [None, Some("hpc"), Some("worker"), Some("")];

/// Changes up to four things of an object.
pub(super) fn change(draft: &Draft, choices: &mut Choices) -> Draft {
    let mut draft = draft.clone();
    for _ in 0..choices.below(5) {
        match choices.below(20) {
            0..=6 => annotate(&mut draft.annotations, choices),
            7..=9 => {
                let keys: Vec<_> = draft.annotations.keys().copied().collect();
                if !keys.is_empty() {
                    draft.annotations.remove(choices.pick(&keys));
                }
            }
            10 | 11 => {
                let keys: Vec<_> = draft.annotations.keys().copied().collect();
                if !keys.is_empty() {
                    let key = choices.pick(&keys);
                    draft.annotations.insert(key, value(key, choices));
                }
            }
            12 => annotate(&mut draft.own[choices.below(2)], choices),
            13 => draft.label = choices.below(3),
            14 => draft.template_label = choices.below(3),
            15 => draft.image = choices.below(3),
            16 => draft.main_ports = choices.below(PORTS),
            17 => draft.sidecar = choices.pick(&[None, Some("sidecar"), Some("proxy")]),
            18 => {
                draft.placement = choices.below(PLACEMENTS);
                draft.node = if choices.one_in(3) { choices.pick(&NODES) } else { draft.node };
            }
            _ => {
                draft.replicas = choices.pick(&PODS);
                draft.completions = choices.pick(&PODS);
                draft.concurrency = choices.pick(&[None, Some("Forbid"), Some("Replace"), Some("Allow")]);
            }
        }
    }
    draft
}

const PORTS: usize = 6;

fn ports(choice: usize) -> Value {
    match choice {
        0 => Value::Null,
        1 => json!([]),
        2 => json!([{"containerPort": 80}]),
        3 => json!([{"containerPort": 80, "name": "http"}, {"containerPort": 443, "name": "api", "protocol": "TCP"}]),
        4 => json!([{"containerPort": 53, "name": "dns", "protocol": "UDP"}]),
        _ => json!([{"containerPort": 8080, "name": "page"}]),
    }
}

const PLACEMENTS: usize = 10;

/// Tolerations, node selectors and affinities.
fn placement(choice: usize, spec: &mut Value) {
    let affinity = |term: Value| json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}});
    let host = |operator| json!([{"key": "kubernetes.io/hostname", "operator": operator, "values": ["worker", "hpc"]}]);
    let (field, value) = match choice {
        0 => return,
        1 => ("tolerations", json!([{"key": "virtual-node.interlink/no-schedule", "operator": "Exists"}])),
        2 => ("tolerations", json!([{"operator": "Exists"}])),
        3 => ("tolerations", json!([{"key": "example.com/hpc", "value": "1"}])),
        4 => ("tolerations", json!([{"key": "example.com/gpu", "value": "virtual-node.interlink/no-schedule"}])),
        5 => ("nodeSelector", json!({"kubernetes.io/hostname": "hpc", "disk": "ssd"})),
        6 => ("nodeSelector", json!({"example.com/hostname": "hpc"})),
        7 => ("affinity", affinity(json!({"matchExpressions": host("In")}))),
        8 => ("affinity", affinity(json!({"matchExpressions": host("NotIn")}))),
        _ => (
            "affinity",
            affinity(json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["hpc"]}]})),
        ),
    };
    spec[field] = value;
}

impl Draft {
    pub(super) fn object(&self) -> Value {
        let mut spec = json!({
            "initContainers": [{"name": "fetch", "image": "busybox", "ports": ports(self.init_ports)}],
            "containers": [{"name": "main", "image": format!("app:{}", self.image), "ports": ports(self.main_ports)}],
        });
        if let Some(name) = self.sidecar {
            spec["containers"].as_array_mut().expect("a list").push(json!({"name": name, "image": "busybox"}));
        }
        if let Some(node) = self.node {
            spec["nodeName"] = node.into();
        }
        placement(self.placement, &mut spec);
        let metadata = |annotations: &Annotations, label: usize| {
            let labels = json!({"label": label.to_string()});
            json!({"name": "x", "namespace": self.namespace, "labels": labels, "annotations": annotations})
        };
        let template = json!({"metadata": metadata(&self.annotations, self.template_label), "spec": spec.clone()});
        let own = if ["Pod", "Binding", "Node"].contains(&self.kind) { &self.annotations } else { &self.own[0] };
        let (api_version, spec) = match self.kind {
            "Pod" => ("v1", spec),
            "Binding" | "Node" | "PodTemplate" => ("v1", Value::Null),
            "ReplicationController" => ("v1", json!({"replicas": self.replicas, "template": template})),
            "Widget" => ("example.com/v1", json!({"replicas": self.replicas, "template": template})),
            "DaemonSet" => ("apps/v1", json!({"template": template})),
            "Job" => ("batch/v1", self.job(&template)),
            "CronJob" => {
                let job = json!({"metadata": metadata(&self.own[1], 0), "spec": self.job(&template)});
                let spec = json!({"concurrencyPolicy": self.concurrency, "jobTemplate": job});
                ("batch/v1", spec)
            }
            _ => ("apps/v1", json!({"replicas": self.replicas, "template": template})),
        };
        let mut object = json!({"apiVersion": api_version, "kind": self.kind, "metadata": metadata(own, self.label)});
        if self.has_controller {
            object["metadata"]["ownerReferences"] =
                json!([{"kind": "Owner", "name": "x", "uid": "1", "controller": true}]);
        }
        if self.kind == "PodTemplate" {
            object["template"] = template.clone();
        }
        if self.kind == "Node" {
            object["metadata"]["namespace"].take();
        }
        if !spec.is_null() {
            object["spec"] = spec;
        }
        object
    }

    fn job(&self, template: &Value) -> Value {
        json!({"parallelism": self.replicas, "completions": self.completions, "template": template})
    }
}

pub(super) fn requester(choices: &mut Choices) -> &'static str {
    choices.pick(&[
        "alice",
        "alice",
        "alice",
        "alice",
        "alice",
        "alice",
        "alice",
        "alice",
        "alice",
        "alice",
        "alice",
        "alice",
        "system:serviceaccount:interlink:hpc",
        "system:serviceaccount:interlink:default",
        "system:serviceaccount:hpc:vk",
        "system:serviceaccount:kube-system:replicaset-controller",
        "system:serviceaccount:kube-system:deployment-controller",
        "system:serviceaccount:kube-system:job-controller",
    ])
}

pub(super) fn settings(choices: &mut Choices) -> Value {
    let mut settings = json!({});
    if choices.one_in(3) {
        settings["scope"] = "VirtualNodePods".into();
    }
    match choices.below(4) {
        0 | 1 => {}
        2 => settings["virtualNodes"] = json!({"names": ["hpc"]}),
        _ => settings["virtualNodes"] = json!({"names": ["hpc", "vk"], "taintKeys": ["example.com/hpc"]}),
    }
    let mut pod_ip = json!({});
    let cidrs = choices.pick(&[
        &["10.200.0.0/16", "fd00::/8"][..],
        &["10.200.0.0/16"],
        &[],
        &["10.96.0.4/30", "10.200.1.0/24", "10.200.0.0/16"],
        &["192.0.2.7/32", "10.96.0.4/31", "10.96.0.8/29"],
        &["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"],
    ]);
    pod_ip["cidrs"] = json!(cidrs);
    match choices.below(6) {
        0..=2 => {}
        3 => pod_ip["octetRange"] = json!({}),
        4 => pod_ip["octetRange"] = json!({"min": 51, "max": 255}),
        _ => pod_ip["octetRange"] = json!({"min": 1}),
    }
    if choices.one_in(3) {
        pod_ip["allowReserved"] = true.into();
    }
    settings["podIP"] = pod_ip;
    if choices.one_in(4) {
        settings["fullMesh"] = true.into();
    }
    if choices.one_in(2) {
        settings["knownAnnotations"] = json!(["interlink.eu/original-metadata"]);
    }
    if choices.one_in(2) {
        settings["managedAnnotations"] = json!(["interlink.eu/gang-token"]);
    }
    if choices.one_in(3) {
        settings["pluginAnnotations"] = json!({"allowed": ["slurm-job.vk.io/flags"]});
    }
    match choices.below(4) {
        0 | 1 => {}
        2 => settings["wstunnelTimeout"] = json!({"min": "30s", "max": "2m"}),
        _ => settings["wstunnelTimeout"] = json!({"max": "1.5h"}),
    }
    let levels = [None, None, None, Some("Deny"), Some("Deny"), Some("Warn"), Some("Warn"), Some("Ignore")];
    let rules = RULES.iter().filter_map(|rule| Some((rule.id.to_owned(), choices.pick(&levels)?.into())));
    settings["rules"] = Value::Object(rules.collect());
    settings
}
