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
//! - `shadowNamespaces`: with `true`, add the pod's namespace. The default trusts the `Deployment` and `ReplicaSet`
//!   controllers only in `*-wstunnel`.
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

use super::exact_value::ExactValue;
use super::rule::{POD_ROLES, Rule};
use crate::annotations::SHADOW_SAME_NS;
use crate::finding::Findings;
use crate::rule_id::RuleId;
use crate::settings::Settings;
use crate::target::Target;

pub(super) const RULE: Rule = Rule {
    id: RuleId::ShadowSameNs,
    refuses: "`shadow-same-ns` with a value other than `true`",
    about_writers: false,
    roles: POD_ROLES,
    check,
};

fn check<'t>(target: &'t Target<'_>, _: &Settings<'_>, findings: &mut Findings<'t>) {
    let expected = ExactValue {
        key: SHADOW_SAME_NS,
        matches: |value| value == "true",
        effect: "which has no effect: only \"true\" has",
        fix: "set it to \"true\" to put the shadow pod into the pod's namespace, or remove it",
    };
    expected.check(target, findings);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn accepts_only_true() {
        for (value, count) in [("true", 0), ("True", 1), (" true", 1), ("yes", 1), ("", 1), ("false", 1)] {
            let pod = pod(&[(SHADOW_SAME_NS, value)]);
            assert_eq!(RULE.findings(&pod, &Settings::default()).len(), count, "{value:?}");
        }
    }
}
