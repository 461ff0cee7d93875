//! `rules`: what becomes of each rule's findings.

use super::read::{self, choice};
use crate::json::{Reader, Unreadable};
use crate::rules::{self, RULES, Rule};

/// What becomes of a rule's findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The request is refused.
    Deny,
    /// The request is accepted, with a warning.
    Warn,
    /// The rule is not asked.
    Ignore,
}

const LEVELS: [(&str, Level); 3] = [("Deny", Level::Deny), ("Warn", Level::Warn), ("Ignore", Level::Ignore)];

impl Level {
    /// The name that settings give it.
    pub fn name(self) -> &'static str {
        let named = LEVELS.iter().find(|(_, level)| *level == self);
        named.map_or("", |(name, _)| name)
    }
}

/// The level of every rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levels([Level; RULES.len()]);

impl Levels {
    /// Every rule with its level.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Rule, Level)> {
        RULES.iter().zip(self.0)
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Unreadable> {
        let mut levels = Self::default();
        read::object(reader, &mut |id, value| {
            let Some(index) = RULES.iter().position(|rule| rule.id.as_bytes() == id) else {
                return Err(Unreadable::new(format!("is not a rule; write one of {}", rules::ids())));
            };
            levels.0[index] = choice(value, &LEVELS)?;
            Ok(())
        })?;
        Ok(levels)
    }
}

impl Default for Levels {
    fn default() -> Self {
        Self(std::array::from_fn(|index| RULES[index].default_level))
    }
}
