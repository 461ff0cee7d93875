//! The configuration file: flags for every run, and exceptions.

use std::io::ErrorKind;
use std::mem::take;
use std::path::{Path, PathBuf};

use interlink_audit::cluster::parse_namespace;
use interlink_audit::document::{Origin, Problem};
use interlink_audit::exceptions::Exception;
use interlink_audit::input;
use interlink_audit::report::print_message;
use interlink_audit::request::Impersonation;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use toml::Table;

use crate::cli::{Configuration, FailOn, Folders, Output, PolicyOptions, parse_username};
use crate::policy::check_exists;
use crate::toml_error;

/// The name of the file that is read from the current folder.
const FILE: &str = "interlink-audit.toml";

/// A configuration. Paths in it are relative to the file's folder.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Config {
    policy: Option<String>,
    policy_name: Option<String>,
    settings: Option<String>,
    exclude: Vec<String>,
    strict: bool,
    #[serde(rename = "as", deserialize_with = "username")]
    username: Option<String>,
    #[serde(rename = "as-group")]
    groups: Vec<String>,
    #[serde(deserialize_with = "namespace")]
    namespace: Option<String>,
    fail_on: Option<FailOn>,
    pub(crate) require_managed_fields: bool,
    baseline: Option<PathBuf>,
    pub(crate) exceptions: Vec<Exception>,
    #[serde(skip)]
    file: PathBuf,
}

#[derive(Debug, thiserror::Error)]
enum ConfigError {
    #[error("{0}")]
    Syntax(String),
    #[error("sets both policy and settings; remove one of them")]
    PolicyAndSettings,
}

/// A flag is given without the flag that it requires.
#[derive(Debug, thiserror::Error)]
#[error("needs {0}, on the command line or in the configuration")]
struct Needs(&'static str);

fn username<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(deserializer)?;
    parse_username(&name).map(Some).map_err(D::Error::custom)
}

fn namespace<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(deserializer)?;
    parse_namespace(&name).map(Some).map_err(|error| D::Error::custom(format!("is {name:?}, but {error}")))
}

impl Config {
    /// Reads the configuration that the flags name, or else the one in the current folder, if there is one. A note says
    /// what it sets: it may be that of a repository that someone else has written.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn read(flags: &Configuration) -> Result<Self, Problem> {
        if flags.no_config {
            return Ok(Self::default());
        }
        let file = flags.config.as_deref().unwrap_or(Path::new(FILE));
        let origin = || Origin::path(file);
        let text = match input::read_limited(file) {
            Err(error) if flags.config.is_none() && error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            text => text.map_err(|error| origin().problem(error))?,
        };
        let mut config: Self = toml::from_str(&text).map_err(|error| {
            let origin = toml_error::line(&error, &text).map_or_else(origin, |line| origin().at_line(line + 1));
            origin.problem(ConfigError::Syntax(toml_error::describe(&error, &text)))
        })?;
        if config.policy.is_some() && config.settings.is_some() {
            return Err(origin().problem(ConfigError::PolicyAndSettings));
        }
        print_note(&origin(), &text);
        config.resolve(file.parent().unwrap_or(Path::new("")));
        file.clone_into(&mut config.file);
        Ok(config)
    }

    /// Makes the paths relative to the current folder.
    fn resolve(&mut self, folder: &Path) {
        for path in [&mut self.policy, &mut self.settings].into_iter().flatten() {
            *path = folder.join(&*path).display().to_string();
        }
        if let Some(baseline) = &mut self.baseline {
            *baseline = folder.join(&*baseline);
        }
    }

    /// Sets the flags that are not given.
    ///
    /// # Errors
    /// If a file does not exist, or a policy is named, but no manifest.
    pub(crate) fn complete(
        &mut self,
        folders: &mut Folders,
        policy: &mut PolicyOptions,
        output: &mut Output,
    ) -> Result<(), Problem> {
        if folders.exclude.is_empty() {
            folders.exclude = take(&mut self.exclude);
        }
        folders.strict |= self.strict;
        if policy.policy.is_none() && policy.settings.is_none() {
            policy.policy = self.existing("policy", self.policy.as_ref())?;
            policy.settings = self.existing("settings", self.settings.as_ref())?;
            policy.policy_name = policy.policy_name.take().or(self.policy_name.take());
        }
        if policy.policy_name.is_some() && policy.policy.is_none() {
            return Err(Origin::file("--policy-name").problem(Needs("--policy")));
        }
        output.fail_on = output.fail_on.or(self.fail_on);
        if output.write_baseline.is_none() {
            output.baseline = output.baseline.take().or(self.baseline.take());
        }
        Ok(())
    }

    fn existing(&self, field: &str, path: Option<&String>) -> Result<Option<String>, Problem> {
        let named_by = || format!("{field} in {}", self.file.display());
        path.map(|path| check_exists(path, &named_by()).map(|()| path.clone())).transpose()
    }

    /// Returns the requester of manifests, by the flags, or else by the configuration.
    ///
    /// # Errors
    /// If there is a group, but no user.
    pub(crate) fn impersonation(
        &mut self,
        username: Option<String>,
        groups: Vec<String>,
        namespace: Option<String>,
    ) -> Result<Impersonation, Problem> {
        let namespace = namespace.or(self.namespace.take());
        // Another user has other groups.
        let default_groups = if username.is_some() { Vec::new() } else { take(&mut self.groups) };
        let groups = if groups.is_empty() { default_groups } else { groups };
        let username = username.or(self.username.take());
        if username.is_none() && !groups.is_empty() {
            return Err(Origin::file("--as-group").problem(Needs("--as")));
        }
        Ok(Impersonation { username, groups, namespace })
    }
}

/// Prints the names of the fields in a configuration.
fn print_note(origin: &Origin, text: &str) {
    let fields: Vec<_> = toml::from_str::<Table>(text).unwrap_or_default().into_iter().map(|(name, _)| name).collect();
    if let Some((last, others)) = fields.split_last() {
        let and = if others.is_empty() { "" } else { " and " };
        print_message("note", &format!("{origin} sets {}{and}{last}", others.join(", ")));
    }
}
