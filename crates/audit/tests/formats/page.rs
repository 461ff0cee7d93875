//! docs/cli.md and docs/ci.md: the flags, and the commands of the examples.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::{list, parse};

const PAGE: &str = include_str!("../../../../docs/cli.md");
const CI: &str = include_str!("../../../../docs/ci.md");

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn help(command: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_interlink-audit")).args([command, "--help"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the lines of a help text from the arguments to the examples, without spaces at their ends.
fn options(help: &str) -> String {
    let from = help.find("Arguments:").unwrap();
    let to = help.find("\nExamples:").unwrap();
    help[from..to].lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_page_has_the_help_of_check() {
    let options = options(&help("check"));
    assert!(PAGE.contains(&format!("```text\n{options}\n```")), "docs/cli.md should have this text:\n{options}");
}

/// Returns the names of the flags in a help text.
fn flags(options: &str) -> BTreeSet<&str> {
    options.split_whitespace().filter(|word| word.starts_with("--")).collect()
}

#[test]
fn the_page_has_the_flags_of_audit() {
    let (check, audit) = (options(&help("check")), options(&help("audit")));
    let (common, _) = check.split_once("\nRequest:\n").unwrap();
    assert!(flags(common).is_subset(&flags(&audit)));
    let (_, own) = PAGE.split_once("`audit` has these").unwrap();
    let (own, _) = own.split_once("\n```\n").unwrap();
    let expected: BTreeSet<_> = flags(&audit).difference(&flags(common)).copied().collect();
    assert_eq!(flags(own), expected);
    let (_, cluster) = audit.split_once("\nCluster:\n").unwrap();
    let (cluster, _) = cluster.split_once("\nPolicy:\n").unwrap();
    assert!(own.contains(cluster.trim_end()), "docs/cli.md should have this text:\n{cluster}");
}

#[test]
fn the_page_names_this_version() {
    assert!(CI.contains(concat!("download v", env!("CARGO_PKG_VERSION"), " ")));
}

/// Returns the commands that may write a report.
fn examples() -> Vec<&'static str> {
    let section = PAGE.split_once("## Formats").unwrap().1;
    let lines =
        section.lines().chain(CI.lines()).map(|line| line.trim_start_matches([' ', '-']).trim_start_matches("run: "));
    lines.filter(|line| line.starts_with("interlink-audit ")).collect()
}

#[test]
fn the_examples_write_reports() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("manifests")).unwrap();
    fs::create_dir(path("deploy")).unwrap();
    let root = Path::new(ROOT);
    fs::copy(root.join("examples/bad/forged-job.yaml"), path("manifests/a.yaml")).unwrap();
    fs::copy(root.join("deploy/protect.yaml"), path("deploy/protect.yaml")).unwrap();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "uid": "5", "resourceVersion": "7",
        "annotations": {"interlink.eu/pod-vpn": "no"}}});
    fs::write(path("cluster.json"), pod.to_string()).unwrap();

    let commands = Path::new(env!("CARGO_BIN_EXE_interlink-audit")).parent().unwrap();
    let search = format!("{}:{}", commands.display(), std::env::var("PATH").unwrap());
    for format in ["json", "sarif", "junit", "github", "gitlab", "policyreport"] {
        let flag = format!("--format {format} ");
        let example =
            examples().into_iter().find(|it| it.contains(&flag)).unwrap_or_else(|| panic!("no example of {format}"));
        let output =
            Command::new("sh").args(["-c", example]).current_dir(folder.path()).env("PATH", &search).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{example}: {output:?}");
        let report = match example.split_once("> ") {
            Some((_, file)) => fs::read_to_string(path(file)).unwrap(),
            None => String::from_utf8(output.stdout).unwrap(),
        };
        match format {
            "github" => assert!(report.starts_with("::error file=manifests/a.yaml,"), "{report}"),
            "junit" => assert!(roxmltree::Document::parse(&report).is_ok(), "{report}"),
            "gitlab" => assert_eq!(list(&parse(&report)).len(), 1),
            _ => assert!(parse(&report).is_object()),
        }
    }
}
