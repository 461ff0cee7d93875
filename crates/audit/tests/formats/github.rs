//! GitHub's workflow commands, read as its runner reads them.

use std::collections::BTreeMap;

use crate::{HOSTILE_FILE, MIXED, SHOWN, check, check_hostile};

/// A workflow command: its name, properties and message.
type Command = (String, BTreeMap<String, String>, String);

fn command(line: &str) -> Option<Command> {
    let (head, message) = line.strip_prefix("::")?.split_once("::")?;
    let (name, properties) = head.split_once(' ')?;
    let properties = properties.split(',').map(|property| {
        let (name, value) = property.split_once('=').unwrap_or_else(|| panic!("{line}"));
        (name.to_owned(), unescape(&value.replace("%3A", ":").replace("%2C", ",")))
    });
    Some((name.to_owned(), properties.collect(), unescape(message)))
}

fn unescape(text: &str) -> String {
    text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
}

#[test]
fn github_gets_a_command_for_each_finding_and_problem() {
    let report = check(MIXED, "github");
    let (commands, rest): (Vec<_>, Vec<_>) = report.lines().partition(|line| line.starts_with("::"));
    assert_eq!(rest.len(), 1, "the totals: {rest:?}");
    let commands: Vec<_> = commands.into_iter().filter_map(command).collect();
    let found: Vec<_> = commands
        .iter()
        .map(|(name, properties, _)| (&**name, &*properties["file"], &*properties["line"], &*properties["title"]))
        .collect();
    let expected = [
        ("error", "a.yaml", "7", "job-id"),
        ("error", "a.yaml", "8", "pod-ip"),
        ("warning", "a.yaml", "9", "mesh-network"),
        ("warning", "a.yaml", "13", "mesh-network"),
        ("error", "a.yaml", "32", "unreadable"),
        ("error", "a.yaml", "35", "unreadable"),
    ];
    assert_eq!(found, expected);
    assert!(commands[0].2.starts_with("Pod physics/refused: metadata.annotations[JobID]: is set to \"1\""));
}

#[test]
fn hostile_text_gives_github_no_command() {
    let report = check_hostile("github");
    let commands: Vec<_> = report.lines().filter_map(command).collect();
    assert_eq!(commands.len() + 1, report.lines().count(), "{report}");
    let shown = HOSTILE_FILE.replace('\u{1b}', r"\u{1b}").replace("\r\n", r"\r\n").replace('\u{202e}', r"\u{202e}");
    for (name, properties, _) in &commands {
        assert!(["error", "warning"].contains(&&**name));
        assert_eq!(properties.keys().collect::<Vec<_>>(), ["file", "line", "title"]);
        // The file's name has an escape of its own, which the runner must not read.
        assert_eq!(properties["file"], shown);
    }
    assert!(commands.iter().any(|(_, _, message)| message.starts_with(&format!("{SHOWN} {SHOWN}/{SHOWN}: "))));
}
