//! `pluginAnnotations`: which annotations of interLink's plugins users may set.

use std::borrow::Cow;

use json_scan::{DecodeError, Reader, bytes_eq};

use super::decode::{self, is_annotation_domain, is_annotation_name, list, string, unknown_field};
use crate::annotations::{Lookup, look_up_plugin};
use crate::escape::quote;

/// Which annotations of interLink's plugins users may set, where the rule `plugin-annotations` is on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginAnnotations<'a> {
    /// Their keys.
    pub allowed: Vec<Cow<'a, str>>,
}

impl<'a> PluginAnnotations<'a> {
    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let mut annotations = Self::default();
        decode::object(reader, &mut |name, value| {
            match name {
                b"allowed" => annotations.allowed = list(value, decode_key)?,
                _ => return Err(unknown_field(&["allowed"])),
            }
            Ok(())
        })?;
        Ok(annotations)
    }

    /// Looks up an annotation that users may not set.
    pub(super) fn look_up(&self, key: &[u8]) -> Lookup {
        match look_up_plugin(key) {
            Some(info) if !self.allowed.iter().any(|allowed| bytes_eq(allowed.as_bytes(), key)) => Lookup::Known(info),
            _ => Lookup::Unrelated,
        }
    }
}

/// Decodes a key that the rule would report.
fn decode_key<'a>(reader: &mut Reader<'a>) -> Result<Cow<'a, str>, DecodeError> {
    let key = string(reader)?;
    // Kubernetes refuses every other key, so such a key could only be a mistake.
    let is_key =
        key.split_once('/').is_some_and(|(domain, name)| is_annotation_domain(domain) && is_annotation_name(name));
    if !is_key || look_up_plugin(key.as_bytes()).is_none() {
        return Err(DecodeError::new(format!(
            "{} is not a key that the rule plugin-annotations reports; use one such as slurm-job.vk.io/flags",
            quote(&key)
        )));
    }
    Ok(key)
}
