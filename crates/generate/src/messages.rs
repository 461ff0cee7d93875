//! The messages of each rule, from the snapshot that a test of `e2e-tests` keeps up to date.

use std::collections::HashSet;

use interlink_annotations_policy::RuleId;
use interlink_annotations_policy::response::{parse, split_message};

/// Sections of a heading and the messages of a response, one a line.
const SNAPSHOT: &str = include_str!("../../../e2e-tests/tests/snapshots/messages__messages.snap");

/// Returns a Markdown list of the messages of a rule, or of those about objects that cannot be decoded. Of those that
/// differ only in the field, the list has the first.
pub(crate) fn list(rule: Option<RuleId>) -> String {
    let mut seen = HashSet::new();
    let of_rule = |message: &&'static str| {
        let parsed = parse(message);
        parsed.rule == rule.map(RuleId::as_str) && seen.insert((parsed.key, parsed.problem, parsed.fix))
    };
    all().filter(of_rule).fold(String::new(), |list, message| list + "- `" + message + "`\n")
}

/// Returns the messages of all rules.
fn all() -> impl Iterator<Item = &'static str> {
    let messages = SNAPSHOT.lines().filter_map(|line| {
        let (outcome, message) = line.split_once(": ")?;
        (outcome == "warning" || outcome.starts_with("refused (")).then_some(message)
    });
    messages.flat_map(split_message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_messages() {
        for rule in RuleId::ALL {
            let list = list(Some(rule));
            let start = format!("- `{rule}: ");
            assert!(!list.is_empty() && list.lines().all(|line| line.starts_with(&start)), "{rule}: {list}");
            assert!(!list.contains("``"), "a backtick in a message would end the code: {list}");
        }
    }

    #[test]
    fn lists_a_message_once() {
        assert_eq!(list(Some(RuleId::JobId)).matches("is changed, but only interLink may change it").count(), 1);
    }
}
