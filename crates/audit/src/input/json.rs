//! JSON, read as a stream: the items of a list come one by one, and memory holds only a few of them.

use std::io::{self, Read};

use json_scan::{DecodeError, Reader};
use memchr::memchr_iter;
use serde::de::IgnoredAny;

use super::MAX_DOCUMENT;
use super::list::Defaults;
use super::read_ahead::CHUNK;
use crate::document::{Document, Origin, Problem, without_positions};

/// The note on a problem after which there is more input.
const REST_UNREAD: &str = "the rest of the input was not read";

#[derive(Debug, thiserror::Error)]
enum JsonError {
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("is not valid JSON: {}", without_positions(&.0.to_string()))]
    Syntax(#[source] serde_json::Error),
    #[error("is not valid JSON: {0} is missing")]
    Missing(&'static str),
    #[error("is not valid JSON: it ends too early")]
    End,
    #[error("is larger than {} MiB", MAX_DOCUMENT >> 20)]
    TooLong,
    #[error("has items twice")]
    ItemsTwice,
    #[error("{0}")]
    Malformed(#[source] DecodeError),
    #[error("is not valid JSON: the name of a field is malformed")]
    FieldName,
}

/// Checks that a text is one JSON value.
///
/// # Errors
/// If not, with the line of the text where that shows.
pub(crate) fn check(document: &Document) -> Result<(), Problem> {
    let Document { origin, text, .. } = document;
    serde_json::from_slice::<IgnoredAny>(text).map(drop).map_err(|error| {
        let origin = match origin.line {
            Some(line) => origin.at_line(line + error.line() - 1),
            None => origin.clone(),
        };
        origin.problem(JsonError::Syntax(error))
    })
}

/// The documents of a JSON text, which may follow each other, and the items of its lists.
pub(crate) struct JsonStream {
    origin: Origin,
    is_optional: bool,
    input: Box<dyn Read + Send>,
    /// What has been read; `start` is the first byte that has not been handed out.
    buffer: Vec<u8>,
    start: usize,
    is_at_end: bool,
    /// The reason why nothing can be read after the buffer.
    fault: Option<io::Error>,
    /// The line on which `start` is; `None` if the text has no meaningful lines.
    line: Option<usize>,
    state: State,
    /// The number of a list's first item.
    first_item: usize,
    /// The metadata of the last list, once it has been read.
    list_metadata: Option<Vec<u8>>,
}

enum State {
    Documents,
    Items(List),
    Finished,
}

/// The list whose items are being read.
struct List {
    origin: Origin,
    /// The kind and version that its items lack.
    defaults: Defaults,
    /// Whether it is a bare list, and not an object with the field `items`.
    is_bare: bool,
    count: usize,
}

/// A step that needs more text than has been read.
struct NeedsMore;

impl Iterator for JsonStream {
    type Item = Result<Document, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let step = match &self.state {
                State::Documents => self.document(),
                State::Items(_) => self.item(),
                State::Finished => return None,
            };
            match step {
                Ok(Some(document)) => return Some(Ok(document)),
                Ok(None) => {}
                // Nothing can be found after a fault.
                Err(problem) => {
                    self.state = State::Finished;
                    let has_rest = self.peek().is_ok_and(|next| next.is_some());
                    return Some(Err(if has_rest { problem.with_note(REST_UNREAD) } else { problem }));
                }
            }
        }
    }
}

impl JsonStream {
    pub(crate) fn new(origin: Origin, is_optional: bool, input: Box<dyn Read + Send>) -> Self {
        let state = State::Documents;
        Self {
            origin,
            is_optional,
            input,
            buffer: Vec::new(),
            start: 0,
            is_at_end: false,
            fault: None,
            line: Some(1),
            state,
            first_item: 0,
            list_metadata: None,
        }
    }

    /// Reads a page of a list that an API server sends. Its items are counted from `first_item` on.
    pub(crate) fn of_page(origin: Origin, first_item: usize, input: Box<dyn Read + Send>) -> Self {
        Self { line: None, first_item, ..Self::new(origin, false, input) }
    }

    /// Returns the metadata of the last list, as JSON; `None` if it has not been read yet. The API server sends it
    /// before the items of a kind of its own, and after those of a custom resource.
    pub(crate) fn list_metadata(&self) -> Option<&[u8]> {
        self.list_metadata.as_deref()
    }

    /// Reads the next document, or the beginning of a list, in which case there is no document yet.
    fn document(&mut self) -> Result<Option<Document>, Problem> {
        let Some(first) = self.peek()? else {
            self.state = State::Finished;
            return Ok(None);
        };
        let origin = self.here(&self.origin);
        if first == b'[' {
            self.consume(1);
            self.state = State::Items(List { origin, defaults: Defaults::default(), is_bare: true, count: 0 });
            return Ok(None);
        }
        let (length, is_list) = self.read(first_part)?;
        if is_list {
            let mut header = self.take(length);
            header.extend(b"null}");
            self.consume_byte(b'[')?;
            // `seek_field`, which found these items, does not decode escapes, so there may be others before them.
            let fields = Reader::new(&header).pick(["kind", "apiVersion", "metadata", "items"]);
            let [_, _, metadata, _] = fields.map_err(|error| origin.clone().problem(JsonError::Malformed(error)))?;
            self.list_metadata = metadata.map(|metadata| metadata.text().to_vec());
            let defaults = Defaults::of_items(&header);
            self.state = State::Items(List { origin, defaults, is_bare: false, count: 0 });
            return Ok(None);
        }
        let document = Document { origin, text: self.take(length), is_optional: self.is_optional };
        check(&document).map(|()| Some(document))
    }

    /// Reads the next item of a list, or its end.
    fn item(&mut self) -> Result<Option<Document>, Problem> {
        let first = self.expect_byte()?;
        let State::Items(list) = &mut self.state else { return Ok(None) };
        if first == b']' {
            let is_bare = list.is_bare;
            self.state = State::Documents;
            self.consume(1);
            return if is_bare { Ok(None) } else { self.rest_of_list().map(|()| None) };
        }
        let number = self.first_item + list.count;
        let step = if list.is_bare { format!("[{number}]") } else { format!("items[{number}]") };
        let is_first = list.count == 0;
        list.count += 1;
        let item = list.origin.item(&step);
        if !is_first {
            self.consume_byte(b',')?;
            self.expect_byte()?;
        }
        let origin = self.here(&item);
        let length = self.read(whole_value)?;
        let text = self.take(length);
        let State::Items(list) = &self.state else { return Ok(None) };
        let is_optional = self.is_optional && list.is_bare;
        Ok(Some(Document { text: list.defaults.add_to(text), origin, is_optional }))
    }

    /// Reads the fields of a list after its items.
    fn rest_of_list(&mut self) -> Result<(), Problem> {
        loop {
            match self.expect_byte()? {
                b'}' => {
                    self.consume(1);
                    return Ok(());
                }
                b',' => self.consume(1),
                _ => return Err(self.problem(JsonError::Missing("a comma"))),
            }
            let name = self.field_name()?;
            if name == "items" {
                return Err(self.problem(JsonError::ItemsTwice));
            }
            self.consume_byte(b':')?;
            self.expect_byte()?;
            let length = self.read(whole_value)?;
            if name == "metadata" {
                self.list_metadata = Some(self.take(length));
            } else {
                self.consume(length);
            }
        }
    }

    /// Reads the name of a field, and decodes its escapes.
    fn field_name(&mut self) -> Result<String, Problem> {
        self.expect_byte()?;
        let length = self.read(whole_value)?;
        let name = self.take(length);
        let decoded = Reader::new(&name).value().and_then(|name| Ok(name.to_str()?.into_owned()));
        decoded.map_err(|_| self.problem(JsonError::FieldName))
    }

    /// Reads with a function that is given the text from here on, until it needs no more.
    fn read<T>(&mut self, parse: fn(&[u8], bool) -> Result<T, NeedsMore>) -> Result<T, Problem> {
        loop {
            if let Ok(read) = parse(&self.buffer[self.start..], self.is_at_end && self.fault.is_none()) {
                return Ok(read);
            }
            if self.is_at_end {
                return Err(self.fault().unwrap_or_else(|| self.syntax_error()));
            }
            self.fill()?;
        }
    }

    /// Returns the error in the text from here on, at its line.
    fn syntax_error(&self) -> Problem {
        let document =
            Document { origin: self.here(&self.origin), text: self.buffer[self.start..].to_vec(), is_optional: false };
        check(&document).err().unwrap_or_else(|| self.problem(JsonError::End))
    }

    /// Returns the next byte that is not white space, and moves to it; `None` at the end.
    fn peek(&mut self) -> Result<Option<u8>, Problem> {
        loop {
            let rest = &self.buffer[self.start..];
            let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let first = rest.get(blank).copied();
            self.consume(blank);
            if first.is_some() {
                return Ok(first);
            }
            if self.is_at_end {
                return self.fault().map_or(Ok(None), Err);
            }
            self.fill()?;
        }
    }

    fn expect_byte(&mut self) -> Result<u8, Problem> {
        self.peek()?.ok_or_else(|| self.problem(JsonError::End))
    }

    fn consume_byte(&mut self, byte: u8) -> Result<(), Problem> {
        if self.expect_byte()? == byte {
            self.consume(1);
            return Ok(());
        }
        let missing = if byte == b'[' {
            "the list of items"
        } else if byte == b':' {
            "a colon"
        } else {
            "a comma"
        };
        Err(self.problem(JsonError::Missing(missing)))
    }

    /// Moves past some bytes.
    fn consume(&mut self, length: usize) {
        let end = self.start + length;
        if let Some(line) = &mut self.line {
            *line += memchr_iter(b'\n', &self.buffer[self.start..end]).count();
        }
        self.start = end;
    }

    /// Moves past some bytes and returns them.
    fn take(&mut self, length: usize) -> Vec<u8> {
        let text = self.buffer[self.start..self.start + length].to_vec();
        self.consume(length);
        text
    }

    /// Reads more, at least as much as is waiting, so that no byte is looked at many times.
    fn fill(&mut self) -> Result<(), Problem> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let length = self.buffer.len();
        if length > MAX_DOCUMENT {
            return Err(self.problem(JsonError::TooLong));
        }
        let wanted = CHUNK.max(length).min(MAX_DOCUMENT + 1 - length);
        // What comes before a fault is in the buffer all the same.
        self.fault = self.input.by_ref().take(wanted as u64).read_to_end(&mut self.buffer).err();
        self.is_at_end = self.buffer.len() < length + wanted;
        Ok(())
    }

    /// Returns the fault after the buffer, if there is one. The part of a value before it is of no use.
    fn fault(&mut self) -> Option<Problem> {
        let error = self.fault.take()?;
        let problem = self.problem(JsonError::Read(error));
        self.consume(self.buffer.len() - self.start);
        Some(problem)
    }

    fn problem(&self, error: JsonError) -> Problem {
        let origin = match &self.state {
            State::Items(list) => &list.origin,
            _ => &self.origin,
        };
        self.here(origin).problem(error)
    }

    /// Returns an origin at the line on which the text from here on begins.
    fn here(&self, origin: &Origin) -> Origin {
        self.line.map_or_else(|| origin.clone(), |line| origin.at_line(line))
    }
}

/// Returns the length of the value that a text begins with.
fn whole_value(text: &[u8], is_at_end: bool) -> Result<usize, NeedsMore> {
    let value = Reader::new(text).value().map_err(|_| NeedsMore)?;
    let length = value.text().len();
    // A number could go on.
    if length == text.len() && !is_at_end { Err(NeedsMore) } else { Ok(length) }
}

/// Returns the length of the value that a text begins with; or, if that is an object with `items`, the length up to
/// their value, and true.
fn first_part(text: &[u8], is_at_end: bool) -> Result<(usize, bool), NeedsMore> {
    let mut reader = Reader::new(text);
    if reader.peek() == Some(b'{') && reader.seek_field("items") == Some(true) {
        return match reader.peek() {
            None => Err(NeedsMore),
            Some(b'[') => Ok((text.len() - reader.position().len(), true)),
            // As for kubectl, an object whose items are no list is no list.
            Some(_) => whole_value(text, is_at_end).map(|length| (length, false)),
        };
    }
    whole_value(text, is_at_end).map(|length| (length, false))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// Gives a text in pieces of some length.
    struct Pieces(VecDeque<u8>, usize);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let length = self.1.min(buffer.len()).min(self.0.len());
            for (byte, source) in buffer.iter_mut().zip(self.0.drain(..length)) {
                *byte = source;
            }
            Ok(length)
        }
    }

    fn read_in_pieces(text: &str, length: usize) -> Vec<Result<(String, Value), String>> {
        let pieces = Pieces(text.bytes().collect(), length);
        JsonStream::new(Origin::file("f.json"), false, Box::new(pieces))
            .map(|document| match document {
                Ok(document) => Ok((document.origin.to_string(), serde_json::from_slice(&document.text).unwrap())),
                Err(problem) => Err(problem.to_string()),
            })
            .collect()
    }

    fn read(text: &str) -> Vec<Result<(String, Value), String>> {
        read_in_pieces(text, usize::MAX)
    }

    #[test]
    fn reads_documents_that_follow_each_other() {
        let read = read("{\"a\": 1}\n\n{\"b\": 2} 7\n{\n");
        assert_eq!(read[0], Ok(("f.json:1".to_owned(), json!({"a": 1}))));
        assert_eq!(read[1], Ok(("f.json:3".to_owned(), json!({"b": 2}))));
        assert_eq!(read[2], Ok(("f.json:3".to_owned(), json!(7))));
        assert!(read[3].as_ref().unwrap_err().starts_with("f.json:5: is not valid JSON: EOF"), "{read:?}");
    }

    #[test]
    fn reads_the_items_of_lists_one_by_one() {
        let kubectl = "{\n\"apiVersion\": \"v1\",\n\"items\": [\n{\"kind\": \"Pod\"},\n\n{\"kind\": \"Node\"}\n],\"kind\": \"List\"}{}";
        assert_eq!(
            read(kubectl),
            [
                Ok(("f.json:4 items[0]".to_owned(), json!({"kind": "Pod"}))),
                Ok(("f.json:6 items[1]".to_owned(), json!({"kind": "Node"}))),
                Ok(("f.json:7".to_owned(), json!({}))),
            ]
        );
        let typed = r#"{"kind": "PodList", "apiVersion": "v1", "items": [{}, {"kind": {"a": 1}, "x": 1}, 7]}"#;
        let pod = json!({"kind": "Pod", "apiVersion": "v1"});
        assert_eq!(read(typed)[0].as_ref().unwrap().1, pod);
        assert_eq!(read(typed)[1].as_ref().unwrap().1, json!({"kind": "Pod", "apiVersion": "v1", "x": 1}));
        assert_eq!(read(typed)[2].as_ref().unwrap().1, json!(7));
        assert_eq!(read("[1, {}]")[1], Ok(("f.json:1 [1]".to_owned(), json!({}))));
        for empty in ["[]", r#"{"items": []}"#, "", " \n"] {
            assert_eq!(read(empty), [], "{empty}");
        }
        assert_eq!(read(r#"{"items": {}}"#)[0].as_ref().unwrap().1, json!({"items": {}}), "no list");
    }

    #[test]
    fn reads_a_page_of_a_list() {
        let page = |text: &'static str| JsonStream::of_page(Origin::file("c pods"), 500, Box::new(text.as_bytes()));
        let mut typed = page("{\"kind\": \"PodList\", \"metadata\": {\"continue\": \"a\"}, \"items\": [\n{}, {}]}");
        assert_eq!(typed.next().unwrap().unwrap().origin.to_string(), "c pods items[500]");
        assert_eq!(typed.list_metadata(), Some(&b"{\"continue\": \"a\"}"[..]));
        assert_eq!(typed.next().unwrap().unwrap().origin.to_string(), "c pods items[501]");
        let mut custom = page("{\"items\": [{}], \"kind\": \"JobSetList\", \"metadata\": {}}");
        assert!(custom.next().is_some() && custom.list_metadata().is_none());
        assert!(custom.next().is_none() && custom.list_metadata() == Some(b"{}"));
        let mut escaped = page("{\"items\": [], \"meta\\u0064ata\": {\"continue\": \"a\"}}");
        assert!(escaped.next().is_none() && escaped.list_metadata().is_some());
        assert_eq!(
            page("{\"items\": [7").last().unwrap().unwrap_err().to_string(),
            "c pods: is not valid JSON: it ends too early"
        );
    }

    #[test]
    fn reads_what_comes_before_a_fault() {
        struct Fault;
        impl Read for Fault {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("lost"))
            }
        }
        for (text, documents, problem) in [
            ("{\"items\": [{}, {}, {", 2, "f.json:1: cannot be read: lost"),
            ("{}\n", 1, "f.json:2: cannot be read: lost"),
            ("12", 0, "f.json:1: cannot be read: lost"),
        ] {
            let read: Vec<_> =
                JsonStream::new(Origin::file("f.json"), false, Box::new(text.as_bytes().chain(Fault))).collect();
            assert_eq!(read.len(), documents + 1, "{text}");
            assert_eq!(read[documents].as_ref().unwrap_err().to_string(), problem);
        }
    }

    #[test]
    fn reports_where_a_text_is_malformed() {
        for (text, problem) in [
            ("{\"a\": 1,\n}", "f.json:2: is not valid JSON: key must be a string"),
            ("{\"a\": tru}", "f.json:1: is not valid JSON: expected"),
            ("{\"items\": [{}", "f.json:1: is not valid JSON: it ends too early"),
            ("{\"items\": [\n{\"a\": ", "f.json:2: is not valid JSON: EOF"),
            ("{\"items\": [{}\n{}]}", "f.json:2: is not valid JSON: a comma is missing"),
            ("{\"items\": [{}], \"items\": [{}]}", "f.json:1: has items twice"),
            ("{\"items\": [], \"it\\u0065ms\": [{}]}", "f.json:1: has items twice"),
            ("{\"it\\u0065ms\": [{}], \"items\": []}", "f.json:1: items: appears twice"),
            ("{\"kind\": \"Pod\", \"k\\u0069nd\": \"List\", \"items\": []}", "f.json:1: kind: appears twice"),
            ("{\"items\": [], 7: [{}]}", "f.json:1: is not valid JSON: the name of a field"),
            ("{\"items\": [], \"\\x\": [{}]}", "f.json:1: is not valid JSON: the name of a field"),
            ("{\"items\": [{}] \"kind\": 1}", "f.json:1: is not valid JSON: a comma is missing"),
            ("{\"items\": [], \"kind\" 1}", "f.json:1: is not valid JSON: a colon is missing"),
            ("nul", "f.json:1: is not valid JSON: "),
            ("\u{0}", "f.json:1: is not valid JSON: "),
        ] {
            let read = read(text);
            let last = read.last().unwrap().as_ref().unwrap_err();
            assert!(last.starts_with(problem), "{text}: {last}");
        }
    }

    #[test]
    fn notes_that_the_rest_was_not_read() {
        for (text, has_rest) in [
            ("{\"a\": tru} {}", true),
            ("{\"a\": tru}\n", false),
            ("{\"items\": [{} {}]}", true),
            ("{\"items\": [{}", false),
            ("{\"items\": [], \"items\": []} {}", true),
        ] {
            let problem = read(text).pop().unwrap().unwrap_err();
            assert_eq!(problem.ends_with("; the rest of the input was not read"), has_rest, "{text}: {problem}");
        }
    }

    #[test]
    fn limits_the_size_of_a_document() {
        let text = |length: usize| format!("[\"{}\", 1]", "x".repeat(length - 2));
        assert_eq!(read(&text(MAX_DOCUMENT)).len(), 2);
        for length in [MAX_DOCUMENT + 1, MAX_DOCUMENT + CHUNK, 3 * MAX_DOCUMENT] {
            let read = read(&text(length));
            assert_eq!(read.len(), 1);
            let problem = read[0].as_ref().unwrap_err();
            assert_eq!(problem, "f.json:1: is larger than 8 MiB; the rest of the input was not read");
        }
    }

    fn tree() -> impl Strategy<Value = Value> {
        let leaf =
            prop_oneof![any::<i32>().prop_map(Value::from), any::<String>().prop_map(Value::from), Just(json!({}))];
        leaf.prop_recursive(3, 20, 4, |inner| {
            let key = prop_oneof!["items", "kind", "[a-z\"\\\\]{0,4}"];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(key, inner, 0..4).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn reads_the_same_in_pieces(trees in prop::collection::vec(tree(), 0..3), is_pretty: bool, length in 1_usize..20) {
            let write = |tree: &Value| if is_pretty { format!("{tree:#}\n") } else { format!("{tree} ") };
            let text: String = trees.iter().map(write).collect();
            let whole = read(&text);
            prop_assert_eq!(&whole, &read_in_pieces(&text, length));
            let items = |tree: &Value| match (tree, tree.get("items")) {
                (Value::Array(items), _) | (_, Some(Value::Array(items))) => items.clone(),
                _ => vec![tree.clone()],
            };
            let expected: Vec<_> = trees.iter().flat_map(items).collect();
            let is_typed = text.contains("List\"");
            let read: Vec<_> = whole.into_iter().map(|document| document.unwrap().1).collect();
            prop_assert!(is_typed || read == expected, "{text}");
        }
    }
}
