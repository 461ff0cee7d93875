//! The request that the API server would make of an object.

use interlink_annotations_policy::request::read_payload;
use serde_json::{Value, json};

use crate::input::{Document, Problem, Source};

/// Kinds whose objects are in `default` unless they name a namespace.
const NAMESPACED: [&str; 10] = [
    "Binding",
    "CronJob",
    "DaemonSet",
    "Deployment",
    "Job",
    "Pod",
    "PodTemplate",
    "ReplicaSet",
    "ReplicationController",
    "StatefulSet",
];

/// Who asks where a manifest is judged and nobody is named: someone who has logged in.
const SOMEONE: &str = "interlink-audit";

/// In this group is everyone who has logged in.
const EVERYONE: &str = "system:authenticated";

/// Who is to ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asker {
    /// None: someone, or whoever a request names itself.
    pub username: Option<String>,
    pub groups: Vec<String>,
}

/// An `AdmissionRequest`, and where its object was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    pub source: Source,
    pub request: Value,
}

impl Review {
    /// Makes the request of a document: what an `AdmissionReview` or `AdmissionRequest` says, or the creation of any
    /// other object.
    ///
    /// # Errors
    /// If the document is neither.
    pub fn of(document: Document, asker: &Asker) -> Result<Self, Problem> {
        let Document { source, object } = document;
        let request = match object["kind"].as_str() {
            Some("AdmissionReview") => match &object["request"] {
                request @ Value::Object(_) => asked(request.clone(), asker),
                _ => return Err(source.problem("is an AdmissionReview without a request")),
            },
            None if object["kind"].is_object() && object["operation"].is_string() => asked(object, asker),
            Some("") => return Err(source.problem("is not a Kubernetes object, kind is empty")),
            Some(_) => creation(object, asker).map_err(|problem| source.clone().problem(problem))?,
            None if object["kind"].is_object() => {
                return Err(source.problem("is an AdmissionRequest without operation"));
            }
            None => return Err(source.problem("is not a Kubernetes object, kind is missing")),
        };
        Ok(Self { source, request })
    }

    /// Whether the policy looks at such a request at all; all others it accepts.
    pub fn is_judged(&self) -> bool {
        // The operation and the kind decide: the objects, which may be large, need not be written once more.
        let [operation, kind] = ["operation", "kind"].map(|field| &self.request[field]);
        let request = json!({"operation": operation, "kind": kind, "object": {}, "oldObject": {}});
        let payload = json!({"request": request}).to_string();
        let change =
            read_payload(payload.as_bytes()).and_then(|(mut request, _)| request.change().map(|it| it.is_some()));
        change.unwrap_or(true)
    }

    pub fn kind(&self) -> &str {
        text(&self.request["kind"]["kind"])
    }

    pub fn namespace(&self) -> &str {
        text(&self.request["namespace"])
    }

    /// The object's name; a `*` stands for what the API server will add to it.
    pub fn name(&self) -> String {
        let object = ["object", "oldObject"]
            .map(|field| &self.request[field]["metadata"])
            .into_iter()
            .find(|metadata| metadata.is_object())
            .unwrap_or(&Value::Null);
        match [&self.request["name"], &object["name"]].map(text) {
            ["", ""] => match text(&object["generateName"]) {
                "" => String::new(),
                prefix => format!("{prefix}*"),
            },
            ["", name] | [name, _] => name.to_owned(),
        }
    }
}

/// A request that is there, with another asker if one is named.
fn asked(mut request: Value, asker: &Asker) -> Value {
    if asker.username.is_some() {
        request["userInfo"] = user_info(asker);
    }
    request
}

fn creation(mut object: Value, asker: &Asker) -> Result<Value, &'static str> {
    // The API server reads null as an empty text here.
    if let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.values_mut().filter(|value| value.is_null()).for_each(|value| *value = "".into());
    }
    let Some(api_version) = object["apiVersion"].as_str() else {
        return Err("is not a Kubernetes object, apiVersion is missing");
    };
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let kind = text(&object["kind"]);
    let namespace = match text(&object["metadata"]["namespace"]) {
        "" if NAMESPACED.contains(&kind) => "default",
        namespace => namespace,
    };
    let group_version_kind = json!({"group": group, "version": version, "kind": kind});
    let resource = format!("{}s", kind.to_lowercase());
    let resource = json!({"group": group, "version": version, "resource": resource});
    Ok(json!({
        "uid": "00000000-0000-0000-0000-000000000000",
        "kind": group_version_kind,
        "resource": resource,
        "requestKind": group_version_kind,
        "requestResource": resource,
        "name": text(&object["metadata"]["name"]),
        "namespace": namespace,
        "operation": "CREATE",
        "userInfo": user_info(asker),
        "object": object,
        "oldObject": null,
        "dryRun": true,
        "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
    }))
}

/// Who asks, with the groups that the API server itself would add.
fn user_info(asker: &Asker) -> Value {
    let username = asker.username.as_deref().unwrap_or(SOMEONE);
    let mut groups = asker.groups.clone();
    if let Some((namespace, _)) =
        username.strip_prefix("system:serviceaccount:").and_then(|account| account.split_once(':'))
    {
        groups.push("system:serviceaccounts".to_owned());
        groups.push(format!("system:serviceaccounts:{namespace}"));
    }
    if !groups.iter().any(|group| group == EVERYONE) {
        groups.push(EVERYONE.to_owned());
    }
    json!({"username": username, "groups": groups})
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn review(object: Value, asker: &Asker) -> Result<Review, Problem> {
        let source = Source::file("f.yaml");
        Review::of(Document { source, object }, asker)
    }

    #[test]
    fn a_manifest_becomes_a_creation() {
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"generateName": "web-"}});
        let review = review(deployment.clone(), &Asker::default()).unwrap();
        assert_eq!(review.request["kind"], json!({"group": "apps", "version": "v1", "kind": "Deployment"}));
        assert_eq!(review.request["operation"], "CREATE");
        assert_eq!(review.request["object"], deployment);
        assert_eq!(review.request["userInfo"]["username"], SOMEONE);
        assert_eq!((review.kind(), review.namespace(), review.name()), ("Deployment", "default", "web-*".to_owned()));
    }

    #[test]
    fn a_request_stays_as_it_is_unless_an_asker_is_named() {
        let request =
            json!({"kind": {"kind": "Pod"}, "operation": "UPDATE", "userInfo": {"username": "bob"}, "name": "p"});
        let wrapped = json!({"kind": "AdmissionReview", "request": request});
        for object in [request.clone(), wrapped] {
            assert_eq!(review(object.clone(), &Asker::default()).unwrap().request, request);
            let alice = Asker { username: Some("alice".to_owned()), groups: Vec::new() };
            let review = review(object, &alice).unwrap();
            assert_eq!(review.request["userInfo"]["username"], "alice");
            assert_eq!(review.request["operation"], "UPDATE");
        }
    }

    #[test]
    fn a_service_account_is_in_its_groups() {
        let asker =
            Asker { username: Some("system:serviceaccount:ns:name".to_owned()), groups: vec!["mine".to_owned()] };
        let groups = &user_info(&asker)["groups"];
        assert_eq!(
            groups,
            &json!(["mine", "system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"])
        );
    }

    #[test]
    fn an_annotation_that_is_null_is_empty() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": {"a": null, "b": 1}}});
        let review = review(pod, &Asker::default()).unwrap();
        assert_eq!(review.request["object"]["metadata"]["annotations"], json!({"a": "", "b": 1}));
    }

    #[test]
    fn what_is_no_object_is_a_problem() {
        for object in [
            json!({}),
            json!("text"),
            json!({"kind": "Pod"}),
            json!({"kind": "AdmissionReview"}),
            json!(7),
            json!({"kind": "", "apiVersion": "v1"}),
        ] {
            assert!(review(object.clone(), &Asker::default()).is_err(), "{object}");
        }
    }
}
