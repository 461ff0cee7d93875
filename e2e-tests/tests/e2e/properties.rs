//! Properties that hold for random payloads and annotations.

use std::collections::BTreeMap;

use interlink_annotations_policy::annotations::CATALOGUE;
use interlink_e2e_tests::admission_request::AdmissionRequest;
use interlink_e2e_tests::dual_policy::DualPolicy;
use interlink_e2e_tests::response::check_texts;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};
use serde_json::{Value, json};

pub(crate) const TESTS: &[crate::Test] = &[
    ("responds to any payload, the module as the native code", responds_to_any_payload),
    ("responds to any annotations with texts that are safe to print", responds_to_any_annotations),
    ("responds to a request whatever the formatting of its JSON", ignores_json_formatting),
    ("accepts any update that changes nothing", accepts_update_without_change),
    ("accepts any update that changes nothing in a custom resource", accepts_custom_resource_without_change),
    ("responds to annotations whatever unrelated ones there are", ignores_unrelated_annotations),
];

type Annotations = BTreeMap<String, String>;

fn run<S: Strategy>(strategy: &S, test: impl Fn(S::Value) -> Result<(), String>) -> Result<(), String> {
    let config = Config { cases: 2_000, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(strategy, |value| test(value).map_err(TestCaseError::fail));
    outcome.map_err(|error: TestError<_>| error.to_string())
}

fn pod(annotations: &impl serde::Serialize) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "default", "annotations": annotations}})
}

fn settings() -> Value {
    json!({"podIP": {"cidrs": ["10.0.0.0/8", "fd00::/8"], "octetRange": {}}})
}

/// The payload of a pod's creation.
fn create(annotations: &Annotations) -> Vec<u8> {
    AdmissionRequest::create(pod(annotations)).payload(&settings())
}

/// Annotations with known keys or similar ones, and values of many forms.
fn annotations() -> impl Strategy<Value = Annotations> {
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

/// Replaces or removes some bytes of a valid payload.
fn responds_to_any_payload(policy: &DualPolicy) -> Result<(), String> {
    let annotations = json!({"JobID": "1", "interlink.eu/pod-ip": "10.250.1.5", "other": "\u{e9}\n\"\\"});
    let settings = json!({"podIP": {"cidrs": ["10.250.0.0/16"]}, "rules": {"job-id": "Warn"}});
    let valid = AdmissionRequest::create(pod(&annotations)).payload(&settings);
    let byte = prop_oneof![any::<u8>(), prop::sample::select(br#"{}[]",:\u0 "#.to_vec())];
    let changes = prop::collection::vec((0..valid.len(), prop::option::of(byte)), 1..4);
    run(&changes, |changes| {
        let mut payload = valid.clone();
        for (index, change) in changes {
            match change {
                // An earlier change removed a byte.
                _ if index >= payload.len() => {}
                Some(byte) => payload[index] = byte,
                None => drop(payload.remove(index)),
            }
        }
        policy.validate(&payload)?;
        policy.validate_settings(&payload).map(drop)
    })
}

fn responds_to_any_annotations(policy: &DualPolicy) -> Result<(), String> {
    run(&annotations(), |annotations| check_texts(&policy.validate(&create(&annotations))?))
}

/// The order of keys, white space and escapes do not matter.
fn ignores_json_formatting(policy: &DualPolicy) -> Result<(), String> {
    run(&(annotations(), any::<u64>()), |(annotations, seed)| {
        let plain = create(&annotations);
        let tree: Value = serde_json::from_slice(&plain).map_err(|error| error.to_string())?;
        let reformatted = reformat(&tree, &mut Random(seed | 1));
        let (plain, reformatted) = (policy.validate(&plain)?, policy.validate(reformatted.as_bytes())?);
        if ["accepted", "audit_annotations"].iter().all(|field| plain[field] == reformatted[field]) {
            Ok(())
        } else {
            Err(format!("{plain} became {reformatted}"))
        }
    })
}

fn accepts_update_without_change(policy: &DualPolicy) -> Result<(), String> {
    run(&annotations(), |annotations| {
        let pod = pod(&annotations);
        let response = policy.validate(&AdmissionRequest::update(pod.clone(), pod).payload(&settings()))?;
        if response["accepted"] == true && response["warnings"].is_null() {
            Ok(())
        } else {
            Err(format!("an update without change: {response}"))
        }
    })
}

/// Any JSON in which there may be pod templates, well-formed or not.
fn json() -> impl Strategy<Value = Value> {
    const NAMES: [&str; 14] = [
        "metadata",
        "annotations",
        "spec",
        "template",
        "status",
        "containers",
        "initContainers",
        "container",
        "templateDefaults",
        "name",
        "ports",
        "tolerations",
        "nodeName",
        "interlink.eu/wstunnel-extra-ports",
    ];
    let template = annotations().prop_map(
        |annotations| json!({"metadata": {"annotations": annotations}, "spec": {"containers": [{"name": "a"}]}}),
    );
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i32>().prop_map(|value| json!(value)),
        "[a-z{]{0,4}".prop_map(|value| json!(value)),
        annotations().prop_map(|annotations| json!({"annotations": annotations})),
        template,
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        let names = prop_oneof![8 => prop::sample::select(&NAMES[..]).prop_map(str::to_owned), 1 => any::<String>()];
        let map = prop::collection::btree_map(names, inner.clone(), 0..6).prop_map(|map| json!(map));
        prop_oneof![prop::collection::vec(inner, 0..4).prop_map(|list| json!(list)), map.clone(), map]
    })
}

fn accepts_custom_resource_without_change(policy: &DualPolicy) -> Result<(), String> {
    let scopes = prop::sample::select(vec!["AllPods", "VirtualNodePods"]);
    run(&(annotations(), json(), json(), scopes), |(annotations, spec, template, scope)| {
        let spec = match spec {
            Value::Object(mut fields) => {
                fields.insert("template".to_owned(), template);
                Value::Object(fields)
            }
            other => other,
        };
        let metadata = json!({"name": "x", "annotations": annotations});
        let object = json!({"apiVersion": "example.org/v1", "kind": "Fleet", "metadata": metadata, "spec": spec});
        let mut settings = settings();
        settings["scope"] = scope.into();
        let response = policy.validate(&AdmissionRequest::update(object.clone(), object).payload(&settings))?;
        if response["accepted"] == true { Ok(()) } else { Err(format!("an update without change: {response}")) }
    })
}

fn ignores_unrelated_annotations(policy: &DualPolicy) -> Result<(), String> {
    run(&annotations(), |mut annotations| {
        let before = policy.validate(&create(&annotations))?;
        annotations.insert("example.com/unrelated".to_owned(), "x".to_owned());
        let after = policy.validate(&create(&annotations))?;
        if before == after { Ok(()) } else { Err(format!("{before} became {after}")) }
    })
}

/// A linear congruential generator.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn space(&mut self) -> &'static str {
        match self.below(4) {
            0 => " ",
            1 => "\n\t",
            2 => "  ",
            _ => "",
        }
    }
}

/// Writes a JSON value with other white space, escapes and order of keys.
fn reformat(value: &Value, random: &mut Random) -> String {
    let space = random.space();
    match value {
        Value::String(text) => {
            let escape = |character: char| {
                if random.below(4) > 0 && !character.is_control() && !"\"\\".contains(character) {
                    return vec![character.to_string()];
                }
                character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")).collect()
            };
            format!("\"{}\"", text.chars().flat_map(escape).collect::<String>())
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| reformat(item, random)).collect();
            format!("[{space}{}]", items.join(&format!("{space},{space}")))
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields
                .iter()
                .map(|(key, value)| {
                    format!("{}{space}:{space}{}", reformat(&json!(key), random), reformat(value, random))
                })
                .collect();
            let middle = fields.len() / 2;
            fields.rotate_left(middle);
            format!("{{{space}{}{space}}}", fields.join(&format!(",{space}")))
        }
        other => other.to_string(),
    }
}
