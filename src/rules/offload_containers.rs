//! # offload-containers
//!
//! ## What it refuses
//!
//! - A name in `interlink.eu/disable-offload-containers` that no container of the pod has
//! - A name in `interlink.eu/disable-offload-init-containers` that no init container of the pod has
//!
//! Commas separate the names. Spaces around a name, and empty names, are allowed.
//!
//! ## Why
//!
//! interLink keeps the containers with these names in the cluster, and sends all others to the HPC centre. It ignores
//! a name that no container has, and reports nothing. After a typo, a container that should stay leaves the cluster,
//! with the secrets that it mounts. The containers that stay run in the tunnel's shadow pod. On a pod without a tunnel
//! they run nowhere, which this rule does not check.
//!
//! ## How to fix it
//!
//! Write the names as they are in `spec.containers` and `spec.initContainers`.
//!
//! ## Settings
//!
//! - `rules.offload-containers`: `Warn` (the default), `Deny` or `Ignore`.
//!
//! ## References
//!
//! - interLink 0.6.2, `pkg/virtualkubelet/execute.go`: `parseDisableOffloadContainers` and
//!   `parseDisableOffloadInitContainers` read the names, and `RemoteExecution` sends the other containers.
//! - interLink 0.6.2, `pkg/virtualkubelet/virtualkubelet.go`: `applyOrUpdateDeployment` adds the containers that stay
//!   to the shadow Deployment.
//! - interLink's pod annotations reference does not list these annotations.
//!
//! ## Refused
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/disable-offload-containers: "sidcar"
//! spec:
//!   containers:
//!     - {name: main, image: busybox}
//!     - {name: sidecar, image: busybox}
//! ```
//!
//! ## Accepted
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     interlink.eu/disable-offload-containers: "sidecar"
//!     interlink.eu/disable-offload-init-containers: "fetch, unpack"
//! spec:
//!   initContainers:
//!     - {name: fetch, image: busybox}
//!     - {name: unpack, image: busybox}
//!   containers:
//!     - {name: main, image: busybox, ports: [{containerPort: 80}]}
//!     - {name: sidecar, image: busybox}
//! ```

use std::borrow::Cow;

use super::{Finding, OF_PODS, Rule};
use crate::annotations::{DISABLE_OFFLOAD_CONTAINERS, DISABLE_OFFLOAD_INIT_CONTAINERS};
use crate::kind::Carries;
use crate::settings::{Level, Settings};
use crate::subject::Subject;
use crate::text::{entries, first_of, quote, set_of};

pub(super) const RULE: Rule = Rule {
    id: "offload-containers",
    refuses: "`disable-offload-containers` or `disable-offload-init-containers` with a name that no such container has",
    default_level: Level::Warn,
    about_writers: false,
    subjects: OF_PODS,
    check,
};

fn check<'s>(subject: &'s Subject<'_>, _: &Settings<'_>) -> Vec<Finding<'s>> {
    let Some(pod) = &subject.pod else {
        return Vec::new();
    };
    let lists = [
        (DISABLE_OFFLOAD_CONTAINERS, "container", &pod.containers),
        (DISABLE_OFFLOAD_INIT_CONTAINERS, "init container", &pod.init_containers),
    ];
    let found = lists.into_iter().filter_map(|(key, what, containers)| {
        let annotation = subject.get(key)?;
        let names = set_of(containers.iter().map(Cow::as_ref));
        let unknown: Vec<_> = entries(&annotation.value).filter(|name| !names.contains(name)).map(quote).collect();
        if unknown.is_empty() {
            return None;
        }
        let holder = if subject.place.carries == Carries::Template { "template" } else { "pod" };
        let problem =
            format!("names {}, and the {holder} has no such {what} to keep in the cluster", first_of(&unknown));
        let mend = match containers.is_empty() {
            true => "remove the annotation".to_owned(),
            false => {
                let names: Vec<_> = containers.iter().map(|name| quote(name)).collect();
                format!("write one of {}", first_of(&names))
            }
        };
        Some(Finding::of_value(annotation, problem, mend))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::*;

    const SPEC: &str =
        r#"{"containers": [{"name": "main"}, {"name": "sidecar"}], "initContainers": [{"name": "fetch"}]}"#;

    fn problems(key: &'static str, value: &str, spec: &str) -> Vec<String> {
        let pod = with_spec(pod(&[(key, value)]), spec);
        texts(&check(&pod, &Settings::default()))
    }

    #[test]
    fn names_are_looked_up_among_their_own_kind() {
        for (key, value, count) in [
            (DISABLE_OFFLOAD_CONTAINERS, "main", 0),
            (DISABLE_OFFLOAD_CONTAINERS, " main ,, sidecar ", 0),
            (DISABLE_OFFLOAD_CONTAINERS, "", 0),
            (DISABLE_OFFLOAD_CONTAINERS, "fetch", 1),
            (DISABLE_OFFLOAD_CONTAINERS, "Main", 1),
            (DISABLE_OFFLOAD_CONTAINERS, "main;sidecar", 1),
            (DISABLE_OFFLOAD_INIT_CONTAINERS, "fetch", 0),
            (DISABLE_OFFLOAD_INIT_CONTAINERS, "main,sidecar", 1),
        ] {
            assert_eq!(problems(key, value, SPEC).len(), count, "{key} {value:?}");
        }
    }

    #[test]
    fn the_message_names_what_is_there() {
        assert_eq!(
            problems(DISABLE_OFFLOAD_CONTAINERS, "sidcar,main,x", SPEC),
            ["names \"sidcar\", \"x\", and the pod has no such container to keep in the cluster; \
              write one of \"main\", \"sidecar\""]
        );
        assert_eq!(
            problems(DISABLE_OFFLOAD_INIT_CONTAINERS, "a", "{}"),
            ["names \"a\", and the pod has no such init container to keep in the cluster; remove the annotation"]
        );
    }

    #[test]
    fn without_a_spec_nothing_can_be_looked_up() {
        let binding = carrier("Binding", &[(DISABLE_OFFLOAD_CONTAINERS, "a")]);
        assert_eq!(check(&binding, &Settings::default()), []);
    }
}
