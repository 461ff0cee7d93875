//! The policy's settings: schema, defaults and validation.
//!
//! Names are camelCase as in Kubernetes, enum values PascalCase, rule ids kebab-case. Every field is optional. Settings
//! that contradict themselves are refused when the policy is deployed, not at the first request.

mod cluster;
mod decode;
mod extra_annotations;
mod help_url;
mod pattern;
mod plugin_annotations;
mod pod_ip;
mod rule_levels;
mod shadow_namespaces;
mod trusted_writers;
mod virtual_nodes;
mod wstunnel_timeout;

use std::borrow::Cow;

use json_scan::{Context, DecodeError, Reader, Value, present};
use kubewarden_policy_sdk::settings::SettingsValidationResponse;

use crate::annotations::Lookup;
use crate::rule_id::{Level, RuleId};

use decode::{boolean, choice, list, unknown_field};

pub use cluster::ClusterReads;
pub use extra_annotations::ExtraAnnotations;
pub use plugin_annotations::PluginAnnotations;
pub(crate) use pod_ip::parse_range;
pub use pod_ip::{OctetRange, PodIp};
pub use rule_levels::RuleLevels;
pub use shadow_namespaces::ShadowNamespaces;
pub(crate) use shadow_namespaces::{CONTROLLERS, DEPLOYMENT_CONTROLLER, REPLICASET_CONTROLLER};
pub use trusted_writers::TrustedWriter;
pub use virtual_nodes::VirtualNodes;
pub use wstunnel_timeout::WstunnelTimeout;

/// The settings of a deployed policy, borrowed from the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings<'a> {
    /// Which pods are checked.
    pub scope: Scope,
    /// How the policy recognizes pods that may run on a virtual node.
    pub virtual_nodes: VirtualNodes<'a>,
    /// The requesters whose requests are not checked.
    pub trusted_writers: Cow<'a, [TrustedWriter<'a>]>,
    /// The namespaces of shadow pods.
    pub shadow_namespaces: ShadowNamespaces<'a>,
    /// The field managers that count as interLink in an audit.
    pub trusted_field_managers: Cow<'a, [Cow<'a, str>]>,
    /// Which addresses a pod may request.
    pub pod_ip: PodIp,
    /// How long a pod may wait for its tunnel.
    pub wstunnel_timeout: WstunnelTimeout,
    /// Whether interLink runs a full mesh, in which every pod gets a tunnel.
    pub full_mesh: bool,
    /// The annotations under interLink's domains that the catalogue lacks.
    pub extra_annotations: ExtraAnnotations<'a>,
    /// Which annotations of plugins users may set.
    pub plugin_annotations: PluginAnnotations<'a>,
    /// What the policy reads from the cluster.
    pub cluster: ClusterReads,
    /// What happens to the findings of each rule.
    pub rules: RuleLevels,
    /// The address of a web page that refusals end with; empty for none.
    pub help_url: Cow<'a, str>,
}

/// Which pods are checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scope {
    /// All pods.
    #[default]
    AllPods,
    /// Only pods that may run on a virtual node.
    VirtualNodePods,
}

const SCOPES: [(&str, Scope); 2] = [("AllPods", Scope::AllPods), ("VirtualNodePods", Scope::VirtualNodePods)];

const FIELDS: [&str; 14] = [
    "scope",
    "virtualNodes",
    "trustedWriters",
    "shadowNamespaces",
    "trustedFieldManagers",
    "podIP",
    "wstunnelTimeout",
    "fullMesh",
    "knownAnnotations",
    "managedAnnotations",
    "pluginAnnotations",
    "cluster",
    "rules",
    "helpURL",
];

impl Default for Settings<'_> {
    fn default() -> Self {
        Self {
            scope: Scope::default(),
            virtual_nodes: VirtualNodes::default(),
            trusted_writers: Cow::Borrowed(&trusted_writers::DEFAULT),
            shadow_namespaces: ShadowNamespaces::default(),
            trusted_field_managers: Cow::Borrowed(&trusted_writers::DEFAULT_FIELD_MANAGERS),
            pod_ip: PodIp::default(),
            wstunnel_timeout: WstunnelTimeout::default(),
            full_mesh: false,
            extra_annotations: ExtraAnnotations::default(),
            plugin_annotations: PluginAnnotations::default(),
            cluster: ClusterReads::default(),
            rules: RuleLevels::default(),
            help_url: Cow::Borrowed(""),
        }
    }
}

impl<'a> Settings<'a> {
    /// Parses settings from JSON.
    ///
    /// # Errors
    /// If the text is not JSON, a field is unknown or has the wrong type, or fields contradict each other.
    pub fn parse(json: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(json);
        let value = reader.value()?;
        reader.end()?;
        Self::decode(Some(value))
    }

    /// Decodes settings. Absent or `null`, they are the defaults.
    ///
    /// # Errors
    /// If a field is unknown or has the wrong type, or fields contradict each other.
    pub(crate) fn decode(settings: Option<Value<'a>>) -> Result<Self, DecodeError> {
        present(settings).map_or_else(|| Ok(Self::default()), Self::decode_fields).at_field("settings")
    }

    fn decode_fields(settings: Value<'a>) -> Result<Self, DecodeError> {
        let mut decoded = Self::default();
        decode::object(&mut settings.reader(), &mut |name, value| {
            match name {
                b"scope" => decoded.scope = choice(value, &SCOPES)?,
                b"virtualNodes" => decoded.virtual_nodes = VirtualNodes::decode(value)?,
                b"trustedWriters" => decoded.trusted_writers = list(value, TrustedWriter::decode)?.into(),
                b"shadowNamespaces" => decoded.shadow_namespaces = ShadowNamespaces::decode(value)?,
                b"trustedFieldManagers" => {
                    decoded.trusted_field_managers = list(value, trusted_writers::decode_field_manager)?.into();
                }
                b"podIP" => decoded.pod_ip = PodIp::decode(value)?,
                b"wstunnelTimeout" => decoded.wstunnel_timeout = WstunnelTimeout::decode(value)?,
                b"fullMesh" => decoded.full_mesh = boolean(value)?,
                b"knownAnnotations" => decoded.extra_annotations.known = list(value, extra_annotations::decode_key)?,
                b"managedAnnotations" => {
                    decoded.extra_annotations.managed = list(value, extra_annotations::decode_key)?;
                }
                b"pluginAnnotations" => decoded.plugin_annotations = PluginAnnotations::decode(value)?,
                b"cluster" => decoded.cluster = ClusterReads::decode(value)?,
                b"rules" => decoded.rules = RuleLevels::decode(value)?,
                b"helpURL" => decoded.help_url = help_url::decode(value)?,
                b"apiVersion" | b"kind" | b"metadata" | b"spec" | b"settings" => {
                    let problem = "is not a setting; give only what is in spec.settings of a policy";
                    return Err(DecodeError::new(problem));
                }
                _ => return Err(unknown_field(&FIELDS)),
            }
            Ok(())
        })?;
        decoded.check()?;
        Ok(decoded)
    }

    /// Looks up an annotation, including those that these settings add.
    pub(crate) fn look_up(&self, key: &[u8]) -> Lookup {
        match self.extra_annotations.look_up(key) {
            Lookup::Unrelated if self.rules.get(RuleId::PluginAnnotations) != Level::Ignore => {
                self.plugin_annotations.look_up(key)
            }
            found => found,
        }
    }

    /// Checks that the fields do not contradict each other.
    fn check(&self) -> Result<(), DecodeError> {
        self.extra_annotations.check()?;
        if self.scope == Scope::VirtualNodePods && self.virtual_nodes.taint_keys.is_empty() {
            let problem = "is empty, so that scope VirtualNodePods would not check pods that the scheduler places on a \
                           virtual node; add the key of its taint, or set scope to AllPods";
            return Err(DecodeError::new(problem).at_path(&["virtualNodes", "taintKeys"]));
        }
        Ok(())
    }
}

/// The policy's name before an error: the policy server does not say whose settings are wrong.
pub const ERROR_PREFIX: &str = "interlink-annotations: ";

/// Answers a `validate_settings` call: whether a policy with these settings may be deployed.
pub fn validate(payload: &[u8]) -> SettingsValidationResponse {
    let settings = Settings::parse(payload);
    let message = settings.as_ref().err().map(|error| format!("{ERROR_PREFIX}{error}"));
    SettingsValidationResponse { valid: settings.is_ok(), message }
}
