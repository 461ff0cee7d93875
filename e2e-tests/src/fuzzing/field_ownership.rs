//! In an audit, the policy finds the owner of an annotation in `managedFields` as a slow model does. Malformed
//! `managedFields` get a response that is safe to print.

use arbitrary::{Result, Unstructured};
use interlink_annotations_policy::cluster::no_cluster;
use interlink_annotations_policy::response::{parse, split_message};
use interlink_annotations_policy::validate;
use serde_json::{Map, Value, json};

use super::payload::ZEROS_FOLLOW;
use crate::admission_request::AdmissionRequest;
use crate::response::check_texts;

/// Annotations that only interLink may write.
const KEYS: [&str; 2] = ["JobID", "interlink.eu/wstunnel-client-commands"];

/// interLink's names with the default settings.
const TRUSTED_MANAGERS: [&str; 2] = ["vk", "virtual-kubelet"];

/// The names that stand for no particular client.
const UNSPECIFIC_MANAGERS: [&str; 3] = ["before-first-apply", "ancient-changes", ""];

const OTHER_MANAGERS: [&str; 3] = ["kubectl", "kube-controller-manager", "vk-2"];

/// The subresources through which the API server does not change annotations.
const SUBRESOURCES_WITHOUT_ANNOTATIONS: [&str; 2] = ["ephemeralcontainers", "resize"];

const OTHER_SUBRESOURCES: [&str; 2] = ["", "status"];

/// Names in `fieldsV1`.
const FIELDS: [&str; 6] = ["f:metadata", "f:annotations", "f:JobID", "f:labels", ".", "JobID"];

pub(super) fn check(bytes: &[u8]) {
    if bytes.starts_with(b"[") {
        check_any(bytes);
    } else {
        check_owners(&choose_entries(&mut Unstructured::new(bytes)).expect(ZEROS_FOLLOW));
    }
}

/// Checks the response for any bytes as `managedFields`.
fn check_any(managed_fields: &[u8]) {
    let payload = String::from_utf8(audit(&json!("managedFields"))).expect("JSON is UTF-8");
    let (before, after) = payload.split_once(r#""managedFields":"managedFields""#).expect("the object has the field");
    let payload = [before.as_bytes(), br#""managedFields":"#, managed_fields, after.as_bytes()].concat();
    let response = validate(&payload, &no_cluster);
    check_texts(&serde_json::to_value(response).expect("a response can be serialized")).unwrap();
}

/// Checks that the response names the managers that own the annotations.
fn check_owners(managed_fields: &Value) {
    let response = validate(&audit(managed_fields), &no_cluster);
    let message = response.message.unwrap_or_default();
    for key in KEYS {
        let sentence = split_message(&message).into_iter().map(parse).find(|sentence| sentence.key == Some(key));
        match (other_owner(managed_fields, key), sentence) {
            (Some(manager), Some(sentence)) => {
                assert!(sentence.problem.contains(&format!("by the field manager {manager:?},")), "{message}");
            }
            (owner, sentence) => assert!(owner.is_none() && sentence.is_none(), "{owner:?}, but {message}"),
        }
    }
}

/// Returns the payload of the audit of a pod.
fn audit(managed_fields: &Value) -> Vec<u8> {
    let annotations: Map<_, _> = KEYS.iter().map(|key| ((*key).to_owned(), "1".into())).collect();
    let metadata =
        json!({"name": "p", "resourceVersion": "7", "annotations": annotations, "managedFields": managed_fields});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata});
    AdmissionRequest::audit(pod).payload(&json!({}))
}

/// Returns the last manager that owns an annotation, unless it is interLink's or unknown.
fn other_owner<'m>(managed_fields: &'m Value, key: &str) -> Option<&'m str> {
    let entries = managed_fields.as_array().into_iter().flatten();
    let owners = entries.filter_map(|entry| {
        let field = &entry["fieldsV1"]["f:metadata"]["f:annotations"][format!("f:{key}")];
        let subresource = entry["subresource"].as_str().unwrap_or_default();
        let manager = entry["manager"].as_str().unwrap_or_default();
        let is_owner = !field.is_null()
            && !SUBRESOURCES_WITHOUT_ANNOTATIONS.contains(&subresource)
            && !UNSPECIFIC_MANAGERS.contains(&manager);
        is_owner.then_some(manager)
    });
    let owners: Vec<_> = owners.collect();
    owners.last().copied().filter(|_| !owners.iter().any(|owner| TRUSTED_MANAGERS.contains(owner)))
}

fn choose_entries(bytes: &mut Unstructured<'_>) -> Result<Value> {
    let managers = [&TRUSTED_MANAGERS[..], &UNSPECIFIC_MANAGERS, &OTHER_MANAGERS].concat();
    let subresources = [&SUBRESOURCES_WITHOUT_ANNOTATIONS[..], &OTHER_SUBRESOURCES].concat();
    let count = bytes.int_in_range(0..=4)?;
    let entries = (0..count).map(|_| {
        let (manager, subresource) = (bytes.choose(&managers)?, bytes.choose(&subresources)?);
        let fields = if bytes.ratio(3, 4)? { choose_annotations(bytes)? } else { choose_fields(bytes, 4)? };
        Ok(json!({"manager": manager, "subresource": subresource, "fieldsV1": fields}))
    });
    entries.collect()
}

/// Chooses some of the annotations.
fn choose_annotations(bytes: &mut Unstructured<'_>) -> Result<Value> {
    let mut annotations = Map::new();
    for key in KEYS {
        if bytes.arbitrary()? {
            annotations.insert(format!("f:{key}"), json!({}));
        }
    }
    Ok(json!({"f:metadata": {"f:annotations": annotations}}))
}

/// Chooses fields and those inside them.
fn choose_fields(bytes: &mut Unstructured<'_>, depth: usize) -> Result<Value> {
    let mut fields = Map::new();
    if depth > 0 {
        for _ in 0..bytes.int_in_range(0..=3)? {
            let name = *bytes.choose(&FIELDS)?;
            fields.insert(name.to_owned(), choose_fields(bytes, depth - 1)?);
        }
    }
    Ok(Value::Object(fields))
}
