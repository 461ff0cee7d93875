//! `scope: VirtualNodePods`: only pods and templates that can land on a virtual node are judged.
//!
//! Who is left out must be sure not to: a taint keeps pods off a virtual node unless they tolerate it, and `nodeName`
//! goes past the scheduler and its taints.

use crate::annotations::{Belongs, Known};
use crate::json::{Unreadable, Value, descend, text};
use crate::kind::Carries;
use crate::settings::{Scope, Settings, VirtualNodes};
use crate::subject::Subject;

/// The label by which a pod selects a node.
const HOSTNAME: &str = "kubernetes.io/hostname";
/// The field by which it may do so as well.
const NAME: &str = "metadata.name";

/// Where a pod's affinity says on which nodes it may only be.
const REQUIRED: [&str; 3] = ["nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"];

/// Whether a subject is judged. Bindings, Nodes and what stands on workloads always are: no spec tells of them.
///
/// # Errors
/// If a part of the spec that is read has the wrong type. The place begins behind the object's.
pub fn covers(settings: &Settings<'_>, subject: &Subject<'_>) -> Result<bool, Unreadable> {
    let is_pod = matches!(subject.place.carries, Carries::Pod | Carries::Template);
    match subject.spec {
        _ if settings.scope == Scope::AllPods || !is_pod => Ok(true),
        None => Ok(false),
        Some(spec) => {
            let landing = can_land(spec, &settings.virtual_nodes);
            landing.map_err(|problem| subject.inside_path(problem.inside(".spec")))
        }
    }
}

/// Whether an annotation matters although its pod can land on no virtual node: interLink reads its shadow Deployments'
/// templates, whose pods run in the cluster, and pastes the password into the commands of the job.
pub fn reaches_out(known: &Known) -> bool {
    known.belongs == Belongs::ShadowTemplate
}

fn can_land(spec: Value<'_>, nodes: &VirtualNodes<'_>) -> Result<bool, Unreadable> {
    let [tolerations, node_name, selector, affinity] =
        spec.reader().pick(["tolerations", "nodeName", "nodeSelector", "affinity"])?;
    Ok(any(tolerations, ".tolerations", &mut |toleration| tolerates(toleration, nodes))?
        || text(node_name, ".nodeName")?.is_some_and(|name| is_placed(&name, nodes))
        || selects(selector, nodes).map_err(|problem| problem.inside(".nodeSelector"))?
        || requires(affinity, nodes).map_err(|problem| problem.inside(".affinity"))?)
}

/// Whether a toleration is of a virtual node's taint, or of every taint. Its value and effect do not matter: they could
/// only make it tolerate less.
fn tolerates(toleration: Value<'_>, nodes: &VirtualNodes<'_>) -> Result<bool, Unreadable> {
    let [key] = toleration.reader().pick(["key"])?;
    let key = text(key, ".key")?.unwrap_or_default();
    Ok(key.is_empty() || nodes.taint_keys.contains(&key))
}

/// Whether a pod that names its node may be on a virtual one. Without their names, any node may be one.
fn is_placed(name: &str, nodes: &VirtualNodes<'_>) -> bool {
    !name.is_empty() && (nodes.names.is_empty() || nodes.has(name))
}

fn selects(selector: Option<Value<'_>>, nodes: &VirtualNodes<'_>) -> Result<bool, Unreadable> {
    let hostname = descend(selector, &[HOSTNAME])?;
    Ok(text(hostname, &format!("[{HOSTNAME}]"))?.is_some_and(|name| nodes.has(&name)))
}

fn requires(affinity: Option<Value<'_>>, nodes: &VirtualNodes<'_>) -> Result<bool, Unreadable> {
    let terms = descend(affinity, &REQUIRED)?;
    any(terms, &format!(".{}", REQUIRED.join(".")), &mut |term| {
        let [expressions, fields] = term.reader().pick(["matchExpressions", "matchFields"])?;
        Ok(any(expressions, ".matchExpressions", &mut |expression| names_one(expression, HOSTNAME, nodes))?
            || any(fields, ".matchFields", &mut |field| names_one(field, NAME, nodes))?)
    })
}

/// Whether a requirement on this key allows a virtual node by its name.
fn names_one(requirement: Value<'_>, expected: &str, nodes: &VirtualNodes<'_>) -> Result<bool, Unreadable> {
    let [key, operator, values] = requirement.reader().pick(["key", "operator", "values"])?;
    if text(key, ".key")?.is_none_or(|key| key != expected) || text(operator, ".operator")?.is_none_or(|it| it != "In")
    {
        return Ok(false);
    }
    any(values, ".values", &mut |value| Ok(nodes.has(&value.to_str()?)))
}

/// Whether one of a list's elements is so; a list that is not there has none.
fn any<'a>(
    list: Option<Value<'a>>,
    step: &str,
    is_so: &mut dyn FnMut(Value<'a>) -> Result<bool, Unreadable>,
) -> Result<bool, Unreadable> {
    let mut found = false;
    if let Some(list) = list {
        let elements = list.reader().elements(&mut |element| {
            found |= is_so(element.value()?)?;
            Ok(())
        });
        elements.map_err(|problem| problem.inside(step))?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Reader;
    use crate::rules::testing::settings;

    const NAMED: &str = r#"{"scope": "VirtualNodePods", "virtualNodes": {"names": ["vk-1", "vk-2"]}}"#;
    const UNNAMED: &str = r#"{"scope": "VirtualNodePods"}"#;

    fn lands(json: &str, spec: &str) -> Result<bool, String> {
        let spec = Reader::new(spec.as_bytes()).value().unwrap();
        can_land(spec, &settings(json).virtual_nodes).map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_toleration_of_its_taint_or_of_every_taint() {
        for toleration in [
            r#"{"key": "virtual-node.interlink/no-schedule", "operator": "Exists"}"#,
            r#"{"key": "virtual-node.interlink/no-schedule", "value": "x", "effect": "NoExecute"}"#,
            r#"{"operator": "Exists"}"#,
            r#"{"operator": "Exists", "key": ""}"#,
            r#"{"operator": "Exists", "key": null}"#,
        ] {
            let spec = format!(r#"{{"tolerations": [{{"key": "other"}}, {toleration}]}}"#);
            assert_eq!(lands(UNNAMED, &spec), Ok(true), "{toleration}");
        }
        let other = r#"{"tolerations": [{"key": "virtual-node.interlink/no-schedule-2", "operator": "Exists"}]}"#;
        assert_eq!(lands(UNNAMED, other), Ok(false));
        assert_eq!(lands(UNNAMED, "{}"), Ok(false));
    }

    #[test]
    fn a_node_by_its_name() {
        assert_eq!(lands(NAMED, r#"{"nodeName": "vk-2"}"#), Ok(true));
        assert_eq!(lands(NAMED, r#"{"nodeName": "worker"}"#), Ok(false));
        assert_eq!(lands(UNNAMED, r#"{"nodeName": "worker"}"#), Ok(true), "any node may be virtual");
        assert_eq!(lands(UNNAMED, r#"{"nodeName": ""}"#), Ok(false));
        assert_eq!(lands(NAMED, r#"{"nodeSelector": {"kubernetes.io/hostname": "vk-1"}}"#), Ok(true));
        assert_eq!(lands(NAMED, r#"{"nodeSelector": {"hostname": "vk-1"}}"#), Ok(false));
    }

    fn required(term: &str) -> String {
        format!(
            r#"{{"affinity": {{"nodeAffinity": {{"requiredDuringSchedulingIgnoredDuringExecution":
            {{"nodeSelectorTerms": [{{}}, {term}]}}}}}}}}"#
        )
    }

    #[test]
    fn a_required_affinity() {
        for term in [
            r#"{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["a", "vk-1"]}]}"#,
            r#"{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["vk-1"]}]}"#,
        ] {
            assert_eq!(lands(NAMED, &required(term)), Ok(true), "{term}");
            assert_eq!(lands(NAMED, &required(&term.replace("In", "NotIn"))), Ok(false), "{term}");
            assert_eq!(lands(NAMED, &required(&term.replace("vk-1", "vk-3"))), Ok(false), "{term}");
        }
        let other = r#"{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["vk-1"]}]}"#;
        assert_eq!(lands(NAMED, &required(other)), Ok(false));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
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
            assert_eq!(lands(NAMED, &spec), Err(problem.to_owned()));
        }
    }
}
