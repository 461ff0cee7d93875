//! The command line: output and exit codes.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const GOOD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: good}\n";
const BAD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: bad, annotations: {JobID: '1'}}\n";

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_interlink-audit"));
    command.current_dir(folder).args(arguments);
    command
}

/// Runs the command in a folder with these files. Returns the exit code, standard output and standard error.
fn run(files: &[(&str, &str)], arguments: &[&str]) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    outcome(command(folder.path(), arguments).output().unwrap())
}

/// Returns the exit code, standard output and standard error.
fn outcome(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn exits_with_a_code_for_the_outcome() {
    let files = [("good.yaml", GOOD), ("bad.yaml", BAD), ("broken.yaml", "a: [")];
    assert_eq!(run(&files, &["check", "good.yaml"]).0, 0);
    assert_eq!(run(&files, &["check", "good.yaml", "bad.yaml"]).0, 1);
    assert_eq!(run(&files, &["check", "bad.yaml", "broken.yaml"]).0, 2);
    assert_eq!(run(&files, &["check"]).0, 2);
    assert_eq!(run(&files, &["check", "none.yaml"]).0, 2);
    assert_eq!(run(&files, &["chekc", "good.yaml"]).0, 2);
}

#[test]
fn prints_findings_below_their_object_without_colours_in_a_pipe() {
    let (_, table, _) = run(&[("a.yaml", BAD), ("b.yaml", GOOD)], &["check", "."]);
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["NAMESPACE", "KIND", "NAME", "JUDGED", "AS", "VERDICT"]
    );
    assert_eq!(
        lines[1].split_whitespace().collect::<Vec<_>>(),
        ["default", "Pod", "bad", "creation", "refused", "(403)"]
    );
    assert_eq!(lines[2], "    in ./a.yaml:1");
    assert!(lines[3].starts_with("    job-id: metadata.annotations[JobID]: "));
    assert_eq!(lines[4].split_whitespace().collect::<Vec<_>>(), ["default", "Pod", "good", "creation", "accepted"]);
    assert_eq!(lines.last(), Some(&"1 accepted, 1 refused"));
    assert!(!table.contains('\u{1b}'));
}

#[test]
fn reports_unreadable_documents_and_checks_the_others() {
    let several = format!("{GOOD}---\nkind: Pod\nb: [\n---\n{BAD}");
    let files = [("several.yaml", several.as_str()), ("sub/list.json", r#"{"kind": "List", "items": [{"a": 1}]}"#)];
    let (code, table, errors) = run(&files, &["check", "several.yaml", "sub", "missing.yaml"]);
    assert_eq!(code, 2);
    assert!(table.contains("1 accepted, 1 refused"), "{table}");
    let errors: Vec<_> = errors.lines().collect();
    assert!(errors[0].starts_with("error: several.yaml:"), "{errors:?}");
    assert_eq!(errors[1], "error: sub/list.json:1 items[0]: is not a Kubernetes object: kind is missing");
    assert!(errors[2].starts_with("error: missing.yaml: "), "{errors:?}");
}

#[test]
fn reads_the_manifests_in_folders() {
    let files = [("m/b.yml", GOOD), ("m/a.yaml", BAD), ("m/deep/c.json", "{}"), ("m/notes.txt", "no"), ("e/x.txt", "")];
    let (_, json, _) = run(&files, &["check", "--format", "json", "m"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    let files: Vec<_> = report["results"].as_array().unwrap().iter().map(|result| &result["file"]).collect();
    assert_eq!(files, ["m/a.yaml", "m/b.yml"]);
    assert_eq!(report["problems"][0]["file"], "m/deep/c.json");
    let (code, _, errors) = run(&[("e/x.txt", "")], &["check", "e"]);
    assert_eq!((code, errors.as_str()), (2, "error: e: has no file that ends in .yaml, .yml, .json\n"));
}

#[test]
fn prints_the_whole_answer_as_json() {
    let (code, json, _) = run(&[("bad.yaml", BAD)], &["check", "--format", "json", "bad.yaml"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    let result = &report["results"][0];
    assert_eq!(code, 1);
    assert_eq!(result["accepted"], false);
    assert_eq!(result["code"], 403);
    assert_eq!(result["line"], 1);
    assert_eq!(result["judgedAs"], "creation");
    assert_eq!(result["auditAnnotations"]["violations"], "job-id");
    assert_eq!(result["findings"].as_array().unwrap().len(), 1);
    assert_eq!(report["problems"], Value::Array(Vec::new()));
}

#[test]
fn checks_the_pod_templates_of_custom_resources() {
    let jobset = |annotation: &str| {
        let template = format!("{{metadata: {{annotations: {{{annotation}}}}}, spec: {{containers: [{{name: c}}]}}}}");
        format!(
            "apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSet\nmetadata: {{name: js, annotations: {{a: null}}}}\n\
             spec: {{replicatedJobs: [{{name: w, template: {{spec: {{template: {template}}}}}}}]}}\n"
        )
    };
    let (forged, null) = (jobset("JobID: '1'"), jobset("JobID: '1', b: null"));
    let stored = forged.replace("name: js", "name: js, uid: '5', resourceVersion: '7'");
    let other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: notes, annotations: {JobID: '1'}}\n";
    for (file, code, text) in [
        (&*forged, 1, "spec.replicatedJobs[0].template.spec.template.metadata.annotations[JobID]: is set to \"1\""),
        (&*null, 1, "template.metadata.annotations[b]: must be a string, but is null"),
        (&*stored, 0, "accepted, writers unknown"),
        (&jobset("a: b"), 0, "creation"),
        (other, 0, "note: nothing was checked"),
    ] {
        let (exit_code, table, errors) = run(&[("f.yaml", file)], &["check", "f.yaml"]);
        assert!(exit_code == code && (table.clone() + &errors).contains(text), "{text}: {table}{errors}");
    }
}

#[test]
fn reads_what_kubectl_reads() {
    let hidden = [("m/..evil.yaml", BAD), ("m/..data/twin.yaml", BAD), ("m/..x/good.yaml", GOOD)];
    let (code, table, _) = run(&hidden, &["check", "m"]);
    assert_eq!(code, 1);
    assert!(table.contains("1 accepted, 1 refused"), "{table}");
    let merged = format!("{BAD}\"<<\": {{items: []}}\n");
    let (code, _, errors) = run(&[("q.yaml", &merged)], &["check", "q.yaml"]);
    assert_eq!(code, 2);
    assert!(errors.contains("a << in quotes"), "{errors}");
    let (code, _, errors) = run(&[("none.json", r#"{"kind": "List", "items": []}"#)], &["check", "none.json"]);
    assert_eq!((code, errors.as_str()), (0, "note: nothing was checked\n"));
}

#[test]
fn reads_standard_input_for_a_dash() {
    let mut child = command(Path::new("."), &["check", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(BAD.as_bytes()).unwrap();
    let (code, table, _) = outcome(child.wait_with_output().unwrap());
    assert_eq!(code, 1);
    assert!(table.contains("bad"), "{table}");
}

#[test]
fn impersonates_users_and_groups() {
    let files = [("bad.yaml", BAD), ("s.yaml", "trustedWriters: [{group: operators}]")];
    let writer = ["check", "bad.yaml", "--as", "system:serviceaccount:interlink:node"];
    assert_eq!(run(&files, &writer).0, 0);
    let member = ["check", "bad.yaml", "--settings", "s.yaml", "--as", "bob", "--as-group", "operators"];
    assert_eq!(run(&files, &member).0, 0);
    assert_eq!(run(&files, &member[..6]).0, 1);
    assert_eq!(run(&files, &["check", "bad.yaml", "--as-group", "operators"]).0, 2);
    assert_eq!(run(&files, &["check", "bad.yaml", "--as", ""]).0, 2, "an empty user name is rejected");
}

#[test]
fn takes_settings_from_a_file_or_a_policy() {
    let policy = "apiVersion: policies.kubewarden.io/v1\nkind: ClusterAdmissionPolicy\n\
                  spec: {settings: {rules: {job-id: Warn}}}\n";
    let files = [("bad.yaml", BAD), ("policy.yaml", policy), ("settings.yaml", "rules: {job-id: Ignore}\n")];
    let (code, table, _) = run(&files, &["check", "bad.yaml", "--policy", "policy.yaml"]);
    assert_eq!(code, 0);
    assert!(table.contains("    warning: job-id: "), "{table}");
    let (code, table, _) = run(&files, &["check", "bad.yaml", "--settings", "settings.yaml"]);
    assert_eq!(code, 0);
    assert!(!table.contains("job-id"), "{table}");
}

#[test]
fn rejects_invalid_settings() {
    let files = [("bad.yaml", BAD), ("s.yaml", "podIP: {cidr: []}"), ("two.yaml", "{}\n---\n{}\n")];
    let (code, table, errors) = run(&files, &["check", "bad.yaml", "--settings", "s.yaml"]);
    assert_eq!((code, table.as_str()), (2, ""));
    assert_eq!(
        errors,
        "error: s.yaml:1: settings.podIP.cidr: is not a setting; use one of cidrs, octetRange, allowReserved\n"
    );
    assert_eq!(run(&files, &["check", "bad.yaml", "--settings", "two.yaml"]).0, 2);
    for list in ["[]", "- {podIP: {cidrs: []}}\n"] {
        let (code, _, errors) = run(&[("s.yaml", list)], &["check", "s.yaml", "--settings", "s.yaml"]);
        assert_eq!((code, errors.as_str()), (2, "error: s.yaml:1: settings: must be an object, but is a list\n"));
    }
    let (code, _, errors) = run(&files, &["check", "bad.yaml", "--policy", "bad.yaml"]);
    assert_eq!(code, 2);
    assert!(errors.contains("holds 0 of the kind ClusterAdmissionPolicy or AdmissionPolicy"), "{errors}");
    for spec in ["", "spec: text\n", "spec: []\n"] {
        let policy = format!("apiVersion: policies.kubewarden.io/v1\nkind: AdmissionPolicy\n{spec}");
        let (code, _, errors) = run(&[("p.yaml", &policy)], &["check", "p.yaml", "--policy", "p.yaml"]);
        assert_eq!((code, errors.as_str()), (2, "error: p.yaml:1: is a policy whose spec is missing, or not a map\n"));
    }
}

#[test]
fn rejects_a_file_that_is_not_a_module() {
    let (code, _, errors) = run(&[("bad.yaml", BAD)], &["check", "bad.yaml", "--module", "bad.yaml"]);
    assert_eq!(code, 2);
    assert!(errors.starts_with("error: bad.yaml: is not a policy module"), "{errors}");
}

#[test]
fn escapes_control_characters_in_names() {
    let hostile =
        "apiVersion: v1\nkind: \"P\\e[2J\"\nmetadata: {name: \"n\\e[31m\\nfake accepted\", namespace: \"\\u202e\"}\n";
    let (_, table, _) = run(&[("h.yaml", hostile)], &["check", "h.yaml"]);
    assert!(!table.contains('\u{1b}') && !table.contains('\u{202e}'), "{table:?}");
    assert_eq!(table.lines().count(), 4, "{table:?}");
    let (_, json, _) = run(&[("h.yaml", hostile)], &["check", "h.yaml", "--format", "json"]);
    assert!(!json.contains('\u{202e}') && json.contains("\\u202e"), "{json}");
    let (_, _, errors) = run(&[("h\u{1b}.yaml", "a: [")], &["check", "h\u{1b}.yaml"]);
    assert!(!errors.contains('\u{1b}'), "{errors:?}");
}

#[test]
fn keeps_a_key_with_separators_in_one_finding() {
    let forged = "apiVersion: v1\nkind: Pod\nmetadata: {annotations: {\"a; job-id: metadata: nothing\": 7}}\n";
    let (_, json, _) = run(&[("f.yaml", forged)], &["check", "f.yaml", "--format", "json"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["results"][0]["findings"].as_array().unwrap().len(), 1);
}

#[test]
fn does_not_check_other_kinds() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web, annotations: {JobID: '1'}}\n";
    let (code, table, _) = run(&[("s.yaml", service), ("g.yaml", GOOD), ("b.yaml", "a: [")], &["check", "."]);
    assert_eq!(code, 2);
    assert!(table.contains("web   -          not checked"), "{table}");
    let last = "1 accepted, 0 refused, 1 not checked, because the policy does not cover their kind or operation, 1 not readable";
    assert_eq!(table.lines().last(), Some(last));
}

/// Returns a stored pod, as `kubectl get` shows it, whose `JobID` this field manager set.
fn stored(manager: Option<&str>) -> String {
    let managed_fields = manager.map_or(String::new(), |name| {
        let fields = "{\"f:metadata\": {\"f:annotations\": {\"f:JobID\": {}}}}";
        format!("  managedFields: [{{manager: {name}, fieldsType: FieldsV1, fieldsV1: {fields}}}]\n")
    });
    let metadata = "name: stored\n  uid: '5'\n  resourceVersion: '7'\n  annotations: {JobID: '1'}";
    format!("apiVersion: v1\nkind: Pod\nmetadata:\n  {metadata}\n{managed_fields}")
}

#[test]
fn checks_a_stored_object_as_the_audit_scanner_does() {
    let [by_vk, by_kubectl, unknown] = [Some("vk"), Some("kubectl-edit"), None].map(stored);
    let files = [("vk.yaml", &*by_vk), ("kubectl.yaml", &*by_kubectl), ("unknown.yaml", &*unknown)];
    let (code, table, errors) = run(&files, &["check", "vk.yaml"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(table.contains("stored     accepted"), "{table}");
    let (code, table, _) = run(&files, &["check", "kubectl.yaml"]);
    assert_eq!(code, 1);
    assert!(table.contains("by the field manager \"kubectl-edit\""), "{table}");
    let (code, _, errors) = run(&files, &["check", "unknown.yaml"]);
    assert_eq!(code, 0);
    assert!(
        errors.starts_with("note: objects with annotations that interLink writes, but without managedFields"),
        "{errors}"
    );
    let (_, table, _) = run(&files, &["check", "unknown.yaml"]);
    assert!(table.contains("stored     accepted, writers unknown"), "{table}");
    let (code, table, errors) = run(&files, &["check", "vk.yaml", "--as", "alice"]);
    assert_eq!((code, errors.as_str()), (1, ""));
    assert!(table.contains("creation   refused (403)"), "{table}");
}

#[test]
fn checks_two_versions_as_an_update() {
    let bad_with_label = BAD.replace("name: bad", "name: bad, labels: {a: b}");
    let forged = BAD.replace("name: bad", "name: good");
    let files =
        [("old/good.yaml", GOOD), ("old/bad.yaml", BAD), ("label.yaml", &*bad_with_label), ("f.yaml", &*forged)];
    let (code, table, errors) = run(&files, &["check", "label.yaml", "--old", "old/bad.yaml"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(table.contains("update     accepted"), "{table}");
    let (code, table, errors) = run(&files, &["check", "f.yaml", "--old", "old"]);
    assert_eq!(code, 1);
    assert!(table.contains("update     refused (403)"), "{table}");
    assert_eq!(errors, "note: 1 of 2 objects in --old have no later version in the given files\n");
    let (code, table, _) = run(&files, &["check", "label.yaml", "--old", "old/good.yaml"]);
    assert_eq!(code, 1);
    assert!(table.contains("creation   refused (403)"), "{table}");
    let (code, _, errors) = run(&files, &["check", "label.yaml", "--old", "none.yaml"]);
    assert_eq!(code, 2);
    assert!(errors.starts_with("error: none.yaml: "), "{errors}");
}

#[test]
fn lists_and_explains_rules() {
    let (code, list, _) = run(&[], &["rules"]);
    assert_eq!(code, 0);
    assert!(list.contains("job-id                  Deny    JobID set"), "{list}");
    let (code, text, _) = run(&[], &["explain", "pod-ip"]);
    assert_eq!(code, 0);
    assert!(text.starts_with("# pod-ip\n"), "{text}");
    let (code, _, errors) = run(&[], &["explain", "podip"]);
    assert_eq!(code, 2);
    assert!(errors.contains("\"podip\" is not a rule; the rules are job-id, "), "{errors}");
}
