//! Loads the policy's module and settings.

use std::borrow::Cow;
use std::error::Error;
use std::io;
use std::path::Path;

use interlink_audit::document::{Origin, Problem, STANDARD_INPUT};
use interlink_audit::host::Module;
use interlink_audit::policy_settings::{self, PolicySettings, Remark};
use interlink_audit::report::print_message;
use interlink_audit::{input, registry, streams};

use crate::cli::PolicyOptions;

/// Loads the module.
///
/// # Errors
/// If it cannot be read, pulled or compiled.
pub(crate) fn load_module(options: &PolicyOptions) -> Result<Module, Problem> {
    let Some(name) = &options.module else {
        return Module::built_in().map_err(|error| Origin::file("the module in interlink-audit").problem(error));
    };
    let origin = || Origin::file(name);
    let module: Result<Cow<'_, [u8]>, Box<dyn Error + Send + Sync>> = if name.starts_with(registry::SCHEME) {
        registry::pull(name, options.plain_http).map(Cow::from).map_err(Into::into)
    } else {
        input::read_bytes_limited(Path::new(name), registry::MAX_BYTES)
            .map(Cow::from)
            .map_err(|error| file_error(name, error))
    };
    let module = module.map_err(|error| origin().problem(error))?;
    streams::silence_modules().map_err(|error| Origin::file("standard output").problem(error))?;
    Module::compile_untrusted(&module).map_err(|error| origin().problem(error))
}

/// Returns the error for a module's file, whose name may be intended as a reference.
fn file_error(name: &str, error: io::Error) -> Box<dyn Error + Send + Sync> {
    let has_repository = registry::host(name).is_some_and(|host| host.len() < name.len());
    match error.kind() {
        io::ErrorKind::NotFound if has_repository => {
            format!("{error}; for a registry, write {}{name}", registry::SCHEME).into()
        }
        _ => error.into(),
    }
}

/// Loads the settings.
///
/// # Errors
/// If they cannot be read, or the policy refuses them.
pub(crate) fn load_settings(options: &PolicyOptions, module: &Module) -> Result<PolicySettings, Problem> {
    let instance = || module.start().map_err(|error| Origin::file("the module").problem(error));
    for (path, flag) in [(&options.settings, "--settings"), (&options.policy, "--policy")] {
        path.iter().try_for_each(|path| check_exists(path, flag))?;
    }
    match (&options.settings, &options.policy) {
        (Some(file), _) => policy_settings::from_file(file, &instance()?),
        (None, Some(path)) => policy_settings::from_manifest(path, options.policy_name.as_deref(), &instance()?),
        (None, None) => Ok(PolicySettings::default()),
    }
}

/// Checks that a file or folder exists, and says otherwise what named it.
///
/// # Errors
/// If it does not exist, or the name is empty.
pub(crate) fn check_exists(path: &str, named_by: &str) -> Result<(), Problem> {
    if path.is_empty() {
        return Err(Origin::file(named_by).problem("is empty; name a file"));
    }
    if path == STANDARD_INPUT || Path::new(path).try_exists().unwrap_or(true) {
        return Ok(());
    }
    Err(Origin::file(path).problem(format!("does not exist, but {named_by} names it")))
}

/// Prints the remarks about the policy's manifest, and returns whether there is a warning.
pub(crate) fn print_remarks(settings: &PolicySettings, is_quiet: bool) -> bool {
    for Remark { is_warning, origin, text } in &settings.remarks {
        if *is_warning || !is_quiet {
            print_message(if *is_warning { "warning" } else { "note" }, &format!("{origin}: {text}"));
        }
    }
    settings.remarks.iter().any(|remark| remark.is_warning)
}
