//! The admission request that Kubernetes or Kubewarden would make of an object.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::document::{Document, Origin, Problem};
use crate::object::{self, api_group, namespace, text, with_empty_annotations};
use crate::versions::Versions;

/// The uid of a request that no API server has made.
const NO_UID: &str = "00000000-0000-0000-0000-000000000000";

/// The requester of a manifest's request where the user names none: some authenticated user.
const DEFAULT_USERNAME: &str = "interlink-audit";

/// The group of all authenticated users.
const AUTHENTICATED: &str = "system:authenticated";

/// The requester that the user names, in place of the one that a request or an object would have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Impersonation {
    /// The user name; `None` to impersonate nobody.
    pub username: Option<String>,
    /// The groups, beside those that the API server adds.
    pub groups: Vec<String>,
}

/// The kind of request that an object is evaluated as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EvaluatedAs {
    /// A user creates the object.
    Creation,
    /// A user updates an earlier version to the object.
    Update,
    /// The object is stored in a cluster, and the audit scanner checks it.
    Stored,
    /// The document is an admission request itself.
    Request,
}

impl EvaluatedAs {
    /// Returns the name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Creation => "creation",
            Self::Update => "update",
            Self::Stored => "stored",
            Self::Request => "request",
        }
    }
}

impl Serialize for EvaluatedAs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// An admission request, and the place where its object was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    /// The place of the document.
    pub origin: Origin,
    /// The `AdmissionRequest`.
    pub request: Value,
    pub(crate) evaluated_as: EvaluatedAs,
}

/// The reason why a document gives no request.
#[derive(Debug, thiserror::Error)]
enum ReviewError {
    #[error("is an AdmissionReview without a request")]
    NoRequest,
    #[error("is an AdmissionRequest without an operation")]
    NoOperation,
    #[error("is not a Kubernetes object: kind is empty")]
    EmptyKind,
    #[error("is not a Kubernetes object: kind is missing")]
    NoKind,
    #[error("is not a Kubernetes object: apiVersion is missing")]
    NoApiVersion,
}

impl Review {
    /// Makes the request of a document.
    ///
    /// An `AdmissionReview` or `AdmissionRequest` gives the request that it holds. An object that is stored in a
    /// cluster gives the audit request, unless a user is impersonated. Any other object gives the update of its
    /// earlier version, or its creation if there is none.
    ///
    /// # Errors
    /// If the document is neither a request nor a Kubernetes object.
    pub fn from_document(
        document: Document,
        impersonation: &Impersonation,
        earlier: &mut Versions,
    ) -> Result<Self, Problem> {
        let Document { origin, object } = document;
        match build_request(object, impersonation, earlier) {
            Ok((evaluated_as, request)) => Ok(Self { origin, request, evaluated_as }),
            Err(error) => Err(origin.problem(error)),
        }
    }

    /// Returns whether this is a stored object with annotations that interLink writes, but without the managed fields
    /// that show who owns them.
    pub(crate) fn has_unknown_owners(&self) -> bool {
        let object = &self.request["object"];
        let managed_fields = object["metadata"]["managedFields"].as_array();
        self.evaluated_as == EvaluatedAs::Stored
            && managed_fields.is_none_or(Vec::is_empty)
            && object::has_managed_annotation(object)
    }

    /// Returns whether the policy checks such a request; it accepts all others.
    pub(crate) fn is_checked(&self) -> bool {
        object::is_checked(&self.request)
    }

    pub(crate) fn kind(&self) -> &str {
        text(&self.request["kind"]["kind"])
    }

    pub(crate) fn namespace(&self) -> &str {
        text(&self.request["namespace"])
    }

    /// Returns the object's name; a `*` stands for what the API server will append to it.
    pub(crate) fn name(&self) -> String {
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

fn build_request(
    mut document: Value,
    impersonation: &Impersonation,
    earlier: &mut Versions,
) -> Result<(EvaluatedAs, Value), ReviewError> {
    let kind = &document["kind"];
    match kind.as_str() {
        Some("AdmissionReview") if document["request"].is_object() => {
            Ok((EvaluatedAs::Request, impersonate(document["request"].take(), impersonation)))
        }
        Some("AdmissionReview") => Err(ReviewError::NoRequest),
        None if kind.is_object() && document["operation"].is_string() => {
            Ok((EvaluatedAs::Request, impersonate(document, impersonation)))
        }
        None if kind.is_object() => Err(ReviewError::NoOperation),
        None => Err(ReviewError::NoKind),
        Some("") => Err(ReviewError::EmptyKind),
        Some(_) if api_group(&document).is_none() => Err(ReviewError::NoApiVersion),
        Some(_) => Ok(request_for_object(document, impersonation, earlier)),
    }
}

/// Replaces a request's user, if one is impersonated.
fn impersonate(mut request: Value, impersonation: &Impersonation) -> Value {
    if impersonation.username.is_some() {
        request["userInfo"] = user_info(impersonation);
    }
    request
}

fn request_for_object(object: Value, impersonation: &Impersonation, earlier: &mut Versions) -> (EvaluatedAs, Value) {
    let earlier = earlier.earlier_version_of(&object);
    let (evaluated_as, operation, user_info) = match earlier {
        _ if object::is_stored(&object) && impersonation.username.is_none() => {
            (EvaluatedAs::Stored, "CREATE", json!({}))
        }
        Some(_) => (EvaluatedAs::Update, "UPDATE", user_info(impersonation)),
        None => (EvaluatedAs::Creation, "CREATE", user_info(impersonation)),
    };
    // The audit scanner's requests have an empty userInfo and the uid of the object.
    let uid = match evaluated_as {
        EvaluatedAs::Stored => object["metadata"]["uid"].clone(),
        _ => NO_UID.into(),
    };
    let old = earlier.filter(|_| evaluated_as == EvaluatedAs::Update).cloned().map(with_empty_annotations);
    let [kind, version] = [&object["kind"], &object["apiVersion"]].map(text);
    let group = api_group(&object).unwrap_or_default();
    let version = version.rsplit('/').next().unwrap_or_default();
    let group_version_kind = json!({"group": group, "version": version, "kind": kind});
    let resource = format!("{}s", kind.to_lowercase());
    let resource = json!({"group": group, "version": version, "resource": resource});
    let request = json!({
        "uid": uid,
        "kind": group_version_kind,
        "resource": resource,
        "requestKind": group_version_kind,
        "requestResource": resource,
        "name": text(&object["metadata"]["name"]),
        "namespace": namespace(&object),
        "operation": operation,
        "userInfo": user_info,
        "object": with_empty_annotations(object),
        "oldObject": old,
        "dryRun": true,
    });
    (evaluated_as, request)
}

/// Returns the requester, with the groups that the API server itself adds.
fn user_info(impersonation: &Impersonation) -> Value {
    let username = impersonation.username.as_deref().unwrap_or(DEFAULT_USERNAME);
    let mut groups = impersonation.groups.clone();
    if let Some((namespace, _)) =
        username.strip_prefix("system:serviceaccount:").and_then(|account| account.split_once(':'))
    {
        groups.push("system:serviceaccounts".to_owned());
        groups.push(format!("system:serviceaccounts:{namespace}"));
    }
    if !groups.iter().any(|group| group == AUTHENTICATED) {
        groups.push(AUTHENTICATED.to_owned());
    }
    json!({"username": username, "groups": groups})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn review(object: Value, impersonation: &Impersonation) -> Result<Review, Problem> {
        let origin = Origin::file("f.yaml");
        Review::from_document(Document { origin, object }, impersonation, &mut Versions::default())
    }

    fn user(name: &str) -> Impersonation {
        Impersonation { username: Some(name.to_owned()), groups: Vec::new() }
    }

    #[test]
    fn makes_a_creation_of_a_manifest() {
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"generateName": "web-"}});
        let review = review(deployment.clone(), &Impersonation::default()).unwrap();
        assert_eq!(review.request["kind"], json!({"group": "apps", "version": "v1", "kind": "Deployment"}));
        assert_eq!(review.request["operation"], "CREATE");
        assert_eq!(review.request["object"], deployment);
        assert_eq!(review.request["userInfo"]["username"], DEFAULT_USERNAME);
        assert_eq!((review.kind(), review.namespace(), review.name()), ("Deployment", "default", "web-*".to_owned()));
    }

    #[test]
    fn keeps_a_request_unless_a_user_is_impersonated() {
        let request =
            json!({"kind": {"kind": "Pod"}, "operation": "UPDATE", "userInfo": {"username": "bob"}, "name": "p"});
        let wrapped = json!({"kind": "AdmissionReview", "request": request});
        for object in [request.clone(), wrapped] {
            assert_eq!(review(object.clone(), &Impersonation::default()).unwrap().request, request);
            let review = review(object, &user("alice")).unwrap();
            assert_eq!(review.request["userInfo"]["username"], "alice");
            assert_eq!(review.request["operation"], "UPDATE");
        }
    }

    #[test]
    fn adds_a_service_account_to_its_groups() {
        let account = Impersonation { groups: vec!["mine".to_owned()], ..user("system:serviceaccount:ns:name") };
        let groups = &user_info(&account)["groups"];
        assert_eq!(
            groups,
            &json!(["mine", "system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"])
        );
    }

    #[test]
    fn reads_a_null_annotation_as_empty() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": {"a": null, "b": 1}}});
        let review = review(pod, &Impersonation::default()).unwrap();
        assert_eq!(review.request["object"]["metadata"]["annotations"], json!({"a": "", "b": 1}));
    }

    #[test]
    fn rejects_documents_that_are_not_objects() {
        for object in [
            json!({}),
            json!("text"),
            json!({"kind": "Pod"}),
            json!({"kind": "AdmissionReview"}),
            json!(7),
            json!({"kind": "", "apiVersion": "v1"}),
        ] {
            assert!(review(object.clone(), &Impersonation::default()).is_err(), "{object}");
        }
    }

    #[test]
    fn reports_unknown_owners_without_managed_fields() {
        let pod = |annotation: &str, managed_fields: Value| {
            let metadata = json!({"uid": "5", "resourceVersion": "7", "annotations": {annotation: ""}, "managedFields": managed_fields});
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata});
            review(pod, &Impersonation::default()).unwrap()
        };
        assert!(pod("JobID", json!([])).has_unknown_owners());
        assert!(!pod("JobID", json!([{}])).has_unknown_owners());
        assert!(!pod("interlink.eu/pod-vpn", json!(null)).has_unknown_owners());
    }

    #[test]
    fn makes_an_audit_request_of_a_stored_object_unless_a_user_is_impersonated() {
        let pod = |version: &str| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"uid": "5", "resourceVersion": version}});
        let stored = review(pod("7"), &Impersonation::default()).unwrap();
        assert_eq!((stored.evaluated_as, &stored.request["userInfo"]), (EvaluatedAs::Stored, &json!({})));
        for review in [review(pod("7"), &user("alice")), review(pod(""), &Impersonation::default())] {
            let review = review.unwrap();
            assert_eq!(review.evaluated_as, EvaluatedAs::Creation);
            assert_ne!(review.request["userInfo"]["username"], Value::Null);
        }
    }
}
