//! Checks the metadata for Kubewarden and Artifact Hub against the code and each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use interlink_annotations_policy::kinds::{KINDS, Kind, Role};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const METADATA: &str = include_str!("../../../policy-metadata.yml");
const PACKAGE: &str = include_str!("../../../artifacthub-pkg.yml");
const REPOSITORY: &str = include_str!("../../../artifacthub-repo.yml");
const QUESTIONS: &str = include_str!("../../../questions-ui.yml");
const README: &str = include_str!("../../../README.md");
const INSTALL: &str = include_str!("../../../docs/install.md");
const USAGE: &str = include_str!("../../../USAGE.md");

/// The annotations that kwctl reads. It ignores a mistyped one.
const ANNOTATIONS: [&str; 13] = [
    "io.artifacthub.displayName",
    "io.artifacthub.keywords",
    "io.artifacthub.resources",
    "io.kubewarden.policy.author",
    "io.kubewarden.policy.category",
    "io.kubewarden.policy.description",
    "io.kubewarden.policy.license",
    "io.kubewarden.policy.ociUrl",
    "io.kubewarden.policy.severity",
    "io.kubewarden.policy.source",
    "io.kubewarden.policy.title",
    "io.kubewarden.policy.url",
    "io.kubewarden.policy.version",
];

/// The metadata, in the fields that kwctl knows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Metadata {
    rules: Vec<Rule>,
    mutating: bool,
    context_aware_resources: Vec<Value>,
    host_capabilities: Vec<String>,
    background_audit: bool,
    execution_mode: String,
    policy_type: String,
    minimum_kubewarden_version: String,
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    api_groups: Vec<String>,
    api_versions: Vec<String>,
    resources: Vec<String>,
    operations: Vec<String>,
}

impl Metadata {
    fn read() -> Self {
        yaml(METADATA)
    }

    /// Returns an annotation, by the end of its key.
    fn get(&self, name: &str) -> &str {
        let key = ANNOTATIONS.iter().find(|key| key.ends_with(&format!(".{name}"))).unwrap();
        &self.annotations[*key]
    }

    /// Returns the reference under which this version is published.
    fn image(&self) -> String {
        format!("{}:v{}", self.get("ociUrl"), self.get("version"))
    }
}

fn yaml<T: DeserializeOwned>(text: &str) -> T {
    yaml_serde::from_str(text).unwrap()
}

#[test]
fn the_metadata_is_complete() {
    let metadata = Metadata::read();
    assert!(metadata.annotations.keys().eq(ANNOTATIONS), "{:?}", metadata.annotations);
    assert_eq!(metadata.get("version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(metadata.get("license"), env!("CARGO_PKG_LICENSE"));
    assert!(["info", "low", "medium", "high", "critical"].contains(&metadata.get("severity")));
    assert_eq!((&*metadata.execution_mode, &*metadata.policy_type), ("kubewarden-wapc", "kubernetes"));
    assert!(metadata.background_audit);
    let numbers: Vec<u32> = metadata.minimum_kubewarden_version.split('.').map(|it| it.parse().unwrap()).collect();
    let [major, minor, _] = numbers[..] else { panic!("{numbers:?}") };
    assert!(README.contains(&format!("| {major}.{minor} or newer |")), "README has another minimum of Kubewarden");
    assert!(!metadata.mutating);
    let resource = |kind| json!({"apiVersion": "v1", "kind": kind});
    assert_eq!(metadata.context_aware_resources, ["Node", "Pod"].map(resource));
    assert_eq!(metadata.host_capabilities, ["kubernetes/list_resources_all"]);
}

/// The other kinds are matched by deploy/hardening.yaml only. No controller creates pods from a PodTemplate.
#[test]
fn the_metadata_matches_every_kind_of_pod_and_template() {
    let metadata = Metadata::read();
    let has_pods =
        |kind: &&Kind| matches!(kind.pod_location().role, Role::Pod | Role::PodTemplate) && kind.name != "PodTemplate";
    let kinds = || KINDS.iter().filter(has_pods);
    let mut matched = BTreeSet::new();
    for rule in &metadata.rules {
        assert_eq!(rule.api_versions, ["v1"]);
        assert_eq!(rule.operations, ["CREATE", "UPDATE"]);
        for group in &rule.api_groups {
            matched.extend(rule.resources.iter().map(|resource| (group.clone(), resource.clone())));
        }
    }
    let expected = kinds().map(|kind| (kind.group.to_owned(), kind.name.to_lowercase() + "s"));
    assert_eq!(matched, expected.collect());
    assert_eq!(metadata.get("resources"), kinds().map(|kind| kind.name).collect::<Vec<_>>().join(", "));
}

/// Compares the file with what `make artifacthub-pkg.yml` would write, without kwctl. e2e-tests/kwctl.bats uses kwctl.
#[test]
fn the_artifact_hub_package_repeats_the_metadata() {
    let (metadata, package): (_, Value) = (Metadata::read(), yaml(PACKAGE));
    let image = metadata.image();
    let expected = json!({
        "version": metadata.get("version"),
        "name": metadata.get("title"),
        "displayName": metadata.get("displayName"),
        "description": metadata.get("description"),
        "license": metadata.get("license"),
        "homeURL": metadata.get("url"),
        "keywords": metadata.get("keywords").split(", ").collect::<Vec<_>>(),
        "containersImages": [{"name": "policy", "image": image}],
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(package[field], *value, "{field}; run: make artifacthub-pkg.yml");
    }
    let install = package["install"].as_str().unwrap();
    assert!(install.contains(&format!(" {image}\n")) && install.contains(&format!(" registry://{image}\n")));
    assert!(package["links"].as_array().unwrap().contains(&json!({"name": "source", "url": metadata.get("source")})));
    let annotations = &package["annotations"];
    assert_eq!(annotations["kubewarden/mutation"], metadata.mutating.to_string());
    assert_eq!(annotations["kubewarden/resources"], metadata.get("resources"));
    for field in ["rules", "contextAwareResources"] {
        let repeated: Value = yaml(annotations[format!("kubewarden/{field}")].as_str().unwrap());
        assert_eq!(repeated, yaml::<Value>(METADATA)[field], "{field}; run: make artifacthub-pkg.yml");
    }
    assert!(annotations["kubewarden/questions-ui"] == QUESTIONS, "questions-ui.yml; run: make artifacthub-pkg.yml");
}

#[test]
fn the_author_is_the_owner_and_maintainer() {
    let (package, repository): (Value, Value) = (yaml(PACKAGE), yaml(REPOSITORY));
    assert_eq!(repository["owners"], package["maintainers"]);
    let text = |owner: &Value, field| owner[field].as_str().unwrap().to_owned();
    let authors = repository["owners"].as_array().unwrap().iter();
    let authors: Vec<_> = authors.map(|owner| format!("{} <{}>", text(owner, "name"), text(owner, "email"))).collect();
    assert_eq!(authors.join(", "), Metadata::read().get("author"));
}

/// Artifact Hub and kwctl show the page outside of the repository.
#[test]
fn the_usage_links_to_this_version() {
    let metadata = Metadata::read();
    let links: Vec<_> = USAGE.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 2, "{links:?}");
    for link in links.into_iter().filter(|link| *link != "https://github.com/interlink-hq/interLink") {
        let file = ["blob", "tree"].iter().find_map(|view| {
            link.strip_prefix(&format!("{}/{view}/v{}/", metadata.get("source"), metadata.get("version")))
        });
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        assert!(file.is_some_and(|file| root.join(file).exists()), "{link}");
    }
}

#[test]
fn the_installation_uses_the_published_reference() {
    let image = Metadata::read().image();
    let (registry, _) = image.split_once('/').unwrap();
    let named = INSTALL.split("registry://").skip(1).filter_map(|rest| rest.split_whitespace().next());
    let named: BTreeSet<_> = named.filter(|module| module.starts_with(registry)).collect();
    assert_eq!(named, BTreeSet::from([&*image]));
}
