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
    pub(crate) fn new(mut new: Target<'a>, mut old: Option<Cow<'o, Target<'a>>>, settings: &Settings<'_>) -> Self {
        if let Some(old) = old.as_mut().filter(|old| old.lacks_annotations()) {
            Target::decode_changed(&mut new, old.to_mut(), settings);
        }
        if let Some(old) = &old {
            ratchet::ignore_preexisting_keys(&mut new, old);
        }
        Self { new, old }
    }

    /// Checks that the new target does not have too many annotations, unless the old one has them too.
    ///
    /// # Errors
    /// If it does. The path is relative to the object or template that has the metadata.
    pub(crate) fn check_excess(&self) -> Result<(), DecodeError> {
        self.new.check_excess()
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use crate::cluster::no_cluster;
    use crate::validate;

    /// Annotations, as keys and values in JSON.
    type Annotations = Vec<(String, String)>;

    /// A managed annotation, and its value.
    fn command() -> impl Strategy<Value = (String, String)> {
        (0..80_u8, 0..3_u8).prop_map(|(n, value)| (format!("interlink.eu/{n:02}-client-commands"), value.to_string()))
    }

    /// Returns the status of an UPDATE of a pod by an untrusted user, and checks that it does not depend on the order of
    /// the annotations.
    fn update(old: &Annotations, new: &Annotations, team: &str, rules: &str) -> Option<u16> {
        let code = |is_reversed| {
            let object = |annotations: &Annotations, team: &str, is_reversed| {
                let mut entries: Vec<_> =
                    annotations.iter().map(|(key, value)| format!(r#""{key}": "{value}""#)).collect();
                if is_reversed {
                    entries.reverse();
                }
                entries.push(format!(r#""team": "{team}""#));
                format!(r#"{{"metadata": {{"annotations": {{{}}}}}}}"#, entries.join(","))
            };
            let payload = format!(
                r#"{{"request": {{"operation": "UPDATE", "kind": {{"group": "", "kind": "Pod"}},
                "userInfo": {{"username": "alice"}}, "object": {}, "oldObject": {}}}, "settings": {{"rules": {rules}}}}}"#,
                object(new, team, is_reversed),
                object(old, "cms", false)
            );
            validate(payload.as_bytes(), &no_cluster).code
        };
        assert_eq!(code(false), code(true));
        code(false)
    }

    proptest! {
        #[test]
        fn rejects_any_change_of_any_number_of_managed_annotations(
            old in vec(command(), 0..70), changed in vec(command(), 0..4), removed in vec(command(), 0..4), team: bool
        ) {
            let old: BTreeMap<_, _> = old.into_iter().collect();
            let mut new = old.clone();
            new.extend(changed);
            new.retain(|key, _| !removed.iter().any(|(removed, _)| removed == key));
            let [old, new] = [old, new].map(|annotations| annotations.into_iter().collect());
            let code = update(&old, &new, if team { "cms" } else { "atlas" }, "{}");
            prop_assert_eq!(code.is_none(), old == new, "{:?}", code);
        }
    }

    #[test]
    fn compares_more_annotations_than_are_kept() {
        let many = |domain: &str, numbers: std::ops::Range<u8>| -> Annotations {
            numbers.map(|n| (format!("{domain}/{n:02}-client-commands"), "x".to_owned())).collect()
        };
        let managed = |numbers| many("interlink.eu", numbers);
        let plugins = |numbers| many("slurm-job.vk.io", numbers);
        let rules = r#"{"plugin-annotations": "Deny"}"#;
        // In both, key and value together have the same text.
        let and_plugin = |key: &str, value: &str| {
            let mut annotations = plugins(10..50);
            annotations.push((key.to_owned(), value.to_owned()));
            annotations
        };
        let (one, other) = (and_plugin("slurm-job.vk.io/z", r#"b\"c"#), and_plugin(r#"slurm-job.vk.io/z\"b\\"#, "c"));
        let twice = |numbers: std::ops::Range<u8>| [managed(numbers), managed(45..48)].concat();
        let changed = |numbers: std::ops::Range<u8>| -> Annotations {
            managed(numbers).into_iter().map(|(key, _)| (key, "y".to_owned())).collect()
        };
        for (old, new, expected) in [
            (managed(10..50), [changed(10..20), managed(20..50)].concat(), Some(403)),
            (managed(10..50), changed(10..50), Some(400)),
            (one.clone(), other.clone(), Some(422)),
            (other.clone(), one.clone(), Some(422)),
            (one.clone(), one, None),
            (twice(10..50), twice(10..49), Some(400)),
            (twice(10..50), managed(10..49), Some(400)),
            (managed(10..50), twice(10..50), Some(400)),
            (managed(10..50), managed(10..50), None),
            (managed(10..50), managed(10..49), Some(403)),
            (managed(10..50), managed(11..50), Some(403)),
            (managed(10..50), managed(0..0), Some(403)),
            (managed(10..50), managed(9..50), Some(403)),
            (managed(10..50), managed(10..51), Some(403)),
            (managed(10..50), managed(10..83), Some(400)),
            (managed(10..42), managed(9..42), Some(400)),
            (plugins(10..50), plugins(10..50), None),
            (plugins(10..50), plugins(10..49), None),
            (plugins(10..50), plugins(49..50), None),
            (plugins(10..50), plugins(9..50), Some(422)),
            (plugins(10..50), plugins(10..51), Some(422)),
            (managed(10..50), plugins(10..20), Some(403)),
        ] {
            assert_eq!(update(&old, &new, "atlas", rules), expected, "{:?} {:?}", old.first(), new.first());
        }
    }
}
