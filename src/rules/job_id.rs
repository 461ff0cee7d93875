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
//! interLink records in `JobID` that it has submitted the pod's job to the HPC centre. When interLink restarts, it
//! takes over every pod on its node that has the annotation, whatever the value, and submits the job of every pod that
//! lacks it. With a forged `JobID`, interLink tracks a job that it never submitted. Without its `JobID`, a job starts
//! a second time. A `JobID` in a template reaches every pod that is created from the template.
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
//! - `trustedWriters`: the users and groups that may write `JobID`. The default is interLink's service accounts in the
//!   namespace `interlink`, and the `Deployment` and `ReplicaSet` controllers in the tunnels' namespaces,
//!   `*-wstunnel`.
//! - `trustedFieldManagers`: the field managers that count as interLink in an audit. The default is `vk`.
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

use super::{Finding, OF_PODS, Rule, stranger};
use crate::annotations::JOB_ID;
use crate::kind::Carries;
use crate::settings::{Level, Settings};
use crate::subject::Subject;
use crate::text::quote;

pub(super) const RULE: Rule = Rule {
    id: "job-id",
    refuses: "`JobID` set, changed or removed by anyone but a trusted writer",
    default_level: Level::Deny,
    about_writers: true,
    subjects: OF_PODS,
    check,
};

const ON_STORED_POD: &str =
    "find out whose job that is before you delete the pod, because interLink then cancels that job";

fn check<'s>(subject: &'s Subject<'_>, _: &Settings<'_>) -> Vec<Finding<'s>> {
    let finding = subject.get(JOB_ID).and_then(|annotation| {
        let (by, mend) = stranger(subject, annotation, ON_STORED_POD)?;
        let value = quote(&annotation.value);
        let problem = format!("is set to {value}{by}, but only interLink may say which job a pod is");
        let protected = subject.place.carries == Carries::Pod;
        Some(Finding { protected, ..Finding::of_value(annotation, problem, mend) })
    });
    finding.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::*;

    #[test]
    fn any_value_is_refused() {
        for value in ["slurm-12345", "", " "] {
            let pod = pod(&[(JOB_ID, value)]);
            assert_eq!(keys(&check(&pod, &Settings::default())), [JOB_ID]);
        }
    }

    #[test]
    fn a_pod_without_it_is_fine() {
        let pod = pod(&[("interlink.eu/pod-vpn", "true")]);
        assert_eq!(check(&pod, &Settings::default()), []);
    }

    #[test]
    fn the_message_shows_the_value() {
        let pod = pod(&[(JOB_ID, "slurm-1")]);
        assert_eq!(
            texts(&check(&pod, &Settings::default())),
            ["is set to \"slurm-1\", but only interLink may say which job a pod is; remove it"]
        );
    }

    #[test]
    fn it_is_kept_on_a_pod_and_may_leave_a_template() {
        for (kind, protected) in [("Pod", true), ("Deployment", false), ("Binding", false)] {
            let subject = carrier(kind, &[(JOB_ID, "1")]);
            assert_eq!(check(&subject, &Settings::default())[0].protected, protected, "{kind}");
        }
    }

    #[test]
    fn on_a_stored_object_the_owner_decides() {
        for (hand, found) in [(Hand::InterLink, false), (Hand::Unknown, false), (Hand::Manager("kubectl".into()), true)]
        {
            let stored = written_by(pod(&[(JOB_ID, "1")]), &hand);
            let texts = texts(&check(&stored, &Settings::default()));
            assert_eq!(texts.len(), usize::from(found));
            assert!(texts.iter().all(|text| text.contains("is set to \"1\" by the field manager \"kubectl\", but")));
        }
    }
}
