//! The documentation of rules and annotations, and the files that repeat it.
//!
//! Each rule documents itself at the head of its source file. [`mod@reference`] renders that documentation, and
//! `interlink-audit` prints it. [`pages`] puts it into the files that repeat it, between marker lines: `make generate`
//! writes them, and a test fails when one of them is stale.

mod block;
mod form;
mod messages;
pub mod reference;

use std::io;
use std::path::{Path, PathBuf};

use block::{Block, MarkerError};

/// The files with generated blocks, by their paths from the repository's root.
///
/// artifacthub-pkg.yml embeds questions-ui.yml. kwctl writes that file; with the block here, a change of the rules does
/// not need kwctl.
const PAGES: [(&str, &[Block]); 5] = [
    ("README.md", &[Block { name: "rules", render: || as_paragraph(&reference::rules_table()) }]),
    ("docs/annotations.md", &[Block { name: "annotations", render: || as_paragraph(&reference::annotations_table()) }]),
    ("docs/rules.md", &[Block { name: "rules", render: || as_paragraph(&reference::chapters()) }]),
    ("questions-ui.yml", &[Block { name: "rules", render: form::rule_questions }]),
    ("artifacthub-pkg.yml", &[Block { name: "rules", render: form::rule_questions }]),
];

/// A file with generated blocks.
#[derive(Debug)]
pub struct Page {
    /// The path of the file, below the root that was given to [`pages`].
    pub path: PathBuf,
    /// The file's current text.
    pub current: String,
    /// The file's text with every generated block up to date.
    pub generated: String,
}

/// The reason why a file's blocks cannot be generated.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file lacks the lines between which a block goes.
    #[error("{}: {source}", path.display())]
    Marker {
        /// The file.
        path: PathBuf,
        /// The missing line.
        source: MarkerError,
    },
}

/// Reads the files with generated blocks, and renders each block anew.
///
/// # Errors
/// If a file cannot be read, or lacks a marker line.
pub fn pages(root: &Path) -> Result<Vec<Page>, GenerateError> {
    PAGES.iter().map(|(path, blocks)| page(root.join(path), blocks)).collect()
}

fn page(path: PathBuf, blocks: &[Block]) -> Result<Page, GenerateError> {
    let current = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(GenerateError::Read { path, source }),
    };
    match blocks.iter().try_fold(current.clone(), |text, block| block.write_into(&text)) {
        Ok(generated) => Ok(Page { path, current, generated }),
        Err(source) => Err(GenerateError::Marker { path, source }),
    }
}

/// Surrounds Markdown with blank lines, which separate it from the markers.
fn as_paragraph(text: &str) -> String {
    format!("\n{text}\n")
}
