//! The virtual nodes, and the ranges of their pods' addresses.

use ipnet::IpNet;
use json_scan::{DecodeError, Value, each, optional_str, pick};

use super::items;
use crate::node_names::{HOSTNAME, NamedNodes};
use crate::settings::parse_range;

/// Asks for the nodes with interLink's label. The policy server sends all metadata, whatever the masks are; they name
/// what is read.
pub(super) const REQUEST: &[u8] = br#"{"api_version":"v1","kind":"Node","label_selector":"virtual-node.interlink/type","field_selector":null,"field_masks":["metadata.labels","metadata.name","spec.podCIDR","spec.podCIDRs"]}"#;

/// The virtual nodes of a cluster.
#[derive(Debug, Default)]
pub(crate) struct VirtualNodes(Vec<VirtualNode>);

#[derive(Debug)]
struct VirtualNode {
    name: String,
    /// The value of the label by which pods select a node.
    hostname: String,
    ranges: Vec<IpNet>,
}

impl VirtualNodes {
    /// Decodes the host's answer.
    ///
    /// # Errors
    /// If it is not a list of nodes.
    pub(crate) fn decode(answer: &[u8]) -> Result<Self, DecodeError> {
        let mut nodes = Vec::new();
        items(answer)?.elements(&mut |item| {
            nodes.push(VirtualNode::decode(item.value()?)?);
            Ok(())
        })?;
        Ok(Self(nodes))
    }

    /// Returns the ranges of all nodes.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = IpNet> {
        self.0.iter().flat_map(|node| &node.ranges).copied()
    }

    /// Returns the ranges of the nodes that a pod names, and whether one of them has none.
    pub(crate) fn ranges_of(&self, named: &NamedNodes<'_>) -> (Vec<IpNet>, bool) {
        let is_named =
            |node: &&VirtualNode| named.names.contains(&*node.name) || named.hostnames.contains(&*node.hostname);
        let (mut ranges, mut lacks_range) = (Vec::new(), false);
        for node in self.0.iter().filter(is_named) {
            lacks_range |= node.ranges.is_empty();
            ranges.extend(&node.ranges);
        }
        (ranges, lacks_range)
    }
}

impl VirtualNode {
    fn decode(node: Value<'_>) -> Result<Self, DecodeError> {
        let [metadata, spec] = node.reader().pick(["metadata", "spec"])?;
        let [name, labels] = pick(metadata, ["name", "labels"])?;
        let [hostname] = pick(labels, [HOSTNAME])?;
        let [range, ranges] = pick(spec, ["podCIDR", "podCIDRs"])?;
        let mut decoded = Self {
            name: optional_str(name, "name")?.unwrap_or_default().into_owned(),
            hostname: optional_str(hostname, HOSTNAME)?.unwrap_or_default().into_owned(),
            ranges: Vec::new(),
        };
        decoded.add_range(&optional_str(range, "podCIDR")?.unwrap_or_default());
        each(ranges, &mut |range| {
            decoded.add_range(&range.value()?.to_str()?);
            Ok(())
        })?;
        Ok(decoded)
    }

    /// Adds a range, unless it is there already. A range of every address, which the settings refuse too, does not
    /// count.
    fn add_range(&mut self, text: &str) {
        if let Some(range) = parse_range(text).map(|range| range.trunc())
            && range.prefix_len() > 0
            && !self.ranges.contains(&range)
        {
            self.ranges.push(range);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Tree, json};

    use super::*;

    fn decode(nodes: &Tree) -> Result<VirtualNodes, String> {
        let answer = json!({"kind": "NodeList", "items": nodes}).to_string();
        VirtualNodes::decode(answer.as_bytes()).map_err(|error| error.to_string())
    }

    fn texts(ranges: impl IntoIterator<Item = IpNet>) -> Vec<String> {
        ranges.into_iter().map(|range| range.to_string()).collect()
    }

    #[test]
    fn returns_the_ranges_of_the_nodes_that_are_named() {
        let nodes = decode(&json!([
            {"metadata": {"name": "hpc-1"}, "spec": {"podCIDR": "10.250.0.0/16"}},
            {
                "metadata": {"name": "hpc-2", "labels": {"kubernetes.io/hostname": "second"}},
                "spec": {"podCIDR": "10.251.0.7/16", "podCIDRs": ["10.251.0.0/16", "fd00::/64", "0.0.0.0/0", "x"]},
            },
            {"metadata": {"name": "hpc-3"}, "spec": {}},
        ]));
        let nodes = nodes.unwrap();
        assert_eq!(texts(nodes.ranges()), ["10.250.0.0/16", "10.251.0.0/16", "fd00::/64"]);
        let ranges_of = |names: &[&'static str], hostnames: &[&'static str]| {
            let set = |texts: &[&'static str]| texts.iter().copied().collect();
            let (ranges, lacks_range) = nodes.ranges_of(&NamedNodes { names: set(names), hostnames: set(hostnames) });
            (texts(ranges).join(" "), lacks_range)
        };
        let second = "10.251.0.0/16 fd00::/64";
        assert_eq!(ranges_of(&["hpc-1"], &[]), ("10.250.0.0/16".to_owned(), false));
        assert_eq!(ranges_of(&[], &["second"]), (second.to_owned(), false));
        assert_eq!(ranges_of(&["hpc-2", "worker"], &["second"]), (second.to_owned(), false));
        assert_eq!(ranges_of(&["hpc-1", "hpc-3"], &[]), ("10.250.0.0/16".to_owned(), true));
        for (names, hostnames) in [(&["second"][..], &["hpc-2"][..]), (&["worker"], &[]), (&[], &[])] {
            assert_eq!(ranges_of(names, hostnames), (String::new(), false), "{names:?} {hostnames:?}");
        }
    }

    #[test]
    fn rejects_an_answer_that_is_no_list_of_nodes() {
        assert!(decode(&json!({})).is_err());
        assert!(decode(&json!([7])).is_err());
        assert!(decode(&json!([{"metadata": {"name": 7}}])).is_err());
        assert!(VirtualNodes::decode(b"{}").is_err());
    }
}
