//! The old and the new version of a target, and the changes between them.

use std::borrow::Cow;

use json_scan::{Context, DecodeError};

use crate::cluster::Cluster;
use crate::ratchet::{self, Ratcheted};
use crate::request::OLD_OBJECT;
use crate::rules::{self, Violation};
use crate::settings::Settings;
use crate::target::Target;
use crate::{bound_pod, requested_address, rollout};

/// The targets at one location of the object and of the old object.
pub(crate) struct Versions<'o, 'a> {
    new: Target<'a>,
    old: Option<Cow<'o, Target<'a>>>,
}

impl<'o, 'a> Versions<'o, 'a> {
    /// Creates the versions of a target. There is an old one only in an update.
    pub(crate) fn new(new: Target<'a>, old: Option<Cow<'o, Target<'a>>>, settings: &Settings<'_>) -> Self {
        match old {
            Some(old) => {
                let old = if old.lacks_annotations() {
                    Cow::Owned(old.into_owned().with_keys_of(&new, settings))
                } else {
                    old
                };
                Self { new: ratchet::ignore_preexisting_keys(new, &old), old: Some(old) }
            }
            None => Self { new, old: None },
        }
    }

    /// Returns the violations that the request is blamed for, or warned about.
    ///
    /// # Errors
    /// If a part of the old object that matters is malformed.
    pub(crate) fn check(
        &self,
        settings: &Settings<'_>,
        cluster: &Cluster<'_>,
    ) -> Result<Vec<Violation<'_>>, DecodeError> {
        let Self { new, old } = self;
        let mut violations = match old {
            None => rules::check(new, settings),
            Some(old) => {
                let Ratcheted { introduced: mut violations, preexisting } = ratchet::check(new, old, settings);
                violations.extend(rollout::check(new, old, preexisting));
                violations.extend(bound_pod::check(new, old, settings).at_path(&OLD_OBJECT)?);
                violations
            }
        };
        violations.extend(requested_address::check(new, old.as_deref(), settings, cluster));
        Ok(violations)
    }
}
