//! The policy's settings: their schema, their defaults, and what they may not be.
//!
//! Names are camelCase as in Kubernetes, enum values PascalCase, rule ids kebab-case. Every field is optional. What
//! contradicts itself is refused when the policy is deployed, not when the first pod meets it.

mod levels;
mod pod_ip;
mod read;
mod virtual_nodes;
mod writers;
mod wstunnel_timeout;

use std::borrow::Cow;

use kubewarden_policy_sdk::settings::SettingsValidationResponse;

use crate::json::{Reader, Unreadable, Value};
use read::{choice, list, unknown};

pub use levels::{Level, Levels};
pub use pod_ip::{OctetRange, PodIp};
pub use virtual_nodes::VirtualNodes;
pub use writers::{DEPLOYMENT_CONTROLLER, Identity, Pattern, REPLICASET_CONTROLLER, TrustedWriter};
pub use wstunnel_timeout::WstunnelTimeout;

/// The settings of one deployed policy, borrowed from the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings<'a> {
    /// Which pods are judged.
    pub scope: Scope,
    /// What makes a pod one of a virtual node.
    pub virtual_nodes: VirtualNodes<'a>,
    /// Whose requests are never judged.
    pub trusted_writers: Cow<'a, [TrustedWriter<'a>]>,
    /// Whose hand counts as interLink's when a stored object is audited.
    pub trusted_field_managers: Cow<'a, [Cow<'a, str>]>,
    /// Which addresses a pod may ask for.
    pub pod_ip: PodIp,
    /// How long a pod may wait for its tunnel.
    pub wstunnel_timeout: WstunnelTimeout,
    /// What becomes of each rule's findings.
    pub rules: Levels,
}

/// Which pods are judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scope {
    #[default]
    AllPods,
    /// Only pods that can land on a virtual node.
    VirtualNodePods,
}

const FIELDS: [&str; 7] =
    ["scope", "virtualNodes", "trustedWriters", "trustedFieldManagers", "podIP", "wstunnelTimeout", "rules"];

impl<'a> Settings<'a> {
    /// Reads and checks settings; none are `{}`.
    ///
    /// # Errors
    /// If a field is unknown, has the wrong type or contradicts another; the error names it.
    pub fn read(settings: Option<Value<'a>>) -> Result<Self, Unreadable> {
        Self::read_fields(settings).map_err(|problem| problem.inside("settings"))
    }

    fn read_fields(settings: Option<Value<'a>>) -> Result<Self, Unreadable> {
        let mut read = Self {
            scope: Scope::default(),
            virtual_nodes: VirtualNodes::default(),
            trusted_writers: Cow::Borrowed(&writers::DEFAULT_WRITERS),
            trusted_field_managers: Cow::Borrowed(&writers::DEFAULT_FIELD_MANAGERS),
            pod_ip: PodIp::default(),
            wstunnel_timeout: WstunnelTimeout::default(),
            rules: Levels::default(),
        };
        if let Some(settings) = settings {
            read::object(&mut settings.reader(), &mut |name, value| {
                match name {
                    b"scope" => read.scope = choice(value, &SCOPES)?,
                    b"virtualNodes" => read.virtual_nodes = VirtualNodes::read(value)?,
                    b"trustedWriters" => read.trusted_writers = list(value, TrustedWriter::read)?.into(),
                    b"trustedFieldManagers" => {
                        read.trusted_field_managers = list(value, writers::read_field_manager)?.into();
                    }
                    b"podIP" => read.pod_ip = PodIp::read(value)?,
                    b"wstunnelTimeout" => read.wstunnel_timeout = WstunnelTimeout::read(value)?,
                    b"rules" => read.rules = Levels::read(value)?,
                    _ => return Err(unknown(&FIELDS)),
                }
                Ok(())
            })?;
        }
        read.check()?;
        Ok(read)
    }

    /// Whether the fields go together.
    fn check(&self) -> Result<(), Unreadable> {
        if self.scope == Scope::VirtualNodePods && self.virtual_nodes.are_none() {
            let problem = "names no virtual node, so that scope VirtualNodePods would judge no pod; \
                           give taintKeys or names, or set scope to AllPods";
            return Err(Unreadable::new(problem).inside(".virtualNodes"));
        }
        Ok(())
    }
}

const SCOPES: [(&str, Scope); 2] = [("AllPods", Scope::AllPods), ("VirtualNodePods", Scope::VirtualNodePods)];

impl Default for Settings<'_> {
    fn default() -> Self {
        Self::read(None).expect("the defaults do not contradict each other")
    }
}

/// The waPC function `validate_settings`: whether a policy with these settings may be deployed.
pub fn validate(payload: &[u8]) -> SettingsValidationResponse {
    let mut reader = Reader::new(payload);
    let settings = reader.value().and_then(|settings| {
        reader.end()?;
        Settings::read(Some(settings).filter(|settings| !settings.is_null()))
    });
    SettingsValidationResponse { valid: settings.is_ok(), message: settings.err().map(|problem| problem.to_string()) }
}
