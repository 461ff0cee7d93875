//! Whether the settings trust the requester, which the policy's answer does not show.

use interlink_annotations_policy::RuleId;
use interlink_annotations_policy::settings::Settings;
use interlink_annotations_policy::{Level, is_trusted_request};

use crate::request::{Mode, Request};

/// The settings about requesters.
pub(crate) struct Trust<'s> {
    /// `None` if another version's module has settings that this library cannot read.
    settings: Option<Settings<'s>>,
    /// Whether the requests have a user: an audit request has none.
    has_user: bool,
    /// Whether the settings may turn on the rule for plugins' annotations, under other domains than interLink's.
    pub(crate) checks_plugins: bool,
}

impl<'s> Trust<'s> {
    pub(crate) fn new(settings: &'s [u8], mode: &Mode) -> Self {
        let settings = Settings::parse(settings).ok();
        let level = settings.as_ref().map(|settings| settings.rules.get(RuleId::PluginAnnotations));
        Self {
            has_user: matches!(mode, Mode::Manifests { .. }),
            checks_plugins: level != Some(Level::Ignore),
            settings,
        }
    }

    /// Returns whether the settings exempt the request's user from the rules.
    pub(crate) fn covers(&self, request: &Request) -> bool {
        let settings = self.settings.as_ref().filter(|_| self.has_user);
        settings.is_some_and(|settings| is_trusted_request(&request.text, settings))
    }
}
