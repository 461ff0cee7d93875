//! What becomes of a request: where its annotations are, who sends it, and what an update is blamed for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::rules::{Finding, RULES, Rule, WSTUNNEL_PATH_PREFIX};
use super::settings::{Level, Settings, strings};

/// A response without its messages.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Prediction {
    accepted: bool,
    code: Option<u64>,
    pub(super) violations: BTreeSet<&'static str>,
    pub(super) warnings: BTreeSet<&'static str>,
}

impl Prediction {
    /// Takes the same from the policy's response. A rule that the model does not have is named as such.
    pub(super) fn of_response(response: &Value) -> Self {
        let ids = |annotation: &str| {
            let ids = response["audit_annotations"][annotation].as_str().into_iter().flat_map(|ids| ids.split(','));
            ids.map(|id| RULES.iter().find(|rule| rule.id == id).map_or("a rule that the model lacks", |rule| rule.id))
                .collect()
        };
        Self {
            accepted: response["accepted"] == true,
            code: response["code"].as_u64(),
            violations: ids("violations"),
            warnings: ids("warnings"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Pod,
    Template,
    Binding,
    Node,
    /// An object with a template: its own annotations do not reach the pods.
    Workload,
}

/// A place in the object that has annotations.
pub(super) struct Place<'a> {
    pub(super) path: &'static str,
    pub(super) role: Role,
    pub(super) annotations: BTreeMap<&'a str, &'a str>,
    /// The pod's spec, or null.
    pub(super) spec: &'a Value,
    /// How many pods a template makes at the same time.
    pub(super) pods: u64,
}

pub(super) fn predict(request: &Value, settings: &Value) -> Prediction {
    let settings = Settings::new(settings);
    let username = request["userInfo"]["username"].as_str().unwrap_or_default();
    let namespace = request["namespace"].as_str().unwrap_or_default();
    if is_trusted(username, namespace) {
        return Prediction { accepted: true, ..Prediction::default() };
    }
    let (object, old_object) = (&request["object"], &request["oldObject"]);
    let kind = request["kind"]["kind"].as_str().unwrap_or_default();
    let new_places = places(kind, object, namespace, &settings);
    let old_places = places(kind, old_object, namespace, &settings);

    let mut prediction = Prediction { accepted: true, ..Prediction::default() };
    for rule in RULES {
        for new in &new_places {
            let findings = (rule.check)(new, &settings);
            let Some(old) = old_places.iter().find(|old| old.path == new.path && !old_object.is_null()) else {
                prediction.add(rule, &findings, &settings);
                continue;
            };
            let (kept, introduced): (Vec<_>, Vec<_>) = {
                let old = (rule.check)(old, &settings);
                findings.into_iter().partition(|finding| old.iter().any(|old| finding.was_there(old)))
            };
            prediction.add(rule, &introduced, &settings);
            prediction.add(rule, &(rule.check_update)(old, new, &settings), &settings);
            if new.role == Role::Template && replaces_pods(kind, object, old_object) {
                prediction.warn_of_refused_pods(rule, &kept, &settings);
            }
        }
    }
    prediction
}

impl Prediction {
    fn add(&mut self, rule: &Rule, findings: &[Finding], settings: &Settings) {
        for finding in findings {
            match finding.level(rule, settings) {
                Level::Ignore => {}
                Level::Warn => drop(self.warnings.insert(rule.id)),
                Level::Deny => {
                    self.accepted = false;
                    self.violations.insert(rule.id);
                    // About who may write, rather than about a value.
                    let code = if ["job-id", "managed-annotations"].contains(&rule.id) { 403 } else { 422 };
                    self.code = Some(self.code.map_or(code, |other| other.min(code)));
                }
            }
        }
    }

    /// Warns of what an update of a template keeps, and its new pods will be refused for.
    fn warn_of_refused_pods(&mut self, rule: &Rule, kept: &[Finding], settings: &Settings) {
        if kept.iter().any(|finding| finding.level(rule, settings) == Level::Deny) {
            self.warnings.insert(rule.id);
        }
    }
}

impl Finding {
    fn level(&self, rule: &Rule, settings: &Settings) -> Level {
        match settings.level(rule.id, rule.default) {
            Level::Warn if self.injection => Level::Deny,
            level => level,
        }
    }
}

/// The default trusted writers, and the controllers in shadow namespaces.
fn is_trusted(username: &str, namespace: &str) -> bool {
    match username.strip_prefix("system:serviceaccount:interlink:") {
        Some(account) => account != "default",
        None => {
            ["deployment-controller", "replicaset-controller"]
                .iter()
                .any(|controller| username == format!("system:serviceaccount:kube-system:{controller}"))
                && is_shadow_namespace(namespace)
        }
    }
}

/// Whether a namespace ends in `-wstunnel`, or has 31 characters and ends in what a cut to this length left of it.
fn is_shadow_namespace(namespace: &str) -> bool {
    let cut = ["-wstunne", "-wstunn", "-wstun", "-wstu", "-wst", "-ws", "-w"];
    namespace.ends_with("-wstunnel") || namespace.len() == 31 && cut.iter().any(|end| namespace.ends_with(end))
}

/// Whether an update changes the template that the new pods are made from. A `CronJob`'s Jobs keep theirs.
fn replaces_pods(kind: &str, object: &Value, old_object: &Value) -> bool {
    kind != "CronJob" && object["spec"]["template"] != old_object["spec"]["template"]
}

/// The places in an object that have annotations, with those annotations that the scope covers.
fn places<'a>(kind: &str, object: &'a Value, namespace: &str, settings: &Settings) -> Vec<Place<'a>> {
    let metadata = &object["metadata"];
    let spec = &object["spec"];
    let place = |path: &'static str, role, metadata: &'a Value, pod_spec: &'a Value, pods| {
        let covers_all = matches!(role, Role::Binding | Role::Node | Role::Workload)
            || role == Role::Template && is_shadow_namespace(namespace)
            || in_scope(pod_spec, settings);
        let covers = |key: &str| covers_all || key == WSTUNNEL_PATH_PREFIX;
        let annotations = metadata["annotations"].as_object().into_iter().flatten();
        let annotations =
            annotations.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).filter(|(key, _)| covers(key));
        // Controllers copy a workload's annotations to the objects that they create.
        let is_copy = role == Role::Workload
            && path.is_empty()
            && object["metadata"]["ownerReferences"].as_array().is_some_and(|owners| owners[0]["controller"] == true);
        let annotations = if is_copy { BTreeMap::new() } else { annotations.collect() };
        Place { path, role, annotations, spec: pod_spec, pods }
    };
    let template = &spec["template"];
    let with_template = |pods| {
        vec![
            place("", Role::Workload, metadata, &Value::Null, 0),
            place("spec.template", Role::Template, &template["metadata"], &template["spec"], pods),
        ]
    };
    let number = |value: &Value, default| value.as_u64().unwrap_or(default);
    let pods_of_job = |job: &Value| number(&job["parallelism"], 1).min(number(&job["completions"], u64::MAX));
    match kind {
        "Pod" => vec![place("", Role::Pod, metadata, spec, 1)],
        "Binding" => vec![place("", Role::Binding, metadata, &Value::Null, 1)],
        "Node" => vec![place("", Role::Node, metadata, &Value::Null, 0)],
        "Deployment" | "ReplicaSet" | "StatefulSet" | "ReplicationController" => {
            with_template(number(&spec["replicas"], 1))
        }
        "DaemonSet" => with_template(u64::MAX),
        // A custom resource, of which the policy does not know how many pods it makes.
        "Widget" => with_template(1),
        "PodTemplate" => {
            let template = &object["template"];
            vec![
                place("", Role::Workload, metadata, &Value::Null, 0),
                place("template", Role::Template, &template["metadata"], &template["spec"], 1),
            ]
        }
        "Job" => with_template(pods_of_job(spec)),
        "CronJob" => {
            let job = &spec["jobTemplate"];
            let template = &job["spec"]["template"];
            let overlaps = !["Forbid", "Replace"].map(Value::from).contains(&spec["concurrencyPolicy"]);
            let pods = if overlaps { u64::MAX } else { pods_of_job(&job["spec"]) };
            vec![
                place("", Role::Workload, metadata, &Value::Null, 0),
                place("spec.jobTemplate", Role::Workload, &job["metadata"], &Value::Null, 0),
                place("spec.jobTemplate.spec.template", Role::Template, &template["metadata"], &template["spec"], pods),
            ]
        }
        other => panic!("the generator made a {other}"),
    }
}

/// Whether a pod may run on a virtual node, or the settings do not ask.
fn in_scope(spec: &Value, settings: &Settings) -> bool {
    let tolerates = spec["tolerations"].as_array().into_iter().flatten().any(|toleration| {
        let key = toleration["key"].as_str().unwrap_or_default();
        key.is_empty() || settings.taint_keys.contains(&key)
    });
    let node = spec["nodeName"].as_str().unwrap_or_default();
    let is_virtual = |name: &str| settings.node_names.contains(&name);
    let on_node = if settings.node_names.is_empty() { !node.is_empty() } else { is_virtual(node) };
    let selects = spec["nodeSelector"]["kubernetes.io/hostname"].as_str().is_some_and(is_virtual);
    let affinity = &spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let requires = affinity["nodeSelectorTerms"].as_array().into_iter().flatten().any(|term| {
        [("matchExpressions", "kubernetes.io/hostname"), ("matchFields", "metadata.name")].iter().any(|(list, key)| {
            term[list].as_array().into_iter().flatten().any(|requirement| {
                requirement["key"] == *key
                    && requirement["operator"] == "In"
                    && strings(&requirement["values"]).into_iter().any(is_virtual)
            })
        })
    });
    !settings.virtual_node_pods || tolerates || on_node || selects || requires
}
