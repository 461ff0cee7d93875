//! The settings to evaluate a policy with: from a file of their own, or from the manifest of the deployed policy.

use json_scan::{DecodeError, Reader, seek_path};

use crate::document::{Document, Origin, Problem};
use crate::host::Policy;
use crate::input;
use crate::object::Header;

/// The kinds of manifest that deploy a single policy.
const POLICY_KINDS: [&str; 2] = ["ClusterAdmissionPolicy", "AdmissionPolicy"];

/// Settings that the policy accepts.
#[derive(Debug)]
pub struct PolicySettings {
    /// The settings, as JSON.
    pub text: Vec<u8>,
    /// The manifest that gives no settings, so that the policy's defaults apply.
    pub missing_in: Option<Origin>,
}

#[derive(Debug, thiserror::Error)]
enum SettingsError {
    #[error("holds several documents; settings are one")]
    SeveralDocuments,
    #[error("is empty; write {{}} for the default settings")]
    Empty,
    #[error("holds {0} of the kind {kinds}; it must hold exactly one", kinds = POLICY_KINDS.join(" or "))]
    NotOnePolicy(usize),
    #[error("is a policy whose spec is missing, or not a map")]
    NoSpec,
    #[error("{0}")]
    Malformed(#[from] DecodeError),
}

/// Reads settings from a file that holds nothing else.
///
/// # Errors
/// If the file cannot be read, is not one map, or the policy refuses the settings.
pub fn from_file(file: &str, policy: &Policy) -> Result<PolicySettings, Problem> {
    let mut documents = input::read_document(file)?;
    let Some(document) = documents.pop() else {
        return Err(Origin::file(file).problem(SettingsError::Empty));
    };
    if !documents.is_empty() {
        return Err(Origin::file(file).problem(SettingsError::SeveralDocuments));
    }
    Ok(PolicySettings { text: validated(document, policy)?, missing_in: None })
}

/// Reads the settings from a policy's manifest, `spec.settings`.
///
/// # Errors
/// If the file cannot be read, does not hold exactly one policy, or the policy refuses the settings.
pub fn from_manifest(file: &str, policy: &Policy) -> Result<PolicySettings, Problem> {
    let mut policies = input::read_file(file)?;
    policies.retain(is_policy);
    let count = policies.len();
    let Some(Document { origin, text, .. }) = policies.pop().filter(|_| count == 1) else {
        return Err(Origin::file(file).problem(SettingsError::NotOnePolicy(count)));
    };
    let (missing_in, text) = match settings(&text) {
        Ok(Some(settings)) => (None, settings),
        Ok(None) => (Some(origin.clone()), b"{}".to_vec()),
        Err(error) => return Err(origin.problem(error)),
    };
    Ok(PolicySettings { text: validated(Document { origin, text, is_optional: false }, policy)?, missing_in })
}

fn is_policy(document: &Document) -> bool {
    Header::decode(&document.text)
        .is_ok_and(|header| header.group() == "policies.kubewarden.io" && POLICY_KINDS.contains(&&*header.kind))
}

/// Returns the text of a policy's settings, if it has some.
fn settings(policy: &[u8]) -> Result<Option<Vec<u8>>, SettingsError> {
    let spec = seek_path(Some(Reader::new(policy).value()?), &["spec"])?;
    let spec = spec.filter(|spec| spec.expect_object().is_ok()).ok_or(SettingsError::NoSpec)?;
    let [settings] = spec.reader().pick(["settings"])?;
    Ok(settings.map(|settings| settings.text().to_vec()))
}

/// Returns the settings, if the policy accepts them.
fn validated(document: Document, policy: &Policy) -> Result<Vec<u8>, Problem> {
    input::check_json(&document)?;
    let Document { origin, text, .. } = document;
    match policy.validate_settings(&text) {
        Ok(()) => Ok(text),
        Err(error) => Err(origin.problem(error)),
    }
}
