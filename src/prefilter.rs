//! Accepts requests that cannot contain an interLink annotation, without parsing them.
//!
//! Nearly every request of a cluster ends here. Parsing takes 4 wasm instructions a byte; searching for a few rare
//! pairs of bytes takes 2.

use json_scan::simd::{Bytes16, any_pair};
use json_scan::{DecodeError, Reader};
use memchr::memrchr_iter;

use crate::annotations::{DOMAIN_PREFIX, JOB_ID, ends_with};

/// `k`, `K` and the last byte of U+212A have these bits of [`LAST_LETTER_MASK`] in common, with few other bytes.
const LAST_LETTER: u8 = b'k' & LAST_LETTER_MASK;
const LAST_LETTER_MASK: u8 = 0b0001_1110;

/// Returns whether a request certainly has no interLink annotation, and the object's own annotations are well formed.
/// Other malformed parts of such a request make no difference to the policy.
pub(crate) fn is_irrelevant(payload: &[u8]) -> bool {
    !may_contain_key(payload) && !may_check_plugins(payload) && has_valid_annotations(payload)
}

/// Returns whether an object certainly has no interLink annotation, and its own annotations are well formed, as
/// [`is_irrelevant`] does for a whole request. This ignores the rule `plugin-annotations`.
pub fn is_irrelevant_object(object: &[u8]) -> bool {
    !may_contain_key(object) && has_valid_metadata(&mut Reader::new(object))
}

/// Returns whether JSON text may contain the key of an interLink annotation, ignoring ASCII case, or an escape that may
/// be part of one.
fn may_contain_key(text: &[u8]) -> bool {
    any_pair(text, candidates, |index| is_key(text, index))
}

/// Returns whether a candidate is part of a key, or an escape.
fn is_key(text: &[u8], index: usize) -> bool {
    match &text[index..] {
        [b'\\', ..] => true,
        [b'J', ..] => text[index..].starts_with(JOB_ID.as_bytes()),
        [_, b'.', ..] => ends_with(&text[..index + 2], DOMAIN_PREFIX.as_bytes()),
        _ => false,
    }
}

/// Finds the bytes where `JobID` may begin, where the last two bytes of `interlink.` may begin, or where a `\\u` escape
/// begins.
#[inline(always)]
fn candidates(bytes: Bytes16, next: Bytes16) -> Bytes16 {
    let domain = bytes.keep(LAST_LETTER_MASK).eq(LAST_LETTER).and(next.eq(b'.'));
    let escape = bytes.eq(b'\\').and(next.eq(b'u'));
    domain.or(escape).or(bytes.eq(b'J'))
}

/// Returns whether the settings of a payload without escapes may turn on the rule `plugin-annotations`, which is off by
/// default. It looks at keys under other domains than interLink's.
///
/// Kubewarden sends the settings last, so that this search from the end does not reach the request.
fn may_check_plugins(payload: &[u8]) -> bool {
    for index in memrchr_iter(b'g', payload) {
        let (before, from) = payload.split_at(index);
        if before.ends_with(b"\"plu")
            && let Some(level) = from.strip_prefix(b"gin-annotations\"")
            && !level.starts_with(b":\"Ignore\"")
        {
            return true;
        }
        if before.ends_with(b"\"settin") && from.starts_with(b"gs\":") {
            return !payload.starts_with(b"{\"request\":");
        }
    }
    false
}

/// Returns whether a payload has a request with an object whose annotations are a map of strings or absent.
fn has_valid_annotations(payload: &[u8]) -> bool {
    let mut reader = Reader::new(payload);
    ["request", "object"].iter().all(|name| reader.seek_field(name) == Some(true)) && has_valid_metadata(&mut reader)
}

/// Returns whether the next value is an object with metadata, and its annotations are a map of strings or absent.
fn has_valid_metadata(object: &mut Reader<'_>) -> bool {
    object.seek_field("metadata") == Some(true)
        && match object.seek_field("annotations") {
            Some(true) => object.entries(&mut expect_string).is_ok(),
            Some(false) => true,
            None => false,
        }
}

fn expect_string(_: &[u8], value: &mut Reader<'_>) -> Result<(), DecodeError> {
    let value = value.value()?;
    if value.is_string() { Ok(()) } else { Err(value.type_error("a string")) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::annotations::CATALOGUE;
    use crate::cluster::no_cluster;
    use crate::kinds::{KINDS, Kind};
    use crate::response;
    use crate::validate::{answer, evaluate};

    /// The same, one byte at a time.
    fn contains_key(text: &str) -> bool {
        let lower = text.replace('\u{130}', "i").replace('\u{212a}', "k").to_ascii_lowercase();
        text.contains(JOB_ID) || text.contains("\\u") || lower.contains(DOMAIN_PREFIX)
    }

    #[test]
    fn skips_objects_without_annotations_of_interlink() {
        for (annotations, expected) in [
            (r#"{"a": "b"}"#, true),
            (r#"{"JobID": "b"}"#, false),
            (r#"{"interlink.eu/x": "b"}"#, false),
            (r#"{"a": 1}"#, false),
        ] {
            let object = format!(r#"{{"metadata": {{"annotations": {annotations}}}}}"#);
            assert_eq!(is_irrelevant_object(object.as_bytes()), expected, "{object}");
        }
    }

    #[test]
    fn finds_a_key_at_every_offset() {
        for key in CATALOGUE.iter().map(|info| info.key).chain([
            "InterLink.EU/",
            r"\u004aobID",
            "INTERLINK.x",
            "interlin\u{212a}.eu/",
            "\u{130}nterl\u{130}N\u{212a}.eu/",
        ]) {
            for before in 0..200 {
                let text = "k".repeat(before) + key;
                assert!(may_contain_key(text.as_bytes()), "{text}");
                assert!(may_contain_key((text.clone() + "x").as_bytes()), "{text}x");
                assert!(may_contain_key((text + &"J".repeat(100)).as_bytes()));
            }
        }
    }

    #[test]
    fn ignores_text_that_only_resembles_a_key() {
        for text in [
            "",
            "interlink/",
            "interlink",
            "nterlink.eu/",
            "JobId",
            "obID",
            r"\n\\",
            "k.k.k.",
            "vk.io",
            "J",
            "\u{212a}.",
            "\u{131}nterlink.eu/",
        ] {
            for before in 0..200 {
                let text = ".".repeat(before) + text;
                assert!(!may_contain_key(text.as_bytes()), "{text}");
            }
        }
    }

    const USUAL: &str = r#"{"request":{"kind":{"kind":"Pod"},"object":{"metadata":{"annotations":{"a":"b"}},"#;

    #[test]
    fn accepts_well_formed_annotations_whatever_follows() {
        for end in ["", "}}}", "garbage", &" ".repeat(2_000)] {
            assert!(is_irrelevant((USUAL.to_owned() + end).as_bytes()), "{end}");
        }
        for (part, other, expected) in [
            (r#"{"a":"b"}"#, "{}", true),
            (r#""annotations":{"a":"b"}"#, "", true),
            (r#"{"a":"b"}"#, "null", false),
            (r#"{"a":"b"}"#, r#"["a"]"#, false),
            (r#""b""#, "7", false),
            (r#""b""#, r#""JobID""#, false),
            ("metadata", "data", false),
            ("object", "oldObject", false),
            ("request", "Request", false),
        ] {
            assert_eq!(is_irrelevant(USUAL.replace(part, other).as_bytes()), expected, "{part} {other}");
        }
        for start in ["", "{", "[]", "{}", r#"{"request":{}}"#, r#"{"request":{"object":{"metadata":{"annotations""#] {
            assert!(!is_irrelevant(start.as_bytes()), "{start}");
        }
    }

    #[test]
    fn looks_at_every_request_where_the_settings_may_check_plugins() {
        let payload = |annotations: &str, settings: &str| {
            let object = format!(r#"{{"metadata":{{"annotations":{annotations}}},"settings":{{}}}}"#);
            format!(r#"{{"request":{{"object":{object}}}{settings}}}"#)
        };
        let on = r#","settings":{"rules":{"plugin-annotations":"Warn"},"scope":"AllPods"}"#;
        let off = r#","settings":{"rules":{"pod-vpn":"Warn","plugin-annotations":"Ignore"}}"#;
        for annotations in
            [r#"{"fuse-vk-io/x":""}"#, r#"{"a":"\"settings\":{}"}"#, r#"{"plugin-annotations":"Ignore"}"#, "{}"]
        {
            assert!(!is_irrelevant(payload(annotations, on).as_bytes()), "{annotations}");
            for settings in ["", off, r#","settings":{}"#, r#","settings":null"#] {
                assert!(is_irrelevant(payload(annotations, settings).as_bytes()), "{annotations} {settings}");
            }
        }
        // Kubewarden writes neither of these.
        let before = r#"{"settings":{"rules":{"plugin-annotations":"Warn"}},"request":{"object":{"metadata":{"annotations":{"plugin-annotations":"Ignore"}}},"settings":{}}}"#;
        assert!(!is_irrelevant(before.as_bytes()));
        let spaces =
            r#"{"request":{"object":{"metadata":{}}}, "settings": {"rules": {"plugin-annotations": "Ignore"}}}"#;
        assert!(!is_irrelevant(spaces.as_bytes()));
    }

    fn annotations() -> impl Strategy<Value = Value> {
        let keys: Vec<String> = CATALOGUE.iter().map(|info| info.key.to_owned()).collect();
        let others = [
            "InterLink.eu/pod-vpn",
            "interlink.eu/x",
            "jobid",
            "vk.io/JobId",
            "example.org/a",
            "fuse-vk-io/x",
            "job.knoc.io/x",
        ];
        let others = others.map(str::to_owned).to_vec();
        let key = prop_oneof![prop::sample::select(keys), prop::sample::select(others)];
        let none = Just(Value::Null);
        let some = prop::collection::btree_map(key, any::<String>(), 0..4).prop_map(|map| json!(map));
        prop_oneof![none, some]
    }

    /// An object with annotations at each location of its kind.
    fn object(kind: &Kind, annotations: &[Value]) -> Value {
        let mut object = json!({});
        for (location, annotations) in kind.locations.iter().zip(annotations) {
            let holder = location.path.iter().fold(&mut object, |object, field| &mut object[*field]);
            holder["metadata"] = json!({"name": "it", "annotations": annotations});
        }
        object
    }

    fn payload() -> impl Strategy<Value = String> {
        let kind = 0..KINDS.len();
        let all = prop::collection::vec(annotations(), 6);
        let operation = prop::sample::select(vec!["CREATE", "UPDATE", "DELETE"]);
        let settings = prop::sample::select(vec![
            json!({}),
            json!({"rules": {"plugin-annotations": "Warn"}}),
            json!({"rules": {"plugin-annotations": "Deny"}, "scope": "AllPods"}),
        ]);
        let parts = (kind, all, operation, settings, any::<Option<u8>>());
        parts.prop_map(|(kind, all, operation, settings, escaped)| {
            let kind = &KINDS[kind];
            let request = json!({
                "operation": operation,
                "kind": {"group": kind.group, "version": "v1", "kind": kind.name},
                "userInfo": {"username": "alice"},
                "object": object(kind, &all),
                "oldObject": object(kind, &all[3..]),
            });
            let fields: Map<String, Value> =
                [("request".to_owned(), request), ("settings".to_owned(), settings)].into_iter().collect();
            let text = Value::Object(fields).to_string().replace("null", "{}");
            escaped.map_or(text.clone(), |letter| escape(&text, letter))
        })
    }

    /// Replaces a letter by an escape wherever it occurs.
    fn escape(text: &str, letter: u8) -> String {
        let letter = char::from(b'a' + letter % 26);
        let escaped = format!("\\u{:04x}", u32::from(letter));
        // Not the letters that are part of an escape.
        text.split('\\')
            .enumerate()
            .map(|(index, part)| match index {
                0 => part.replace(letter, &escaped),
                _ => format!("\\{part}"),
            })
            .collect()
    }

    proptest! {
        #[test]
        fn agrees_with_a_search_for_strings(
            text in r"([a-zJ.\\]|k[.]|JobID|[Ii\x{130}]nterl[Ii\x{130}]n[Kk\x{212a}][.]|\\\\u|x{20}){0,40}",
        ) {
            prop_assert_eq!(may_contain_key(text.as_bytes()), contains_key(&text));
        }

        /// A request that Kubernetes could send gets the same answer whether it is parsed or not.
        #[test]
        fn accepts_only_what_the_rules_accept(payload in payload()) {
            let payload = payload.as_bytes();
            let evaluated = evaluate(payload, &no_cluster).unwrap_or_else(|error| Some(response::bad_request(&error)));
            let json = |answer| serde_json::to_value(answer).unwrap();
            prop_assert_eq!(json(answer(payload, &no_cluster)), json(evaluated));
        }

        /// Of malformed payloads, too, it accepts none in which a rule would find something.
        #[test]
        fn accepts_nothing_malformed_that_a_rule_would_report(
            payload in payload(),
            start: prop::sample::Index,
            cut in 0..40_usize,
        ) {
            let mut payload = payload.into_bytes();
            let start = start.index(payload.len());
            payload.drain(start..payload.len().min(start + cut));
            if is_irrelevant(&payload) {
                prop_assert!(!matches!(evaluate(&payload, &no_cluster), Ok(Some(_))));
            }
        }
    }
}
