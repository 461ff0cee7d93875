//! Extreme sizes, deep nesting, bytes that are not UTF-8, and the protocol version.

use interlink_e2e_tests::admission_request::AdmissionRequest;
use interlink_e2e_tests::dual_policy::DualPolicy;
use interlink_e2e_tests::fake_cluster::FakeCluster;
use serde_json::{Map, Value, json};

pub(crate) const TESTS: &[crate::Test] = &[
    ("reports protocol version v1", reports_protocol_version),
    ("checks annotations in requests of any size and depth", checks_any_size_and_depth),
    ("limits the annotations that are checked", limits_annotations),
    ("searches custom resources of any size and depth", searches_any_size_and_depth),
    ("compares an address with a cluster of any size", compares_with_any_size),
    ("treats a malformed request the same whatever its length", ignores_the_length_of_malformed_requests),
    ("checks annotations next to bytes that are not UTF-8", checks_despite_invalid_utf8),
];

fn reports_protocol_version(policy: &DualPolicy) -> Result<(), String> {
    let version = policy.protocol_version()?;
    if version == br#""v1""# { Ok(()) } else { Err(String::from_utf8_lossy(&version).into_owned()) }
}

fn checks_any_size_and_depth(policy: &DualPolicy) -> Result<(), String> {
    let deep = "[".repeat(200_000) + &"]".repeat(200_000);
    let long = "x".repeat(3_000_000);
    let many = (0..20_000).map(|n| format!("\"key-{n}\":\"{n}\"")).collect::<Vec<_>>().join(",");
    let unknown = (0..10_000).map(|n| format!("\"interlink.eu/key-{n}\":\"\"")).collect::<Vec<_>>().join(",");
    let forged = "\"JobID\":\"1\"";
    for (name, annotations, spec, accepted) in [
        ("a deep spec", String::new(), deep.as_str(), true),
        ("a deep spec, and a JobID", forged.to_owned(), &deep, false),
        ("a deep annotation", format!("\"JobID\":{deep}"), "{}", false),
        ("a long value", format!("\"interlink.eu/pod-ip\":\"{long}\""), "{}", false),
        ("a long key", format!("\"{long}\":\"\""), "{}", true),
        ("a long key, and a JobID", format!("\"{long}\":\"\",{forged}"), "{}", false),
        ("many annotations", many.clone(), "{}", true),
        ("many annotations, and a JobID", format!("{many},{forged}"), "{}", false),
        ("many unknown annotations", unknown.clone(), "{}", true),
        ("many unknown annotations, and a JobID", format!("{unknown},{forged}"), "{}", false),
    ] {
        // Written as text: serde_json does not nest as deep.
        let payload = format!(
            r#"{{"request":{{"operation":"CREATE","kind":{{"group":"","kind":"Pod"}},"userInfo":{{"username":"a"}},
            "object":{{"metadata":{{"annotations":{{{annotations}}}}},"spec":{spec}}}}}}}"#
        );
        let response = policy.validate(payload.as_bytes())?;
        if response["accepted"] != accepted {
            return Err(format!("{name}: {response}"));
        }
    }
    Ok(())
}

/// An answer of the host about pods, and whether the policy finds the requested address in it; `None` if it cannot read
/// the answer.
fn answers() -> [(&'static str, String, Option<bool>); 5] {
    const ADDRESS: &str =
        r#"{"metadata":{"name":"last","namespace":"default"},"status":{"podIPs":[{"ip":"10.250.1.5"}]}}"#;
    let pod = |n: usize| {
        let annotations = format!("\"a\":\"{}\"", "x".repeat(700));
        let status = format!(r#"{{"phase":"Running","podIP":"10.1.0.1","podIPs":[{{"ip":"10.1.0.{}"}}]}}"#, n % 250);
        format!(r#"{{"metadata":{{"name":"pod-{n}","annotations":{{{annotations}}}}},"spec":{{}},"status":{status}}}"#)
    };
    let pods: Vec<_> = (0..70_000).map(pod).collect();
    let pods = pods.join(",");
    let list = |items: &str| format!(r#"{{"kind":"PodList","items":[{items}]}}"#);
    let deep = "[".repeat(200_000) + &"]".repeat(200_000);
    [
        ("60 MB", list(&pods), Some(false)),
        ("60 MB, and the address last", list(&format!("{pods},{ADDRESS}")), Some(true)),
        (
            "60 MB of one name",
            list(&format!(r#"{{"metadata":{{"name":"{}"}}}}"#, "ip\\\"".repeat(12_000_000))),
            Some(false),
        ),
        ("a deep pod, and the address", list(&format!(r#"{{"spec":{deep}}},{ADDRESS}"#)), Some(true)),
        ("an unfinished list with the address", list(ADDRESS).replace(']', ""), None),
    ]
}

fn compares_with_any_size(policy: &DualPolicy) -> Result<(), String> {
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "new", "annotations": {"interlink.eu/pod-ip": "10.250.1.5"}},
        "spec": {"tolerations": [{"operator": "Exists"}]},
    });
    let settings = json!({"podIP": {"cidrs": ["10.250.0.0/16"]}, "cluster": {"podIPConflicts": true}});
    let payload = AdmissionRequest::create(pod).namespace("default").payload(&settings);
    for (name, answer, is_found) in answers() {
        let (response, _) = policy.validate_in(&payload, &FakeCluster::answering(answer))?;
        let is_warned = response["warnings"].is_array();
        if response["accepted"] != (is_found != Some(true)) || is_warned != is_found.is_none() {
            return Err(format!("{name}: {response}"));
        }
    }
    Ok(())
}

fn searches_any_size_and_depth(policy: &DualPolicy) -> Result<(), String> {
    const TEMPLATE: &str = r#"{"metadata":{"annotations":{"KEY":"no"}},"spec":{"containers":[]}}"#;
    let [forged, wrong, ordinary] = ["JobID", "interlink.eu/pod-vpn", "a"].map(|key| TEMPLATE.replace("KEY", key));
    let list = |template: &str, count: usize| vec![template; count].join(",");
    let deep = |open: &str, close: &str, levels: usize| open.repeat(levels) + "{}" + &close.repeat(levels);
    let nested = |levels: usize| {
        let open = r#"{"metadata":{"annotations":{"JobID":"1"}},"spec":{"containers":[],"x":"#;
        deep(open, "}}", levels)
    };
    let long = "x".repeat(1_000_000);
    for (name, spec, expected) in [
        ("a deep list", deep("[", "]", 200_000), "levels deep"),
        ("a deep object", deep(r#"{"a":"#, "}", 200_000), "levels deep"),
        ("a deep list, and a JobID", format!("[{forged},{}]", deep("[", "]", 200_000)), "levels deep"),
        ("templates inside templates", nested(60), " more"),
        ("deep templates inside templates", nested(50_000), "levels deep"),
        ("deep metadata", format!(r#"[{forged},{{"metadata":{}}}]"#, deep("[", "]", 200_000)), "[0].metadata"),
        ("many templates", format!("[{}]", list(&ordinary, 100_000)), ""),
        ("many templates, and a JobID", format!("[{},{forged}]", list(&ordinary, 100_000)), "[100000].metadata"),
        ("many wrong templates", format!("[{}]", list(&wrong, 30_000)), "spec[0].metadata"),
        ("many wrong templates, and a JobID", format!("[{},{forged}]", list(&wrong, 30_000)), "more"),
        ("a long name", format!(r#"{{"{long}":[{}]}}"#, list(&wrong, 10_000)), "spec.xxx"),
    ] {
        for old in ["null", &spec] {
            let operation = if old == "null" { "CREATE" } else { "UPDATE" };
            let payload = format!(
                r#"{{"request":{{"operation":"{operation}","kind":{{"group":"example.org","kind":"Fleet"}},
                "userInfo":{{"username":"a"}},"object":{{"metadata":{{"labels":{{"interlink.eu":""}}}},"spec":{spec}}},
                "oldObject":{{"metadata":{{}},"spec":{old}}}}}}}"#
            );
            let response = policy.validate(payload.as_bytes())?;
            // What was there before is accepted, but not what cannot be searched.
            let expected = if old == "null" || expected == "levels deep" { expected } else { "" };
            let message = response["message"].as_str().unwrap_or_default();
            let is_expected = message.contains(expected) && response["accepted"] == expected.is_empty();
            if !is_expected || response.to_string().len() > 20_000 {
                return Err(format!("{name}, {operation}: {message:.3000}"));
            }
        }
    }
    Ok(())
}

/// More annotations than are checked are refused where they are new, and never block an update that keeps or removes
/// them. Those that only interLink writes stay protected beside them.
fn limits_annotations(policy: &DualPolicy) -> Result<(), String> {
    let keys = |plugins: usize, others: &[&str]| {
        let keys = (0..plugins).map(|n| format!("fuse.vk.io/{n:03}"));
        let keys = keys.chain(others.iter().map(|key| (*key).to_owned()));
        keys.map(|key| (key, json!("x"))).collect::<Map<_, _>>()
    };
    let object = |version: &str, kind: &str, annotations: &Map<String, Value>| {
        let pod = json!({"metadata": {"annotations": annotations}, "spec": {"containers": []}});
        let mut object = if kind == "Pod" { pod } else { json!({"metadata": {}, "spec": {"template": pod}}) };
        (object["apiVersion"], object["kind"]) = (version.into(), kind.into());
        object
    };
    let without_first = |mut keys: Map<String, Value>| {
        keys.remove("fuse.vk.io/000");
        keys
    };
    let (job, commands) = (["JobID"], ["interlink.eu/x-client-commands"]);
    // The code for a pod, and for a template, from which anyone may remove interLink's annotations.
    for (name, old, new, on_pod, on_template) in [
        ("as many as are checked", None, keys(32, &[]), 422, 422),
        ("one more", None, keys(33, &[]), 400, 400),
        ("thousands", None, keys(20_000, &[]), 400, 400),
        ("the same", Some(keys(33, &[])), keys(33, &[]), 200, 200),
        ("all removed", Some(keys(33, &[])), keys(0, &[]), 200, 200),
        ("one removed", Some(keys(33, &[])), keys(32, &[]), 200, 200),
        ("the first removed", Some(keys(33, &[])), without_first(keys(33, &[])), 200, 200),
        ("the first removed, and a JobID kept", Some(keys(33, &job)), without_first(keys(33, &job)), 200, 200),
        ("the first removed, and commands added", Some(keys(33, &[])), without_first(keys(33, &commands)), 403, 403),
        ("one removed of more", Some(keys(34, &[])), keys(33, &[]), 200, 200),
        ("one added", Some(keys(33, &[])), keys(34, &[]), 422, 422),
        ("as many added as are checked", Some(keys(33, &[])), keys(65, &[]), 422, 422),
        ("one more added", Some(keys(33, &[])), keys(66, &[]), 400, 400),
        ("all added", Some(keys(0, &[])), keys(33, &[]), 400, 400),
        ("all removed, and a JobID", Some(keys(33, &job)), keys(0, &[]), 403, 200),
        ("a JobID removed", Some(keys(33, &job)), keys(33, &[]), 403, 200),
        ("one removed, and a JobID added", Some(keys(33, &[])), keys(32, &job), 403, 403),
        ("one removed, and commands", Some(keys(33, &commands)), keys(32, &[]), 403, 200),
        ("one removed, and commands added", Some(keys(33, &[])), keys(32, &commands), 403, 403),
    ] {
        for (version, kind) in [("v1", "Pod"), ("apps/v1", "Deployment"), ("example.org/v1", "Fleet")] {
            let new = object(version, kind, &new);
            let request = match &old {
                Some(old) => AdmissionRequest::update(object(version, kind, old), new),
                None => AdmissionRequest::create(new),
            };
            let payload = request.namespace("default").payload(&json!({"rules": {"plugin-annotations": "Deny"}}));
            let response = policy.validate(&payload)?;
            let expected = if kind == "Pod" { on_pod } else { on_template };
            if response["code"].as_u64().unwrap_or(200) != expected {
                return Err(format!("{name}, {kind}: {response:.1000}"));
            }
        }
    }
    Ok(())
}

/// A malformed request is rejected if it may contain an interLink annotation, and accepted otherwise.
fn ignores_the_length_of_malformed_requests(policy: &DualPolicy) -> Result<(), String> {
    for (annotations, accepted) in [("{}", true), (r#"{"interlink.eu/pod-vpn":"true"}"#, false)] {
        for length in [0, 500, 1_000, 1_023, 1_024, 1_025, 2_000, 100_000] {
            // There is no operation.
            let payload = format!(
                r#"{{"request":{{"kind":{{"group":"","kind":"Pod"}},"userInfo":{{"username":"a"}},
                "object":{{"metadata":{{"annotations":{annotations}}},"spec":"{}"}}}}}}"#,
                "x".repeat(length)
            );
            let response = policy.validate(payload.as_bytes())?;
            if response["accepted"] != accepted {
                return Err(format!("{annotations} {length}: {response}"));
            }
        }
    }
    Ok(())
}

/// Invalid UTF-8 is an error in a value that is read and in a key, and hides no annotation behind it.
fn checks_despite_invalid_utf8(policy: &DualPolicy) -> Result<(), String> {
    for (annotations, accepted) in [("JobID\":\"?", false), ("?\":\"\",\"JobID\":\"1", false), ("a\":\"?", true)] {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": {"HERE": ""}}});
        let payload = AdmissionRequest::create(pod).namespace("default").payload(&json!({}));
        let text = String::from_utf8(payload).unwrap().replace("HERE\":\"", annotations);
        for bytes in [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf0\x9f"] {
            let payload: Vec<u8> =
                text.bytes().flat_map(|byte| if byte == b'?' { bytes.to_vec() } else { vec![byte] }).collect();
            let response = policy.validate(&payload)?;
            if response["accepted"] != accepted {
                return Err(format!("{annotations} {bytes:?}: {response}"));
            }
        }
    }
    Ok(())
}
