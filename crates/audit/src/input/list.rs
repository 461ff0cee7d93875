//! The items of lists. As for `kubectl`, a list is what has `items`, or a bare JSON list.

use json_scan::{DecodeError, Reader, Value, optional_str};
use serde_json::json;

use crate::document::{Document, Problem};
use crate::object::{lines_before, text, with_fields};

#[derive(Debug, thiserror::Error)]
enum ListError {
    #[error("is a list without items")]
    NoItems,
    #[error("{0}")]
    Malformed(#[from] DecodeError),
}

/// Returns the items of a document one by one, those of lists within lists too, or the document itself if it is not a
/// list.
pub(crate) fn flatten(document: Document) -> Vec<Result<Document, Problem>> {
    let mut documents = Vec::new();
    match items(&document.text) {
        Ok(None) => documents.push(Ok(document)),
        Ok(Some((step, items))) => {
            let defaults = Defaults::of_items(&document.text);
            let is_optional = document.is_optional && step.is_empty();
            for (index, item) in items.into_iter().enumerate() {
                let mut origin = document.origin.item(&format!("{step}[{index}]"));
                origin.line = origin.line.map(|line| line + lines_before(&document.text, item));
                let text = defaults.add_to(item.text().to_vec());
                documents.extend(flatten(Document { origin, text, is_optional }));
            }
        }
        Err(error) => documents.push(Err(document.origin.problem(error))),
    }
    documents
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
    use crate::document::Origin;

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
