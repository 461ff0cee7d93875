//! YAML files, read as `kubectl` reads them. Text that `kubectl` could read in another way is an error.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};
use serde_json::Value;

use crate::document::{Document, Origin, Problem, without_positions};

/// A text that is not YAML, or that `kubectl` could read in another way.
#[derive(Debug, thiserror::Error)]
#[error("is not valid YAML: {source}{}", if *.is_template { "; render a Helm template first" } else { "" })]
struct InvalidYaml {
    source: Fault,
    is_template: bool,
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{}", without_positions(&.0.to_string()))]
    Parse(#[from] yaml_serde::Error),
    #[error("{}", .0.info())]
    Scan(#[from] ScanError),
    #[error("U+{code:04X} ends a line for some parsers only; write \\u{code:04x} between double quotes", code = u32::from(*.character))]
    LineBreak { line: usize, character: char },
    #[error("the tag {tag:?} is not supported; write the text itself")]
    Tag { line: usize, tag: String },
    #[error("a << in quotes, or with a tag or anchor, is a merge key for some parsers only; write another key")]
    MergeKey { line: usize },
    #[error("{key:?} stands before a << that sets it too, and parsers differ in which one wins; write << first")]
    MergeOrder { key: String },
}

impl Fault {
    /// Returns the line of the document on which the fault is, if known.
    fn line(&self) -> Option<usize> {
        match self {
            Self::Parse(error) => error.location().map(|location| location.line()),
            Self::Scan(error) => Some(error.marker().line()),
            Self::LineBreak { line, .. } | Self::Tag { line, .. } | Self::MergeKey { line } => Some(*line),
            Self::MergeOrder { .. } => None,
        }
    }
}

/// Reads the documents of a YAML file, each on its own: a malformed one does not hide the others.
pub(crate) fn documents(file: &str, text: &str) -> Vec<Result<Document, Problem>> {
    split(text)
        .into_iter()
        .filter_map(|chunk| match parse(&chunk.text) {
            Ok(Value::Null) => None,
            Ok(object) => Some(Ok(Document { origin: Origin::line(file, chunk.line), object })),
            Err(fault) => {
                let line = fault.line().map_or(chunk.line, |line| chunk.first_line + line - 1);
                let error = InvalidYaml { source: fault, is_template: chunk.text.contains("{{") };
                Some(Err(Origin::line(file, line).problem(error)))
            }
        })
        .collect()
}

/// Parses one document.
fn parse(text: &str) -> Result<Value, Fault> {
    check_line_breaks(text)?;
    let mut tree: yaml_serde::Value = yaml_serde::from_str(text)?;
    check_tags_and_merge_keys(text)?;
    if let Some(key) = overridden_by_merge(&tree) {
        return Err(Fault::MergeOrder { key: key.to_owned() });
    }
    tree.apply_merge()?;
    Ok(yaml_serde::from_value(tree)?)
}

/// Rejects characters that end a line for some parsers and not for others.
fn check_line_breaks(text: &str) -> Result<(), Fault> {
    let is_ambiguous = |character: &char| ['\u{85}', '\u{2028}', '\u{2029}'].contains(character);
    for (line, content) in (1..).zip(text.lines()) {
        if let Some(character) = content.chars().find(is_ambiguous) {
            return Err(Fault::LineBreak { line, character });
        }
    }
    Ok(())
}

/// The tags that all parsers treat alike.
const TAGS: [&str; 7] = ["str", "int", "bool", "float", "null", "map", "seq"];

/// Rejects other tags, which the parser here ignores, and a `<<` in quotes, which it takes for a merge key.
fn check_tags_and_merge_keys(text: &str) -> Result<(), Fault> {
    for event in Parser::new_from_str(text) {
        let (event, span) = event?;
        let line = span.start.line();
        let (tag, is_odd_merge) = match &event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = *style == ScalarStyle::Plain && *anchor == 0 && tag.is_none();
                (tag, text == "<<" && !is_plain)
            }
            Event::SequenceStart(_, tag) | Event::MappingStart(_, tag) => (tag, false),
            _ => continue,
        };
        if let Some(tag) = tag.as_ref().filter(|tag| !(tag.is_yaml_core_schema() && TAGS.contains(&&*tag.suffix))) {
            return Err(Fault::Tag { line, tag: format!("{}{}", tag.handle, tag.suffix) });
        }
        if is_odd_merge {
            return Err(Fault::MergeKey { line });
        }
    }
    Ok(())
}

/// Finds a key that stands before a merge key which sets it too: in YAML the key wins, in `kubectl` the merge.
fn overridden_by_merge(tree: &yaml_serde::Value) -> Option<&str> {
    match tree {
        yaml_serde::Value::Mapping(map) => {
            let merged = map.get("<<");
            let mut before = map.keys().take_while(|key| key.as_str() != Some("<<"));
            let key = before.find(|key| merged.is_some_and(|merged| sets(merged, key)));
            key.and_then(|key| key.as_str()).or_else(|| map.values().find_map(overridden_by_merge))
        }
        yaml_serde::Value::Sequence(items) => items.iter().find_map(overridden_by_merge),
        _ => None,
    }
}

/// Returns whether a merge key's value, a map or a list of maps, sets a key.
fn sets(merged: &yaml_serde::Value, key: &yaml_serde::Value) -> bool {
    match merged {
        yaml_serde::Value::Mapping(map) => map.contains_key(key) || map.get("<<").is_some_and(|inner| sets(inner, key)),
        yaml_serde::Value::Sequence(maps) => maps.iter().any(|map| sets(map, key)),
        _ => false,
    }
}

/// The text of one document.
struct Chunk {
    text: String,
    /// The line on which the text begins, perhaps with comments.
    first_line: usize,
    /// The line on which the document itself begins.
    line: usize,
}

/// Splits a file into the texts of its documents, as `kubectl` does before it parses them.
fn split(text: &str) -> Vec<Chunk> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Vec<(usize, Option<Value>)> {
        let documents = documents("f.yaml", text).into_iter();
        documents
            .map(|document| match document {
                Ok(document) => (document.origin.line.unwrap(), Some(document.object)),
                Err(problem) => (problem.line().unwrap(), None),
            })
            .collect()
    }

    #[test]
    fn reports_the_line_of_each_document() {
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
    fn reads_the_documents_around_a_malformed_one() {
        let read = yaml("a: 1\n---\nb: [\n---\nc: 3\n---\nd: 1\nd: 2\n");
        let good: Vec<_> = read.iter().map(|(_, object)| object.is_some()).collect();
        assert_eq!(good, [true, false, true, false]);
    }

    #[test]
    fn applies_merge_keys_and_anchors() {
        let read = yaml("base: &base {x: 1}\npod: {<<: *base, y: 2}\n");
        let object = read[0].1.as_ref().unwrap();
        assert_eq!(object["pod"], serde_json::json!({"x": 1, "y": 2}));
    }

    #[test]
    fn rejects_text_that_kubectl_reads_differently() {
        for text in [
            "annotations: {!!binary Sm9iSUQ=: forged}",
            "kind: !<tag:yaml.org,2002:binary> UG9k",
            "annotations: {!!bin%61ry Sm9iSUQ=: forged}",
            "%TAG !e! tag:yaml.org,2002:bin\n---\nkind: !e!ary UG9k",
            "%TAG !e! tag:yaml.org,2002:\n---\nkind: !e!binary UG9k",
            "metadata: !x {}",
            "kind: Pod\n\"<<\": {items: []}\n",
            "kind: Pod\n!!str <<: {items: []}\n",
            "x: &m <<\n*m : {items: []}\n",
            "x: y # c\u{2028}!!binary Sm9iSUQ=: forged\n",
            "x: y # c\u{85}\"<<\": {items: []}\n",
            "b: &b {x: 1}\nm:\n  x: 2\n  <<: *b\n",
            "b: &b {x: 1}\nm: [{x: 2, <<: [{y: 1}, *b]}]\n",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn accepts_text_that_all_parsers_read_alike() {
        for text in
            ["b: &b {x: 1}\nm: {y: 1, <<: *b, x: 2}\n", "script: |\n  cat <<EOF !!binary %TAG\n", "port: !!str 80\n"]
        {
            assert!(parse(text).is_ok(), "{text}");
        }
    }
}
