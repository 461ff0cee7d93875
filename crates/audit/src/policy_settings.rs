//! The settings to evaluate a policy with: from a file of their own, or from the manifest of the deployed policy.

mod fields;
mod policies;
mod values;

use interlink_annotations_policy::response::parse;
use interlink_annotations_policy::settings::{ClusterReads, Settings};
use interlink_annotations_policy::{Level, RuleId};
use serde_json::Value;

use crate::document::{Document, Origin, Problem};
use crate::host::Policy;
use crate::input;
use crate::line::lines_before;
use policies::{ChoiceError, Policy as ManifestPolicy};

pub use policies::Remark;

/// Settings that the policy accepts.
#[derive(Debug)]
pub struct PolicySettings {
    /// The settings, as JSON.
    pub text: Vec<u8>,
    /// Remarks about the manifests that they are from.
    pub remarks: Vec<Remark>,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self { text: b"{}".to_vec(), remarks: Vec::new() }
    }
}

impl PolicySettings {
    /// Turns off the checks of addresses for which the policy reads the cluster: it cannot do so here, and would advise
    /// an administrator to permit it. Returns whether any was on.
    pub fn turn_off_cluster_reads(&mut self) -> bool {
        let is_on = Settings::parse(&self.text).is_ok_and(|settings| settings.cluster != ClusterReads::default());
        let Some(Value::Object(mut fields)) = serde_json::from_slice(&self.text).ok().filter(|_| is_on) else {
            return false;
        };
        fields.remove("cluster");
        self.text = Value::Object(fields).to_string().into_bytes();
        true
    }
}

/// The warning about match conditions that exclude objects which only one rule reports, although the settings turn this
/// rule on.
const EXCLUDES_PLUGINS: &str = "the rule plugin-annotations is on, but matchConditions keep objects without interLink's \
                                own annotations from the policy; use the pattern that interlink-audit explain \
                                plugin-annotations shows";

#[derive(Debug, thiserror::Error)]
enum SettingsError {
    #[error("holds several documents; put the settings into one")]
    SeveralDocuments,
    #[error("is empty; write {{}} for the default settings")]
    Empty,
    #[error("is the manifest of a policy; pass it with --policy")]
    Policy,
}

/// Reads settings from a separate file.
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
    if policies::is_policy(&document) {
        return Err(document.origin.problem(SettingsError::Policy));
    }
    Ok(PolicySettings { text: validated(document, policy)?, ..PolicySettings::default() })
}

/// Reads the settings of a policy from its manifest, in a file or folder that may have several: those of the policy
/// with this name, or else those that all policies with this policy's module have.
///
/// # Errors
/// If something cannot be read or Kubewarden would not accept it, if the policies have different settings, or the
/// policy refuses them.
pub fn from_manifest(path: &str, name: Option<&str>, module: &Policy) -> Result<PolicySettings, Problem> {
    let manifests = policies::read(path, name.is_some())?;
    let at_path = |error: ChoiceError| Origin::file(path).problem(error);
    let chosen = policies::choose(policies::policies(&manifests)?, name).map_err(at_path)?;
    let settings = chosen.iter().map(|policy| of_policy(policy, module)).collect::<Result<Vec<_>, _>>()?;
    if !settings.iter().all(|other| is_equal(&settings[0], other)) {
        let list = policies::list(&chosen);
        let error = if name.is_some() { ChoiceError::SameName(list) } else { ChoiceError::DifferentSettings(list) };
        return Err(at_path(error));
    }
    let mut remarks: Vec<_> = settings.iter().flat_map(|settings| settings.remarks.clone()).collect();
    // The members of a group have one manifest.
    remarks.dedup();
    let first = settings.into_iter().next().ok_or_else(|| at_path(ChoiceError::NoPolicy))?;
    Ok(PolicySettings { remarks, ..first })
}

/// Returns the settings of a policy, if it accepts them.
fn of_policy(policy: &ManifestPolicy<'_>, module: &Policy) -> Result<PolicySettings, Problem> {
    policy.check()?;
    let mut remarks = policy.remarks();
    let mut add = |is_warning, text: &str| {
        remarks.push(Remark { is_warning, origin: policy.origin().clone(), text: text.to_owned() });
    };
    let Some(settings) = policy.settings()? else {
        add(false, "has no settings; the policy's defaults apply");
        return Ok(PolicySettings { remarks, ..PolicySettings::default() });
    };
    let text = validated(settings, module)?;
    if checks_plugins(&text) && policy.excludes_plugins() {
        add(true, EXCLUDES_PLUGINS);
    }
    Ok(PolicySettings { text, remarks })
}

/// Returns whether settings turn on the rule for plugins' annotations.
fn checks_plugins(settings: &[u8]) -> bool {
    let settings = Settings::parse(settings);
    settings.is_ok_and(|settings| settings.rules.get(RuleId::PluginAnnotations) != Level::Ignore)
}

fn is_equal(one: &PolicySettings, other: &PolicySettings) -> bool {
    let tree = |settings: &PolicySettings| serde_json::from_slice::<Value>(&settings.text).ok();
    tree(one) == tree(other)
}

/// Returns the settings, if the policy accepts them.
fn validated(document: Document, policy: &Policy) -> Result<Vec<u8>, Problem> {
    input::check_json(&document)?;
    let Document { origin, text, .. } = document;
    match policy.validate_settings(&text) {
        Ok(()) => Ok(text),
        Err(error) => {
            // The message begins with the path of the field that is wrong.
            let line = origin.line().map(|line| line + lines_before(&text, &parse(&error.to_string())));
            Err(line.map_or_else(|| origin.clone(), |line| origin.at_line(line)).problem(error))
        }
    }
}
