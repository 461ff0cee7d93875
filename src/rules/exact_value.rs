//! Rules about annotations that have one meaningful value.

use crate::escape::quote;
use crate::finding::Findings;
use crate::target::Target;

/// An annotation with one meaningful value.
pub(super) struct ExactValue {
    pub(super) key: &'static str,
    /// Returns whether interLink reads a value as the meaningful one.
    pub(super) matches: fn(&str) -> bool,
    /// What any other value does: the rest of a sentence that begins with the value.
    pub(super) effect: &'static str,
    pub(super) fix: &'static str,
}

impl ExactValue {
    /// Reports the annotation if it has another value.
    pub(super) fn check<'t>(&self, target: &'t Target<'_>, findings: &mut Findings<'t>) {
        if let Some(annotation) = target.get(self.key)
            && !(self.matches)(&annotation.value)
        {
            let problem = format!("is {}, {}", quote(&annotation.value), self.effect);
            findings.push(annotation.finding(problem).fix(self.fix));
        }
    }
}
