//! `trustedWriters` and `trustedFieldManagers`: who may write interLink's own annotations.

use std::borrow::Cow;

use json_scan::{DecodeError, Reader};

use super::decode::{self, string, unknown_field};
use crate::escape::quote;

/// Groups that the API server itself adds: all authenticated users, all others, all service accounts.
const EVERYONE: [&str; 3] = ["system:authenticated", "system:unauthenticated", "system:serviceaccounts"];

/// Two service accounts with nothing in common. A pattern that matches both trusts every service account, and so
/// everyone, since controllers create pods for all who may create a Deployment or a Job.
const UNRELATED_ACCOUNTS: [&str; 2] = ["system:serviceaccount:a:a", "system:serviceaccount:b:b"];

/// The groups of these accounts.
const UNRELATED_GROUPS: [&str; 2] = ["system:serviceaccounts:a", "system:serviceaccounts:b"];

/// An entry of `trustedWriters`: requesters whose requests are not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedWriter<'a> {
    pub(crate) identity: Identity<'a>,
    /// The namespaces in which the entry applies. `None`: in all, and for objects without a namespace.
    pub(crate) namespace: Option<Pattern<'a>>,
}

/// What an entry matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity<'a> {
    Username(Pattern<'a>),
    Group(Pattern<'a>),
}

/// Text in which `*` matches any text, including none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern<'a>(Cow<'a, str>);

/// The controller that creates the pods of a ReplicaSet.
pub(crate) const REPLICASET_CONTROLLER: &str = "system:serviceaccount:kube-system:replicaset-controller";
/// The controller that creates the ReplicaSets of a Deployment.
pub(crate) const DEPLOYMENT_CONTROLLER: &str = "system:serviceaccount:kube-system:deployment-controller";

/// The namespaces of shadow pods.
const SHADOW_NAMESPACES: &str = "*-wstunnel";

/// interLink as its Helm chart installs it, and the controllers that create ReplicaSets and pods of its shadow
/// Deployments.
pub(super) static DEFAULT: [TrustedWriter<'static>; 3] = [
    writer("system:serviceaccount:interlink:*", None),
    writer(DEPLOYMENT_CONTROLLER, Some(SHADOW_NAMESPACES)),
    writer(REPLICASET_CONTROLLER, Some(SHADOW_NAMESPACES)),
];

const fn writer(username: &'static str, namespace: Option<&'static str>) -> TrustedWriter<'static> {
    let namespace = match namespace {
        Some(pattern) => Some(Pattern(Cow::Borrowed(pattern))),
        None => None,
    };
    TrustedWriter { identity: Identity::Username(Pattern(Cow::Borrowed(username))), namespace }
}

/// The name of interLink's binary.
pub(super) static DEFAULT_FIELD_MANAGERS: [Cow<'static, str>; 1] = [Cow::Borrowed("vk")];

impl<'a> TrustedWriter<'a> {
    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (mut username, mut group, mut namespace) = (None, None, None);
        decode::object(reader, &mut |name, value| {
            match name {
                b"username" => username = Some(decode_username(value)?),
                b"group" => group = Some(decode_group(value)?),
                b"namespace" => namespace = Some(Pattern::decode(value)?),
                _ => return Err(unknown_field(&["username", "group", "namespace"])),
            }
            Ok(())
        })?;
        let identity = match (username, group) {
            (Some(pattern), None) => Identity::Username(pattern),
            (None, Some(pattern)) => Identity::Group(pattern),
            (Some(_), Some(_)) => {
                return Err(DecodeError::new("has both username and group; split it into two entries"));
            }
            (None, None) => {
                return Err(DecodeError::new("has neither username nor group; set one of them"));
            }
        };
        Ok(Self { identity, namespace })
    }
}

fn decode_username<'a>(reader: &mut Reader<'a>) -> Result<Pattern<'a>, DecodeError> {
    let pattern = Pattern::decode(reader)?;
    if UNRELATED_ACCOUNTS.iter().all(|account| pattern.matches(account)) {
        let text = quote(&pattern.0);
        return Err(DecodeError::new(format!(
            "{text} trusts everyone, or at least every service account; name the writer"
        )));
    }
    Ok(pattern)
}

fn decode_group<'a>(reader: &mut Reader<'a>) -> Result<Pattern<'a>, DecodeError> {
    let pattern = Pattern::decode(reader)?;
    let everyone = EVERYONE.into_iter().find(|group| pattern.matches(group));
    let spans_namespaces = UNRELATED_GROUPS.iter().all(|group| pattern.matches(group));
    if let Some(group) = everyone.or(spans_namespaces.then_some("system:serviceaccounts")) {
        let text = quote(&pattern.0);
        return Err(DecodeError::new(format!("{text} trusts everyone in {group}; name a group of its own")));
    }
    Ok(pattern)
}

/// Decodes the name of a field manager, which is not a pattern.
pub(super) fn decode_field_manager<'a>(reader: &mut Reader<'a>) -> Result<Cow<'a, str>, DecodeError> {
    let text = string(reader)?;
    if text.is_empty() || text.trim() != text || text.contains('*') {
        let text = quote(&text);
        return Err(DecodeError::new(format!("{text} is not a field manager; use its exact name, such as vk")));
    }
    Ok(text)
}

impl<'a> Pattern<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let text = string(reader)?;
        if text.is_empty() || text.trim() != text {
            let text = quote(&text);
            return Err(DecodeError::new(format!(
                "{text} matches nothing; use a name or a pattern, without space around it"
            )));
        }
        Ok(Self(text))
    }

    /// Returns whether the pattern matches the whole text. Takes at most as many steps as the product of both lengths.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let (mut pattern, mut text) = (self.0.as_bytes(), text.as_bytes());
        // The pattern behind the last star, and the text from which it was last tried.
        let mut retry: Option<(&[u8], &[u8])> = None;
        loop {
            match (pattern, text) {
                ([b'*', rest @ ..], _) => {
                    retry = Some((rest, text));
                    pattern = rest;
                }
                ([], []) => return true,
                ([first, pattern_rest @ ..], [byte, text_rest @ ..]) if first == byte => {
                    (pattern, text) = (pattern_rest, text_rest);
                }
                // Let the star match one byte more.
                _ => match retry {
                    Some((behind_star, [_, rest @ ..])) => {
                        retry = Some((behind_star, rest));
                        (pattern, text) = (behind_star, rest);
                    }
                    _ => return false,
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern(pattern.into()).matches(text)
    }

    #[test]
    fn matches_stars_and_literal_text() {
        for (pattern, text) in
            [("a", "a"), ("a*", "a"), ("*a", "ba"), ("a*c*e", "abcde"), ("*-w", "-w"), ("a**b", "ab")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("a", "ab"), ("a", "ba"), ("a*a", "a"), ("ab*ba", "aba"), ("a*c*e", "abde"), ("a.b", "axb"), ("a*", "A")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_recursive_definition(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            fn defined(pattern: &[u8], text: &[u8]) -> bool {
                match (pattern, text) {
                    ([], text) => text.is_empty(),
                    ([b'*', rest @ ..], text) => (0..=text.len()).any(|start| defined(rest, &text[start..])),
                    ([byte, pattern @ ..], [other, text @ ..]) => byte == other && defined(pattern, text),
                    _ => false,
                }
            }
            prop_assert_eq!(matches(&pattern, &text), defined(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
