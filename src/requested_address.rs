//! Compares the address that a target requests with the cluster, if the settings ask for it: the part of `pod-ip` and
//! `pod-ip-conflict` that depends on other objects.
//!
//! The cluster is read only if an object newly requests an address: `pod-ip` is set or changed, the VPN is removed, or
//! the pod names other nodes. An audit reads only Nodes. If the cluster cannot be read, the response says so in a
//! warning, and only the ranges in the settings count.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::annotations::{Annotation, Owner, POD_IP, POD_VPN};
use crate::cluster::{Cluster, Holder, Pod, VirtualNodes};
use crate::escape::quote;
use crate::finding::Finding;
use crate::kinds::Role;
use crate::node_names::NodeNames;
use crate::rule_id::{Level, RuleId};
use crate::rules::{self, AllowedRanges, Violation};
use crate::scope::may_run_on;
use crate::settings::{PodIp, Settings};
use crate::target::Target;

/// Checks the address that a target requests, unless the old target of an update requests the same.
pub(crate) fn check<'t>(
    new: &'t Target<'t>,
    old: Option<&Target<'_>>,
    settings: &Settings<'_>,
    cluster: &Cluster<'_>,
) -> Vec<Violation<'t>> {
    let reads = settings.cluster;
    if !reads.pod_ip_ranges && !reads.pod_ip_conflicts || old.is_some_and(|old| requests_the_same(new, old)) {
        return Vec::new();
    }
    let Some((address, annotation)) = rules::requested(new, settings) else {
        return Vec::new();
    };
    let request = Request { target: new, address, annotation, settings, cluster };
    let in_ranges = request.compare_with_ranges();
    // The response must not show whether an address that nobody may request is in use.
    let is_refused = in_ranges.problem.is_some() && settings.rules.get(RuleId::PodIp) == Level::Deny;
    let mut violations = Vec::new();
    // Without the ranges of nodes, the rule itself has reported it.
    if reads.pod_ip_ranges {
        violations.extend(in_ranges.into_violations(RuleId::PodIp, new, settings));
    }
    let is_on = reads.pod_ip_conflicts && settings.rules.get(RuleId::PodIpConflict) != Level::Ignore;
    if is_on && !is_refused && request.is_compared_with_pods() {
        violations.extend(request.compare_with_pods().into_violations(RuleId::PodIpConflict, new, settings));
    }
    violations
}

/// The address that a target requests, and what it is compared with.
struct Request<'r, 's, 't> {
    target: &'t Target<'t>,
    address: IpAddr,
    /// The annotation that requests the address.
    annotation: &'t Annotation<'t>,
    settings: &'r Settings<'s>,
    cluster: &'r Cluster<'r>,
}

/// The result of a comparison.
#[derive(Default)]
struct Compared<'t> {
    problem: Option<Finding<'t>>,
    /// The cluster cannot be read.
    unreadable: Option<Finding<'t>>,
}

impl<'t> Compared<'t> {
    fn into_violations(
        self,
        id: RuleId,
        target: &'t Target<'_>,
        settings: &Settings<'_>,
    ) -> impl Iterator<Item = Violation<'t>> {
        let findings = [(settings.rules.get(id), self.problem), (Level::Warn, self.unreadable)];
        findings.into_iter().filter_map(move |(level, finding)| {
            Some(Violation {
                rule: rules::get(id),
                level,
                location: Cow::Borrowed(&target.location),
                finding: finding?,
            })
        })
    }
}

impl<'t> Request<'_, '_, 't> {
    /// Compares the address with the ranges that `pod-ip` allows, including those of the virtual nodes if the settings
    /// ask for them.
    fn compare_with_ranges(&self) -> Compared<'t> {
        if self.settings.rules.get(RuleId::PodIp) == Level::Ignore {
            return Compared::default();
        }
        if self.settings.cluster.pod_ip_ranges {
            return self.compare_with_nodes();
        }
        let allowed = AllowedRanges::of_settings(&self.settings.pod_ip);
        Compared { problem: self.check_range(&allowed), unreadable: None }
    }

    fn compare_with_nodes(&self) -> Compared<'t> {
        let error = match self.cluster.virtual_nodes() {
            Ok(nodes) => {
                let allowed = allowed_ranges(self.target, &self.settings.pod_ip, nodes);
                return Compared { problem: self.check_range(&allowed), unreadable: None };
            }
            Err(error) => error,
        };
        let allowed = AllowedRanges {
            if_none: "may not be requested, because the virtual nodes cannot be read, and the policy's settings allow \
                      no addresses",
            ..AllowedRanges::of_settings(&self.settings.pod_ip)
        };
        let problem =
            format!("was not compared with the ranges of the virtual nodes, because they cannot be read: {error}");
        let unreadable = self.annotation.finding(problem).fix("ask an administrator to let the policy read Nodes");
        Compared { problem: self.check_range(&allowed), unreadable: Some(unreadable) }
    }

    fn check_range(&self, allowed: &AllowedRanges<'_>) -> Option<Finding<'t>> {
        rules::check_range(self.address, self.annotation, self.settings, allowed)
    }

    /// Returns whether the address is compared with other pods. It is not with the VPN, where interLink assigns another
    /// address; in a template, whose pods are checked when they are created; in a tunnel's pod, which runs in the
    /// cluster; or in an audit, where each stored pod would take a list of all pods.
    fn is_compared_with_pods(&self) -> bool {
        let may_use = match self.target.location.role {
            Role::Pod => {
                self.target.spec().is_some_and(|spec| may_run_on(spec, &self.settings.virtual_nodes).unwrap_or(true))
            }
            Role::Binding => true,
            Role::PodTemplate | Role::Node | Role::Workload => false,
        };
        may_use && self.target.get(POD_VPN).is_none() && self.annotation.owner == Owner::Requester
    }

    fn compare_with_pods(&self) -> Compared<'t> {
        let namespace = self.cluster.namespace();
        // The API server rejects malformed metadata. Without a name and a controller, the pod replaces no other.
        let pod = Pod::decode(self.target.metadata(), namespace).unwrap_or_default();
        match self.cluster.holder_of(self.address, &pod, self.settings) {
            Ok(holder) => {
                let problem = holder.map(|holder| {
                    let (problem, fix) = describe(&holder, namespace);
                    self.annotation.finding(problem).fix(fix)
                });
                Compared { problem, unreadable: None }
            }
            Err(error) => {
                let problem =
                    format!("was not compared with the addresses of other pods, because they cannot be read: {error}");
                let finding = self.annotation.finding(problem).fix("ask an administrator to let the policy read Pods");
                Compared { problem: None, unreadable: Some(finding) }
            }
        }
    }
}

/// Returns whether an update requests no other address than before, for the same nodes.
fn requests_the_same(new: &Target<'_>, old: &Target<'_>) -> bool {
    let (Some(annotation), Some(before)) = (new.get(POD_IP), old.get(POD_IP)) else {
        return false;
    };
    // With the VPN, interLink does not use the address.
    annotation.value == before.value
        && (new.get(POD_VPN).is_some() || old.get(POD_VPN).is_none())
        && node_names(new).decisive() == node_names(old).decisive()
}

/// Returns the nodes that a target's spec names. A malformed spec, which the API server accepts only in a custom
/// resource, names none.
fn node_names<'a>(target: &Target<'a>) -> NodeNames<'a> {
    target.spec().and_then(|spec| NodeNames::decode(spec).ok()).unwrap_or_default()
}

/// Returns the ranges that a target's address must be in: those of the virtual nodes that it names, if all of them have
/// one. Otherwise the ranges in the settings count too, and, if it names no node, those of all virtual nodes.
fn allowed_ranges<'s>(target: &Target<'_>, settings: &'s PodIp, nodes: &VirtualNodes) -> AllowedRanges<'s> {
    let spec_names = node_names(target);
    let named = spec_names.decisive();
    let (mut ranges, lacks_range) = nodes.ranges_of(&named);
    if !ranges.is_empty() && !lacks_range {
        let if_outside = "is outside the range of the pod's virtual node";
        return AllowedRanges { ranges: ranges.into(), if_outside, ..AllowedRanges::of_settings(settings) };
    }
    let of_nodes = nodes.ranges().filter(|_| named.is_empty());
    for range in of_nodes.chain(settings.cidrs.iter().copied()) {
        if !ranges.contains(&range) {
            ranges.push(range);
        }
    }
    AllowedRanges {
        ranges: ranges.into(),
        if_none: "may not be requested, because neither the pod's virtual node nor the policy's settings have a range",
        ..AllowedRanges::of_settings(settings)
    }
}

/// Returns what is wrong with an address that another pod uses, and the fix. Users must learn nothing about the pods in
/// other namespaces.
fn describe(holder: &Holder, namespace: &str) -> (Cow<'static, str>, &'static str) {
    if holder.namespace != namespace {
        return ("is the address of another pod".into(), "request another address");
    }
    let name = quote(&holder.name);
    if holder.is_being_deleted {
        let problem = format!("is the address of the pod {name}, which is being deleted");
        (problem.into(), "wait until it is gone, or request another address")
    } else {
        (format!("is the address of the pod {name}").into(), "request another address")
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::request::Payload;
    use crate::requester::Requester;
    use crate::testing::*;

    const SETTINGS: &str = r#"{"podIP": {"cidrs": ["10.250.0.0/16"]}, "cluster": {"podIPConflicts": true}}"#;
    const RANGES: &str = r#"{"podIP": {"cidrs": ["10.250.0.0/16"]}, "cluster": {"podIPRanges": true}}"#;
    const ON_HPC: &str = r#"{"nodeName": "hpc"}"#;

    const NODES: &str = r#"{"items": [{
        "metadata": {"name": "hpc", "labels": {"virtual-node.interlink/type": "virtual-kubelet"}},
        "spec": {"podCIDR": "10.251.0.0/16"}
    }]}"#;

    fn requesting(spec: &'static str) -> Target<'static> {
        builder("Pod", &[(POD_IP, "10.250.1.5")]).raw_spec(spec).build()
    }

    /// A list with a pod that has the address.
    fn holder(namespace: &str, deleted: &str) -> String {
        format!(
            r#"{{"items": [{{"metadata": {{"name": "db-0", "namespace": "{namespace}", "deletionTimestamp": {deleted}}},
            "status": {{"podIPs": [{{"ip": "10.250.1.5"}}]}}}}]}}"#
        )
    }

    /// Checks a target in the namespace `physics` twice. Returns the violations of one check, and the kinds of objects
    /// that both read. Without an answer, the cluster cannot be read.
    fn check_in(
        answer: Option<&str>,
        settings_json: &str,
        new: &Target<'_>,
        old: Option<&Target<'_>>,
    ) -> (Vec<String>, Vec<&'static str>) {
        let payload = Payload::decode(br#"{"request": {"namespace": "physics"}}"#).unwrap();
        let requester = Requester::decode(payload.request().unwrap()).unwrap();
        let settings = settings(settings_json);
        let read = RefCell::new(Vec::new());
        let host_call = |function: &str, request: &[u8]| {
            assert_eq!(function, "list_resources_all");
            let is_node = String::from_utf8_lossy(request).contains("Node");
            read.borrow_mut().push(if is_node { "Node" } else { "Pod" });
            answer.map(|answer| answer.as_bytes().to_vec()).ok_or_else(|| "Host error: access is forbidden".into())
        };
        let cluster = Cluster::new(&host_call, &requester);
        let text = |violation: &Violation<'_>| {
            format!("{} {}: {}", violation.level.as_str(), violation.rule.id, violation.finding.problem)
        };
        let violations = || check(new, old, &settings, &cluster).iter().map(text).collect::<Vec<_>>();
        let (first, second) = (violations(), violations());
        assert_eq!(first, second);
        (first, read.into_inner())
    }

    #[test]
    fn reads_nothing_without_the_settings() {
        let settings = r#"{"podIP": {"cidrs": ["10.250.0.0/16"]}}"#;
        assert_eq!(check_in(Some(NODES), settings, &requesting(ON_HPC), None), (Vec::new(), Vec::new()));
        assert_eq!(check_in(Some(NODES), RANGES, &pod(&[]), None), (Vec::new(), Vec::new()));
    }

    #[test]
    fn compares_the_address_with_the_range_of_the_node() {
        let (violations, read) = check_in(Some(NODES), RANGES, &requesting(ON_HPC), None);
        assert!(violations.len() == 1 && violations[0].starts_with("Deny pod-ip: "), "{violations:?}");
        assert!(violations[0].contains("is outside the range of the pod's virtual node"), "{violations:?}");
        assert_eq!(read, ["Node"], "once for both checks");
        // Any other node may have the range of the settings.
        assert_eq!(check_in(Some(NODES), RANGES, &requesting(r#"{"nodeName": "other"}"#), None).0, [""; 0]);
        let warn = RANGES.replacen('{', r#"{"rules": {"pod-ip": "Warn"}, "#, 1);
        assert!(check_in(Some(NODES), &warn, &requesting(ON_HPC), None).0[0].starts_with("Warn pod-ip: "));
        let ignore = RANGES.replacen('{', r#"{"rules": {"pod-ip": "Ignore"}, "#, 1);
        assert_eq!(check_in(Some(NODES), &ignore, &requesting(ON_HPC), None), (Vec::new(), Vec::new()));
    }

    #[test]
    fn warns_if_the_cluster_cannot_be_read() {
        for (settings, rule) in [(RANGES, "pod-ip"), (SETTINGS, "pod-ip-conflict")] {
            for (answer, reason) in
                [(None, "cannot be read: \"access is forbidden\""), (Some("{"), "cannot be read: \"")]
            {
                let (violations, _) = check_in(answer, settings, &requesting(ON_HPC), None);
                assert!(violations.len() == 1 && violations[0].contains(reason), "{violations:?}");
                assert!(violations[0].starts_with(&format!("Warn {rule}: was not compared with")), "{violations:?}");
            }
        }
    }

    #[test]
    fn reports_the_address_of_another_pod() {
        let named = "Deny pod-ip-conflict: is the address of the pod \"db-0\"";
        for (namespace, deleted, expected) in [
            ("physics", "null", named.to_owned()),
            ("physics", r#""2026-05-04T08:12:44Z""#, format!("{named}, which is being deleted")),
            ("chemistry", "null", "Deny pod-ip-conflict: is the address of another pod".to_owned()),
        ] {
            let (violations, read) = check_in(Some(&holder(namespace, deleted)), SETTINGS, &requesting(ON_HPC), None);
            assert_eq!((violations, read), (vec![expected], vec!["Pod", "Pod"]));
        }
        let ignore = SETTINGS.replacen('{', r#"{"rules": {"pod-ip-conflict": "Ignore"}, "#, 1);
        let free = holder("physics", "null").replace("10.250.1.5", "10.250.1.6");
        for (answer, settings) in [(&holder("physics", "null"), &*ignore), (&free, SETTINGS)] {
            assert_eq!(check_in(Some(answer), settings, &requesting(ON_HPC), None).0, [""; 0]);
        }
    }

    #[test]
    fn does_not_compare_what_takes_no_address_from_another_pod() {
        let with_vpn = [(POD_IP, "10.250.1.5"), (POD_VPN, "true")];
        let outside = r#"{"podIP": {"cidrs": ["10.99.0.0/16"]}, "cluster": {"podIPConflicts": true}}"#;
        for (name, settings, target) in [
            ("VPN", SETTINGS, builder("Pod", &with_vpn).raw_spec(ON_HPC).build()),
            ("template", SETTINGS, builder("Deployment", &with_vpn[..1]).raw_spec(ON_HPC).build()),
            ("audit", SETTINGS, builder("Pod", &with_vpn[..1]).raw_spec(ON_HPC).owned_by(&Owner::Unknown).build()),
            ("no virtual node", SETTINGS, requesting("{}")),
            ("no spec", SETTINGS, builder("Pod", &with_vpn[..1]).build()),
            ("refused range", outside, requesting(ON_HPC)),
        ] {
            let taken = holder("physics", "null");
            assert_eq!(check_in(Some(&taken), settings, &target, None), (Vec::new(), Vec::new()), "{name}");
        }
        let binding = builder("Binding", &with_vpn[..1]).build();
        assert_eq!(check_in(Some(&holder("physics", "null")), SETTINGS, &binding, None).0.len(), 1);
    }

    #[test]
    fn compares_an_update_only_if_it_requests_another_address() {
        let taken = holder("physics", "null");
        let vpn = [(POD_IP, "10.250.1.5"), (POD_VPN, "true")];
        let old_pod = |annotations, spec: &'static str| builder("Pod", annotations).raw_spec(spec).build();
        for (old, is_compared) in [
            (old_pod(&vpn[..1], ON_HPC), false),
            (old_pod(&[], ON_HPC), true),
            (old_pod(&[(POD_IP, "10.250.1.6")], ON_HPC), true),
            (old_pod(&vpn, ON_HPC), true),
            (old_pod(&vpn[..1], r#"{"nodeName": "other"}"#), true),
        ] {
            let (violations, _) = check_in(Some(&taken), SETTINGS, &requesting(ON_HPC), Some(&old));
            assert_eq!(violations.len(), usize::from(is_compared), "{old:?}");
        }
    }

    #[test]
    fn allows_the_ranges_of_the_named_nodes_or_of_all() {
        let settings = settings(r#"{"podIP": {"cidrs": ["10.250.0.0/16"]}}"#);
        let nodes = VirtualNodes::decode(NODES.as_bytes()).unwrap();
        for (spec, expected) in [
            (ON_HPC, &["10.251.0.0/16"][..]),
            (r#"{"nodeName": "other"}"#, &["10.250.0.0/16"]),
            ("{}", &["10.251.0.0/16", "10.250.0.0/16"]),
        ] {
            let allowed = allowed_ranges(&requesting(spec), &settings.pod_ip, &nodes);
            assert_eq!(allowed.ranges.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{spec}");
        }
    }
}
