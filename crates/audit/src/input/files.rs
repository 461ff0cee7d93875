//! Finds the files to read.

use std::fs;
use std::path::Path;

use ignore::overrides::{Override, OverrideBuilder};
use ignore::{DirEntry, WalkBuilder};

use crate::document::{Origin, Problem, STANDARD_INPUT};

/// The extensions of the files that are read from a folder, also with the extension of a compressed file after them.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];
const COMPRESSED: [&str; 2] = ["gz", "zst"];

#[derive(Debug, thiserror::Error)]
enum FilesError {
    #[error("has no file that ends in .{}", EXTENSIONS.join(", ."))]
    NoManifests,
    #[error("{0:?} is not a pattern for files: {1}")]
    Pattern(String, #[source] ignore::Error),
}

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    pub(crate) path: String,
    /// Whether what is no Kubernetes object in it is skipped.
    pub(crate) is_optional: bool,
}

/// The files that paths name, in order; a folder's files by name, except those that `.gitignore` excludes.
pub struct Files(Box<dyn Iterator<Item = Result<InputFile, Problem>> + Send>);

impl Files {
    /// Finds the files. In a strict run, every document in them must be a Kubernetes object.
    ///
    /// # Errors
    /// If a pattern for files to exclude is malformed. What cannot be found is an error in its place.
    pub fn find(paths: &[String], exclude: &[String], strict: bool) -> Result<Self, Problem> {
        let exclude: Vec<_> = exclude.iter().map(|pattern| format!("!{pattern}")).collect();
        // Patterns are relative to the folder that is read, as in a .gitignore file there.
        let overrides = |folder: &str| {
            let mut builder = OverrideBuilder::new(folder);
            for pattern in &exclude {
                let result = builder.add(pattern).map(drop);
                result.map_err(|error| {
                    Origin::file("--exclude").problem(FilesError::Pattern(pattern[1..].to_owned(), error))
                })?;
            }
            builder.build().map_err(|error| Origin::file("--exclude").problem(error))
        };
        let mut found: Vec<Box<dyn Iterator<Item = Result<InputFile, Problem>> + Send>> = Vec::new();
        for path in paths {
            if path == STANDARD_INPUT || !Path::new(path).is_dir() {
                found.push(Box::new(std::iter::once(Ok(InputFile { path: path.clone(), is_optional: false }))));
            } else {
                found.push(Box::new(files_in(path, overrides(path)?, !strict).into_iter()));
            }
        }
        Ok(Self(Box::new(found.into_iter().flatten())))
    }
}

impl Iterator for Files {
    type Item = Result<InputFile, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

/// Returns the files in a folder.
fn files_in(folder: &str, overrides: Override, is_optional: bool) -> Vec<Result<InputFile, Problem>> {
    let mut walk = WalkBuilder::new(folder);
    walk.follow_links(true)
        .hidden(false)
        .ignore(false)
        .git_global(false)
        .git_exclude(false)
        .overrides(overrides)
        .sort_by_file_name(Ord::cmp)
        .filter_entry(|entry| entry.depth() == 0 || !is_config_map_copy(entry));
    let mut files = Vec::new();
    for entry in walk.build() {
        match entry {
            Ok(entry) if entry.path().is_file() && has_extension(entry.path()) => {
                let path = entry.path().display().to_string();
                files.push(Ok(InputFile { path, is_optional }));
            }
            Ok(_) => {}
            Err(error) => files.push(Err(Origin::file(folder).problem(error))),
        }
    }
    if files.is_empty() {
        files.push(Err(Origin::file(folder).problem(FilesError::NoManifests)));
    }
    files
}

/// Returns whether a folder repeats the files of a mounted `ConfigMap`: the link `..data`, or the folder that it points to.
fn is_config_map_copy(entry: &DirEntry) -> bool {
    let data = |path: &Path| path.with_file_name("..data");
    if entry.path() == data(entry.path()) {
        return entry.path_is_symlink();
    }
    let target = fs::read_link(data(entry.path())).unwrap_or_default();
    entry.path().is_dir() && target == *entry.file_name()
}

fn has_extension(path: &Path) -> bool {
    let extension =
        |path: &Path| path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_owned();
    let last = extension(path);
    if COMPRESSED.contains(&&*last) {
        return EXTENSIONS.contains(&&*extension(Path::new(path.file_stem().unwrap_or_default())));
    }
    EXTENSIONS.contains(&&*last)
}
