//! Earlier versions of objects, for judging manifests as updates.

use std::collections::HashMap;

use serde_json::Value;

use crate::input::{self, Problem, Source};
use crate::review::{api_group, namespace_of};

/// What makes two objects versions of one: group, kind, namespace and name.
type Identity = [String; 4];

/// Objects as they were before.
#[derive(Debug, Default)]
pub struct Versions(HashMap<Identity, Version>);

#[derive(Debug)]
struct Version {
    source: Source,
    object: Value,
    has_later_one: bool,
}

impl Versions {
    /// Reads the objects of a file, a folder or standard input. What the API server names has no earlier version.
    ///
    /// # Errors
    /// If something cannot be read, is no object, or is there twice.
    pub fn read(path: &str) -> Result<Self, Problem> {
        let mut versions: HashMap<Identity, Version> = HashMap::new();
        for document in input::read(&[path.to_owned()]) {
            let document = document?;
            let Some(group) = api_group(&document.object) else {
                return Err(document.source.problem("is not a Kubernetes object, kind or apiVersion is missing"));
            };
            let Some(identity) = identity(group, &document.object) else {
                continue;
            };
            let version = Version { source: document.source, object: document.object, has_later_one: false };
            if let Some(other) = versions.get(&identity) {
                let problem = format!("is the same object as in {}; give one earlier version of each", other.source);
                return Err(version.source.problem(problem));
            }
            versions.insert(identity, version);
        }
        Ok(Self(versions))
    }

    /// The earlier version of an object, if there is one.
    pub fn before(&mut self, object: &Value) -> Option<&Value> {
        let version = self.0.get_mut(&identity(api_group(object)?, object)?)?;
        version.has_later_one = true;
        Some(&version.object)
    }

    /// How many objects there are, and of how many no later version was asked for.
    pub fn counts(&self) -> (usize, usize) {
        (self.0.len(), self.0.values().filter(|version| !version.has_later_one).count())
    }
}

fn identity(group: &str, object: &Value) -> Option<Identity> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = text(&object["metadata"]["name"]);
    (!name.is_empty()).then(|| [group.to_owned(), text(&object["kind"]), namespace_of(object).to_owned(), name])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(objects: &Value) -> Result<Versions, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("old.json");
        std::fs::write(&file, objects.to_string()).unwrap();
        Versions::read(file.to_str().unwrap()).map_err(|problem| problem.message)
    }

    fn deployment(version: &str, namespace: &str) -> Value {
        json!({"apiVersion": version, "kind": "Deployment", "metadata": {"name": "web", "namespace": namespace}})
    }

    #[test]
    fn an_object_is_known_by_group_kind_namespace_and_name() {
        let old = deployment("apps/v1beta1", "");
        let mut versions = read(&json!([old])).unwrap();
        for other in [deployment("v1", ""), deployment("apps/v1", "physics"), json!({"kind": "Deployment"})] {
            assert_eq!(versions.before(&other), None);
        }
        assert_eq!(versions.counts(), (1, 1));
        assert_eq!(versions.before(&deployment("apps/v1", "default")), Some(&old));
        assert_eq!(versions.counts(), (1, 0));
    }

    #[test]
    fn what_cannot_be_an_earlier_version_is_named_or_left_out() {
        let twice = read(&json!([deployment("apps/v1", ""), deployment("apps/v1", "default")])).unwrap_err();
        assert!(twice.starts_with("is the same object as in "), "{twice}");
        assert!(read(&json!([{"kind": "Pod"}])).is_err());
        let generated = json!([{"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "p-"}}]);
        assert_eq!(read(&generated).unwrap().counts(), (0, 0));
    }
}
