//! # pod-ip-conflict
//!
//! ## What it refuses
//!
//! `interlink.eu/pod-ip` in a pod template that creates several pods at the same time, which would all have that
//! address:
//!
//! - of a `Deployment`, `ReplicaSet`, `StatefulSet` or `ReplicationController` with more than one replica;
//! - of a Job with `parallelism` above 1, unless it has one completion. Sequential completions are allowed: a pod gets
//!   the address after the previous pod has ended;
//! - of a `CronJob` whose Jobs may overlap, because `concurrencyPolicy` is neither `Forbid` nor `Replace`, or each of
//!   whose Jobs creates several pods;
//! - of a `DaemonSet`.
//!
//! With `cluster.podIPConflicts`, also an address in a Pod that may run on a virtual node, or in a Binding, that
//! another pod in the cluster has or, as long as it has none, requests. An address that `pod-ip` refuses is not
//! compared. Finished pods do not count, nor does the node's address of a pod in the host's network, nor a request of a
//! pod that cannot run on a virtual node or uses the VPN. A pod with the same name, such as the earlier pod of a
//! `StatefulSet`, does not count either, nor does one of the same controller that is being deleted. The message names
//! the other pod only if it is in the same namespace.
//!
//! A template with `interlink.eu/pod-vpn` is exempt: interLink then gives each pod an address of its own. An update may
//! keep such a template and may scale it down, but not up.
//!
//! The policy does not see the subresource `scale`, with which `kubectl scale` and a `HorizontalPodAutoscaler` change
//! the number of replicas. When a `Deployment` is scaled in this way, the policy refuses the update of its
//! `ReplicaSet`; other workloads get their new pods. The policy does not know how many pods a custom resource creates.
//! During a rolling update, the old and the new pod of a `Deployment` both have the address; with the strategy
//! `Recreate`, they do not.
//!
//! ## Why
//!
//! Without the VPN, interLink uses the value as the pod's address, unchecked. If several pods have the same address,
//! Services send each request to any of them, and the jobs at the HPC center cannot be told apart by their address.
//!
//! ## How to fix it
//!
//! In a template, remove the annotation, or create only one pod at a time: one replica, `parallelism: 1`,
//! `concurrencyPolicy: Forbid`. In a Pod or a Binding, request an address that no other pod has. The examples below use
//! the setting `podIP.cidrs: [10.250.0.0/16]`.
//!
//! ## Settings
//!
//! - `cluster.podIPConflicts`: `true` compares requested addresses with those of other pods. The default is `false`.
//! - `rules.pod-ip-conflict`: `Deny` (the default), `Warn` or `Ignore`.
//!
//! ## References
//!
//! - interLink 0.6.2, `pkg/virtualkubelet/virtualkubelet.go`: `CreatePod` uses the address, `setupVPNPodIP` replaces it
//!   with the VPN.
//! - interLink's pod annotations reference: "`interlink.eu/pod-ip`".
//! - Kubernetes' documentation: <https://kubernetes.io/docs/concepts/workloads/controllers/job/#parallel-jobs>.
//!
//! ## Refused
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! spec:
//!   replicas: 3
//!   template:
//!     metadata:
//!       annotations:
//!         interlink.eu/pod-ip: "10.250.1.100"
//! ```
//!
//! ```yaml
//! apiVersion: batch/v1
//! kind: CronJob
//! spec:
//!   jobTemplate:
//!     spec:
//!       template:
//!         metadata:
//!           annotations:
//!             interlink.eu/pod-ip: "10.250.1.100"
//! ```
//!
//! ## Accepted
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: StatefulSet
//! spec:
//!   replicas: 1
//!   template:
//!     metadata:
//!       annotations:
//!         interlink.eu/pod-ip: "10.250.1.100"
//! ```

use k8s_openapi::Resource;
use k8s_openapi::api::batch::v1::{CronJob, Job};

use super::rule::Rule;
use crate::annotations::{POD_IP, POD_VPN};
use crate::finding::Findings;
use crate::kinds::{Kind, Role};
use crate::pod_count::PodCount;
use crate::rule_id::RuleId;
use crate::settings::Settings;
use crate::target::Target;

pub(super) const RULE: Rule = Rule {
    id: RuleId::PodIpConflict,
    refuses: "`pod-ip` that several pods would have: in a template that creates several pods at the same time or, with \
              `cluster.podIPConflicts`, the address of another pod",
    about_writers: false,
    roles: &[Role::PodTemplate],
    check,
};

fn check<'t>(target: &'t Target<'_>, _: &Settings<'_>, findings: &mut Findings<'t>) {
    // With the VPN, interLink gives each pod an address of its own.
    let (Some(annotation), None) = (target.get(POD_IP), target.get(POD_VPN)) else {
        return;
    };
    let (pods, fix) = match target.pod_count {
        PodCount::UpTo(0 | 1) => return,
        PodCount::UpTo(count) => {
            let fix = if has_parallelism(target.kind) { "set parallelism to 1" } else { "set replicas to 1" };
            (format!("{count} pods at the same time"), fix)
        }
        PodCount::EachNode => ("a pod on each node".to_owned(), "use a Deployment with one replica"),
        PodCount::OverlappingJobs => {
            ("the pods of Jobs that may overlap".to_owned(), "set concurrencyPolicy to Forbid")
        }
    };
    let finding = annotation.finding(format!("would be the address of {pods}")).fix(format!("remove it, or {fix}"));
    findings.push(finding.extent(target.pod_count.limit()));
}

/// Returns whether objects of a kind set the number of pods with `parallelism`, not with `replicas`.
fn has_parallelism(kind: &Kind) -> bool {
    [Job::KIND, CronJob::KIND].contains(&kind.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn problems(kind: &str, pod_count: PodCount, annotations: &[(&'static str, &str)]) -> Vec<String> {
        let target = builder(kind, annotations).pod_count(pod_count).build();
        texts(&RULE.findings(&target, &Settings::default()))
    }

    const ADDRESS: (&str, &str) = (POD_IP, "10.250.1.5");

    #[test]
    fn reports_an_address_that_several_pods_would_have() {
        for (pod_count, expected) in [
            (PodCount::UpTo(2), "2 pods at the same time; remove it, or set parallelism to 1"),
            (PodCount::EachNode, "a pod on each node; remove it, or use a Deployment with one replica"),
            (
                PodCount::OverlappingJobs,
                "the pods of Jobs that may overlap; remove it, or set concurrencyPolicy to Forbid",
            ),
        ] {
            assert_eq!(problems("Job", pod_count, &[ADDRESS]), [format!("would be the address of {expected}")]);
        }
        for (kind, field) in [("CronJob", "parallelism"), ("Deployment", "replicas"), ("StatefulSet", "replicas")] {
            let problem = problems(kind, PodCount::UpTo(2), &[ADDRESS]).remove(0);
            assert!(problem.ends_with(&format!("or set {field} to 1")), "{problem}");
        }
    }

    #[test]
    fn accepts_an_address_that_one_pod_has_at_a_time() {
        for count in [0, 1] {
            assert_eq!(problems("Deployment", PodCount::UpTo(count), &[ADDRESS]), [""; 0]);
        }
        assert_eq!(problems("Deployment", PodCount::UpTo(3), &[]), [""; 0]);
        for vpn in ["true", "", "no"] {
            assert_eq!(problems("Deployment", PodCount::UpTo(3), &[ADDRESS, (POD_VPN, vpn)]), [""; 0], "{vpn}");
        }
    }
}
