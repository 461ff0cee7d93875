//! The format of `cases/*.yaml`: a request and settings, and the response that they must get.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use interlink_e2e_tests::admission_request::AdmissionRequest;
use interlink_e2e_tests::dual_policy::DualPolicy;
use interlink_e2e_tests::fake_cluster::FakeCluster;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

/// One case. It gives the parts of a request, a whole one, or the payload as text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Case {
    name: String,
    #[serde(default = "no_settings")]
    settings: Value,
    /// The requester, as `userInfo`; `null` for a request without it. If it is not given, alice, or in an audit request
    /// `{}`.
    #[serde(default, rename = "as", deserialize_with = "some")]
    user_info: Option<Value>,
    /// Whether the request is the audit scanner's.
    #[serde(default)]
    audit: bool,
    /// The operation; CREATE if it is not given.
    operation: Option<String>,
    #[serde(default = "default_namespace")]
    namespace: String,
    /// The annotations of a small pod with a port.
    #[serde(default, deserialize_with = "some")]
    annotations: Option<Value>,
    /// The object, in place of `annotations`.
    manifest: Option<Value>,
    /// The same for the old object.
    #[serde(default, deserialize_with = "some")]
    old_annotations: Option<Value>,
    old: Option<Value>,
    /// A whole `AdmissionRequest`.
    request: Option<Value>,
    /// The payload of `validate`, as text.
    payload: Option<String>,
    /// The payload of `validate_settings`, as a value.
    #[serde(default, deserialize_with = "some")]
    validate_settings: Option<Value>,
    /// The payload of `validate_settings`, as text.
    validate_settings_text: Option<String>,
    /// The cluster that the policy can read. If it is not given, there is none.
    #[serde(default = "FakeCluster::unreadable")]
    cluster: FakeCluster,
    expect: Expectation,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Expectation {
    /// For `validate`.
    accepted: Option<bool>,
    /// For `validate_settings`.
    valid: Option<bool>,
    code: Option<u64>,
    /// The rule ids in the audit annotation `violations`, sorted.
    #[serde(default)]
    violations: Vec<String>,
    /// The rule ids in the audit annotation `warnings`, sorted.
    #[serde(default)]
    warnings: Vec<String>,
    /// The kinds of the objects that the policy reads from the cluster, in order.
    #[serde(default)]
    reads: Vec<String>,
    /// The whole message.
    message: Option<String>,
    /// Texts that the message or a warning contains.
    #[serde(default)]
    says: Vec<String>,
    /// Texts that neither the message nor a warning contains.
    #[serde(default)]
    excludes: Vec<String>,
}

/// Loads the cases of all topics, with their names.
pub(crate) fn all() -> Vec<(String, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let entries = fs::read_dir(folder).expect("the folder of cases can be read");
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let cases = files.iter().flat_map(|file| {
        let topic = file.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(file).unwrap();
        let cases: Vec<Case> =
            yaml_serde::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(!cases.is_empty(), "{topic} has no case");
        cases.into_iter().map(move |case| (format!("{topic}: {}", case.name), case))
    });
    cases.collect()
}

/// Writes JSON with a text of 768 KiB in place of each `"…"`.
pub(crate) fn with_large_text(value: &Value) -> String {
    value.to_string().replace("\"…\"", &format!("\"{}\"", "x".repeat(768 * 1024)))
}

/// Deserializes `null` as a value, which is not the same as an absent field.
fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn no_settings() -> Value {
    json!({})
}

fn default_namespace() -> String {
    "default".to_owned()
}

impl Case {
    /// Evaluates the case with the module and natively.
    ///
    /// # Errors
    /// The expectations that the response does not meet, and the response.
    pub(crate) fn run(&self, policy: &DualPolicy) -> Result<(), String> {
        let (function, payload) = self.call()?;
        let (response, problems) = if function == "validate_settings" {
            let response = policy.validate_settings(payload.as_bytes())?;
            let problems = self.expect.check_settings(&response);
            (response, problems)
        } else {
            let (response, reads) = policy.validate_in(payload.as_bytes(), &self.cluster)?;
            let mut problems = self.expect.check(&response);
            if reads != self.expect.reads {
                problems.push(format!("should read {:?} from the cluster, reads {reads:?}", self.expect.reads));
            }
            (response, problems)
        };
        if problems.is_empty() { Ok(()) } else { Err(format!("{}\nthe response is {response:#}", problems.join("\n"))) }
    }

    /// Returns the name of the waPC function that the case calls, and its payload.
    ///
    /// # Errors
    /// If the case does not give exactly one payload.
    pub(crate) fn call(&self) -> Result<(&'static str, String), String> {
        match (&self.validate_settings, &self.validate_settings_text) {
            (Some(settings), None) => Ok(("validate_settings", settings.to_string())),
            (None, Some(text)) => Ok(("validate_settings", text.clone())),
            (None, None) => Ok(("validate", self.payload()?)),
            (Some(_), Some(_)) => Err("give either validateSettings or validateSettingsText".to_owned()),
        }
    }

    /// Returns the payload of `validate`.
    ///
    /// # Errors
    /// If the case gives none, or two objects where there is one.
    pub(crate) fn payload(&self) -> Result<String, String> {
        if let Some(payload) = &self.payload {
            return Ok(payload.clone());
        }
        let request = match &self.request {
            Some(request) => request.clone(),
            None => self.admission_request()?,
        };
        Ok(with_large_text(&json!({"request": request, "settings": self.settings})))
    }

    fn admission_request(&self) -> Result<Value, String> {
        let object = self.object(self.annotations.as_ref(), self.manifest.as_ref())?;
        let old = self.object(self.old_annotations.as_ref(), self.old.as_ref())?;
        if object.is_null() && old.is_null() {
            return Err("give annotations, manifest, oldAnnotations, old, request or payload".to_owned());
        }
        let request = if self.audit {
            AdmissionRequest::audit(object)
        } else {
            AdmissionRequest::update(old, object).operation(self.operation.as_deref().unwrap_or("CREATE"))
        };
        let request = request.namespace(&self.namespace);
        Ok(match &self.user_info {
            Some(user_info) => request.user_info(user_info.clone()).into_json(),
            None => request.into_json(),
        })
    }

    fn object(&self, annotations: Option<&Value>, whole: Option<&Value>) -> Result<Value, String> {
        match (annotations, whole) {
            (Some(_), Some(_)) => Err("give either the annotations or the whole object".to_owned()),
            (Some(annotations), None) => Ok(json!({
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "pod", "namespace": self.namespace, "annotations": annotations},
                "spec": {"containers": [{"name": "app", "image": "busybox", "ports": [{"containerPort": 80}]}]},
            })),
            (None, Some(whole)) => Ok(whole.clone()),
            (None, None) => Ok(Value::Null),
        }
    }
}

impl Expectation {
    /// Returns the ways in which a response to `validate` is not as expected.
    fn check(&self, response: &Value) -> Vec<String> {
        let accepted = self.accepted.expect("a case for validate gives accepted");
        assert_eq!(accepted, self.code.is_none(), "exactly the refusals have a code");
        let mut problems = Vec::new();
        for (field, expected) in [
            ("accepted", Value::from(accepted)),
            ("code", self.code.map_or(Value::Null, Value::from)),
            ("audit_annotations", self.audit_annotations()),
            ("mutated_object", Value::Null),
        ] {
            if response[field] != expected {
                problems.push(format!("{field} should be {expected}, is {}", response[field]));
            }
        }
        let message = response["message"].as_str();
        if message.is_some() == accepted {
            problems.push("a response should have a message exactly if it is a refusal".to_owned());
        }
        if self.message.is_some() && message != self.message.as_deref() {
            problems.push(format!("message should be {:?}", self.message));
        }
        let warnings = response["warnings"].as_array();
        if warnings.map_or(0, Vec::len) < self.warnings.len() || warnings.is_some() == self.warnings.is_empty() {
            problems.push(format!("warnings should be from {:?}", self.warnings));
        }
        problems.extend(self.check_texts(response));
        problems
    }

    fn audit_annotations(&self) -> Value {
        let ids = [("violations", &self.violations), ("warnings", &self.warnings)];
        let annotations: BTreeMap<_, _> =
            ids.into_iter().filter(|(_, ids)| !ids.is_empty()).map(|(name, ids)| (name, ids.join(","))).collect();
        if annotations.is_empty() { Value::Null } else { json!(annotations) }
    }

    /// Returns the ways in which a response to `validate_settings` is not as expected.
    fn check_settings(&self, response: &Value) -> Vec<String> {
        let valid = self.valid.expect("a case for validate_settings gives valid");
        let mut problems = self.check_texts(response);
        if response["valid"] != valid || response["message"].is_string() == valid {
            problems.push(format!("valid should be {valid}"));
        }
        problems
    }

    fn check_texts(&self, response: &Value) -> Vec<String> {
        let warnings = response["warnings"].as_array().into_iter().flatten();
        let texts: Vec<_> = warnings.chain([&response["message"]]).filter_map(Value::as_str).collect();
        let whole = texts.join("\n");
        let missing = self.says.iter().filter(|text| !whole.contains(*text));
        let excluded = self.excludes.iter().filter(|text| whole.contains(*text));
        missing
            .map(|text| format!("should contain {text:?}"))
            .chain(excluded.map(|text| format!("should not contain {text:?}")))
            .collect()
    }
}
