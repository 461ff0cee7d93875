//! The kinds of object that are listed.

use std::fmt;
use std::str::FromStr;

use interlink_annotations_policy::kinds::{KINDS, Role};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};

/// A kind of object, by the names that it has in the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    api: ApiResource,
    is_namespaced: bool,
}

/// The reason why a text is not the name of anything in a cluster.
#[derive(Debug, thiserror::Error)]
pub enum InvalidName {
    /// The text is not the name of a resource.
    #[error("write GROUP/VERSION/PLURAL, such as ray.io/v1/rayclusters, in lower case")]
    Resource,
    /// The text is not the name of a namespace.
    #[error("a namespace's name has lower case letters, digits and hyphens")]
    Namespace,
}

impl Resource {
    /// Returns the kinds that the policy knows by name and that can be listed.
    pub(super) fn known() -> impl Iterator<Item = Self> {
        // A Binding is only ever created.
        let listable = KINDS.iter().filter(|kind| kind.pod_location().role != Role::Binding);
        listable.map(|kind| Self {
            api: ApiResource::from_gvk(&GroupVersionKind::gvk(kind.group, "v1", kind.name)),
            is_namespaced: kind.pod_location().role != Role::Node,
        })
    }

    /// Returns whether its objects are in namespaces, as far as is known.
    pub(super) fn is_namespaced(&self) -> bool {
        self.is_namespaced
    }

    /// Returns whether this is the same kind, possibly in another version.
    pub(super) fn is_same_kind(&self, other: &Self) -> bool {
        self.api.group == other.api.group && self.api.plural == other.api.plural
    }

    /// Returns the path of the list of its objects.
    pub(super) fn path(&self, namespace: Option<&str>) -> String {
        <DynamicObject as kube::Resource>::url_path(&self.api, namespace)
    }
}

impl FromStr for Resource {
    type Err = InvalidName;

    /// Parses `GROUP/VERSION/PLURAL`, or `VERSION/PLURAL` for the core group.
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let parts: Vec<_> = text.split('/').collect();
        let (group, version, plural) = match *parts {
            [group, version, plural] if is_name(group) => (group, version, plural),
            [version, plural] => ("", version, plural),
            _ => return Err(InvalidName::Resource),
        };
        if !is_name(version) || !is_name(plural) {
            return Err(InvalidName::Resource);
        }
        // The path of a list does not contain the kind's name.
        let api = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, ""), plural);
        Ok(Self { api, is_namespaced: true })
    }
}

impl fmt::Display for Resource {
    /// Writes the plural and the group, as in `deployments.apps`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.api.group.is_empty() { "" } else { "." };
        write!(f, "{}{separator}{}", self.api.plural, self.api.group)
    }
}

/// Checks the name of a namespace.
///
/// # Errors
/// If no namespace can have it.
pub fn parse_namespace(name: &str) -> Result<String, InvalidName> {
    if is_name(name) && !name.contains('.') { Ok(name.to_owned()) } else { Err(InvalidName::Namespace) }
}

/// Returns whether a text has only characters that are allowed in names, and is therefore a single step of a path.
fn is_name(text: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    text.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_the_kinds_that_the_policy_knows() {
        let paths: Vec<_> = Resource::known().map(|resource| resource.path(None)).collect();
        assert_eq!(
            paths,
            [
                "/api/v1/pods",
                "/apis/apps/v1/replicasets",
                "/apis/apps/v1/deployments",
                "/apis/apps/v1/statefulsets",
                "/apis/apps/v1/daemonsets",
                "/apis/batch/v1/jobs",
                "/apis/batch/v1/cronjobs",
                "/api/v1/replicationcontrollers",
                "/api/v1/podtemplates",
                "/api/v1/nodes",
            ]
        );
    }

    #[test]
    fn parses_the_names_of_resources() {
        let ray: Resource = "ray.io/v1/rayclusters".parse().unwrap();
        assert_eq!(
            (ray.to_string().as_str(), &*ray.path(Some("a"))),
            ("rayclusters.ray.io", "/apis/ray.io/v1/namespaces/a/rayclusters")
        );
        assert_eq!("v1/pods".parse::<Resource>().unwrap().path(None), "/api/v1/pods");
        for text in
            ["", "pods", "/v1/pods", "ray.io/v1/", "ray.io/v1/../secrets", "a/v1/x?watch=1", "A/v1/b", "a/b/c/d"]
        {
            assert!(text.parse::<Resource>().is_err(), "{text}");
        }
        assert!(parse_namespace("physics-1").is_ok());
        assert!(["", "..", "a.b", "a/b", "A"].iter().all(|name| parse_namespace(name).is_err()));
    }
}
