//! `knownAnnotations` and `managedAnnotations`: annotations under interLink's domains that the catalogue lacks.

use std::borrow::Cow;

use json_scan::{Context, DecodeError, Reader, bytes_eq};

use super::decode::{is_annotation_name, string};
use crate::annotations::{self, DOMAINS, Lookup, MANAGED_BY_SETTING};
use crate::escape::quote;

/// Annotations under interLink's domains that the catalogue lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtraAnnotations<'a> {
    /// Keys that anyone may write.
    pub known: Vec<Cow<'a, str>>,
    /// Keys that only trusted writers may write.
    pub managed: Vec<Cow<'a, str>>,
}

impl ExtraAnnotations<'_> {
    /// Looks a key up in the catalogue, and then among these.
    pub(crate) fn look_up(&self, key: &[u8]) -> Lookup {
        let is_in = |keys: &[Cow<'_, str>]| keys.iter().any(|other| bytes_eq(other.as_bytes(), key));
        match annotations::look_up(key) {
            Lookup::Unknown if is_in(&self.managed) => Lookup::Known(&MANAGED_BY_SETTING),
            Lookup::Unknown if is_in(&self.known) => Lookup::Unrelated,
            found => found,
        }
    }

    /// Checks that no key is in both lists.
    pub(super) fn check(&self) -> Result<(), DecodeError> {
        match self.managed.iter().find(|key| self.known.contains(key)) {
            Some(key) => {
                let problem = format!("has {}, which is in knownAnnotations too; keep it in one of them", quote(key));
                Err(DecodeError::new(problem).at_field("managedAnnotations"))
            }
            None => Ok(()),
        }
    }
}

/// Decodes the key of an annotation under interLink's domains that the catalogue lacks.
pub(super) fn decode_key<'a>(reader: &mut Reader<'a>) -> Result<Cow<'a, str>, DecodeError> {
    let key = string(reader)?;
    let problem = if key.contains('*') {
        "is a pattern, which is not allowed here; list each key"
    } else if !DOMAINS.iter().any(|domain| key.strip_prefix(domain).is_some_and(is_annotation_name)) {
        "is not a key under interLink's domains; use one such as interlink.eu/NAME or interlink.virtual-kubelet.io/NAME"
    } else if annotations::look_up(key.as_bytes()) == Lookup::Unknown {
        return Ok(key);
    } else {
        "is known to the policy already; remove it"
    };
    Err(DecodeError::new(format!("{} {problem}", quote(&key))))
}
