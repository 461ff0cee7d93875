//! The command line: output and exit codes.

mod cross_checks;
mod exceptions;
mod input;
mod policies;

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
    assert_eq!(run(&files, &["check", "good.yaml", "broken.yaml"]).0, 2);
    assert_eq!(run(&files, &["check", "bad.yaml", "broken.yaml"]).0, 1, "a refusal shows all the same");
    assert_eq!(run(&files, &["check"]).0, 2);
    assert_eq!(run(&files, &["check", "none.yaml"]).0, 2);
    assert_eq!(run(&files, &["chekc", "good.yaml"]).0, 2);
}

#[cfg(unix)]
#[test]
fn fails_if_the_reader_closes_the_pipe() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bad.yaml"), BAD).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let stderr = writer.try_clone().unwrap();
    let status = command(folder.path(), &["check", "bad.yaml"]).stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(141));
    let status = command(folder.path(), &["check", "none.yaml"]).stdout(Stdio::null()).stderr(stderr).status().unwrap();
    assert_eq!(status.code(), Some(2), "a closed pipe for errors");
}

#[test]
fn prints_findings_below_their_object_without_colours_in_a_pipe() {
    let warned =
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: warned\n  annotations:\n    interlink.eu/mesh-network: 'off'\n";
    let files = [("a.yaml", BAD), ("b.yaml", GOOD), ("c.yaml", warned)];
    let (_, table, _) = run(&files, &["check", "."]);
    assert_eq!(
        table,
        "refused (403)  Pod default/bad  ./a.yaml:1, creation
  deny job-id at ./a.yaml:3
       metadata.annotations[JobID]: is set to \"1\", but only interLink may set it
       fix: remove it; to check as another user, pass --as
accepted       Pod default/warned  ./c.yaml:1, creation
  warn mesh-network at ./c.yaml:6
       metadata.annotations[interlink.eu/mesh-network]: is \"off\", which has no effect, so the pod stays in the mesh
       fix: set it to \"disabled\" to keep the pod out of the mesh, or remove it

1 refused, 1 accepted (1 of them with warnings), 1 without interLink annotations
"
    );
    assert!(!run(&files, &["check", ".", "--only-refused"]).1.contains("warned"));
    assert!(run(&files, &["check", ".", "--statistics"]).1.contains("\njob-id        1 deny, 0 warn\n"));
    assert_eq!(run(&files, &["check", "c.yaml", "--fail-on", "warn"]).0, 1);
}

#[test]
fn reports_unreadable_documents_and_checks_the_others() {
    let several = format!("{GOOD}---\nkind: Pod\nb: [\n---\n{BAD}");
    let files = [("several.yaml", several.as_str()), ("sub/list.json", r#"{"kind": "List", "items": [{"a": 1}]}"#)];
    let (code, table, errors) = run(&files, &["check", "several.yaml", "sub", "missing.yaml"]);
    assert_eq!(code, 1);
    assert!(table.ends_with("\n1 refused, 0 accepted, 1 without interLink annotations, 3 not evaluated\n"), "{table}");
    let errors: Vec<_> = errors.lines().collect();
    assert!(errors[0].starts_with("error: several.yaml:"), "{errors:?}");
    assert_eq!(errors[1], "error: sub/list.json:1 items[0]: is not a Kubernetes object: kind is missing");
    assert!(errors[2].starts_with("error: missing.yaml: "), "{errors:?}");
}

#[test]
fn reads_the_manifests_in_folders() {
    let files =
        [("m/b.yml", BAD), ("m/a.yaml", BAD), ("m/deep/c.json", "{}"), ("m/notes.txt", "no"), ("m/x.yaml", BAD)];
    let report = |arguments: &[&str]| -> Value {
        let arguments = [&["check", "--format", "json", "m"][..], arguments].concat();
        serde_json::from_str(&run(&files, &arguments).1).unwrap()
    };
    let found = report(&["--exclude", "x.*"]);
    let files: Vec<_> = found["results"].as_array().unwrap().iter().map(|result| &result["file"]).collect();
    assert_eq!(files, ["m/a.yaml", "m/b.yml"]);
    assert_eq!((&found["problems"], &found["summary"]["skipped"]), (&Value::Array(Vec::new()), &1.into()));
    assert_eq!(report(&["--strict"])["problems"][0]["file"], "m/deep/c.json");
    let (code, _, errors) = run(&[("e/x.txt", "")], &["check", "e"]);
    assert_eq!(
        (code, errors.as_str()),
        (2, "error: e: has no file that ends in .yaml or .yml or .json, with or without .gz or .zst after it\n")
    );
}

#[test]
fn prints_the_whole_answer_as_json() {
    let (code, json, _) = run(&[("bad.yaml", BAD)], &["check", "--format", "json", "bad.yaml"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    let result = &report["results"][0];
    assert_eq!(code, 1);
    let expected = serde_json::json!({
        "file": "bad.yaml", "line": 1, "item": "", "namespace": "default", "apiVersion": "v1", "kind": "Pod", "name": "bad",
        "uid": "", "omittedFindings": 0, "exceptedFindings": [],
        "evaluatedAs": "creation", "verdict": "Refused", "writersUnknown": false, "code": 403,
        "findings": [{
            "rule": "job-id", "level": "Deny", "path": "metadata.annotations", "key": "JobID",
            "problem": "is set to \"1\", but only interLink may set it",
            "fix": "remove it; to check as another user, pass --as",
            "line": 3, "documentation": result["findings"][0]["documentation"],
        }],
    });
    assert_eq!(result, &expected);
    assert_eq!((&report["version"], &report["problems"]), (&1.into(), &Value::Array(Vec::new())));
    assert_eq!((&report["summary"]["refused"], &report["summary"]["rules"]["job-id"]["deny"]), (&1.into(), &1.into()));
}

/// Returns an object with 20 findings, of which not all fit into the policy's answer.
fn many_templates() -> String {
    let template = |n| format!("  t{n}: {{metadata: {{annotations: {{JobID: '1'}}}}, spec: {{containers: []}}}}\n");
    let templates: String = (0..20).map(template).collect();
    format!("apiVersion: example.org/v1\nkind: Fleet\nmetadata: {{name: f}}\nspec:\n{templates}")
}

#[test]
fn counts_the_findings_that_do_not_fit() {
    let object = many_templates();
    let (code, json, _) = run(&[("f.yaml", &*object)], &["check", "--format", "json", "f.yaml"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    let result = &report["results"][0];
    let shown = result["findings"].as_array().unwrap();
    let omitted = 20 - shown.len();
    assert!(code == 1 && omitted > 0 && shown.iter().all(|finding| finding["rule"] == "job-id"));
    assert_eq!([&result["omittedFindings"], &report["summary"]["omittedFindings"]], [&Value::from(omitted); 2]);
    let (_, table, _) = run(&[("f.yaml", &*object)], &["check", "f.yaml"]);
    assert!(table.contains(&format!("\n  and {omitted} more\n")), "{table}");
    assert!(table.ends_with(&format!(", {omitted} findings left out\n")), "{table}");
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
    for (command, file, code, text) in [
        (
            "check",
            &*forged,
            1,
            "spec.replicatedJobs[0].template.spec.template.metadata.annotations[JobID]: is set to \"1\"",
        ),
        ("check", &*null, 1, "template.metadata.annotations[b]: must be a string, but is null"),
        ("check", &*stored, 1, "JobSet js  f.yaml:1, creation"),
        ("audit", &*stored, 0, "accepted, writers unknown  JobSet js  f.yaml:1, stored"),
        ("audit", &*forged, 2, "is not stored in a cluster"),
        ("check", &jobset("a: b"), 0, "accepted       JobSet js"),
        ("check", other, 0, "not checked    ConfigMap notes"),
    ] {
        let (exit_code, table, errors) = run(&[("f.yaml", file)], &[command, "f.yaml"]);
        assert!(exit_code == code && (table.clone() + &errors).contains(text), "{text}: {table}{errors}");
    }
}

#[test]
fn reads_what_kubectl_reads() {
    let hidden = [("m/..evil.yaml", BAD), ("m/..data/twin.yaml", BAD), ("m/..2026/good.yaml", BAD)];
    let (_, table, _) = run(&hidden, &["check", "m"]);
    assert!(table.contains("3 refused, 0 accepted"), "{table}");
    let merged = format!("{BAD}\"<<\": {{items: []}}\n");
    let (code, _, errors) = run(&[("q.yaml", &merged)], &["check", "q.yaml"]);
    assert_eq!(code, 2);
    assert!(errors.contains("a << in quotes"), "{errors}");
    let (code, _, errors) = run(&[("none.json", r#"{"kind": "List", "items": []}"#)], &["check", "none.json"]);
    assert_eq!((code, errors.as_str()), (0, "note: nothing was checked\n"));
}

#[cfg(unix)]
#[test]
fn reads_the_files_of_a_mounted_config_map_once() {
    let folder = tempfile::tempdir().unwrap();
    let mount = folder.path().join("mount");
    fs::create_dir_all(mount.join("..2026_11_25")).unwrap();
    fs::write(mount.join("..2026_11_25/bad.yaml"), BAD).unwrap();
    std::os::unix::fs::symlink("..2026_11_25", mount.join("..data")).unwrap();
    std::os::unix::fs::symlink("..data/bad.yaml", mount.join("bad.yaml")).unwrap();
    let (_, table, _) = outcome(command(folder.path(), &["check", "mount"]).output().unwrap());
    assert!(table.contains("mount/bad.yaml") && table.contains("1 refused, 0 accepted"), "{table}");
}

#[test]
fn leaves_out_what_gitignore_excludes_in_a_repository() {
    let files = [(".git/HEAD", ""), (".gitignore", "build/\n"), ("build/bad.yaml", BAD), ("bad.yaml", BAD)];
    assert!(run(&files, &["check", "."]).1.contains("1 refused"));
    assert!(run(&files[1..], &["check", "."]).1.contains("2 refused"), "outside of a repository");
}

#[test]
fn explains_why_no_file_is_left() {
    let files = [(".git/HEAD", ""), (".gitignore", "build/*.yaml\n"), ("build/bad.yaml", BAD), ("m/bad.yaml", BAD)];
    for (arguments, error) in [
        (&["m", "--exclude", "*.yaml"][..], "m: has manifests, but --exclude leaves out all of them"),
        (&["build"], "build: has manifests, but .gitignore leaves out all of them; name the files themselves"),
        (
            &["build", "--exclude", "x"],
            "build: has manifests, but .gitignore leaves out all of them; name the files themselves",
        ),
    ] {
        let (code, _, errors) = run(&files, &[&["check"], arguments].concat());
        assert_eq!((code, errors), (2, format!("error: {error}\n")));
    }
    let (code, _, errors) = run(&files, &["check", "m", "--exclude", "a[", "--exclude", "b"]);
    assert_eq!(code, 2);
    assert!(errors.starts_with("error: --exclude: \"a[\" is not a pattern for files: "), "{errors}");
    assert!(!errors.contains('!'), "{errors}");
}

#[cfg(unix)]
#[test]
fn names_a_dangling_link_once() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("m")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("m/link.yaml")).unwrap();
    let (code, _, errors) = outcome(command(folder.path(), &["check", "m"]).output().unwrap());
    assert_eq!((code, errors.as_str()), (2, "error: m/link.yaml: does not exist\n"));
}

#[test]
fn reads_compressed_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(BAD.as_bytes()).unwrap();
    fs::write(folder.path().join("bad.yaml.gz"), encoder.finish().unwrap()).unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(BAD.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    fs::write(folder.path().join("bad.yaml.zst"), zstd).unwrap();
    fs::write(folder.path().join("broken.json.gz"), [0x1F, 0x8B, 8]).unwrap();
    let (code, table, errors) = outcome(command(folder.path(), &["check", "."]).output().unwrap());
    assert!(code == 1 && table.contains("2 refused, 0 accepted, 1 not evaluated"), "{table}");
    assert!(errors.starts_with("error: ./broken.json.gz"), "{errors}");
    for (name, format) in [("plain.yaml.gz", "gzip"), ("plain.yaml.zst", "zstd")] {
        let (code, _, errors) = run(&[(name, BAD)], &["check", name]);
        assert_eq!((code, errors), (2, format!("error: {name}: is not {format}, despite its name\n")));
    }
}

#[test]
fn names_the_encoding_that_it_cannot_read() {
    let utf16: Vec<u8> = BAD.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("bom.yaml", [&[0xFF, 0xFE], &utf16[..]].concat()), ("none.yaml", utf16)] {
        fs::write(folder.path().join(name), text).unwrap();
        let (code, _, errors) = outcome(command(folder.path(), &["check", name]).output().unwrap());
        assert_eq!((code, errors), (2, format!("error: {name}: is UTF-16; save it as UTF-8\n")));
    }
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
    let (code, table, errors) = run(&files, &writer);
    assert_eq!(code, 0);
    assert!(table.starts_with("accepted unchecked (trusted writer)  Pod default/bad"), "{table}");
    assert_eq!(errors, "warning: 1 object was accepted unchecked, because the settings trust the requester\n");
    assert_eq!(run(&files, &[&writer[..], &["--fail-on", "warn"]].concat()), (1, table, errors));
    let member = ["check", "bad.yaml", "--settings", "s.yaml", "--as", "bob", "--as-group", "operators"];
    assert_eq!(run(&files, &member).0, 0);
    assert_eq!(run(&files, &member[..6]).0, 1);
    assert_eq!(run(&files, &["check", "bad.yaml", "--as-group", "operators"]).0, 2);
    assert_eq!(run(&files, &["check", "bad.yaml", "--as", ""]).0, 2, "an empty user name is rejected");
    assert_eq!(run(&files, &["check", "bad.yaml", "--namespace", "Bad_NS"]).0, 2);
}

#[test]
fn takes_settings_from_a_file_or_a_policy() {
    let policy = "apiVersion: policies.kubewarden.io/v1\nkind: ClusterAdmissionPolicy\n\
                  spec: {settings: {rules: {job-id: Warn}}}\n";
    let files = [("bad.yaml", BAD), ("policy.yaml", policy), ("settings.yaml", "rules: {job-id: Ignore}\n")];
    let (code, table, _) = run(&files, &["check", "bad.yaml", "--policy", "policy.yaml"]);
    assert_eq!(code, 0);
    assert!(table.contains("  warn job-id at bad.yaml:3\n"), "{table}");
    let (code, table, _) = run(&files, &["check", "bad.yaml", "--settings", "settings.yaml"]);
    assert_eq!(code, 0);
    assert!(!table.contains("job-id"), "{table}");
}

#[test]
fn notes_once_that_addresses_are_not_compared_with_the_cluster() {
    const NOTE: &str = "note: addresses are not compared with the cluster, although settings.cluster asks for it; only \
                        podIP.cidrs counts\n";
    let pod = |name: &str, address: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, uid: {name}, resourceVersion: '1', annotations: \
             {{interlink.eu/pod-ip: {address}}}}}\n"
        )
    };
    let pods = pod("a", "10.0.0.7") + &pod("b", "10.0.0.8") + &pod("c", "10.1.0.7");
    for (reads, notes) in [
        ("podIPRanges: true", 1),
        ("podIPConflicts: true", 1),
        ("podIPRanges: true, podIPConflicts: true", 1),
        ("podIPRanges: false", 0),
    ] {
        let settings = format!("podIP: {{cidrs: [10.0.0.0/16]}}\ncluster: {{{reads}}}\n");
        let files = [("s.yaml", &*settings), ("pods.yaml", &pods)];
        let (code, table, errors) = run(&files, &["check", "--settings", "s.yaml", "pods.yaml"]);
        assert!(code == 1 && errors.matches(NOTE).count() == notes, "{reads}: {errors}");
        assert!(table.contains("1 refused, 2 accepted") && !table.contains("warn"), "{reads}: {table}");
        let (_, table, errors) = run(&files, &["audit", "--settings", "s.yaml", "pods.yaml"]);
        assert!(errors.matches(NOTE).count() == notes && !table.contains("not compared"), "{reads}: {table}{errors}");
        let (_, _, errors) = run(&files, &["check", "--quiet", "--settings", "s.yaml", "pods.yaml"]);
        assert_eq!(errors, "");
    }
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
    assert!(errors.contains("has no policy; write a manifest of the kind ClusterAdmissionPolicy, "), "{errors}");
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
    assert!(errors.starts_with("error: bad.yaml: is not a WebAssembly module; name a .wasm file"), "{errors}");
    for (module, end) in [
        ("ghcr.io/x/y:v1", "; for a registry, write registry://ghcr.io/x/y:v1\n"),
        ("./none.wasm", "does not exist\n"),
        (
            "registry://interlink/x:v1",
            ": \"interlink\" is not a registry's host; write registry://HOST[:PORT]/REPOSITORY\n",
        ),
    ] {
        let (code, _, errors) = run(&[("bad.yaml", BAD)], &["check", "bad.yaml", "--module", module]);
        assert!(code == 2 && errors.starts_with(&format!("error: {module}: ")) && errors.ends_with(end), "{errors}");
    }
}

#[test]
fn keeps_a_modules_own_output_from_the_report() {
    let files = [("bad.yaml", BAD), ("chatty.wat", include_str!("chatty.wat"))];
    let (code, table, errors) = run(&files, &["check", "bad.yaml", "none.yaml", "--module", "chatty.wat"]);
    assert_eq!(code, 2);
    assert!(table.starts_with("accepted       Pod default/bad  bad.yaml:1, creation\n"), "{table}");
    assert!(errors.starts_with("error: none.yaml: "), "{errors}");
    assert!(!table.contains("FORGED") && !errors.contains("FORGED"), "{table}{errors}");
}

#[test]
fn escapes_control_characters_in_names() {
    let hostile =
        "apiVersion: v1\nkind: \"P\\e[2J\"\nmetadata: {name: \"n\\e[31m\\nfake accepted\", namespace: \"\\u202e\"}\n";
    let (_, table, _) = run(&[("h.yaml", hostile)], &["check", "h.yaml"]);
    assert!(!table.contains('\u{1b}') && !table.contains('\u{202e}'), "{table:?}");
    assert_eq!(table.lines().count(), 3, "{table:?}");
    let (_, json, _) = run(&[("h.yaml", hostile)], &["check", "h.yaml", "--format", "json"]);
    assert!(!json.contains('\u{202e}') && json.contains("\\u202e"), "{json}");
    let (_, _, errors) = run(&[("h\u{1b}.yaml", "a: [")], &["check", "h\u{1b}.yaml"]);
    assert!(!errors.contains('\u{1b}'), "{errors:?}");
}

#[test]
fn breaks_up_commands_of_ci_servers_in_names() {
    let hostile = BAD.replace("name: bad", "name: '##[stop-commands]x', namespace: '##vso[task.complete]'");
    for (file, text) in [("##[error]a.yaml", &*hostile), ("##vso[a].yaml", "a: [")] {
        for format in ["table", "github", "json"] {
            let (_, report, errors) = run(&[(file, text)], &["check", file, "--format", format]);
            assert!(!report.contains("##") && !errors.contains("##"), "{report}{errors}");
        }
    }
}

#[test]
fn keeps_a_key_with_separators_in_one_finding() {
    let forged = "apiVersion: v1\nkind: Pod\nmetadata: {annotations: {\"a; job-id: metadata: nothing\": 7}}\n";
    let (_, json, _) = run(&[("f.yaml", forged)], &["check", "f.yaml", "--format", "json"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["results"][0]["findings"].as_array().unwrap().len(), 1);
}

#[test]
fn names_the_field_of_an_object_that_cannot_be_decoded() {
    let number = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {interlink.eu/pod-vpn: 7}}\n";
    let (code, table, _) = run(&[("n.yaml", number)], &["check", "n.yaml"]);
    assert_eq!(code, 1);
    assert!(table.contains("\n       metadata.annotations[interlink.eu/pod-vpn]: must be a string"), "{table}");
}

#[test]
fn does_not_check_other_kinds() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web, annotations: {JobID: '1'}}\n";
    let (code, table, _) = run(&[("s.yaml", service), ("g.yaml", GOOD), ("b.yaml", "a: [")], &["check", "."]);
    assert_eq!(code, 2);
    assert_eq!(
        table,
        "not checked    Service web  ./s.yaml:1, creation

0 refused, 0 accepted, 1 not checked (no pod template with metadata was found in them, or the policy does not cover \
         their kind or operation), 1 without interLink annotations, 1 not evaluated
"
    );
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
fn audits_a_stored_object_as_the_audit_scanner_does() {
    let [by_vk, by_kubectl, unknown] = [Some("vk"), Some("kubectl-edit"), None].map(stored);
    let files = [("vk.yaml", &*by_vk), ("kubectl.yaml", &*by_kubectl), ("unknown.yaml", &*unknown), ("good.yaml", BAD)];
    let (code, table, errors) = run(&files, &["audit", "vk.yaml"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(table.starts_with("accepted       Pod default/stored  vk.yaml:1, stored\n"), "{table}");
    let (code, table, _) = run(&files, &["audit", "kubectl.yaml"]);
    assert_eq!(code, 1);
    assert!(table.contains("by the field manager \"kubectl-edit\""), "{table}");
    let (code, table, errors) = run(&files, &["audit", "unknown.yaml"]);
    assert_eq!(code, 0);
    assert!(table.starts_with("accepted, writers unknown  Pod default/stored"), "{table}");
    assert!(table.ends_with("0 refused, 1 accepted (1 of them with unknown writers)\n"), "{table}");
    let unknown = "1 object has annotations that interLink writes, but no managedFields that show who wrote them";
    assert!(errors.starts_with(&format!("note: {unknown}")), "{errors}");
    let (code, _, errors) = run(&files, &["audit", "--require-managed-fields", "--quiet", "unknown.yaml"]);
    assert!(code == 1 && errors.starts_with(&format!("error: {unknown}")), "{errors}");
    assert_eq!(run(&files, &["audit", "--quiet", "unknown.yaml"]).2, "");
    let (code, _, errors) = run(&files, &["audit", "good.yaml"]);
    assert!(code == 2 && errors.contains("is not stored in a cluster"), "{errors}");
}

#[test]
fn counts_unknown_writers_of_refused_objects() {
    let refused =
        stored(None).replace("JobID: '1'", "JobID: '1', interlink.eu/pod-vpn: 'no', interlink.eu/mesh-network: x");
    let (code, table, errors) = run(&[("r.yaml", &refused)], &["audit", "r.yaml", "--require-managed-fields"]);
    assert_eq!(code, 1);
    assert!(table.starts_with("refused, writers unknown (422)  Pod default/stored"), "{table}");
    assert!(
        table.ends_with("\n1 refused (1 of them with unknown writers, 1 of them with warnings), 0 accepted\n"),
        "{table}"
    );
    assert!(
        errors.starts_with("error: ")
            && errors.contains("1 object has annotations that interLink writes, but no managedFields"),
        "{errors}"
    );
}

#[test]
fn checks_a_manifest_that_claims_to_be_stored_like_any_other() {
    const ONE: &str = "note: 1 object has a uid and a resourceVersion, but was checked as a new object; to check stored \
                       objects, use interlink-audit audit\n";
    let stored = stored(Some("vk"));
    for (arguments, note) in [
        (&["check", "vk.yaml"][..], ONE),
        (&["check", "vk.yaml", "--as", "alice"], ONE),
        (&["check", "vk.yaml", "--quiet"], ""),
    ] {
        let (code, table, errors) = run(&[("vk.yaml", &stored)], arguments);
        assert_eq!((code, errors.as_str()), (1, note));
        assert!(table.starts_with("refused (403)  Pod default/stored  vk.yaml:1, creation\n"), "{table}");
    }
}

#[test]
fn notes_once_that_stored_objects_are_checked_as_new_ones() {
    let stored = stored(None);
    let files = [("a.yaml", &*stored), ("b.yaml", &stored), ("bad.yaml", BAD)];
    let note = "note: 2 objects have a uid and a resourceVersion, but were checked as new objects; to check stored objects, \
                use interlink-audit audit\n";
    assert_eq!(run(&files, &["check", "a.yaml", "b.yaml", "bad.yaml"]).2, note);
    assert_eq!(run(&files, &["check", "a.yaml", "--old", "b.yaml"]).2, "", "an update of a stored object");
}

#[test]
fn never_trusts_its_own_user() {
    let files = [("bad.yaml", BAD), ("s.yaml", "trustedWriters: [{username: 'interlink-*'}]")];
    let (code, _, errors) = run(&files, &["check", "bad.yaml", "--settings", "s.yaml"]);
    assert_eq!(code, 2);
    assert!(
        errors.contains("trustedWriters matches the user interlink-audit; name another user with --as"),
        "{errors}"
    );
}

#[test]
fn checks_two_versions_as_an_update() {
    let bad_with_label = BAD.replace("name: bad", "name: bad, labels: {a: b}");
    let forged = BAD.replace("name: bad", "name: good");
    let files =
        [("old/good.yaml", GOOD), ("old/bad.yaml", BAD), ("label.yaml", &*bad_with_label), ("f.yaml", &*forged)];
    let (code, table, errors) = run(&files, &["check", "label.yaml", "--old", "old/bad.yaml"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(table.starts_with("accepted ") && table.contains(", update\n"), "{table}");
    let (code, table, errors) = run(&files, &["check", "f.yaml", "--old", "old"]);
    assert_eq!(code, 1);
    assert!(table.starts_with("refused (403) ") && table.contains(", update\n"), "{table}");
    assert_eq!(errors, "note: 1 of 2 objects in --old has no later version in the given files\n");
    let (_, table, errors) = run(&files, &["check", "old", "--old", "old"]);
    assert_eq!(errors, "", "an object without annotations is present too");
    assert!(table.ends_with("\n0 refused, 1 accepted, 1 without interLink annotations\n"), "{table}");
    let removed = BAD.replace(", annotations: {JobID: '1'}", "");
    let (code, table, _) =
        run(&[("bad.yaml", BAD), ("new.yaml", &removed)], &["check", "new.yaml", "--old", "bad.yaml"]);
    assert_eq!(code, 1, "a removed JobID: {table}");
    let (code, table, _) = run(&files, &["check", "label.yaml", "--old", "old/good.yaml"]);
    assert_eq!(code, 1);
    assert!(table.starts_with("refused (403) ") && table.contains(", creation\n"), "{table}");
    let (code, _, errors) = run(&files, &["check", "label.yaml", "--old", "none.yaml"]);
    assert_eq!(code, 2);
    assert_eq!(errors, "error: none.yaml: does not exist, but --old names it\n");
}

#[test]
fn lists_and_explains_rules() {
    let (code, list, _) = run(&[], &["rules"]);
    assert_eq!(code, 0);
    assert!(
        list.starts_with("RULE                    DEFAULT  REFUSES\njob-id                  Deny     JobID, if anyone"),
        "{list}"
    );
    let (_, list, _) = run(&[], &["annotations"]);
    assert!(
        list.lines().nth(1).is_some_and(|row| row.starts_with("JobID  ") && row.contains("  interLink  ")),
        "{list}"
    );
    let (code, text, _) = run(&[], &["explain", "pod-ip"]);
    assert_eq!(code, 0);
    assert!(text.starts_with("# pod-ip\n"), "{text}");
    let (code, _, errors) = run(&[], &["explain", "podip"]);
    assert_eq!((code, errors.as_str()), (2, "error: \"podip\" is not a rule; did you mean pod-ip?\n"));
    assert!(run(&[], &["explain", "duplicate-pod-ip"]).1.starts_with("# duplicate-pod-ip\n\nReports a pod"));
    assert!(run(&[], &["rules"]).1.contains("\nnode-range           a virtual node's podCIDR that overlaps"));
    assert!(run(&[], &["explain"]).1.contains("\n## node-range\n"));
    assert!(run(&[], &["explain", "unreadable"]).1.contains("cannot decode"));
}

#[test]
fn prints_completions_and_man_pages() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, script, _) = run(&[], &["completions", shell]);
        assert!(code == 0 && script.contains("require-managed-fields"), "{shell}: {script}");
    }
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("share/man1");
    let (code, _, errors) = run(&[], &["man", folder.to_str().unwrap()]);
    assert_eq!((code, errors.as_str()), (0, ""));
    let page = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    assert!(page("interlink-audit.1").contains("interlink\\-audit\\-check(1)"));
    assert!(page("interlink-audit-audit.1").contains("require\\-managed\\-fields"));
    let (code, _, errors) = run(&[("file", "")], &["man", "file/man1"]);
    assert!(code == 2 && errors.starts_with("error: file/man1: "), "{errors}");
}
