//! Checks the manifests in `deploy/` against Kubewarden's types, the module, its metadata and the kinds it knows.

use std::collections::BTreeMap;
use std::fs;

use interlink_annotations_policy::kinds::{KINDS, Role};
use interlink_annotations_policy::settings::{ClusterReads, Settings};
use interlink_audit::host::Module;
use interlink_audit::policy_settings;
use kubewarden_policy_sdk::crd::policies::{AdmissionPolicy, ClusterAdmissionPolicy};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/");

fn read<T: DeserializeOwned>(file: &str) -> T {
    let text = fs::read_to_string(FOLDER.to_owned() + file).unwrap();
    yaml_serde::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn are_valid_for_kubewarden_and_the_module() {
    let module = Module::built_in().unwrap().start().unwrap();
    let spec = |file| read::<ClusterAdmissionPolicy>(file).spec.unwrap();
    let modules = [
        ("namespace.yaml", read::<AdmissionPolicy>("namespace.yaml").spec.unwrap().module),
        ("monitor.yaml", spec("monitor.yaml").module),
        ("protect.yaml", spec("protect.yaml").module),
        ("hardening.yaml", spec("hardening.yaml").module),
        ("custom-resources.yaml", spec("custom-resources.yaml").module),
    ];
    let address =
        concat!("registry://registry.example.org/policies/interlink-annotations:v", env!("CARGO_PKG_VERSION"));
    for (file, named) in modules {
        assert_eq!(named, address, "{file}");
        let settings = policy_settings::from_manifest(&(FOLDER.to_owned() + file), None, &module).unwrap();
        let settings_value: Value = serde_json::from_slice(&settings.text).unwrap();
        assert_eq!(settings_value, json!({"podIP": {"cidrs": []}}), "{file}");
        assert!(settings.remarks.iter().all(|remark| !remark.is_warning), "{file}: {:?}", settings.remarks);
    }
}

/// The audit scanner copies them from the policy's annotations to the reports.
#[test]
fn have_the_category_and_severity_of_the_metadata() {
    let metadata: Value = yaml_serde::from_str(include_str!("../../../policy-metadata.yml")).unwrap();
    for file in ["monitor.yaml", "protect.yaml", "namespace.yaml", "hardening.yaml", "custom-resources.yaml"] {
        for name in ["io.kubewarden.policy.category", "io.kubewarden.policy.severity"] {
            let annotations = &read::<Value>(file)["metadata"]["annotations"];
            assert_eq!(annotations[name], metadata["annotations"][name], "{file}");
        }
    }
}

#[test]
fn differ_only_in_mode_and_scope() {
    let [monitor, protect, namespaced] = ["monitor.yaml", "protect.yaml", "namespace.yaml"].map(read::<Value>);
    assert_eq!(protect["spec"]["mode"], "protect");
    let mut expected = protect.clone();
    expected["spec"]["mode"] = "monitor".into();
    assert_eq!(monitor, expected);
    let mut expected = protect;
    expected["kind"] = "AdmissionPolicy".into();
    expected["metadata"]["namespace"] = "physics".into();
    assert_eq!(namespaced, expected);
}

/// Returns the resources that rules match, as `group/resource`, with their versions and operations.
fn matched_resources(rules: &Value) -> BTreeMap<String, [Vec<String>; 2]> {
    let mut resources = BTreeMap::new();
    for rule in rules.as_array().unwrap() {
        let texts = |name| serde_json::from_value::<Vec<String>>(rule[name].clone()).unwrap();
        for group in texts("apiGroups") {
            for resource in texts("resources") {
                resources.insert(format!("{group}/{resource}"), [texts("apiVersions"), texts("operations")]);
            }
        }
    }
    resources
}

#[test]
fn match_every_kind_together() {
    let metadata: Value = yaml_serde::from_str(include_str!("../../../policy-metadata.yml")).unwrap();
    let [protect, hardening] = ["protect.yaml", "hardening.yaml"].map(|file| read::<Value>(file)["spec"].take());
    assert_eq!(protect["rules"], metadata["rules"]);
    let [mut usual, mut hardening] = [protect, hardening].map(|spec| matched_resources(&spec["rules"]));
    // No controller creates pods from a PodTemplate, and Kubewarden rejects an AdmissionPolicy that matches it.
    for kind in KINDS.iter().filter(|kind| kind.name != "PodTemplate") {
        let resource = format!("{}/{}s", kind.group, kind.name.to_lowercase());
        let (rules, operations) = match kind.pod_location().role {
            Role::Pod | Role::PodTemplate | Role::Workload => (&mut usual, vec!["CREATE", "UPDATE"]),
            Role::Binding => (&mut hardening, vec!["CREATE"]),
            Role::Node => (&mut hardening, vec!["CREATE", "UPDATE"]),
        };
        assert!(rules.remove(&resource).is_some_and(|[_, matched]| matched == operations), "{resource}");
    }
    assert!(usual.is_empty(), "{usual:?}");
    assert_eq!(hardening.keys().collect::<Vec<_>>(), ["/nodes/status", "/pods/binding", "/pods/status"]);
}

/// Since version 1.38, Kubewarden rejects an `AdmissionPolicy` as a whole if it matches a resource outside of the list in its
/// configuration; these are on the default list.
#[test]
fn match_in_a_namespace_only_what_kubewarden_allows() {
    const ALLOWED: [&str; 8] = [
        "/pods",
        "/replicationcontrollers",
        "apps/daemonsets",
        "apps/deployments",
        "apps/replicasets",
        "apps/statefulsets",
        "batch/cronjobs",
        "batch/jobs",
    ];
    let spec = read::<Value>("namespace.yaml")["spec"].take();
    let resources = matched_resources(&spec["rules"]);
    assert!(resources.keys().all(|resource| ALLOWED.contains(&&**resource)), "{:?}", resources.keys());
}

/// Conditions would skip annotations: CEL cannot search an object.
#[test]
fn match_custom_resources_without_conditions() {
    let mut spec = read::<Value>("custom-resources.yaml")["spec"].take();
    assert_eq!(spec["matchConditions"], Value::Null);
    for (resource, [_, operations]) in matched_resources(&spec["rules"].take()) {
        let (group, _) = resource.split_once('/').unwrap();
        assert!(KINDS.iter().all(|kind| kind.group != group), "{resource}");
        assert_eq!(operations, ["CREATE", "UPDATE"], "{resource}");
    }
}

#[test]
fn let_the_audit_scanner_list_only_what_it_can() {
    let [protect, hardening] = ["protect.yaml", "hardening.yaml"].map(|file| read::<Value>(file)["spec"].take());
    assert_eq!(protect["backgroundAudit"], Value::Null);
    // It reports an error for a subresource, and skips rules that match every version.
    assert!(matched_resources(&protect["rules"]).keys().all(|resource| resource.matches('/').count() == 1));
    assert_eq!(hardening["backgroundAudit"], false);
    assert!(matched_resources(&hardening["rules"]).values().all(|[versions, _]| *versions == ["*"]));
}

/// The API server evaluates it without Kubewarden, so one policy is enough for all objects.
#[test]
fn match_the_same_objects_without_kubewarden() {
    let text = fs::read_to_string(FOLDER.to_owned() + "vap.yaml").unwrap();
    let documents: Vec<Value> =
        yaml_serde::Deserializer::from_str(&text).map(|document| Value::deserialize(document).unwrap()).collect();
    let [policy, binding] = documents.as_slice() else { panic!("{documents:?}") };
    assert_eq!(binding["spec"], json!({"policyName": policy["metadata"]["name"], "validationActions": ["Deny"]}));
    let operations = |rules: &Value| {
        let resources = matched_resources(rules).into_iter();
        resources.map(|(resource, [_, operations])| (resource, operations)).collect::<BTreeMap<_, _>>()
    };
    let [mut expected, hardening] =
        ["protect.yaml", "hardening.yaml"].map(|file| operations(&read::<Value>(file)["spec"]["rules"]));
    expected.extend(hardening);
    assert_eq!(operations(&policy["spec"]["matchConstraints"]["resourceRules"]), expected);
}

#[test]
fn kustomize_to_both_policies_in_monitor_mode() {
    let kustomization: Value = read("kustomization.yaml");
    let patch = &kustomization["patches"][0];
    let [monitor, mut hardening] = ["monitor.yaml", "hardening.yaml"].map(read::<Value>);
    hardening["spec"]["mode"] = "monitor".into();
    let built = kustomization["resources"].as_array().unwrap().iter().map(|resource| {
        let mut policy: Value = read(resource.as_str().unwrap());
        assert_eq!(policy["kind"], patch["target"]["kind"]);
        let patch: Value = yaml_serde::from_str(patch["patch"].as_str().unwrap()).unwrap();
        merge(&mut policy["spec"], &patch["spec"]);
        policy
    });
    assert_eq!(built.collect::<Vec<_>>(), [monitor, hardening]);
}

#[test]
fn the_component_lets_the_policies_read_what_they_need() {
    let metadata: Value = yaml_serde::from_str(include_str!("../../../policy-metadata.yml")).unwrap();
    let component: Value = read("cluster/kustomization.yaml");
    let patch = &component["patches"][0];
    let patched: Value = yaml_serde::from_str(patch["patch"].as_str().unwrap()).unwrap();
    for file in ["protect.yaml", "hardening.yaml"] {
        let mut policy: Value = read(file);
        assert_eq!(policy["kind"], patch["target"]["kind"]);
        merge(&mut policy["spec"], &patched["spec"]);
        assert_eq!(policy["spec"]["contextAwareResources"], metadata["contextAwareResources"]);
        let spec = serde_json::from_value::<ClusterAdmissionPolicy>(policy.clone()).unwrap().spec.unwrap();
        assert_eq!(spec.context_aware_resources.len(), 2);
        let settings = policy["spec"]["settings"].to_string();
        let settings = Settings::parse(settings.as_bytes()).unwrap();
        assert_eq!(settings.cluster, ClusterReads { pod_ip_ranges: true, pod_ip_conflicts: true });
    }
    assert_eq!(component["resources"], json!(["node-reader.yaml"]));
    let reader = fs::read_to_string(FOLDER.to_owned() + "cluster/node-reader.yaml").unwrap();
    let documents: Vec<Value> =
        yaml_serde::Deserializer::from_str(&reader).map(|document| Value::deserialize(document).unwrap()).collect();
    let [role, binding] = documents.as_slice() else { panic!("{documents:?}") };
    assert_eq!(role["rules"], json!([{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]}]));
    assert_eq!(binding["roleRef"]["name"], role["metadata"]["name"]);
}

/// Applies a strategic merge patch without lists.
fn merge(object: &mut Value, patch: &Value) {
    match patch {
        Value::Object(fields) => fields.iter().for_each(|(name, patch)| merge(&mut object[name], patch)),
        value => *object = value.clone(),
    }
}
