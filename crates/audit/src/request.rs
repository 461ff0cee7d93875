//! The admission request that Kubernetes or Kubewarden would make for an object.
//!
//! The object's text goes into the request as it is, so the policy sees the content of the file, including duplicate
//! keys.

use interlink_annotations_policy::kinds::Kind;
use json_scan::{DecodeError, Reader};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::object::{Header, is_checked, text, with_empty_annotations, with_fields};
use crate::versions::Versions;

/// The uid of a request that was not made by an API server.
const NO_UID: &str = "00000000-0000-0000-0000-000000000000";

/// The default user: the requester of a manifest's request if the command line names none. It is an authenticated user
/// without other groups.
pub const DEFAULT_USERNAME: &str = "interlink-audit";

/// The group of all authenticated users.
const AUTHENTICATED: &str = "system:authenticated";

/// The requester that a manifest's request has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Impersonation {
    /// The user name; `None` to impersonate nobody.
    pub username: Option<String>,
    /// The groups, in addition to those that the API server adds.
    pub groups: Vec<String>,
    /// The namespace of objects that name none.
    pub namespace: Option<String>,
}

/// The way in which objects are evaluated.
#[derive(Debug)]
pub enum Mode {
    /// As creations by a user, or as updates if there is an earlier version.
    Manifests {
        /// The user.
        impersonation: Impersonation,
        /// The earlier versions.
        old: Versions,
    },
    /// As objects stored in a cluster, which Kubewarden's audit scanner evaluates.
    Stored,
}

impl Mode {
    /// Returns whether the requester of objects is the default user.
    fn has_own_user(&self) -> bool {
        matches!(self, Self::Manifests { impersonation, .. } if impersonation.username.is_none())
    }

    /// Returns whether any object may have an earlier version.
    pub(crate) fn has_earlier_versions(&self) -> bool {
        matches!(self, Self::Manifests { old, .. } if old.total() > 0)
    }
}

/// The kind of request that an object is evaluated as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvaluatedAs {
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
    pub fn name(self) -> &'static str {
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

/// An admission request, as the text of an `AdmissionRequest`, with the data about its object for reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) text: Vec<u8>,
    pub(crate) evaluated_as: EvaluatedAs,
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// The uid of a stored object; empty for others.
    pub(crate) uid: String,
    /// Whether the requester is the default user.
    pub(crate) has_own_user: bool,
    /// Whether the policy checks such a request; it accepts all others.
    pub(crate) is_checked: bool,
    /// Whether it is a stored object with annotations that interLink writes, but without the managed fields that show
    /// who owns them.
    pub(crate) has_unknown_owners: bool,
}

/// The reason why there is no request for a document.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("{0}")]
    Malformed(#[from] DecodeError),
    #[error("is an AdmissionReview without a request")]
    NoRequest,
    #[error("is an AdmissionRequest without an operation")]
    NoOperation,
    #[error("is an admission request, not an object of a cluster; use interlink-audit check")]
    NotStored,
    #[error("is not stored in a cluster, since it lacks metadata.uid or resourceVersion; use interlink-audit check")]
    NoStoredVersion,
    #[error("is not a Kubernetes object")]
    NotAnObject,
    #[error("is not a Kubernetes object: kind is empty")]
    EmptyKind,
    #[error("is not a Kubernetes object: kind is missing")]
    NoKind,
    #[error("is not a Kubernetes object: apiVersion is missing")]
    NoApiVersion,
}

impl RequestError {
    /// Returns whether the document is neither a Kubernetes object nor a request.
    pub(crate) fn is_no_object(&self) -> bool {
        matches!(self, Self::NotAnObject | Self::NoKind | Self::EmptyKind | Self::NoApiVersion)
    }
}

impl Request {
    /// Makes the request of a document. Of manifests, an `AdmissionReview` or `AdmissionRequest` gives the request that
    /// it holds; `is_item` says that the document is a list's item, which is always an object.
    ///
    /// # Errors
    /// If there is no request for the document.
    pub(crate) fn of_document(document: &[u8], is_item: bool, mode: &Mode) -> Result<Self, RequestError> {
        if Reader::new(document).peek() != Some(b'{') {
            return Err(RequestError::NotAnObject);
        }
        let [kind, operation, request] = Reader::new(document).pick(["kind", "operation", "request"])?;
        let kind_name = text(kind);
        let is_review = kind_name == "AdmissionReview";
        let is_request = kind.is_some_and(|kind| kind.text().starts_with(b"{"));
        if !is_item && (is_review || is_request) {
            let Mode::Manifests { impersonation, .. } = mode else { return Err(RequestError::NotStored) };
            let request = if is_review { request.ok_or(RequestError::NoRequest)?.text() } else { document };
            if is_request && operation.is_none() {
                return Err(RequestError::NoOperation);
            }
            return Self::of_request(request, impersonation);
        }
        let header = Header::decode(document)?;
        if kind.is_none() || !kind.is_some_and(json_scan::Value::is_string) {
            Err(RequestError::NoKind)
        } else if kind_name.is_empty() {
            Err(RequestError::EmptyKind)
        } else if header.api_version.is_empty() {
            Err(RequestError::NoApiVersion)
        } else {
            Self::of_object(document, &header, mode)
        }
    }

    /// Builds a request whose requester is replaced, if one is impersonated.
    fn of_request(request: &[u8], impersonation: &Impersonation) -> Result<Self, RequestError> {
        let names = ["kind", "operation", "name", "namespace", "object", "oldObject"];
        let [kind, operation, name, namespace, object, old] = Reader::new(request).pick(names)?;
        let [group, kind] = match kind {
            Some(kind) if kind.expect_object().is_ok() => kind.reader().pick(["group", "kind"])?.map(text),
            _ => Default::default(),
        };
        let object = object.or(old).map_or(&b"{}"[..], |object| object.text());
        let header = Header::decode(object).unwrap_or_default();
        let [name, namespace] = [name, namespace].map(text);
        let request = match impersonation.username {
            Some(_) => with_fields(request, &[("userInfo", user_info(impersonation))])?,
            None => request.to_vec(),
        };
        let writes = !matches!(&*text(operation), "DELETE" | "CONNECT");
        Ok(Self {
            text: request,
            evaluated_as: EvaluatedAs::Request,
            namespace: namespace.into_owned(),
            name: if name.is_empty() { header.display_name() } else { name.into_owned() },
            api_version: header.api_version.into_owned(),
            uid: String::new(),
            has_own_user: false,
            // The policy refuses a request without a kind.
            is_checked: writes && (kind.is_empty() || is_checked(object, Kind::find(&group, &kind))),
            kind: kind.into_owned(),
            has_unknown_owners: false,
        })
    }

    fn of_object(object: &[u8], header: &Header<'_>, mode: &Mode) -> Result<Self, RequestError> {
        let (evaluated_as, user_info, old) = match mode {
            Mode::Stored if header.is_stored() => (EvaluatedAs::Stored, json!({}), None),
            Mode::Stored => return Err(RequestError::NoStoredVersion),
            Mode::Manifests { impersonation, old } => {
                let old = old.earlier_version_of(header, impersonation.namespace.as_deref());
                let evaluated_as = if old.is_some() { EvaluatedAs::Update } else { EvaluatedAs::Creation };
                (evaluated_as, user_info(impersonation), old)
            }
        };
        let kind = header.known_kind();
        let namespace = match mode {
            Mode::Manifests { impersonation, .. } => header.namespace_or(impersonation.namespace.as_deref()),
            Mode::Stored => header.namespace(),
        };
        // The audit scanner's requests have the uid of the object.
        let uid = if evaluated_as == EvaluatedAs::Stored { &header.uid } else { NO_UID };
        let operation = if evaluated_as == EvaluatedAs::Update { "UPDATE" } else { "CREATE" };
        let group_version_kind = json!({"group": header.group(), "version": header.version(), "kind": header.kind});
        let resource = format!("{}s", header.kind.to_lowercase());
        let resource = json!({"group": header.group(), "version": header.version(), "resource": resource});
        let fields = json!({
            "uid": uid,
            "kind": group_version_kind,
            "resource": resource,
            "requestKind": group_version_kind,
            "requestResource": resource,
            "name": header.name,
            "namespace": namespace,
            "operation": operation,
            "userInfo": user_info,
            "dryRun": true,
        });
        let mut text = without_end(fields.to_string().into_bytes());
        text.extend(b",\"object\":");
        text.extend(&*with_empty_annotations(object, kind));
        if let Some(old) = old {
            text.extend(b",\"oldObject\":");
            text.extend(&*with_empty_annotations(old, kind));
        }
        text.push(b'}');
        Ok(Self {
            text,
            evaluated_as,
            api_version: header.api_version.clone().into_owned(),
            uid: if evaluated_as == EvaluatedAs::Stored { header.uid.clone().into_owned() } else { String::new() },
            kind: header.kind.clone().into_owned(),
            namespace: namespace.to_owned(),
            name: header.display_name(),
            has_own_user: mode.has_own_user(),
            is_checked: is_checked(object, kind),
            has_unknown_owners: evaluated_as == EvaluatedAs::Stored && header.has_unknown_owners(object),
        })
    }
}

/// Returns the text of an object without its closing bracket.
fn without_end(mut object: Vec<u8>) -> Vec<u8> {
    object.pop();
    object
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

    fn manifests(impersonation: Impersonation) -> Mode {
        Mode::Manifests { impersonation, old: Versions::default() }
    }

    fn request(object: &Value, mode: &Mode) -> Result<(Request, Value), String> {
        let request =
            Request::of_document(object.to_string().as_bytes(), false, mode).map_err(|error| error.to_string())?;
        let tree = serde_json::from_slice(&request.text).unwrap();
        Ok((request, tree))
    }

    fn user(name: &str) -> Mode {
        manifests(Impersonation { username: Some(name.to_owned()), ..Impersonation::default() })
    }

    fn nobody() -> Mode {
        manifests(Impersonation::default())
    }

    #[test]
    fn makes_a_creation_of_a_manifest() {
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"generateName": "web-"}});
        let (request, tree) = request(&deployment, &nobody()).unwrap();
        assert_eq!(tree["kind"], json!({"group": "apps", "version": "v1", "kind": "Deployment"}));
        assert_eq!((&tree["operation"], &tree["object"]), (&json!("CREATE"), &deployment));
        assert_eq!(tree["userInfo"]["username"], DEFAULT_USERNAME);
        let named = (&*request.kind, &*request.namespace, &*request.name);
        assert_eq!(named, ("Deployment", "default", "web-*"));
    }

    #[test]
    fn uses_the_given_namespace_where_an_object_names_none() {
        let mode = manifests(Impersonation { namespace: Some("physics".to_owned()), ..Impersonation::default() });
        let pod = |namespace: &str| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": namespace}});
        assert_eq!(request(&pod(""), &mode).unwrap().1["namespace"], "physics");
        assert_eq!(request(&pod("chemistry"), &mode).unwrap().1["namespace"], "chemistry");
    }

    #[test]
    fn keeps_a_request_unless_a_user_is_impersonated() {
        let admission =
            json!({"kind": {"kind": "Pod"}, "operation": "UPDATE", "userInfo": {"username": "bob"}, "name": "p"});
        let wrapped = json!({"kind": "AdmissionReview", "request": admission});
        for object in [admission.clone(), wrapped] {
            assert_eq!(request(&object, &nobody()).unwrap().1, admission);
            let (_, tree) = request(&object, &user("alice")).unwrap();
            assert_eq!((&tree["userInfo"]["username"], &tree["operation"]), (&json!("alice"), &json!("UPDATE")));
            assert!(request(&object, &Mode::Stored).unwrap_err().contains("use interlink-audit check"));
        }
    }

    #[test]
    fn never_takes_a_lists_item_for_a_request() {
        let item = br#"{"kind": "AdmissionReview", "apiVersion": "v1", "request": {}}"#;
        let request = Request::of_document(item, true, &nobody()).unwrap();
        assert_eq!(request.evaluated_as, EvaluatedAs::Creation);
        assert!(Request::of_document(br#"{"kind": {}, "operation": "DELETE"}"#, true, &nobody()).is_err());
    }

    #[test]
    fn adds_a_service_account_to_its_groups() {
        let username = Some("system:serviceaccount:ns:name".to_owned());
        let groups = vec!["mine".to_owned()];
        let account = Impersonation { username, groups, namespace: None };
        assert_eq!(
            user_info(&account)["groups"],
            json!(["mine", "system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"])
        );
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
            json!({"kind": {}}),
        ] {
            assert!(request(&object, &nobody()).is_err(), "{object}");
        }
    }

    #[test]
    fn makes_an_audit_request_only_of_stored_objects() {
        let pod = |version: &str| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"uid": "5", "resourceVersion": version}});
        let (stored, tree) = request(&pod("7"), &Mode::Stored).unwrap();
        assert_eq!(stored.evaluated_as, EvaluatedAs::Stored);
        assert_eq!((&tree["userInfo"], &tree["uid"]), (&json!({}), &json!("5")));
        assert!(request(&pod("x"), &Mode::Stored).is_err());
        let (created, tree) = request(&pod("7"), &nobody()).unwrap();
        assert_eq!(created.evaluated_as, EvaluatedAs::Creation, "a manifest that claims to be stored");
        assert_ne!(tree["userInfo"], json!({}));
    }
}
