//! A look at every byte, for what nearly every request of a cluster lacks: anything of interLink's.
//!
//! Reading JSON takes 4 wasm instructions a byte, looking for a few rare pairs of bytes 2. Where there is none, no
//! annotation of interLink's can stand, and nothing is left to judge.

use crate::annotations::{DOMAIN_PREFIX, JOB_ID};
use crate::json::{Reader, Unreadable};

/// How many bytes are looked at together.
const BLOCK: usize = 64;

/// What follows the metadata is read all the same if it is no longer: that costs little, and who writes a request by
/// hand is told what is wrong with it.
const SHORT: usize = 1024;

/// Whether a request is sure to have nothing of interLink's, so that it need not be read. Only its object's own
/// annotations are, to refuse them if they are no map of strings.
pub fn settles(payload: &[u8]) -> bool {
    !may_mention(payload) && begins_well(payload)
}

/// Whether an annotation of interLink's may stand in a JSON text: a key of its, in whatever case; or an escape that
/// could stand for a letter of one.
fn may_mention(text: &[u8]) -> bool {
    let mut rest = text;
    let mut start = 0;
    // Each block has one byte of the next, for the pair that ends there.
    while let Some(block) = rest.first_chunk::<{ BLOCK + 1 }>() {
        if is_mention_among(candidates(block), start, text) {
            return true;
        }
        rest = &rest[BLOCK..];
        start += BLOCK;
    }
    let mut last = [0; BLOCK + 1];
    last[..rest.len()].copy_from_slice(rest);
    is_mention_among(candidates(&last), start, text)
}

#[inline(always)]
fn is_mention_among(mut candidates: u64, start: usize, text: &[u8]) -> bool {
    while candidates != 0 {
        if is_mention(text, start + candidates.trailing_zeros() as usize) {
            return true;
        }
        candidates &= candidates - 1;
    }
    false
}

/// Whether the candidate at this place is one indeed.
fn is_mention(text: &[u8], at: usize) -> bool {
    let (before, from) = text.split_at(at);
    match from {
        [b'\\', ..] => true,
        [b'J', ..] => from.starts_with(JOB_ID.as_bytes()),
        [k, dot, ..] => {
            let (start, end) = DOMAIN_PREFIX.as_bytes().split_at(DOMAIN_PREFIX.len() - 2);
            [*k, *dot].eq_ignore_ascii_case(end)
                && before
                    .last_chunk::<{ DOMAIN_PREFIX.len() - 2 }>()
                    .is_some_and(|text| text.eq_ignore_ascii_case(start))
        }
        _ => false,
    }
}

/// The places in a block where `JobID` may begin, where `interlink.` may end, its last two bytes from there on; or where
/// an escape begins that may stand for any character.
#[cfg(target_feature = "simd128")]
#[inline(always)]
fn candidates(block: &[u8; BLOCK + 1]) -> u64 {
    use core::arch::wasm32::{i8x16_bitmask, u8x16_splat, v128_and, v128_any_true, v128_or};

    use crate::simd::{load, which};

    let found = |at: usize| {
        let (bytes, next) = (load(block, at), load(block, at + 1));
        let lower = v128_or(bytes, u8x16_splat(b' '));
        let domain = v128_and(which(lower, b'k'), which(next, b'.'));
        let escape = v128_and(which(bytes, b'\\'), which(next, b'u'));
        v128_or(v128_or(domain, escape), which(bytes, b'J'))
    };
    let found @ [a, b, c, d] = [found(0), found(16), found(32), found(48)];
    if !v128_any_true(v128_or(v128_or(a, b), v128_or(c, d))) {
        return 0;
    }
    found.iter().rev().fold(0, |mask, found| mask << 16 | u64::from(i8x16_bitmask(*found)))
}

#[cfg(not(target_feature = "simd128"))]
fn candidates(block: &[u8; BLOCK + 1]) -> u64 {
    let pairs = block.windows(2).rev();
    pairs.fold(0, |mask, pair| mask << 1 | u64::from(matches!(pair, [b'k' | b'K', b'.'] | [b'\\', b'u'] | [b'J', _])))
}

/// Whether a payload is that of a request for an object whose annotations are a map of strings, or that has none.
/// Whatever else is wrong with it, and what is short, is for the reader to tell.
fn begins_well(payload: &[u8]) -> bool {
    let mut reader = Reader::new(payload);
    let leads_to_metadata = ["request", "object", "metadata"].iter().all(|name| reader.up_to(name) == Some(true));
    leads_to_metadata
        && match reader.up_to("annotations") {
            Some(true) => reader.entries(&mut is_string).is_ok(),
            Some(false) => true,
            None => false,
        }
        && reader.left() > SHORT
}

fn is_string(_: &[u8], value: &mut Reader<'_>) -> Result<(), Unreadable> {
    let value = value.value()?;
    if value.is_string() { Ok(()) } else { Err(value.is_no("a string")) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::annotations::CATALOGUE;
    use crate::kind::{KINDS, Kind};
    use crate::{answer, judge, verdict};

    /// The same, byte by byte.
    fn simply_mentions(text: &str) -> bool {
        text.contains(JOB_ID) || text.contains("\\u") || text.to_ascii_lowercase().contains(DOMAIN_PREFIX)
    }

    #[test]
    fn a_key_is_seen_wherever_it_stands() {
        for key in CATALOGUE.iter().map(|known| known.key).chain(["InterLink.EU/", r"\u004aobID", "INTERLINK.x"]) {
            for before in 0..200 {
                let text = "k".repeat(before) + key;
                assert!(may_mention(text.as_bytes()), "{text}");
                assert!(may_mention((text.clone() + "x").as_bytes()), "{text}x");
                assert!(may_mention((text + &"J".repeat(100)).as_bytes()));
            }
        }
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        for text in ["", "interlink/", "interlink", "nterlink.eu/", "JobId", "obID", r"\n\\", "k.k.k.", "vk.io", "J"] {
            for before in 0..200 {
                let text = ".".repeat(before) + text;
                assert!(!may_mention(text.as_bytes()), "{text}");
            }
        }
    }

    const USUAL: &str = r#"{"request":{"kind":{"kind":"Pod"},"object":{"metadata":{"annotations":{"a":"b"}},"#;

    #[test]
    fn what_is_long_and_begins_well_need_not_be_read() {
        let settled = |start: &str, more: usize| settles((start.to_owned() + &" ".repeat(more)).as_bytes());
        assert!(settled(USUAL, 2_000));
        assert!(!settled(USUAL, 100), "it is short");
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
            assert_eq!(settled(&USUAL.replace(part, other), 2_000), expected, "{part} {other}");
        }
        for short in ["", "{", "[]", "{}", r#"{"request":{}}"#, r#"{"request":{"object":{"metadata":{"annotations""#] {
            assert!(!settled(short, 2_000), "{short}");
        }
    }

    fn annotations() -> impl Strategy<Value = Value> {
        let keys: Vec<String> = CATALOGUE.iter().map(|known| known.key.to_owned()).collect();
        let others = ["InterLink.eu/pod-vpn", "interlink.eu/x", "jobid", "vk.io/JobId", "example.org/a"];
        let others = others.map(str::to_owned).to_vec();
        let key = prop_oneof![prop::sample::select(keys), prop::sample::select(others)];
        let none = Just(Value::Null);
        let some = prop::collection::btree_map(key, any::<String>(), 0..4).prop_map(|map| json!(map));
        prop_oneof![none, some]
    }

    /// An object with annotations in each of its kind's places.
    fn object(kind: &Kind, annotations: &[Value]) -> Value {
        let mut object = json!({"padding": "x".repeat(2 * SHORT)});
        for (place, annotations) in kind.places.iter().zip(annotations) {
            let carrier = place.path.iter().fold(&mut object, |object, step| &mut object[*step]);
            carrier["metadata"] = json!({"name": "it", "annotations": annotations});
        }
        object
    }

    fn payload() -> impl Strategy<Value = String> {
        let kind = 0..KINDS.len();
        let all = prop::collection::vec(annotations(), 6);
        let operation = prop::sample::select(vec!["CREATE", "UPDATE", "DELETE"]);
        (kind, all, operation, any::<Option<u8>>()).prop_map(|(kind, all, operation, escaped)| {
            let kind = &KINDS[kind];
            let request = json!({
                "operation": operation,
                "kind": {"group": kind.group, "version": "v1", "kind": kind.name},
                "userInfo": {"username": "alice"},
                "object": object(kind, &all),
                "oldObject": object(kind, &all[3..]),
            });
            let fields: Map<String, Value> = [("request".to_owned(), request)].into_iter().collect();
            let text = Value::Object(fields).to_string().replace("null", "{}");
            escaped.map_or(text.clone(), |letter| escape(&text, letter))
        })
    }

    /// Writes a letter as an escape, wherever it stands.
    fn escape(text: &str, letter: u8) -> String {
        let letter = char::from(b'a' + letter % 26);
        let escaped = format!("\\u{:04x}", u32::from(letter));
        // Not the letters that are part of an escape already.
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
        fn agrees_with_the_simple_way(text in r"([a-zJ.\\]|k[.]|JobID|[Ii]nterlin[Kk][.]|\\\\u|x{20}){0,40}") {
            prop_assert_eq!(may_mention(text.as_bytes()), simply_mentions(&text));
        }

        /// A request that Kubernetes could send has the same answer whether it is read or not.
        #[test]
        fn what_is_not_read_would_be_accepted(payload in payload()) {
            let payload = payload.as_bytes();
            let read = judge(payload).unwrap_or_else(|problem| Some(verdict::unreadable(&problem)));
            let json = |answer| serde_json::to_value(answer).unwrap();
            prop_assert_eq!(json(answer(payload)), json(read));
        }

        /// Of all other payloads, none in which a rule would find something is left unread.
        #[test]
        fn nothing_that_a_rule_would_find_is_left_unread(payload in payload(), at: prop::sample::Index, cut in 0..40usize) {
            let mut payload = payload.into_bytes();
            let at = at.index(payload.len());
            payload.drain(at..payload.len().min(at + cut));
            if settles(&payload) {
                prop_assert!(!matches!(judge(&payload), Ok(Some(_))));
            }
        }
    }
}
