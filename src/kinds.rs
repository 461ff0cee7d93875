//! The kinds that the policy knows by name, and the locations of their annotations.

use k8s_openapi::Resource;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Binding, Node, Pod, PodTemplate, ReplicationController};

/// A kind of object, in any version of its API group.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The API group, empty for the core group.
    pub group: &'static str,
    /// The name, such as `Pod`.
    pub name: &'static str,
    /// Where annotations are found. The first location is the one whose annotations a pod gets.
    pub locations: &'static [Location],
}

/// A location of metadata in an object.
#[derive(Debug, PartialEq, Eq)]
pub struct Location {
    /// What the annotations there are for.
    pub role: Role,
    /// The fields that lead to the metadata's owner; empty for the object itself.
    pub path: &'static [&'static str],
}

/// What the annotations at a location are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A pod's own annotations.
    Pod,
    /// A pod template's: each pod that is created from it gets them.
    PodTemplate,
    /// A Binding's: the API server merges them into the pod.
    Binding,
    /// A Node's, which interLink also writes.
    Node,
    /// A workload's own, which no pod gets.
    Workload,
}

static POD: [Location; 1] = [location(Role::Pod, &[])];
static WORKLOAD: [Location; 2] = [location(Role::PodTemplate, &["spec", "template"]), location(Role::Workload, &[])];
static CRON_JOB: [Location; 3] = [
    location(Role::PodTemplate, &["spec", "jobTemplate", "spec", "template"]),
    location(Role::Workload, &["spec", "jobTemplate"]),
    location(Role::Workload, &[]),
];
static POD_TEMPLATE: [Location; 2] = [location(Role::PodTemplate, &["template"]), location(Role::Workload, &[])];
static BINDING: [Location; 1] = [location(Role::Binding, &[])];
static NODE: [Location; 1] = [location(Role::Node, &[])];

/// All kinds that the policy checks.
pub static KINDS: [Kind; 11] = [
    kind::<Pod>(&POD),
    kind::<ReplicaSet>(&WORKLOAD),
    kind::<Deployment>(&WORKLOAD),
    kind::<StatefulSet>(&WORKLOAD),
    kind::<DaemonSet>(&WORKLOAD),
    kind::<Job>(&WORKLOAD),
    kind::<CronJob>(&CRON_JOB),
    kind::<ReplicationController>(&WORKLOAD),
    kind::<PodTemplate>(&POD_TEMPLATE),
    kind::<Binding>(&BINDING),
    kind::<Node>(&NODE),
];

/// Every other kind. Objects of such a kind are checked if they hold a pod template, which [`crate::templates`] finds.
pub(crate) static OTHER_KIND: Kind =
    Kind { group: "", name: "custom resource", locations: &[location(Role::Workload, &[])] };

const fn kind<T: Resource>(locations: &'static [Location]) -> Kind {
    Kind { group: T::GROUP, name: T::KIND, locations }
}

const fn location(role: Role, path: &'static [&'static str]) -> Location {
    Location { role, path }
}

impl Kind {
    /// Finds a kind by its API group and name; `None` if the policy does not know it by name.
    pub fn find(group: &str, name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.group == group && kind.name == name)
    }

    /// Returns the location whose annotations a pod gets, or a node's.
    pub fn pod_location(&self) -> &'static Location {
        &self.locations[0]
    }
}

impl Location {
    /// Returns the path of the annotations, such as `spec.template.metadata.annotations`.
    pub fn annotations_path(&self) -> String {
        self.path.iter().flat_map(|field| [field, "."]).chain(["metadata.annotations"]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_kind_by_group_and_name() {
        assert_eq!(Kind::find("", "Pod").unwrap().pod_location().role, Role::Pod);
        for (group, name) in [("apps", "Pod"), ("", "Deployment"), ("batch", "job"), ("apps/v1", "ReplicaSet")] {
            assert_eq!(Kind::find(group, name), None);
        }
    }

    #[test]
    fn renders_the_path_of_annotations() {
        let path = |group, name| Kind::find(group, name).unwrap().pod_location().annotations_path();
        assert_eq!(path("", "Pod"), "metadata.annotations");
        assert_eq!(path("batch", "CronJob"), "spec.jobTemplate.spec.template.metadata.annotations");
    }
}
