//! What the targets share: how the fuzzer's bytes become a payload, and what an answer must be.

use std::borrow::Cow;

use interlink_annotations_policy::annotations::{CATALOGUE, DOMAINS};
use interlink_annotations_policy::kind::{Carries, KINDS, Kind};
use interlink_annotations_policy::rules::RULES;
use interlink_e2e_tests::request::request;
use libfuzzer_sys::arbitrary::{Result, Unstructured as Choices};
use serde_json::{Map, Value, json};

/// What `validate` gets: the bytes themselves if they begin like JSON; else a request of which they choose every part,
/// so that the fuzzer gets past the JSON.
pub fn payload(bytes: &[u8]) -> Cow<'_, [u8]> {
    match bytes {
        [b'{', ..] => Cow::Borrowed(bytes),
        _ => {
            let chosen = choose_payload(&mut Choices::new(bytes)).expect("bytes that run out are zeros");
            Cow::Owned(chosen.to_string().into_bytes())
        }
    }
}

const USERS: [&str; 4] =
    ["alice", "", "system:serviceaccount:interlink:vk", "system:serviceaccount:kube-system:replicaset-controller"];

const SETTINGS: [&str; 4] = [
    "{}",
    r#"{"podIP": {"cidrs": ["10.0.0.0/8", "fd00::/8"], "octetRange": {}}}"#,
    r#"{"scope": "VirtualNodePods", "virtualNodes": {"names": ["vk"]}, "trustedFieldManagers": []}"#,
    r#"{"trustedWriters": [{"group": "operators", "namespace": "*-wstunnel"}], "wstunnelTimeout": {"max": "5m"}}"#,
];

/// What values are made of.
const PIECES: [&str; 26] = [
    "true", "disabled", "app", "vk", "10.", "0.0", ".7", "fd00:", ":", "1", "9", "0", ".", "-", "h", "m", "s", "µs",
    "tcp", ",", " ", "---", "\n", "\"", "\\", "\u{202e}",
];

fn choose_payload(choices: &mut Choices<'_>) -> Result<Value> {
    let kind = choices.choose(&KINDS)?;
    let user = json!({"username": choices.choose(&USERS)?, "groups": choices.choose(&[&[][..], &["operators"]])?});
    let operation = choices.choose(&["CREATE", "UPDATE"])?;
    let namespace = json!(choices.choose(&["default", "default-wstunnel"])?);
    let mut settings: Value = serde_json::from_str(choices.choose(&SETTINGS)?).expect("the settings are JSON");
    for rule in &RULES {
        settings["rules"][rule.id] = json!(choices.choose(&["Deny", "Warn", "Ignore"])?);
    }
    let old = if choices.arbitrary()? { choose_object(choices, kind)? } else { Value::Null };
    let object = choose_object(choices, kind)?;
    Ok(json!({"request": request(&user, operation, &namespace, &old, &object), "settings": settings}))
}

fn choose_object(choices: &mut Choices<'_>, kind: &Kind) -> Result<Value> {
    let mut object = json!({"apiVersion": format!("{}/v1", kind.group).trim_start_matches('/'), "kind": kind.name});
    for place in kind.places {
        let within = place.path.iter().fold(&mut object, |object, step| &mut object[step]);
        within["metadata"] = json!({
            "annotations": choose_annotations(choices)?,
            "ownerReferences": choices.choose(&[json!([]), json!([{}])])?,
        });
        if place.carries != Carries::Nothing {
            within["spec"] = json!({
                "containers": [{"name": "app", "ports": choices.choose(&[json!([]), json!([{"containerPort": 80}])])?}],
                "nodeName": choices.choose(&["", "vk"])?,
            });
        }
    }
    let owned: Map<_, _> = choose_annotations(choices)?.keys().map(|key| (format!("f:{key}"), json!({}))).collect();
    let fields = json!({"f:metadata": {"f:annotations": owned}});
    let fields = kind.main_place().path.iter().rev().fold(fields, |fields, step| json!({format!("f:{step}"): fields}));
    let manager = choices.choose(&["vk", "kubectl", "kube-controller-manager", ""])?;
    object["metadata"]["managedFields"] = json!([{"manager": manager, "fieldsV1": fields}]);
    object["metadata"]["resourceVersion"] = json!(choices.choose(&["", "0", "1"])?);
    // What is long is not read if nothing in it is interLink's.
    object["status"] = choices.choose(&[Value::Null, json!("x".repeat(2_000))])?.clone();
    Ok(object)
}

/// Annotations that interLink knows, or might; values that it might read, or any text.
fn choose_annotations(choices: &mut Choices<'_>) -> Result<Map<String, Value>> {
    let mut annotations = Map::new();
    for _ in 0..choices.int_in_range(0..=CATALOGUE.len())? {
        let key = match choices.ratio(1, 8)? {
            true => format!("{}{}", choices.choose(&DOMAINS)?, choices.arbitrary::<&str>()?),
            false => choices.choose(&CATALOGUE)?.key.to_owned(),
        };
        let value = match choices.ratio(1, 8)? {
            true => choices.arbitrary::<String>()?,
            false => {
                (0..choices.int_in_range(0..=8)?).map(|_| choices.choose(&PIECES).copied()).collect::<Result<_>>()?
            }
        };
        annotations.insert(key, value.into());
    }
    Ok(annotations)
}
