//! # job-id
//!
//! ## What it refuses
//!
//! The annotation `JobID` on a pod that is created; and, on one that is there, whatever sets, changes or removes it.
//! Only a trusted writer may: interLink itself.
//!
//! ## Why
//!
//! interLink keeps in `JobID` which job at the HPC centre belongs to a pod. When it starts anew, it adopts every pod
//! on its node that has the annotation, whatever the value, and submits every pod that has none. A forged `JobID`
//! makes it follow, and delete, a job that it never submitted; a lost one starts the job a second time.
//!
//! ## How to mend it
//!
//! Leave `JobID` out of the pod; interLink sets it once the job is submitted. Manifests that were copied from a
//! running pod often still carry it:
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     JobID: "slurm-12345" # delete this line
//! ```
//!
//! If interLink itself is refused, name its user in the setting `trustedWriters`.

use super::{Finding, Rule};
use crate::annotations::JOB_ID;
use crate::settings::{Level, Settings};
use crate::subject::Subject;
use crate::text::quote;

pub(super) const RULE: Rule = Rule {
    id: "job-id",
    refuses: "`JobID` set, changed or removed by anyone but a trusted writer",
    default_level: Level::Deny,
    about_writers: true,
    check,
};

fn check<'s>(subject: &'s Subject<'_>, _: &Settings<'_>) -> Vec<Finding<'s>> {
    let finding = subject.get(JOB_ID).map(|annotation| {
        let value = quote(&annotation.value);
        let problem = format!("is set to {value}, but only interLink may say which job a pod is");
        Finding { protected: true, ..Finding::of_value(annotation, problem, "remove it") }
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
}
