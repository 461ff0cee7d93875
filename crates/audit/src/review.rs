//! The request that Kubernetes or Kubewarden would make of an object.

use interlink_annotations_policy::annotations::{Author, Entry, look_up};
use interlink_annotations_policy::kind::{Carries, KINDS, Kind};
use interlink_annotations_policy::replay::is_stored_version;
use interlink_annotations_policy::request::Request;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::input::{Document, Problem, Source};
use crate::versions::Versions;

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

/// What an object is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JudgedAs {
    /// A user creates it.
    Creation,
    /// A user makes it of an earlier version.
    Update,
    /// It is in a cluster, and Kubewarden's audit scanner comes by.
    Stored,
    /// It is a request itself.
    Request,
}

impl JudgedAs {
    /// As a report has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Creation => "creation",
            Self::Update => "update",
            Self::Stored => "stored",
            Self::Request => "request",
        }
    }
}

impl Serialize for JudgedAs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// An `AdmissionRequest`, and where its object was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    pub source: Source,
    pub judged_as: JudgedAs,
    pub request: Value,
}

impl Review {
    /// Makes the request of a document: what an `AdmissionReview` or `AdmissionRequest` says; of an object that comes
    /// from a cluster, if nobody is to ask, the audit scanner's replay; of any other, the update of its earlier
    /// version, or its creation if there is none.
    ///
    /// # Errors
    /// If the document is neither.
    pub fn of(document: Document, asker: &Asker, earlier: &mut Versions) -> Result<Self, Problem> {
        let Document { source, object } = document;
        let (judged_as, request) = match object["kind"].as_str() {
            Some("AdmissionReview") => match &object["request"] {
                request @ Value::Object(_) => (JudgedAs::Request, asked(request.clone(), asker)),
                _ => return Err(source.problem("is an AdmissionReview without a request")),
            },
            None if object["kind"].is_object() && object["operation"].is_string() => {
                (JudgedAs::Request, asked(object, asker))
            }
            None if object["kind"].is_object() => {
                return Err(source.problem("is an AdmissionRequest without operation"));
            }
            Some("") => return Err(source.problem("is not a Kubernetes object, kind is empty")),
            None => return Err(source.problem("is not a Kubernetes object, kind is missing")),
            Some(_) if api_group(&object).is_none() => {
                return Err(source.problem("is not a Kubernetes object, apiVersion is missing"));
            }
            Some(_) => of_object(object, asker, earlier),
        };
        Ok(Self { source, judged_as, request })
    }

    /// Whether this is a stored object that has what interLink writes, and does not tell whether interLink wrote it.
    pub fn is_silent_on_writers(&self) -> bool {
        let object = &self.request["object"];
        let managed_fields = object["metadata"]["managedFields"].as_array();
        self.judged_as == JudgedAs::Stored
            && managed_fields.is_none_or(Vec::is_empty)
            && annotation_pointers(object)
                .iter()
                .filter_map(|pointer| object.pointer(pointer)?.as_object())
                .flat_map(|annotations| annotations.keys())
                .any(|key| matches!(look_up(key.as_bytes()), Entry::Known(known) if known.author != Author::User))
    }

    /// Whether the policy looks at such a request at all; all others it accepts.
    pub fn is_judged(&self) -> bool {
        // The operation and the kind decide: the objects, which may be large, need not be written once more.
        let [operation, kind] = ["operation", "kind"].map(|field| &self.request[field]);
        let request = json!({"operation": operation, "kind": kind, "object": {}, "oldObject": {}});
        let payload = json!({"request": request}).to_string();
        let change = Request::read(payload.as_bytes()).and_then(|request| Ok(request.change()?.is_some()));
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

fn of_object(object: Value, asker: &Asker, earlier: &mut Versions) -> (JudgedAs, Value) {
    let earlier = earlier.before(&object);
    let is_stored = is_stored_version(text(&object["metadata"]["resourceVersion"]));
    let (judged_as, operation, user_info) = match earlier {
        _ if is_stored && asker.username.is_none() => (JudgedAs::Stored, "CREATE", json!({})),
        Some(_) => (JudgedAs::Update, "UPDATE", user_info(asker)),
        None => (JudgedAs::Creation, "CREATE", user_info(asker)),
    };
    let old = earlier.filter(|_| judged_as == JudgedAs::Update).cloned().map(with_empty_texts);
    let [kind, version] = [&object["kind"], &object["apiVersion"]].map(text);
    let group = api_group(&object).unwrap_or_default();
    let version = version.rsplit('/').next().unwrap_or_default();
    let group_version_kind = json!({"group": group, "version": version, "kind": kind});
    let resource = format!("{}s", kind.to_lowercase());
    let resource = json!({"group": group, "version": version, "resource": resource});
    let request = json!({
        "uid": "00000000-0000-0000-0000-000000000000",
        "kind": group_version_kind,
        "resource": resource,
        "requestKind": group_version_kind,
        "requestResource": resource,
        "name": text(&object["metadata"]["name"]),
        "namespace": namespace_of(&object),
        "operation": operation,
        "userInfo": user_info,
        "object": with_empty_texts(object),
        "oldObject": old,
        "dryRun": true,
    });
    (judged_as, request)
}

/// The API server reads an annotation that is null as an empty text.
fn with_empty_texts(mut object: Value) -> Value {
    for pointer in annotation_pointers(&object) {
        if let Some(annotations) = object.pointer_mut(&pointer).and_then(Value::as_object_mut) {
            annotations.values_mut().filter(|value| value.is_null()).for_each(|value| *value = "".into());
        }
    }
    object
}

/// JSON pointers to the annotations in all places of an object.
fn annotation_pointers(object: &Value) -> Vec<String> {
    let kind = api_group(object).and_then(|group| Kind::find(group, text(&object["kind"])));
    let places = kind.map_or(&[][..], |kind| kind.places).iter().map(|place| place.path);
    let paths = places.map(|path| path.iter().chain(&["metadata", "annotations"]));
    paths.map(|path| path.fold(String::new(), |pointer, step| pointer + "/" + step)).collect()
}

/// The API group of an object, empty for the core one; none if the object does not tell.
pub fn api_group(object: &Value) -> Option<&str> {
    object["kind"].as_str()?;
    let version = object["apiVersion"].as_str()?;
    Some(version.split_once('/').map_or("", |(group, _)| group))
}

/// The namespace of an object: `default` for one of the policy's kinds that names none, since only a Node has none.
pub fn namespace_of(object: &Value) -> &str {
    let is_namespaced = |kind: &Kind| kind.main_place().carries != Carries::Node;
    let is_of = |kind: &&Kind| kind.name == text(&object["kind"]);
    match text(&object["metadata"]["namespace"]) {
        "" if KINDS.iter().find(is_of).is_some_and(is_namespaced) => "default",
        namespace => namespace,
    }
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
        Review::of(Document { source, object }, asker, &mut Versions::default())
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

    #[test]
    fn what_does_not_tell_its_writers_is_known() {
        let pod = |annotation: &str, managed_fields: Value| {
            let metadata =
                json!({"resourceVersion": "7", "annotations": {annotation: ""}, "managedFields": managed_fields});
            review(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata}), &Asker::default()).unwrap()
        };
        assert!(pod("JobID", json!([])).is_silent_on_writers());
        assert!(!pod("JobID", json!([{}])).is_silent_on_writers());
        assert!(!pod("interlink.eu/pod-vpn", json!(null)).is_silent_on_writers());
    }

    #[test]
    fn a_stored_object_is_replayed_unless_someone_is_to_ask() {
        let pod = |version: &str| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"resourceVersion": version}});
        let replay = review(pod("7"), &Asker::default()).unwrap();
        assert_eq!((replay.judged_as, &replay.request["userInfo"]), (JudgedAs::Stored, &json!({})));
        let alice = Asker { username: Some("alice".to_owned()), groups: Vec::new() };
        for review in [review(pod("7"), &alice), review(pod(""), &Asker::default())] {
            let review = review.unwrap();
            assert_eq!(review.judged_as, JudgedAs::Creation);
            assert_ne!(review.request["userInfo"]["username"], Value::Null);
        }
    }
}
