//! Builds payloads from the fuzzer's bytes.

use std::borrow::Cow;

use arbitrary::{Result, Unstructured};
use interlink_annotations_policy::annotations::{CATALOGUE, DOMAINS};
use interlink_annotations_policy::kinds::{KINDS, Kind, Role};
use interlink_annotations_policy::rules::RULES;
use serde_json::{Map, Value, json};

use crate::admission_request::AdmissionRequest;

/// Returns a payload for `validate`: the bytes themselves if they begin like JSON, else a valid request of which they
/// choose every part, so that the fuzzer reaches the code behind the parser.
pub(super) fn payload(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.starts_with(b"{") {
        Cow::Borrowed(bytes)
    } else {
        Cow::Owned(choose_payload(&mut Unstructured::new(bytes)).expect(ZEROS_FOLLOW))
    }
}

/// Why choosing from the fuzzer's bytes never fails.
pub(super) const ZEROS_FOLLOW: &str = "zeros follow when the bytes run out";

const USERS: [&str; 4] =
    ["alice", "", "system:serviceaccount:interlink:vk", "system:serviceaccount:kube-system:replicaset-controller"];

const SETTINGS: [&str; 4] = [
    "{}",
    r#"{"podIP": {"cidrs": ["10.0.0.0/8", "fd00::/8"], "octetRange": {}}}"#,
    r#"{"scope": "VirtualNodePods", "virtualNodes": {"names": ["vk"]}, "trustedFieldManagers": []}"#,
    r#"{"trustedWriters": [{"group": "operators", "namespace": "*-wstunnel"}], "wstunnelTimeout": {"max": "5m"}}"#,
];

/// The parts that values are joined from.
const PIECES: [&str; 26] = [
    "true", "disabled", "app", "vk", "10.", "0.0", ".7", "fd00:", ":", "1", "9", "0", ".", "-", "h", "m", "s", "µs",
    "tcp", ",", " ", "---", "\n", "\"", "\\", "\u{202e}",
];

fn choose_payload(bytes: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let kind = bytes.choose(&KINDS)?;
    let user = json!({"username": bytes.choose(&USERS)?, "groups": bytes.choose(&[&[][..], &["operators"]])?});
    let operation = bytes.choose(&["CREATE", "UPDATE"])?;
    let namespace = bytes.choose(&["default", "default-wstunnel"])?;
    let mut settings: Value = serde_json::from_str(bytes.choose(&SETTINGS)?).expect("the settings are JSON");
    for rule in &RULES {
        settings["rules"][rule.id.as_str()] = json!(bytes.choose(&["Deny", "Warn", "Ignore"])?);
    }
    let old = if bytes.arbitrary()? { choose_object(bytes, kind)? } else { Value::Null };
    let object = choose_object(bytes, kind)?;
    let request = AdmissionRequest::update(old, object).operation(operation).namespace(namespace).user_info(user);
    Ok(request.payload(&settings))
}

fn choose_object(bytes: &mut Unstructured<'_>, kind: &Kind) -> Result<Value> {
    let mut object = json!({"apiVersion": format!("{}/v1", kind.group).trim_start_matches('/'), "kind": kind.name});
    for location in kind.locations {
        let parent = location.path.iter().fold(&mut object, |object, segment| &mut object[segment]);
        parent["metadata"] = json!({
            "annotations": choose_annotations(bytes)?,
            "ownerReferences": bytes.choose(&[json!([]), json!([{"controller": true}])])?,
        });
        if location.role != Role::Workload {
            parent["spec"] = json!({
                "containers": [{"name": "app", "ports": bytes.choose(&[json!([]), json!([{"containerPort": 80}])])?}],
                "nodeName": bytes.choose(&["", "vk"])?,
            });
        }
    }
    let owned: Map<_, _> = choose_annotations(bytes)?.keys().map(|key| (format!("f:{key}"), json!({}))).collect();
    let fields = json!({"f:metadata": {"f:annotations": owned}});
    let path = kind.pod_location().path.iter().rev();
    let fields = path.fold(fields, |fields, segment| json!({format!("f:{segment}"): fields}));
    let manager = bytes.choose(&["vk", "kubectl", "kube-controller-manager", ""])?;
    object["metadata"]["managedFields"] = json!([{"manager": manager, "fieldsV1": fields}]);
    object["metadata"]["resourceVersion"] = json!(bytes.choose(&["", "0", "1"])?);
    // The policy accepts a long request without parsing it if nothing in it looks like an interLink annotation.
    object["status"] = bytes.choose(&[Value::Null, json!("x".repeat(2_000))])?.clone();
    Ok(object)
}

/// Chooses annotations: a known key or any key under interLink's domains, and a value that a parser may accept or any.
fn choose_annotations(bytes: &mut Unstructured<'_>) -> Result<Map<String, Value>> {
    let mut annotations = Map::new();
    for _ in 0..bytes.int_in_range(0..=CATALOGUE.len())? {
        let key = if bytes.ratio(1, 8)? {
            format!("{}{}", bytes.choose(&DOMAINS)?, bytes.arbitrary::<&str>()?)
        } else {
            bytes.choose(&CATALOGUE)?.key.to_owned()
        };
        let value = if bytes.ratio(1, 8)? {
            bytes.arbitrary::<String>()?
        } else {
            (0..bytes.int_in_range(0..=8)?).map(|_| bytes.choose(&PIECES).copied()).collect::<Result<_>>()?
        };
        annotations.insert(key, value.into());
    }
    Ok(annotations)
}
