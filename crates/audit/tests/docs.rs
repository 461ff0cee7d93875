//! Checks the commands and versions on the pages, and the actions in the workflows. `make lint` checks the links.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(ROOT).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the files with this extension in some folders.
fn files(folders: &[&str], extension: &str) -> Vec<PathBuf> {
    let entries = folders.iter().flat_map(|folder| fs::read_dir(Path::new(ROOT).join(folder)).expect("a folder"));
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths.filter(|path| path.extension().is_some_and(|it| it == extension)).collect();
    files.sort();
    assert!(!files.is_empty(), "no {extension} in {folders:?}");
    files
}

fn pages() -> Vec<PathBuf> {
    files(&["", "docs"], "md")
}

/// Returns the text between each pair of marks.
fn between<'t>(text: &'t str, mark: &'t str) -> impl Iterator<Item = &'t str> {
    text.split(mark).skip(1).step_by(2)
}

/// Returns a page without its code blocks.
fn prose(page: &str) -> String {
    page.split("```").step_by(2).collect()
}

/// Returns the commands in a text's code blocks and spans, each on one line.
fn commands(text: &str) -> Vec<String> {
    let blocks = between(text, "```").filter_map(|block| block.split_once('\n')).map(|(_, block)| block);
    let blocks: Vec<_> = blocks.map(|block| block.replace("\\\n", " ").replace("|\n", "| ")).collect();
    let text = prose(text);
    let lines = blocks.iter().flat_map(|block| block.lines()).chain(between(&text, "`"));
    let piped = lines.flat_map(|line| line.split('|'));
    piped.map(|command| command.trim().trim_start_matches("$ ").split(" #").next().unwrap().to_owned()).collect()
}

fn help(command: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_interlink-audit")).args([command, "--help"]).output().unwrap();
    assert!(output.status.success(), "interlink-audit has no command {command}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_flags_of_interlink_audit_exist() {
    let mut found = 0;
    for page in pages() {
        for command in commands(&read(&page)) {
            let mut words = command.split_whitespace();
            if words.next().is_none_or(|word| word.rsplit('/').next() != Some("interlink-audit")) {
                continue;
            }
            let Some(name) = words.next() else { continue };
            let help = help(name);
            for flag in words.filter(|word| word.starts_with("--")) {
                let is_flag = help.split_whitespace().any(|word| word == flag);
                assert!(is_flag, "{}: no {flag} in: {command}", page.display());
                found += 1;
            }
        }
    }
    assert!(found > 0, "no page has a command with flags");
}

#[test]
fn the_targets_of_make_exist() {
    let makefile = read("Makefile");
    let targets: BTreeSet<_> = makefile.lines().filter_map(|line| line.split_once(':')).map(|(it, _)| it).collect();
    let workflows = files(&[".github/workflows"], "yml");
    let mut found = 0;
    for file in pages().into_iter().chain(workflows) {
        let text = read(&file);
        let runs = text.lines().filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("run: "));
        for command in commands(&text).iter().map(String::as_str).chain(runs) {
            let Some(wanted) = command.strip_prefix("make ") else { continue };
            for target in wanted.split_whitespace().take_while(|word| *word != "|").filter(|it| !it.starts_with('-')) {
                assert!(targets.contains(target), "{}: no target {target} in: {command}", file.display());
                found += 1;
            }
        }
    }
    assert!(found > 0, "no page or workflow runs make");
}

/// A release takes its notes from the changelog.
#[test]
fn the_changelog_begins_with_this_version() {
    let changelog = read("CHANGELOG.md");
    let newest = changelog.lines().find(|line| line.starts_with("## ")).unwrap();
    assert!(newest.starts_with(concat!("## [", env!("CARGO_PKG_VERSION"), "] - ")), "{newest}");
}

/// A tag can be moved, a commit cannot.
#[test]
fn actions_are_pinned() {
    for file in files(&[".github/workflows"], "yml") {
        for line in read(&file).lines() {
            let Some(action) = line.trim_start_matches([' ', '-']).strip_prefix("uses: ") else { continue };
            let pinned = |(commit, version): (&str, &str)| {
                commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit()) && version.starts_with('v')
            };
            let is_pinned = action.rsplit_once('@').and_then(|(_, it)| it.split_once(" # ")).is_some_and(pinned);
            assert!(action.starts_with("./") || is_pinned, "{}: {action}", file.display());
        }
    }
}

/// Since version 1.37.2, the names of webhooks begin with `kw.`.
#[test]
fn pages_use_the_present_names_of_webhooks() {
    for page in pages() {
        let text = read(&page);
        for old in ["clusterwide-interlink", "namespaced-"] {
            assert!(!text.contains(old), "{}: {old}", page.display());
        }
    }
}
