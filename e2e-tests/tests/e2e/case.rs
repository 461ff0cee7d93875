//! A case: a request, the settings, and the answer that they must have.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use interlink_e2e_tests::both::Both;
use interlink_e2e_tests::request::request;

/// One case. A request is put together from its parts, or given as a whole, or as raw text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    name: String,
    #[serde(default = "empty")]
    settings: Value,
    /// `userInfo`; `null` for a request that does not tell.
    #[serde(default = "alice", rename = "as")]
    user_info: Value,
    #[serde(default)]
    operation: Option<String>,
    #[serde(default)]
    namespace: Option<String>,
    /// The annotations of a small pod, which has a port; or a whole object.
    #[serde(default, deserialize_with = "given")]
    annotations: Option<Value>,
    #[serde(default)]
    manifest: Option<Value>,
    /// Likewise for the object before an UPDATE.
    #[serde(default, deserialize_with = "given")]
    old_annotations: Option<Value>,
    #[serde(default)]
    old: Option<Value>,
    /// A whole `AdmissionRequest`.
    #[serde(default)]
    request: Option<Value>,
    /// What `validate` gets, as text.
    #[serde(default)]
    payload: Option<String>,
    /// For a case of `validate_settings`: what it gets, as a value or as text.
    #[serde(default, deserialize_with = "given")]
    validate_settings: Option<Value>,
    #[serde(default)]
    validate_settings_text: Option<String>,
    expect: Expectation,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Expectation {
    accepted: Option<bool>,
    /// For a case of `validate_settings`.
    valid: Option<bool>,
    code: Option<u64>,
    /// The ids in the audit annotations, sorted.
    #[serde(default)]
    violations: Vec<String>,
    #[serde(default)]
    warnings: Vec<String>,
    message: Option<String>,
    /// What the message or a warning must hold.
    #[serde(default)]
    says: Vec<String>,
    /// What must stand nowhere in the answer.
    #[serde(default)]
    silent_on: Vec<String>,
}

/// Every case of every topic, with its name.
pub fn all() -> Vec<(String, Case)> {
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

/// Tells `null` from nothing.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn empty() -> Value {
    json!({})
}

fn alice() -> Value {
    json!({"username": "alice"})
}

impl Case {
    /// Holds the answers of the module and of the native code against the expectation.
    ///
    /// # Errors
    /// What is not as expected, and the answer.
    pub fn run(&self, both: &Both) -> Result<(), String> {
        let (function, payload) = self.call()?;
        let (answer, unmet) = match function {
            "validate_settings" => {
                let answer = both.validate_settings(payload.as_bytes())?;
                let unmet = self.expect.unmet_settings(&answer);
                (answer, unmet)
            }
            _ => {
                let answer = both.validate(payload.as_bytes())?;
                let unmet = self.expect.unmet(&answer);
                (answer, unmet)
            }
        };
        match unmet.as_slice() {
            [] => Ok(()),
            unmet => Err(format!("{}\nthe answer is {answer:#}", unmet.join("\n"))),
        }
    }

    /// The waPC function that the case calls, and what it gets.
    ///
    /// # Errors
    /// If the case does not say, or says too much.
    pub fn call(&self) -> Result<(&'static str, String), String> {
        match (&self.validate_settings, &self.validate_settings_text) {
            (Some(settings), None) => Ok(("validate_settings", settings.to_string())),
            (None, Some(text)) => Ok(("validate_settings", text.clone())),
            (None, None) => Ok(("validate", self.payload()?)),
            _ => Err("give validateSettings or validateSettingsText".to_owned()),
        }
    }

    /// What `validate` gets.
    ///
    /// # Errors
    /// If it is a case of something else.
    pub fn payload(&self) -> Result<String, String> {
        if let Some(payload) = &self.payload {
            return Ok(payload.clone());
        }
        let request = match &self.request {
            Some(request) => request.clone(),
            None => self.admission_request()?,
        };
        Ok(json!({"request": request, "settings": self.settings}).to_string())
    }

    fn admission_request(&self) -> Result<Value, String> {
        let object = self.object(&self.annotations, &self.manifest)?;
        let old = self.object(&self.old_annotations, &self.old)?;
        if object.is_null() && old.is_null() {
            return Err("give annotations, manifest, old, oldAnnotations, request or payload".to_owned());
        }
        let operation = self.operation.as_deref().unwrap_or("CREATE");
        Ok(request(&self.user_info, operation, &self.namespace().into(), &old, &object))
    }

    fn object(&self, annotations: &Option<Value>, whole: &Option<Value>) -> Result<Value, String> {
        match (annotations, whole) {
            (Some(_), Some(_)) => Err("give the annotations or the whole object".to_owned()),
            (Some(annotations), None) => Ok(json!({
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "pod", "namespace": self.namespace(), "annotations": annotations},
                "spec": {"containers": [{"name": "app", "image": "busybox", "ports": [{"containerPort": 80}]}]},
            })),
            (None, Some(whole)) => Ok(whole.clone()),
            (None, None) => Ok(Value::Null),
        }
    }

    fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or("default")
    }
}

impl Expectation {
    /// What an answer to `validate` lacks.
    fn unmet(&self, answer: &Value) -> Vec<String> {
        let accepted = self.accepted.expect("a case says whether the request is accepted");
        let code = self.code.map_or(Value::Null, Value::from);
        assert_eq!(accepted, self.code.is_none(), "a refusal has a code");
        let message = answer["message"].as_str();
        let expected = self.message.as_deref();
        let ids = [("violations", &self.violations), ("warnings", &self.warnings)];
        let audit: BTreeMap<_, _> =
            ids.into_iter().filter(|(_, ids)| !ids.is_empty()).map(|(name, ids)| (name, ids.join(","))).collect();
        let audit = if audit.is_empty() { Value::Null } else { json!(audit) };
        let mut unmet = Vec::new();
        for (field, expected) in [
            ("accepted", Value::from(accepted)),
            ("code", code),
            ("audit_annotations", audit),
            ("mutated_object", Value::Null),
        ] {
            if answer[field] != expected {
                unmet.push(format!("{field} should be {expected}, is {}", answer[field]));
            }
        }
        if message.is_some() == accepted {
            unmet.push("a message goes with a refusal, and with nothing else".to_owned());
        }
        if expected.is_some() && message != expected {
            unmet.push(format!("message should be {expected:?}"));
        }
        let warnings = answer["warnings"].as_array();
        if warnings.map_or(0, Vec::len) < self.warnings.len() || warnings.is_some() == self.warnings.is_empty() {
            unmet.push(format!("warnings should be about {:?}", self.warnings));
        }
        unmet.extend(self.unmet_texts(answer));
        unmet
    }

    /// What an answer to `validate_settings` lacks.
    fn unmet_settings(&self, answer: &Value) -> Vec<String> {
        let valid = self.valid.expect("a case says whether the settings are valid");
        let mut unmet = self.unmet_texts(answer);
        if answer["valid"] != valid || answer["message"].is_string() == valid {
            unmet.push(format!("valid should be {valid}"));
        }
        unmet
    }

    fn unmet_texts(&self, answer: &Value) -> Vec<String> {
        let warnings = answer["warnings"].as_array().into_iter().flatten();
        let texts: Vec<_> = warnings.chain([&answer["message"]]).filter_map(Value::as_str).collect();
        let whole = texts.join("\n");
        let unsaid = self.says.iter().filter(|text| !whole.contains(*text));
        let said = self.silent_on.iter().filter(|text| whole.contains(*text));
        unsaid
            .map(|text| format!("should say {text:?}"))
            .chain(said.map(|text| format!("should not say {text:?}")))
            .collect()
    }
}
