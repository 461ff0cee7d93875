//! `wstunnelTimeout`: how long a pod may wait for its tunnel.

use std::borrow::Cow;

use super::read::{self, string, unknown};
use crate::go_duration;
use crate::json::{Reader, Unreadable};
use crate::text::quote;

/// The bounds of a pod's `wstunnel-timeout`, both inclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WstunnelTimeout<'a> {
    pub min: Bound<'a>,
    pub max: Bound<'a>,
}

/// A Go duration, more than zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound<'a> {
    /// As the admin wrote it.
    pub text: Cow<'a, str>,
    pub nanoseconds: i64,
}

const SECOND: i64 = 1_000_000_000;

impl Default for WstunnelTimeout<'_> {
    fn default() -> Self {
        Self {
            min: Bound { text: "1s".into(), nanoseconds: SECOND },
            max: Bound { text: "1h".into(), nanoseconds: 3_600 * SECOND },
        }
    }
}

impl<'a> WstunnelTimeout<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Unreadable> {
        let mut bounds = Self::default();
        read::object(reader, &mut |name, value| {
            match name {
                b"min" => bounds.min = Bound::read(value)?,
                b"max" => bounds.max = Bound::read(value)?,
                _ => return Err(unknown(&["min", "max"])),
            }
            Ok(())
        })?;
        let (min, max) = (&bounds.min, &bounds.max);
        if min.nanoseconds > max.nanoseconds {
            let problem = format!(
                "allows nothing, since min {} is longer than max {}; raise max or lower min",
                min.text, max.text
            );
            return Err(Unreadable::new(problem));
        }
        Ok(bounds)
    }
}

impl<'a> Bound<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unreadable> {
        let text = string(reader)?;
        let problem = match go_duration::parse(&text) {
            Ok(nanoseconds) if nanoseconds > 0 => return Ok(Self { text, nanoseconds }),
            Ok(_) => "is not more than zero, and interLink fails a pod with such a timeout at once",
            Err(_) => "is no Go duration; write one such as 30s, 2m30s or 1h",
        };
        Err(Unreadable::new(format!("{} {problem}", quote(&text))))
    }
}
