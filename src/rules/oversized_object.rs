//! # oversized-object
//!
//! ## What it refuses
//!
//! The creation of an object of more than 768 KiB with an interLink annotation, and an update that makes an object so
//! large, or that adds the first interLink annotation to one. The size is that of the object's JSON text as the API
//! server sends it to the policy server: there, each `<`, `>` and `&` takes six bytes.
//!
//! ## Why
//!
//! The policy server accepts no review above 2 MiB, and the review of an update contains both the old and the new
//! object. interLink could then neither save the pod's `JobID` nor its address, and nobody could change the object's
//! annotations or `spec`.
//!
//! ## How to fix it
//!
//! Make the object smaller: move large texts, such as scripts in `args` or `env`, to a `ConfigMap`. Or remove all
//! interLink annotations, if the pod does not run on a virtual node.
//!
//! ## Settings
//!
//! - `rules.oversized-object`: `Deny` (the default), `Warn` or `Ignore`.
//!
//! ## References
//!
//! - Kubewarden's policy server, `src/lib.rs`: the limit for the body of a request.
//! - interLink 0.6.2, `pkg/virtualkubelet/execute.go`: `RemoteExecution` updates the pod to save `JobID`.
//!
//! ## Refused
//!
//! Here, `"…"` stands for a text of 768 KiB.
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/pod-vpn: "true"
//! spec:
//!   containers:
//!     - name: app
//!       image: busybox
//!       args: ["…"]
//! ```
//!
//! ## Accepted
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/pod-vpn: "true"
//! spec:
//!   containers:
//!     - name: app
//!       image: busybox
//!       args: ["/scripts/train.sh"]
//! ```

use super::rule::Rule;
use crate::finding::{Finding, Findings};
use crate::kinds::Role;
use crate::object_size;
use crate::rule_id::RuleId;
use crate::settings::Settings;
use crate::target::Target;

pub(super) const RULE: Rule = Rule {
    id: RuleId::OversizedObject,
    refuses: "an object of more than 768 KiB that has an interLink annotation, because its updates could be too large \
              for the policy server",
    about_writers: false,
    // Bindings are never updated.
    roles: &[Role::Pod, Role::PodTemplate, Role::Workload, Role::Node],
    check,
};

fn check<'t>(target: &'t Target<'_>, _: &Settings<'_>, findings: &mut Findings<'t>) {
    if target.object_size <= object_size::MAX {
        return;
    }
    if let Some(key) = target.keys().next() {
        let (size, max) = (target.object_size.div_ceil(1024), object_size::MAX / 1024);
        let problem = format!(
            "is on an object of {size} KiB, but updates of objects above {max} KiB may be too large for the policy server"
        );
        let fix = "make the object smaller, or remove all interLink annotations";
        findings.push(Finding::about_object(key, problem).fix(fix));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::annotations::{JOB_ID, POD_VPN};
    use crate::testing::*;

    fn problems(size: usize, annotations: &[(&'static str, &str)], unknown_keys: &[String]) -> Vec<String> {
        let target = builder("Pod", annotations).unknown_keys(unknown_keys).object_size(size).build();
        texts(&RULE.findings(&target, &Settings::default()))
    }

    #[test]
    fn reports_an_object_above_the_limit_once() {
        assert_eq!(problems(object_size::MAX, &[(POD_VPN, "true")], &[]), [""; 0]);
        assert_eq!(
            problems(object_size::MAX + 1, &[(POD_VPN, "true"), (JOB_ID, "1")], &[]),
            ["is on an object of 769 KiB, but updates of objects above 768 KiB may be too large for the policy \
                 server; make the object smaller, or remove all interLink annotations"]
        );
    }

    #[test]
    fn reports_an_object_with_an_unknown_key() {
        assert_eq!(problems(1 << 20, &[], &["interlink.eu/colour".to_owned()]).len(), 1);
        assert_eq!(problems(1 << 20, &[], &[]), [""; 0]);
    }
}
