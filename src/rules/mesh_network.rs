//! # mesh-network
//!
//! ## What it refuses
//!
//! A value of `interlink.eu/mesh-network` other than `disabled`. Case, and spaces around the value, do not matter.
//!
//! ## Why
//!
//! interLink recognizes only `disabled`. With `off` or `false`, the pod stays in the mesh network.
//!
//! ## How to fix it
//!
//! Set it to `disabled` to keep the pod out of the mesh network, or remove it to keep the pod in the mesh network.
//!
//! ## Settings
//!
//! - `rules.mesh-network`: `Warn` (the default), `Deny` or `Ignore`.
//!
//! ## References
//!
//! - interLink 0.6.2, `pkg/virtualkubelet/virtualkubelet.go`: `isMeshNetworkingDisabled`.
//! - interLink's pod annotations reference: "`interlink.eu/mesh-network`".
//!
//! ## Refused
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/mesh-network: "off"
//! ```
//!
//! ## Accepted
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/mesh-network: "Disabled"
//! ```

use super::exact_value::ExactValue;
use super::rule::{POD_ROLES, Rule};
use crate::annotations::{MESH_NETWORK, disables_mesh};
use crate::finding::Findings;
use crate::rule_id::RuleId;
use crate::settings::Settings;
use crate::target::Target;

pub(super) const RULE: Rule = Rule {
    id: RuleId::MeshNetwork,
    refuses: "`mesh-network` with a value other than `disabled`",
    about_writers: false,
    roles: POD_ROLES,
    check,
};

fn check<'t>(target: &'t Target<'_>, _: &Settings<'_>, findings: &mut Findings<'t>) {
    let expected = ExactValue {
        key: MESH_NETWORK,
        matches: disables_mesh,
        effect: "which has no effect, so the pod stays in the mesh",
        fix: "set it to \"disabled\" to keep the pod out of the mesh, or remove it",
    };
    expected.check(target, findings);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn accepts_only_disabled_in_any_case() {
        for (value, count) in [
            ("disabled", 0),
            (" DISABLED\n", 0),
            ("diſabled", 0),
            ("", 1),
            ("disable", 1),
            ("dis abled", 1),
            ("dısabled", 1),
            ("off", 1),
            ("enabled", 1),
        ] {
            let pod = pod(&[(MESH_NETWORK, value)]);
            assert_eq!(RULE.findings(&pod, &Settings::default()).len(), count, "{value:?}");
        }
    }
}
