//! `podIP`: which addresses a pod may ask for.

use std::net::IpAddr;

use ipnet::IpNet;

use super::read::{self, boolean, list, octet, string, unknown};
use crate::json::{Reader, Unreadable};
use crate::text::quote;

/// Which addresses a pod may ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodIp {
    /// The ranges an address must be in; none: no address may be asked for.
    pub cidrs: Vec<IpNet>,
    /// Bounds of an IPv4 address's last octet.
    pub octet_range: Option<OctetRange>,
    /// Whether the first two addresses and the last of an IPv4 range may be asked for.
    pub allow_reserved: bool,
}

/// Inclusive bounds of an IPv4 address's last octet, as interLink's `PodCIDR.MinIP` and `PodCIDR.MaxIP`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OctetRange {
    pub min: u8,
    pub max: u8,
}

impl PodIp {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Unreadable> {
        let mut pod_ip = Self::default();
        read::object(reader, &mut |name, value| {
            match name {
                b"cidrs" => pod_ip.cidrs = list(value, read_cidr)?,
                b"octetRange" => pod_ip.octet_range = Some(OctetRange::read(value)?),
                b"allowReserved" => pod_ip.allow_reserved = boolean(value)?,
                _ => return Err(unknown(&["cidrs", "octetRange", "allowReserved"])),
            }
            Ok(())
        })?;
        Ok(pod_ip)
    }
}

impl OctetRange {
    /// The bound that is not given is interLink's own limit.
    fn read(reader: &mut Reader<'_>) -> Result<Self, Unreadable> {
        let mut range = Self { min: 2, max: 250 };
        read::object(reader, &mut |name, value| {
            match name {
                b"min" => range.min = octet(value)?,
                b"max" => range.max = octet(value)?,
                _ => return Err(unknown(&["min", "max"])),
            }
            Ok(())
        })?;
        if range.min > range.max {
            return Err(Unreadable::new(format!(
                "allows nothing, since min {} is more than max {}; raise max or lower min",
                range.min, range.max
            )));
        }
        Ok(range)
    }
}

/// Reads a range, which must be written with its first address.
fn read_cidr(reader: &mut Reader<'_>) -> Result<IpNet, Unreadable> {
    let text = string(reader)?;
    parse_cidr(&text).map_err(|problem| Unreadable::new(format!("{} {problem}", quote(&text))))
}

fn parse_cidr(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Err(format!("is an address, no range; write {}", IpNet::from(address)));
    }
    let range = split_cidr(text).ok_or("is not a range of addresses; write one such as 10.244.0.0/16")?;
    match range {
        IpNet::V6(range) if range.addr().to_ipv4_mapped().is_some() => {
            Err("is an IPv4 range written as IPv6; write it as IPv4".to_owned())
        }
        range if range != range.trunc() => {
            Err(format!("does not begin with the first address of its range; write {}", range.trunc()))
        }
        range => Ok(range),
    }
}

/// Reads a range as Go does: `ipnet` by itself would take `010.0.0.0/08`.
fn split_cidr(text: &str) -> Option<IpNet> {
    let (address, length) = text.split_once('/')?;
    let bits: u8 = length.parse().ok()?;
    let range = IpNet::new(address.parse().ok()?, bits).ok()?;
    (length == bits.to_string()).then_some(range)
}
