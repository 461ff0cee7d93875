//! Where the settings of a run come from: a file of their own, or the manifest of the deployed policy.

use serde_json::{Value, json};

use crate::host::Policy;
use crate::input::{self, Document, Problem, Source};

/// Kinds of manifest that deploy a single policy.
const POLICY_KINDS: [&str; 2] = ["ClusterAdmissionPolicy", "AdmissionPolicy"];

/// Reads settings from a file that holds nothing else.
///
/// # Errors
/// If the file cannot be read, is no map, or the policy refuses the settings.
pub fn from_file(file: &str, policy: &Policy) -> Result<Value, Problem> {
    // A list is no settings, where it would be taken apart among manifests.
    let mut documents = input::read_documents(file)?.into_iter().collect::<Result<Vec<_>, _>>()?;
    match (documents.pop(), documents.len()) {
        (Some(document), 0) => checked(document, policy),
        _ => Err(Source::file(file).problem("holds several documents, but settings are one")),
    }
}

/// Reads the settings from a policy's manifest, `spec.settings`.
///
/// # Errors
/// If the file cannot be read, does not hold exactly one policy, or the policy refuses the settings.
pub fn from_manifest(file: &str, policy: &Policy) -> Result<Value, Problem> {
    let mut policies = read_all(file)?;
    policies.retain(|document| is_policy(&document.object));
    let count = policies.len();
    match (policies.pop(), count) {
        (Some(Document { source, mut object }), 1) => match object.get_mut("spec").and_then(Value::as_object_mut) {
            Some(spec) => {
                let object = spec.remove("settings").unwrap_or_else(|| defaults(&source));
                checked(Document { source, object }, policy)
            }
            None => Err(source.problem("is a policy whose spec is missing, or no map")),
        },
        (_, count) => {
            let kinds = POLICY_KINDS.join(" or ");
            Err(Source::file(file).problem(format!("holds {count} of the kind {kinds}, but must hold one")))
        }
    }
}

fn read_all(file: &str) -> Result<Vec<Document>, Problem> {
    input::read_file(file).into_iter().collect()
}

/// No settings are settings too, but perhaps not what was meant.
fn defaults(source: &Source) -> Value {
    eprintln!("note: {source}: has no spec.settings, so that the defaults hold");
    json!({})
}

fn is_policy(object: &Value) -> bool {
    let is_kubewardens = |version: &str| version.starts_with("policies.kubewarden.io/");
    let is_kind = |kind: &str| POLICY_KINDS.contains(&kind);
    object["apiVersion"].as_str().is_some_and(is_kubewardens) && object["kind"].as_str().is_some_and(is_kind)
}

/// Settings that the policy itself takes.
fn checked(document: Document, policy: &Policy) -> Result<Value, Problem> {
    let Document { source, object } = document;
    let settings = match object {
        Value::Null => json!({}),
        settings => settings,
    };
    match policy.validate_settings(&settings) {
        Ok(Ok(())) => Ok(settings),
        Ok(Err(message)) => Err(source.problem(message)),
        Err(error) => Err(source.problem(error)),
    }
}
