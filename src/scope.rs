//! `scope: VirtualNodePods`: checks only pods and pod templates that may run on a virtual node.
//!
//! A pod that is left out must be unable to run there: a taint keeps pods off a virtual node unless they tolerate it,
//! but `nodeName` bypasses the scheduler and its taints.

use json_scan::{Context, DecodeError, Reader, Value, each, optional_str};

use crate::annotations::{AnnotationInfo, AppliesTo};
use crate::kinds::Role;
use crate::node_names::NodeNames;
use crate::requester::Requester;
use crate::settings::{Scope, Settings, VirtualNodes};

/// Returns whether annotations with this role, and this spec beside them, are checked in full. The annotations of
/// Bindings, Nodes and workloads always are, because no spec shows where they apply. Those of templates in a shadow
/// namespace also are: trusted controllers create their pods, and a webhook may add the toleration to the pods.
///
/// # Errors
/// If a field of the spec has the wrong type. The path is relative to the spec.
pub(crate) fn in_scope(
    settings: &Settings<'_>,
    requester: &Requester<'_>,
    role: Role,
    spec: Option<Value<'_>>,
) -> Result<bool, DecodeError> {
    let depends_on_spec = settings.scope == Scope::VirtualNodePods
        && match role {
            Role::Pod => true,
            Role::PodTemplate => !requester.is_in_shadow_namespace(settings),
            Role::Binding | Role::Node | Role::Workload => false,
        };
    match spec {
        _ if !depends_on_spec => Ok(true),
        Some(spec) => may_run_on(spec, &settings.virtual_nodes),
        None => Ok(false),
    }
}

/// Returns whether an annotation is checked although its pod cannot run on a virtual node: interLink reads the tunnel's
/// password from the templates of shadow Deployments, whose pods run in the cluster, and writes it into a job's
/// commands.
pub(crate) fn applies_outside_scope(info: &AnnotationInfo) -> bool {
    info.applies_to == AppliesTo::ShadowTemplate
}

/// Returns whether a pod with this spec may run on a virtual node.
///
/// # Errors
/// If a field has the wrong type. The path is relative to the spec.
pub(crate) fn may_run_on(spec: Value<'_>, nodes: &VirtualNodes<'_>) -> Result<bool, DecodeError> {
    let [tolerations] = spec.reader().pick(["tolerations"])?;
    if tolerates_any(tolerations, nodes).at_field("tolerations")? {
        return Ok(true);
    }
    let names = NodeNames::decode(spec)?;
    Ok(names.assigned.is_some_and(|name| is_assigned(&name, nodes))
        || names.selected.is_some_and(|name| nodes.has_name(&name))
        || names.required.iter().any(|name| nodes.has_name(name.text())))
}

/// Returns whether any of the tolerations is for a virtual node's taint.
fn tolerates_any(tolerations: Option<Value<'_>>, nodes: &VirtualNodes<'_>) -> Result<bool, DecodeError> {
    let mut found = false;
    each(tolerations, &mut |toleration| {
        found |= tolerates(toleration, nodes)?;
        Ok(())
    })?;
    Ok(found)
}

/// Returns whether a toleration is for a virtual node's taint, or for every taint. Its value and effect could only make
/// it tolerate less.
fn tolerates(toleration: &mut Reader<'_>, nodes: &VirtualNodes<'_>) -> Result<bool, DecodeError> {
    let [key] = toleration.pick(["key"])?;
    let key = optional_str(key, "key")?.unwrap_or_default();
    Ok(key.is_empty() || nodes.taint_keys.contains(&key))
}

/// Returns whether a node name may be a virtual node's. Without `virtualNodes.names`, any node may be virtual.
fn is_assigned(name: &str, nodes: &VirtualNodes<'_>) -> bool {
    nodes.names.is_empty() || nodes.has_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::settings;

    const NAMED: &str = r#"{"scope": "VirtualNodePods", "virtualNodes": {"names": ["vk-1", "vk-2"]}}"#;
    const UNNAMED: &str = r#"{"scope": "VirtualNodePods"}"#;

    fn checks(json: &str, spec: &str) -> Result<bool, String> {
        let spec = Reader::new(spec.as_bytes()).value().unwrap();
        may_run_on(spec, &settings(json).virtual_nodes).map_err(|error| error.to_string())
    }

    #[test]
    fn checks_pods_that_tolerate_the_taint() {
        for toleration in [
            r#"{"key": "virtual-node.interlink/no-schedule", "operator": "Exists"}"#,
            r#"{"key": "virtual-node.interlink/no-schedule", "value": "x", "effect": "NoExecute"}"#,
            r#"{"operator": "Exists"}"#,
            r#"{"operator": "Exists", "key": ""}"#,
            r#"{"operator": "Exists", "key": null}"#,
        ] {
            let spec = format!(r#"{{"tolerations": [{{"key": "other"}}, {toleration}]}}"#);
            assert_eq!(checks(UNNAMED, &spec), Ok(true), "{toleration}");
        }
        let other = r#"{"tolerations": [{"key": "virtual-node.interlink/no-schedule-2", "operator": "Exists"}]}"#;
        assert_eq!(checks(UNNAMED, other), Ok(false));
        assert_eq!(checks(UNNAMED, "{}"), Ok(false));
    }

    #[test]
    fn checks_pods_that_name_the_node() {
        assert_eq!(checks(NAMED, r#"{"nodeName": "vk-2"}"#), Ok(true));
        assert_eq!(checks(NAMED, r#"{"nodeName": "worker"}"#), Ok(false));
        assert_eq!(checks(UNNAMED, r#"{"nodeName": "worker"}"#), Ok(true), "any node may be virtual");
        assert_eq!(checks(UNNAMED, r#"{"nodeName": ""}"#), Ok(false));
        assert_eq!(checks(NAMED, r#"{"nodeSelector": {"kubernetes.io/hostname": "vk-1"}}"#), Ok(true));
        assert_eq!(checks(NAMED, r#"{"nodeSelector": {"hostname": "vk-1"}}"#), Ok(false));
    }

    fn required(term: &str) -> String {
        format!(
            r#"{{"affinity": {{"nodeAffinity": {{"requiredDuringSchedulingIgnoredDuringExecution":
            {{"nodeSelectorTerms": [{{}}, {term}]}}}}}}}}"#
        )
    }

    #[test]
    fn checks_pods_whose_affinity_names_the_node() {
        for term in [
            r#"{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["a", "vk-1"]}]}"#,
            r#"{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["vk-1"]}]}"#,
        ] {
            assert_eq!(checks(NAMED, &required(term)), Ok(true), "{term}");
            assert_eq!(checks(NAMED, &required(&term.replace("In", "NotIn"))), Ok(false), "{term}");
            assert_eq!(checks(NAMED, &required(&term.replace("vk-1", "vk-3"))), Ok(false), "{term}");
        }
        let other = r#"{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["vk-1"]}]}"#;
        assert_eq!(checks(NAMED, &required(other)), Ok(false));
    }

    #[test]
    fn reports_the_path_of_a_malformed_field() {
        for (spec, problem) in [
            (r#"{"tolerations": "all"}"#.to_owned(), "tolerations: must be a list, but is a string"),
            (r#"{"tolerations": [{"key": 7}]}"#.to_owned(), "tolerations[0].key: must be a string, but is a number"),
        ] {
            assert_eq!(checks(NAMED, &spec), Err(problem.to_owned()));
        }
    }
}
