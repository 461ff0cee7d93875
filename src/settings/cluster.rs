//! `cluster`: what the policy reads from the cluster.

use json_scan::{DecodeError, Reader};

use super::decode::{self, boolean, unknown_field};

/// What the policy reads from the cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClusterReads {
    /// Whether the ranges of the virtual nodes are allowed beside those in the settings.
    pub pod_ip_ranges: bool,
    /// Whether a requested address is compared with those of other pods.
    pub pod_ip_conflicts: bool,
}

impl ClusterReads {
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut reads = Self::default();
        decode::object(reader, &mut |name, value| {
            match name {
                b"podIPRanges" => reads.pod_ip_ranges = boolean(value)?,
                b"podIPConflicts" => reads.pod_ip_conflicts = boolean(value)?,
                _ => return Err(unknown_field(&["podIPRanges", "podIPConflicts"])),
            }
            Ok(())
        })?;
        Ok(reads)
    }
}
