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
    // A mounted ConfigMap has its files in ..data as well.
    let is_shown = |entry: &DirEntry| entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with("..");
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
fn read_documents(file: &str) -> Result<Vec<Result<Document, Problem>>, Problem> {
    let text = read_text(file).map_err(|error| Source::file(file).problem(error))?;
    let text = text.trim_start_matches('\u{feff}');
    let documents = if file.ends_with(".json") {
        json_documents(file, text)
    } else if text.trim_start().starts_with(['{', '[']) {
        // JSON in all likelihood; if not, perhaps YAML's own braces.
        let documents = json_documents(file, text);
        match documents.first() {
            Some(Ok(_)) => documents,
            _ => yaml_documents(file, text),
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

fn yaml_documents(file: &str, text: &str) -> Vec<Result<Document, Problem>> {
    split_yaml(text)
        .into_iter()
        .filter_map(|chunk| match parse_yaml(&chunk.text) {
            Ok(Value::Null) => None,
            Ok(object) => Some(Ok(Document { source: Source::at(file, chunk.line), object })),
            Err((place, message)) => {
                let line = place.map_or(chunk.line, |place| chunk.first_line + place.line() - 1);
                let hint = if chunk.text.contains("{{") { "; render a Helm template first" } else { "" };
                Some(Err(Source::at(file, line).problem(format!("is not valid YAML: {message}{hint}"))))
            }
        })
        .collect()
}

/// Reads a YAML document as `kubectl` does; what the two would read differently is an error.
fn parse_yaml(text: &str) -> Result<Value, (Option<yaml_serde::Location>, String)> {
    let error = |error: yaml_serde::Error| (error.location(), without_positions(&error.to_string()));
    if let Some(tag) = UNREAD_TAGS.into_iter().find(|tag| text.contains(tag)) {
        let problem = format!("{tag} is not supported; write the text itself");
        return Err((None, problem));
    }
    let mut tree: yaml_serde::Value = yaml_serde::from_str(text).map_err(error)?;
    if let Some(key) = overridden_by_merge(&tree) {
        let problem = format!("{key:?} stands before a << that sets it too, and wins or not by reader; write << first");
        return Err((None, problem));
    }
    tree.apply_merge().map_err(error)?;
    yaml_serde::from_value(tree).map_err(error)
}

/// Tags that `kubectl` follows, and the parser here leaves out.
const UNREAD_TAGS: [&str; 3] = ["!!binary", "!<tag:", "%TAG"];

/// A key that stands before a merge which sets it too: YAML lets the key win, `kubectl` the merge.
fn overridden_by_merge(tree: &yaml_serde::Value) -> Option<String> {
    match tree {
        yaml_serde::Value::Mapping(map) => {
            let merged = map.get("<<");
            let mut before = map.keys().take_while(|key| key.as_str() != Some("<<"));
            let key = before.find(|key| merged.is_some_and(|merged| sets(merged, key)));
            key.and_then(|key| key.as_str().map(str::to_owned)).or_else(|| map.values().find_map(overridden_by_merge))
        }
        yaml_serde::Value::Sequence(items) => items.iter().find_map(overridden_by_merge),
        _ => None,
    }
}

/// Whether what is merged, a map or a list of maps, sets a key.
fn sets(merged: &yaml_serde::Value, key: &yaml_serde::Value) -> bool {
    match merged {
        yaml_serde::Value::Mapping(map) => map.contains_key(key) || map.get("<<").is_some_and(|inner| sets(inner, key)),
        yaml_serde::Value::Sequence(maps) => maps.iter().any(|map| sets(map, key)),
        _ => false,
    }
}

/// The text of one YAML document.
struct Chunk {
    text: String,
    /// The line on which the text begins, perhaps with comments.
    first_line: usize,
    /// The line on which the document itself begins.
    line: usize,
}

/// The documents of a YAML file. They are parsed one by one, as `kubectl` does, so that a broken one does not hide the
/// others.
fn split_yaml(text: &str) -> Vec<Chunk> {
    let begin = |line| Chunk { text: String::new(), first_line: line, line };
    let mut chunks = Vec::new();
    let (mut chunk, mut has_content) = (begin(1), false);
    for (line, content) in (1..).zip(text.lines()) {
        let marker = content.strip_prefix("---");
        let separates = marker.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r']));
        if separates && has_content {
            chunks.push(std::mem::replace(&mut chunk, begin(line)));
            has_content = false;
        }
        if !has_content {
            chunk.line = line;
            has_content = separates || !(content.trim().is_empty() || content.starts_with(['#', '%']));
        }
        chunk.text += content;
        chunk.text.push('\n');
    }
    chunks.push(chunk);
    chunks
}

/// The message without the positions in it, which count from the document's own beginning.
fn without_positions(message: &str) -> String {
    let mut parts = message.split(" at line ");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        let rest =
            rest.strip_prefix(" column ").map_or(rest, |rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
        text += rest;
    }
    text
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
        assert_eq!(yaml("# head\na: 1\n")[0].0, 2);
        assert_eq!(yaml("# head\na: 1\nb: [\n---\n# c\nd: [\n"), [(4, None), (7, None)]);
        assert_eq!(yaml(""), []);
        assert_eq!(yaml("---\n---\n"), []);
        assert_eq!(yaml("%YAML 1.2\n---\na: 1\n").len(), 1);
    }

    #[test]
    fn a_message_has_no_second_position() {
        let message = "no , at line 7 column 1, while parsing a map at line 2 column 4";
        assert_eq!(without_positions(message), "no ,, while parsing a map");
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
    fn what_kubectl_reads_otherwise_is_an_error() {
        for text in [
            "annotations: {!!binary Sm9iSUQ=: forged}",
            "kind: !<tag:yaml.org,2002:binary> UG9k",
            "b: &b {x: 1}\nm:\n  x: 2\n  <<: *b\n",
            "b: &b {x: 1}\nm: [{x: 2, <<: [{y: 1}, *b]}]\n",
        ] {
            assert!(parse_yaml(text).is_err(), "{text}");
        }
        assert!(parse_yaml("b: &b {x: 1}\nm: {y: 1, <<: *b, x: 2}\n").is_ok());
    }

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
