//! The virtual nodes, and their ranges of addresses.

use std::collections::HashMap;

use interlink_annotations_policy::settings::Settings;
use ipnet::IpNet;

use super::Check;
use super::collector::{Findings, shown};
use super::record::{Node, Object};

const RANGE: &str = "spec.podCIDR";
const FIX: &str =
    "give the node a range of its own with PodCIDR.Subnet, and create it again: podCIDR cannot be changed";
const FIX_OUTSIDE: &str = "add the range to podIP.cidrs, or change PodCIDR.Subnet and create the node again";

/// The nodes of the input.
#[derive(Debug)]
pub(super) struct Nodes {
    /// Whether a node is virtual, by its name.
    known: HashMap<String, bool>,
    ranges: Vec<Range>,
    /// The ranges of `podIP.cidrs`.
    allowed: Vec<IpNet>,
}

/// The range of a virtual node.
#[derive(Debug)]
struct Range {
    position: usize,
    object: Object,
    cidr: IpNet,
    line: Option<usize>,
}

impl Nodes {
    pub(super) fn new(settings: &Settings<'_>) -> Self {
        Self {
            known: settings.virtual_nodes.names.iter().map(|name| (name.clone().into_owned(), true)).collect(),
            ranges: Vec::new(),
            allowed: settings.pod_ip.cidrs.clone(),
        }
    }

    pub(super) fn add(&mut self, position: usize, node: Node) {
        let Node { object, has_label, range } = node;
        let is_virtual = has_label || self.is_virtual(&object.name);
        self.known.insert(object.name.clone(), is_virtual);
        if is_virtual {
            self.ranges.extend(range.map(|(cidr, line)| Range { position, object, cidr, line }));
        }
    }

    pub(super) fn is_virtual(&self, name: &str) -> bool {
        self.known.get(name) == Some(&true)
    }

    /// Returns whether the input has a node with this name that is not virtual.
    pub(super) fn is_ordinary(&self, name: &str) -> bool {
        self.known.get(name) == Some(&false)
    }

    /// Finds ranges that overlap an earlier one, or are not allowed.
    pub(super) fn check(&self, findings: &mut Findings) {
        for (index, node) in self.ranges.iter().enumerate() {
            let Range { position, object, cidr, line } = node;
            let mut report = |problem, fix| {
                let finding = Check::NodeRange.finding(RANGE, None, *line, problem, fix);
                findings.add(*position, "Node", object, finding);
            };
            let overlaps = |other: &&Range| overlap(cidr, &other.cidr) && !other.object.is_same(object);
            if let Some(other) = self.ranges[..index].iter().find(overlaps) {
                let (other, name) = (other.cidr, shown(&other.object));
                report(format!("is {cidr}, which overlaps {other} of the virtual node {name}"), FIX);
            }
            if !self.allowed.is_empty() && !self.allowed.iter().any(|allowed| allowed.contains(cidr)) {
                report(format!("is {cidr}, which is in none of the ranges in podIP.cidrs"), FIX_OUTSIDE);
            }
        }
    }
}

fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}
