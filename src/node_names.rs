//! The nodes that a pod's spec names.

use std::borrow::Cow;
use std::collections::BTreeSet;

use json_scan::{Context, DecodeError, Reader, Value, each, optional_str, seek_path};

/// The label by which a pod selects a node.
pub(crate) const HOSTNAME: &str = "kubernetes.io/hostname";
/// The field by which an affinity may select a node.
const NODE_NAME: &str = "metadata.name";

/// The path of the terms of a pod's required node affinity.
const REQUIRED_TERMS: [&str; 3] =
    ["nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"];

/// The names of nodes in a pod's spec, by the field that they are in.
#[derive(Debug, Default)]
pub(crate) struct NodeNames<'a> {
    /// `nodeName`, which bypasses the scheduler; `None` if it is empty.
    pub(crate) assigned: Option<Cow<'a, str>>,
    /// The host name in the node selector.
    pub(crate) selected: Option<Cow<'a, str>>,
    /// The names and host names in the required node affinity.
    pub(crate) required: Vec<NodeName<'a>>,
    /// Whether a term of that affinity has none of them, so that it allows other nodes too.
    allows_others: bool,
}

/// A name in a node affinity.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NodeName<'a> {
    /// The name of the node.
    Name(Cow<'a, str>),
    /// The value of its label for the host name.
    Hostname(Cow<'a, str>),
}

/// The nodes to which a pod is restricted by name; empty if it is not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct NamedNodes<'n> {
    pub(crate) names: BTreeSet<&'n str>,
    pub(crate) hostnames: BTreeSet<&'n str>,
}

impl NamedNodes<'_> {
    /// Returns whether there is no name.
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty() && self.hostnames.is_empty()
    }
}

impl NodeName<'_> {
    /// Returns the text.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Name(text) | Self::Hostname(text) => text,
        }
    }
}

impl<'a> NodeNames<'a> {
    /// Decodes the names in a pod's spec.
    ///
    /// # Errors
    /// If a field has the wrong type. The path is relative to the spec.
    pub(crate) fn decode(spec: Value<'a>) -> Result<Self, DecodeError> {
        let [node_name, selector, affinity] = spec.reader().pick(["nodeName", "nodeSelector", "affinity"])?;
        let mut names = Self {
            assigned: optional_str(node_name, "nodeName")?.filter(|name| !name.is_empty()),
            selected: selected(selector).at_field("nodeSelector")?,
            ..Self::default()
        };
        names.add_required(affinity).at_field("affinity")?;
        Ok(names)
    }

    /// Returns the nodes in the field that takes precedence: `nodeName`, then the node selector, then the required
    /// affinity.
    pub(crate) fn decisive(&self) -> NamedNodes<'_> {
        let mut nodes = NamedNodes::default();
        match (&self.assigned, &self.selected) {
            (Some(name), _) => nodes.names.extend([&**name]),
            (None, Some(hostname)) => nodes.hostnames.extend([&**hostname]),
            (None, None) if self.allows_others => {}
            (None, None) => {
                for name in &self.required {
                    match name {
                        NodeName::Name(text) => nodes.names.extend([&**text]),
                        NodeName::Hostname(text) => nodes.hostnames.extend([&**text]),
                    }
                }
            }
        }
        nodes
    }

    /// Adds the names in a required node affinity.
    fn add_required(&mut self, affinity: Option<Value<'a>>) -> Result<(), DecodeError> {
        let terms = seek_path(affinity, &REQUIRED_TERMS)?;
        let added = each(terms, &mut |term| {
            let before = self.required.len();
            let [expressions, fields] = term.pick(["matchExpressions", "matchFields"])?;
            let hostname = &mut |value| self.required.push(NodeName::Hostname(value));
            each(expressions, &mut |expression| visit_values(expression, HOSTNAME, hostname))
                .at_field("matchExpressions")?;
            let name = &mut |value| self.required.push(NodeName::Name(value));
            each(fields, &mut |field| visit_values(field, NODE_NAME, name)).at_field("matchFields")?;
            self.allows_others |= self.required.len() == before;
            Ok(())
        });
        added.at_path(&REQUIRED_TERMS)
    }
}

/// Returns the host name in a node selector.
fn selected(selector: Option<Value<'_>>) -> Result<Option<Cow<'_, str>>, DecodeError> {
    let hostname = seek_path(selector, &[HOSTNAME])?;
    hostname.map(Value::to_str).transpose().at_key(HOSTNAME.as_bytes())
}

/// Visits the values of a requirement that a key is in a list.
fn visit_values<'a>(
    requirement: &mut Reader<'a>,
    expected_key: &str,
    visit: &mut dyn FnMut(Cow<'a, str>),
) -> Result<(), DecodeError> {
    let [key, operator, values] = requirement.pick(["key", "operator", "values"])?;
    let is_relevant = optional_str(key, "key")?.is_some_and(|key| key == expected_key)
        && optional_str(operator, "operator")?.is_some_and(|operator| operator == "In");
    if !is_relevant {
        return Ok(());
    }
    let visited = each(values, &mut |value| {
        visit(value.value()?.to_str()?);
        Ok(())
    });
    visited.at_field("values")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All names in the spec, and the decisive names and host names.
    fn decode(spec: &str) -> Result<(Vec<String>, String), String> {
        let spec = Reader::new(spec.as_bytes()).value().unwrap();
        let names = NodeNames::decode(spec).map_err(|error| error.to_string())?;
        let single = names.assigned.iter().chain(&names.selected).map(ToString::to_string);
        let all = single.chain(names.required.iter().map(|name| name.text().to_owned())).collect();
        let NamedNodes { names, hostnames } = names.decisive();
        Ok((all, format!("{names:?} {hostnames:?}")))
    }

    fn affinity(terms: &str) -> String {
        format!(
            r#""affinity": {{"nodeAffinity": {{"requiredDuringSchedulingIgnoredDuringExecution":
            {{"nodeSelectorTerms": [{terms}]}}}}}}"#
        )
    }

    #[test]
    fn decodes_the_names_in_every_field() {
        let terms = r#"{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["a", "b", "a"]}]},
            {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["c"]}]}"#;
        let spec =
            format!(r#"{{"nodeName": "n", "nodeSelector": {{"kubernetes.io/hostname": "s"}}, {}}}"#, affinity(terms));
        let (all, decisive) = decode(&spec).unwrap();
        assert_eq!((all.join(" "), decisive), ("n s a b a c".to_owned(), r#"{"n"} {}"#.to_owned()));
        assert_eq!(decode(&spec.replace(r#""n""#, r#""""#)).unwrap().1, r#"{} {"s"}"#);
        assert_eq!(decode(&format!("{{{}}}", affinity(terms))).unwrap().1, r#"{"c"} {"a", "b"}"#);
        for other in [
            "{}",
            r#"{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["x"]}]}"#,
            r#"{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["x"]}]}"#,
        ] {
            let spec = format!("{{{}}}", affinity(&format!("{terms}, {other}")));
            assert_eq!(decode(&spec).unwrap().1, "{} {}", "the term allows other nodes: {other}");
        }
        for spec in ["{}", r#"{"nodeName": null, "nodeSelector": {"hostname": "x"}}"#] {
            assert_eq!(decode(spec), Ok((Vec::new(), "{} {}".to_owned())));
        }
    }

    #[test]
    fn reports_the_path_of_a_malformed_field() {
        for (spec, problem) in [
            (r#"{"nodeName": 7}"#.to_owned(), "nodeName: must be a string, but is a number"),
            (
                format!("{{{}}}", affinity("7")),
                "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]: \
                 must be an object, but is a number",
            ),
            (
                r#"{"affinity": {"nodeAffinity": []}}"#.to_owned(),
                "affinity.nodeAffinity: must be an object, but is a list",
            ),
        ] {
            assert_eq!(decode(&spec), Err(problem.to_owned()));
        }
    }
}
