//! `shadowNamespaces`: where interLink creates the shadow Deployments of tunnels.

use std::borrow::Cow;

use json_scan::{DecodeError, Reader};

use super::decode::list;
use super::pattern::Pattern;
use crate::escape::quote;

/// The controllers that create the ReplicaSets of Deployments, and the pods of ReplicaSets.
pub(crate) const CONTROLLERS: [&str; 2] = [DEPLOYMENT_CONTROLLER, REPLICASET_CONTROLLER];
/// The controller that creates the ReplicaSets of Deployments.
pub(crate) const DEPLOYMENT_CONTROLLER: &str = "system:serviceaccount:kube-system:deployment-controller";
/// The controller that creates the pods of ReplicaSets.
pub(crate) const REPLICASET_CONTROLLER: &str = "system:serviceaccount:kube-system:replicaset-controller";

/// The number of characters to which interLink truncates the names of shadow namespaces.
const CUT_LENGTH: usize = 31;

/// The number of characters of the suffix that a truncated name must still have: `-w` of `-wstunnel`.
const SHORTEST_SUFFIX: usize = 2;

/// The namespaces in which the controllers of shadow Deployments are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowNamespaces<'a>(Cow<'a, [Pattern<'a>]>);

static DEFAULT: [Pattern<'static>; 1] = [Pattern::from_static("*-wstunnel")];

impl Default for ShadowNamespaces<'_> {
    fn default() -> Self {
        Self(Cow::Borrowed(&DEFAULT))
    }
}

impl<'a> ShadowNamespaces<'a> {
    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        list(reader, decode_pattern).map(|patterns| Self(patterns.into()))
    }

    /// Returns whether a namespace is a shadow namespace.
    pub(crate) fn contain(&self, namespace: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(namespace) || is_cut(namespace, pattern))
    }
}

/// Decodes a pattern that does not match every namespace.
fn decode_pattern<'a>(reader: &mut Reader<'a>) -> Result<Pattern<'a>, DecodeError> {
    let pattern = Pattern::decode(reader)?;
    if ["a", "b"].into_iter().all(|namespace| pattern.matches(namespace)) {
        let text = quote(pattern.as_str());
        return Err(DecodeError::new(format!("{text} matches every namespace; name those for interLink tunnels")));
    }
    Ok(pattern)
}

/// Returns whether a namespace would match the pattern if interLink had not truncated its name, as in `…-wstun`.
fn is_cut(namespace: &str, pattern: &Pattern<'_>) -> bool {
    let Some(suffix) = pattern.literal_suffix().filter(|_| namespace.len() == CUT_LENGTH) else {
        return false;
    };
    (SHORTEST_SUFFIX..suffix.len()).any(|kept| {
        let (Some(kept), Some(lost)) = (suffix.get(..kept), suffix.get(kept..)) else {
            return false;
        };
        namespace.ends_with(kept) && pattern.matches(&format!("{namespace}{lost}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use crate::testing::settings;

    fn contain(patterns: &str, namespace: &str) -> bool {
        let json = format!(r#"{{"shadowNamespaces": {patterns}}}"#);
        settings(&json).shadow_namespaces.contain(namespace)
    }

    #[test]
    fn match_patterns() {
        for (patterns, namespace, expected) in [
            (r#"["*-wstunnel"]"#, "physics-wstunnel", true),
            (r#"["*-wstunnel"]"#, "physics", false),
            (r#"["*-wstunnel"]"#, "", false),
            (r#"["physics", "*-shadow"]"#, "physics", true),
            (r#"["physics", "*-shadow"]"#, "chemistry-shadow", true),
            ("[]", "physics-wstunnel", false),
        ] {
            assert_eq!(contain(patterns, namespace), expected, "{patterns} {namespace}");
        }
    }

    #[test]
    fn match_names_that_interlink_cut() {
        let namespace = "computational-chemistry-b";
        let cut: String = format!("{namespace}-wstunnel").chars().take(CUT_LENGTH).collect();
        assert_eq!(cut, "computational-chemistry-b-wstun");
        assert!(contain(r#"["*-wstunnel"]"#, &cut));
        for length in 22..=29 {
            let name = format!("{}-wstunnel", "n".repeat(length));
            assert!(contain(r#"["*-wstunnel"]"#, &name[..CUT_LENGTH]), "{name}");
        }
        for other in [
            "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnn-",  // Only the hyphen is left.
            "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",  // Nothing is left.
            "computational-chemistry-wstun",    // It is shorter.
            "computational-chemistry-bb-wstun", // It is longer.
            "computational-chemistry-b-wstux",  // It is no part of the suffix.
        ] {
            assert!(!contain(r#"["*-wstunnel"]"#, other), "{other}");
        }
        assert!(!contain(r#"["computational-chemistry-b-wstunnel"]"#, &cut), "an exact name is not cut");
    }

    #[test]
    fn reject_a_pattern_for_every_namespace() {
        for pattern in ["*", "**"] {
            let json = format!(r#"{{"shadowNamespaces": ["{pattern}"]}}"#);
            let error = Settings::parse(json.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("settings.shadowNamespaces[0]: "), "{error}");
        }
    }
}
