//! `rules`: what happens to the findings of each rule.

use json_scan::{DecodeError, Reader};

use super::decode::{self, choice};
use crate::rule_id::{Level, RuleId};

/// The level of every rule, in the order of [`RuleId::ALL`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleLevels([Level; RuleId::ALL.len()]);

impl Default for RuleLevels {
    fn default() -> Self {
        Self(RuleId::ALL.map(RuleId::default_level))
    }
}

impl RuleLevels {
    /// Returns the level of a rule.
    pub fn get(&self, rule: RuleId) -> Level {
        self.0[rule as usize]
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut levels = Self::default();
        decode::object(reader, &mut |id, value| {
            let rule = str::from_utf8(id).ok().and_then(RuleId::find);
            let rule = rule.ok_or_else(|| DecodeError::new(format!("is not a rule; use one of {}", RuleId::list())))?;
            levels.0[rule as usize] = choice(value, &Level::ALL.map(|level| (level.as_str(), level)))?;
            Ok(())
        })?;
        Ok(levels)
    }
}
