//! Finds the objects in files, folders and standard input: YAML with several documents, JSON, lists.
//!
//! What cannot be read is a [`Problem`] in the place of its objects, and the rest goes on.

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use walkdir::{DirEntry, WalkDir};

use crate::yaml::{self, without_positions};

/// Names standard input among files.
pub const STANDARD_INPUT: &str = "-";

/// The endings of files that are read from a folder.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// Where an object stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    /// As the user named it, or found in a folder that the user named.
    pub file: String,
    /// The line on which its document begins.
    pub line: Option<usize>,
    /// Its path within a list; empty outside of one.
    pub item: String,
}

/// An object, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub source: Source,
    pub object: Value,
}

/// What could not be read or judged, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    #[serde(flatten)]
    pub source: Source,
    pub message: String,
}

impl Source {
    /// A file as a whole.
    pub fn file(file: &str) -> Self {
        Self { file: file.to_owned(), line: None, item: String::new() }
    }

    pub(crate) fn at(file: &str, line: usize) -> Self {
        Self { line: Some(line), ..Self::file(file) }
    }

    fn item(&self, step: &str) -> Self {
        Self { item: [&*self.item, step].join(if self.item.is_empty() { "" } else { "." }), ..self.clone() }
    }

    /// What is wrong here.
    pub fn problem(self, message: impl fmt::Display) -> Problem {
        Problem { source: self, message: message.to_string() }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.file.as_str() {
            STANDARD_INPUT => f.write_str("standard input")?,
            file => write!(f, "{}", file.escape_debug())?,
        }
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        match self.item.as_str() {
            "" => Ok(()),
            item => write!(f, " {item}"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.message)
    }
}

/// Reads every object that `paths` hold, in their order, a folder's files by name. Lists are taken apart.
pub fn read(paths: &[String]) -> Vec<Result<Document, Problem>> {
    let files = paths.iter().flat_map(|path| files_of(path));
    files
        .flat_map(|file| match file {
            Ok(file) => read_file(&file),
            Err(problem) => vec![Err(problem)],
        })
        .collect()
}

/// The file itself, or the files of a folder.
fn files_of(path: &str) -> Vec<Result<String, Problem>> {
    if path == STANDARD_INPUT || !Path::new(path).is_dir() {
        return vec![Ok(path.to_owned())];
    }
    // A mounted ConfigMap has its files in ..data as well, and in a folder whose name begins with two dots and a date.
    let is_twin = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        let behind = name.strip_prefix("..").unwrap_or_default();
        entry.file_type().is_dir() && (behind == "data" || behind.starts_with(|c: char| c.is_ascii_digit()))
    };
    let is_shown = |entry: &DirEntry| entry.depth() == 0 || !is_twin(entry);
    let entries = WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter().filter_entry(is_shown);
    let mut files = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) if entry.file_type().is_file() && has_ending(entry.path()) => {
                files.push(Ok(entry.path().display().to_string()));
            }
            Ok(_) => {}
            Err(error) => files.push(Err(Source::file(path).problem(error))),
        }
    }
    if files.is_empty() {
        let problem = format!("has no file that ends in .{}", ENDINGS.join(", ."));
        files.push(Err(Source::file(path).problem(problem)));
    }
    files
}

fn has_ending(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

/// Reads every object that a file holds.
pub fn read_file(file: &str) -> Vec<Result<Document, Problem>> {
    let documents = match read_documents(file) {
        Ok(documents) => documents,
        Err(problem) => return vec![Err(problem)],
    };
    documents
        .into_iter()
        .flat_map(|document| match document {
            Ok(document) => take_apart(document),
            Err(problem) => vec![Err(problem)],
        })
        .collect()
}

/// Reads the documents of one file, lists as they stand.
pub(crate) fn read_documents(file: &str) -> Result<Vec<Result<Document, Problem>>, Problem> {
    let text = read_text(file).map_err(|error| Source::file(file).problem(error))?;
    let text = text.trim_start_matches('\u{feff}');
    let documents = if file.ends_with(".json") {
        json_documents(file, text)
    } else if text.trim_start().starts_with(['{', '[']) {
        // JSON in all likelihood; if not, perhaps YAML's own braces.
        let documents = json_documents(file, text);
        match documents.first() {
            Some(Ok(_)) => documents,
            _ => yaml::documents(file, text),
        }
    } else {
        yaml::documents(file, text)
    };
    if documents.is_empty() {
        return Err(Source::file(file).problem("is empty, no Kubernetes object in it"));
    }
    Ok(documents)
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

fn json_documents(file: &str, text: &str) -> Vec<Result<Document, Problem>> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let mut documents = Vec::new();
    let (mut line, mut counted) = (1, 0);
    loop {
        let rest = &text[stream.byte_offset()..];
        let start = text.len() - rest.trim_start().len();
        line += text[counted..start].matches('\n').count();
        counted = start;
        match stream.next() {
            None => return documents,
            Some(Ok(object)) => documents.push(Ok(Document { source: Source::at(file, line), object })),
            Some(Err(error)) => {
                let message = format!("is not valid JSON: {}", without_positions(&error.to_string()));
                documents.push(Err(Source::at(file, error.line()).problem(message)));
                return documents;
            }
        }
    }
}

/// A list's items one by one, and everything else as it is. What has `items` is a list, as for `kubectl`.
fn take_apart(document: Document) -> Vec<Result<Document, Problem>> {
    let Document { source, object } = document;
    let (items, step) = match object {
        Value::Array(items) => (items, ""),
        Value::Object(mut list) => match list.remove("items") {
            Some(Value::Array(mut items)) => {
                let defaults = item_defaults(&list);
                for item in items.iter_mut().filter_map(Value::as_object_mut) {
                    for (key, value) in &defaults {
                        item.entry(*key).or_insert_with(|| value.clone().into());
                    }
                }
                (items, "items")
            }
            _ if kind_of(&list).ends_with("List") => return vec![Err(source.problem("is a list without items"))],
            items => {
                list.extend(items.map(|items| ("items".to_owned(), items)));
                return vec![Ok(Document { source, object: list.into() })];
            }
        },
        object => return vec![Ok(Document { source, object })],
    };
    items
        .into_iter()
        .enumerate()
        .flat_map(|(index, object)| {
            let source = source.item(&format!("{step}[{index}]"));
            take_apart(Document { source, object })
        })
        .collect()
}

fn kind_of(object: &serde_json::Map<String, Value>) -> &str {
    object.get("kind").and_then(Value::as_str).unwrap_or_default()
}

/// What the API server leaves out of the items of a typed list, such as a `PodList`.
fn item_defaults(list: &serde_json::Map<String, Value>) -> Vec<(&'static str, String)> {
    let version = list.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    match kind_of(list).strip_suffix("List") {
        None | Some("") => Vec::new(),
        Some(kind) => vec![("kind", kind.to_owned()), ("apiVersion", version.to_owned())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_items_is_a_list_whatever_its_kind() {
        let object = serde_json::json!({"kind": "Pod", "apiVersion": "v1", "items": [{"kind": "Service"}]});
        let read = take_apart(Document { source: Source::at("f", 1), object });
        assert_eq!(read[0].as_ref().unwrap().object["kind"], "Service");
        let object = serde_json::json!({"kind": "PodList", "apiVersion": "v1"});
        assert!(take_apart(Document { source: Source::at("f", 1), object })[0].is_err());
    }

    #[test]
    fn json_documents_may_follow_each_other() {
        let read = json_documents("f.json", "{\"a\": 1}\n\n{\"b\": 2}\n{\n");
        let lines = read.iter().map(|document| match document {
            Ok(document) => document.source.line,
            Err(problem) => problem.source.line,
        });
        assert_eq!(lines.collect::<Vec<_>>(), [Some(1), Some(3), Some(5)]);
        assert!(read[2].is_err());
    }

    #[test]
    fn lists_are_taken_apart_however_deep() {
        let object = serde_json::json!({"kind": "List", "items": [
            {"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {}}]},
            {"kind": "Service"},
        ]});
        let source = Source::at("f.yaml", 7);
        let read: Vec<_> = take_apart(Document { source, object }).into_iter().map(Result::unwrap).collect();
        assert_eq!(read[0].object["kind"], "Pod");
        assert_eq!(read[0].object["apiVersion"], "v1");
        assert_eq!(read[0].source.to_string(), "f.yaml:7 items[0].items[0]");
        assert_eq!(read[1].object["kind"], "Service");
    }
}
