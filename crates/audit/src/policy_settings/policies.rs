//! The policies in manifests, and the choice among them.

use std::error::Error;
use std::path::Path;

use json_scan::{Context, DecodeError, Reader, Value, present, seek_path};

use super::fields::{KINDS, Part};
use super::values::{check_values, join_with_or};
use crate::document::{Document, Origin, Problem};
use crate::input::{self, Files};
use crate::object::{Header, lines_before, lines_before_key, text};

/// The last part of the address of this policy's module.
const MODULE_NAME: &str = "interlink-annotations";

/// The pattern for keys in the match conditions of the manifests in `deploy`, which plugins' keys do not match.
const DEFAULT_PATTERN: &str = "'(?i)^([iİ]nterl[iİ]nk[.]|jobid$)'";

/// A policy in a manifest: the one that it deploys, or a member of a policy group.
#[derive(Clone)]
pub(super) struct Policy<'d> {
    document: &'d Document,
    kind: String,
    /// Its name; `GROUP/MEMBER` for a member.
    name: String,
    /// The name of a member within its group.
    member: Option<String>,
    spec: Value<'d>,
    /// The map with the module and the settings: the spec, or the member.
    body: Value<'d>,
}

/// A remark about the manifest of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Whether it is a warning; if not, it is a note.
    pub is_warning: bool,
    /// The manifest.
    pub origin: Origin,
    /// The text.
    pub text: String,
}

#[derive(Debug, thiserror::Error)]
enum ManifestError {
    #[error(
        "is a Kustomization; pass the output of \"kubectl kustomize {0}\" to --policy -, or name a policy with --policy-name"
    )]
    Kustomization(String),
    #[error(
        "is a Component of a Kustomization; pass the output of kubectl kustomize for the folder of the Kustomization to \
         --policy -, or name a policy with --policy-name"
    )]
    Component,
    #[error("is a policy whose spec is missing, or not a map")]
    NoSpec,
    #[error("is a policy group whose spec.policies is missing, or not a map")]
    NoMembers,
}

/// The reason why no policy could be chosen.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChoiceError {
    #[error("has no policy; write a manifest of the kind {}", join_with_or(&KINDS))]
    NoPolicy,
    #[error("has no policy with the name {name:?}; it has {found}")]
    NoSuchName { name: String, found: String },
    #[error("has several policies, but none with the module {MODULE_NAME}: {0}; name one with --policy-name")]
    OnlyOthers(String),
    #[error("has policies with different settings: {0}; name one with --policy-name")]
    DifferentSettings(String),
    #[error("has policies of the same name with different settings: {0}; pass a file with only one of them")]
    SameName(String),
}

/// Reads the manifests of policies in a file, a folder or standard input.
///
/// # Errors
/// If a document cannot be read, or is part of a Kustomization although no policy is named: what it builds may have
/// other settings.
pub(super) fn read(path: &str, is_named: bool) -> Result<Vec<Document>, Problem> {
    let mut documents = input::read_all(Files::find(&[path.to_owned()], &[], false)?, input::MAX_DOCUMENT)?;
    if !is_named {
        refuse_kustomization(&documents)?;
    }
    documents.retain(is_policy);
    documents.iter().try_for_each(input::check_json)?;
    Ok(documents)
}

/// Returns whether a document is the manifest of a policy or of a policy group.
pub(super) fn is_policy(document: &Document) -> bool {
    header(document).is_some_and(|header| header.group() == "policies.kubewarden.io" && KINDS.contains(&&*header.kind))
}

fn header(document: &Document) -> Option<Header<'_>> {
    Header::decode(&document.text).ok()
}

/// Refuses documents with a Kustomization, or else with a Component of one.
fn refuse_kustomization(documents: &[Document]) -> Result<(), Problem> {
    let (components, kustomizations): (Vec<_>, Vec<_>) =
        documents.iter().filter(|document| is_kustomization(document)).partition(|document| is_component(document));
    if let Some(kustomization) = kustomizations.first() {
        let folder = Path::new(&**kustomization.origin.source()).parent().unwrap_or(Path::new(""));
        let folder = if folder.as_os_str().is_empty() { ".".into() } else { folder.to_string_lossy() };
        return Err(kustomization.origin.clone().problem(ManifestError::Kustomization(folder.into_owned())));
    }
    match components.first() {
        Some(component) => Err(component.origin.clone().problem(ManifestError::Component)),
        None => Ok(()),
    }
}

fn is_kustomization(document: &Document) -> bool {
    let file = Path::new(&**document.origin.source()).file_stem();
    let has_group = || header(document).is_some_and(|header| header.group() == "kustomize.config.k8s.io");
    file.is_some_and(|stem| stem.eq_ignore_ascii_case("kustomization")) || has_group()
}

/// Returns whether a Kustomization is only a part of others.
fn is_component(kustomization: &Document) -> bool {
    header(kustomization).is_some_and(|header| header.kind == "Component")
}

/// Returns the policies in manifests.
///
/// # Errors
/// If a manifest has no policy where one must be.
pub(super) fn policies(manifests: &[Document]) -> Result<Vec<Policy<'_>>, Problem> {
    let mut found = Vec::new();
    for document in manifests {
        let policy = Policy::of_manifest(document)?;
        if policy.kind.ends_with("Group") { found.extend(policy.members()?) } else { found.push(policy) }
    }
    Ok(found)
}

/// Returns the policies with this name. Without a name, returns the only policy, or those with this policy's module.
///
/// # Errors
/// If there is none.
pub(super) fn choose<'d>(mut policies: Vec<Policy<'d>>, name: Option<&str>) -> Result<Vec<Policy<'d>>, ChoiceError> {
    if policies.is_empty() {
        return Err(ChoiceError::NoPolicy);
    }
    let found = list(&policies);
    match name {
        Some(name) => policies.retain(|policy| policy.name == name),
        None if policies.len() > 1 => policies.retain(Policy::may_have_this_module),
        None => {}
    }
    match name {
        _ if !policies.is_empty() => Ok(policies),
        Some(name) => Err(ChoiceError::NoSuchName { name: name.to_owned(), found }),
        None => Err(ChoiceError::OnlyOthers(found)),
    }
}

/// Lists the names of policies, with their origins.
pub(super) fn list(policies: &[Policy<'_>]) -> String {
    let names: Vec<_> = policies.iter().map(|policy| format!("{} ({})", policy.name, policy.document.origin)).collect();
    names.join(", ")
}

impl<'d> Policy<'d> {
    /// Returns the policy, or the policy group, that a manifest deploys.
    fn of_manifest(document: &'d Document) -> Result<Self, Problem> {
        let malformed = |error: DecodeError| document.origin.clone().problem(error);
        let header = Header::decode(&document.text).map_err(malformed)?;
        let manifest = Reader::new(&document.text).value().map_err(malformed)?;
        let [spec] = manifest.reader().pick(["spec"]).map_err(malformed)?;
        // A misspelled field may be the one that is missing.
        check_fields(document, &header.kind, Part::Manifest, manifest)?;
        let Some(spec) = spec.filter(|spec| spec.expect_object().is_ok()) else {
            return Err(document.origin.clone().problem(ManifestError::NoSpec));
        };
        let (kind, name) = (header.kind.into_owned(), header.name.into_owned());
        Ok(Self { document, kind, name, member: None, spec, body: spec })
    }

    /// Returns the members of a group.
    fn members(&self) -> Result<Vec<Self>, Problem> {
        let [members] = self.spec.reader().pick(["policies"]).map_err(|error| self.problem(error))?;
        let Some(members) = members.filter(|members| members.expect_object().is_ok()) else {
            self.check()?;
            return Err(self.problem(ManifestError::NoMembers));
        };
        let mut found = Vec::new();
        let read = members.reader().entries(&mut |name, member| {
            let name = String::from_utf8_lossy(name).into_owned();
            let body = member.value()?;
            body.expect_object().at_key(name.as_bytes())?;
            found.push(Self { name: format!("{}/{name}", self.name), member: Some(name), body, ..self.clone() });
            Ok(())
        });
        read.at_path(&["spec", "policies"]).map_err(|error| self.problem(error))?;
        Ok(found)
    }

    /// Returns whether the policy evaluates this policy's module, judging by its address. A policy without one counts too.
    fn may_have_this_module(&self) -> bool {
        let [module] = self.body.reader().pick(["module"]).unwrap_or_default();
        let module = text(module);
        let last = module.rsplit('/').next().unwrap_or_default();
        let name = last.split(['@', ':']).next().unwrap_or_default();
        name.is_empty() || name == MODULE_NAME
    }

    /// Checks the names of the fields, and some values.
    ///
    /// # Errors
    /// If Kubewarden does not know a field, or a value is not accepted.
    pub(super) fn check(&self) -> Result<(), Problem> {
        check_fields(self.document, &self.kind, Part::Spec, self.spec)?;
        if let Some(member) = &self.member {
            check_fields(self.document, &self.kind, Part::Member(member), self.body)?;
        }
        let mut checked = None;
        check_values(self.spec, &mut checked).map_err(|error| {
            // List elements have no key.
            let line = checked.and_then(|value| Some(self.origin().line? + lines_before(&self.document.text, value)));
            line.map_or_else(|| self.origin().clone(), |line| self.origin().at_line(line)).problem(error)
        })
    }

    /// Returns the remarks about fields that weaken the policy or have an unexpected effect.
    pub(super) fn remarks(&self) -> Vec<Remark> {
        let [failure_policy, message] = self.spec.reader().pick(["failurePolicy", "message"]).unwrap_or_default();
        let remark = |is_warning, value: Option<Value<'_>>, text: &str| {
            let origin = origin_of(self.document, value?);
            Some(Remark { is_warning, origin, text: text.to_owned() })
        };
        let ignores = failure_policy.filter(|_| text(failure_policy) == "Ignore");
        let [module] = self.body.reader().pick(["module"]).unwrap_or_default();
        let other_module = module.filter(|_| !self.may_have_this_module());
        // A group must have a message.
        let replaces = message.filter(|_| !text(message).is_empty() && self.member.is_none());
        [
            remark(
                true,
                ignores,
                "failurePolicy is Ignore: requests are accepted unchecked if the policy server does not answer, and \
                 users can cause that; use Fail",
            ),
            remark(false, replaces, "users see this message instead of the policy's findings; remove it"),
            remark(false, other_module, "the module is not interlink-annotations; the settings apply all the same"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Returns the settings, as a document of their own; `None` if there are none.
    ///
    /// # Errors
    /// If a field appears twice.
    pub(super) fn settings(&self) -> Result<Option<Document>, Problem> {
        let [settings] = self.body.reader().pick(["settings"]).map_err(|error| self.problem(error))?;
        Ok(present(settings).map(|settings| Document {
            origin: origin_of(self.document, settings),
            // With the line breaks that follow the field's name, so that the lines count from there.
            text: [&b"\n".repeat(lines_after_key(&self.document.text, settings)), settings.text()].concat(),
            is_optional: false,
        }))
    }

    /// Returns whether the policy has the match conditions of the manifests in `deploy`, which exclude objects that
    /// have only annotations of plugins.
    pub(super) fn excludes_plugins(&self) -> bool {
        let mut excludes = false;
        let conditions = seek_path(Some(self.spec), &["matchConditions"]).ok().flatten();
        let read = conditions.map(|conditions| {
            conditions.reader().elements(&mut |condition| {
                let [expression] = condition.pick(["expression"])?;
                excludes |= text(expression).contains(DEFAULT_PATTERN);
                Ok(())
            })
        });
        excludes && read.is_some_and(|read| read.is_ok())
    }

    /// Returns the origin of the manifest.
    pub(super) fn origin(&self) -> &Origin {
        &self.document.origin
    }

    fn problem(&self, error: impl Into<Box<dyn Error + Send + Sync>>) -> Problem {
        self.origin().clone().problem(error)
    }
}

/// Checks that a part of a manifest has only fields that Kubewarden knows.
fn check_fields(document: &Document, kind: &str, part: Part<'_>, value: Value<'_>) -> Result<(), Problem> {
    match part.unknown_field(value, kind) {
        Ok(None) => Ok(()),
        Ok(Some((error, value))) => Err(origin_of(document, value).problem(error)),
        Err(error) => Err(document.origin.clone().problem(error)),
    }
}

/// Returns the number of line breaks between the name of a field and its value.
fn lines_after_key(document: &[u8], value: Value<'_>) -> usize {
    lines_before(document, value) - lines_before_key(document, value)
}

/// Returns the origin of a field, by its value.
fn origin_of(document: &Document, value: Value<'_>) -> Origin {
    match document.origin.line {
        Some(line) => document.origin.at_line(line + lines_before_key(&document.text, value)),
        None => document.origin.clone(),
    }
}

#[cfg(test)]
mod tests {
    use interlink_annotations_policy::RuleId;
    use interlink_annotations_policy::rules::documentation;

    use super::*;

    #[test]
    fn knows_the_pattern_of_the_manifests_in_deploy() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/protect.yaml");
        let manifests = read(file, false).unwrap();
        assert!(policies(&manifests).unwrap()[0].excludes_plugins());
        let start = DEFAULT_PATTERN.trim_end_matches('\'');
        assert!(documentation(RuleId::PluginAnnotations).contains(&format!("{start}|")));
    }
}
