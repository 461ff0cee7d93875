//! The list of all rules, with their ids and default levels.

use std::fmt;

/// Calls a macro with every rule: the file in `src/rules`, the variant of [`RuleId`], the id, and the default level.
///
/// The order is that of findings in a response.
macro_rules! for_each_rule {
    ($macro:ident) => {
        $macro! {
            job_id, JobId, "job-id", Deny;
            managed_annotations, ManagedAnnotations, "managed-annotations", Deny;
            pod_vpn, PodVpn, "pod-vpn", Deny;
            pod_ip, PodIp, "pod-ip", Deny;
            pod_ip_conflict, PodIpConflict, "pod-ip-conflict", Deny;
            wstunnel_timeout, WstunnelTimeout, "wstunnel-timeout", Deny;
            vpn_with_wstunnel, VpnWithWstunnel, "vpn-with-wstunnel", Deny;
            oversized_object, OversizedObject, "oversized-object", Deny;
            wstunnel_extra_ports, WstunnelExtraPorts, "wstunnel-extra-ports", Warn;
            mesh_network, MeshNetwork, "mesh-network", Warn;
            wireguard, Wireguard, "wireguard", Warn;
            offload_containers, OffloadContainers, "offload-containers", Warn;
            shadow_same_ns, ShadowSameNs, "shadow-same-ns", Warn;
            unknown_annotation, UnknownAnnotation, "unknown-annotation", Warn;
            ineffective_annotation, IneffectiveAnnotation, "ineffective-annotation", Warn;
            plugin_annotations, PluginAnnotations, "plugin-annotations", Ignore;
        }
    };
}

pub(crate) use for_each_rule;

macro_rules! define_ids {
    ($($module:ident, $variant:ident, $id:literal, $level:ident;)*) => {
        /// The id of a rule.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum RuleId {
            $(
                #[doc = concat!("`", $id, "`")]
                $variant,
            )*
        }

        impl RuleId {
            /// All rules, in the order of their findings in a response.
            pub const ALL: [Self; [$($id),*].len()] = [$(Self::$variant),*];

            /// Returns the id, as in settings and responses.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $id,)*
                }
            }

            /// Returns the level of the rule, unless the settings set another.
            pub const fn default_level(self) -> Level {
                match self {
                    $(Self::$variant => Level::$level,)*
                }
            }
        }
    };
}

for_each_rule!(define_ids);

/// What happens to the findings of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The request is refused.
    Deny,
    /// The request is accepted with a warning.
    Warn,
    /// The rule is not checked.
    Ignore,
}

impl Level {
    /// All levels.
    pub(crate) const ALL: [Self; 3] = [Self::Deny, Self::Warn, Self::Ignore];

    /// Returns the level, as in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "Deny",
            Self::Warn => "Warn",
            Self::Ignore => "Ignore",
        }
    }
}

impl RuleId {
    /// Finds a rule by its id.
    pub fn find(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == id)
    }

    /// Lists all ids, for a message.
    pub fn list() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_kebab_case() {
        for id in RuleId::ALL {
            let is_kebab = |character: char| character.is_ascii_lowercase() || character == '-';
            assert!(id.as_str().chars().all(is_kebab), "{id}");
            assert_eq!(RuleId::find(id.as_str()), Some(id));
        }
        assert_eq!(RuleId::find("no-such-rule"), None);
        assert!(RuleId::list().starts_with("job-id, managed-annotations, "));
    }
}
