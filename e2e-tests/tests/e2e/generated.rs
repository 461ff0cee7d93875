//! Tests whose input is made, not written: Go's own answers, random payloads, extreme sizes.

use std::collections::BTreeMap;

use interlink_annotations_policy::annotations::CATALOGUE;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};
use serde_json::{Value, json};

use interlink_e2e_tests::answer::check_texts;
use interlink_e2e_tests::both::Both;
use interlink_e2e_tests::request::request;

type Test = fn(&Both) -> Result<(), String>;

pub const TESTS: [(&str, Test); 9] = [
    ("the protocol version is v1", protocol_version),
    ("timeouts are read as Go reads durations", durations),
    ("addresses are read as Go reads them", addresses),
    ("any payload has an answer, the same in both", any_payload),
    ("any annotations have an answer, the same in both", any_annotations),
    ("how a request is written does not matter", any_writing),
    ("an update to itself brings nothing", any_update),
    ("size and depth have no limit", extremes),
    ("what is not UTF-8 hides nothing", not_utf8),
];

fn protocol_version(both: &Both) -> Result<(), String> {
    match both.protocol_version()?.as_slice() {
        br#""v1""# => Ok(()),
        other => Err(String::from_utf8_lossy(other).into_owned()),
    }
}

fn payload(annotations: &Value, settings: &Value) -> Vec<u8> {
    let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": annotations}});
    let request = request(&json!({"username": "alice"}), "CREATE", &json!("default"), &Value::Null, &object);
    json!({"request": request, "settings": settings}).to_string().into_bytes()
}

/// Whether a pod with one annotation is accepted.
fn accepts(both: &Both, key: &str, value: &str, settings: &Value) -> Result<bool, String> {
    let answer = both.validate(&payload(&json!({key: value}), settings))?;
    answer["accepted"].as_bool().ok_or_else(|| answer.to_string())
}

fn oracle<T: serde::de::DeserializeOwned>(text: &'static str) -> impl Iterator<Item = (String, Option<T>)> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line is a pair"))
}

pub fn go_durations() -> impl Iterator<Item = (String, Option<i64>)> {
    oracle(include_str!("../../../tests/oracle/go-durations.jsonl"))
}

fn durations(both: &Both) -> Result<(), String> {
    let settings = json!({"wstunnelTimeout": {"min": "1ns", "max": "9223372036854775807ns"}});
    for (text, nanoseconds) in go_durations() {
        let expected = nanoseconds.is_some_and(|nanoseconds| nanoseconds > 0);
        let key = "interlink.virtual-kubelet.io/wstunnel-timeout";
        if accepts(both, key, &text, &settings)? != expected {
            return Err(format!("{text:?} should be accepted: {expected}"));
        }
    }
    Ok(())
}

/// Every address that Go reads passes, save IPv4 that is written as IPv6.
fn addresses(both: &Both) -> Result<(), String> {
    let settings = json!({"podIP": {"cidrs": ["0.0.0.0/0", "::/0"], "allowReserved": true}});
    for (text, address) in oracle::<String>(include_str!("../../../tests/oracle/go-ips.jsonl")) {
        let mixed = text.contains(':') && (text.contains('.') || address.as_ref().is_some_and(|a| a.contains('.')));
        let expected = address.is_some() && !mixed;
        if accepts(both, "interlink.eu/pod-ip", &text, &settings)? != expected {
            return Err(format!("{text:?} should be accepted: {expected}"));
        }
    }
    Ok(())
}

fn run<S: Strategy>(strategy: S, test: impl Fn(S::Value) -> Result<(), String>) -> Result<(), String> {
    let config = Config { cases: 2_000, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&strategy, |value| test(value).map_err(TestCaseError::fail));
    outcome.map_err(|error: TestError<_>| error.to_string())
}

/// A good payload in which some bytes are others, or gone.
fn any_payload(both: &Both) -> Result<(), String> {
    let annotations = json!({"JobID": "1", "interlink.eu/pod-ip": "10.244.1.5", "other": "\u{e9}\n\"\\"});
    let good = payload(&annotations, &json!({"podIP": {"cidrs": ["10.244.0.0/16"]}, "rules": {"job-id": "Warn"}}));
    let length = good.len();
    let byte = prop_oneof![any::<u8>(), prop::sample::select(br#"{}[]",:\u0 "#.to_vec())];
    let changes = prop::collection::vec((0..length, prop::option::of(byte)), 1..4);
    run(changes, |changes| {
        let mut payload = good.clone();
        for (at, change) in changes {
            match change {
                _ if at >= payload.len() => {}
                Some(byte) => payload[at] = byte,
                None => drop(payload.remove(at)),
            }
        }
        both.validate(&payload)?;
        both.validate_settings(&payload).map(drop)
    })
}

/// Annotations of interLink's, known or nearly so, with values of all sorts.
fn annotations() -> impl Strategy<Value = BTreeMap<String, String>> {
    let known: Vec<&str> = CATALOGUE.iter().map(|known| known.key).collect();
    let keys = prop_oneof![
        8 => prop::sample::select(known).prop_map(str::to_owned),
        1 => "interlink\\.eu/[a-z-]{0,12}",
        1 => any::<String>(),
    ];
    let values = prop_oneof![
        any::<String>(),
        "[-+]?([0-9.]{0,4}(h|m|s|ms|us|µs|ns|d| |min)?){0,3}",
        "[0-9a-f:.]{0,20}",
        "([0-9]{1,5}(:[a-z]{0,4}(:(tcp|UDP|x))?)?,? ?){0,4}",
        prop::sample::select(vec!["true", "false", "disabled", "app", "10.0.0.5"]).prop_map(str::to_owned),
    ];
    prop::collection::btree_map(keys, values, 0..8)
}

fn settings() -> Value {
    json!({"podIP": {"cidrs": ["10.0.0.0/8", "fd00::/8"], "octetRange": {}}})
}

fn any_annotations(both: &Both) -> Result<(), String> {
    run(annotations(), |annotations| {
        let answer = both.validate(&payload(&json!(annotations), &settings()))?;
        check_texts(&answer)
    })
}

/// The rules that an answer names.
fn ids(answer: &Value) -> Value {
    answer["audit_annotations"].clone()
}

/// Nothing depends on how the request is written: the order of keys, white space or escapes.
fn any_writing(both: &Both) -> Result<(), String> {
    run((annotations(), any::<u64>()), |(annotations, seed)| {
        let plain = payload(&json!(annotations), &settings());
        let tree: Value = serde_json::from_slice(&plain).map_err(|error| error.to_string())?;
        let other = written_otherwise(&tree, &mut (seed | 1));
        let (plain, other) = (both.validate(&plain)?, both.validate(other.as_bytes())?);
        if plain["accepted"] == other["accepted"] && ids(&plain) == ids(&other) {
            Ok(())
        } else {
            Err(format!("{plain} became {other}"))
        }
    })
}

/// The same JSON with spaces, escapes and another order of keys, as the seed will have it.
fn written_otherwise(tree: &Value, seed: &mut u64) -> String {
    let mut next = |below: u64| {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) % below
    };
    let space = [" ", "", "\n\t", "  "][next(4) as usize];
    match tree {
        Value::String(text) => {
            let escape = |character: char| {
                if next(4) > 0 && !character.is_control() && !"\"\\".contains(character) {
                    return character.to_string();
                }
                character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")).collect()
            };
            format!("\"{}\"", text.chars().map(escape).collect::<String>())
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| written_otherwise(item, seed)).collect();
            format!("[{space}{}]", items.join(&format!("{space},{space}")))
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields
                .iter()
                .map(|(key, value)| {
                    format!("{}{space}:{space}{}", written_otherwise(&json!(key), seed), written_otherwise(value, seed))
                })
                .collect();
            let turn = fields.len() / 2;
            fields.rotate_left(turn);
            format!("{{{space}{}{space}}}", fields.join(&format!(",{space}")))
        }
        other => other.to_string(),
    }
}

/// An update that changes nothing is accepted, whatever there is; and what is accepted stays so beside something else.
fn any_update(both: &Both) -> Result<(), String> {
    run(annotations(), |mut annotations| {
        let created = payload(&json!(annotations), &settings());
        let mut request: Value = serde_json::from_slice(&created).map_err(|error| error.to_string())?;
        request["request"]["oldObject"] = request["request"]["object"].clone();
        request["request"]["operation"] = json!("UPDATE");
        let answer = both.validate(request.to_string().as_bytes())?;
        if answer["accepted"] != true || answer["warnings"] != Value::Null {
            return Err(format!("an update to itself: {answer}"));
        }
        let before = both.validate(&created)?;
        annotations.insert("example.com/unrelated".to_owned(), "x".to_owned());
        let after = both.validate(&payload(&json!(annotations), &settings()))?;
        if before == after { Ok(()) } else { Err(format!("{before} became {after}")) }
    })
}

fn extremes(both: &Both) -> Result<(), String> {
    let deep = "[".repeat(200_000) + &"]".repeat(200_000);
    let long = "x".repeat(3_000_000);
    let many = (0..20_000).map(|n| format!("\"key-{n}\":\"{n}\"")).collect::<Vec<_>>().join(",");
    let unknown = (0..10_000).map(|n| format!("\"interlink.eu/key-{n}\":\"\"")).collect::<Vec<_>>().join(",");
    let forged = "\"JobID\":\"1\"";
    for (name, annotations, spec, accepted) in [
        ("deep", String::new(), deep.clone(), true),
        ("deep, and a JobID", forged.to_owned(), deep.clone(), false),
        ("deep in an annotation", format!("\"JobID\":{deep}"), "{}".to_owned(), false),
        ("long value", format!("\"interlink.eu/pod-ip\":\"{long}\""), "{}".to_owned(), false),
        ("long key", format!("\"{long}\":\"\""), "{}".to_owned(), true),
        ("long key, and a JobID", format!("\"{long}\":\"\",{forged}"), "{}".to_owned(), false),
        ("many", many.clone(), "{}".to_owned(), true),
        ("many, and a JobID", format!("{many},{forged}"), "{}".to_owned(), false),
        ("many that are unknown", unknown.clone(), "{}".to_owned(), true),
        ("many that are unknown, and a JobID", format!("{unknown},{forged}"), "{}".to_owned(), false),
    ] {
        let payload = format!(
            r#"{{"request":{{"operation":"CREATE","kind":{{"group":"","kind":"Pod"}},"userInfo":{{"username":"a"}},
            "object":{{"metadata":{{"annotations":{{{annotations}}}}},"spec":{spec}}}}}}}"#
        );
        let answer = both.validate(payload.as_bytes())?;
        if answer["accepted"] != accepted {
            return Err(format!("{name}: {answer}"));
        }
    }
    Ok(())
}

/// What is not UTF-8 is no text, whether it is in a key, in a value, or in what is skipped.
fn not_utf8(both: &Both) -> Result<(), String> {
    for (place, accepted) in [("JobID\":\"?", false), ("?\":\"\",\"JobID\":\"1", false), ("a\":\"?", true)] {
        let payload = payload(&json!({"HERE": ""}), &json!({}));
        let text = String::from_utf8(payload).unwrap().replace("HERE\":\"", place);
        for bytes in [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf0\x9f"] {
            let payload: Vec<u8> =
                text.bytes().flat_map(|byte| if byte == b'?' { bytes.to_vec() } else { vec![byte] }).collect();
            let answer = both.validate(&payload)?;
            if answer["accepted"] != accepted {
                return Err(format!("{place} {bytes:?}: {answer}"));
            }
        }
    }
    Ok(())
}
