//! Earlier versions of objects, for checking manifests as updates.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::document::{Document, Origin, Problem};
use crate::input::{self, Files};
use crate::object::Header;

/// The maximum bytes of all earlier versions, which memory holds together.
const MAX_BYTES: usize = 64 << 20;

/// The group, kind, namespace and name that two versions of an object have in common.
type Identity = [String; 4];

/// The earlier versions of objects.
#[derive(Debug, Default)]
pub struct Versions(HashMap<Identity, Version>);

#[derive(Debug)]
struct Version {
    document: Document,
    has_later_version: AtomicBool,
}

#[derive(Debug, thiserror::Error)]
enum VersionError {
    #[error("is not a Kubernetes object: kind or apiVersion is missing")]
    NotAnObject,
    #[error("is the same object as in {0}; give one earlier version of each object")]
    Duplicate(Origin),
}

impl Versions {
    /// Reads the objects in a file, a folder or standard input. Those that name no namespace are in the given one.
    ///
    /// An object without a name, which the API server generates, has no earlier version and is left out.
    ///
    /// # Errors
    /// If something cannot be read, is not a Kubernetes object, or is there twice.
    pub fn read(path: &str, namespace: Option<&str>) -> Result<Self, Problem> {
        let mut versions: HashMap<Identity, Version> = HashMap::new();
        for document in input::read_all(Files::find(&[path.to_owned()], &[], true)?, MAX_BYTES)? {
            input::check_json(&document)?;
            let header = Header::decode(&document.text).map_err(|error| document.origin.clone().problem(error))?;
            if header.kind.is_empty() || header.api_version.is_empty() {
                return Err(document.origin.problem(VersionError::NotAnObject));
            }
            let Some(identity) = identity(&header, namespace) else {
                continue;
            };
            if let Some(other) = versions.get(&identity) {
                let error = VersionError::Duplicate(other.document.origin.clone());
                return Err(document.origin.problem(error));
            }
            versions.insert(identity, Version { document, has_later_version: AtomicBool::new(false) });
        }
        Ok(Self(versions))
    }

    /// Returns the earlier version of an object, if there is one, and notes that it has a later one. An object that names
    /// no namespace is in the given one.
    pub(crate) fn earlier_version_of(&self, object: &Header<'_>, namespace: Option<&str>) -> Option<&[u8]> {
        let version = self.0.get(&identity(object, namespace)?)?;
        version.has_later_version.store(true, Ordering::Relaxed);
        Some(&version.document.text)
    }

    /// Returns the number of objects.
    pub fn total(&self) -> usize {
        self.0.len()
    }

    /// Returns the number of objects of which no later version was found.
    pub fn without_later_version(&self) -> usize {
        self.0.values().filter(|version| !version.has_later_version.load(Ordering::Relaxed)).count()
    }
}

fn identity(object: &Header<'_>, namespace: Option<&str>) -> Option<Identity> {
    let parts = [object.group(), &object.kind, object.namespace_or(namespace), &object.name];
    (!object.name.is_empty()).then(|| parts.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(objects: &Value) -> Result<Versions, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("old.json");
        std::fs::write(&file, objects.to_string()).unwrap();
        Versions::read(file.to_str().unwrap(), None).map_err(|problem| problem.message())
    }

    fn counts(versions: &Versions) -> (usize, usize) {
        (versions.total(), versions.without_later_version())
    }

    fn deployment(version: &str, namespace: &str) -> Value {
        json!({"apiVersion": version, "kind": "Deployment", "metadata": {"name": "web", "namespace": namespace}})
    }

    fn earlier(versions: &Versions, object: &Value) -> Option<Value> {
        let text = object.to_string();
        let version = versions.earlier_version_of(&Header::decode(text.as_bytes()).unwrap(), None)?;
        Some(serde_json::from_slice(version).unwrap())
    }

    #[test]
    fn matches_versions_by_group_kind_namespace_and_name() {
        let old = deployment("apps/v1beta1", "");
        let versions = read(&json!([old])).unwrap();
        for other in [deployment("v1", ""), deployment("apps/v1", "physics"), json!({"kind": "Deployment"})] {
            assert_eq!(earlier(&versions, &other), None);
        }
        assert_eq!(counts(&versions), (1, 1));
        assert_eq!(earlier(&versions, &deployment("apps/v1", "default")), Some(old));
        assert_eq!(counts(&versions), (1, 0));
    }

    #[test]
    fn rejects_duplicates_and_documents_that_are_not_objects() {
        let twice = read(&json!([deployment("apps/v1", ""), deployment("apps/v1", "default")])).unwrap_err();
        assert!(twice.starts_with("is the same object as in "), "{twice}");
        assert!(read(&json!([{"kind": "Pod"}])).is_err());
    }

    #[test]
    fn leaves_out_objects_without_a_name() {
        let generated = json!([{"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "p-"}}]);
        assert_eq!(counts(&read(&generated).unwrap()), (0, 0));
    }
}
