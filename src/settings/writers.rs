//! `trustedWriters` and `trustedFieldManagers`: who counts as interLink.

use std::borrow::Cow;

use super::read::{self, string, unknown};
use crate::json::{Reader, Unreadable};
use crate::text::quote;

/// Groups that the API server itself puts people in: all who have logged in, all who have not, all service accounts.
const EVERYONE: [&str; 3] = ["system:authenticated", "system:unauthenticated", "system:serviceaccounts"];

/// Two accounts with nothing in common. A pattern that both match trusts every service account, and so everyone, since
/// controllers make pods on behalf of all who may create a Deployment or a Job.
const STRANGERS: [&str; 2] = ["system:serviceaccount:a:a", "system:serviceaccount:b:b"];

/// Their groups.
const STRANGERS_GROUPS: [&str; 2] = ["system:serviceaccounts:a", "system:serviceaccounts:b"];

/// One whose requests are not judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedWriter<'a> {
    pub identity: Identity<'a>,
    /// The namespaces in which the entry holds; none: in all, and for what has no namespace.
    pub namespace: Option<Pattern<'a>>,
}

/// How a writer is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity<'a> {
    Username(Pattern<'a>),
    Group(Pattern<'a>),
}

/// A text in which `*` stands for any text, none included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern<'a>(Cow<'a, str>);

/// Makes the pods of a ReplicaSet.
pub const REPLICASET_CONTROLLER: &str = "system:serviceaccount:kube-system:replicaset-controller";
/// Makes the ReplicaSets of a Deployment.
pub const DEPLOYMENT_CONTROLLER: &str = "system:serviceaccount:kube-system:deployment-controller";

/// The namespaces of the tunnels' shadow pods.
const SHADOWS: &str = "*-wstunnel";

/// interLink as its Helm chart installs it; and who makes ReplicaSets, and then pods, of its tunnels' shadow
/// Deployments.
pub(super) static DEFAULT_WRITERS: [TrustedWriter<'static>; 3] = [
    writer("system:serviceaccount:interlink:*", None),
    writer(DEPLOYMENT_CONTROLLER, Some(SHADOWS)),
    writer(REPLICASET_CONTROLLER, Some(SHADOWS)),
];

const fn writer(username: &'static str, namespace: Option<&'static str>) -> TrustedWriter<'static> {
    let namespace = match namespace {
        Some(pattern) => Some(Pattern(Cow::Borrowed(pattern))),
        None => None,
    };
    TrustedWriter { identity: Identity::Username(Pattern(Cow::Borrowed(username))), namespace }
}

/// interLink's own binary.
pub(super) static DEFAULT_FIELD_MANAGERS: [Cow<'static, str>; 1] = [Cow::Borrowed("vk")];

impl<'a> TrustedWriter<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Unreadable> {
        let (mut username, mut group, mut namespace) = (None, None, None);
        read::object(reader, &mut |name, value| {
            match name {
                b"username" => username = Some(read_username(value)?),
                b"group" => group = Some(read_group(value)?),
                b"namespace" => namespace = Some(Pattern::read(value)?),
                _ => return Err(unknown(&["username", "group", "namespace"])),
            }
            Ok(())
        })?;
        let identity = match (username, group) {
            (Some(pattern), None) => Identity::Username(pattern),
            (None, Some(pattern)) => Identity::Group(pattern),
            (Some(_), Some(_)) => {
                let problem = "has both username and group; make two entries of it";
                return Err(Unreadable::new(problem));
            }
            (None, None) => {
                let problem = "has neither username nor group; give one of them";
                return Err(Unreadable::new(problem));
            }
        };
        Ok(Self { identity, namespace })
    }
}

fn read_username<'a>(reader: &mut Reader<'a>) -> Result<Pattern<'a>, Unreadable> {
    let pattern = Pattern::read(reader)?;
    if STRANGERS.iter().all(|stranger| pattern.matches(stranger)) {
        let text = quote(&pattern.0);
        let problem = format!("{text} trusts everyone, every service account at least; name the writer");
        return Err(Unreadable::new(problem));
    }
    Ok(pattern)
}

fn read_group<'a>(reader: &mut Reader<'a>) -> Result<Pattern<'a>, Unreadable> {
    let pattern = Pattern::read(reader)?;
    let everyone = EVERYONE.into_iter().find(|group| pattern.matches(group));
    let is_any_namespaces = STRANGERS_GROUPS.iter().all(|group| pattern.matches(group));
    if let Some(group) = everyone.or(is_any_namespaces.then_some("system:serviceaccounts")) {
        let text = quote(&pattern.0);
        let problem = format!("{text} trusts everyone in {group}; name the writers' own group");
        return Err(Unreadable::new(problem));
    }
    Ok(pattern)
}

/// Reads a field manager's name, which is no pattern.
pub(super) fn read_field_manager<'a>(reader: &mut Reader<'a>) -> Result<Cow<'a, str>, Unreadable> {
    let text = string(reader)?;
    if text.is_empty() || text.trim() != text || text.contains('*') {
        let text = quote(&text);
        let problem = format!("{text} is not a field manager; write its name exactly, such as vk");
        return Err(Unreadable::new(problem));
    }
    Ok(text)
}

impl<'a> Pattern<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unreadable> {
        let text = string(reader)?;
        if text.is_empty() || text.trim() != text {
            let text = quote(&text);
            let problem = format!("{text} names nobody; write a name or a pattern, without space around it");
            return Err(Unreadable::new(problem));
        }
        Ok(Self(text))
    }

    /// Whether the whole of `text` fits. Takes at most as many steps as both lengths multiplied.
    pub fn matches(&self, text: &str) -> bool {
        let (mut pattern, mut text) = (self.0.as_bytes(), text.as_bytes());
        // What follows the last star, and the text from which it was last tried.
        let mut retry: Option<(&[u8], &[u8])> = None;
        loop {
            match (pattern, text) {
                ([b'*', behind @ ..], _) => {
                    retry = Some((behind, text));
                    pattern = behind;
                }
                ([], []) => return true,
                ([first, pattern_rest @ ..], [byte, text_rest @ ..]) if first == byte => {
                    (pattern, text) = (pattern_rest, text_rest);
                }
                // The star stands for one byte more.
                _ => match retry {
                    Some((behind, [_, rest @ ..])) => {
                        retry = Some((behind, rest));
                        (pattern, text) = (behind, rest);
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
    fn a_star_is_any_text_and_all_else_is_itself() {
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
        fn agrees_with_the_definition(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            fn defined(pattern: &[u8], text: &[u8]) -> bool {
                match (pattern, text) {
                    ([], text) => text.is_empty(),
                    ([b'*', rest @ ..], text) => (0..=text.len()).any(|at| defined(rest, &text[at..])),
                    ([byte, pattern @ ..], [other, text @ ..]) => byte == other && defined(pattern, text),
                    _ => false,
                }
            }
            prop_assert_eq!(matches(&pattern, &text), defined(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
