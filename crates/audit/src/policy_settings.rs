//! The settings to evaluate a policy with: from a file of their own, or from the manifest of the deployed policy.

use serde_json::{Value, json};

use crate::document::{Document, Origin, Problem};
use crate::host::Policy;
use crate::input;

/// The kinds of manifest that deploy a single policy.
const POLICY_KINDS: [&str; 2] = ["ClusterAdmissionPolicy", "AdmissionPolicy"];

/// Settings that the policy accepts.
#[derive(Debug)]
pub struct PolicySettings {
    /// The settings.
    pub value: Value,
    /// The manifest that gives no settings, so that the policy's defaults apply.
    pub missing_in: Option<Origin>,
}

#[derive(Debug, thiserror::Error)]
enum SettingsError {
    #[error("holds several documents; settings are one")]
    SeveralDocuments,
    #[error("holds {0} of the kind {kinds}; it must hold exactly one", kinds = POLICY_KINDS.join(" or "))]
    NotOnePolicy(usize),
    #[error("is a policy whose spec is missing, or not a map")]
    NoSpec,
}

/// Reads settings from a file that holds nothing else.
///
/// # Errors
/// If the file cannot be read, is not one map, or the policy refuses the settings.
pub fn from_file(file: &str, policy: &Policy) -> Result<PolicySettings, Problem> {
    // Lists are not flattened here: a list of one map would pass for settings.
    let mut documents = input::read_documents(file)?.into_iter().collect::<Result<Vec<_>, _>>()?;
    match (documents.pop(), documents.len()) {
        (Some(document), 0) => Ok(PolicySettings { value: validated(document, policy)?, missing_in: None }),
        _ => Err(Origin::file(file).problem(SettingsError::SeveralDocuments)),
    }
}

/// Reads the settings from a policy's manifest, `spec.settings`.
///
/// # Errors
/// If the file cannot be read, does not hold exactly one policy, or the policy refuses the settings.
pub fn from_manifest(file: &str, policy: &Policy) -> Result<PolicySettings, Problem> {
    let mut policies = input::read_file(file).into_iter().collect::<Result<Vec<_>, _>>()?;
    policies.retain(|document| is_policy(&document.object));
    let count = policies.len();
    let Some(Document { origin, mut object }) = policies.pop().filter(|_| count == 1) else {
        return Err(Origin::file(file).problem(SettingsError::NotOnePolicy(count)));
    };
    let Some(spec) = object["spec"].as_object_mut() else {
        return Err(origin.problem(SettingsError::NoSpec));
    };
    let settings = spec.remove("settings");
    let missing_in = settings.is_none().then(|| origin.clone());
    let document = Document { origin, object: settings.unwrap_or_default() };
    Ok(PolicySettings { value: validated(document, policy)?, missing_in })
}

fn is_policy(object: &Value) -> bool {
    let is_kubewarden = |version: &str| version.starts_with("policies.kubewarden.io/");
    let is_kind = |kind: &str| POLICY_KINDS.contains(&kind);
    object["apiVersion"].as_str().is_some_and(is_kubewarden) && object["kind"].as_str().is_some_and(is_kind)
}

/// Returns the settings, if the policy accepts them. Null stands for none.
fn validated(document: Document, policy: &Policy) -> Result<Value, Problem> {
    let Document { origin, object } = document;
    let settings = if object.is_null() { json!({}) } else { object };
    match policy.validate_settings(&settings) {
        Ok(()) => Ok(settings),
        Err(error) => Err(origin.problem(error)),
    }
}
