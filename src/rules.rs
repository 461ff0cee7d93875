//! The rules: one file each. [`crate::rule_id`] has the list of them.

mod exact_value;
mod managed;
mod network;
mod rule;

use std::borrow::Cow;

use crate::finding::{Finding, Findings};
use crate::path::Path;
use crate::rule_id::{Level, RuleId, for_each_rule};
use crate::settings::Settings;
use crate::target::{Target, TargetLocation};

pub(crate) use pod_ip::{AllowedRanges, check_range, requested};
pub use rule::Rule;

macro_rules! define_rules {
    ($($module:ident, $variant:ident, $id:literal, $level:ident;)*) => {
        $(mod $module;)*

        /// All rules, in the order of their findings in a response.
        pub static RULES: [Rule; RuleId::ALL.len()] = [$($module::RULE),*];

        /// Returns the documentation of a rule in Markdown: the head of its file.
        pub fn documentation(rule: RuleId) -> String {
            let source = match rule {
                $(RuleId::$variant => include_str!(concat!("rules/", stringify!($module), ".rs")),)*
            };
            module_documentation(source)
        }
    };
}

for_each_rule!(define_rules);

/// Returns the text of the `//!` lines at the head of a source file.
fn module_documentation(source: &str) -> String {
    source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .fold(String::new(), |text, line| text + line + "\n")
}

/// Returns the rule with this id.
pub fn get(id: RuleId) -> &'static Rule {
    &RULES[id as usize]
}

/// A finding with its rule, level and location.
#[derive(Debug, Clone)]
pub(crate) struct Violation<'t> {
    pub(crate) rule: &'static Rule,
    pub(crate) level: Level,
    pub(crate) location: Cow<'t, TargetLocation>,
    pub(crate) finding: Finding<'t>,
}

impl Violation<'_> {
    /// Returns the violation in a pod template that was found by its shape, without the template.
    pub(crate) fn reported_at(self, path: Option<&Path<'_>>) -> Violation<'static> {
        let mut location = self.location.into_owned();
        location.write_path(path);
        let (location, finding) = (Cow::Owned(location), self.finding.into_owned());
        Violation { rule: self.rule, level: self.level, location, finding }
    }
}

/// Checks a target against every rule that applies to it.
pub(crate) fn check<'t>(target: &'t Target<'_>, settings: &Settings<'_>) -> Vec<Violation<'t>> {
    let location = &target.location;
    let mut violations = Vec::new();
    for rule in &RULES {
        let level = settings.rules.get(rule.id);
        if level == Level::Ignore || !rule.roles.contains(&location.role) {
            continue;
        }
        let mut findings = Findings::default();
        (rule.check)(target, settings, &mut findings);
        let is_final =
            |finding: &Finding<'_>| rule.about_writers || finding.injection || !target.is_provisional(finding);
        violations.extend(findings.into_iter().filter(is_final).map(|finding| {
            let level = if finding.injection { Level::Deny } else { level };
            Violation { rule, level, location: Cow::Borrowed(location), finding }
        }));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_in_the_order_of_their_ids() {
        for (rule, id) in RULES.iter().zip(RuleId::ALL) {
            assert_eq!(rule.id, id);
            assert_eq!(get(id).id, id);
        }
    }

    #[test]
    fn every_rule_is_documented() {
        const HEADINGS: [&str; 7] = [
            "## What it refuses",
            "## Why",
            "## How to fix it",
            "## Settings",
            "## References",
            "## Refused",
            "## Accepted",
        ];
        for id in RuleId::ALL {
            let text = documentation(id);
            let headings: Vec<_> = text.lines().filter(|line| line.starts_with("## ")).collect();
            assert_eq!(headings, HEADINGS, "{id}");
            assert!(text.starts_with(&format!("# {id}\n")), "{text}");
            let level = format!("- `rules.{id}`: `{}` (the default)", id.default_level().as_str());
            assert!(text.contains(&level), "{id} should document its level: {level}");
        }
    }
}
