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

use super::{Finding, OF_PODS, Rule};
use crate::annotations::POD_VPN;
use crate::settings::{Level, Settings};
use crate::subject::Subject;
use crate::text::quote;

pub(super) const RULE: Rule = Rule {
    id: "pod-vpn",
    refuses: "`pod-vpn` with a value other than `true`",
    default_level: Level::Deny,
    about_writers: false,
    subjects: OF_PODS,
    check,
};

fn check<'s>(subject: &'s Subject<'_>, _: &Settings<'_>) -> Vec<Finding<'s>> {
    let wrong = subject.get(POD_VPN).filter(|annotation| annotation.value != "true");
    let finding = wrong.map(|annotation| {
        let value = quote(&annotation.value);
        Finding::of_value(
            annotation,
            format!("is {value}, which turns the VPN on, as every value does"),
            "write \"true\", or remove it to have no VPN",
        )
    });
    finding.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::*;

    #[test]
    fn true_is_the_only_value() {
        let good = pod(&[(POD_VPN, "true")]);
        assert_eq!(check(&good, &Settings::default()), []);
        for value in ["false", "", "True", "TRUE", " true", "true ", "1", "yes", "on"] {
            let pod = pod(&[(POD_VPN, value)]);
            assert_eq!(keys(&check(&pod, &Settings::default())), [POD_VPN], "{value:?}");
        }
    }

    #[test]
    fn a_pod_without_it_is_fine() {
        assert_eq!(check(&pod(&[]), &Settings::default()), []);
    }
}
