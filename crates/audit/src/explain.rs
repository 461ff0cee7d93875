//! The documentation of a rule, or the reason why there is none.

use interlink_annotations_policy::RuleId;
use interlink_audit::documentation;
use interlink_audit::outcome::UNREADABLE;
use interlink_audit::suggestion::closest;
use interlink_generate::reference;

/// Returns the documentation of a rule, or of `unreadable`, which reports show in place of a rule.
///
/// # Errors
/// If there is no such rule. The text suggests a similar one.
pub(crate) fn explain(id: &str) -> Result<String, String> {
    let text = if id == UNREADABLE { Some(documentation::UNREADABLE.to_owned()) } else { reference::rule(id) };
    text.ok_or_else(|| format!("{id:?} is not a rule{}", hint(id)))
}

fn hint(id: &str) -> String {
    let about: Vec<_> = reference::rules_about(id).into_iter().map(RuleId::as_str).collect();
    if !about.is_empty() {
        return format!(", but an annotation; see {}", about.join(", "));
    }
    match closest(id, RuleId::ALL.into_iter().map(RuleId::as_str).chain([UNREADABLE])) {
        Some(rule) => format!("; did you mean {rule}?"),
        None => format!("; the rules are {}", reference::rule_ids()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_rule_that_may_be_meant() {
        for (text, expected) in [
            ("job_id", "\"job_id\" is not a rule; did you mean job-id?"),
            ("pod-ips", "\"pod-ips\" is not a rule; did you mean pod-ip?"),
            ("interlink.eu/wg-mtu", "\"interlink.eu/wg-mtu\" is not a rule, but an annotation; see wireguard"),
        ] {
            assert_eq!(explain(text).unwrap_err(), expected);
        }
        let job_id = explain("JobID").unwrap_err();
        assert!(job_id.starts_with("\"JobID\" is not a rule, but an annotation; see job-id"), "{job_id}");
        assert!(explain("xyz").unwrap_err().contains("; the rules are job-id, "));
        assert!(explain("unreadable").unwrap().starts_with("# unreadable\n"));
    }
}
