//! A builder of `AdmissionRequest`s, as the API server and Kubewarden's audit scanner send them.

use serde_json::{Value, json};

/// The uid of a request, and of a stored object that has none.
const UID: &str = "0df28fbd-5f5f-11e8-bc74-36e6bb280816";

/// An `AdmissionRequest`. The user `alice` sends it, unless it is an audit request or the caller says otherwise.
///
/// ```
/// # use interlink_e2e_tests::admission_request::AdmissionRequest;
/// # use serde_json::json;
/// let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "simulation"}});
/// let payload = AdmissionRequest::create(pod).user("bob").namespace("physics").payload(&json!({}));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct AdmissionRequest(Value);

impl AdmissionRequest {
    /// Builds the CREATE of an object.
    pub fn create(object: Value) -> Self {
        Self::from_api_server("CREATE", object, Value::Null)
    }

    /// Builds the UPDATE of an object. Null stands for an object that the request leaves out.
    pub fn update(old: Value, new: Value) -> Self {
        Self::from_api_server("UPDATE", new, old)
    }

    /// Builds the DELETE of an object.
    pub fn delete(old: Value) -> Self {
        Self::from_api_server("DELETE", Value::Null, old)
    }

    /// Builds the audit scanner's CREATE of an object that is already stored. Its uid is the object's, which gets one
    /// if it has none.
    pub fn audit(mut object: Value) -> Self {
        let uid = &mut object["metadata"]["uid"];
        if uid.is_null() {
            *uid = UID.into();
        }
        let uid = uid.clone();
        let mut request = Self::new("CREATE", object, Value::Null).user_info(json!({}));
        request.set("uid", uid);
        request
    }

    fn from_api_server(operation: &str, object: Value, old: Value) -> Self {
        let mut request = Self::new(operation, object, old).user("alice");
        request.set("requestResource", request.0["resource"].clone());
        request.set_operation(operation);
        request
    }

    fn new(operation: &str, object: Value, old: Value) -> Self {
        let source = if object.is_null() { &old } else { &object };
        let api_version = source["apiVersion"].as_str().unwrap_or_default();
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let kind = json!({"group": group, "version": version, "kind": source["kind"]});
        let plural = format!("{}s", source["kind"].as_str().unwrap_or_default().to_lowercase());
        let mut request = Self(json!({
            "uid": UID,
            "kind": kind,
            "resource": {"group": group, "version": version, "resource": plural},
            "requestKind": kind,
            "operation": operation,
            "dryRun": false,
        }));
        for field in ["name", "namespace"] {
            request.set(field, source["metadata"][field].clone());
        }
        request.set("object", object);
        request.set("oldObject", old);
        request
    }

    /// Sets the operation.
    pub fn operation(mut self, operation: &str) -> Self {
        self.set_operation(operation);
        self
    }

    /// Sets the namespace, which otherwise is the object's.
    pub fn namespace(mut self, namespace: &str) -> Self {
        self.set("namespace", namespace.into());
        self
    }

    /// Sets the requester, who has a name and no groups.
    pub fn user(self, username: &str) -> Self {
        self.user_info(json!({"username": username}))
    }

    /// Sets the requester. Null leaves `userInfo` out.
    pub fn user_info(mut self, user_info: Value) -> Self {
        self.set("userInfo", user_info);
        self
    }

    /// Returns the request as JSON.
    pub fn into_json(self) -> Value {
        self.0
    }

    /// Returns the payload of a policy's `validate`: the request together with the settings.
    pub fn payload(&self, settings: &Value) -> Vec<u8> {
        format!(r#"{{"request":{},"settings":{settings}}}"#, self.0).into_bytes()
    }

    fn set_operation(&mut self, operation: &str) {
        self.set("operation", operation.into());
        let kind = match operation {
            "CREATE" => "CreateOptions",
            "UPDATE" => "UpdateOptions",
            "DELETE" => "DeleteOptions",
            _ => return self.set("options", Value::Null),
        };
        self.set("options", json!({"apiVersion": "meta.k8s.io/v1", "kind": kind, "fieldManager": "kubectl"}));
    }

    /// Sets a field. Kubewarden leaves out the fields that are null.
    fn set(&mut self, field: &str, value: Value) {
        let request = self.0.as_object_mut().expect("a request is an object");
        if value.is_null() {
            request.remove(field);
        } else {
            request.insert(field.to_owned(), value);
        }
    }
}
