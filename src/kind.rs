//! The kinds of object that carry a pod's annotations, and where in them.

use k8s_openapi::Resource;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Binding, Node, Pod, PodTemplate, ReplicationController};

/// A kind, in whatever version of its group.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    pub group: &'static str,
    pub name: &'static str,
    pub carries: Carries,
    /// The fields that lead to what has the metadata: none where it is the object itself.
    pub path: &'static [&'static str],
}

/// How the annotations come to a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    /// They are the pod's.
    Pod,
    /// Pods are made of the template, with its annotations.
    Template,
    /// They are merged into the pod that is bound to a node.
    Binding,
    /// They are a node's: interLink writes there too.
    Node,
}

/// All kinds.
pub static KINDS: [Kind; 11] = [
    kind::<Pod>(Carries::Pod, &[]),
    kind::<ReplicaSet>(Carries::Template, &["spec", "template"]),
    kind::<Deployment>(Carries::Template, &["spec", "template"]),
    kind::<StatefulSet>(Carries::Template, &["spec", "template"]),
    kind::<DaemonSet>(Carries::Template, &["spec", "template"]),
    kind::<Job>(Carries::Template, &["spec", "template"]),
    kind::<CronJob>(Carries::Template, &["spec", "jobTemplate", "spec", "template"]),
    kind::<ReplicationController>(Carries::Template, &["spec", "template"]),
    kind::<PodTemplate>(Carries::Template, &["template"]),
    kind::<Binding>(Carries::Binding, &[]),
    kind::<Node>(Carries::Node, &[]),
];

const fn kind<T: Resource>(carries: Carries, path: &'static [&'static str]) -> Kind {
    Kind { group: T::GROUP, name: T::KIND, carries, path }
}

impl Kind {
    /// The kind with this name in this group, if it is one of ours.
    pub fn find(group: &str, name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.group == group && kind.name == name)
    }

    /// What stands before a field of the metadata's, as in `spec.template.metadata`.
    pub fn prefix(&self) -> String {
        self.path.iter().flat_map(|step| [step, "."]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_known_by_group_and_name() {
        assert_eq!(Kind::find("", "Pod").unwrap().carries, Carries::Pod);
        assert_eq!(Kind::find("batch", "CronJob").unwrap().prefix(), "spec.jobTemplate.spec.template.");
        for (group, name) in [("apps", "Pod"), ("", "Deployment"), ("batch", "job"), ("apps/v1", "ReplicaSet")] {
            assert_eq!(Kind::find(group, name), None);
        }
    }
}
