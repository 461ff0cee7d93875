//! The JSON scanner sees the same tree as `serde_json` in valid JSON, and returns an error or a value for any other bytes.

use json_scan::{Context, DecodeError, Reader, Value, seek_path};
use serde_json::{Map, Value as Tree};

pub(super) fn check(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let scanned = reader.value().and_then(|value| reader.end().map(|()| value));
    let _ = Reader::new(bytes).pick(["a", "metadata"]);
    let _ = Reader::new(bytes).seek_field("metadata");
    if let Ok(value) = scanned {
        let _ = seek_path(Some(value), &["metadata", "annotations"]);
    }
    if let Ok(expected) = serde_json::from_slice::<Tree>(bytes) {
        let value = scanned.expect("valid JSON is scanned");
        assert_eq!(tree(value).expect("valid JSON is decoded"), expected);
    }
}

/// Builds the tree that the scanner sees.
fn tree(value: Value<'_>) -> Result<Tree, DecodeError> {
    match value.text().first() {
        Some(b'{') => {
            let mut map = Map::new();
            value.reader().entries(&mut |key, reader| {
                let key = String::from_utf8_lossy(key).into_owned();
                let inner = reader.value().and_then(tree).at_field(&key)?;
                map.insert(key, inner);
                Ok(())
            })?;
            Ok(Tree::Object(map))
        }
        Some(b'[') => {
            let mut list = Vec::new();
            value.reader().elements(&mut |reader| {
                list.push(reader.value().and_then(tree)?);
                Ok(())
            })?;
            Ok(Tree::Array(list))
        }
        Some(b'"') => value.to_str().map(|text| Tree::String(text.into_owned())),
        _ => Ok(serde_json::from_slice(value.text()).expect("a scalar is JSON")),
    }
}
