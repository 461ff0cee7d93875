//! The kinds of object that carry a pod's annotations, and where in them annotations stand.

use k8s_openapi::Resource;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Binding, Node, Pod, PodTemplate, ReplicationController};

/// A kind, in whatever version of its group.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    pub group: &'static str,
    pub name: &'static str,
    /// Where its annotations stand, those that come to a pod first.
    pub places: &'static [Place],
}

/// A place of metadata in an object.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    pub carries: Carries,
    /// The fields that lead to what has the metadata: none where it is the object itself.
    pub path: &'static [&'static str],
}

/// What becomes of the annotations in a place.
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
    /// No pod gets them.
    Nothing,
}

/// A pod itself.
static POD: [Place; 1] = [place(Carries::Pod, &[])];
/// A workload that makes pods of a template, and its own metadata.
static WORKLOAD: [Place; 2] = [place(Carries::Template, &["spec", "template"]), place(Carries::Nothing, &[])];
static CRON_JOB: [Place; 3] = [
    place(Carries::Template, &["spec", "jobTemplate", "spec", "template"]),
    place(Carries::Nothing, &["spec", "jobTemplate"]),
    place(Carries::Nothing, &[]),
];
static POD_TEMPLATE: [Place; 2] = [place(Carries::Template, &["template"]), place(Carries::Nothing, &[])];
static BINDING: [Place; 1] = [place(Carries::Binding, &[])];
static NODE: [Place; 1] = [place(Carries::Node, &[])];

/// All kinds.
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

const fn kind<T: Resource>(places: &'static [Place]) -> Kind {
    Kind { group: T::GROUP, name: T::KIND, places }
}

const fn place(carries: Carries, path: &'static [&'static str]) -> Place {
    Place { carries, path }
}

impl Kind {
    /// The kind with this name in this group, if it is one of ours.
    pub fn find(group: &str, name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.group == group && kind.name == name)
    }

    /// The place whose annotations come to a pod, or are judged in a pod's stead.
    pub fn main_place(&self) -> &'static Place {
        &self.places[0]
    }
}

impl Place {
    /// What stands before a field of this place's, as in `spec.template.metadata`.
    pub fn prefix(&self) -> String {
        self.path.iter().flat_map(|step| [step, "."]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_known_by_group_and_name() {
        assert_eq!(Kind::find("", "Pod").unwrap().main_place().carries, Carries::Pod);
        assert_eq!(Kind::find("batch", "CronJob").unwrap().main_place().prefix(), "spec.jobTemplate.spec.template.");
        for (group, name) in [("apps", "Pod"), ("", "Deployment"), ("batch", "job"), ("apps/v1", "ReplicaSet")] {
            assert_eq!(Kind::find(group, name), None);
        }
    }
}
