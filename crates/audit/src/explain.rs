//! The rules and the checks across objects, and their documentation, or the reason why there is none.

use interlink_annotations_policy::RuleId;
use interlink_audit::cross_checks::Check;
use interlink_audit::suggestion::closest;
use interlink_generate::reference::{self, OMITTED, UNREADABLE};

/// Returns a list of the rules, and one of the checks across objects.
pub(crate) fn list() -> String {
    let rows = Check::ALL.into_iter().map(|check| [check.as_str(), check.summary()]);
    let checks = reference::columns(["CHECK", "REPORTS, ACROSS THE OBJECTS OF AN AUDIT"], rows);
    format!("{}\n{checks}", reference::rule_list())
}

/// Returns the documentation of all rules and all checks across objects.
pub(crate) fn explain_all() -> String {
    let checks = Check::ALL.map(|check| format!("\n#{}", check.documentation())).concat();
    reference::rules() + "\n# Checks across objects\n" + &checks
}

/// Returns the documentation of a rule, of a check across objects, or of what reports show in place of a rule.
///
/// # Errors
/// If there is no such rule. The text suggests a similar one.
pub(crate) fn explain(id: &str) -> Result<String, String> {
    let text = match Check::find(id) {
        Some(check) => Some(check.documentation()),
        None => reference::rule(id),
    };
    text.ok_or_else(|| format!("{id:?} is not a rule{}", hint(id)))
}

fn hint(id: &str) -> String {
    let about: Vec<_> = reference::rules_about(id).into_iter().map(RuleId::as_str).collect();
    if !about.is_empty() {
        return format!(", but an annotation; see {}", about.join(", "));
    }
    let others: Vec<_> = Check::ALL.map(Check::as_str).into_iter().chain([UNREADABLE, OMITTED]).collect();
    match closest(id, RuleId::ALL.into_iter().map(RuleId::as_str).chain(others.iter().copied())) {
        Some(rule) => format!("; did you mean {rule}?"),
        None => format!("; the rules are {}, and reports also show {}", reference::rule_ids(), others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_rule_that_may_be_meant() {
        for (text, expected) in [
            ("job_id", "\"job_id\" is not a rule; did you mean job-id?"),
            ("duplicate-pod-ips", "\"duplicate-pod-ips\" is not a rule; did you mean duplicate-pod-ip?"),
            ("pod-ips", "\"pod-ips\" is not a rule; did you mean pod-ip?"),
            ("interlink.eu/wg-mtu", "\"interlink.eu/wg-mtu\" is not a rule, but an annotation; see wireguard"),
        ] {
            assert_eq!(explain(text).unwrap_err(), expected);
        }
        let job_id = explain("JobID").unwrap_err();
        assert!(job_id.starts_with("\"JobID\" is not a rule, but an annotation; see job-id"), "{job_id}");
        assert!(explain("xyz").unwrap_err().contains("; the rules are job-id, "));
        assert!(explain("node-range").unwrap().starts_with("# node-range\n\nReports a virtual node"));
        for id in [UNREADABLE, OMITTED] {
            assert!(explain(id).unwrap().starts_with(&format!("# {id}\n")));
        }
    }
}
