//! # wireguard
//!
//! ## What it refuses
//!
//! - `interlink.eu/wg-mtu` that is not a whole number from 1 to 65535
//! - `interlink.eu/wg-keepalive-seconds` that is not a whole number from 0 to 65535
//! - `interlink.eu/wg-peer-public-key` that is not a WireGuard key, which is 32 bytes in base64
//! - `interlink.eu/wg-private-key`, always
//!
//! Spaces around a value are allowed, and so is a sign before a number. An empty key is allowed: interLink then
//! generates one. A private key that contains `---` or a control character is denied even at level `Warn`.
//!
//! ## Why
//!
//! interLink reads these annotations in a full mesh. If the MTU or the keepalive is not a number or is too small, it
//! uses 1280 bytes or 25 seconds, and reports nothing. If one is too large, the pod's network fails. If the public key
//! is not base64, interLink fails to create the pod. With any other public key, even a valid one, interLink 0.6.2
//! cannot set up the mesh network, and the pod runs without it. Everyone who can read the pod can read a private key
//! in its annotations, and interLink copies the key to the tunnel's shadow pod.
//!
//! ## How to fix it
//!
//! Remove the private key, and stop using it: others may have read it. interLink generates a new one. Remove the
//! public key too, or set it to the output of `wg pubkey`. Messages show neither key.
//!
//! ## Settings
//!
//! - `rules.wireguard`: `Warn` (the default), `Deny` or `Ignore`.
//!
//! ## References
//!
//! - interLink 0.6.2, `pkg/virtualkubelet/virtualkubelet.go`: `setupWireGuardConfig` reads the four annotations,
//!   `copyPodLabelsAndAnnotations` copies them to the shadow pod, and `applyWstunnelManifests` splits manifests at
//!   `---`.
//! - interLink 0.6.2, `pkg/virtualkubelet/mesh.go`: `generateFullMeshScript` fails without a generated key.
//! - interLink's mesh networking guide: "WireGuard Key Generation". The annotations themselves are not documented.
//!
//! ## Refused
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/wg-mtu: "1420 bytes"
//!     interlink.eu/wg-keepalive-seconds: "-1"
//!     interlink.eu/wg-peer-public-key: "c2hvcnQ="
//!     interlink.eu/wg-private-key: "YW4gZXhhbXBsZSBvZiBhIHByaXZhdGUga2V5ISEhISE="
//! ```
//!
//! ## Accepted
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/wg-mtu: "1420"
//!     interlink.eu/wg-keepalive-seconds: "0"
//!     interlink.eu/wg-peer-public-key: "YW4gZXhhbXBsZSBvZiBhIHB1YmxpYyBrZXkhISEhISE="
//! ```

use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Finding, OF_PODS, Rule};
use crate::annotations::{WG_KEEPALIVE_SECONDS, WG_MTU, WG_PEER_PUBLIC_KEY, WG_PRIVATE_KEY};
use crate::settings::{Level, Settings};
use crate::subject::Subject;
use crate::text::{injects, quote};

pub(super) const RULE: Rule = Rule {
    id: "wireguard",
    refuses: "`wg-mtu`, `wg-keepalive-seconds` or `wg-peer-public-key` that would be ignored or fail; any \
              `wg-private-key`",
    default_level: Level::Warn,
    about_writers: false,
    subjects: OF_PODS,
    check,
};

/// The bytes of a WireGuard key.
const KEY_LENGTH: usize = 32;
/// Their letters in base64.
const KEY_LETTERS: usize = 44;

/// What a number may be, and what interLink takes in place of one that it cannot read.
type Number = (&'static str, RangeInclusive<i64>, &'static str);

const NUMBERS: [Number; 2] = [(WG_MTU, 1..=65_535, "1280"), (WG_KEEPALIVE_SECONDS, 0..=65_535, "25")];

fn check<'s>(subject: &'s Subject<'_>, _: &Settings<'_>) -> Vec<Finding<'s>> {
    let numbers = NUMBERS.into_iter().filter_map(|(key, range, default)| {
        let annotation = subject.get(key)?;
        let problem = judge_number(&annotation.value, &range, default)?;
        let (min, max) = range.into_inner();
        Some(Finding::of_value(annotation, problem, format!("write a number from {min} to {max}, or remove it")))
    });
    let key = |key| subject.get(key).filter(|annotation| !annotation.value.trim().is_empty());
    let public = key(WG_PEER_PUBLIC_KEY).filter(|annotation| !is_key(annotation.value.trim())).map(|annotation| {
        let problem = "is not a WireGuard key of 32 bytes in base64, so that the pod's network fails";
        Finding::of_value(annotation, problem, "write what wg pubkey prints, or remove it to have a key generated")
    });
    let private = key(WG_PRIVATE_KEY).map(|annotation| {
        let problem = "is a private key that everyone who may read pods can read";
        Finding::of_value(annotation, problem, "remove it, and interLink generates one that is not shown")
            .of_pasted_text(injects(&annotation.value))
    });
    numbers.chain(public).chain(private).collect()
}

fn judge_number(text: &str, range: &RangeInclusive<i64>, default: &str) -> Option<String> {
    // As Go's `strconv.Atoi`.
    match text.trim().parse::<i64>() {
        Ok(number) if range.contains(&number) => None,
        Ok(number) if number > *range.end() => Some(format!("is {number}, with which the pod's network fails")),
        // A key that stands here by mistake is not shown either.
        _ if text.len() >= KEY_LETTERS => Some(format!("is no number, in place of which interLink takes {default}")),
        _ => Some(format!("is {}, in place of which interLink takes {default}", quote(text))),
    }
}

/// Whether a text is a key as WireGuard reads it.
fn is_key(text: &str) -> bool {
    let mut key = [0; KEY_LENGTH + 1];
    text.len() == KEY_LETTERS && STANDARD.decode_slice(text, &mut key) == Ok(KEY_LENGTH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::*;

    const KEY: &str = "YW4gZXhhbXBsZSBvZiBhIHB1YmxpYyBrZXkhISEhISE=";

    fn problem(key: &'static str, value: &str) -> String {
        let pod = pod(&[(key, value)]);
        texts(&check(&pod, &Settings::default())).pop().unwrap_or_default()
    }

    #[test]
    fn numbers_are_read_as_go_does() {
        for value in ["1", "1420", " 1420\n", "+1420", "01420", "65535"] {
            assert_eq!(problem(WG_MTU, value), "", "{value:?}");
        }
        for (value, says) in [
            ("", "interLink takes 1280"),
            ("0", "interLink takes 1280"),
            ("-1420", "interLink takes 1280"),
            ("1420.0", "interLink takes 1280"),
            ("0x58c", "interLink takes 1280"),
            ("1_420", "interLink takes 1280"),
            ("9223372036854775808", "interLink takes 1280"),
            ("65536", "is 65536, with which the pod's network fails"),
        ] {
            assert!(problem(WG_MTU, value).contains(says), "{value:?}: {}", problem(WG_MTU, value));
        }
        assert_eq!(problem(WG_KEEPALIVE_SECONDS, "0"), "");
        assert_eq!(problem(WG_KEEPALIVE_SECONDS, "-0"), "");
        for value in ["-1", "25s"] {
            assert!(problem(WG_KEEPALIVE_SECONDS, value).contains("interLink takes 25;"), "{value:?}");
        }
    }

    #[test]
    fn a_public_key_is_32_bytes() {
        for value in [KEY, &format!(" {KEY}\n")] {
            assert_eq!(problem(WG_PEER_PUBLIC_KEY, value), "");
        }
        assert_eq!(problem(WG_PEER_PUBLIC_KEY, " "), "", "interLink generates one");
        for value in [
            "key",
            &KEY[..43],
            &format!("{KEY}="),
            &KEY.replace('=', "A"),
            &KEY.replace("ISE=", "ISF="),
            &KEY.replace("YW4", "Y-_"),
            &KEY.replace("YW4", "Y\nW"),
        ] {
            assert!(!problem(WG_PEER_PUBLIC_KEY, value).is_empty(), "{value:?}");
        }
    }

    #[test]
    fn no_key_is_ever_shown() {
        assert_eq!(problem(WG_PRIVATE_KEY, ""), "");
        for value in ["secret", KEY] {
            let problem = problem(WG_PRIVATE_KEY, value);
            assert!(problem.contains("is a private key") && !problem.contains("secret") && !problem.contains(KEY));
        }
        assert!(!problem(WG_PEER_PUBLIC_KEY, "secret").contains("secret"));
        assert!(!problem(WG_MTU, KEY).contains(&KEY[..8]));
    }

    #[test]
    fn what_could_change_a_manifest_is_marked() {
        for (value, injects) in [
            ("c2hvcnQ=", false),
            (" c2hvcnQ=\n", false),
            ("a b", false),
            ("x\n---\nkind: Secret", true),
            ("a #,\nb", true),
            ("x --- {\"kind\":\"ConfigMap\"} ---", true),
        ] {
            let pod = pod(&[(WG_PRIVATE_KEY, value)]);
            assert_eq!(check(&pod, &Settings::default())[0].injects, injects, "{value:?}");
        }
    }
}
