//! `virtualNodes`: how the policy recognizes pods that may run on a virtual node.

use std::borrow::Cow;

use json_scan::{DecodeError, Reader};

use super::decode::{self, list, string, unknown_field};
use crate::escape::quote;

/// How the policy recognizes pods that may run on a virtual node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualNodes<'a> {
    /// The keys of taints that virtual nodes have.
    pub taint_keys: Vec<Cow<'a, str>>,
    /// The names of virtual nodes.
    pub names: Vec<Cow<'a, str>>,
}

impl Default for VirtualNodes<'_> {
    fn default() -> Self {
        Self { taint_keys: vec!["virtual-node.interlink/no-schedule".into()], names: Vec::new() }
    }
}

impl<'a> VirtualNodes<'a> {
    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let mut nodes = Self::default();
        decode::object(reader, &mut |name, value| {
            match name {
                b"taintKeys" => nodes.taint_keys = list(value, decode_name)?,
                b"names" => nodes.names = list(value, decode_name)?,
                _ => return Err(unknown_field(&["taintKeys", "names"])),
            }
            Ok(())
        })?;
        Ok(nodes)
    }

    /// Returns whether a virtual node has this name.
    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.names.iter().any(|other| other == name)
    }
}

/// Decodes the key of a taint, or the name of a node.
fn decode_name<'a>(reader: &mut Reader<'a>) -> Result<Cow<'a, str>, DecodeError> {
    let text = string(reader)?;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_allowed) {
        return Err(DecodeError::new(format!(
            "{} is not a name; use a taint's key or a node's name alone, without value, effect or pattern",
            quote(&text)
        )));
    }
    Ok(text)
}
