//! The fields of Kubewarden's policies. The API server may drop unknown fields; the deployed policy then has other
//! settings than its manifest shows.

use std::fmt;

use json_scan::{DecodeError, Value};

use crate::suggestion::closest;

/// The kinds of manifest that deploy a policy.
pub(super) const KINDS: [&str; 4] =
    ["ClusterAdmissionPolicy", "AdmissionPolicy", "ClusterAdmissionPolicyGroup", "AdmissionPolicyGroup"];

const MANIFEST: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];

/// The fields of `spec` in all kinds.
const SPEC: [&str; 11] = [
    "backgroundAudit",
    "failurePolicy",
    "matchConditions",
    "matchPolicy",
    "message",
    "mode",
    "objectSelector",
    "policyServer",
    "rules",
    "sideEffects",
    "timeoutSeconds",
];

/// The fields that a policy and a group's member have in common. A policy also has `mutating`.
const MEMBER: [&str; 3] = ["module", "settings", "timeoutEvalSeconds"];
const MUTATING: &str = "mutating";

/// The fields of a group.
const GROUP: [&str; 2] = ["expression", "policies"];

/// The fields that only cluster-wide kinds have: one in `spec`, and one in a policy or a group's member.
const CLUSTER: &str = "namespaceSelector";
const CLUSTER_MEMBER: &str = "contextAwareResources";

/// The part of a manifest whose fields are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// The manifest itself.
    Manifest,
    /// `spec`.
    Spec,
    /// The member of a group with this name.
    Member(&'a str),
}

/// A field that a policy does not have.
#[derive(Debug, thiserror::Error)]
#[error("{path}: is not a field of Kubewarden's {kind}; {fix}")]
pub(super) struct UnknownField {
    path: String,
    kind: String,
    fix: String,
}

impl Part<'_> {
    /// Returns an error for the first unknown field of this part, and its value.
    pub(super) fn unknown_field<'v>(
        self,
        value: Value<'v>,
        kind: &str,
    ) -> Result<Option<(UnknownField, Value<'v>)>, DecodeError> {
        let known = self.fields(kind);
        let mut unknown = None;
        value.reader().entries(&mut |name, reader| {
            let value = reader.value()?;
            let name = String::from_utf8_lossy(name);
            if unknown.is_none() && !known.contains(&&*name) {
                let (path, fix) = (format!("{self}{}", name.escape_debug()), self.fix(&name, kind));
                unknown = Some((UnknownField { path, kind: kind.to_owned(), fix }, value));
            }
            Ok(())
        })?;
        Ok(unknown)
    }

    /// Returns the fields that this part has in a manifest of a kind.
    fn fields(self, kind: &str) -> Vec<&'static str> {
        let (is_group, is_cluster_wide) = (kind.ends_with("Group"), kind.starts_with("Cluster"));
        let has_module = matches!(self, Self::Member(_)) || self == Self::Spec && !is_group;
        let mut fields = Vec::new();
        match self {
            Self::Manifest => fields.extend(MANIFEST),
            Self::Spec => {
                fields.extend(SPEC);
                fields.extend(if is_group { &GROUP[..] } else { &[MUTATING] });
                fields.extend(is_cluster_wide.then_some(CLUSTER));
            }
            Self::Member(_) => {}
        }
        if has_module {
            fields.extend(MEMBER);
            fields.extend(is_cluster_wide.then_some(CLUSTER_MEMBER));
        }
        fields
    }

    fn fix(self, name: &str, kind: &str) -> String {
        if self == Self::Manifest && Self::Spec.fields(kind).contains(&name) {
            return "write it under spec".to_owned();
        }
        match closest(name, self.fields(kind)) {
            Some(field) => format!("did you mean {field}?"),
            None => "remove it".to_owned(),
        }
    }
}

impl fmt::Display for Part<'_> {
    /// Writes the beginning of the path of its fields.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest => Ok(()),
            Self::Spec => f.write_str("spec."),
            Self::Member(name) => write!(f, "spec.policies.{}.", name.escape_debug()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use kubewarden_policy_sdk::crd::policies::admission_policy::AdmissionPolicySpec;
    use kubewarden_policy_sdk::crd::policies::admission_policy_group::{AdmissionPolicyGroupSpec, PolicyGroupMember};
    use kubewarden_policy_sdk::crd::policies::cluster_admission_policy::ClusterAdmissionPolicySpec;
    use kubewarden_policy_sdk::crd::policies::cluster_admission_policy_group::{
        ClusterAdmissionPolicyGroupSpec, PolicyGroupMemberWithContext,
    };
    use serde::Serialize;

    use super::*;

    fn assert_fields<T: Serialize + Default>(part: Part<'_>, kind: &str) {
        let serde_json::Value::Object(fields) = serde_json::to_value(T::default()).unwrap() else { panic!("{kind}") };
        let expected: BTreeSet<_> = fields.keys().map(String::as_str).collect();
        assert_eq!(part.fields(kind).into_iter().collect::<BTreeSet<_>>(), expected, "{kind}");
    }

    #[test]
    fn knows_the_fields_of_kubewardens_types() {
        let [cluster, namespaced, cluster_group, group] = KINDS;
        assert_fields::<ClusterAdmissionPolicySpec>(Part::Spec, cluster);
        assert_fields::<AdmissionPolicySpec>(Part::Spec, namespaced);
        assert_fields::<ClusterAdmissionPolicyGroupSpec>(Part::Spec, cluster_group);
        assert_fields::<AdmissionPolicyGroupSpec>(Part::Spec, group);
        assert_fields::<PolicyGroupMemberWithContext>(Part::Member("a"), cluster_group);
        assert_fields::<PolicyGroupMember>(Part::Member("a"), group);
    }

    #[test]
    fn suggests_where_a_field_belongs() {
        for (part, name, fix) in [
            (Part::Spec, "setings", "did you mean settings?"),
            (Part::Manifest, "settings", "write it under spec"),
            (Part::Member("a"), "Module", "did you mean module?"),
            (Part::Spec, "x", "remove it"),
        ] {
            assert_eq!(part.fix(name, KINDS[0]), fix, "{name}");
        }
    }
}
