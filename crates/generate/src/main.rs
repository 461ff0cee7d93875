//! `make generate`: writes the generated blocks of all files.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match write_pages(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write_pages(root: &Path) -> Result<(), Box<dyn Error>> {
    for page in interlink_generate::pages(root)? {
        if page.generated != page.current {
            fs::write(&page.path, page.generated)?;
        }
    }
    Ok(())
}
