//! # job-id
//!
//! ## What it refuses
//!
//! `JobID`, when anyone but a trusted writer sets, changes or removes it. Usually, the only trusted writer is
//! interLink itself.
//!
//! - On a new pod, in a pod template or on a Binding, the annotation is refused.
//! - On an existing pod, every change to the annotation is refused, removal included.
//! - In an audit of stored objects, the annotation is refused if a field manager that is not in `trustedFieldManagers`
//!   owns it.
//!
//! ## Why
//!
//! interLink records in `JobID` that it has submitted the pod's job to the HPC center. When interLink restarts, it
//! takes over every pod on its node that has the annotation, whatever the value, and submits the job of every pod that
//! lacks it. With a forged `JobID`, interLink tracks a job that it never submitted. Without its `JobID`, a job starts a
//! second time. A `JobID` in a template reaches every pod that is created from the template.
//!
//! ## How to fix it
//!
//! Remove `JobID` from the manifest; interLink sets it when it submits the job. Manifests exported from a running pod
//! often contain it. If interLink itself is refused, add its user to `trustedWriters`. If an audit reports a running
//! pod, find out whose job it is before you delete the pod: interLink then asks its plugin to cancel the pod's job.
//!
//! ## Settings
//!
//! - `rules.job-id`: `Deny` (the default), `Warn` or `Ignore`.
//! - `trustedWriters`: the users and groups that may write `JobID`. The default is every service account in the
//!   namespace `interlink` except `default`.
//! - `shadowNamespaces`: where the `Deployment` and `ReplicaSet` controllers may write it too. The default is
//!   `*-wstunnel`.
//! - `trustedFieldManagers`: the field managers that count as interLink in an audit. The default is
//!   `vk` and `virtual-kubelet`.
//!
//! ## References
//!
//! - interLink 0.6.2, `pkg/virtualkubelet/execute.go`: `RemoteExecution` sets `JobID`.
//! - interLink 0.6.2, `pkg/virtualkubelet/virtualkubelet.go`: `RetrievePodsFromCluster` takes over the pods that have
//!   `JobID`, and `DeletePod` asks the plugin to cancel the job.
//! - interLink's pod annotations reference: "Job Management", and "Best Practices".
//!
//! ## Refused
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     JobID: "slurm-12345"
//! ```
//!
//! ## Accepted
//!
//! ```yaml
//! metadata:
//!   labels:
//!     JobID: "slurm-12345"
//! ```

use super::managed::{UntrustedOwner, untrusted_owner};
use super::rule::{POD_ROLES, Rule};
use crate::annotations::JOB_ID;
use crate::escape::quote;
use crate::finding::Findings;
use crate::kinds::Role;
use crate::rule_id::RuleId;
use crate::settings::Settings;
use crate::target::Target;

pub(super) const RULE: Rule = Rule {
    id: RuleId::JobId,
    refuses: "`JobID`, if anyone but a trusted writer sets, changes or removes it",
    about_writers: true,
    roles: POD_ROLES,
    check,
};

const FIX_STORED_POD: &str =
    "find out who owns that job before you delete the pod, because interLink then cancels the job";

fn check<'t>(target: &'t Target<'_>, _: &Settings<'_>, findings: &mut Findings<'t>) {
    let Some(annotation) = target.get(JOB_ID) else {
        return;
    };
    if let Some(UntrustedOwner { by, fix }) = untrusted_owner(target, annotation, FIX_STORED_POD) {
        let problem = ["is set to ", &quote(&annotation.value), &by, ", but only interLink may set it"].concat();
        let is_pod = target.location.role == Role::Pod;
        findings.push(annotation.finding(problem).fix(fix).immutable_if(is_pod));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::annotations::Owner;
    use crate::testing::*;

    #[test]
    fn rejects_any_value() {
        for value in ["slurm-12345", "", " "] {
            let pod = pod(&[(JOB_ID, value)]);
            assert_eq!(keys(&RULE.findings(&pod, &Settings::default())), [JOB_ID]);
        }
    }

    #[test]
    fn accepts_a_pod_without_it() {
        let pod = pod(&[("interlink.eu/pod-vpn", "true")]);
        assert!(RULE.findings(&pod, &Settings::default()).is_empty());
    }

    #[test]
    fn shows_the_value() {
        let pod = pod(&[(JOB_ID, "slurm-1")]);
        assert_eq!(
            texts(&RULE.findings(&pod, &Settings::default())),
            ["is set to \"slurm-1\", but only interLink may set it; remove it"]
        );
    }

    #[test]
    fn is_immutable_only_on_a_pod() {
        for (kind, immutable) in [("Pod", true), ("Deployment", false), ("Binding", false)] {
            let target = builder(kind, &[(JOB_ID, "1")]).build();
            assert_eq!(RULE.findings(&target, &Settings::default())[0].immutable, immutable, "{kind}");
        }
    }

    #[test]
    fn checks_the_owner_on_a_stored_object() {
        let kubectl = Owner::Manager("kubectl".into());
        for (owner, found) in [(Owner::InterLink, false), (Owner::Unknown, false), (kubectl, true)] {
            let stored = builder("Pod", &[(JOB_ID, "1")]).owned_by(&owner).build();
            let texts = texts(&RULE.findings(&stored, &Settings::default()));
            assert_eq!(texts.len(), usize::from(found));
            assert!(texts.iter().all(|text| text.contains("is set to \"1\" by the field manager \"kubectl\", but")));
        }
    }
}
