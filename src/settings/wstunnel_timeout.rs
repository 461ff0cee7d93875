//! `wstunnelTimeout`: how long a pod may wait for its tunnel.

use std::ops::RangeInclusive;

use json_scan::{DecodeError, Reader};

use super::decode::{self, string_or, unknown_field};
use crate::escape::quote;
use crate::go_duration;

/// The bounds of a pod's `wstunnel-timeout`, in nanoseconds greater than zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WstunnelTimeout(pub RangeInclusive<i64>);

const SECOND: i64 = 1_000_000_000;

impl Default for WstunnelTimeout {
    fn default() -> Self {
        Self(SECOND..=600 * SECOND)
    }
}

impl WstunnelTimeout {
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut min, mut max) = Self::default().0.into_inner();
        decode::object(reader, &mut |name, value| {
            match name {
                b"min" => min = decode_bound(value)?,
                b"max" => max = decode_bound(value)?,
                _ => return Err(unknown_field(&["min", "max"])),
            }
            Ok(())
        })?;
        let bounds = Self(min..=max);
        if min > max {
            let (min, max) = bounds.to_go();
            return Err(DecodeError::new(format!(
                "allows no value, since min {min} is greater than max {max}; raise max or lower min"
            )));
        }
        Ok(bounds)
    }

    /// Returns the bounds as Go durations.
    pub(crate) fn to_go(&self) -> (String, String) {
        let format = |nanoseconds: &i64| go_duration::format(nanoseconds.unsigned_abs());
        (format(self.0.start()), format(self.0.end()))
    }
}

fn decode_bound(reader: &mut Reader<'_>) -> Result<i64, DecodeError> {
    let text = string_or(reader, "use a Go duration in quotes, such as \"10m\"")?;
    let problem = match go_duration::parse(&text) {
        Ok(nanoseconds) if nanoseconds > 0 => return Ok(nanoseconds),
        Ok(_) => "is not greater than zero, and interLink fails a pod with such a timeout at once; use one such as 1s",
        Err(_) => "is not a Go duration; use one such as 30s, 2m30s or 1h",
    };
    Err(DecodeError::new(format!("{} {problem}", quote(&text))))
}
