//! The pods, and their addresses.

use std::borrow::Cow;
use std::net::IpAddr;

use json_scan::simd::{Bytes16, any_pair};
use json_scan::{DecodeError, Reader, Value, each, optional_str, pick};

use super::items;
use crate::annotations::{POD_IP, POD_VPN};
use crate::scope::may_run_on;
use crate::settings::VirtualNodes;

/// Asks for all pods. The policy server sends all metadata, whatever the masks are; they name what is read.
pub(super) const REQUEST: &[u8] = br#"{"api_version":"v1","kind":"Pod","label_selector":null,"field_selector":null,"field_masks":["metadata.annotations","metadata.deletionTimestamp","metadata.name","metadata.namespace","metadata.ownerReferences","spec.affinity","spec.hostNetwork","spec.nodeName","spec.nodeSelector","spec.tolerations","status.phase","status.podIPs"]}"#;

/// The pod for which an address is requested.
#[derive(Debug, Default)]
pub(crate) struct Pod<'a> {
    pub(crate) namespace: &'a str,
    /// Empty if the API server generates it.
    pub(crate) name: Cow<'a, str>,
    /// The uid of the controller that creates the pod; empty if there is none.
    pub(crate) controller: Cow<'a, str>,
}

/// A pod that has or requests an address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) is_being_deleted: bool,
}

impl<'a> Pod<'a> {
    /// Decodes a pod's metadata. `namespace` is passed, because the object in a request may lack it.
    ///
    /// # Errors
    /// If a field has the wrong type.
    pub(crate) fn decode(metadata: Option<Value<'a>>, namespace: &'a str) -> Result<Self, DecodeError> {
        let [name, owners] = pick(metadata, ["name", "ownerReferences"])?;
        Ok(Self { namespace, name: optional_str(name, "name")?.unwrap_or_default(), controller: controller(owners)? })
    }

    /// Returns whether another pod is an earlier one in place of this: it has the same name, as in a `StatefulSet`, or
    /// its controller replaces it while it is being deleted.
    fn replaces(&self, other: &Pod<'_>, is_being_deleted: bool) -> bool {
        let has_same_controller = !self.controller.is_empty() && self.controller == other.controller;
        self.namespace == other.namespace
            && (!self.name.is_empty() && self.name == other.name || is_being_deleted && has_same_controller)
    }
}

/// Returns the uid of the owner that is the controller.
fn controller(owners: Option<Value<'_>>) -> Result<Cow<'_, str>, DecodeError> {
    let mut uid = Cow::default();
    each(owners, &mut |owner| {
        let [owner_uid, is_controller] = owner.pick(["uid", "controller"])?;
        if is_controller.is_some_and(Value::is_true) {
            uid = optional_str(owner_uid, "uid")?.unwrap_or_default();
        }
        Ok(())
    })?;
    Ok(uid)
}

/// Returns the first pod in the host's answer that has or requests an address, other than this pod and the one that it
/// replaces.
///
/// # Errors
/// If the answer is not a list of pods.
pub(super) fn find_holder(
    answer: &[u8],
    address: IpAddr,
    pod: &Pod<'_>,
    nodes: &VirtualNodes<'_>,
) -> Result<Option<Holder>, DecodeError> {
    let address = address.to_canonical();
    // Nearly always, no pod has the address. Searching for it takes much less than finding each pod.
    if !mentions(answer, address) {
        return items(answer).map(|_| None);
    }
    let mut found = None;
    items(answer)?.elements(&mut |item| {
        let item = item.value()?;
        if found.is_none() && mentions(item.text(), address) {
            found = holder(item, address, pod, nodes)?;
        }
        Ok(())
    })?;
    Ok(found)
}

/// The number of bytes of the longest address in quotes: IPv6 that ends in IPv4 notation.
const LONGEST_ADDRESS: usize = 47;

/// Returns whether one of the fields `podIPs[].ip`, or an annotation, contains an address.
fn mentions(text: &[u8], address: IpAddr) -> bool {
    let ends_of_names = |bytes: Bytes16, next: Bytes16| bytes.eq(b'p').and(next.eq(b'"'));
    any_pair(text, ends_of_names, |index| {
        let (name, rest) = text.split_at(index + 1);
        let is_relevant = name.ends_with(b"\"ip") || name.ends_with(b"\"interlink.eu/pod-ip");
        is_relevant && value_after_name(rest).is_some_and(|value| is_address(value, address))
    })
}

/// Returns the value after the quote that ends a field's name; `None` if the quote ends another string.
fn value_after_name(text: &[u8]) -> Option<Value<'_>> {
    let value = text.strip_prefix(b"\"")?.trim_ascii_start().strip_prefix(b":")?;
    Reader::new(value).value().ok()
}

fn is_address(value: Value<'_>, address: IpAddr) -> bool {
    // Text that is not an address is no other pod's.
    value.text().len() <= LONGEST_ADDRESS
        && value.to_str().is_ok_and(|text| text.parse::<IpAddr>().is_ok_and(|other| other.to_canonical() == address))
}

/// Returns a pod from the list as a holder, if it uses the address and the new pod does not replace it.
fn holder(
    item: Value<'_>,
    address: IpAddr,
    new: &Pod<'_>,
    nodes: &VirtualNodes<'_>,
) -> Result<Option<Holder>, DecodeError> {
    let [metadata, spec, status] = item.reader().pick(["metadata", "spec", "status"])?;
    let [namespace, deletion] = pick(metadata, ["namespace", "deletionTimestamp"])?;
    let namespace = optional_str(namespace, "namespace")?.unwrap_or_default();
    let other = Pod::decode(metadata, &namespace)?;
    let is_being_deleted = deletion.is_some();
    if new.replaces(&other, is_being_deleted) || !uses(metadata, spec, status, address, nodes)? {
        return Ok(None);
    }
    let name = other.name.into_owned();
    Ok(Some(Holder { name, namespace: namespace.into_owned(), is_being_deleted }))
}

/// Returns whether a pod uses an address: by its status or, while that has none, by its annotation.
///
/// The annotation of a pod that uses the VPN or cannot run on a virtual node does not count. Otherwise, a user could
/// block an address with a pod that will never use it, and so would the copy of the annotation in the pod of a tunnel.
fn uses(
    metadata: Option<Value<'_>>,
    spec: Option<Value<'_>>,
    status: Option<Value<'_>>,
    address: IpAddr,
    nodes: &VirtualNodes<'_>,
) -> Result<bool, DecodeError> {
    let [phase, pod_ips] = pick(status, ["phase", "podIPs"])?;
    let phase = optional_str(phase, "phase")?.unwrap_or_default();
    let [host_network] = pick(spec, ["hostNetwork"])?;
    // The address of a pod in the host's network is that of the node.
    if phase == "Succeeded" || phase == "Failed" || host_network.is_some_and(Value::is_true) {
        return Ok(false);
    }
    let (mut has_address, mut uses) = (false, false);
    each(pod_ips, &mut |pod_ip| {
        let [ip] = pod_ip.pick(["ip"])?;
        has_address |= ip.is_some();
        uses |= ip.is_some_and(|ip| is_address(ip, address));
        Ok(())
    })?;
    if has_address {
        return Ok(uses);
    }
    let [annotations] = pick(metadata, ["annotations"])?;
    let [requested, vpn] = pick(annotations, [POD_IP, POD_VPN])?;
    let requests = vpn.is_none() && requested.is_some_and(|value| is_address(value, address));
    Ok(requests && spec.map_or(Ok(false), |spec| may_run_on(spec, nodes))?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Tree, json};

    use super::*;

    const ADDRESS: &str = "10.250.1.5";

    /// A running pod of another namespace with this address.
    fn other() -> Tree {
        json!({
            "metadata": {"name": "other", "namespace": "physics", "uid": "1"},
            "spec": {},
            "status": {"phase": "Running", "podIP": ADDRESS, "podIPs": [{"ip": ADDRESS}]},
        })
    }

    fn find(pods: &[Tree], address: &str, metadata: &Tree) -> Result<Option<String>, String> {
        let (answer, metadata) = (json!({"kind": "PodList", "items": pods}).to_string(), metadata.to_string());
        let metadata = Reader::new(metadata.as_bytes()).value().unwrap();
        let pod = Pod::decode(Some(metadata), "default").unwrap();
        let found = find_holder(answer.as_bytes(), address.parse().unwrap(), &pod, &VirtualNodes::default());
        let name = |Holder { namespace, name, is_being_deleted }| format!("{namespace}/{name} {is_being_deleted}");
        found.map(|holder| holder.map(name)).map_err(|error| error.to_string())
    }

    fn has_address(pod: &Tree) -> bool {
        find(std::slice::from_ref(pod), ADDRESS, &json!({"name": "new"})).unwrap().is_some()
    }

    fn with(change: impl Fn(&mut Tree)) -> Tree {
        let mut pod = other();
        change(&mut pod);
        pod
    }

    #[test]
    fn finds_a_pod_by_its_status_and_its_annotation() {
        assert_eq!(find(&[json!({}), other()], ADDRESS, &json!({})), Ok(Some("physics/other false".to_owned())));
        assert_eq!(find(&[other()], "10.250.1.50", &json!({})), Ok(None));
        let requests = |address: &str| {
            json!({
                "metadata": {"name": "other", "annotations": {POD_IP: address}},
                "spec": {"tolerations": [{"operator": "Exists"}]},
                "status": {"phase": "Pending"},
            })
        };
        assert!(has_address(&requests(ADDRESS)));
        assert!(has_address(&requests("::ffff:10.250.1.5")));
        for text in ["10.250.1.5 ", "10.250.1.50", "$(id)", ""] {
            assert!(!has_address(&requests(text)), "{text}");
        }
        let mut with_vpn = requests(ADDRESS);
        with_vpn["metadata"]["annotations"][POD_VPN] = "true".into();
        let mut running = requests(ADDRESS);
        running["status"]["podIPs"] = json!([{"ip": "10.244.0.7"}]);
        let mut elsewhere = requests(ADDRESS);
        elsewhere["spec"] = json!({});
        for pod in [&with_vpn, &running, &elsewhere] {
            assert!(!has_address(pod), "the annotation is not used: {pod}");
        }
        let other_fields = json!({"metadata": {"annotations": {"a": ADDRESS, "ip": ADDRESS}}, "spec": {"ip": ADDRESS}});
        assert!(!has_address(&other_fields));
    }

    #[test]
    fn compares_addresses_and_not_texts() {
        let v6 = with(|pod| pod["status"]["podIPs"] = json!([{"ip": ADDRESS}, {"ip": "fd00:0:0::0A"}]));
        for (address, expected) in [("fd00::a", true), ("fd00:0:0:0:0:0:0:a", true), ("fd00::b", false)] {
            assert_eq!(find(std::slice::from_ref(&v6), address, &json!({})).unwrap().is_some(), expected, "{address}");
        }
    }

    #[test]
    fn ignores_pods_that_do_not_use_the_address() {
        assert!(!has_address(&with(|pod| pod["spec"]["hostNetwork"] = true.into())));
        for phase in ["Succeeded", "Failed"] {
            assert!(!has_address(&with(|pod| pod["status"]["phase"] = phase.into())), "{phase}");
        }
        for phase in ["Pending", "Running", "Unknown"] {
            assert!(has_address(&with(|pod| pod["status"]["phase"] = phase.into())), "{phase}");
        }
    }

    #[test]
    fn ignores_the_pod_itself_and_the_one_that_it_replaces() {
        let owners = |uid: &str| json!([{"uid": "0"}, {"uid": uid, "controller": true}]);
        let (own, deleted) = (json!({"namespace": "default"}), json!("2026-05-04T08:12:44Z"));
        let stored = |change: &dyn Fn(&mut Tree)| {
            with(|pod| {
                pod["metadata"]["namespace"] = own["namespace"].clone();
                change(&mut pod["metadata"]);
            })
        };
        let is_found =
            |stored: &Tree, metadata: &Tree| find(std::slice::from_ref(stored), ADDRESS, metadata).unwrap().is_some();
        assert!(!is_found(&stored(&|_| ()), &json!({"name": "other"})));
        assert!(is_found(&other(), &json!({"name": "other"})), "a pod of another namespace");
        assert!(is_found(&stored(&|metadata| metadata["name"] = "".into()), &json!({"generateName": "other"})));
        let sibling = |metadata: &mut Tree| metadata["ownerReferences"] = owners("7");
        let replaced = |metadata: &mut Tree| {
            sibling(metadata);
            metadata["deletionTimestamp"] = deleted.clone();
        };
        let of_controller = |uid: &str| json!({"name": "new", "ownerReferences": owners(uid)});
        assert!(!is_found(&stored(&replaced), &of_controller("7")));
        assert!(is_found(&stored(&replaced), &of_controller("8")));
        assert!(is_found(&stored(&replaced), &json!({"name": "new"})));
        assert!(is_found(&stored(&sibling), &of_controller("7")), "both run");
    }

    #[test]
    fn rejects_an_answer_that_is_no_list_of_pods() {
        let (pod, nodes) = (Pod::default(), VirtualNodes::default());
        let unfinished = format!(r#"{{"items": [{{"status": {{"podIPs": [{{"ip": "{ADDRESS}"}}"#);
        for answer in ["", "null", "[]", "{}", r#"{"items": null}"#, r#"{"items": {}}"#, &unfinished] {
            assert!(find_holder(answer.as_bytes(), ADDRESS.parse().unwrap(), &pod, &nodes).is_err(), "{answer}");
        }
    }

    proptest! {
        #[test]
        fn reads_any_answer_without_a_panic(text in r#"[\[\]{},:" a-z]{0,40}"#) {
            let answer = format!(r#"{{"items": [{{"status": {{"podIPs": [{{"ip": "{ADDRESS}"}}]}}, "x": {text}"#);
            for answer in [&answer, &text] {
                let (pod, nodes) = (Pod::default(), VirtualNodes::default());
                find_holder(answer.as_bytes(), ADDRESS.parse().unwrap(), &pod, &nodes).ok();
            }
        }
    }
}
