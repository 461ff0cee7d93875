//! The configuration file, exceptions and baselines.

use std::fs;

use serde_json::Value;

use crate::{BAD, GOOD, command, outcome, run};

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
spec: {module: m, mode: protect, settings: {rules: {pod-vpn: Warn}}}
";

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
    let (code, table, errors) = run(&files, &["check", "m"]);
    assert_eq!((code, errors.as_str()), (1, ""));
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
    assert_eq!((code, errors.as_str()), (0, ""), "{table}");
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
    assert_eq!(
        (code, errors.as_str()),
        (0, "note: an exception matches no finding: rule \"job-id\", kind \"Pod\", name \"ba*\"\n")
    );
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
        ("polcy = 'a'\n".to_owned(), "error: interlink-audit.toml:1: unknown field `polcy`, expected one of `policy`"),
        ("strict = 'a'\n".to_owned(), "interlink-audit.toml:1: invalid type: string \"a\", expected a boolean"),
        ("strict = \n".to_owned(), "interlink-audit.toml:1: "),
        (exception("rule = 'job-id'\nname = 'a'"), "missing field `reason`"),
        (exception("rule = 'job-id'\nname = 'a'\nreason = ' '"), "interlink-audit.toml:2: reason is empty; say why"),
        (exception("rule = 'jobid'\nname = 'a'\nreason = 'b'"), "\"jobid\" is not a rule; interlink-audit rules lists"),
        (exception("rule = 'job-id'\nreason = 'b'"), "names no objects by kind, namespace or name; to turn a rule off"),
        (exception("rule = 'job-id'\nname = '[a'\nreason = 'b'"), "[a"),
    ] {
        assert!(error(&config).contains(says), "{config}: {}", error(&config));
    }
    let (code, _, errors) = run(&[("good.yaml", GOOD)], &["check", "--config", "none.toml", "good.yaml"]);
    assert!(code == 2 && errors.starts_with("error: none.toml: cannot be read: "), "{errors}");
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
