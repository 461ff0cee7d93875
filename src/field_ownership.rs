//! The owners of the annotations of a stored object, in an audit request.
//!
//! Kubewarden's audit scanner sends each stored object as a CREATE without a user. Only `metadata.managedFields` then
//! shows who set an annotation: it lists, for each field manager, the fields that this manager set last. This is
//! evidence, not proof, because clients choose the name of their field manager.
//!
//! No user can impersonate the audit scanner: the API server gives every request a uid of its own, but the scanner's
//! request has the uid of the object.

use std::borrow::Cow;

use json_scan::{Context, DecodeError, Field, FieldPath, Record, Value, bytes_eq, optional_str, present};
use k8s_openapi::Resource;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;

use crate::annotations::{Annotation, Annotations, Owner};
use crate::kinds::Location;
use crate::path::Path;
use crate::request::{Change, Operation};
use crate::requester::Requester;
use crate::settings::{DEPLOYMENT_CONTROLLER, REPLICASET_CONTROLLER, Settings};

/// The field manager of Kubernetes' built-in controllers.
pub(crate) const CONTROLLER_MANAGER: &str = "kube-controller-manager";

/// Field managers that stand for no particular client: the API server assigns fields to them if it does not know the
/// manager, or if an object has too many managers.
const UNSPECIFIC_MANAGERS: [&str; 3] = ["before-first-apply", "ancient-changes", ""];

/// The field ownership that an audit request shows.
pub(crate) struct FieldOwnership<'s, 'a> {
    managed_fields: Option<Value<'a>>,
    trusted_managers: &'s [Cow<'s, str>],
    /// Whether the controllers that create such objects, by copying a template, are trusted in the object's namespace.
    trusts_controllers: bool,
}

impl<'s, 'a> FieldOwnership<'s, 'a> {
    /// Decodes the field ownership of an audit request. Returns `None` for any other request.
    ///
    /// # Errors
    /// If the object's metadata is malformed. The path is relative to the object.
    pub(crate) fn decode(
        change: &Change<'_, 'a>,
        requester: &Requester<'_>,
        settings: &'s Settings<'_>,
    ) -> Result<Option<Self>, DecodeError> {
        if !is_audit_request(change, requester)? {
            return Ok(None);
        }
        let metadata = change.object.metadata()?;
        let controller = match change.kind.name {
            Pod::KIND => Some(REPLICASET_CONTROLLER),
            ReplicaSet::KIND => Some(DEPLOYMENT_CONTROLLER),
            _ => None,
        };
        Ok(Some(Self {
            managed_fields: present(metadata.managed_fields),
            trusted_managers: &settings.trusted_field_managers,
            trusts_controllers: controller.is_some_and(|name| requester.would_trust(name, settings)),
        }))
    }

    /// Assigns the owner of each annotation at a location.
    ///
    /// # Errors
    /// If `managedFields` is malformed. The path is relative to the object.
    pub(crate) fn assign_owners(
        &self,
        annotations: &mut Annotations<'a>,
        location: &Location,
    ) -> Result<(), DecodeError> {
        let names: Vec<_> =
            location.path.iter().chain(&["metadata", "annotations"]).map(|name| format!("f:{name}")).collect();
        self.assign_entries(annotations, &names, Self::assign_entry)
    }

    /// Assigns the owner of each annotation of a pod template that was found by its shape.
    ///
    /// In a list, `managedFields` names the elements by some of their fields, if at all. Annotations there have an
    /// owner only if one manager owns the whole list, as in most custom resources; otherwise, they are treated like
    /// those of an object without `managedFields`.
    ///
    /// # Errors
    /// If `managedFields` is malformed. The path is relative to the object.
    pub(crate) fn assign_found_owners(
        &self,
        annotations: &mut Annotations<'a>,
        path: Option<&Path<'_>>,
    ) -> Result<(), DecodeError> {
        let is_in_list = path.is_some_and(Path::is_in_list);
        let fields = path.map(Path::leading_fields).unwrap_or_default();
        let ends: &[&[u8]] = if is_in_list { &[] } else { &[b"metadata", b"annotations"] };
        let names: Vec<_> =
            fields.iter().chain(ends).map(|name| format!("f:{}", String::from_utf8_lossy(name))).collect();
        if is_in_list {
            self.assign_entries(annotations, &names, Self::assign_whole)
        } else {
            self.assign_entries(annotations, &names, Self::assign_entry)
        }
    }

    /// Assigns the annotations that each entry of `managedFields` owns, by the fields at a path.
    fn assign_entries(
        &self,
        annotations: &mut Annotations<'a>,
        names: &[String],
        assign: fn(&Self, &Entry<'_, 'a>, &mut Annotations<'a>) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        annotations.known.iter_mut().for_each(|annotation| annotation.owner = Owner::Unknown);
        let Some(managed_fields) = self.managed_fields else {
            return Ok(());
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut entry = Entry { manager: None, subresource: None, fields: FieldPath::new(&names) };
        let assigned = managed_fields.reader().elements(&mut |reader| {
            (entry.manager, entry.subresource) = (None, None);
            entry.fields.clear();
            reader.record(&mut entry)?;
            assign(self, &entry, annotations)
        });
        assigned.at_path(&["metadata", "managedFields"])
    }

    /// Assigns the annotations that one entry of `managedFields` owns.
    fn assign_entry(&self, entry: &Entry<'_, 'a>, annotations: &mut Annotations<'a>) -> Result<(), DecodeError> {
        let owner = self.owner(entry)?;
        let subresource = optional_str(entry.subresource, "subresource")?.unwrap_or_default();
        if owner == Owner::Unknown || SUBRESOURCES_WITHOUT_ANNOTATIONS.contains(&&*subresource) {
            return Ok(());
        }
        if let Some(owned) = entry.fields.end().at_field("fieldsV1")? {
            let mut recorded = vec![false; annotations.known.len()];
            let recorded = owned.reader().entries(&mut |name, value| {
                value.skip()?;
                let key = name.strip_prefix(b"f:").unwrap_or_default();
                record_owner(&mut annotations.known, key, &owner, &mut recorded)
            });
            recorded.at_path(entry.fields.names()).at_field("fieldsV1")?;
        }
        Ok(())
    }

    /// Assigns all annotations to the manager that owns the whole value that they are in, unless they have an owner.
    /// interLink writes no lists of pod templates, so its own name proves nothing there.
    fn assign_whole(&self, entry: &Entry<'_, 'a>, annotations: &mut Annotations<'a>) -> Result<(), DecodeError> {
        let owner = self.owner(entry)?;
        let owns_whole = entry.fields.last().is_some_and(|fields| fields.text() == b"{}");
        if owns_whole && matches!(owner, Owner::Manager(_)) {
            let unknown = annotations.known.iter_mut().filter(|annotation| annotation.owner == Owner::Unknown);
            unknown.for_each(|annotation| annotation.owner = owner.clone());
        }
        Ok(())
    }

    /// Returns the owner that an entry of `managedFields` stands for.
    fn owner(&self, entry: &Entry<'_, 'a>) -> Result<Owner<'a>, DecodeError> {
        let manager = optional_str(entry.manager, "manager")?.unwrap_or_default();
        let is_controller = self.trusts_controllers && manager == CONTROLLER_MANAGER;
        Ok(if UNSPECIFIC_MANAGERS.contains(&&*manager) {
            Owner::Unknown
        } else if is_controller || self.trusted_managers.contains(&manager) {
            Owner::InterLink
        } else {
            Owner::Manager(manager)
        })
    }
}

/// Returns whether a request is the audit scanner's: a CREATE without a user, for a stored object, with the uid of that
/// object.
fn is_audit_request(change: &Change<'_, '_>, requester: &Requester<'_>) -> Result<bool, DecodeError> {
    if change.operation != Operation::Create || !requester.is_anonymous() {
        return Ok(false);
    }
    let metadata = change.object.metadata()?;
    let uid = optional_str(metadata.uid, "uid").at_field("metadata")?.unwrap_or_default();
    let version = optional_str(metadata.resource_version, "resourceVersion").at_field("metadata")?.unwrap_or_default();
    Ok(!uid.is_empty() && change.request_uid == Some(uid) && is_stored_version(&version))
}

/// Subresources whose updates do not change annotations, although the API server records the ownership.
const SUBRESOURCES_WITHOUT_ANNOTATIONS: [&str; 2] = ["ephemeralcontainers", "resize"];

/// An entry of `managedFields`.
struct Entry<'p, 'a> {
    manager: Option<Value<'a>>,
    subresource: Option<Value<'a>>,
    fields: FieldPath<'p, 'a>,
}

impl<'a> Record<'a> for Entry<'_, 'a> {
    fn field(&mut self, name: &[u8]) -> Option<Field<'_, 'a>> {
        match name {
            b"manager" => Some(Field::Value(&mut self.manager)),
            b"subresource" => Some(Field::Value(&mut self.subresource)),
            b"fieldsV1" => Some(self.fields.as_field()),
            _ => None,
        }
    }
}

/// Records the owner of the annotation with a key. If interLink is one of several owners, it remains the owner: a manager
/// that changes a value becomes its only owner, so several owners have set the same value.
fn record_owner<'a>(
    annotations: &mut [Annotation<'a>],
    key: &[u8],
    owner: &Owner<'a>,
    recorded: &mut [bool],
) -> Result<(), DecodeError> {
    let Some(index) = annotations.iter().position(|annotation| bytes_eq(annotation.key.as_bytes(), key)) else {
        return Ok(());
    };
    // Each repetition would copy the owner's name, which may be long.
    if std::mem::replace(&mut recorded[index], true) {
        return Err(DecodeError::new("appears twice").at_key(key));
    }
    if annotations[index].owner != Owner::InterLink {
        annotations[index].owner = owner.clone();
    }
    Ok(())
}

/// Returns whether a `resourceVersion` is one that the API server assigns: an unsigned 64-bit number greater than zero.
/// The API server's storage refuses such a value from a client that creates an object, and clears any other.
pub fn is_stored_version(version: &str) -> bool {
    version.bytes().all(|byte| byte.is_ascii_digit()) && version.parse::<u64>().is_ok_and(|version| version > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Payload;
    use crate::target::Target;

    const OWNED_BY_VK: &str = r#"[{"manager": "vk", "fieldsV1": {"f:metadata": {"f:annotations": {"f:JobID": {}}}}}]"#;

    /// Returns the owner of the `JobID` of an object with this metadata, in a request of this user.
    fn owner_in(kind: &str, namespace: &str, metadata: &str) -> Result<Owner<'static>, String> {
        owner_for("{}", "7", kind, namespace, metadata)
    }

    /// The same, in the request of another user or with another uid.
    fn owner_for(
        user_info: &str,
        request_uid: &str,
        kind: &str,
        namespace: &str,
        metadata: &str,
    ) -> Result<Owner<'static>, String> {
        let annotated = format!(r#"{{"annotations": {{"JobID": "1"}}, "uid": "7", {metadata}}}"#);
        let object = match kind {
            "Pod" => format!(r#"{{"metadata": {annotated}}}"#),
            _ => format!(r#"{{"metadata": {annotated}, "spec": {{"template": {{"metadata": {annotated}}}}}}}"#),
        };
        let group = if kind == "Pod" { "" } else { "apps" };
        let payload = format!(
            r#"{{"request": {{"operation": "CREATE", "kind": {{"group": "{group}", "kind": "{kind}"}},
            "userInfo": {user_info}, "uid": "{request_uid}", "namespace": "{namespace}", "object": {object}}}}}"#
        );
        let payload = Payload::decode(payload.as_bytes()).unwrap();
        let request = payload.request().unwrap();
        let change = request.change().unwrap().unwrap();
        let requester = Requester::decode(request).unwrap();
        let settings = Settings::default();
        let owner = || {
            let ownership = FieldOwnership::decode(&change, &requester, &settings)?;
            let location = change.kind.pod_location();
            let target =
                Target::build(change.kind, location, change.object, &settings, &requester, ownership.as_ref())?;
            let owner = target.get("JobID").unwrap().owner.clone();
            Ok(match owner {
                Owner::Manager(name) => Owner::Manager(name.into_owned().into()),
                Owner::Requester => Owner::Requester,
                Owner::InterLink => Owner::InterLink,
                Owner::Unknown => Owner::Unknown,
            })
        };
        owner().map_err(|error: DecodeError| error.to_string())
    }

    fn owner(metadata: &str) -> Result<Owner<'static>, String> {
        owner_in("Pod", "physics", &format!(r#""resourceVersion": "7", {metadata}"#))
    }

    fn manager(name: &'static str) -> Owner<'static> {
        Owner::Manager(name.into())
    }

    #[test]
    fn assigns_the_manager_that_owns_the_field() {
        let owned_by = |name: &str| OWNED_BY_VK.replace("vk", name);
        assert_eq!(owner(&format!(r#""managedFields": {OWNED_BY_VK}"#)), Ok(Owner::InterLink));
        assert_eq!(owner(&format!(r#""managedFields": {}"#, owned_by("kubectl"))), Ok(manager("kubectl")));
        assert_eq!(owner(&format!(r#""managedFields": {}"#, owned_by("vk-2"))), Ok(manager("vk-2")));
        let [ours, theirs] = ["vk", "kubectl"].map(|name| owned_by(name).replace(['[', ']'], ""));
        for both in [format!("[{ours}, {theirs}]"), format!("[{theirs}, {ours}]")] {
            assert_eq!(owner(&format!(r#""managedFields": {both}"#)), Ok(Owner::InterLink));
        }
    }

    #[test]
    fn assigns_no_owner_that_the_object_does_not_show() {
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
            assert_eq!(owner(&format!(r#""managedFields": {fields}"#)), Ok(Owner::Unknown), "{fields}");
        }
        assert_eq!(owner(r#""name": "p""#), Ok(Owner::Unknown));
    }

    #[test]
    fn recognizes_an_audit_request() {
        let managed = format!(r#""managedFields": {OWNED_BY_VK}"#);
        let owner = |user_info: &str, request_uid: &str, version: &str| {
            let metadata = format!(r#""resourceVersion": {version}, {managed}"#);
            owner_for(user_info, request_uid, "Pod", "", &metadata)
        };
        for user_info in ["{}", "null", r#"{"username": "", "uid": "", "groups": []}"#] {
            for version in [r#""7""#, r#""18446744073709551615""#, r#""007""#] {
                assert_eq!(owner(user_info, "7", version), Ok(Owner::InterLink), "{user_info} {version}");
            }
        }
        for user_info in [r#"{"username": "alice"}"#, r#"{"groups": ["system:authenticated"]}"#, r#"{"uid": "5"}"#] {
            assert_eq!(owner(user_info, "7", r#""7""#), Ok(Owner::Requester), "{user_info}");
        }
        for uid in ["", "8", "77"] {
            assert_eq!(owner("{}", uid, r#""7""#), Ok(Owner::Requester), "{uid}");
        }
        for version in ["null", r#""""#, r#""0""#, r#""x""#, r#""+7""#, r#""7.0""#, r#""18446744073709551616""#] {
            assert_eq!(owner("{}", "7", version), Ok(Owner::Requester), "{version}");
        }
    }

    #[test]
    fn ignores_subresources_that_do_not_write_annotations() {
        let entry = |manager: &str, subresource: &str| {
            format!(
                r#"{{"manager": "{manager}", "subresource": "{subresource}",
                "fieldsV1": {{"f:metadata": {{"f:annotations": {{"f:JobID": {{}}}}}}}}}}"#
            )
        };
        for subresource in ["ephemeralcontainers", "resize"] {
            let both = format!(r#""managedFields": [{}, {}]"#, entry("vk", "status"), entry("kubectl", subresource));
            assert_eq!(owner(&both), Ok(Owner::InterLink));
            let alone = format!(r#""managedFields": [{}]"#, entry("kubectl", subresource));
            assert_eq!(owner(&alone), Ok(Owner::Unknown));
        }
        let status = format!(r#""managedFields": [{}]"#, entry("kubectl", "status"));
        assert_eq!(owner(&status), Ok(manager("kubectl")));
    }

    #[test]
    fn trusts_controllers_that_copy_templates_where_they_are_trusted_writers() {
        let owned = |place: &str| {
            let fields = format!(r#"{place}{{"f:metadata": {{"f:annotations": {{"f:JobID": {{}}}}}}}}"#);
            let fields = fields.clone() + &"}".repeat(place.matches('{').count());
            let entry = format!(r#"{{"manager": "kube-controller-manager", "fieldsV1": {fields}}}"#);
            format!(r#""resourceVersion": "7", "managedFields": [{entry}]"#)
        };
        let (pod, template) = (owned(""), owned(r#"{"f:spec": {"f:template": "#));
        assert_eq!(owner_in("Pod", "physics-wstunnel", &pod), Ok(Owner::InterLink));
        assert_eq!(owner_in("Pod", "physics", &pod), Ok(manager("kube-controller-manager")));
        assert_eq!(owner_in("ReplicaSet", "physics-wstunnel", &template), Ok(Owner::InterLink));
        assert_eq!(owner_in("ReplicaSet", "physics-wstunnel", &pod), Ok(Owner::Unknown), "not the template's");
        assert_eq!(owner_in("StatefulSet", "physics-wstunnel", &template), Ok(manager("kube-controller-manager")));
    }

    /// The owner of the `JobID` of a template in a custom resource, in an audit request.
    fn owner_in_custom_resource(template: &str, fields: &str) -> Option<String> {
        let spec = template
            .replace("TEMPLATE", r#"{"metadata": {"annotations": {"JobID": "1"}}, "spec": {"containers": []}}"#);
        let payload = format!(
            r#"{{"request": {{"operation": "CREATE", "kind": {{"group": "example.org", "kind": "Fleet"}}, "userInfo": {{}},
            "uid": "5", "object": {{"metadata": {{"uid": "5", "resourceVersion": "7", "managedFields": {fields}}}, "spec": {spec}}}}}}}"#
        );
        let answer = crate::validate(payload.as_bytes(), &crate::cluster::no_cluster);
        answer.message.map(|message| message.split('"').nth(3).unwrap_or("the requester").to_owned())
    }

    #[test]
    fn assigns_the_manager_that_owns_a_field_of_a_custom_resource() {
        let entry =
            |manager: &str, spec: &str| format!(r#"{{"manager": "{manager}", "fieldsV1": {{"f:spec": {spec}}}}}"#);
        let job_id = r#"{"f:t": {"f:metadata": {"f:annotations": {"f:JobID": {}}}}}"#;
        let (field, list) = (r#"{"t": TEMPLATE}"#, r#"{"list": [7, TEMPLATE]}"#);
        for (spec, entries, expected) in [
            (field, entry("kubectl", job_id), Some("kubectl")),
            (field, entry("vk", job_id), None),
            (field, entry("kubectl", r#"{"f:t": {}}"#), None),
            (list, entry("kubectl", r#"{"f:list": {}}"#), Some("kubectl")),
            (list, entry("vk", r#"{"f:list": {}}"#), None),
            (list, entry("before-first-apply", r#"{"f:list": {}}"#), None),
            (list, entry("vk", r#"{"f:list": {}}"#) + "," + &entry("kubectl", r#"{"f:list": {}}"#), Some("kubectl")),
            (list, entry("kubectl", r#"{"f:list": {"v:7": {}}}"#), None),
            (list, entry("kubectl", r#"{"f:other": {}}"#), None),
            (list, r#"{"manager": "kubectl", "fieldsV1": {}}"#.to_owned(), None),
        ] {
            let owner = owner_in_custom_resource(spec, &format!("[{entries}]"));
            assert_eq!(owner.as_deref(), expected, "{spec} {entries}");
        }
    }

    #[test]
    fn reports_the_path_of_a_malformed_field() {
        for (fields, problem) in [
            (
                r#"[{"manager": "x", "fieldsV1": {"f:metadata": {"f:annotations": {"f:JobID": {}, "f:JobID": {}}}}}]"#,
                r#"metadata.managedFields[0].fieldsV1."f:metadata"."f:annotations"[JobID]: appears twice"#,
            ),
            ("{}", "metadata.managedFields: must be a list, but is an object"),
            ("[7]", "metadata.managedFields[0]: must be an object, but is a number"),
            (r#"[{"manager": []}]"#, "metadata.managedFields[0].manager: must be a string, but is a list"),
            (
                r#"[{"manager": "x", "fieldsV1": {"f:metadata": 7}}]"#,
                r#"metadata.managedFields[0].fieldsV1."f:metadata": must be an object, but is a number"#,
            ),
            (
                r#"[{"manager": "x", "fieldsV1": {"f:metadata": {"f:annotations": 7}}}]"#,
                r#"metadata.managedFields[0].fieldsV1."f:metadata"."f:annotations": must be an object, but is a number"#,
            ),
        ] {
            assert_eq!(owner(&format!(r#""managedFields": {fields}"#)), Err(problem.to_owned()));
        }
    }
}
