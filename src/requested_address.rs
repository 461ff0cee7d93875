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
            Some(Violation { rule: rules::get(id), level, location: &target.location, finding: finding? })
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
