//! YAML as `kubectl` reads it; what the two would read differently is an error.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::Value;

use crate::input::{Document, Problem, Source};

/// The documents of a YAML file, each on its own: a broken one does not hide the others.
pub fn documents(file: &str, text: &str) -> Vec<Result<Document, Problem>> {
    split_yaml(text)
        .into_iter()
        .filter_map(|chunk| match parse_yaml(&chunk.text) {
            Ok(Value::Null) => None,
            Ok(object) => Some(Ok(Document { source: Source::at(file, chunk.line), object })),
            Err((place, message)) => {
                let line = place.map_or(chunk.line, |line| chunk.first_line + line - 1);
                let hint = if chunk.text.contains("{{") { "; render a Helm template first" } else { "" };
                Some(Err(Source::at(file, line).problem(format!("is not valid YAML: {message}{hint}"))))
            }
        })
        .collect()
}

/// Reads a YAML document as `kubectl` does; if that cannot be, says why, and on which of its lines if that is known.
fn parse_yaml(text: &str) -> Result<Value, (Option<usize>, String)> {
    let error = |error: yaml_serde::Error| {
        let line = error.location().map(|place| place.line());
        (line, without_positions(&error.to_string()))
    };
    if let Some((line, problem)) = find_break(text) {
        return Err((Some(line), problem));
    }
    let mut tree: yaml_serde::Value = yaml_serde::from_str(text).map_err(error)?;
    find_twofold(text).map_or(Ok(()), |(line, problem)| Err((Some(line), problem)))?;
    if let Some(key) = overridden_by_merge(&tree) {
        let problem = format!("{key:?} stands before a << that sets it too, and wins or not by reader; write << first");
        return Err((None, problem));
    }
    tree.apply_merge().map_err(error)?;
    yaml_serde::from_value(tree).map_err(error)
}

/// The first character that ends a line for some readers and not for others, with its line.
fn find_break(text: &str) -> Option<(usize, String)> {
    let breaks = ['\u{85}', '\u{2028}', '\u{2029}'];
    let (index, line) = text.lines().enumerate().find(|(_, line)| line.contains(breaks))?;
    let character = line.chars().find(|character| breaks.contains(character))?;
    let code = u32::from(character);
    Some((index + 1, format!("U+{code:04X} ends a line or not by reader; write \\u{code:04x} between double quotes")))
}

/// Tags that every reader heeds alike.
const TAGS: [&str; 7] = ["str", "int", "bool", "float", "null", "map", "seq"];

/// The first thing that `kubectl` may read otherwise than the parser here, which passes over tags, and takes a `<<` in
/// quotes for a merge; with its line.
fn find_twofold(text: &str) -> Option<(usize, String)> {
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => return Some((error.marker().line(), error.info().to_owned())),
        };
        let (tag, is_odd_merge) = match &event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = *style == ScalarStyle::Plain && *anchor == 0 && tag.is_none();
                (tag, text == "<<" && !is_plain)
            }
            Event::SequenceStart(_, tag) | Event::MappingStart(_, tag) => (tag, false),
            _ => continue,
        };
        if let Some(tag) = tag.as_ref().filter(|tag| !(tag.is_yaml_core_schema() && TAGS.contains(&&*tag.suffix))) {
            let tag = format!("{}{}", tag.handle, tag.suffix);
            return Some((span.start.line(), format!("the tag {tag:?} is not supported; write the text itself")));
        }
        if is_odd_merge {
            let problem = "a << in quotes, or with a tag or anchor, is a merge or not by reader; write another key";
            return Some((span.start.line(), problem.to_owned()));
        }
    }
    None
}

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
pub fn without_positions(message: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Vec<(usize, Option<Value>)> {
        let documents = documents("f.yaml", text).into_iter();
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
            assert!(parse_yaml(text).is_err(), "{text}");
        }
        for text in
            ["b: &b {x: 1}\nm: {y: 1, <<: *b, x: 2}\n", "script: |\n  cat <<EOF !!binary %TAG\n", "port: !!str 80\n"]
        {
            assert!(parse_yaml(text).is_ok(), "{text}");
        }
    }
}
