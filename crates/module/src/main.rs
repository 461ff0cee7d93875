//! `make policy.wasm`: writes the module to a file.

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

fn main() -> ExitCode {
    let Some(path) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: interlink-policy-module FILE");
        return ExitCode::from(2);
    };
    match fs::write(&path, interlink_policy_module::MODULE) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}
