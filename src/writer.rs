//! Who asks, and whether that is one whom the settings trust.

use std::borrow::Cow;

use crate::json::{Reader, Unreadable, Value, text};
use crate::settings::{Identity, TrustedWriter};

/// The one who makes a request.
#[derive(Debug, Default)]
pub struct Writer<'a> {
    username: Cow<'a, str>,
    groups: Vec<Cow<'a, str>>,
    /// The namespace of the request, empty for a resource that has none.
    namespace: Cow<'a, str>,
}

impl<'a> Writer<'a> {
    /// Reads `userInfo`. What it does not tell is empty, and matches no trusted writer.
    ///
    /// # Errors
    /// If a field that is read has the wrong type.
    pub fn read(user_info: Option<Value<'a>>, namespace: Cow<'a, str>) -> Result<Self, Unreadable> {
        let mut writer = Self { namespace, ..Self::default() };
        if let Some(user_info) = user_info.filter(|value| !value.is_null()) {
            writer.read_user_info(user_info).map_err(|problem| problem.inside("request.userInfo"))?;
        }
        Ok(writer)
    }

    fn read_user_info(&mut self, user_info: Value<'a>) -> Result<(), Unreadable> {
        let [username, groups] = user_info.reader().pick(["username", "groups"])?;
        self.username = text(username, ".username")?.unwrap_or_default();
        let Some(groups) = groups else {
            return Ok(());
        };
        let mut group = |group: &mut Reader<'a>| {
            self.groups.push(group.value()?.to_str()?);
            Ok(())
        };
        groups.reader().elements(&mut group).map_err(|problem| problem.inside(".groups"))
    }

    /// Someone else in the same namespace, of whom only the name is known.
    pub fn alike(&self, username: &'a str) -> Self {
        Self { username: username.into(), groups: Vec::new(), namespace: self.namespace.clone() }
    }

    /// Whether the request names nobody: the API server's own requests always name a user.
    pub fn is_nobody(&self) -> bool {
        self.username.is_empty()
    }

    /// Whether one of `trusted` names this writer.
    pub fn is_one_of(&self, trusted: &[TrustedWriter<'_>]) -> bool {
        trusted.iter().any(|entry| self.matches(entry))
    }

    fn matches(&self, entry: &TrustedWriter<'_>) -> bool {
        let identity = match &entry.identity {
            Identity::Username(pattern) => pattern.matches(&self.username),
            Identity::Group(pattern) => self.groups.iter().any(|group| pattern.matches(group)),
        };
        let namespace = entry.namespace.as_ref();
        identity && namespace.is_none_or(|pattern| pattern.matches(&self.namespace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Reader;
    use crate::rules::testing::settings;

    fn trusted(user_info: &str, namespace: &'static str, entry: &str) -> bool {
        let json = format!(r#"{{"trustedWriters": [{entry}]}}"#);
        let user_info = Reader::new(user_info.as_bytes()).value().unwrap();
        let writer = Writer::read(Some(user_info), namespace.into()).unwrap();
        writer.is_one_of(&settings(&json).trusted_writers)
    }

    #[test]
    fn a_username_or_any_group_matches() {
        let alice = r#"{"username": "alice", "groups": ["a", "operators"]}"#;
        assert!(trusted(alice, "", r#"{"username": "al*"}"#));
        assert!(trusted(alice, "", r#"{"group": "operators"}"#));
        assert!(!trusted(alice, "", r#"{"username": "operators"}"#));
        assert!(!trusted(alice, "", r#"{"group": "alice"}"#));
    }

    #[test]
    fn a_namespaced_entry_holds_in_its_namespaces_alone() {
        let (alice, entry) = (r#"{"username": "alice"}"#, r#"{"username": "alice", "namespace": "*-wstunnel"}"#);
        assert!(trusted(alice, "physics-wstunnel", entry));
        assert!(!trusted(alice, "physics", entry));
        assert!(!trusted(alice, "", entry));
    }

    #[test]
    fn who_does_not_say_is_nobody() {
        for user_info in ["null", "{}", r#"{"groups": null}"#, r#"{"username": ""}"#] {
            assert!(!trusted(user_info, "", r#"{"username": "a*"}"#), "{user_info}");
        }
    }

    #[test]
    fn a_wrong_type_is_an_error() {
        for user_info in ["[]", r#"{"username": 7}"#, r#"{"groups": ["a", {}]}"#] {
            let value = Reader::new(user_info.as_bytes()).value().unwrap();
            assert!(Writer::read(Some(value), "".into()).is_err(), "{user_info}");
        }
    }
}
