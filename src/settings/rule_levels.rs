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
            // YAML reads `off` as false.
            let is_off = value.peek() == Some(b'f');
            let level = choice(value, &Level::ALL.map(|level| (level.as_str(), level)));
            levels.0[rule as usize] =
                level.map_err(|error| if is_off { error.hint("write Ignore instead of off") } else { error })?;
            Ok(())
        })?;
        Ok(levels)
    }
}
