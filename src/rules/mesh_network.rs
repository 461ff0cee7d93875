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
//! Set it to `disabled` to keep the pod out of the mesh network, or remove it to keep the pod in.
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

use super::{Finding, OF_PODS, Rule};
use crate::annotations::MESH_NETWORK;
use crate::settings::{Level, Settings};
use crate::subject::Subject;
use crate::text::quote;

pub(super) const RULE: Rule = Rule {
    id: "mesh-network",
    refuses: "`mesh-network` with a value other than `disabled`",
    default_level: Level::Warn,
    about_writers: false,
    subjects: OF_PODS,
    check,
};

fn check<'s>(subject: &'s Subject<'_>, _: &Settings<'_>) -> Vec<Finding<'s>> {
    let wrong = subject.get(MESH_NETWORK).filter(|annotation| !is_disabled(&annotation.value));
    let finding = wrong.map(|annotation| {
        let problem =
            format!("is {}, which has no effect, so that the pod stays in the mesh", quote(&annotation.value));
        Finding::of_value(annotation, problem, "write \"disabled\" to keep it out, or remove the annotation")
    });
    finding.into_iter().collect()
}

/// As Go's `strings.EqualFold` sees it, for which the long s is an s.
fn is_disabled(value: &str) -> bool {
    let folded = value.trim().chars().map(|letter| if letter == 'ſ' { 's' } else { letter.to_ascii_lowercase() });
    folded.eq("disabled".chars())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::*;

    #[test]
    fn disabled_in_any_letters_is_the_only_value() {
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
            assert_eq!(check(&pod, &Settings::default()).len(), count, "{value:?}");
        }
    }
}
