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

use super::rule::{POD_ROLES, Rule};
use crate::annotations::{DISABLE_OFFLOAD_CONTAINERS, DISABLE_OFFLOAD_INIT_CONTAINERS, list_entries};
use crate::compact::sorted_set;
use crate::escape::{quote, summarize};
use crate::finding::Findings;
use crate::kinds::Role;
use crate::rule_id::RuleId;
use crate::settings::Settings;
use crate::target::Target;

pub(super) const RULE: Rule = Rule {
    id: RuleId::OffloadContainers,
    refuses: "`disable-offload-containers` or `disable-offload-init-containers` with a name that no such container has",
    about_writers: false,
    roles: POD_ROLES,
    check,
};

fn check<'t>(target: &'t Target<'_>, _: &Settings<'_>, findings: &mut Findings<'t>) {
    if let Some(spec) = &target.pod_spec {
        check_names(target, DISABLE_OFFLOAD_CONTAINERS, "container", &spec.containers, findings);
        check_names(target, DISABLE_OFFLOAD_INIT_CONTAINERS, "init container", &spec.init_containers, findings);
    }
}

/// Reports the names in an annotation that none of these containers has.
fn check_names<'t>(
    target: &'t Target<'_>,
    key: &str,
    what: &str,
    containers: &[Cow<'_, str>],
    findings: &mut Findings<'t>,
) {
    let Some(annotation) = target.get(key) else {
        return;
    };
    let names = sorted_set(containers.iter().map(Cow::as_ref));
    let unknown: Vec<_> = list_entries(&annotation.value).filter(|name| !names.contains(name)).map(quote).collect();
    if unknown.is_empty() {
        return;
    }
    let holder = if target.location.role == Role::PodTemplate { "template" } else { "pod" };
    let problem = format!("names {}, but the {holder} has no such {what}", summarize(&unknown));
    let fix = if containers.is_empty() {
        "remove the annotation".to_owned()
    } else {
        let names: Vec<_> = containers.iter().map(|name| quote(name)).collect();
        format!("use one of {}", summarize(&names))
    };
    findings.push(annotation.finding(problem).fix(fix));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    const SPEC: &str =
        r#"{"containers": [{"name": "main"}, {"name": "sidecar"}], "initContainers": [{"name": "fetch"}]}"#;

    fn problems(key: &'static str, value: &str, spec: &str) -> Vec<String> {
        let pod = builder("Pod", &[(key, value)]).spec(spec).build();
        texts(&RULE.findings(&pod, &Settings::default()))
    }

    #[test]
    fn looks_names_up_among_containers_of_their_own_type() {
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
    fn names_the_containers_there_are() {
        assert_eq!(
            problems(DISABLE_OFFLOAD_CONTAINERS, "sidcar,main,x", SPEC),
            ["names \"sidcar\", \"x\", but the pod has no such container; use one of \"main\", \"sidecar\""]
        );
        assert_eq!(
            problems(DISABLE_OFFLOAD_INIT_CONTAINERS, "a", "{}"),
            ["names \"a\", but the pod has no such init container; remove the annotation"]
        );
    }

    #[test]
    fn accepts_any_name_without_a_spec() {
        let binding = builder("Binding", &[(DISABLE_OFFLOAD_CONTAINERS, "a")]).build();
        assert_eq!(RULE.findings(&binding, &Settings::default()), []);
    }
}
