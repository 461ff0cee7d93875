//! Finds the objects in files, folders and standard input: YAML with several documents, JSON, lists.
//!
//! What cannot be read gives a [`Problem`] in its place, and the rest is read all the same.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use serde_json::Value;
use walkdir::{DirEntry, WalkDir};

use crate::document::{Document, Origin, Problem, STANDARD_INPUT};
use crate::{json, yaml};

/// The extensions of the files that are read from a folder.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

#[derive(Debug, thiserror::Error)]
enum InputError {
    #[error("has no file that ends in .{}", EXTENSIONS.join(", ."))]
    NoManifests,
    #[error("is empty; it must hold a Kubernetes object")]
    Empty,
    #[error("is a list without items")]
    ListWithoutItems,
}

/// Reads every object in the files and folders, in order; a folder's files by name, and lists item by item.
pub fn read(paths: &[String]) -> Vec<Result<Document, Problem>> {
    let files = paths.iter().flat_map(|path| files_of(path));
    files
        .flat_map(|file| match file {
            Ok(file) => read_file(&file),
            Err(problem) => vec![Err(problem)],
        })
        .collect()
}

/// Returns the file itself, or the files of a folder.
fn files_of(path: &str) -> Vec<Result<String, Problem>> {
    if path == STANDARD_INPUT || !Path::new(path).is_dir() {
        return vec![Ok(path.to_owned())];
    }
    let is_wanted = |entry: &DirEntry| entry.depth() == 0 || !is_config_map_copy(entry);
    let entries = WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter().filter_entry(is_wanted);
    let mut files = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) if entry.file_type().is_file() && has_extension(entry.path()) => {
                files.push(Ok(entry.path().display().to_string()));
            }
            Ok(_) => {}
            Err(error) => files.push(Err(Origin::file(path).problem(error))),
        }
    }
    if files.is_empty() {
        files.push(Err(Origin::file(path).problem(InputError::NoManifests)));
    }
    files
}

/// Returns whether a folder repeats the files of a mounted `ConfigMap`: the link `..data`, or its target, whose name is
/// two dots and a date.
fn is_config_map_copy(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    let rest = name.strip_prefix("..").unwrap_or_default();
    entry.file_type().is_dir() && (rest == "data" || rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn has_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
}

/// Reads every object in a file.
pub(crate) fn read_file(file: &str) -> Vec<Result<Document, Problem>> {
    let documents = match read_documents(file) {
        Ok(documents) => documents,
        Err(problem) => return vec![Err(problem)],
    };
    documents
        .into_iter()
        .flat_map(|document| match document {
            Ok(document) => flatten_lists(document),
            Err(problem) => vec![Err(problem)],
        })
        .collect()
}

/// Reads the documents of a file, lists as they are.
pub(crate) fn read_documents(file: &str) -> Result<Vec<Result<Document, Problem>>, Problem> {
    let text = read_text(file).map_err(|error| Origin::file(file).problem(error))?;
    let documents = parse(file, text.trim_start_matches('\u{feff}'));
    if documents.is_empty() { Err(Origin::file(file).problem(InputError::Empty)) } else { Ok(documents) }
}

fn read_text(file: &str) -> io::Result<String> {
    if file == STANDARD_INPUT {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        Ok(text)
    } else {
        fs::read_to_string(file)
    }
}

/// Parses a text as JSON or YAML, by the file's extension or else by what it begins with.
fn parse(file: &str, text: &str) -> Vec<Result<Document, Problem>> {
    if Path::new(file).extension().is_some_and(|extension| extension == "json") {
        return json::documents(file, text);
    }
    if text.trim_start().starts_with(['{', '[']) {
        let documents = json::documents(file, text);
        // Otherwise it may be a flow map or list of YAML.
        if documents.first().is_some_and(Result::is_ok) {
            return documents;
        }
    }
    yaml::documents(file, text)
}

/// Returns a list's items one by one, and any other object as it is. As for `kubectl`, a list is what has `items`.
fn flatten_lists(document: Document) -> Vec<Result<Document, Problem>> {
    let Document { origin, object } = document;
    let (items, field) = match object {
        Value::Array(items) => (items, ""),
        Value::Object(mut list) => match list.remove("items") {
            Some(Value::Array(mut items)) => {
                add_item_defaults(&list, &mut items);
                (items, "items")
            }
            _ if kind_of(&list).ends_with("List") => return vec![Err(origin.problem(InputError::ListWithoutItems))],
            items => {
                list.extend(items.map(|items| ("items".to_owned(), items)));
                return vec![Ok(Document { origin, object: list.into() })];
            }
        },
        object => return vec![Ok(Document { origin, object })],
    };
    items
        .into_iter()
        .enumerate()
        .flat_map(|(index, object)| {
            let origin = origin.item(&format!("{field}[{index}]"));
            flatten_lists(Document { origin, object })
        })
        .collect()
}

fn kind_of(object: &serde_json::Map<String, Value>) -> &str {
    object.get("kind").and_then(Value::as_str).unwrap_or_default()
}

/// Adds what the API server leaves out of the items of a typed list, such as a `PodList`.
fn add_item_defaults(list: &serde_json::Map<String, Value>, items: &mut [Value]) {
    let version = list.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let Some(kind) = kind_of(list).strip_suffix("List").filter(|kind| !kind.is_empty()) else {
        return;
    };
    for item in items.iter_mut().filter_map(Value::as_object_mut) {
        item.entry("kind").or_insert_with(|| kind.into());
        item.entry("apiVersion").or_insert_with(|| version.into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn flatten(object: Value) -> Vec<Result<Document, Problem>> {
        flatten_lists(Document { origin: Origin::line("f.yaml", 7), object })
    }

    #[test]
    fn takes_any_object_with_items_for_a_list() {
        let read = flatten(json!({"kind": "Pod", "apiVersion": "v1", "items": [{"kind": "Service"}]}));
        assert_eq!(read[0].as_ref().unwrap().object["kind"], "Service");
    }

    #[test]
    fn rejects_a_list_without_items() {
        assert!(flatten(json!({"kind": "PodList", "apiVersion": "v1"}))[0].is_err());
    }

    #[test]
    fn flattens_lists_within_lists() {
        let read: Vec<_> = flatten(json!({"kind": "List", "items": [
            {"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {}}]},
            {"kind": "Service"},
        ]}))
        .into_iter()
        .map(Result::unwrap)
        .collect();
        assert_eq!(read[0].object["kind"], "Pod");
        assert_eq!(read[0].object["apiVersion"], "v1");
        assert_eq!(read[0].origin.to_string(), "f.yaml:7 items[0].items[0]");
        assert_eq!(read[1].object["kind"], "Service");
    }
}
