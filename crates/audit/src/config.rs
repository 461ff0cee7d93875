//! The configuration file: flags for every run, and exceptions.

use std::fs;
use std::io::{self, ErrorKind};
use std::mem::take;
use std::path::{Path, PathBuf};

use interlink_audit::document::{Origin, Problem};
use interlink_audit::exceptions::Exception;
use interlink_audit::request::Impersonation;
use serde::Deserialize;

use crate::cli::{Configuration, FailOn, Folders, Output, PolicyOptions};

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
    #[serde(rename = "as")]
    username: Option<String>,
    #[serde(rename = "as-group")]
    groups: Vec<String>,
    namespace: Option<String>,
    fail_on: Option<FailOn>,
    pub(crate) require_managed_fields: bool,
    baseline: Option<PathBuf>,
    pub(crate) exceptions: Vec<Exception>,
}

#[derive(Debug, thiserror::Error)]
enum ConfigError {
    #[error("cannot be read: {0}")]
    Read(#[source] io::Error),
    // The library's text has several lines, including the faulty one.
    #[error("{}", .0.message())]
    Syntax(#[source] toml::de::Error),
}

impl Config {
    /// Reads the configuration that the flags name, or else the one in the current folder, if there is one.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn read(flags: &Configuration) -> Result<Self, Problem> {
        if flags.no_config {
            return Ok(Self::default());
        }
        let file = flags.config.as_deref().unwrap_or(Path::new(FILE));
        let origin = || Origin::path(file);
        let text = match fs::read_to_string(file) {
            Err(error) if flags.config.is_none() && error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            text => text.map_err(|error| origin().problem(ConfigError::Read(error)))?,
        };
        let mut config: Self = toml::from_str(&text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start].matches('\n').count() + 1);
            line.map_or_else(origin, |line| origin().at_line(line)).problem(ConfigError::Syntax(error))
        })?;
        config.resolve(file.parent().unwrap_or(Path::new("")));
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
    pub(crate) fn complete(&mut self, folders: &mut Folders, policy: &mut PolicyOptions, output: &mut Output) {
        folders.exclude.append(&mut self.exclude);
        folders.strict |= self.strict;
        if policy.policy.is_none() && policy.settings.is_none() {
            policy.policy = self.policy.take();
            policy.settings = self.settings.take().filter(|_| policy.policy.is_none());
            policy.policy_name = policy.policy_name.take().or(self.policy_name.take());
        }
        output.fail_on = output.fail_on.or(self.fail_on);
        output.baseline = output.baseline.take().or(self.baseline.take());
    }

    /// Returns the requester of manifests, by the flags, or else by the configuration.
    pub(crate) fn impersonation(
        &mut self,
        username: Option<String>,
        groups: Vec<String>,
        namespace: Option<String>,
    ) -> Impersonation {
        let namespace = namespace.or(self.namespace.take());
        match username {
            Some(_) => Impersonation { username, groups, namespace },
            None => Impersonation { username: self.username.take(), groups: take(&mut self.groups), namespace },
        }
    }
}
