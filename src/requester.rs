//! The requesting user, and whether the settings trust it.

use std::borrow::Cow;

use json_scan::{Context, DecodeError, Value, each, optional_str, present};

use crate::escape::quote;
use crate::request::AdmissionRequest;
use crate::settings::{CONTROLLERS, Settings, TrustedWriter};

/// Where to change what a controller copied to the object that it creates.
const IN_TEMPLATE: &str = " in the workload's template";

/// The user who makes a request.
#[derive(Debug, Default)]
pub(crate) struct Requester<'a> {
    username: Cow<'a, str>,
    uid: Cow<'a, str>,
    groups: Vec<Cow<'a, str>>,
    /// The namespace of the request; empty if the object has none.
    namespace: Cow<'a, str>,
}

impl<'a> Requester<'a> {
    /// Decodes the requester. An absent field is empty, and matches no trusted writer.
    ///
    /// # Errors
    /// If a field has the wrong type.
    pub(crate) fn decode(request: &AdmissionRequest<'a>) -> Result<Self, DecodeError> {
        let namespace = optional_str(request.namespace, "namespace").at_field("request")?.unwrap_or_default();
        let mut requester = Self { namespace, ..Self::default() };
        if let Some(user_info) = present(request.user_info) {
            requester.decode_user_info(user_info).at_path(&["request", "userInfo"])?;
        }
        Ok(requester)
    }

    fn decode_user_info(&mut self, user_info: Value<'a>) -> Result<(), DecodeError> {
        let [username, uid, groups] = user_info.reader().pick(["username", "uid", "groups"])?;
        self.username = optional_str(username, "username")?.unwrap_or_default();
        self.uid = optional_str(uid, "uid")?.unwrap_or_default();
        let decoded = each(groups, &mut |group| {
            self.groups.push(group.value()?.to_str()?);
            Ok(())
        });
        decoded.at_field("groups")
    }

    /// Returns the namespace of the request; empty if the object has none.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns the end of a fix: the setting that would trust the requester, or where a controller found what it wrote.
    pub(crate) fn trust_hint(&self) -> String {
        if self.username.is_empty() {
            ", because the request names no user whom a setting could trust".to_owned()
        } else if CONTROLLERS.contains(&&*self.username) {
            format!("{IN_TEMPLATE}, or add the namespace to shadowNamespaces if only interLink creates workloads there")
        } else if self.is_controller() {
            // Whoever may create workloads could write through a trusted controller.
            IN_TEMPLATE.to_owned()
        } else {
            format!(", or add {{username: {}}} to trustedWriters if that is interLink", quote(&self.username))
        }
    }

    /// Returns whether the requester is a controller of Kubernetes, which copies annotations from templates.
    fn is_controller(&self) -> bool {
        let account = self.username.strip_prefix("system:serviceaccount:kube-system:");
        account.is_some_and(|name| name.ends_with("-controller")) || self.username == "system:kube-controller-manager"
    }

    /// Returns whether the request names nobody, as an audit request does. An empty user name alone is not enough: an
    /// OIDC issuer or a token webhook can send one, but the API server then adds a group.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.username.is_empty() && self.uid.is_empty() && self.groups.is_empty()
    }

    /// Returns whether the settings exempt this requester from the rules: as a trusted writer, or as a controller that
    /// creates shadow pods.
    pub(crate) fn is_trusted(&self, settings: &Settings<'_>) -> bool {
        settings.trusted_writers.iter().any(|entry| self.matches(entry))
            || CONTROLLERS.contains(&&*self.username) && self.is_in_shadow_namespace(settings)
    }

    /// Returns whether the settings would trust another user in the same namespace.
    pub(crate) fn would_trust(&self, username: &str, settings: &Settings<'_>) -> bool {
        let namespace = Cow::Borrowed(&*self.namespace);
        Requester { username: username.into(), namespace, ..Requester::default() }.is_trusted(settings)
    }

    /// Returns whether the request is for a shadow namespace.
    pub(crate) fn is_in_shadow_namespace(&self, settings: &Settings<'_>) -> bool {
        settings.shadow_namespaces.contain(&self.namespace)
    }

    fn matches(&self, entry: &TrustedWriter<'_>) -> bool {
        let namespace = entry.namespace.as_ref();
        entry.identity.matches(&self.username, &self.groups)
            && namespace.is_none_or(|pattern| pattern.matches(&self.namespace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Payload;
    use crate::testing::settings;

    fn decode(user_info: &str, namespace: &str, check: impl Fn(&Requester<'_>) -> bool) -> Result<bool, DecodeError> {
        let payload = format!(r#"{{"request": {{"userInfo": {user_info}, "namespace": "{namespace}"}}}}"#);
        let payload = Payload::decode(payload.as_bytes())?;
        Requester::decode(payload.request()?).map(|requester| check(&requester))
    }

    fn trusted(user_info: &str, namespace: &str, entry: &str) -> bool {
        let json = format!(r#"{{"trustedWriters": [{entry}]}}"#);
        let settings = settings(&json);
        decode(user_info, namespace, |requester| requester.is_trusted(&settings)).unwrap()
    }

    #[test]
    fn matches_a_username_or_any_group() {
        let alice = r#"{"username": "alice", "groups": ["a", "operators"]}"#;
        assert!(trusted(alice, "", r#"{"username": "al*"}"#));
        assert!(trusted(alice, "", r#"{"group": "operators"}"#));
        assert!(!trusted(alice, "", r#"{"username": "operators"}"#));
        assert!(!trusted(alice, "", r#"{"group": "alice"}"#));
    }

    #[test]
    fn matches_an_entry_with_a_namespace_only_there() {
        let (alice, entry) = (r#"{"username": "alice"}"#, r#"{"username": "alice", "namespace": "*-wstunnel"}"#);
        assert!(trusted(alice, "physics-wstunnel", entry));
        assert!(!trusted(alice, "physics", entry));
        assert!(!trusted(alice, "", entry));
    }

    #[test]
    fn trusts_no_requester_without_a_name() {
        for user_info in ["null", "{}", r#"{"groups": null}"#, r#"{"username": ""}"#] {
            assert!(!trusted(user_info, "", r#"{"username": "a*"}"#), "{user_info}");
        }
    }

    #[test]
    fn offers_to_trust_no_controller_of_kubernetes() {
        let hint = |username: &str| {
            let user_info = format!(r#"{{"username": "{username}"}}"#);
            let payload = format!(r#"{{"request": {{"userInfo": {user_info}}}}}"#);
            let payload = Payload::decode(payload.as_bytes()).unwrap();
            Requester::decode(payload.request().unwrap()).unwrap().trust_hint()
        };
        for username in ["system:serviceaccount:kube-system:job-controller", "system:kube-controller-manager"] {
            assert_eq!(hint(username), IN_TEMPLATE, "{username}");
        }
        for username in CONTROLLERS {
            assert!(hint(username).contains("add the namespace to shadowNamespaces"), "{username}");
        }
        for username in ["alice", "system:serviceaccount:kube-system:vk", "system:serviceaccount:a:job-controller"] {
            assert!(hint(username).contains("to trustedWriters if that is interLink"), "{username}");
        }
        assert_eq!(hint(""), ", because the request names no user whom a setting could trust");
    }

    #[test]
    fn rejects_a_field_of_the_wrong_type() {
        for (user_info, path) in [
            ("[]", "request.userInfo"),
            (r#"{"username": 7}"#, "request.userInfo.username"),
            (r#"{"groups": ["a", {}]}"#, "request.userInfo.groups[1]"),
        ] {
            let error = decode(user_info, "", |_| true).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{path}: must be ")), "{error}");
        }
    }
}
