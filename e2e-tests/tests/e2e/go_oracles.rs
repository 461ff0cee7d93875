//! Values with the results of Go's own parsers, which interLink uses.

use interlink_e2e_tests::admission_request::AdmissionRequest;
use interlink_e2e_tests::dual_policy::DualPolicy;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) const TESTS: &[crate::Test] = &[
    ("accepts the timeouts that Go parses, and no others", accepts_timeouts_as_go_does),
    ("accepts the addresses that Go parses, and no others", accepts_addresses_as_go_does),
];

/// Texts, and the nanoseconds that Go's `time.ParseDuration` returns for them.
pub(crate) fn durations() -> impl Iterator<Item = (String, Option<i64>)> {
    parse_lines(include_str!("../../../tests/oracle/go-durations.jsonl"))
}

fn parse_lines<T: DeserializeOwned>(text: &'static str) -> impl Iterator<Item = (String, Option<T>)> {
    text.lines().map(|line| serde_json::from_str(line).expect("each line is a pair"))
}

fn accepts_timeouts_as_go_does(policy: &DualPolicy) -> Result<(), String> {
    let settings = json!({"wstunnelTimeout": {"min": "1ns", "max": "9223372036854775807ns"}});
    for (text, nanoseconds) in durations() {
        let expected = nanoseconds.is_some_and(|nanoseconds| nanoseconds > 0);
        expect_accepted(policy, "interlink.virtual-kubelet.io/wstunnel-timeout", &text, &settings, expected)?;
    }
    Ok(())
}

/// The policy accepts what Go does, except IPv4 addresses in IPv6 notation.
fn accepts_addresses_as_go_does(policy: &DualPolicy) -> Result<(), String> {
    let settings = json!({"podIP": {"cidrs": ["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"], "allowReserved": true}});
    for (text, address) in parse_lines::<String>(include_str!("../../../tests/oracle/go-ips.jsonl")) {
        let mixed = text.contains(':') && (text.contains('.') || address.as_ref().is_some_and(|a| a.contains('.')));
        expect_accepted(policy, "interlink.eu/pod-ip", &text, &settings, address.is_some() && !mixed)?;
    }
    Ok(())
}

/// Checks whether a pod with one annotation is accepted.
fn expect_accepted(
    policy: &DualPolicy,
    key: &str,
    value: &str,
    settings: &Value,
    expected: bool,
) -> Result<(), String> {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": {key: value}}});
    let response = policy.validate(&AdmissionRequest::create(pod).namespace("default").payload(settings))?;
    if response["accepted"] == expected {
        Ok(())
    } else {
        Err(format!("accepted should be {expected} for {value:?}: {response:#}"))
    }
}
