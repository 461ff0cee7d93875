//! Finds the objects in files, folders and standard input: YAML with several documents, JSON, lists.
//!
//! What cannot be read is a [`Problem`] in the place of its objects, and the rest goes on.

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use serde_json::Value;
use walkdir::WalkDir;

/// Names standard input among files.
pub const STANDARD_INPUT: &str = "-";

/// The endings of files that are read from a folder.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// Where an object stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// As the user named it, or found in a folder that the user named.
    pub file: String,
    /// The line on which its document begins.
    pub line: Option<usize>,
    /// Its path within a list.
    pub item: String,
}

/// An object, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub source: Source,
    pub object: Value,
}

/// What could not be read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub source: Source,
    pub message: String,
}

impl Source {
    /// A file as a whole.
    pub fn file(file: &str) -> Self {
        Self { file: file.to_owned(), line: None, item: String::new() }
    }

    fn at(file: &str, line: usize) -> Self {
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
            file => f.write_str(file)?,
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
    let entries = WalkDir::new(path).follow_links(true).sort_by_file_name();
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

fn read_file(file: &str) -> Vec<Result<Document, Problem>> {
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
///
/// # Errors
/// If the file cannot be read at all, or holds no document.
pub fn read_documents(file: &str) -> Result<Vec<Result<Document, Problem>>, Problem> {
    let text = read_text(file).map_err(|error| Source::file(file).problem(error))?;
    let text = text.trim_start_matches('\u{feff}');
    let documents = if file.ends_with(".json") {
        json_documents(file, text)
    } else if text.trim_start().starts_with(['{', '[']) {
        // JSON in all likelihood; if not, perhaps YAML's own braces.
        let documents = json_documents(file, text);
        match documents.iter().all(Result::is_ok) {
            true => documents,
            false => yaml_documents(file, text),
        }
    } else {
        yaml_documents(file, text)
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
    loop {
        let rest = &text[stream.byte_offset()..];
        let skipped = text.len() - rest.trim_start().len();
        let line = 1 + text[..skipped].matches('\n').count();
        match stream.next() {
            None => return documents,
            Some(Ok(object)) => documents.push(Ok(Document { source: Source::at(file, line), object })),
            Some(Err(error)) => {
                let source = Source::at(file, error.line());
                documents.push(Err(source.problem(format!("is no JSON: {error}"))));
                return documents;
            }
        }
    }
}

fn yaml_documents(file: &str, text: &str) -> Vec<Result<Document, Problem>> {
    split_yaml(text)
        .into_iter()
        .filter_map(|(line, text)| match parse_yaml(&text) {
            Ok(Value::Null) => None,
            Ok(object) => Some(Ok(Document { source: Source::at(file, line), object })),
            Err(error) => {
                let line = line + error.location().map_or(0, |place| place.line() - 1);
                let error = error.to_string();
                let message = without_position(&error);
                Some(Err(Source::at(file, line).problem(format!("is no YAML: {message}"))))
            }
        })
        .collect()
}

fn parse_yaml(text: &str) -> Result<Value, yaml_serde::Error> {
    let mut tree: yaml_serde::Value = yaml_serde::from_str(text)?;
    tree.apply_merge()?;
    yaml_serde::from_value(tree)
}

/// The documents of a YAML file with the line on which each begins. They are parsed one by one, as `kubectl` does, so
/// that a broken one does not hide the others.
fn split_yaml(text: &str) -> Vec<(usize, String)> {
    let mut documents = vec![(1, String::new())];
    let mut has_content = false;
    for (index, line) in text.lines().enumerate() {
        let marker = line.strip_prefix("---");
        let separates = marker.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r']));
        if separates && has_content {
            documents.push((index + 1, String::new()));
            has_content = false;
        }
        has_content |= separates || !(line.trim().is_empty() || line.starts_with(['#', '%']));
        if let Some((start, document)) = documents.last_mut() {
            if !has_content || document.trim().is_empty() {
                *start = index + 1;
                document.clear();
            }
            document.push_str(line);
            document.push('\n');
        }
    }
    documents
}

/// The message without the position, which counts from the document's own beginning.
fn without_position(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(text, _)| text)
}

/// A list's items one by one, and everything else as it is.
fn take_apart(document: Document) -> Vec<Result<Document, Problem>> {
    let Document { source, object } = document;
    let (items, step) = match object {
        Value::Array(items) => (items, ""),
        Value::Object(mut list) if is_list(&list) => {
            let defaults = item_defaults(&list);
            let Some(Value::Array(mut items)) = list.remove("items") else {
                return vec![Err(source.problem("is a list without items"))];
            };
            for item in items.iter_mut().filter_map(Value::as_object_mut) {
                for (key, value) in &defaults {
                    item.entry(*key).or_insert_with(|| value.clone().into());
                }
            }
            (items, "items")
        }
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

fn is_list(object: &serde_json::Map<String, Value>) -> bool {
    let kind = object.get("kind").and_then(Value::as_str);
    kind.is_some_and(|kind| kind.ends_with("List")) && object.contains_key("items")
}

/// What the API server leaves out of the items of a typed list, such as a `PodList`.
fn item_defaults(list: &serde_json::Map<String, Value>) -> Vec<(&'static str, String)> {
    let text = |key: &str| list.get(key).and_then(Value::as_str).unwrap_or_default();
    match text("kind").strip_suffix("List") {
        None | Some("") => Vec::new(),
        Some(kind) => vec![("kind", kind.to_owned()), ("apiVersion", text("apiVersion").to_owned())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Vec<(usize, Option<Value>)> {
        let documents = yaml_documents("f.yaml", text).into_iter();
        documents
            .map(|document| match document {
                Ok(document) => (document.source.line.unwrap(), Some(document.object)),
                Err(problem) => (problem.source.line.unwrap(), None),
            })
            .collect()
    }

    #[test]
    fn yaml_documents_know_their_lines() {
        let text = "# head\n\na: 1\n---\n# none\n---\nb: 2\n--- # c\nc: 3\n";
        let lines: Vec<_> = yaml(text).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [3, 6, 8]);
        assert_eq!(yaml(""), []);
        assert_eq!(yaml("---\n---\n"), []);
        assert_eq!(yaml("%YAML 1.2\n---\na: 1\n").len(), 1);
    }

    #[test]
    fn a_broken_document_does_not_hide_the_others() {
        let read = yaml("a: 1\n---\nb: [\n---\nc: 3\n---\nd: 1\nd: 2\n");
        let good: Vec<_> = read.iter().map(|(_, object)| object.is_some()).collect();
        assert_eq!(good, [true, false, true, false]);
    }

    #[test]
    fn merge_keys_and_anchors_are_followed() {
        let read = yaml("base: &base {x: 1}\npod: {<<: *base, y: 2}\n");
        let object = read[0].1.as_ref().unwrap();
        assert_eq!(object["pod"], serde_json::json!({"x": 1, "y": 2}));
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
