//! What the checks across objects need of one object.

use std::net::IpAddr;

use interlink_annotations_policy::annotations::{JOB_ID, POD_IP, POD_VPN, WSTUNNEL_PATH_PREFIX};
use interlink_annotations_policy::is_stored_version;
use ipnet::IpNet;
use json_scan::{Field, Nested, Reader, Record as Fields, Value, bytes_eq, present};

use crate::document::{Document, Origin};
use crate::object::{lines_before, text};

/// The label of virtual nodes, with its value.
const VIRTUAL_NODE: (&[u8], &str) = (b"virtual-node.interlink/type", "virtual-kubelet");

/// What the checks need of an object.
#[derive(Debug)]
pub(crate) enum Record {
    /// A pod that has not finished.
    Pod(Pod),
    /// A node.
    Node(Node),
}

/// A pod that has not finished.
#[derive(Debug)]
pub(crate) struct Pod {
    pub(super) object: Object,
    /// The name of the node; empty if it has none.
    pub(super) node: String,
    /// The value of `pod-ip`, if it is an address, and its line.
    pub(super) address: Option<(IpAddr, Option<usize>)>,
    /// Whether it is running without a `JobID`.
    pub(super) lacks_job_id: bool,
    /// Whether it is running with the VPN, but without a `pod-ip`.
    pub(super) lacks_address: bool,
    /// The line of its annotations, or of its metadata.
    pub(super) line: Option<usize>,
}

/// A node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(super) object: Object,
    /// Whether it has the label of virtual nodes.
    pub(super) has_label: bool,
    /// Its `spec.podCIDR`, with the line.
    pub(super) range: Option<(IpNet, Option<usize>)>,
}

/// What a report says about an object.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(super) origin: Origin,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
}

/// The annotations of a pod that the checks know.
#[derive(Default)]
struct Annotations<'a> {
    job_id: Option<Value<'a>>,
    pod_ip: Option<Value<'a>>,
    pod_vpn: Option<Value<'a>>,
    is_shadow: bool,
}

/// The fields of a pod or node, which are read at once: looking for one after the other takes twice the time.
#[derive(Default)]
struct ObjectFields<'a> {
    version: Option<Value<'a>>,
    metadata: Nested<'a, MetadataFields<'a>>,
    spec: Nested<'a, SpecFields<'a>>,
    status: Nested<'a, StatusFields<'a>>,
}

#[derive(Default)]
struct MetadataFields<'a> {
    name: Option<Value<'a>>,
    namespace: Option<Value<'a>>,
    uid: Option<Value<'a>>,
    resource_version: Option<Value<'a>>,
    annotations: Option<Value<'a>>,
    labels: Option<Value<'a>>,
}

#[derive(Default)]
struct SpecFields<'a> {
    node_name: Option<Value<'a>>,
    pod_cidr: Option<Value<'a>>,
}

#[derive(Default)]
struct StatusFields<'a> {
    phase: Option<Value<'a>>,
}

impl<'a> Fields<'a> for ObjectFields<'a> {
    fn field(&mut self, name: &[u8]) -> Option<Field<'_, 'a>> {
        match name {
            b"apiVersion" => Some(Field::Value(&mut self.version)),
            b"metadata" => Some(self.metadata.as_field()),
            b"spec" => Some(self.spec.as_field()),
            b"status" => Some(self.status.as_field()),
            _ => None,
        }
    }
}

impl<'a> Fields<'a> for MetadataFields<'a> {
    fn field(&mut self, name: &[u8]) -> Option<Field<'_, 'a>> {
        let value = match name {
            b"name" => &mut self.name,
            b"namespace" => &mut self.namespace,
            b"uid" => &mut self.uid,
            b"resourceVersion" => &mut self.resource_version,
            b"annotations" => &mut self.annotations,
            b"labels" => &mut self.labels,
            _ => return None,
        };
        Some(Field::Value(value))
    }
}

impl<'a> Fields<'a> for SpecFields<'a> {
    fn field(&mut self, name: &[u8]) -> Option<Field<'_, 'a>> {
        match name {
            b"nodeName" => Some(Field::Value(&mut self.node_name)),
            b"podCIDR" => Some(Field::Value(&mut self.pod_cidr)),
            _ => None,
        }
    }
}

impl<'a> Fields<'a> for StatusFields<'a> {
    fn field(&mut self, name: &[u8]) -> Option<Field<'_, 'a>> {
        (name == b"phase").then_some(Field::Value(&mut self.phase))
    }
}

impl Record {
    /// Takes the record of a stored pod or node; `None` for one that no check is about, and for all other objects.
    ///
    /// Malformed objects have none either: the policy reports them.
    pub(crate) fn of_document(document: &Document) -> Option<Self> {
        let mut reader = Reader::new(&document.text);
        let kind = reader.seek_field("kind")?.then(|| reader.value().ok()).flatten()?;
        let take = match kind.text() {
            b"\"Pod\"" => |document, fields: &_| Pod::of_fields(document, fields).map(Self::Pod),
            b"\"Node\"" => |document, fields: &_| Node::of_fields(document, fields).map(Self::Node),
            _ => return None,
        };
        let mut fields = ObjectFields::default();
        Reader::new(&document.text).record(&mut fields).ok()?;
        if fields.version?.text() == b"\"v1\"" { take(document, &fields) } else { None }
    }
}

impl Pod {
    fn of_fields(document: &Document, fields: &ObjectFields<'_>) -> Option<Self> {
        let phase = fields.status.get().ok()?.and_then(|status| status.phase);
        let phase = phase.map_or(&b""[..], Value::text);
        if [&b"\"Succeeded\""[..], b"\"Failed\""].contains(&phase) {
            return None;
        }
        let metadata = fields.metadata.get().ok()??;
        let node = text(fields.spec.get().ok()??.node_name);
        let annotations = Annotations::of_metadata(metadata)?;
        let is_running = phase == b"\"Running\"" && !node.is_empty();
        let address = annotations.pod_ip.filter(|_| !annotations.is_shadow);
        let address = address.and_then(|value| Some((value, parse_address(value)?)));
        let lacks_job_id = is_running && annotations.job_id.is_none();
        let has_vpn = annotations.pod_vpn.is_some_and(|value| text(Some(value)) == "true");
        let lacks_address = is_running && has_vpn && text(annotations.pod_ip).is_empty();
        if address.is_none() && !lacks_job_id && !lacks_address {
            return None;
        }
        let line = |value| line(document, value);
        Some(Self {
            object: Object::of_metadata(document, metadata)?,
            node: node.into_owned(),
            address: address.map(|(value, address)| (address, line(value))),
            lacks_job_id,
            lacks_address,
            line: line(metadata.annotations.or(fields.metadata.value())?),
        })
    }
}

impl Node {
    fn of_fields(document: &Document, fields: &ObjectFields<'_>) -> Option<Self> {
        let metadata = fields.metadata.get().ok()??;
        let mut has_label = false;
        if let Some(labels) = present(metadata.labels) {
            let read = labels.reader().entries(&mut |key, value| {
                let value = value.value()?;
                has_label |= key == VIRTUAL_NODE.0 && text(Some(value)) == VIRTUAL_NODE.1;
                Ok(())
            });
            read.ok()?;
        }
        let range = fields.spec.get().ok()?.and_then(|spec| spec.pod_cidr);
        let range = range.and_then(|value| Some((text(Some(value)).parse::<IpNet>().ok()?.trunc(), value)));
        Some(Self {
            object: Object::of_metadata(document, metadata)?,
            has_label,
            range: range.map(|(range, value)| (range, line(document, value))),
        })
    }
}

impl Object {
    /// `None` if the object is not stored in a cluster.
    fn of_metadata(document: &Document, metadata: &MetadataFields<'_>) -> Option<Self> {
        let uid = text(metadata.uid);
        if uid.is_empty() || !is_stored_version(&text(metadata.resource_version)) {
            return None;
        }
        Some(Self {
            origin: document.origin.clone(),
            namespace: text(metadata.namespace).into_owned(),
            name: text(metadata.name).into_owned(),
            uid: uid.into_owned(),
        })
    }

    /// Returns whether both are the same object, which the input can have twice.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.namespace, &self.name) == (&other.namespace, &other.name)
    }
}

impl<'a> Annotations<'a> {
    /// `None` if they are malformed, which the policy reports.
    fn of_metadata(metadata: &MetadataFields<'a>) -> Option<Self> {
        let mut found = Self::default();
        let Some(annotations) = present(metadata.annotations) else {
            return Some(found);
        };
        let read = annotations.reader().entries(&mut |key, value| {
            let value = value.value()?;
            for (wanted, place) in
                [(JOB_ID, &mut found.job_id), (POD_IP, &mut found.pod_ip), (POD_VPN, &mut found.pod_vpn)]
            {
                if bytes_eq(key, wanted.as_bytes()) {
                    *place = Some(value);
                }
            }
            // interLink sets it only on shadow pods, which also have the annotations of the pods that they serve.
            found.is_shadow |= bytes_eq(key, WSTUNNEL_PATH_PREFIX.as_bytes());
            Ok(())
        });
        read.ok()?;
        Some(found)
    }
}

/// Parses the address in an annotation. interLink compares addresses as text, but the network does not.
fn parse_address(value: Value<'_>) -> Option<IpAddr> {
    text(Some(value)).parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// Returns the line of a value in the file.
fn line(document: &Document, value: Value<'_>) -> Option<usize> {
    document.origin.line.map(|line| line + lines_before(&document.text, value))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn record(object: &Json) -> Option<Record> {
        let text = serde_json::to_vec_pretty(object).unwrap();
        Record::of_document(&Document { origin: Origin::file("f").at_line(1), text, is_optional: false })
    }

    fn pod(annotations: &Json, phase: &str) -> Json {
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "a", "namespace": "n", "uid": "5", "resourceVersion": "7", "annotations": annotations},
            "spec": {"nodeName": "hpc"},
            "status": {"phase": phase},
        })
    }

    fn pod_record(annotations: &Json, phase: &str) -> Option<Pod> {
        match record(&pod(annotations, phase)) {
            Some(Record::Pod(pod)) => Some(pod),
            _ => None,
        }
    }

    #[test]
    fn records_a_pod_that_lacks_something() {
        let ordinary = pod_record(&json!({}), "Running").unwrap();
        assert_eq!((ordinary.lacks_job_id, ordinary.lacks_address, &*ordinary.node), (true, false, "hpc"));
        assert_eq!((ordinary.object.namespace.as_str(), ordinary.line), ("n", Some(5)));
        let vpn = pod_record(&json!({"JobID": "", "interlink.eu/pod-vpn": "true"}), "Running").unwrap();
        assert_eq!((vpn.lacks_job_id, vpn.lacks_address), (false, true));
        assert!(pod_record(&json!({"JobID": "1", "interlink.eu/pod-vpn": "false"}), "Running").is_none());
        assert!(pod_record(&json!({"interlink.eu/pod-vpn": "true"}), "Pending").is_none());
    }

    #[test]
    fn records_the_address_of_a_pod_that_has_not_finished() {
        let with_address = |address: &str, phase: &str| {
            pod_record(&json!({"JobID": "1", "interlink.eu/pod-ip": address}), phase).and_then(|pod| pod.address)
        };
        let expected = ("10.250.1.5".parse().unwrap(), Some(7));
        for phase in ["Running", "Pending", "Unknown", ""] {
            assert_eq!(with_address("10.250.1.5", phase), Some(expected), "{phase}");
        }
        assert_eq!(with_address("::ffff:10.250.1.5", "Running"), Some(expected));
        assert_eq!(with_address("10.250.1.5", "Succeeded"), None);
        assert_eq!(with_address("10.250.1.5", "Failed"), None);
        assert_eq!(with_address("x", "Running"), None);
        let shadow =
            json!({"JobID": "1", "interlink.eu/pod-ip": "10.250.1.5", "interlink.eu/wstunnel-path-prefix": "a"});
        assert!(pod_record(&shadow, "Running").is_none());
    }

    #[test]
    fn records_nodes() {
        let node = |label: &str, range: &Json| {
            let metadata = json!({"name": "hpc", "uid": "5", "resourceVersion": "7",
                "labels": {"virtual-node.interlink/type": label}});
            match record(&json!({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {"podCIDR": range}}))
            {
                Some(Record::Node(node)) => (node.has_label, node.range.map(|(range, _)| range.to_string())),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(node("virtual-kubelet", &json!("10.250.0.0/16")), (true, Some("10.250.0.0/16".to_owned())));
        assert_eq!(node("other", &json!(null)), (false, None));
        assert_eq!(node("virtual-kubelet", &json!(7)), (true, None));
    }

    #[test]
    fn records_nothing_of_other_objects() {
        let mut service = pod(&json!({}), "Running");
        service["kind"] = json!("Service");
        assert!(record(&service).is_none());
        let mut custom = pod(&json!({}), "Running");
        custom["apiVersion"] = json!("example.org/v1");
        assert!(record(&custom).is_none());
        let mut manifest = pod(&json!({}), "Running");
        manifest["metadata"]["uid"] = json!("");
        assert!(record(&manifest).is_none());
        let mut malformed = pod(&json!(7), "Running");
        assert!(record(&malformed).is_none());
        malformed["spec"] = json!(null);
        assert!(record(&malformed).is_none());
    }
}
