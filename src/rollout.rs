//! Warns about an update that replaces a workload's pods and keeps an old violation in their template.
//!
//! Ratcheting accepts the update, but the pods that it creates are refused. A `StatefulSet` or `DaemonSet` deletes an
//! old pod before it creates the new one, so in the end, no pod may be left.

use crate::kinds::Role;
use crate::rule_id::Level;
use crate::rules::Violation;
use crate::target::Target;

/// Returns a warning for each violation that an update keeps and that refuses the workload's new pods.
pub(crate) fn check<'t>(new: &Target<'_>, old: &Target<'_>, preexisting: Vec<Violation<'t>>) -> Vec<Violation<'t>> {
    let mut violations = preexisting;
    // The size of a workload is not that of its pods.
    violations.retain(|violation| violation.level == Level::Deny && !violation.finding.about_object);
    if !violations.is_empty() && !replaces_pods(new, old) {
        violations.clear();
    }
    for violation in &mut violations {
        violation.level = Level::Warn;
        violation.finding.problem += ", and the new pods will be refused";
    }
    violations
}

/// Returns whether the workload's controller creates new pods for an update: that of a `Deployment`, `StatefulSet` or
/// `DaemonSet` does so for any change of the template. The jobs of a `CronJob` keep theirs.
fn replaces_pods(new: &Target<'_>, old: &Target<'_>) -> bool {
    new.location.role == Role::PodTemplate && new.location.is_spec_template() && !new.has_same_text(old)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::annotations::{JOB_ID, MESH_NETWORK, POD_VPN};
    use crate::ratchet;
    use crate::settings::Settings;
    use crate::testing::*;

    const TEMPLATE_ANNOTATIONS: [(&str, &str); 3] = [(JOB_ID, "1"), (POD_VPN, "no"), (MESH_NETWORK, "off")];

    /// The warnings about an update of a template with another spec.
    fn warnings(kind: &str, old_spec: &str, new_spec: &str, unknown_keys: &[String], rules: &str) -> Vec<String> {
        let rules = format!(r#"{{"rules": {rules}}}"#);
        let settings = settings(&rules);
        let template = |spec| builder(kind, &TEMPLATE_ANNOTATIONS).unknown_keys(unknown_keys).raw_spec(spec).build();
        let old = template(old_spec);
        let mut new = template(new_spec);
        ratchet::ignore_preexisting_keys(&mut new, &old);
        let ratcheted = ratchet::check(&new, &old, &settings);
        assert!(ratcheted.introduced.is_empty());
        let warnings = check(&new, &old, ratcheted.preexisting);
        warnings
            .iter()
            .map(|violation| {
                assert_eq!(violation.level, Level::Warn);
                format!("{}: {}; {}", violation.rule.id, violation.finding.problem, violation.finding.fix_text())
            })
            .collect()
    }

    #[test]
    fn warns_about_each_violation_that_refuses_the_new_pods() {
        let found = warnings("StatefulSet", r#"{"hostname": "a"}"#, r#"{"hostname": "b"}"#, &[], "{}");
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(
            found[0],
            "job-id: is set to \"1\", but only interLink may set it, and the new pods will be refused; remove it"
        );
        assert!(found[1].starts_with("pod-vpn: is \"no\", "), "{found:?}");
    }

    #[test]
    fn warns_by_level_and_about_unknown_keys_too() {
        let keys = ["interlink.eu/colour".to_owned()];
        let rules = r#"{"job-id": "Warn", "pod-vpn": "Ignore", "unknown-annotation": "Deny"}"#;
        let found = warnings("DaemonSet", "{}", r#"{"hostname": "b"}"#, &keys, rules);
        assert!(found.len() == 1 && found[0].starts_with("unknown-annotation: "), "{found:?}");
    }

    #[test]
    fn is_silent_unless_pods_are_replaced() {
        assert_eq!(warnings("Deployment", "{}", "{}", &[], "{}"), [""; 0]);
        for kind in ["Pod", "CronJob", "PodTemplate"] {
            assert_eq!(warnings(kind, "{}", r#"{"hostname": "b"}"#, &[], "{}"), [""; 0], "{kind}");
        }
    }

    #[test]
    fn is_silent_about_a_template_without_violations() {
        let (old, new) = (builder("Deployment", &[]).raw_spec("{}").build(), builder("Deployment", &[]).build());
        assert_eq!(check(&new, &old, ratchet::check(&new, &old, &Settings::default()).preexisting).len(), 0);
    }
}
