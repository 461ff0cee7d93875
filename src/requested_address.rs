//! Compares the address that a target requests with the cluster, if the settings ask for it: the part of `pod-ip` and
//! `pod-ip-conflict` that depends on other objects.
//!
//! The cluster is read only if an object newly requests an address: `pod-ip` is set or changed, the VPN is removed, or
//! the pod names other nodes. An audit reads only Nodes. If the cluster cannot be read, the response says so in a warning,
//! and only the ranges in the settings count.

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
    new: &'t Target<'_>,
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
    let in_ranges = compare_with_ranges(new, address, annotation, settings, cluster);
    // The response must not show whether an address that nobody may request is in use.
    let is_refused = in_ranges.problem.is_some() && settings.rules.get(RuleId::PodIp) == Level::Deny;
    let mut violations = Vec::new();
    // Without the ranges of nodes, the rule itself has reported it.
    if reads.pod_ip_ranges {
        violations.extend(in_ranges.into_violations(RuleId::PodIp, new, settings));
    }
    let is_on = reads.pod_ip_conflicts && settings.rules.get(RuleId::PodIpConflict) != Level::Ignore;
    if is_on && !is_refused && is_compared_with_pods(new, annotation, settings) {
        let compared = compare_with_pods(new, address, annotation, settings, cluster);
        violations.extend(compared.into_violations(RuleId::PodIpConflict, new, settings));
    }
    violations
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
            Some(Violation { rule: rules::get(id), level, location: &target.location, finding: finding? })
        })
    }
}

/// Compares an address with the ranges that `pod-ip` allows, of the virtual nodes too if the settings ask for them.
fn compare_with_ranges<'t>(
    target: &Target<'_>,
    address: IpAddr,
    annotation: &'t Annotation<'_>,
    settings: &Settings<'_>,
    cluster: &Cluster<'_>,
) -> Compared<'t> {
    if settings.rules.get(RuleId::PodIp) == Level::Ignore {
        return Compared::default();
    }
    if settings.cluster.pod_ip_ranges {
        return compare_with_nodes(target, address, annotation, settings, cluster);
    }
    let allowed = AllowedRanges::of_settings(&settings.pod_ip);
    Compared { problem: rules::check_range(address, annotation, settings, &allowed), ..Compared::default() }
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

/// Returns whether a target's address is compared with other pods. It is not with the VPN, where interLink assigns another
/// address; in a template, whose pods are checked when they are created; in a tunnel's pod, which runs in the cluster; or
/// in an audit, where each stored pod would take a list of all pods.
fn is_compared_with_pods(target: &Target<'_>, annotation: &Annotation<'_>, settings: &Settings<'_>) -> bool {
    let may_use = match target.location.role {
        Role::Pod => target.spec().is_some_and(|spec| may_run_on(spec, &settings.virtual_nodes).unwrap_or(true)),
        Role::Binding => true,
        Role::PodTemplate | Role::Node | Role::Workload => false,
    };
    may_use && target.get(POD_VPN).is_none() && annotation.owner == Owner::Requester
}

fn compare_with_nodes<'t>(
    target: &Target<'_>,
    address: IpAddr,
    annotation: &'t Annotation<'_>,
    settings: &Settings<'_>,
    cluster: &Cluster<'_>,
) -> Compared<'t> {
    let nodes = cluster.virtual_nodes();
    let allowed = match nodes {
        Ok(nodes) => allowed_ranges(target, &settings.pod_ip, nodes),
        Err(_) => AllowedRanges {
            if_none: "may not be requested, because the virtual nodes cannot be read, and the policy's settings allow \
                      no addresses",
            ..AllowedRanges::of_settings(&settings.pod_ip)
        },
    };
    let unreadable = nodes.err().map(|error| {
        let problem =
            format!("was not compared with the ranges of the virtual nodes, because they cannot be read: {error}");
        annotation.finding(problem).fix("ask an administrator to let the policy read Nodes")
    });
    Compared { problem: rules::check_range(address, annotation, settings, &allowed), unreadable }
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

fn compare_with_pods<'t>(
    target: &Target<'_>,
    address: IpAddr,
    annotation: &'t Annotation<'_>,
    settings: &Settings<'_>,
    cluster: &Cluster<'_>,
) -> Compared<'t> {
    // The API server rejects malformed metadata. Without a name and a controller, the pod replaces no other.
    let pod = Pod::decode(target.metadata(), cluster.namespace()).unwrap_or_default();
    let holder = match cluster.holder_of(address, &pod, settings) {
        Ok(holder) => holder,
        Err(error) => {
            let problem =
                format!("was not compared with the addresses of other pods, because they cannot be read: {error}");
            let finding = annotation.finding(problem).fix("ask an administrator to let the policy read Pods");
            return Compared { unreadable: Some(finding), ..Compared::default() };
        }
    };
    let problem = holder.map(|holder| {
        let (problem, fix) = describe(&holder, cluster.namespace());
        annotation.finding(problem).fix(fix)
    });
    Compared { problem, ..Compared::default() }
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
