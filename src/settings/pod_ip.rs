//! `podIP`: which addresses a pod may request.

use std::net::IpAddr;

use ipnet::IpNet;
use json_scan::{DecodeError, Reader};

use super::decode::{self, boolean, list, octet, string, unknown_field};
use crate::escape::quote;

/// Which addresses a pod may request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodIp {
    /// The ranges that an address must be in. Empty: no address may be requested.
    pub cidrs: Vec<IpNet>,
    /// Bounds of an IPv4 address's last octet; `None` if any is allowed.
    pub octet_range: Option<OctetRange>,
    /// Whether the first two addresses and the last one of an IPv4 range may be requested.
    pub allow_reserved: bool,
}

/// Inclusive bounds of an IPv4 address's last octet, as interLink's `PodCIDR.MinIP` and `PodCIDR.MaxIP`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OctetRange {
    /// The smallest octet.
    pub min: u8,
    /// The greatest octet.
    pub max: u8,
}

impl Default for PodIp {
    fn default() -> Self {
        Self { cidrs: Vec::new(), octet_range: Some(OctetRange::default()), allow_reserved: false }
    }
}

impl Default for OctetRange {
    /// The range of octets that interLink assigns.
    fn default() -> Self {
        Self { min: 2, max: 250 }
    }
}

impl PodIp {
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut pod_ip = Self { octet_range: None, ..Self::default() };
        decode::object(reader, &mut |name, value| {
            match name {
                b"cidrs" => pod_ip.cidrs = list(value, decode_cidr)?,
                b"octetRange" => pod_ip.octet_range = Some(OctetRange::decode(value)?),
                b"allowReserved" => pod_ip.allow_reserved = boolean(value)?,
                _ => return Err(unknown_field(&["cidrs", "octetRange", "allowReserved"])),
            }
            Ok(())
        })?;
        if !pod_ip.allow_reserved {
            pod_ip.octet_range.get_or_insert_default();
        }
        Ok(pod_ip)
    }
}

impl OctetRange {
    /// Decodes a range. A bound that is absent is interLink's own limit.
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut range = Self::default();
        decode::object(reader, &mut |name, value| {
            match name {
                b"min" => range.min = octet(value)?,
                b"max" => range.max = octet(value)?,
                _ => return Err(unknown_field(&["min", "max"])),
            }
            Ok(())
        })?;
        if range.min > range.max {
            return Err(DecodeError::new(format!(
                "allows no value, since min {} is greater than max {}; raise max or lower min",
                range.min, range.max
            )));
        }
        Ok(range)
    }
}

/// Decodes a range, which must be written with its first address.
fn decode_cidr(reader: &mut Reader<'_>) -> Result<IpNet, DecodeError> {
    let text = string(reader)?;
    parse_cidr(&text).map_err(|problem| DecodeError::new(format!("{} {problem}", quote(&text))))
}

fn parse_cidr(text: &str) -> Result<IpNet, String> {
    if text.parse::<IpAddr>().is_ok() {
        return Err("lacks its prefix length; write it as PodCIDR.Subnet does, such as 10.250.0.0/16".to_owned());
    }
    let range = parse_range(text).ok_or("is not a range of addresses; use one such as 10.250.0.0/16")?;
    match range {
        range if range.prefix_len() == 0 => {
            Err("matches every address; use PodCIDR.Subnet of the virtual node".to_owned())
        }
        IpNet::V6(range) if range.addr().to_ipv4_mapped().is_some() => {
            Err("is an IPv4 range written as IPv6; write it as IPv4".to_owned())
        }
        range if range != range.trunc() => {
            Err(format!("does not begin with the first address of its range; use {}", range.trunc()))
        }
        range => Ok(range),
    }
}

/// Parses a range as Go does. `ipnet` alone would accept `010.0.0.0/08`.
pub(crate) fn parse_range(text: &str) -> Option<IpNet> {
    let (address, length) = text.split_once('/')?;
    let bits: u8 = length.parse().ok()?;
    let range = IpNet::new(address.parse().ok()?, bits).ok()?;
    (length == bits.to_string()).then_some(range)
}
