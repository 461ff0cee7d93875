//! A cluster that the policy reads through its host.

use std::fs;
use std::path::Path;

use kubewarden_policy_sdk::host_capabilities::kubernetes::ListAllResourcesRequest;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use yaml_serde::Value as Yaml;

/// What a policy finds when it reads the cluster. Exactly one field is set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FakeCluster {
    /// The objects in it. Each answer is a list, as Kubewarden's policy server returns it.
    objects: Option<Vec<Value>>,
    /// The text of every answer.
    answer: Option<String>,
    /// The error of every request.
    error: Option<String>,
    /// The name of a file in `interactions/`, as `kwctl run --record-host-capabilities-interactions` writes it.
    interactions: Option<String>,
}

/// A request and its answer, as kwctl records them.
#[derive(Deserialize)]
struct Exchange {
    request: String,
    response: Recorded,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Recorded {
    Success { payload: String },
    Error { message: String },
}

impl FakeCluster {
    /// A cluster that cannot be read.
    pub fn unreadable() -> Self {
        Self { error: Some("there is no cluster".to_owned()), ..Self::default() }
    }

    /// A cluster that gives this answer to every request.
    pub fn answering(answer: String) -> Self {
        Self { answer: Some(answer), ..Self::default() }
    }

    /// Answers a policy's request.
    ///
    /// # Errors
    /// The error for the policy.
    ///
    /// # Panics
    /// If the request is not one that the host would accept.
    pub fn answer(&self, function: &str, request: &[u8]) -> Result<Vec<u8>, String> {
        assert_eq!(function, "list_resources_all");
        let parsed: ListAllResourcesRequest = serde_json::from_slice(request).expect("the request has all fields");
        assert_eq!(serde_json::to_vec(&parsed).unwrap(), request, "the host rejects other fields");
        match self {
            Self { objects: Some(objects), answer: None, error: None, interactions: None } => {
                Ok(list(objects, &parsed).to_string().into_bytes())
            }
            Self { answer: Some(answer), objects: None, error: None, interactions: None } => Ok(answer.clone().into()),
            Self { error: Some(error), objects: None, answer: None, interactions: None } => Err(error.clone()),
            Self { interactions: Some(file), objects: None, answer: None, error: None } => replay(file, request),
            _ => panic!("a cluster gives one of objects, answer, error and interactions: {self:?}"),
        }
    }
}

/// Returns the kind that a policy's request asks for.
///
/// # Panics
/// If the request is not one that the host would accept.
pub fn kind(request: &[u8]) -> String {
    let request: ListAllResourcesRequest = serde_json::from_slice(request).expect("the request has all fields");
    request.kind
}

/// Lists objects as the policy server does.
fn list(objects: &[Value], request: &ListAllResourcesRequest) -> Value {
    let is_selected = |object: &&Value| {
        object["apiVersion"] == *request.api_version
            && object["kind"] == *request.kind
            && request.label_selector.as_ref().is_none_or(|label| object["metadata"]["labels"][label].is_string())
    };
    let items: Vec<_> = objects.iter().filter(is_selected).map(|object| prune(object, request)).collect();
    json!({
        "kind": format!("{}List", request.kind),
        "apiVersion": request.api_version,
        "metadata": {"resourceVersion": "918273"},
        "items": items,
    })
}

/// Returns an object with the fields that a request asks for, and all of its metadata.
fn prune(object: &Value, request: &ListAllResourcesRequest) -> Value {
    let masks: Vec<Vec<&str>> = request.field_masks.iter().flatten().map(|mask| mask.split('.').collect()).collect();
    let mut pruned: Map<_, _> =
        ["apiVersion", "kind", "metadata"].iter().map(|name| ((*name).to_owned(), object[*name].clone())).collect();
    for mask in masks.iter().filter(|mask| mask[0] != "metadata") {
        let [section, field] = mask[..] else { panic!("a mask has two fields: {mask:?}") };
        let pruned_section = pruned.entry(section).or_insert_with(|| json!({}));
        if let Some(value) = object[section].get(field) {
            pruned_section[field] = value.clone();
        }
    }
    Value::Object(pruned)
}

/// Answers a request with the exchange that is recorded for it.
fn replay(file: &str, request: &[u8]) -> Result<Vec<u8>, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("interactions").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let exchanges: Vec<Exchange> = yaml_serde::from_str(&text).expect("kwctl can read the file");
    let request: Yaml = yaml_serde::from_slice(request).expect("JSON is YAML");
    for Exchange { request: recorded, response } in exchanges {
        let recorded: Yaml = yaml_serde::from_str(&recorded).expect("kwctl can read the request");
        let Yaml::Tagged(recorded) = recorded else { panic!("the type of the request is missing in {file}") };
        assert_eq!(recorded.tag, "KubernetesListResourceAll");
        if recorded.value == request {
            return match response {
                Recorded::Success { payload } => Ok(payload.into_bytes()),
                Recorded::Error { message } => Err(message),
            };
        }
    }
    panic!("{file} has no answer to {request:?}");
}
