//! # pod-vpn
//!
//! ## What it refuses
//!
//! A value of `interlink.eu/pod-vpn` other than `true`.
//!
//! ## Why
//!
//! interLink enables the VPN whenever the annotation is present, whatever its value: `"false"` enables it too. With an
//! empty value, interLink enables the VPN and also creates a tunnel for the pod's ports, although the two exclude each
//! other.
//!
//! ## How to fix it
//!
//! Set it to `"true"`, with the quotes, or remove it to disable the VPN.
//!
//! ## Settings
//!
//! - `rules.pod-vpn`: `Deny` (the default), `Warn` or `Ignore`.
//!
//! ## References
//!
//! - interLink 0.6.2, `pkg/virtualkubelet/virtualkubelet.go`: `CreatePod` checks whether the annotation is present,
//!   and `shouldCreateWstunnel` whether its value is empty.
//! - interLink's pod annotations reference: "`interlink.eu/pod-vpn`".
//!
//! ## Refused
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/pod-vpn: "false"
//! ```
//!
//! ## Accepted
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/pod-vpn: "true"
//! ```

use super::exact_value::ExactValue;
use super::rule::{POD_ROLES, Rule};
use crate::annotations::POD_VPN;
use crate::finding::Findings;
use crate::rule_id::RuleId;
use crate::settings::Settings;
use crate::target::Target;

pub(super) const RULE: Rule = Rule {
    id: RuleId::PodVpn,
    refuses: "`pod-vpn` with a value other than `true`",
    about_writers: false,
    roles: POD_ROLES,
    check,
};

fn check<'t>(target: &'t Target<'_>, _: &Settings<'_>, findings: &mut Findings<'t>) {
    let expected = ExactValue {
        key: POD_VPN,
        matches: |value| value == "true",
        effect: "which enables the VPN, as any value does",
        fix: "set it to \"true\", or remove it to disable the VPN",
    };
    expected.check(target, findings);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn accepts_only_true() {
        let good = pod(&[(POD_VPN, "true")]);
        assert!(RULE.findings(&good, &Settings::default()).is_empty());
        for value in ["false", "", "True", "TRUE", " true", "true ", "1", "yes", "on"] {
            let pod = pod(&[(POD_VPN, value)]);
            assert_eq!(keys(&RULE.findings(&pod, &Settings::default())), [POD_VPN], "{value:?}");
        }
    }

    #[test]
    fn accepts_a_pod_without_it() {
        assert!(RULE.findings(&pod(&[]), &Settings::default()).is_empty());
    }
}
