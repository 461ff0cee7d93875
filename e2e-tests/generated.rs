//! Tests whose input is made, not written: Go's own answers, random payloads, extreme sizes.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};
use serde_json::{Value, json};

use crate::both::Both;

type Test = fn(&Both) -> Result<(), String>;

pub const TESTS: [(&str, Test); 6] = [
    ("the protocol version is v1", protocol_version),
    ("timeouts are read as Go reads durations", durations),
    ("addresses are read as Go reads them", addresses),
    ("any payload has an answer, the same in both", any_payload),
    ("any annotations have an answer, the same in both", any_annotations),
    ("size and depth have no limit", extremes),
];

fn protocol_version(both: &Both) -> Result<(), String> {
    match both.protocol_version()?.as_slice() {
        br#""v1""# => Ok(()),
        other => Err(String::from_utf8_lossy(other).into_owned()),
    }
}

fn payload(annotations: &Value, settings: &Value) -> Vec<u8> {
    let request = json!({
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "operation": "CREATE",
        "namespace": "default",
        "userInfo": {"username": "alice"},
        "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": annotations}},
    });
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

fn durations(both: &Both) -> Result<(), String> {
    let settings = json!({"wstunnelTimeout": {"min": "1ns", "max": "9223372036854775807ns"}});
    for (text, nanoseconds) in oracle::<i64>(include_str!("../tests/oracle/go-durations.jsonl")) {
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
    for (text, address) in oracle::<String>(include_str!("../tests/oracle/go-ips.jsonl")) {
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

fn any_annotations(both: &Both) -> Result<(), String> {
    let keys = prop::sample::select(vec![
        "JobID",
        "interlink.eu/pod-vpn",
        "interlink.eu/pod-ip",
        "interlink.virtual-kubelet.io/wstunnel-timeout",
        "interlink.eu/wstunnel-extra-ports",
        "interlink.eu/wstunnel-client-commands",
        "interlink.virtual-kubelet.io/ping-response",
    ]);
    let values = prop_oneof![
        any::<String>(),
        "[-+]?([0-9.]{0,4}(h|m|s|ms|us|µs|ns|d| |min)?){0,3}",
        "[0-9a-f:.]{0,20}",
        Just("true".to_owned()),
    ];
    run(prop::collection::btree_map(keys, values, 0..7), |annotations| {
        let settings = json!({"podIP": {"cidrs": ["10.0.0.0/8", "fd00::/8"], "octetRange": {}}});
        let answer = both.validate(&payload(&json!(annotations), &settings))?;
        let message = answer["message"].as_str().unwrap_or_default();
        if message.chars().count() >= 2_000 || message.chars().any(char::is_control) {
            return Err(format!("the message is too long or has control characters: {message:?}"));
        }
        Ok(())
    })
}

fn extremes(both: &Both) -> Result<(), String> {
    let deep = "[".repeat(200_000) + &"]".repeat(200_000);
    let long = "x".repeat(3_000_000);
    let many = (0..20_000).map(|n| format!("\"key-{n}\":\"{n}\"")).collect::<Vec<_>>().join(",");
    for (name, annotations, spec, accepted) in [
        ("deep", String::new(), deep, true),
        ("long value", format!("\"interlink.eu/pod-ip\":\"{long}\""), "{}".to_owned(), false),
        ("long key", format!("\"{long}\":\"\""), "{}".to_owned(), true),
        ("many", many, "{}".to_owned(), true),
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
