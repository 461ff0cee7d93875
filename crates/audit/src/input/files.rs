//! Finds the files to read.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use ignore::overrides::{Override, OverrideBuilder};
use ignore::{DirEntry, WalkBuilder};

use crate::document::{Origin, Problem, STANDARD_INPUT, root_cause};

/// The extensions of the files that are read from a folder, also with the extension of a compressed file after them.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];
const COMPRESSED: [&str; 2] = ["gz", "zst"];

#[derive(Debug, thiserror::Error)]
enum FilesError {
    #[error(
        "has no file that ends in .{}, with or without .{} after it",
        EXTENSIONS.join(" or ."),
        COMPRESSED.join(" or .")
    )]
    NoManifests,
    #[error("has manifests, but --exclude leaves out all of them")]
    AllExcluded,
    #[error("has manifests, but .gitignore leaves out all of them; name the files themselves")]
    AllIgnored,
    #[error("{0:?} is not a pattern for files: {1}")]
    Pattern(String, String),
}

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// As the user named it, or as it was found in a folder. It need not be UTF-8.
    pub(crate) path: PathBuf,
    /// Whether documents in the file that are not Kubernetes objects are skipped.
    pub(crate) is_optional: bool,
}

/// The files that paths name, in order; a folder's files by name, except those that `.gitignore` excludes.
pub struct Files(Box<dyn Iterator<Item = Result<InputFile, Problem>> + Send>);

impl Files {
    /// Finds the files. In a strict run, every document in them must be a Kubernetes object.
    ///
    /// # Errors
    /// If a pattern for files to exclude is malformed. A path that cannot be found yields an error instead.
    pub fn find(paths: &[String], exclude: &[String], strict: bool) -> Result<Self, Problem> {
        let mut found: Vec<Box<dyn Iterator<Item = Result<InputFile, Problem>> + Send>> = Vec::new();
        for path in paths {
            if path == STANDARD_INPUT || !Path::new(path).is_dir() {
                found.push(Box::new(std::iter::once(Ok(InputFile { path: path.into(), is_optional: false }))));
            } else {
                found.push(Box::new(files_in(path, overrides(path, exclude)?, !strict).into_iter()));
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

/// Returns the files to leave out of a folder. Patterns are relative to it, as in a .gitignore file there.
fn overrides(folder: &str, exclude: &[String]) -> Result<Override, Problem> {
    let problem = |pattern: &str, error: ignore::Error| {
        let reason = match &error {
            ignore::Error::Glob { err, .. } => err.clone(),
            error => error.to_string(),
        };
        Origin::file("--exclude").problem(FilesError::Pattern(pattern.to_owned(), reason))
    };
    let mut builder = OverrideBuilder::new(folder);
    for pattern in exclude {
        builder.add(&format!("!{pattern}")).map_err(|error| problem(pattern, error))?;
    }
    builder.build().map_err(|error| problem(&exclude.join(" "), error))
}

/// Returns the files in a folder.
fn files_in(folder: &str, overrides: Override, is_optional: bool) -> Vec<Result<InputFile, Problem>> {
    let has_overrides = !overrides.is_empty();
    let mut files = Vec::new();
    for entry in walk(folder).overrides(overrides).build() {
        match entry {
            Ok(entry) if is_manifest(&entry) => files.push(Ok(InputFile { path: entry.into_path(), is_optional })),
            Ok(_) => {}
            Err(error) => files.push(Err(walk_problem(folder, &error))),
        }
    }
    if files.is_empty() {
        files.push(Err(Origin::file(folder).problem(reason_for_none(folder, has_overrides))));
    }
    files
}

/// Begins a walk through a folder, which leaves out what `.gitignore` excludes. As for `kubectl`, links to folders are not
/// followed: they may lead out of the folder, or to the same files in many ways.
fn walk(folder: &str) -> WalkBuilder {
    let mut walk = WalkBuilder::new(folder);
    walk.follow_links(false)
        .hidden(false)
        .ignore(false)
        .git_global(false)
        .git_exclude(false)
        .sort_by_file_name(Ord::cmp)
        .filter_entry(|entry| entry.depth() == 0 || entry.file_name() != ".git");
    walk
}

/// Returns why there are no files to read in a folder.
fn reason_for_none(folder: &str, has_overrides: bool) -> FilesError {
    let has_manifest = |walk: &WalkBuilder| walk.build().flatten().any(|entry| is_manifest(&entry));
    if has_overrides && has_manifest(&walk(folder)) {
        FilesError::AllExcluded
    } else if has_manifest(walk(folder).git_ignore(false)) {
        FilesError::AllIgnored
    } else {
        FilesError::NoManifests
    }
}

/// Returns the problem with a file or folder that cannot be read. The walk's own error repeats the path.
fn walk_problem(folder: &str, error: &ignore::Error) -> Problem {
    match error {
        ignore::Error::WithDepth { err, .. } => walk_problem(folder, err),
        ignore::Error::WithPath { path, err } => walk_problem(&path.display().to_string(), err),
        ignore::Error::Io(error) => Origin::file(folder).problem(root_cause(error).to_string()),
        error => Origin::file(folder).problem(error.to_string()),
    }
}

fn is_manifest(entry: &DirEntry) -> bool {
    let path = entry.path();
    // A broken link counts, so that it is reported.
    has_extension(path) && fs::metadata(path).map_or(true, |file| file.is_file()) && !is_config_map_copy(entry)
}

/// Returns whether a file of a mounted `ConfigMap` is also read through a link of the same name, as the kubelet makes
/// them: from `a.yaml` to `..data/a.yaml`, and from `..data` to a folder such as `..2026_11_30_12_00_00.1`.
fn is_config_map_copy(entry: &DirEntry) -> bool {
    let path = entry.path();
    let Some(folder) = path.parent().filter(|_| entry.depth() >= 2) else { return false };
    let Some(version) = folder.file_name().filter(|name| name.as_encoded_bytes().starts_with(b"..")) else {
        return false;
    };
    let links = |from: &OsStr, to: &Path| fs::read_link(folder.with_file_name(from)).is_ok_and(|target| target == to);
    links("..data".as_ref(), version.as_ref()) && links(entry.file_name(), &Path::new("..data").join(entry.file_name()))
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
