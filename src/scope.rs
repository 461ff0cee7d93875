//! `scope: VirtualNodePods`: checks only pods and pod templates that may run on a virtual node.
//!
//! A pod that is left out must be unable to run there: a taint keeps pods off a virtual node unless they tolerate it,
//! but `nodeName` bypasses the scheduler and its taints.

use json_scan::{Context, DecodeError, Value, optional_str, seek_path};

use crate::annotations::{AnnotationInfo, AppliesTo};
use crate::kinds::Role;
use crate::requester::Requester;
use crate::settings::{Scope, Settings, VirtualNodes};

/// The label by which a pod selects a node.
const HOSTNAME: &str = "kubernetes.io/hostname";
/// The field by which an affinity may select a node.
const NODE_NAME: &str = "metadata.name";

/// The path of the terms of a pod's required node affinity.
const REQUIRED_TERMS: [&str; 3] =
    ["nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"];

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
fn may_run_on(spec: Value<'_>, nodes: &VirtualNodes<'_>) -> Result<bool, DecodeError> {
    let [tolerations, node_name, selector, affinity] =
        spec.reader().pick(["tolerations", "nodeName", "nodeSelector", "affinity"])?;
    Ok(any(tolerations, &mut |toleration| tolerates(toleration, nodes)).at_field("tolerations")?
        || optional_str(node_name, "nodeName")?.is_some_and(|name| is_assigned(&name, nodes))
        || selects(selector, nodes).at_field("nodeSelector")?
        || requires(affinity, nodes).at_field("affinity")?)
}

/// Returns whether a toleration is for a virtual node's taint, or for every taint. Its value and effect could only make
/// it tolerate less.
fn tolerates(toleration: Value<'_>, nodes: &VirtualNodes<'_>) -> Result<bool, DecodeError> {
    let [key] = toleration.reader().pick(["key"])?;
    let key = optional_str(key, "key")?.unwrap_or_default();
    Ok(key.is_empty() || nodes.taint_keys.contains(&key))
}

/// Returns whether a node name may be a virtual node's. Without `virtualNodes.names`, any node may be virtual.
fn is_assigned(name: &str, nodes: &VirtualNodes<'_>) -> bool {
    !name.is_empty() && (nodes.names.is_empty() || nodes.has_name(name))
}

/// Returns whether a node selector names a virtual node.
fn selects(selector: Option<Value<'_>>, nodes: &VirtualNodes<'_>) -> Result<bool, DecodeError> {
    let hostname = seek_path(selector, &[HOSTNAME])?;
    let hostname = hostname.map(Value::to_str).transpose().at_key(HOSTNAME.as_bytes())?;
    Ok(hostname.is_some_and(|name| nodes.has_name(&name)))
}

/// Returns whether a required node affinity names a virtual node.
fn requires(affinity: Option<Value<'_>>, nodes: &VirtualNodes<'_>) -> Result<bool, DecodeError> {
    let terms = seek_path(affinity, &REQUIRED_TERMS)?;
    let requires = any(terms, &mut |term| {
        let [expressions, fields] = term.reader().pick(["matchExpressions", "matchFields"])?;
        Ok(any(expressions, &mut |expression| allows(expression, HOSTNAME, nodes)).at_field("matchExpressions")?
            || any(fields, &mut |field| allows(field, NODE_NAME, nodes)).at_field("matchFields")?)
    });
    requires.at_path(&REQUIRED_TERMS)
}

/// Returns whether a requirement on a key names a virtual node.
fn allows(requirement: Value<'_>, expected_key: &str, nodes: &VirtualNodes<'_>) -> Result<bool, DecodeError> {
    let [key, operator, values] = requirement.reader().pick(["key", "operator", "values"])?;
    let is_relevant = optional_str(key, "key")?.is_some_and(|key| key == expected_key)
        && optional_str(operator, "operator")?.is_some_and(|operator| operator == "In");
    Ok(is_relevant && any(values, &mut |value| Ok(nodes.has_name(&value.to_str()?))).at_field("values")?)
}

/// Returns whether the predicate returns true for any element of a list. An absent list has none.
fn any<'a>(
    list: Option<Value<'a>>,
    predicate: &mut dyn FnMut(Value<'a>) -> Result<bool, DecodeError>,
) -> Result<bool, DecodeError> {
    let mut found = false;
    if let Some(list) = list {
        list.reader().elements(&mut |element| {
            found |= predicate(element.value()?)?;
            Ok(())
        })?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use json_scan::Reader;

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
            (
                required("7"),
                "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[1]: \
                 must be an object, but is a number",
            ),
            (
                r#"{"affinity": {"nodeAffinity": []}}"#.to_owned(),
                "affinity.nodeAffinity: must be an object, but is a list",
            ),
        ] {
            assert_eq!(checks(NAMED, &spec), Err(problem.to_owned()));
        }
    }
}
