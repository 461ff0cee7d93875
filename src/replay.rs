//! A replay: a stored object that Kubewarden's audit scanner passes off as a creation.
//!
//! Nobody asks then, so that what matters is who wrote each annotation when. `metadata.managedFields` tells: for each
//! field manager, the fields that it was the last to set. It proves nothing, since whoever writes may choose the name
//! of the manager; but the API server lets no request without a user name through, so that nobody can pass a request of
//! theirs off as a replay.

use std::borrow::Cow;

use k8s_openapi::Resource;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;

use crate::json::{Unreadable, Value, Want, Wanted, end_of_path, text};
use crate::request::{Change, Operation};
use crate::settings::{DEPLOYMENT_CONTROLLER, REPLICASET_CONTROLLER, Settings};
use crate::subject::{Hand, Subject};
use crate::text::is_same;
use crate::writer::Writer;

/// The field manager that Kubernetes' own controllers share.
pub const CONTROLLERS: &str = "kube-controller-manager";

/// Field managers that stand for nobody in particular: the API server puts fields there whose managers it does not
/// know, or of whom there are too many to keep.
const ANYONE: [&str; 3] = ["before-first-apply", "ancient-changes", ""];

/// Says of each annotation whose hand wrote it, if the request is a replay: a CREATE, by nobody, of an object that has
/// a version already.
///
/// # Errors
/// If the object's metadata cannot be read. The place begins behind the object's.
pub fn attribute<'a>(
    subject: &mut Subject<'a>,
    change: &Change<'a>,
    writer: &Writer<'_>,
    settings: &Settings<'_>,
) -> Result<(), Unreadable> {
    if change.operation != Operation::Create || !writer.is_nobody() {
        return Ok(());
    }
    let metadata = change.new.metadata()?;
    let version = text(metadata.resource_version, ".metadata.resourceVersion")?;
    if !version.is_some_and(|version| is_stored_version(&version)) {
        return Ok(());
    }
    let copies = is_copied(subject, writer, settings);
    let is_trusted =
        |manager: &Cow<'_, str>| settings.trusted_field_managers.contains(manager) || copies && manager == CONTROLLERS;
    read_owners(subject, metadata.managed_fields, &is_trusted)
        .map_err(|problem| problem.inside(".metadata.managedFields"))
}

/// Whether a `resourceVersion` is one that the API server gives: a number above zero. What a client sends with a new
/// object and the storage lets through is something else.
pub fn is_stored_version(version: &str) -> bool {
    version.bytes().all(|byte| byte.is_ascii_digit()) && version.bytes().any(|byte| byte != b'0')
}

/// Whether the settings trust the controller that makes such objects, by copying a template, where this one is.
fn is_copied(subject: &Subject<'_>, writer: &Writer<'_>, settings: &Settings<'_>) -> bool {
    let controller = match subject.kind.name {
        Pod::KIND => REPLICASET_CONTROLLER,
        ReplicaSet::KIND => DEPLOYMENT_CONTROLLER,
        _ => return false,
    };
    writer.alike(controller).is_one_of(&settings.trusted_writers)
}

fn read_owners<'a>(
    subject: &mut Subject<'a>,
    managed_fields: Option<Value<'a>>,
    is_trusted: &dyn Fn(&Cow<'a, str>) -> bool,
) -> Result<(), Unreadable> {
    subject.iter_mut().for_each(|annotation| annotation.hand = Hand::Unknown);
    let Some(managed_fields) = managed_fields else {
        return Ok(());
    };
    let steps = subject.place.path.iter().chain(&["metadata", "annotations"]);
    let steps: Vec<String> = steps.map(|step| format!("f:{step}")).collect();
    let path: Vec<&str> = steps.iter().map(String::as_str).collect();
    let wanted = |name: &[u8]| match name {
        b"manager" => Some(Want { slot: 0, within: None }),
        b"fieldsV1" => Some(Want { slot: 1, within: Some(Wanted::Path(&path)) }),
        _ => None,
    };
    let mut found = vec![None; 2 + path.len()];
    managed_fields.reader().elements(&mut |entry| {
        found.fill(None);
        entry.find(Wanted::Fields(&wanted), &mut found)?;
        let (manager, fields) = (found[0], &found[1..]);
        let manager = text(manager.filter(|manager| !manager.is_null()), ".manager")?.unwrap_or_default();
        if ANYONE.contains(&&*manager) {
            return Ok(());
        }
        let hand = if is_trusted(&manager) { Hand::InterLink } else { Hand::Manager(manager) };
        let owned = end_of_path(fields, &path).map_err(|problem| problem.inside(".fieldsV1"))?;
        let signed = owned.map_or(Ok(()), |owned| sign(subject, owned, &hand));
        signed.map_err(|problem| problem.along(&path).inside(".fieldsV1"))
    })
}

/// Notes that a manager owns some annotations. One that interLink owns is as interLink wrote it: who changes a value
/// takes it from all its owners.
fn sign<'a>(subject: &mut Subject<'a>, owned: Value<'a>, hand: &Hand<'a>) -> Result<(), Unreadable> {
    owned.reader().entries(&mut |name, value| {
        value.value()?;
        let Some(key) = name.strip_prefix(b"f:") else {
            return Ok(());
        };
        let annotation = subject.iter_mut().find(|annotation| is_same(annotation.known.key.as_bytes(), key));
        if let Some(annotation) = annotation.filter(|annotation| annotation.hand != Hand::InterLink) {
            annotation.hand = hand.clone();
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Request;

    const OWNED_BY_VK: &str = r#"[{"manager": "vk", "fieldsV1": {"f:metadata": {"f:annotations": {"f:JobID": {}}}}}]"#;

    /// Whose hand wrote the JobID of an object with this metadata, for a request by this user.
    fn hand_in(kind: &str, username: &str, namespace: &'static str, metadata: &str) -> Result<Hand<'static>, String> {
        let annotated = format!(r#"{{"annotations": {{"JobID": "1"}}, {metadata}}}"#);
        let object = match kind {
            "Pod" => format!(r#"{{"metadata": {annotated}}}"#),
            _ => format!(r#"{{"metadata": {annotated}, "spec": {{"template": {{"metadata": {annotated}}}}}}}"#),
        };
        let group = if kind == "Pod" { "" } else { "apps" };
        let payload = format!(
            r#"{{"request": {{"operation": "CREATE", "kind": {{"group": "{group}", "kind": "{kind}"}},
            "userInfo": {{"username": "{username}"}}, "object": {object}}}}}"#
        );
        let request = Request::read(payload.as_bytes()).unwrap();
        let change = request.change().unwrap().unwrap();
        let writer = Writer::read(request.user_info(), namespace.into()).unwrap();
        let mut subject = Subject::read(change.kind, change.kind.main_place(), &change.new).unwrap();
        attribute(&mut subject, &change, &writer, &Settings::default()).map_err(|problem| problem.to_string())?;
        Ok(match &subject.get("JobID").unwrap().hand {
            Hand::Manager(name) => Hand::Manager(name.to_string().into()),
            Hand::Requester => Hand::Requester,
            Hand::InterLink => Hand::InterLink,
            Hand::Unknown => Hand::Unknown,
        })
    }

    fn hand(metadata: &str) -> Result<Hand<'static>, String> {
        hand_in("Pod", "", "physics", &format!(r#""resourceVersion": "7", {metadata}"#))
    }

    fn manager(name: &'static str) -> Result<Hand<'static>, String> {
        Ok(Hand::Manager(name.into()))
    }

    #[test]
    fn the_owner_of_the_field_is_whose_hand_it_was() {
        let owned_by = |name: &str| OWNED_BY_VK.replace("vk", name);
        assert_eq!(hand(&format!(r#""managedFields": {OWNED_BY_VK}"#)), Ok(Hand::InterLink));
        assert_eq!(hand(&format!(r#""managedFields": {}"#, owned_by("kubectl"))), manager("kubectl"));
        assert_eq!(hand(&format!(r#""managedFields": {}"#, owned_by("vk-2"))), manager("vk-2"));
        let [ours, theirs] = ["vk", "kubectl"].map(|name| owned_by(name).replace(['[', ']'], ""));
        for both in [format!("[{ours}, {theirs}]"), format!("[{theirs}, {ours}]")] {
            assert_eq!(hand(&format!(r#""managedFields": {both}"#)), Ok(Hand::InterLink));
        }
    }

    #[test]
    fn what_does_not_tell_is_unknown() {
        for fields in [
            "null",
            "[]",
            "[{}]",
            r#"[{"manager": "before-first-apply", "fieldsV1": {"f:metadata": {"f:annotations": {"f:JobID": {}}}}}]"#,
            r#"[{"manager": "ancient-changes", "fieldsV1": {"f:metadata": {"f:annotations": {"f:JobID": {}}}}}]"#,
            r#"[{"fieldsV1": {"f:metadata": {"f:annotations": {"f:JobID": {}}}}}]"#,
            r#"[{"manager": "kubectl"}]"#,
            r#"[{"manager": "kubectl", "fieldsV1": {"f:metadata": {"f:labels": {"f:JobID": {}}}}}]"#,
            r#"[{"manager": "kubectl", "fieldsV1": {"f:metadata": {"f:annotations": {".": {}, "JobID": {}}}}}]"#,
        ] {
            assert_eq!(hand(&format!(r#""managedFields": {fields}"#)), Ok(Hand::Unknown), "{fields}");
        }
        assert_eq!(hand(r#""name": "p""#), Ok(Hand::Unknown));
    }

    #[test]
    fn only_what_nobody_asks_for_and_has_a_version_is_a_replay() {
        let managed = format!(r#""managedFields": {OWNED_BY_VK}"#);
        for (username, version) in [("alice", r#""7""#), ("", r#""""#), ("", "null"), ("", r#""0""#), ("", r#""x""#)] {
            let metadata = format!(r#""resourceVersion": {version}, {managed}"#);
            assert_eq!(hand_in("Pod", username, "", &metadata), Ok(Hand::Requester), "{username} {version}");
        }
        assert_eq!(hand_in("Pod", "", "", &managed), Ok(Hand::Requester));
    }

    #[test]
    fn controllers_copy_templates_where_they_are_trusted() {
        let owned = |place: &str| {
            let fields = format!(r#"{place}{{"f:metadata": {{"f:annotations": {{"f:JobID": {{}}}}}}}}"#);
            let fields = fields.clone() + &"}".repeat(place.matches('{').count());
            let entry = format!(r#"{{"manager": "kube-controller-manager", "fieldsV1": {fields}}}"#);
            format!(r#""resourceVersion": "7", "managedFields": [{entry}]"#)
        };
        let (pod, template) = (owned(""), owned(r#"{"f:spec": {"f:template": "#));
        assert_eq!(hand_in("Pod", "", "physics-wstunnel", &pod), Ok(Hand::InterLink));
        assert_eq!(hand_in("Pod", "", "physics", &pod), manager("kube-controller-manager"));
        assert_eq!(hand_in("ReplicaSet", "", "physics-wstunnel", &template), Ok(Hand::InterLink));
        assert_eq!(hand_in("ReplicaSet", "", "physics-wstunnel", &pod), Ok(Hand::Unknown), "not the template's");
        assert_eq!(hand_in("StatefulSet", "", "physics-wstunnel", &template), manager("kube-controller-manager"));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (fields, problem) in [
            ("{}", "metadata.managedFields: must be a list, but is an object"),
            ("[7]", "metadata.managedFields[0]: must be an object, but is a number"),
            (r#"[{"manager": []}]"#, "metadata.managedFields[0].manager: must be a string, but is a list"),
            (
                r#"[{"manager": "x", "fieldsV1": {"f:metadata": 7}}]"#,
                "metadata.managedFields[0].fieldsV1.f:metadata: must be an object, but is a number",
            ),
            (
                r#"[{"manager": "x", "fieldsV1": {"f:metadata": {"f:annotations": 7}}}]"#,
                "metadata.managedFields[0].fieldsV1.f:metadata.f:annotations: must be an object, but is a number",
            ),
        ] {
            assert_eq!(hand(&format!(r#""managedFields": {fields}"#)), Err(problem.to_owned()));
        }
    }
}
