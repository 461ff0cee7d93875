//! YAML, read as `kubectl` reads it, and written as JSON. Text that `kubectl` could read in another way is an error.
//!
//! The JSON has its line breaks where the YAML has them, so that a line of one is the same line of the other.

mod scalar;
mod tree;
mod write;

use saphyr_parser::ScanError;

use super::{MAX_DEPTH, MAX_DOCUMENT};
use crate::document::{Document, Origin, Problem};

/// A text that is not YAML, or that `kubectl` could read in another way.
#[derive(Debug, thiserror::Error)]
#[error("{}{fault}{}", .fault.prefix(), if *.is_template { "; render a Helm template first" } else { "" })]
struct InvalidYaml {
    fault: Fault,
    is_template: bool,
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{}", .0.info())]
    Scan(#[from] ScanError),
    #[error("U+{code:04X} ends a line for some parsers only; write \\u{code:04x} between double quotes", code = u32::from(*.character))]
    LineBreak { line: usize, character: char },
    #[error("the tag {tag:?} is not supported; write the text itself")]
    Tag { line: usize, tag: String },
    #[error("a << in quotes, or with a tag or anchor, is a merge key for some parsers only; write another key")]
    MergeKey { line: usize },
    #[error("<< must have a map or a list of maps")]
    Merge { line: usize },
    #[error("{key:?} is before a << that also sets it, and parsers disagree on which one wins; write << first")]
    MergeOrder { line: usize, key: String },
    #[error("the key {key:?} appears twice")]
    KeyTwice { line: usize, key: String },
    #[error("a key must be text, not a map or a list")]
    Key { line: usize },
    #[error("an alias is inside the value that it refers to")]
    Alias { line: usize },
    #[error("more text follows the end of the document; separate documents with ---")]
    SeveralDocuments { line: usize },
    #[error("is nested more than {MAX_DEPTH} levels deep")]
    TooDeep { line: usize },
    #[error("its aliases repeat too much text; write the objects out")]
    TooMuch { line: usize },
    #[error("has too many values; write it as JSON, whose lists are read as streams")]
    TooManyValues { line: usize },
    #[error("is larger than {} MiB; write it as JSON, whose lists are read as streams", MAX_DOCUMENT >> 20)]
    TooLong,
}

impl Fault {
    /// Returns the beginning of the text about the document.
    fn prefix(&self) -> &'static str {
        if matches!(self, Self::TooLong) { "" } else { "is not valid YAML: " }
    }

    /// Returns the line of the document on which the fault is, if known.
    fn line(&self) -> Option<usize> {
        match self {
            Self::Scan(error) => Some(error.marker().line()),
            Self::LineBreak { line, .. }
            | Self::Tag { line, .. }
            | Self::MergeKey { line }
            | Self::Merge { line }
            | Self::MergeOrder { line, .. }
            | Self::KeyTwice { line, .. }
            | Self::Key { line }
            | Self::Alias { line }
            | Self::SeveralDocuments { line }
            | Self::TooDeep { line }
            | Self::TooMuch { line }
            | Self::TooManyValues { line } => Some(*line),
            Self::TooLong => None,
        }
    }
}

/// Reads the documents of a YAML file, each on its own: a malformed one does not hide the others.
pub(crate) fn documents(
    origin: Origin,
    is_optional: bool,
    text: String,
) -> impl Iterator<Item = Result<Document, Problem>> {
    split(text).filter_map(move |chunk| match to_json(&chunk.text, chunk.line - chunk.first_line) {
        Ok(None) => None,
        Ok(Some(text)) => Some(Ok(Document { origin: origin.at_line(chunk.line), text, is_optional })),
        Err(fault) => {
            let line = fault.line().map_or(chunk.line, |line| chunk.first_line + line - 1);
            let is_template = chunk.text.contains("{{");
            Some(Err(origin.at_line(line).problem(InvalidYaml { fault, is_template })))
        }
    })
}

/// Writes one document as JSON that begins after some lines; `None` if it is empty or null.
fn to_json(text: &str, lines_before: usize) -> Result<Option<Vec<u8>>, Fault> {
    if text.len() > MAX_DOCUMENT {
        return Err(Fault::TooLong);
    }
    check_line_breaks(text)?;
    match tree::parse(text)? {
        Some(tree) if !tree.is_null() => write::to_json(&tree, text.len(), lines_before).map(Some),
        _ => Ok(None),
    }
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

/// The text of one document.
struct Chunk {
    text: String,
    /// The line on which the text begins, perhaps with comments.
    first_line: usize,
    /// The line on which the document itself begins.
    line: usize,
}

/// Splits a file into the texts of its documents, as `kubectl` does before it parses them.
fn split(text: String) -> impl Iterator<Item = Chunk> {
    let (mut rest, mut next_line) = (0, 1);
    std::iter::from_fn(move || {
        let first_line = next_line;
        let mut chunk = Chunk { text: String::new(), first_line, line: first_line };
        let mut has_content = false;
        for content in text.get(rest..)?.split_inclusive('\n') {
            let marker = content.strip_prefix("---");
            let separates = marker.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
            if separates && has_content {
                return Some(chunk);
            }
            if !has_content {
                chunk.line = next_line;
                has_content = separates || !(content.trim().is_empty() || content.starts_with(['#', '%']));
            }
            chunk.text += content;
            rest += content.len();
            next_line += 1;
        }
        rest = usize::MAX;
        Some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// The line and the value of each document.
    fn read(text: &str) -> Vec<(usize, Result<Value, String>)> {
        documents(Origin::file("f.yaml"), false, text.to_owned())
            .map(|document| match document {
                Ok(document) => (document.origin.line.unwrap(), Ok(serde_json::from_slice(&document.text).unwrap())),
                Err(problem) => (problem.line().unwrap(), Err(problem.message())),
            })
            .collect()
    }

    fn value(text: &str) -> Value {
        let mut documents = read(text);
        assert_eq!(documents.len(), 1, "{documents:?}");
        documents.remove(0).1.unwrap_or_else(|problem| panic!("{text}: {problem}"))
    }

    fn problem(text: &str) -> String {
        let mut documents = read(text);
        documents.remove(0).1.expect_err(text)
    }

    #[test]
    fn reports_the_line_of_each_document() {
        let text = "# head\n\na: 1\n---\n# none\n---\nb: 2\n--- # c\nc: 3\n";
        let lines: Vec<_> = read(text).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [3, 6, 8]);
        assert_eq!(read("# head\na: 1\n")[0].0, 2);
        let lines: Vec<_> = read("# head\na: 1\nb: [\n---\n# c\nd: [\n").into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [4, 7]);
        assert!(read("").is_empty() && read("---\n---\n").is_empty());
        assert_eq!(read("%YAML 1.2\n---\na: 1\n").len(), 1);
    }

    #[test]
    fn reads_the_documents_around_a_malformed_one() {
        let good: Vec<_> =
            read("a: 1\n---\nb: [\n---\nc: 3\n---\nd: 1\nd: 2\n").iter().map(|(_, read)| read.is_ok()).collect();
        assert_eq!(good, [true, false, true, false]);
    }

    #[test]
    fn writes_each_value_on_its_line() {
        let text = "# comment\na: 1\nb:\n  - x\n\n  - k: |\n      two\n      lines\n    z: last\nc: {d: 1,\n  e: 2}\n";
        let json = documents(Origin::file("f.yaml"), false, text.to_owned()).next().unwrap().unwrap();
        assert_eq!(json.origin.line, Some(2));
        let json = String::from_utf8(json.text).unwrap();
        let lines: Vec<_> = json.lines().collect();
        assert_eq!(
            lines,
            [
                "{\"a\":1,",
                "\"b\":",
                "[\"x\",",
                "",
                "{\"k\":",
                "\"two\\nlines\\n\",",
                "",
                "\"z\":\"last\"}],",
                "\"c\":{\"d\":1,",
                "\"e\":2}}",
            ]
        );
    }

    #[test]
    fn gives_scalars_the_types_that_kubectl_gives_them() {
        let text = "[~, null, '', \"\", true, yes, Off, 0x1F, 010, 0o10, 1_000, -7, +7, 1.5, 1e3, .5, 1.2.3, 12:30, 2026-11-25, \
                    'true', !!str 80, !!int 80, v1, .inf, 99999999999999999999]";
        assert_eq!(
            value(text),
            json!([
                null,
                null,
                "",
                "",
                true,
                true,
                false,
                31,
                8,
                8,
                1000,
                -7,
                7,
                1.5,
                1000.0,
                0.5,
                "1.2.3",
                "12:30",
                "2026-11-25",
                "true",
                "80",
                80,
                "v1",
                ".inf",
                1e20
            ])
        );
        assert_eq!(value("{1: a, true: b, ~: c, x: d}"), json!({"1": "a", "true": "b", "null": "c", "x": "d"}));
    }

    #[test]
    fn merges_maps_at_every_depth() {
        let base = "a: &a {k: 1, l: 1}\nb: &b {<<: *a, l: 2, m: 2}\n";
        assert_eq!(value(&format!("{base}c: {{<<: *b, m: 3}}"))["c"], json!({"k": 1, "l": 2, "m": 3}));
        assert_eq!(
            value(&format!("{base}c: {{<<: [*a, *b]}}"))["c"],
            json!({"k": 1, "l": 1, "m": 2}),
            "the first wins"
        );
        assert_eq!(value(&format!("{base}c: {{<<: {{<<: *a, k: 9}}}}"))["c"], json!({"k": 9, "l": 1}));
        assert_eq!(value("m: {l: 1, <<: {k: 1}, k: 2}")["m"], json!({"l": 1, "k": 2}));
    }

    #[test]
    fn rejects_text_that_kubectl_reads_differently() {
        for (text, fault) in [
            ("annotations: {!!binary Sm9iSUQ=: forged}", "the tag"),
            ("kind: !<tag:yaml.org,2002:binary> UG9k", "the tag"),
            ("annotations: {!!bin%61ry Sm9iSUQ=: forged}", "the tag"),
            ("%TAG !e! tag:yaml.org,2002:bin\n---\nkind: !e!ary UG9k", "the tag"),
            ("%TAG !e! tag:yaml.org,2002:\n---\nkind: !e!binary UG9k", "the tag"),
            ("metadata: !x {}", "the tag"),
            ("kind: Pod\n\"<<\": {items: []}\n", "a << in quotes"),
            ("kind: Pod\n!!str <<: {items: []}\n", "a << in quotes"),
            ("x: &m <<\n*m : {items: []}\n", "a << in quotes"),
            ("x: y # c\u{2028}!!binary Sm9iSUQ=: forged\n", "U+2028 ends a line"),
            ("x: y # c\u{85}\"<<\": {items: []}\n", "U+0085 ends a line"),
            ("b: &b {x: 1}\nm:\n  x: 2\n  <<: *b\n", "is before a <<"),
            ("b: &b {x: 1}\nm: [{x: 2, <<: [{y: 1}, *b]}]\n", "is before a <<"),
            ("a: 1\nb: 2\na: 3\n", "the key \"a\" appears twice"),
            ("1: a\n'1': b\n", "the key \"1\" appears twice"),
            ("m: {<<: 7}", "<< must have a map"),
            ("m: {<<: [7]}", "<< must have a map"),
            ("? [a]\n: b\n", "a key must be text"),
            ("a: &a [*a]", "an alias is inside"),
            ("a: 1\n...\nb: 2\n", ""),
        ] {
            let problem = problem(text);
            assert!(problem.starts_with("is not valid YAML: ") && problem.contains(fault), "{text}: {problem}");
        }
        assert!(problem("{{ .Values.pod }}: [").ends_with("; render a Helm template first"));
    }

    #[test]
    #[expect(clippy::format_push_string, reason = "a test may be slow")]
    fn limits_aliases_and_nesting() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        let mut merges = "b0: &b0 {k0: v}\n".to_owned();
        for level in 1..30 {
            let before = level - 1;
            bomb += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{before}"); 10].join(","));
            merges +=
                &format!("b{level}: &b{level} {{<<: [{}], k{level}: v}}\n", vec![format!("*b{before}"); 10].join(","));
        }
        assert!(problem(&bomb).contains("its aliases repeat too much text"));
        assert_eq!(value(&merges)["b29"].as_object().unwrap().len(), 30);
        assert!(problem(&"[".repeat(100_000)).contains("recursion limit"));
        assert!(problem(&"- ".repeat(100_000)).contains("is nested more than 128 levels deep"));
        let mut deep = "c0: &c0 []\n".to_owned();
        for level in 1..200 {
            deep += &format!("c{level}: &c{level} [*c{}]\n", level - 1);
        }
        assert!(problem(&deep).contains("is nested more than 128 levels deep"));
    }

    #[test]
    fn limits_what_a_document_costs() {
        let keys = |count: usize| (0..count).map(|key| format!("k{key}: 1")).collect::<Vec<_>>().join(", ");
        let again = |text: &str, count: usize| vec![text; count].join(", ");
        for (text, fault) in [
            (format!("a: &a {{{}}}\nb: {{<<: [{}]}}", keys(8000), again("{<<: *a}", 8000)), "repeat too much"),
            (format!("a: &a {{{}}}\nb: {{<<: [{}]}}", keys(20_000), again("*a", 20_000)), "repeat too much"),
            (
                format!("a: &a {{}}\nb: &b [{}]\nc: [{}]", again("*a", 20_000), again("{<<: *b}", 20_000)),
                "repeat too much",
            ),
            (format!("a: [{}]", again("[]", MAX_DOCUMENT / 16)), "too many values"),
            (format!("a: &a x\nb: [{}]", again("*a", MAX_DOCUMENT / 16)), "too many values"),
        ] {
            let problem = problem(&text);
            assert!(problem.contains(fault), "{problem}");
        }
        let replaced = format!("a: &a {{{0}}}\nb: {{<<: *a, {0}}}", keys(30_000));
        assert_eq!(value(&replaced)["b"].as_object().unwrap().len(), 30_000);
    }

    proptest! {
        /// JSON is YAML, but for how lines break.
        #[test]
        fn agrees_with_json(texts in prop::collection::vec(any::<String>(), 0..4), numbers: Vec<i64>) {
            let tree = json!({"texts": texts, "map": {"numbers": numbers, "null": null, "true": true}, "list": [[], {}]});
            let text = tree.to_string();
            prop_assume!(!text.contains(['\u{85}', '\u{2028}', '\u{2029}', '\u{feff}', '\u{7f}']));
            prop_assert_eq!(value(&text), tree);
        }

        #[test]
        fn does_not_panic(text in "([-a-z:&*<!#|>'\"{}\\[\\],? ]|\n|\n  |<<: |&a |\\*a|---\n){0,60}") {
            for (line, _) in read(&text) {
                prop_assert!(line <= text.lines().count() + 1);
            }
        }
    }
}
