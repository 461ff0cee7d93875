//! # job-id
//!
//! ## What it refuses
//!
//! The annotation `JobID` on a pod that is created, in a pod template or on a Binding; and, on a pod that is there,
//! whatever sets, changes or removes it. Only a trusted writer may: interLink itself. In an audit of stored objects, it
//! refuses a `JobID` that a field manager owns who is not in `trustedFieldManagers`.
//!
//! ## Why
//!
//! interLink keeps in `JobID` which job at the HPC centre belongs to a pod. When it starts anew, it adopts every pod
//! on its node that has the annotation, whatever the value, and submits every pod that has none. A forged `JobID`
//! makes it follow, and delete, a job that it never submitted; a lost one starts the job a second time. In a template,
//! it forges that of every pod to come.
//!
//! ## How to mend it
//!
//! Leave `JobID` out of the pod; interLink sets it once the job is submitted. Manifests that were copied from a
//! running pod often still carry it. If interLink itself is refused, name its user in the setting `trustedWriters`. If
//! an audit finds a `JobID` on a running pod, look at the HPC centre whose job that is before you delete the pod:
//! interLink would cancel the job.
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
