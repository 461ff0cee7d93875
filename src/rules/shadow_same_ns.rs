//! # shadow-same-ns
//!
//! ## What it refuses
//!
//! A value of `interlink.eu/shadow-same-ns` other than exactly `true`.
//!
//! ## Why
//!
//! interLink recognizes only `true`. With `yes` or `True`, it still creates the tunnel's shadow pod in a separate
//! namespace, `<pod's namespace>-wstunnel`, which it shortens if the names are long.
//!
//! ## How to fix it
//!
//! Set it to `"true"`, with the quotes, to create the shadow pod in the pod's own namespace. The policy must then
//! trust the controllers that create it there (see Settings). Remove the annotation to create the shadow pod in a
//! separate namespace.
//!
//! ## Settings
//!
//! - `rules.shadow-same-ns`: `Warn` (the default), `Deny` or `Ignore`.
//! - `trustedWriters`: with `true`, add the `Deployment` and `ReplicaSet` controllers for the pod's namespace. The
//!   default trusts them only in the tunnels' namespaces, `*-wstunnel`.
//!
//! ## References
//!
//! - interLink 0.6.2, `pkg/virtualkubelet/virtualkubelet.go`: `createDummyPod` and `DeletePod`.
//! - interLink 0.6.2, `pkg/virtualkubelet/mesh.go`: `computeWstunnelResourceNames` and
//!   `computeWstunnelResourceNamesForSameNamespace` name the namespace.
//! - interLink's pod annotations reference does not list this annotation.
//!
//! ## Refused
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/shadow-same-ns: "yes"
//! spec:
//!   containers:
//!     - {name: web, image: nginx, ports: [{containerPort: 80}]}
//! ```
//!
//! ## Accepted
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/shadow-same-ns: "true"
//! spec:
//!   containers:
//!     - {name: web, image: nginx, ports: [{containerPort: 80}]}
//! ```

use super::{Finding, OF_PODS, Rule};
use crate::annotations::SHADOW_SAME_NS;
use crate::settings::{Level, Settings};
use crate::subject::Subject;
use crate::text::quote;

pub(super) const RULE: Rule = Rule {
    id: "shadow-same-ns",
    refuses: "`shadow-same-ns` with a value other than `true`",
    default_level: Level::Warn,
    about_writers: false,
    subjects: OF_PODS,
    check,
};

fn check<'s>(subject: &'s Subject<'_>, _: &Settings<'_>) -> Vec<Finding<'s>> {
    let wrong = subject.get(SHADOW_SAME_NS).filter(|annotation| annotation.value != "true");
    let finding = wrong.map(|annotation| {
        let problem = format!("is {}, which has no effect, as every value but \"true\"", quote(&annotation.value));
        let mend = "write \"true\" to have the tunnel's shadow pod in the pod's namespace, or remove the annotation";
        Finding::of_value(annotation, problem, mend)
    });
    finding.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::*;

    #[test]
    fn true_is_the_only_value() {
        for (value, count) in [("true", 0), ("True", 1), (" true", 1), ("yes", 1), ("", 1), ("false", 1)] {
            let pod = pod(&[(SHADOW_SAME_NS, value)]);
            assert_eq!(check(&pod, &Settings::default()).len(), count, "{value:?}");
        }
    }
}
