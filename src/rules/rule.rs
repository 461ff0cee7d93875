//! The type of a rule, and its roles.

#[cfg(test)]
use crate::finding::Finding;
use crate::finding::Findings;
use crate::kinds::Role;
use crate::rule_id::RuleId;
use crate::settings::Settings;
use crate::target::Target;

/// The HTTP status for a request that only a trusted writer may make.
const FORBIDDEN: u16 = 403;
/// The HTTP status for a wrong value.
const UNPROCESSABLE_CONTENT: u16 = 422;

/// A check with an id.
#[derive(Debug)]
pub struct Rule {
    /// The id, as in settings and responses.
    pub id: RuleId,
    /// What the rule refuses, as a phrase for tables.
    pub refuses: &'static str,
    /// Whether the rule is about who may write an annotation, not about its value.
    pub(crate) about_writers: bool,
    /// The roles of the targets that the rule checks.
    pub(super) roles: &'static [Role],
    pub(super) check: Check,
}

/// Adds the problems of a target to the findings.
pub(super) type Check = for<'t, 'a> fn(&'t Target<'a>, &Settings<'_>, &mut Findings<'t>);

/// The targets of most rules: annotations that a pod gets.
pub(super) const POD_ROLES: &[Role] = &[Role::Pod, Role::PodTemplate, Role::Binding];

impl Rule {
    /// Returns the roles of the targets that the rule checks.
    pub fn roles(&self) -> &'static [Role] {
        self.roles
    }

    /// Returns the HTTP status of a refusal for this rule alone.
    pub fn code(&self) -> u16 {
        if self.about_writers { FORBIDDEN } else { UNPROCESSABLE_CONTENT }
    }
}

#[cfg(test)]
impl Rule {
    /// Returns the findings on a target.
    pub(super) fn findings<'t>(&self, target: &'t Target<'_>, settings: &Settings<'_>) -> Vec<Finding<'t>> {
        let mut findings = Findings::default();
        (self.check)(target, settings, &mut findings);
        findings.into_iter().collect()
    }
}
