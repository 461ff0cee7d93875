//! Finds values in JSON text without parsing the rest.
//!
//! A program that needs a few fields of a large document usually pays for validating what it skips, and for building a
//! tree. This crate avoids both. A [`Reader`] walks through the text once, returns the wanted values as borrowed text
//! ([`Value`]), fills structs from objects ([`Record`]), and skips everything else 64 bytes at a time.
//!
//! ```
//! use json_scan::{DecodeError, Field, Reader, Record, Value};
//!
//! /// The two fields of a pod that matter.
//! #[derive(Default)]
//! struct Pod<'a> {
//!     kind: Option<Value<'a>>,
//!     spec: Option<Value<'a>>,
//! }
//!
//! impl<'a> Record<'a> for Pod<'a> {
//!     fn field(&mut self, name: &[u8]) -> Option<Field<'_, 'a>> {
//!         match name {
//!             b"kind" => Some(Field::Value(&mut self.kind)),
//!             b"spec" => Some(Field::Value(&mut self.spec)),
//!             _ => None,
//!         }
//!     }
//! }
//!
//! let text = br#"{"kind": "Pod", "metadata": {"name": "web"}, "spec": {}}"#;
//! let mut pod = Pod::default();
//! Reader::new(text).record(&mut pod)?;
//! assert_eq!(pod.spec.map(Value::text), Some(&b"{}"[..]));
//! # Ok::<(), DecodeError>(())
//! ```
//!
//! # Guarantees
//!
//! - For valid JSON it finds the same values as `serde_json`; property tests compare the two.
//! - For any bytes, it returns a value or an error. It does not panic, and it does not recurse into the values that it
//!   skips, so they may be nested to any depth.
//! - [`Reader::record`], and everything built on it, rejects a wanted field that appears twice, since parsers differ in
//!   which of the two they use.
//! - Time and memory are linear in the length of the text.
//!
//! # Limitations
//!
//! In a value that it skips, it checks only that strings and brackets end. `[1 2}` is skipped without an error. This is
//! sound for text that another parser wrote: Kubewarden's policy server parses each request and serializes it again
//! before a policy sees it. Do not use this crate for text that no other parser has validated.
//!
//! # Performance
//!
//! `make bench` runs it beside `serde_json`, both as wasm modules. Finding one field after a 38 KB update takes 3.9
//! wasm instructions per byte with this crate, and 20.7 with `serde_json`, which validates what it skips. A tree of the
//! update takes 86.4. In the real policy server, a tree of the object costs 40 % of the throughput on such updates.

mod bytes;
mod error;
mod escape;
mod reader;
mod record;
pub mod simd;
mod skip;
mod unescape;
mod value;

pub use bytes::bytes_eq;
pub use error::{Context, DecodeError};
pub use escape::{escape_truncated, show_name};
pub use reader::{Reader, Visit};
pub use record::{Field, FieldPath, Nested, Record, each, pick, seek_path};
pub use value::{Value, optional_str, present};
