//! Completions and man pages for use in a shell.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;
use interlink_audit::document::{Origin, Problem};

use crate::cli::Cli;

/// Returns the script that completes commands and flags.
pub(crate) fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), env!("CARGO_PKG_NAME"), &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes a man page for the command, and one for each of its commands. Creates the folder if it does not exist.
///
/// # Errors
/// If the folder cannot be written.
pub(crate) fn write_man_pages(folder: &Path) -> Result<ExitCode, Problem> {
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
        .map_err(|error| Origin::path(folder).problem(error))?;
    Ok(ExitCode::SUCCESS)
}
