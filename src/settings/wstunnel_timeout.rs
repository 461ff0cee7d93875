//! `wstunnelTimeout`: how long a pod may wait for its tunnel.

use std::ops::RangeInclusive;

use super::read::{self, string, unknown};
use crate::go_duration;
use crate::json::{Reader, Unreadable};
use crate::text::quote;

/// The bounds of a pod's `wstunnel-timeout` in nanoseconds, more than zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WstunnelTimeout(pub RangeInclusive<i64>);

const SECOND: i64 = 1_000_000_000;

impl Default for WstunnelTimeout {
    fn default() -> Self {
        Self(SECOND..=3_600 * SECOND)
    }
}

impl WstunnelTimeout {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Unreadable> {
        let (mut min, mut max) = Self::default().0.into_inner();
        read::object(reader, &mut |name, value| {
            match name {
                b"min" => min = read_bound(value)?,
                b"max" => max = read_bound(value)?,
                _ => return Err(unknown(&["min", "max"])),
            }
            Ok(())
        })?;
        let bounds = Self(min..=max);
        if min > max {
            let (min, max) = bounds.texts();
            let problem = format!("allows nothing, since min {min} is longer than max {max}; raise max or lower min");
            return Err(Unreadable::new(problem));
        }
        Ok(bounds)
    }

    /// The bounds as Go would read them.
    pub fn texts(&self) -> (String, String) {
        let text = |nanoseconds: &i64| go_duration::format(nanoseconds.unsigned_abs());
        (text(self.0.start()), text(self.0.end()))
    }
}

fn read_bound(reader: &mut Reader<'_>) -> Result<i64, Unreadable> {
    let text = string(reader)?;
    let problem = match go_duration::parse(&text) {
        Ok(nanoseconds) if nanoseconds > 0 => return Ok(nanoseconds),
        Ok(_) => "is not more than zero, and interLink fails a pod with such a timeout at once; write one such as 1s",
        Err(_) => "is not a Go duration; write one such as 30s, 2m30s or 1h",
    };
    Err(Unreadable::new(format!("{} {problem}", quote(&text))))
}
