//! The items of lists. As for `kubectl`, a list is what has `items`, or a bare JSON list.

use json_scan::{DecodeError, Reader, Value, optional_str};
use serde_json::json;

use super::MAX_DEPTH;
use crate::document::{Document, Origin, Problem};
use crate::object::{LineCounter, text, with_fields};

/// The maximum number of items in a document, those of lists within lists included.
const MAX_ITEMS: usize = 100_000;

#[derive(Debug, thiserror::Error)]
enum ListError {
    #[error("is a list without items")]
    NoItems,
    #[error("is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
    #[error("is after the first {MAX_ITEMS} items of a list; split the list")]
    TooMany,
    #[error("{0}")]
    Malformed(#[from] DecodeError),
}

/// Returns the items of a document one by one, those of lists within lists too, or the document itself if it is not a
/// list.
pub(crate) fn flatten(document: Document) -> Vec<Result<Document, Problem>> {
    if matches!(items(&document.text), Ok(None)) {
        return vec![Ok(document)];
    }
    let Document { origin, text, is_optional } = document;
    let mut found = Vec::new();
    if let Err(problem) = add_items(Part { origin, text: &text, is_optional }, &Defaults::default(), 0, &mut found) {
        found.push(Err(problem));
    }
    found
}

/// A document, or an item in it. Its text is copied only if it is not a list, since lists may be nested.
struct Part<'d> {
    origin: Origin,
    text: &'d [u8],
    is_optional: bool,
}

/// Adds the items of a part, or the part itself if it is not a list.
///
/// # Errors
/// If there are too many, after which nothing more is added.
fn add_items(
    part: Part<'_>,
    defaults: &Defaults,
    depth: usize,
    found: &mut Vec<Result<Document, Problem>>,
) -> Result<(), Problem> {
    let Part { origin, text, is_optional } = part;
    if found.len() == MAX_ITEMS {
        return Err(origin.problem(ListError::TooMany));
    }
    let (step, items) = match items(text) {
        Ok(Some(list)) if depth < MAX_DEPTH => list,
        Ok(Some(_)) => {
            found.push(Err(origin.problem(ListError::TooDeep)));
            return Ok(());
        }
        Ok(None) => {
            found.push(Ok(Document { origin, text: defaults.add_to(text.to_vec()), is_optional }));
            return Ok(());
        }
        Err(error) => {
            found.push(Err(origin.problem(error)));
            return Ok(());
        }
    };
    let defaults = Defaults::of_items(text);
    let is_optional = is_optional && step.is_empty();
    let mut lines = LineCounter::new(text);
    for (index, item) in items.into_iter().enumerate() {
        let mut origin = origin.item(&format!("{step}[{index}]"));
        origin.line = origin.line.map(|line| line + lines.lines_before(item));
        add_items(Part { origin, text: item.text(), is_optional }, &defaults, depth + 1, found)?;
    }
    Ok(())
}

/// Returns the items of a list, and the name of the field that they are in, which is empty for a bare list.
fn items(text: &[u8]) -> Result<Option<(&'static str, Vec<Value<'_>>)>, ListError> {
    let mut reader = Reader::new(text);
    match reader.peek() {
        Some(b'[') => Ok(Some(("", elements(&mut reader)?))),
        Some(b'{') => {
            let [items, kind] = reader.pick(["items", "kind"])?;
            if let Some(items) = items.filter(|items| items.text().starts_with(b"[")) {
                return Ok(Some(("items", elements(&mut items.reader())?)));
            }
            let is_list = optional_str(kind, "kind").is_ok_and(|kind| kind.is_some_and(|kind| kind.ends_with("List")));
            if is_list { Err(ListError::NoItems) } else { Ok(None) }
        }
        _ => Ok(None),
    }
}

/// Returns whether an object has items and the kind of a list. This is quick for all other objects, but does not
/// recognize a list of another kind.
pub(crate) fn is_list(object: &[u8]) -> bool {
    if Reader::new(object).peek() != Some(b'{') || has_other_kind(object) {
        return false;
    }
    let fields = Reader::new(object).pick(["kind", "items"]);
    fields.map_or(true, |[kind, items]| {
        text(kind).ends_with("List") && items.is_some_and(|items| items.text().starts_with(b"["))
    })
}

/// Returns whether an object has a kind that is not a list's. A name or kind with escapes is not recognized.
fn has_other_kind(object: &[u8]) -> bool {
    let mut reader = Reader::new(object);
    let is_other = |kind: Value<'_>| !kind.text().ends_with(b"List\"") && !kind.text().contains(&b'\\');
    reader.seek_field("kind") == Some(true) && reader.value().is_ok_and(is_other)
}

fn elements<'a>(reader: &mut Reader<'a>) -> Result<Vec<Value<'a>>, DecodeError> {
    let mut items = Vec::new();
    reader.elements(&mut |element| {
        items.push(element.value()?);
        Ok(())
    })?;
    Ok(items)
}

/// The kind and version, which the API server omits from the items of a typed list such as a `PodList`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Defaults {
    kind: String,
    version: String,
}

impl Defaults {
    /// Returns the kind and the version of a list's items.
    pub(crate) fn of_items(list: &[u8]) -> Self {
        let (kind, version) = kind_and_version(list);
        Self { kind: kind.strip_suffix("List").unwrap_or_default().to_owned(), version }
    }

    /// Adds the kind and version to an item that lacks them.
    pub(crate) fn add_to(&self, item: Vec<u8>) -> Vec<u8> {
        if self.kind.is_empty() {
            return item;
        }
        let (kind, version) = kind_and_version(&item);
        let fields = [("kind", &self.kind, kind), ("apiVersion", &self.version, version)];
        let missing = fields.into_iter().filter(|(_, _, own)| own.is_empty());
        let missing: Vec<_> = missing.map(|(name, value, _)| (name, json!(value))).collect();
        if missing.is_empty() {
            return item;
        }
        // The policy reports a malformed item.
        with_fields(&item, &missing).unwrap_or(item)
    }
}

/// Returns the kind and the API version of an object, empty where there is none.
fn kind_and_version(object: &[u8]) -> (String, String) {
    let [kind, version] = Reader::new(object).pick(["kind", "apiVersion"]).unwrap_or_default();
    (text(kind).into_owned(), text(version).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flattened(text: &str) -> Vec<Result<(String, serde_json::Value), String>> {
        let document =
            Document { origin: Origin::file("f.yaml").at_line(7), text: text.as_bytes().to_vec(), is_optional: false };
        flatten(document)
            .into_iter()
            .map(|item| match item {
                Ok(item) => Ok((item.origin.to_string(), serde_json::from_slice(&item.text).unwrap())),
                Err(problem) => Err(problem.to_string()),
            })
            .collect()
    }

    #[test]
    fn takes_any_object_with_items_for_a_list() {
        let read = flattened(r#"{"kind": "Pod", "apiVersion": "v1", "items": [{"kind": "Service"}]}"#);
        assert_eq!(read[0].as_ref().unwrap().1["kind"], "Service");
        assert_eq!(flattened(r#"{"kind": "Pod", "items": {}}"#).len(), 1);
    }

    #[test]
    fn finds_lists_by_kind_and_items() {
        for list in [
            r#"{"items": [], "kind": "PodList"}"#,
            r#"{"it\u0065ms": [], "kind": "PodList"}"#,
            r#"{"items": [], "k\u0069nd": "PodList"}"#,
            r#"{"items": [], "kind": "Pod\u004cist"}"#,
        ] {
            assert!(is_list(list.as_bytes()), "{list}");
        }
        for other in [r#"{"kind": "AllowList", "spec": {"items": []}}"#, r#"{"kind": "Pod", "items": []}"#, "[]"] {
            assert!(!is_list(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn rejects_a_list_without_items() {
        for list in [r#"{"kind": "PodList", "apiVersion": "v1"}"#, r#"{"kind": "PodList", "items": null}"#] {
            assert_eq!(flattened(list), [Err("f.yaml:7: is a list without items".to_owned())]);
        }
        assert!(flattened(r#"{"items": [], "items": [{}]}"#)[0].as_ref().unwrap_err().contains("items: appears twice"));
    }

    #[test]
    fn limits_nesting() {
        let nested = |depth: usize| flattened(&format!("{}1{}", "[".repeat(depth), "]".repeat(depth)));
        assert_eq!(nested(MAX_DEPTH)[0].as_ref().unwrap().1, json!(1));
        let problem = nested(100_000)[0].clone().unwrap_err();
        assert!(problem.ends_with("[0]: is nested more than 128 levels deep"), "{problem}");
    }

    #[test]
    fn limits_the_number_of_items() {
        let list = |count: usize| format!("[[1],[{}1]]", "1,".repeat(count - 2));
        assert!(flattened(&list(MAX_ITEMS)).last().unwrap().is_ok());
        let items = flattened(&list(MAX_ITEMS + 10));
        assert_eq!(items.len(), MAX_ITEMS + 1);
        let problem = items[MAX_ITEMS].as_ref().unwrap_err();
        assert_eq!(problem, "f.yaml:7 [1].[99999]: is after the first 100000 items of a list; split the list");
    }

    #[test]
    fn counts_lines_once() {
        let items = flattened(&format!("{{\"kind\": \"PodList\", \"items\": [{}", "\n\n{},".repeat(90_000) + "{}]}"));
        assert_eq!(items.last().unwrap().as_ref().unwrap().0, "f.yaml:180007 items[90000]");
        let fields: Vec<_> = (0..90_000).map(|number| format!("\n\"{number}\": 1")).collect();
        let items = flattened(&format!("{{\"kind\": \"PodList\", \"items\": [{{{}}}]}}", fields.join(",")));
        assert!(items[0].is_ok());
    }

    #[test]
    fn flattens_lists_within_lists() {
        let read = flattened(
            "{\"kind\": \"List\", \"items\": [\n\n\
             {\"kind\": \"PodList\", \"apiVersion\": \"v1\", \"items\": [{\"metadata\": {}}, {}]},\n\
             {\"kind\": \"Service\"}]}",
        );
        let read: Vec<_> = read.into_iter().map(Result::unwrap).collect();
        assert_eq!(read[0].0, "f.yaml:9 items[0].items[0]");
        assert_eq!(read[0].1, json!({"kind": "Pod", "apiVersion": "v1", "metadata": {}}));
        assert_eq!(read[1].1, json!({"kind": "Pod", "apiVersion": "v1"}));
        assert_eq!((read[2].0.as_str(), &read[2].1["kind"]), ("f.yaml:10 items[1]", &json!("Service")));
    }
}
