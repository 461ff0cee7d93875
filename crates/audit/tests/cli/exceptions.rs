//! The configuration file, exceptions and baselines.

use std::fs;

use serde_json::Value;

use crate::{BAD, GOOD, command, many_templates, outcome, run};

const CONFIG: &str = "\
policy = 'policy.yaml'
as = 'jane'
exclude = ['vendor/']
fail-on = 'warn'

[[exceptions]]
rule = 'job-id'
kind = 'Pod'
name = 'ba*'
reason = 'until the migration'
";

const POLICY: &str = "\
apiVersion: policies.kubewarden.io/v1
kind: ClusterAdmissionPolicy
metadata: {name: p}
spec: {module: interlink-annotations, mode: protect, settings: {rules: {pod-vpn: Warn}}}
";

/// The note about the configuration.
const NOTE: &str = "note: interlink-audit.toml sets as, exceptions, exclude, fail-on and policy\n";

const WARNED: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: w, annotations: {interlink.eu/pod-vpn: 'no'}}\n";

#[test]
fn takes_flags_from_the_configuration() {
    let config = CONFIG.split("[[").next().unwrap();
    let files = [
        ("interlink-audit.toml", config),
        ("policy.yaml", POLICY),
        ("m/bad.yaml", BAD),
        ("m/vendor/bad.yaml", BAD),
        ("w.yaml", WARNED),
    ];
    let (code, table, errors) = run(&files, &["check", "-q", "m"]);
    assert_eq!((code, errors.as_str()), (1, "note: interlink-audit.toml sets as, exclude, fail-on and policy\n"));
    assert!(table.contains("jane") && table.ends_with("\n1 refused, 0 accepted\n"), "{table}");
    assert_eq!(run(&files, &["check", "w.yaml"]).0, 1, "fail-on is warn");
    assert_eq!(run(&files, &["check", "--fail-on", "refused", "w.yaml"]).0, 0, "a flag comes first");
    let (code, table, _) = run(&files, &["check", "--no-config", "m"]);
    assert!(code == 1 && table.contains("\n2 refused, 0 accepted\n"), "{table}");
}

#[test]
fn reads_paths_relative_to_the_configuration() {
    let files = [("ci/interlink-audit.toml", CONFIG), ("ci/policy.yaml", POLICY), ("w.yaml", WARNED)];
    let (code, table, _) = run(&files, &["check", "--config", "ci/interlink-audit.toml", "w.yaml"]);
    assert!(code == 1 && table.contains("\n0 refused, 1 accepted (1 of them with warnings)\n"), "{table}");
}

#[test]
fn does_not_count_exceptions() {
    let files = [("interlink-audit.toml", CONFIG), ("policy.yaml", POLICY), ("bad.yaml", BAD), ("good.yaml", GOOD)];
    let (code, table, errors) = run(&files, &["check", "bad.yaml"]);
    assert_eq!((code, errors.as_str()), (0, NOTE), "{table}");
    assert!(table.contains("excepted (403)  Pod default/bad"), "{table}");
    assert!(table.contains("\n  excepted job-id metadata.annotations[JobID]: until the migration\n"), "{table}");
    assert!(table.ends_with("\n0 refused, 0 accepted, 1 excepted\n"), "{table}");
    let (_, json, _) = run(&files, &["check", "--format", "json", "bad.yaml"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    let result = &report["results"][0];
    assert_eq!(
        (&result["verdict"], &result["exceptedFindings"][0]["reason"]),
        (&"Excepted".into(), &"until the migration".into())
    );
    assert_eq!(result["findings"], Value::Array(Vec::new()));
    let (_, sarif, _) = run(&files, &["check", "--format", "sarif", "bad.yaml"]);
    let sarif: Value = serde_json::from_str(&sarif).unwrap();
    let suppression = &sarif["runs"][0]["results"][0]["suppressions"][0];
    assert_eq!(
        (&suppression["kind"], &suppression["justification"]),
        (&"external".into(), &"until the migration".into())
    );
    let (code, _, errors) = run(&files, &["check", "good.yaml"]);
    let unused = "note: an exception matches no finding: rule \"job-id\", kind \"Pod\", name \"ba*\"\n";
    assert_eq!((code, errors), (0, format!("{NOTE}{unused}")));
}

#[test]
fn counts_an_object_with_another_finding() {
    let both = BAD.replace("JobID: '1'", "JobID: '1', interlink.eu/pod-ip: x");
    let files = [("interlink-audit.toml", CONFIG), ("policy.yaml", POLICY), ("bad.yaml", &both)];
    let (code, table, _) = run(&files, &["check", "bad.yaml"]);
    assert!(code == 1 && table.contains("deny pod-ip") && table.contains("excepted job-id"), "{table}");
}

#[test]
fn names_what_is_wrong_with_a_configuration() {
    let error = |config: &str| {
        let (code, _, errors) = run(&[("interlink-audit.toml", config), ("good.yaml", GOOD)], &["check", "good.yaml"]);
        assert_eq!(code, 2, "{config}: {errors}");
        errors
    };
    let exception = |fields: &str| format!("strict = true\n[[exceptions]]\n{fields}\n");
    for (config, says) in [
        ("polcy = 'a'\n".to_owned(), "error: interlink-audit.toml:1: polcy: is not a field; did you mean policy?\n"),
        ("xyz = 'a'\n".to_owned(), "toml:1: xyz: is not a field; use one of policy, policy-name, settings, exclude"),
        ("strict = 'a'\n".to_owned(), "toml:1: strict: must be a boolean, but is the string \"a\"\n"),
        ("exclude = 7\n".to_owned(), "toml:1: exclude: must be a list, but is the integer 7\n"),
        ("fail-on = 'warning'\n".to_owned(), "toml:1: fail-on: is \"warning\"; did you mean warn?\n"),
        ("fail-on = 7\n".to_owned(), "toml:1: fail-on: must be a string\n"),
        ("as = 1.5\n".to_owned(), "toml:1: as: must be a string, but is the floating-point number 1.5\n"),
        ("exceptions = [7]\n".to_owned(), "toml:1: exceptions: must be a table, but is the integer 7\n"),
        (
            "[[exception]]\nrule = 'job-id'\n".to_owned(),
            "toml:1: exception: is not a field; did you mean exceptions?\n",
        ),
        ("policy = ''\n".to_owned(), "policy in interlink-audit.toml: is empty; name a file\n"),
        ("[policy]\na = 1\n".to_owned(), "toml:1: policy: must be a string, but is a table\n"),
        ("as = 'system:serviceaccount:ci'\n".to_owned(), "interlink-audit.toml:1: as: is not the name of a service"),
        ("strict = \n".to_owned(), "interlink-audit.toml:1: "),
        (exception("rule = 'job-id'\nname = 'a'"), "toml:2: exceptions: has no field reason\n"),
        (exception("rule = 'job-id'\nname = 'a'\nreason = ' '"), "interlink-audit.toml:5: reason: is empty; say why"),
        (
            exception("rule = 'jobid'\nname = 'a'\nreason = 'b'"),
            "toml:3: rule: \"jobid\" is not a rule; did you mean job-id?",
        ),
        (
            exception("rule = 'job-id'\nreason = 'b'"),
            "toml:2: exceptions: the exception for the rule job-id names no objects by kind, namespace or name; to turn",
        ),
        (
            exception("rule = 'xyz'\nname = 'a'\nreason = 'b'"),
            "toml:3: rule: \"xyz\" is not a rule; run `interlink-audit rules` to list them\n",
        ),
        (exception("rule = 'job-id'\nname = 'a'\nreson = 'b'"), "toml:5: reson: is not a field"),
        (exception("rule = 'job-id'\nname = 'a'\nreson = 'b'"), "; did you mean reason?\n"),
        ("[exceptions]\nrule = 'job-id'\n".to_owned(), "; write [[exceptions]]\n"),
        ("namespace = 'Bad NS'\n".to_owned(), "toml:1: namespace: is \"Bad NS\", but a namespace's name has lower"),
        ("as = ''\n".to_owned(), "toml:1: as: is empty; name a user\n"),
        ("policy = 'a'\nsettings = 'b'\n".to_owned(), "toml: sets both policy and settings; remove one of them\n"),
        ("policy = 'none'\n".to_owned(), "error: none: does not exist, but policy in interlink-audit.toml names it\n"),
    ] {
        assert!(error(&config).contains(says), "{config}: {}", error(&config));
    }
    let (code, _, errors) = run(&[("good.yaml", GOOD)], &["check", "--config", "none.toml", "good.yaml"]);
    assert!(code == 2 && errors.starts_with("error: none.toml: does not exist"), "{errors}");
}

#[test]
fn writes_a_baseline_and_counts_only_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let run = |arguments: &[&str]| outcome(command(folder.path(), arguments).output().unwrap());
    write("bad.yaml", BAD);
    let (code, _, errors) = run(&["check", "--write-baseline", "base.json", "."]);
    assert_eq!((code, errors.as_str()), (0, "note: wrote 1 finding to base.json\n"));
    let (code, table, _) = run(&["check", "--baseline", "base.json", "."]);
    assert!(code == 0 && table.contains("excepted job-id metadata.annotations[JobID]: in the baseline"), "{table}");
    write("bad.yaml", &BAD.replace("JobID: '1'", "JobID: '2', interlink.eu/pod-vpn: 'no'"));
    let (code, table, _) = run(&["check", "--baseline", "base.json", "."]);
    assert!(code == 1 && table.contains("deny pod-vpn") && !table.contains("deny job-id"), "{table}");
    for (text, says) in [("{", "is not a baseline: "), ("{\"version\": 2, \"findings\": []}", "is of version 2")] {
        write("base.txt", text);
        let (code, _, errors) = run(&["check", "--baseline", "base.txt", "bad.yaml"]);
        assert!(code == 2 && errors.starts_with("error: base.txt: ") && errors.contains(says), "{errors}");
    }
    let (code, _, errors) = run(&["check", "--baseline", "none.json", "bad.yaml"]);
    assert!(code == 2 && errors.starts_with("error: none.json: cannot be read: "), "{errors}");
}

#[test]
fn a_baseline_ignores_the_configured_one_when_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("interlink-audit.toml", "baseline = 'b.json'\n");
    write("bad.yaml", BAD);
    for _ in 0..2 {
        let written = command(folder.path(), &["check", "--write-baseline", "b.json", "bad.yaml"]).output().unwrap();
        let (code, _, errors) = outcome(written);
        let notes = "note: interlink-audit.toml sets baseline\nnote: wrote 1 finding to b.json\n";
        assert_eq!((code, errors.as_str()), (0, notes));
    }
}

#[test]
fn warns_that_a_baseline_lacks_what_the_answer_leaves_out() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("many.yaml"), many_templates()).unwrap();
    let run = |arguments: &[&str]| outcome(command(folder.path(), arguments).output().unwrap());
    let (code, _, errors) = run(&["check", "-q", "--write-baseline", "b.json", "many.yaml"]);
    assert_eq!(code, 0);
    assert!(
        errors.contains("warning: b.json: lacks ") && errors.contains(" findings of Fleet f, which are left out"),
        "{errors}"
    );
    for (format, expected) in [
        ("table", "refused (403)  Fleet f"),
        ("github", "::error file=many.yaml,line=1,title=omitted::Fleet f: has "),
        ("gitlab", "\"check_name\": \"omitted\""),
        ("junit", "<failure type=\"omitted\" message=\"refused\">\nomitted at many.yaml:1: has "),
        ("policyreport", "\"fail\": 1"),
        ("sarif", "\"ruleId\": \"omitted\""),
    ] {
        let (code, report, _) = run(&["check", "-q", "--baseline", "b.json", "--format", format, "many.yaml"]);
        assert!(code == 1 && report.contains(expected), "{format}: {report}");
    }
}

#[test]
fn every_format_shows_exceptions_and_their_reasons() {
    let config = "[[exceptions]]\nrule = 'job-id'\nname = '*'\nreason = 'a \\u202e test'\n".replace('\'', "\"");
    let files = [("interlink-audit.toml", &*config), ("bad.yaml", BAD)];
    for (format, expected) in [
        ("table", &["excepted job-id metadata.annotations[JobID]: "][..]),
        ("github", &["::notice file=bad.yaml,line=3,title=job-id::Pod default/bad: ", "; excepted: "]),
        ("gitlab", &["\"check_name\": \"job-id\"", "\"severity\": \"info\""]),
        ("junit", &["<skipped message=\"excepted: job-id metadata.annotations[JobID]: "]),
        ("policyreport", &["\"rule\": \"job-id\"", "\"skip\": 1"]),
        ("sarif", &["\"ruleId\": \"job-id\""]),
        ("json", &["\"rule\": \"job-id\""]),
    ] {
        let (code, report, _) = run(&files, &["check", "--format", format, "bad.yaml"]);
        assert!(code == 0 && expected.iter().all(|text| report.contains(text)), "{format}: {report}");
        assert!(report.contains(" test") && !report.contains('\u{202e}'), "{format}: {report}");
    }
    let refused = BAD.replace("JobID: '1'", "JobID: '1', interlink.eu/pod-ip: x");
    let files = [files[0], ("bad.yaml", &*refused)];
    let (_, report, _) = run(&files, &["check", "--format", "junit", "bad.yaml"]);
    assert!(report.contains("<system-out>excepted: job-id "), "{report}");
}

#[test]
fn prints_few_notes_about_many_exceptions() {
    let config = "[[exceptions]]\nrule = 'job-id'\nname = 'x'\nreason = 'b'\n".repeat(8);
    let (_, _, errors) = run(&[("interlink-audit.toml", &config), ("good.yaml", GOOD)], &["check", "good.yaml"]);
    assert_eq!(errors.matches("note: an exception matches no finding").count(), 5, "{errors}");
    assert!(errors.ends_with("\nnote: 3 more exceptions match no finding\n"), "{errors}");
    let config = "[[exceptions]]\nrule = 'job-id'\nname = 'x'\nreason = 'b'\n".repeat(6);
    let (_, _, errors) = run(&[("interlink-audit.toml", &config), ("good.yaml", GOOD)], &["check", "good.yaml"]);
    assert!(errors.ends_with("\nnote: 1 more exception matches no finding\n"), "{errors}");
}

#[test]
fn a_flag_replaces_a_field() {
    let settings = "trustedWriters: [{group: operators}]\n";
    let config = "settings = 's.yaml'\nas = 'jane'\nas-group = ['operators']\nexclude = ['bad.yaml']\n";
    let files = [("interlink-audit.toml", config), ("s.yaml", settings), ("m/bad.yaml", BAD), ("m/good.yaml", GOOD)];
    assert_eq!(run(&files, &["check", "m/bad.yaml"]).0, 0, "jane is an operator");
    assert_eq!(run(&files, &["check", "m/bad.yaml", "--as", "bob"]).0, 1, "bob is none");
    assert_eq!(run(&files, &["check", "m/bad.yaml", "--as-group", "others"]).0, 1);
    let (_, table, _) = run(&files, &["check", "m", "--exclude", "good.yaml", "--as", "bob"]);
    assert!(table.ends_with("\n1 refused, 0 accepted\n"), "{table}");
}

#[test]
fn flags_may_belong_to_fields() {
    let two = format!("{}---\n{POLICY}", POLICY.replace("name: p", "name: other").replace("pod-vpn", "job-id"));
    let config = "policy = 'policy.yaml'\nas = 'jane'\n";
    let files = [("interlink-audit.toml", config), ("policy.yaml", &two), ("bad.yaml", BAD)];
    assert_eq!(run(&files, &["check", "bad.yaml", "--policy-name", "other", "--as-group", "g"]).0, 0);
    for flag in [["--policy-name", "other"], ["--as-group", "g"]] {
        let (code, _, errors) = run(&files, &["check", "--no-config", "bad.yaml", flag[0], flag[1]]);
        assert!(code == 2 && errors.starts_with(&format!("error: {}: needs --", flag[0])), "{errors}");
    }
}

#[test]
fn says_why_the_exit_code_is_1_if_only_refusals_are_shown() {
    let arguments = ["check", "w.yaml", "--fail-on", "warn", "--only-refused"];
    let warned = WARNED.replace("interlink.eu/pod-vpn: 'no'", "interlink.eu/mesh-network: 'off'");
    let (code, _, errors) = run(&[("w.yaml", &warned)], &arguments);
    assert_eq!(
        (code, errors.as_str()),
        (1, "note: the exit code is 1 because of warnings, which --only-refused hides\n")
    );
}

#[cfg(unix)]
#[test]
fn reads_only_regular_files_as_a_configuration_or_a_baseline() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("good.yaml"), GOOD).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("zero")).unwrap();
    for flag in ["--config", "--baseline"] {
        let (code, _, errors) =
            outcome(command(folder.path(), &["check", flag, "zero", "good.yaml"]).output().unwrap());
        assert!(code == 2 && errors.starts_with("error: zero: "), "{errors}");
        assert!(errors.contains("is not a regular file"), "{errors}");
    }
}
