//! Compares the address that a target requests with the cluster, if the settings ask for it: the part of `pod-ip` and
//! `pod-ip-conflict` that depends on other objects.
//!
//! Only a request that sets or changes `pod-ip` reads the cluster. If the cluster cannot be read, the response says so
//! in a warning, and only the ranges in the settings count.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::annotations::{Annotation, POD_IP, POD_VPN};
use crate::cluster::{Cluster, Holder, Pod, VirtualNodes};
use crate::escape::quote;
use crate::finding::Finding;
use crate::kinds::Role;
use crate::node_names::NodeNames;
use crate::rule_id::{Level, RuleId};
use crate::rules::{self, AllowedRanges, Violation};
use crate::settings::{PodIp, Settings};
use crate::target::Target;

/// Checks the address that a target requests, unless the old target of an update requests the same.
pub(crate) fn check<'t>(
    new: &'t Target<'_>,
    old: Option<&Target<'_>>,
    settings: &Settings<'_>,
    cluster: &Cluster<'_>,
) -> Vec<Violation<'t>> {
    let mut violations = Vec::new();
    let ids = [
        (RuleId::PodIp, settings.cluster.pod_ip_ranges),
        (RuleId::PodIpConflict, settings.cluster.pod_ip_conflicts && may_conflict(new)),
    ];
    for (id, is_compared) in ids {
        let level = settings.rules.get(id);
        if !is_compared || level == Level::Ignore || old.is_some_and(|old| requests_the_same(new, old)) {
            continue;
        }
        let Some((address, annotation)) = rules::requested(new, settings) else {
            continue;
        };
        let Compared { problem, unreadable } = match id {
            RuleId::PodIp => compare_with_nodes(new, address, annotation, settings, cluster),
            _ => compare_with_pods(new, address, annotation, cluster),
        };
        let findings = [problem.map(|finding| (level, finding)), unreadable.map(|finding| (Level::Warn, finding))];
        violations.extend(findings.into_iter().flatten().map(|(level, finding)| Violation {
            rule: rules::get(id),
            level,
            location: &new.location,
            finding,
        }));
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

/// Returns whether an update requests no other address than before.
fn requests_the_same(new: &Target<'_>, old: &Target<'_>) -> bool {
    let (Some(annotation), Some(before)) = (new.get(POD_IP), old.get(POD_IP)) else {
        return false;
    };
    // With the VPN, interLink does not use the address.
    annotation.value == before.value && (new.get(POD_VPN).is_some() || old.get(POD_VPN).is_none())
}

/// Returns whether another pod may have a target's address. With the VPN, interLink gives each pod an address of its
/// own, and the pods of a template are checked when they are created.
fn may_conflict(target: &Target<'_>) -> bool {
    matches!(target.location.role, Role::Pod | Role::Binding) && target.get(POD_VPN).is_none()
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
        let problem = format!("is not compared with the ranges of the virtual nodes, which cannot be read, {error}");
        annotation.finding(problem).fix("ask an administrator to let the policy read Nodes")
    });
    Compared { problem: rules::check_range(address, annotation, settings, &allowed), unreadable }
}

/// Returns the ranges that a target's address must be in: those of the nodes that it names, or else all.
fn allowed_ranges<'s>(target: &Target<'_>, settings: &'s PodIp, nodes: &VirtualNodes) -> AllowedRanges<'s> {
    // A malformed spec, which the API server accepts only in a custom resource, names no node.
    let names = target.spec().and_then(|spec| NodeNames::decode(spec).ok()).unwrap_or_default();
    let names = names.decisive();
    if let Some(ranges) = nodes.ranges_of(names) {
        let if_outside = "is outside the range of the pod's virtual node";
        return AllowedRanges { ranges: ranges.into(), if_outside, ..AllowedRanges::of_settings(settings) };
    }
    let mut ranges = settings.cidrs.clone();
    if names.is_empty() {
        ranges.extend(nodes.ranges());
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
    cluster: &Cluster<'_>,
) -> Compared<'t> {
    // Malformed metadata, which the API server does not accept, is no other pod's.
    let pod = Pod::decode(target.metadata(), cluster.namespace()).unwrap_or_default();
    let holder = match cluster.holder_of(address, &pod) {
        Ok(holder) => holder,
        Err(error) => {
            let problem = format!("is not compared with the addresses of other pods, which cannot be read, {error}");
            let finding = annotation.finding(problem).fix("ask an administrator to let the policy read Pods");
            return Compared { unreadable: Some(finding), ..Compared::default() };
        }
    };
    let finding = |holder: Holder| {
        // Users must not learn the names in other namespaces.
        let name = if holder.namespace == cluster.namespace() {
            Cow::Owned(format!("the pod {}", quote(&holder.name)))
        } else {
            Cow::Borrowed("another pod")
        };
        let (state, fix) = if holder.is_being_deleted {
            (", which is being deleted", "wait until it is gone, or request another address")
        } else {
            ("", "request another address")
        };
        annotation.finding(format!("is the address of {name}{state}")).fix(fix)
    };
    Compared { problem: holder.map(finding), ..Compared::default() }
}
