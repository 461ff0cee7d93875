//! # offload-containers
//!
//! ## What it refuses
//!
//! - A name in `interlink.eu/disable-offload-containers` that no container of the pod has
//! - A name in `interlink.eu/disable-offload-init-containers` that no init container of the pod has
//! - A name of a container or init container on a pod that gets no tunnel
//! - The names of all containers in `interlink.eu/disable-offload-containers`
//!
//! Commas separate the names. Spaces around a name, and empty names, are allowed. A pod that has `JobID`, an annotation
//! for WireGuard, or an annotation that interLink writes on a pod for its tunnel is exempt from the third check,
//! because it may have a tunnel.
//!
//! ## Why
//!
//! interLink keeps the containers with these names in the cluster, and sends all others to the HPC center. It ignores a
//! name that no container has, and reports nothing. After a typo, a container that should stay leaves the cluster, with
//! the secrets that it mounts. The containers that stay run in the tunnel's shadow pod. If the pod gets no tunnel,
//! because it has no port or has the VPN, these containers run nowhere. If all containers stay, the job is empty.
//!
//! ## How to fix it
//!
//! Write the names exactly as in `spec.containers` and `spec.initContainers`. Give the pod a port, without the VPN, and
//! leave at least one container for the job. If all containers should stay in the cluster, do not run the pod on the
//! virtual node.
//!
//! ## Settings
//!
//! - `rules.offload-containers`: `Warn` (the default), `Deny` or `Ignore`.
//! - `fullMesh`: `true` if interLink runs a full mesh, in which every pod gets a tunnel. The default is `false`.
//!
//! ## References
//!
//! - interLink 0.6.2, `pkg/virtualkubelet/execute.go`: `parseDisableOffloadContainers` and
//!   `parseDisableOffloadInitContainers` read the names, and `RemoteExecution` sends the other containers.
//! - interLink 0.6.2, `pkg/virtualkubelet/virtualkubelet.go`: `applyOrUpdateDeployment` adds the containers that stay
//!   to the shadow Deployment.
//! - interLink 0.6.2, `pkg/virtualkubelet/virtualkubelet.go`: `shouldCreateWstunnel`.
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

use super::network::{NoTunnel, no_tunnel};
use super::rule::{POD_ROLES, Rule};
use crate::annotations::{DISABLE_OFFLOAD_CONTAINERS, DISABLE_OFFLOAD_INIT_CONTAINERS, list_entries};
use crate::compact::sorted_set;
use crate::escape::{Summary, quote, summarize};
use crate::finding::Findings;
use crate::kinds::Role;
use crate::rule_id::RuleId;
use crate::settings::Settings;
use crate::target::Target;

pub(super) const RULE: Rule = Rule {
    id: RuleId::OffloadContainers,
    refuses: "`disable-offload-containers` or `disable-offload-init-containers` with a name that no such container \
              has, with the names of all containers, or on a pod that gets no tunnel",
    about_writers: false,
    roles: POD_ROLES,
    check,
};

fn check<'t>(target: &'t Target<'_>, settings: &Settings<'_>, findings: &mut Findings<'t>) {
    let Some(spec) = &target.pod_spec else {
        return;
    };
    for (key, what, containers) in [
        (DISABLE_OFFLOAD_CONTAINERS, "container", &spec.containers),
        (DISABLE_OFFLOAD_INIT_CONTAINERS, "init container", &spec.init_containers),
    ] {
        let Some(annotation) = target.get(key) else {
            continue;
        };
        let kept = Kept::new(&annotation.value, containers);
        let (problem, fix) = if !kept.unknown.is_empty() {
            let holder = if target.location.role == Role::PodTemplate { "template" } else { "pod" };
            let problem = format!("names {}, but the {holder} has no such {what}", kept.unknown);
            (problem, use_one_of(containers))
        } else if kept.some
            && let Some(reason) = no_tunnel(target, settings)
        {
            let pod = match reason {
                NoTunnel::Vpn => "the VPN",
                NoTunnel::NoPort => "no port",
            };
            let problem = format!("names containers that run nowhere, since a pod with {pod} gets no tunnel");
            (problem, reason.fix().to_owned())
        } else if kept.all && key == DISABLE_OFFLOAD_CONTAINERS {
            let fix = "leave one out, or keep the pod off the virtual node";
            ("names all containers, so the job is empty".to_owned(), fix.to_owned())
        } else {
            continue;
        };
        findings.push(annotation.finding(problem).fix(fix));
    }
}

/// The containers that a list of names keeps in the cluster.
struct Kept {
    /// The names that no container has, quoted.
    unknown: Summary,
    /// Whether the list names any container.
    some: bool,
    /// Whether the list names all containers.
    all: bool,
}

impl Kept {
    fn new(list: &str, containers: &[Cow<'_, str>]) -> Self {
        let names: Vec<_> = sorted_set(containers.iter().map(Cow::as_ref)).into_iter().collect();
        let mut is_kept = vec![false; names.len()];
        let mut unknown = Summary::default();
        for name in list_entries(list) {
            match names.binary_search(&name) {
                Ok(index) => is_kept[index] = true,
                Err(_) => unknown.add(|| quote(name)),
            }
        }
        let some = is_kept.contains(&true);
        Self { unknown, some, all: some && !is_kept.contains(&false) }
    }
}

/// Returns the fix for names that no container has.
fn use_one_of(containers: &[Cow<'_, str>]) -> String {
    if containers.is_empty() {
        return "remove the annotation".to_owned();
    }
    format!("use one of {}", summarize(containers.iter(), |name| quote(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    const SPEC: &str = r#"{"containers": [{"name": "main"}, {"name": "sidecar", "ports": [{"containerPort": 80}]}],
        "initContainers": [{"name": "fetch"}]}"#;

    fn problems(key: &'static str, value: &str, spec: &str) -> Vec<String> {
        let pod = builder("Pod", &[(key, value)]).spec(spec).build();
        texts(&RULE.findings(&pod, &Settings::default()))
    }

    #[test]
    fn looks_names_up_among_containers_of_their_own_type() {
        for (key, value, count) in [
            (DISABLE_OFFLOAD_CONTAINERS, "main", 0),
            (DISABLE_OFFLOAD_CONTAINERS, " main ,, ", 0),
            (DISABLE_OFFLOAD_CONTAINERS, " main ,, sidecar ", 1),
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
    fn rejects_containers_that_run_nowhere() {
        let portless = r#"{"containers": [{"name": "main"}, {"name": "b"}], "initContainers": [{"name": "fetch"}]}"#;
        let nowhere = |pod: &str, fix: &str| {
            vec![format!("names containers that run nowhere, since a pod with {pod} gets no tunnel; {fix}")]
        };
        let no_port = nowhere("no port", "give a container a port, or remove it");
        assert_eq!(problems(DISABLE_OFFLOAD_CONTAINERS, "main", portless), no_port);
        assert_eq!(problems(DISABLE_OFFLOAD_INIT_CONTAINERS, "fetch", portless), no_port);
        assert_eq!(problems(DISABLE_OFFLOAD_CONTAINERS, " , ", portless), [""; 0]);
        let found = |others: &[(&'static str, &'static str)], json: &str| {
            let settings = settings(json);
            let pod = builder("Pod", &[others, &[(DISABLE_OFFLOAD_CONTAINERS, "main")]].concat()).spec(SPEC).build();
            texts(&RULE.findings(&pod, &settings))
        };
        let vpn = [("interlink.eu/pod-vpn", "true")];
        assert_eq!(found(&vpn, "{}"), nowhere("the VPN", "remove either it or interlink.eu/pod-vpn"));
        assert_eq!(found(&vpn, r#"{"fullMesh": true}"#), [""; 0]);
        assert_eq!(found(&[], "{}"), [""; 0]);
    }

    #[test]
    fn rejects_an_empty_job() {
        let empty = ["names all containers, so the job is empty; leave one out, or keep the pod off the virtual node"];
        assert_eq!(problems(DISABLE_OFFLOAD_CONTAINERS, "sidecar,main,main", SPEC), empty);
        assert_eq!(problems(DISABLE_OFFLOAD_INIT_CONTAINERS, "fetch", SPEC), [""; 0]);
        assert_eq!(problems(DISABLE_OFFLOAD_CONTAINERS, "", r#"{"containers": []}"#), [""; 0]);
    }

    #[test]
    fn accepts_any_name_without_a_spec() {
        let binding = builder("Binding", &[(DISABLE_OFFLOAD_CONTAINERS, "a")]).build();
        assert!(RULE.findings(&binding, &Settings::default()).is_empty());
    }
}
