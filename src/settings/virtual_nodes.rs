//! `virtualNodes`: what makes a pod one of a virtual node.

use std::borrow::Cow;

use super::read::{self, list, string, unknown};
use crate::json::{Reader, Unreadable};
use crate::text::quote;

/// What makes a pod one of a virtual node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualNodes<'a> {
    /// Taints of virtual nodes, by key.
    pub taint_keys: Vec<Cow<'a, str>>,
    /// Names of virtual nodes.
    pub names: Vec<Cow<'a, str>>,
}

impl Default for VirtualNodes<'_> {
    fn default() -> Self {
        Self { taint_keys: vec!["virtual-node.interlink/no-schedule".into()], names: Vec::new() }
    }
}

impl<'a> VirtualNodes<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Unreadable> {
        let mut nodes = Self::default();
        read::object(reader, &mut |name, value| {
            match name {
                b"taintKeys" => nodes.taint_keys = list(value, read_name)?,
                b"names" => nodes.names = list(value, read_name)?,
                _ => return Err(unknown(&["taintKeys", "names"])),
            }
            Ok(())
        })?;
        Ok(nodes)
    }

    /// Whether a virtual node has this name.
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|other| other == name)
    }

    pub(super) fn are_none(&self) -> bool {
        self.taint_keys.is_empty() && self.names.is_empty()
    }
}

/// Reads the key of a taint, or the name of a node.
fn read_name<'a>(reader: &mut Reader<'a>) -> Result<Cow<'a, str>, Unreadable> {
    let text = string(reader)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    if text.is_empty() || !text.bytes().all(allowed) {
        return Err(Unreadable::new(format!(
            "{} is not a name; write a taint's key or a node's name alone, without value, effect or pattern",
            quote(&text)
        )));
    }
    Ok(text)
}
