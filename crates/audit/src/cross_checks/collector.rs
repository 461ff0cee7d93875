//! Keeps the data that the checks need of all objects, and compares it at the end.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use interlink_annotations_policy::annotations::{JOB_ID, POD_IP};
use interlink_annotations_policy::response::show_name;
use interlink_annotations_policy::settings::Settings;

use super::Check;
use super::nodes::Nodes;
use super::record::{Object, Pod, Record};
use crate::outcome::{Finding, Outcome};

/// The maximum number of pods that are kept for a node. Further pods are only counted: it may be known only at the end
/// that a node is ordinary, and a cluster has many pods on ordinary nodes.
const PODS_PER_NODE: usize = 100;

const ANNOTATIONS: &str = "metadata.annotations";

const FIX_DUPLICATE: &str = "delete one of the two pods, and create it again without this address";
const FIX_JOB: &str = "check the connection to interLink's API and the plugin's log, and create the pod again";
const FIX_ADDRESS: &str = "check PodCIDR in the virtual kubelet's configuration and its log, and create the pod again";

/// The data that the checks keep of the objects so far, in the order of the input.
#[derive(Debug)]
pub(crate) struct Collector {
    nodes: Nodes,
    addresses: Vec<Holder>,
    /// By the name of a node, the pods that lack something if the node is virtual.
    lacking: HashMap<String, Lacking>,
    /// The number of records.
    count: usize,
}

/// A pod that has or requests an address.
#[derive(Debug)]
struct Holder {
    position: usize,
    object: Object,
    node: String,
    address: IpAddr,
    line: Option<usize>,
}

/// Pods of a node that lack something if it is virtual.
#[derive(Debug, Default)]
struct Lacking {
    pods: Vec<(usize, Pod)>,
    /// The number of further pods.
    more: usize,
}

/// The findings of all checks, by the positions of their objects in the input.
#[derive(Debug, Default)]
pub(super) struct Findings(BTreeMap<usize, Outcome>);

impl Collector {
    pub(crate) fn new(settings: &[u8]) -> Self {
        // Another version's module may have settings that this library cannot read.
        let settings = Settings::parse(settings).unwrap_or_default();
        Self { nodes: Nodes::new(&settings), addresses: Vec::new(), lacking: HashMap::new(), count: 0 }
    }

    pub(crate) fn add(&mut self, record: Record) {
        let position = self.count;
        self.count += 1;
        match record {
            Record::Node(node) => {
                let name = node.object.name.clone();
                self.nodes.add(position, node);
                if self.nodes.is_ordinary(&name) {
                    self.lacking.remove(&name);
                }
            }
            Record::Pod(pod) => self.add_pod(position, pod),
        }
    }

    fn add_pod(&mut self, position: usize, mut pod: Pod) {
        if self.nodes.is_ordinary(&pod.node) {
            return;
        }
        if let Some((address, line)) = pod.address {
            let (object, node) = (pod.object.clone(), pod.node.clone());
            self.addresses.push(Holder { position, object, node, address, line });
        }
        if pod.lacks_job_id || pod.lacks_address {
            // The name is the key, so the pod does not need a copy.
            let lacking = self.lacking.entry(std::mem::take(&mut pod.node)).or_default();
            if lacking.pods.len() < PODS_PER_NODE {
                lacking.pods.push((position, pod));
            } else {
                lacking.more += 1;
            }
        }
    }

    /// Returns the findings of the checks, in the order of the input.
    pub(crate) fn finish(self) -> impl Iterator<Item = Outcome> {
        let mut findings = Findings::default();
        self.check_addresses(&mut findings);
        for (node, lacking) in &self.lacking {
            if self.nodes.is_virtual(node) {
                lacking.check(node, &mut findings);
            }
        }
        self.nodes.check(&mut findings);
        findings.0.into_values()
    }

    /// Finds addresses that an earlier pod already has.
    fn check_addresses(&self, findings: &mut Findings) {
        let mut first: HashMap<IpAddr, &Object> = HashMap::new();
        // interLink ignores the annotation on a pod of another node, such as a tunnel's shadow pod.
        for holder in self.addresses.iter().filter(|holder| !self.nodes.is_ordinary(&holder.node)) {
            let Holder { position, object, address, line, .. } = holder;
            match first.entry(*address) {
                Entry::Vacant(entry) => {
                    entry.insert(object);
                }
                Entry::Occupied(other) if !other.get().is_same(object) => {
                    let problem = format!("is {address}, which Pod {} has too", shown(other.get()));
                    let finding =
                        Check::DuplicatePodIp.finding(ANNOTATIONS, Some(POD_IP), *line, problem, FIX_DUPLICATE);
                    findings.add(*position, "Pod", object, finding);
                }
                Entry::Occupied(_) => {}
            }
        }
    }
}

impl Lacking {
    fn check(&self, node: &str, findings: &mut Findings) {
        let node = show_name(node);
        for (position, pod) in &self.pods {
            let mut report = |check: Check, key, problem, fix| {
                let finding = check.finding(ANNOTATIONS, Some(key), pod.line, problem, fix);
                findings.add(*position, "Pod", &pod.object, finding);
            };
            if pod.lacks_job_id {
                let problem = format!("is missing, although the pod is running on the virtual node {node}");
                report(Check::JobNotTracked, JOB_ID, problem, FIX_JOB);
            }
            if pod.lacks_address {
                let problem =
                    format!("is missing, although the pod is running with the VPN on the virtual node {node}");
                report(Check::PodIpNotAssigned, POD_IP, problem, FIX_ADDRESS);
            }
        }
        if let Some((last, _)) = self.pods.last()
            && let Some(outcome) = findings.0.get_mut(last)
        {
            outcome.omitted_findings += self.more;
        }
    }
}

impl Findings {
    /// Adds a finding about an object.
    pub(super) fn add(&mut self, position: usize, kind: &str, object: &Object, finding: Finding) {
        let outcome = self.0.entry(position).or_insert_with(|| {
            let Object { origin, namespace, name, uid } = object.clone();
            Outcome::across_objects(origin, kind, namespace, name, uid)
        });
        outcome.findings.push(finding);
    }
}

/// Names an object in a sentence.
pub(super) fn shown(object: &Object) -> String {
    let name = show_name(&object.name);
    match object.namespace.as_str() {
        "" => name,
        namespace => format!("{}/{name}", show_name(namespace)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Node;
    use super::*;
    use crate::document::Origin;

    const SETTINGS: &[u8] = br#"{"virtualNodes": {"names": ["named"]}, "podIP": {"cidrs": ["10.250.0.0/16"]}}"#;

    fn object(name: &str) -> Object {
        let [namespace, name, uid] = ["n", name, name].map(str::to_owned);
        Object { origin: Origin::file("f"), namespace, name, uid }
    }

    fn node(name: &str, has_label: bool, range: Option<&str>) -> Record {
        let range = range.map(|range| (range.parse().unwrap(), None));
        Record::Node(Node { object: object(name), has_label, range })
    }

    /// Returns a pod that has an address, or else lacks its `JobID`.
    fn pod(name: &str, node: &str, address: Option<&str>) -> Record {
        Record::Pod(Pod {
            object: object(name),
            node: node.to_owned(),
            address: address.map(|address| (address.parse().unwrap(), None)),
            lacks_job_id: address.is_none(),
            lacks_address: false,
            line: None,
        })
    }

    fn outcomes(records: Vec<Record>) -> Vec<Outcome> {
        let mut collector = Collector::new(SETTINGS);
        for record in records {
            collector.add(record);
        }
        collector.finish().collect()
    }

    /// Returns the objects with findings, and what is found.
    fn found(records: Vec<Record>) -> Vec<String> {
        let text = |outcome: Outcome| {
            let rules: Vec<_> = outcome.findings.iter().map(|it| format!("{} {}", it.rule(), it.problem)).collect();
            format!("{}: {}", outcome.name, rules.join(", "))
        };
        outcomes(records).into_iter().map(text).collect()
    }

    #[test]
    fn finds_an_address_of_several_pods() {
        let ip = Some("10.250.1.5");
        let expected = |name| format!("{name}: duplicate-pod-ip is 10.250.1.5, which Pod n/a has too");
        let pods = |nodes: [&str; 3]| vec![pod("a", nodes[0], ip), pod("b", nodes[1], ip), pod("c", nodes[2], ip)];
        assert_eq!(found(pods(["", "", "named"])), ["b", "c"].map(expected));
        assert_eq!(found(vec![pod("a", "", ip), pod("a", "", ip)]), [""; 0], "one pod that is read twice");
        for is_last in [false, true] {
            let mut records = pods(["named", "other", ""]);
            let index = if is_last { records.len() } else { 0 };
            records.insert(index, node("other", false, None));
            assert_eq!(found(records), [expected("c")], "other is no virtual node");
        }
    }

    #[test]
    fn finds_pods_without_a_job_on_virtual_nodes_only() {
        let pods = || vec![pod("a", "named", None), pod("b", "other", None), pod("c", "labelled", None)];
        let missing = |name, node| {
            format!("{name}: job-not-tracked is missing, although the pod is running on the virtual node {node}")
        };
        assert_eq!(found(pods()), [missing("a", "named")]);
        for is_last in [false, true] {
            let nodes = vec![node("labelled", true, None), node("other", false, None)];
            let lists = if is_last { [pods(), nodes] } else { [nodes, pods()] };
            assert_eq!(found(lists.into_iter().flatten().collect()), [missing("a", "named"), missing("c", "labelled")]);
        }
    }

    #[test]
    fn keeps_a_bounded_number_of_pods_for_a_node() {
        let pods = (0..PODS_PER_NODE + 7).map(|number| pod(&format!("p{number}"), "named", None));
        let outcomes = outcomes(pods.collect());
        assert_eq!(outcomes.len(), PODS_PER_NODE);
        assert_eq!(outcomes.iter().map(|outcome| outcome.omitted_findings).sum::<usize>(), 7);
    }

    #[test]
    fn finds_ranges_that_overlap_or_are_not_allowed() {
        let range = |name, range| node(name, true, Some(range));
        assert_eq!(
            found(vec![
                range("a", "10.250.1.0/24"),
                range("b", "10.250.2.0/24"),
                range("a", "10.250.1.0/24"),
                range("c", "10.250.0.0/16"),
                range("d", "10.0.0.0/24"),
                range("e", "fd00::/64"),
                node("other", false, Some("10.250.1.0/24")),
            ]),
            [
                "c: node-range is 10.250.0.0/16, which overlaps 10.250.1.0/24 of the virtual node n/a",
                "d: node-range is 10.0.0.0/24, which is in none of the ranges in podIP.cidrs",
                "e: node-range is fd00::/64, which is in none of the ranges in podIP.cidrs",
            ]
        );
    }
}
