//! # wireguard
//!
//! ## What it refuses
//!
//! - `interlink.eu/wg-mtu` that is not a whole number from 1 to 65535
//! - `interlink.eu/wg-keepalive-seconds` that is not a whole number from 0 to 65535
//! - `interlink.eu/wg-peer-public-key`, always: a WireGuard key, which is 32 bytes in base64, or anything else
//! - `interlink.eu/wg-private-key`, always
//! - any of these on a pod that `interlink.eu/mesh-network: disabled` keeps out of the mesh
//!
//! Spaces around a value are allowed, and so is a sign before a number. An empty key is allowed: interLink then
//! generates one. A private key that contains `---`, a control character or a Unicode line or paragraph separator is
//! denied even at level `Warn`.
//!
//! ## Why
//!
//! interLink reads these annotations in a full mesh. If the MTU or the keepalive is not a number or is too small, it
//! uses 1280 bytes or 25 seconds, and reports nothing. If the number is too large, the pod's network fails. If the
//! public key is not base64, interLink fails to create the pod. With any other public key, even a valid one, interLink
//! generates no key for the job, cannot set up the mesh network, and the pod runs without it. This applies to interLink
//! 0.6.0 to 0.7.0-pre2. Everyone who can read the pod can read a private key in its annotations, and interLink copies
//! the key to the tunnel's shadow pod.
//!
//! ## How to fix it
//!
//! Remove the private key, and stop using it: others may have read it. interLink generates a new one. Remove the public
//! key too. Messages show neither key. They do not show a long text in place of a number either, because it may be a
//! key.
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
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/wg-peer-public-key: "YW4gZXhhbXBsZSBvZiBhIHB1YmxpYyBrZXkhISEhISE="
//! ```
//!
//! ## Accepted
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/wg-mtu: "1420"
//!     interlink.eu/wg-keepalive-seconds: "0"
//! ```

use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::rule::{POD_ROLES, Rule};
use crate::annotations::{
    Annotation, MESH_NETWORK, WG_KEEPALIVE_SECONDS, WG_MTU, WG_PEER_PUBLIC_KEY, WG_PRIVATE_KEY, could_inject,
    disables_mesh,
};
use crate::escape::quote;
use crate::finding::{Finding, Findings};
use crate::rule_id::RuleId;
use crate::settings::Settings;
use crate::target::Target;

pub(super) const RULE: Rule = Rule {
    id: RuleId::Wireguard,
    refuses: "`wg-mtu` or `wg-keepalive-seconds` that would be ignored or fail; any `wg-peer-public-key` or \
              `wg-private-key`; any of the four on a pod that leaves the mesh",
    about_writers: false,
    roles: POD_ROLES,
    check,
};

/// The length of a WireGuard key in bytes.
const KEY_BYTES: usize = 32;
/// The length of a key in base64 characters.
const KEY_CHARS: usize = 44;

/// The length in bytes of the longest text in place of a number that messages show. A longer one may be a key, or most
/// of it.
const LONGEST_SHOWN: usize = 24;

/// An annotation with a number.
struct Number {
    key: &'static str,
    range: RangeInclusive<i64>,
    /// The value that interLink uses instead of one that it cannot parse.
    default: &'static str,
}

const NUMBERS: [Number; 2] = [
    Number { key: WG_MTU, range: 1..=65_535, default: "1280" },
    Number { key: WG_KEEPALIVE_SECONDS, range: 0..=65_535, default: "25" },
];

fn check<'t>(target: &'t Target<'_>, _: &Settings<'_>, findings: &mut Findings<'t>) {
    let leaves_mesh = || target.get(MESH_NETWORK).is_some_and(|annotation| disables_mesh(&annotation.value));
    for number in &NUMBERS {
        let Some(annotation) = target.get(number.key) else {
            continue;
        };
        if let Some(problem) = number.problem(&annotation.value) {
            let (min, max) = (number.range.start(), number.range.end());
            let fix = format!("use a number from {min} to {max}, or remove it");
            findings.push(annotation.finding(problem).fix(fix));
        } else if leaves_mesh() {
            findings.push(outside_mesh(annotation));
        }
    }
    let key = |key| target.get(key).filter(|annotation| !annotation.value.trim().is_empty());
    if let Some(annotation) = key(WG_PEER_PUBLIC_KEY) {
        let problem = if is_key(annotation.value.trim()) {
            "keeps interLink from generating the job's key, so the pod runs without the mesh"
        } else {
            "is not a WireGuard key of 32 bytes in base64, so the pod fails or runs without the mesh"
        };
        findings.push(if leaves_mesh() {
            outside_mesh(annotation)
        } else {
            annotation.finding(problem).fix("remove it to have interLink generate a key")
        });
    }
    if let Some(annotation) = key(WG_PRIVATE_KEY) {
        let finding = annotation.finding("is a private key that everyone who may read pods can read");
        let finding = finding.fix("remove it to have interLink generate one that is not shown");
        findings.push(finding.injection_if(could_inject(&annotation.value)));
    }
}

/// Creates the finding about an annotation on a pod that leaves the mesh.
fn outside_mesh<'t>(annotation: &'t Annotation<'_>) -> Finding<'t> {
    let finding = annotation.finding("has no effect with interlink.eu/mesh-network: disabled");
    finding.fix("remove one of the two").whatever_its_value()
}

impl Number {
    /// Returns the problem of a value, parsed as Go's `strconv.Atoi` does.
    fn problem(&self, text: &str) -> Option<String> {
        let Self { range, default, .. } = self;
        match text.trim().parse::<i64>() {
            Ok(number) if range.contains(&number) => None,
            Ok(number) if number > *range.end() => Some(format!("is {number}, which breaks the pod's network")),
            // A key that is here by mistake must not be shown.
            _ if text.len() > LONGEST_SHOWN => Some(format!("is not a number, so interLink uses {default}")),
            _ => Some(format!("is {}, so interLink uses {default}", quote(text))),
        }
    }
}

/// Returns whether a text is a key as WireGuard reads it.
fn is_key(text: &str) -> bool {
    let mut key = [0; KEY_BYTES + 1];
    text.len() == KEY_CHARS && STANDARD.decode_slice(text, &mut key) == Ok(KEY_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    const KEY: &str = "YW4gZXhhbXBsZSBvZiBhIHB1YmxpYyBrZXkhISEhISE=";

    fn problem(key: &'static str, value: &str) -> String {
        let pod = pod(&[(key, value)]);
        texts(&RULE.findings(&pod, &Settings::default())).pop().unwrap_or_default()
    }

    #[test]
    fn parses_numbers_as_go_does() {
        for value in ["1", "1420", " 1420\n", "+1420", "01420", "65535"] {
            assert_eq!(problem(WG_MTU, value), "", "{value:?}");
        }
        for (value, says) in [
            ("", "interLink uses 1280"),
            ("0", "interLink uses 1280"),
            ("-1420", "interLink uses 1280"),
            ("1420.0", "interLink uses 1280"),
            ("0x58c", "interLink uses 1280"),
            ("1_420", "interLink uses 1280"),
            ("9223372036854775808", "interLink uses 1280"),
            ("65536", "is 65536, which breaks the pod's network"),
        ] {
            assert!(problem(WG_MTU, value).contains(says), "{value:?}: {}", problem(WG_MTU, value));
        }
        assert_eq!(problem(WG_KEEPALIVE_SECONDS, "0"), "");
        assert_eq!(problem(WG_KEEPALIVE_SECONDS, "-0"), "");
        for value in ["-1", "25s"] {
            assert!(problem(WG_KEEPALIVE_SECONDS, value).contains("interLink uses 25;"), "{value:?}");
        }
    }

    #[test]
    fn rejects_every_public_key() {
        for value in [KEY, &format!(" {KEY}\n")] {
            assert!(problem(WG_PEER_PUBLIC_KEY, value).contains("so the pod runs without the mesh"), "{value:?}");
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
            assert!(problem(WG_PEER_PUBLIC_KEY, value).contains("is not a WireGuard key"), "{value:?}");
        }
    }

    #[test]
    fn reports_all_of_them_on_a_pod_that_leaves_the_mesh() {
        let all = [(WG_MTU, "1420"), (WG_KEEPALIVE_SECONDS, "25"), (WG_PEER_PUBLIC_KEY, KEY), (WG_PRIVATE_KEY, KEY)];
        let found = |mesh: &str| {
            let pod = pod(&[&all[..], &[(MESH_NETWORK, mesh)]].concat());
            texts(&RULE.findings(&pod, &Settings::default()))
        };
        for mesh in ["disabled", " DISABLED "] {
            let found = found(mesh);
            assert_eq!(found.len(), 4);
            assert!(found[..3].iter().all(|text| text.contains("has no effect with")), "{found:?}");
            assert!(found[3].contains("is a private key"), "{found:?}");
        }
        assert_eq!(found("off").len(), 2);
    }

    #[test]
    fn shows_no_key() {
        assert_eq!(problem(WG_PRIVATE_KEY, ""), "");
        for value in ["secret", KEY] {
            let problem = problem(WG_PRIVATE_KEY, value);
            assert!(problem.contains("is a private key") && !problem.contains("secret") && !problem.contains(KEY));
        }
        assert!(!problem(WG_PEER_PUBLIC_KEY, "secret").contains("secret"));
        for length in [25, 42, 43, 44] {
            for value in [KEY[..length].to_owned(), format!(" {}", &KEY[..length]), format!("{KEY}{KEY}")] {
                assert!(!problem(WG_MTU, &value).contains(&KEY[..8]), "{value:?}");
                assert!(!problem(WG_KEEPALIVE_SECONDS, &value).contains(&KEY[..8]), "{value:?}");
            }
        }
        assert!(problem(WG_MTU, "1420\n  PostUp = $(id)").contains("PostUp"));
    }

    #[test]
    fn marks_text_that_could_change_a_manifest() {
        for (value, injection) in [
            ("c2hvcnQ=", false),
            (" c2hvcnQ=\n", false),
            ("a b", false),
            ("x\n---\nkind: Secret", true),
            ("a #,\nb", true),
            ("x --- {\"kind\":\"ConfigMap\"} ---", true),
        ] {
            let pod = pod(&[(WG_PRIVATE_KEY, value)]);
            assert_eq!(RULE.findings(&pod, &Settings::default())[0].injection, injection, "{value:?}");
        }
    }
}
