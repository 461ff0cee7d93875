//! The policies that `--policy` takes the settings from.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::{BAD, command, outcome, run};

const OURS: &str = "registry://example.org/policies/interlink-annotations:v0.1.0";
const OTHER: &str = "registry://example.org/policies/pod-privileged@sha256:abc";

/// Returns the manifest of a policy with this name, module and level of `job-id`.
fn policy(name: &str, module: &str, level: &str) -> String {
    format!(
        "---\napiVersion: policies.kubewarden.io/v1\nkind: ClusterAdmissionPolicy\nmetadata: {{name: {name}}}\nspec:\n  \
         module: {module}\n  mode: protect\n  settings:\n    rules: {{job-id: {level}}}\n"
    )
}

/// Returns the manifest of a policy group with these members.
fn group(members: &str) -> String {
    format!(
        "---\napiVersion: policies.kubewarden.io/v1\nkind: AdmissionPolicyGroup\nmetadata: {{name: g}}\nspec:\n  \
         expression: a()\n  message: no\n  policies:\n{members}"
    )
}

fn member(name: &str, module: &str, level: &str) -> String {
    format!("    {name}:\n      module: {module}\n      settings: {{rules: {{job-id: {level}}}}}\n")
}

/// Checks a pod with a `JobID` with the policies in a file.
fn check(policies: &str, arguments: &[&str]) -> (i32, String, String) {
    let arguments = [&["check", "bad.yaml", "--policy", "p.yaml"], arguments].concat();
    run(&[("bad.yaml", BAD), ("p.yaml", policies)], &arguments)
}

#[test]
fn takes_the_settings_that_all_policies_have() {
    let two = policy("a", OURS, "Warn") + &policy("b", OURS, "Warn");
    assert_eq!(check(&two, &[]).0, 0);
    let with_others = policy("x", OTHER, "Deny") + &two + &policy("y", OTHER, "Ignore");
    assert_eq!(check(&with_others, &[]).0, 0);
    assert_eq!(check(&policy("x", OTHER, "Warn"), &[]).0, 0, "the only policy");
    let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: policies.kubewarden.io/v1, kind: AdmissionPolicy, \
                metadata: {name: a}, spec: {settings: {rules: {job-id: Warn}}}}\n- {apiVersion: v1, kind: Namespace}\n";
    assert_eq!(check(list, &[]).0, 0);
}

#[test]
fn takes_the_policy_that_is_named() {
    let two = policy("a", OURS, "Warn") + &policy("b", OURS, "Deny");
    let (code, _, errors) = check(&two, &[]);
    assert_eq!(code, 2);
    assert_eq!(
        errors,
        "error: p.yaml: has policies with different settings: a (p.yaml:1), b (p.yaml:10); name one with \
         --policy-name\n"
    );
    assert_eq!(check(&two, &["--policy-name", "a"]).0, 0);
    assert_eq!(check(&two, &["--policy-name", "b"]).0, 1);
    let (code, _, errors) = check(&two, &["--policy-name", "c"]);
    assert_eq!(code, 2);
    assert!(errors.contains("has no policy with the name \"c\"; it has a (p.yaml:1), b (p.yaml:10)"), "{errors}");
    let others = policy("a", OTHER, "Warn") + &policy("b", OTHER, "Deny");
    let (code, _, errors) = check(&others, &[]);
    assert!(code == 2 && errors.contains("name one with --policy-name"), "{errors}");
    let same = policy("a", OURS, "Warn") + &policy("a", OURS, "Deny");
    let (code, _, errors) = check(&same, &["--policy-name", "a"]);
    assert!(code == 2 && errors.contains("pass a file with only one of them"), "{errors}");
}

#[test]
fn takes_a_member_of_a_policy_group() {
    assert_eq!(check(&group(&member("only", OTHER, "Warn")), &[]).0, 0);
    let ours = group(&(member("x", OTHER, "Deny") + &member("ours", OURS, "Warn")));
    assert_eq!(check(&ours, &[]).0, 0);
    assert_eq!(check(&ours, &["--policy-name", "g/x"]).0, 1);
    let two = group(&(member("a", OURS, "Deny") + &member("b", OURS, "Warn")));
    let (code, _, errors) = check(&two, &[]);
    assert!(code == 2 && errors.contains("g/a (p.yaml:1), g/b (p.yaml:1)"), "{errors}");
    assert_eq!(check(&two, &["--policy-name", "g/b"]).0, 0);
}

#[test]
fn reads_the_policies_of_a_folder() {
    let (warn, other) = (policy("a", OURS, "Warn"), policy("b", OTHER, "Deny"));
    let files = [("bad.yaml", BAD), ("p/a.yaml", &*warn), ("p/b.yaml", &*other), ("p/values.yaml", "a: 1\n")];
    assert_eq!(run(&files, &["check", "bad.yaml", "--policy", "p"]).0, 0);
}

#[test]
fn asks_for_what_a_kustomization_builds() {
    let kustomization = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n";
    let component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n";
    let warn = policy("a", OURS, "Warn");
    let files = [
        ("bad.yaml", BAD),
        ("p/cluster/kustomization.yaml", component),
        ("p/kustomization.yaml", kustomization),
        ("p/a.yaml", &warn),
    ];
    let of_kustomization = r#"p/kustomization.yaml:1: is a Kustomization; pass the output of "kubectl kustomize p" to"#;
    let of_component = "p/cluster/kustomization.yaml:1: is a Component of a Kustomization; pass the output of";
    for (path, error) in
        [("p", of_kustomization), ("p/kustomization.yaml", of_kustomization), ("p/cluster", of_component)]
    {
        let (code, _, errors) = run(&files, &["check", "bad.yaml", "--policy", path]);
        assert!(code == 2 && errors.contains(error), "{errors}");
    }
    assert_eq!(run(&files, &["check", "bad.yaml", "--policy", "p", "--policy-name", "a"]).0, 0);
}

#[test]
fn reads_the_policy_from_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.yaml"), BAD).unwrap();
    let check = |arguments: &[&str]| {
        let mut child = command(folder.path(), arguments);
        child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        // The command may have ended already.
        child.stdin.take().unwrap().write_all(policy("a", OURS, "Warn").as_bytes()).ok();
        outcome(child.wait_with_output().unwrap())
    };
    assert_eq!(check(&["check", "--policy", "-", "bad.yaml"]).0, 0);
    for arguments in [["check", "--policy", "-", "-"], ["audit", "--settings", "-", "-"]] {
        let (code, _, errors) = check(&arguments);
        assert_eq!(code, 2);
        assert!(errors.starts_with("error: standard input: can be read only once"), "{errors}");
    }
}

#[test]
fn rejects_fields_and_modes_that_kubewarden_does_not_know() {
    let good = policy("a", OURS, "Warn");
    let group = group(&member("m", OURS, "Warn"));
    for (policy, old, new, error) in [
        (
            &good,
            "settings:",
            "setings:",
            "p.yaml:8: spec.setings: is not a field of Kubewarden's ClusterAdmissionPolicy; did you mean settings?",
        ),
        (
            &good,
            "spec:",
            "sepc:",
            "p.yaml:5: sepc: is not a field of Kubewarden's ClusterAdmissionPolicy; did you mean spec?",
        ),
        (
            &good,
            "  settings:",
            "settings:",
            "p.yaml:8: settings: is not a field of Kubewarden's ClusterAdmissionPolicy; write it under spec",
        ),
        (&good, "mode: protect", "mode: enforce", "p.yaml:7: spec.mode: is \"enforce\"; use protect or monitor"),
        (
            &good,
            "mode: protect",
            "failurePolicy: ignore",
            "p.yaml:7: spec.failurePolicy: is \"ignore\"; use Fail or Ignore",
        ),
        (
            &good,
            "mode: protect",
            "rules:\n  - operations: [CREATE]\n  - operations:\n    - CREATE\n    - Update",
            "p.yaml:11: spec.rules[1].operations[1]: is \"Update\"; use CREATE, UPDATE, DELETE, CONNECT or *",
        ),
        (
            &good,
            "mode: protect",
            "rules:\n  - operations: CREATE",
            "p.yaml:8: spec.rules[0].operations: must be a list, but is a string",
        ),
        (
            &good,
            "mode: protect",
            "rules:\n  - operations: []",
            "p.yaml:8: spec.rules[0].operations: is missing or empty; use CREATE, UPDATE, DELETE, CONNECT or *",
        ),
        (
            &good,
            "mode: protect",
            "rules:\n  - {operations: ['*', CREATE]}",
            "p.yaml:8: spec.rules[0].operations: has * beside other operations; use only *",
        ),
        (
            &group,
            "expression:",
            "mode: 1\n  expression:",
            "p.yaml:6: spec.mode: must be a string, but is a number; use protect or monitor",
        ),
        (
            &group,
            "settings:",
            "setings:",
            "p.yaml:11: spec.policies.m.setings: is not a field of Kubewarden's AdmissionPolicyGroup; did you mean settings?",
        ),
        (
            &group,
            "policies:",
            "polices:",
            "p.yaml:8: spec.polices: is not a field of Kubewarden's AdmissionPolicyGroup; did you mean policies?",
        ),
    ] {
        let (code, _, errors) = check(&policy.replace(old, new), &[]);
        assert_eq!((code, errors), (2, format!("error: {error}\n")));
    }
}

#[test]
fn remarks_on_fields_that_weaken_a_policy() {
    let good = policy("a", OURS, "Warn");
    for (old, new, remark) in [
        ("mode: protect", "mode: protect\n  failurePolicy: Fail", ""),
        (
            "mode: protect",
            "mode: protect\n  failurePolicy: Ignore",
            "warning: p.yaml:8: failurePolicy is Ignore: requests are accepted unchecked if the policy server does not answer, and \
             users can cause that; use Fail\n",
        ),
        (
            "mode: protect",
            "message: stop",
            "note: p.yaml:7: users see this message instead of the policy's findings; remove it\n",
        ),
    ] {
        let changed = good.replace(old, new);
        assert_eq!(check(&changed, &[]).2, remark);
        let is_warning = remark.starts_with("warning");
        assert_eq!(check(&changed, &["--quiet"]).2.is_empty(), !is_warning, "{remark}");
    }
    let group = group(&member("m", OURS, "Warn"));
    assert_eq!(check(&group, &[]).2, "", "a group must have a message");
    let note = "note: p.yaml:6: the module is not interlink-annotations; the settings apply all the same\n";
    assert_eq!(check(&policy("a", OTHER, "Warn"), &[]).2, note);
}

#[test]
fn asks_for_the_right_flag_for_a_policy() {
    let policy = policy("a", OURS, "Warn");
    let (code, _, errors) =
        run(&[("p.yaml", &policy), ("bad.yaml", BAD)], &["check", "bad.yaml", "--settings", "p.yaml"]);
    assert_eq!((code, &*errors), (2, "error: p.yaml:1: is the manifest of a policy; pass it with --policy\n"));
    for flag in ["--policy", "--settings"] {
        let (code, _, errors) = run(&[("bad.yaml", BAD)], &["check", "bad.yaml", flag, ""]);
        assert_eq!((code, errors), (2, format!("error: {flag}: is empty; name a file\n")));
    }
}

#[test]
fn warns_about_conditions_that_exclude_plugins() {
    let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/protect.yaml"));
    let manifest = manifest.unwrap();
    let line = 1 + manifest.lines().position(|line| line.starts_with("apiVersion:")).unwrap();
    let warning = format!("warning: p.yaml:{line}: the rule plugin-annotations");
    let is_warned = |manifest: &str| check(manifest, &["--quiet"]).2.contains(&warning);
    assert!(!is_warned(&manifest));
    let on = manifest.replace("settings:", "settings:\n    rules: {plugin-annotations: Warn}");
    assert!(is_warned(&on));
    assert!(!is_warned(&on.replace("|jobid$)'", "|jobid$)|(vk|knoc)[.]io/|fuse.vk.io/'")));
}

#[test]
fn names_the_line_of_a_wrong_setting() {
    let policy = policy("a", OURS, "Deny");
    let line = policy.lines().position(|line| line.contains("settings")).unwrap() + 1;
    let settings = "settings:\n    podIP:\n      cidrs: []\n\n    rules:\n      # A comment.\n      pod-vpm: Deny\n";
    let (before, _) = policy.split_once("settings").unwrap();
    let manifest = format!("{before}{settings}");
    let (code, _, errors) =
        run(&[("p.yaml", &manifest), ("bad.yaml", BAD)], &["check", "bad.yaml", "--policy", "p.yaml"]);
    let start = format!("error: p.yaml:{}: settings.rules.pod-vpm: is not a rule; ", line + 6);
    assert!(code == 2 && errors.starts_with(&start), "{errors}");
    let file = "podIP: {cidrs: []}\ntrustedWriters:\n  - username: a\n  - username: \"*\"\n";
    let (_, _, errors) = run(&[("s.yaml", file), ("bad.yaml", BAD)], &["check", "bad.yaml", "--settings", "s.yaml"]);
    assert!(errors.starts_with("error: s.yaml:4: settings.trustedWriters[1].username: "), "{errors}");
}
