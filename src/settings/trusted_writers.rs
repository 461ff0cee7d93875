//! `trustedWriters` and `trustedFieldManagers`: who may write interLink's own annotations.

use std::borrow::Cow;

use json_scan::{DecodeError, Reader, Value};

use super::decode::{self, string, unknown_field};
use super::pattern::Pattern;
use crate::escape::quote;

/// How the names of service accounts begin: `system:serviceaccount:NAMESPACE:NAME`.
const ACCOUNT_PREFIX: &str = "system:serviceaccount:";
/// How the groups of all service accounts in a namespace begin: `system:serviceaccounts:NAMESPACE`.
const ACCOUNTS_PREFIX: &str = "system:serviceaccounts:";

/// The form of the names of service accounts, as names of users or of groups.
struct AccountNames {
    prefix: &'static str,
    /// How many parts follow the prefix, with colons between them.
    parts: usize,
    /// The form, for messages.
    form: &'static str,
}

const USERNAMES: AccountNames =
    AccountNames { prefix: ACCOUNT_PREFIX, parts: 2, form: "system:serviceaccount:NAMESPACE:NAME" };
const GROUPS: AccountNames =
    AccountNames { prefix: ACCOUNTS_PREFIX, parts: 1, form: "system:serviceaccounts:NAMESPACE" };

/// The service account of every pod that names none.
const DEFAULT_ACCOUNT: &str = ":default";

/// Names that the API server gives to all authenticated users, to all other users, or to all service accounts, each
/// with its explanation for messages.
const EVERYONE: [(&str, &str); 4] = [
    ("system:authenticated", GIVEN_TO_EVERYONE),
    ("system:unauthenticated", GIVEN_TO_EVERYONE),
    ("system:anonymous", GIVEN_TO_EVERYONE),
    ("system:serviceaccounts", "which contains all service accounts"),
];
const GIVEN_TO_EVERYONE: &str = "which the API server gives to everyone";

/// Characters that end the part of a name which identity providers put before all their users' names.
const SEPARATORS: [char; 5] = [':', '/', '#', '@', '|'];

/// An entry of `trustedWriters`: requesters whose requests are not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedWriter<'a> {
    pub(crate) identity: Identity<'a>,
    /// The namespaces in which the entry applies. `None` stands for all namespaces, and for objects without a
    /// namespace.
    pub(crate) namespace: Option<Pattern<'a>>,
}

/// The requesters that an entry matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity<'a> {
    Username(Pattern<'a>),
    Group(Pattern<'a>),
}

/// interLink as its Helm chart installs it.
pub(super) static DEFAULT: [TrustedWriter<'static>; 1] = [TrustedWriter {
    identity: Identity::Username(Pattern::from_static("system:serviceaccount:interlink:*")),
    namespace: None,
}];

/// The names of the interLink binary: in its image, and in the documentation for one outside the cluster.
pub(super) static DEFAULT_FIELD_MANAGERS: [Cow<'static, str>; 2] =
    [Cow::Borrowed("vk"), Cow::Borrowed("virtual-kubelet")];

impl<'a> TrustedWriter<'a> {
    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (mut username, mut group, mut namespace) = (None, None, None);
        let value = reader.value()?;
        value.expect_object().map_err(|error| error.hint(&example(value)))?;
        decode::object(&mut value.reader(), &mut |name, value| {
            match name {
                b"username" => username = Some(decode_name(value, &USERNAMES)?),
                b"group" => group = Some(decode_name(value, &GROUPS)?),
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

/// Returns how to write an entry: with the name, if the entry is only that.
fn example(entry: Value<'_>) -> String {
    let name = if entry.is_string() { entry.to_str().ok() } else { None };
    let name = name.as_deref().unwrap_or("system:serviceaccount:interlink:vk");
    format!("write {{username: {}}}", quote(name))
}

impl Identity<'_> {
    /// Returns whether this matches a user with this name and these groups.
    pub(crate) fn matches(&self, username: &str, groups: &[Cow<'_, str>]) -> bool {
        match self {
            // Anyone who may create a pod in the namespace can run it as the default account, so only the account's
            // full name matches it.
            Self::Username(pattern) if is_default_account(username) => pattern.as_str() == username,
            Self::Username(pattern) => pattern.matches(username),
            Self::Group(pattern) => {
                let counts = |group: &str| !(is_default_account(username) && group.starts_with(ACCOUNTS_PREFIX));
                groups.iter().any(|group| counts(group) && pattern.matches(group))
            }
        }
    }
}

fn is_default_account(username: &str) -> bool {
    username.starts_with(ACCOUNT_PREFIX) && username.ends_with(DEFAULT_ACCOUNT)
}

/// Decodes a pattern for names of users or groups.
fn decode_name<'a>(reader: &mut Reader<'a>, names: &AccountNames) -> Result<Pattern<'a>, DecodeError> {
    let pattern = Pattern::decode(reader)?;
    check_breadth(&pattern, names.prefix)?;
    check_account(&pattern, names)?;
    Ok(pattern)
}

/// Checks that a pattern for the names of service accounts has their form, because it would never match otherwise.
fn check_account(pattern: &Pattern<'_>, names: &AccountNames) -> Result<(), DecodeError> {
    let Some(account) = pattern.as_str().strip_prefix(names.prefix) else {
        return Ok(());
    };
    let parts = account.split(':');
    if parts.clone().count() == names.parts && parts.clone().all(|part| !part.is_empty()) {
        return Ok(());
    }
    let (text, form) = (quote(pattern.as_str()), names.form);
    Err(DecodeError::new(format!("{text} matches no service account; write it as {form}")))
}

/// Checks that a pattern matches neither everyone, nor all users of an identity provider, nor the service accounts of
/// several namespaces: anyone who may create a namespace could choose the name of an account in it.
fn check_breadth(pattern: &Pattern<'_>, account_prefix: &str) -> Result<(), DecodeError> {
    let refuse = |problem: &str| Err(DecodeError::new(format!("{} {problem}", quote(pattern.as_str()))));
    if let Some((everyone, members)) = EVERYONE.into_iter().find(|(name, _)| pattern.matches(name)) {
        return refuse(&format!("matches {everyone}, {members}; name interLink's account"));
    }
    let Some(literal) = pattern.literal_prefix() else {
        return Ok(());
    };
    if let Some(account) = literal.strip_prefix(account_prefix) {
        return match account.split_once(':') {
            Some((namespace, _)) if !namespace.is_empty() => Ok(()),
            _ => refuse("matches service accounts of several namespaces; name one namespace"),
        };
    }
    if account_prefix.starts_with(literal) {
        return refuse("matches service accounts of several namespaces; name one namespace");
    }
    if literal.ends_with(SEPARATORS) {
        return refuse("matches all users of an identity provider; name the user");
    }
    Ok(())
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
