//! Text from the input, in the form for reports.

use crate::document::{Origin, STANDARD_INPUT};
use crate::outcome::{ExceptedFinding, Finding, Outcome};

/// Returns whether a character is shown as itself, and affects no other character: it is neither a control,
/// bidirectional or zero-width character, nor one that combines with another.
pub(super) fn is_plain(character: char) -> bool {
    matches!(character, '"' | '\'' | '\\') || character.escape_debug().len() == 1
}

/// Escapes the characters that are not shown as themselves, and those that would begin a command to a CI server.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if begins_command(&shown, character) {
            shown.extend(character.escape_unicode());
        } else if is_plain(character) {
            shown.push(character);
        } else {
            shown.extend(character.escape_debug());
        }
    }
    shown
}

/// Returns whether a character would begin a logging command after this text: GitHub's runner reads `##[` anywhere in
/// a line and `::` at its start, that of Azure Pipelines `##vso[` anywhere. Wrapping can move a word to a line's start.
pub(super) fn begins_command(text: &str, character: char) -> bool {
    match character {
        '#' => text.ends_with('#'),
        ':' => text == ":" || text.ends_with(" :"),
        _ => false,
    }
}

/// Returns the path of a file as programs for repositories expect it.
pub(super) fn file(origin: &Origin) -> &str {
    match &*origin.file {
        STANDARD_INPUT => "stdin",
        file => file.trim_start_matches("./"),
    }
}

/// Returns a line that a program can show: that of a finding, if it is known, or else of the document.
pub(super) fn line(origin: &Origin, finding: Option<usize>) -> usize {
    finding.or(origin.line).unwrap_or(1)
}

/// Returns a finding as one line without its rule: the object, what is wrong, and how to fix it.
pub(super) fn message(outcome: &Outcome, finding: &Finding) -> String {
    format!("{}: {}", outcome.object(), advice(finding))
}

/// Returns a finding that does not count as one line without its rule.
pub(super) fn excepted_message(outcome: &Outcome, excepted: &ExceptedFinding) -> String {
    format!("{}: {}; excepted: {}", outcome.object(), excepted.finding.text(), excepted.reason)
}

/// Returns the rule and path of a finding that does not count, and why it does not.
pub(super) fn excepted_line(excepted: &ExceptedFinding) -> String {
    format!("{} {}: {}", excepted.finding.rule(), excepted.finding.full_path(), excepted.reason)
}

/// Returns what is wrong and how to fix it.
pub(super) fn advice(finding: &Finding) -> String {
    let separator = if finding.fix.is_empty() { "" } else { "; fix: " };
    format!("{}{separator}{}", finding.text(), finding.fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_does_not_show_itself() {
        assert_eq!(visible("it's \"é\" \\ 日本"), "it's \"é\" \\ 日本");
        assert_eq!(visible("\u{1b}[2J\r\n\u{202e}\u{200b}\u{ffff}"), r"\u{1b}[2J\r\n\u{202e}\u{200b}\u{ffff}");
    }

    #[test]
    fn breaks_up_the_commands_of_ci_servers() {
        assert_eq!(visible("##[stop-commands]x"), r"#\u{23}[stop-commands]x");
        assert_eq!(visible("a ###vso[task.setvariable]"), r"a #\u{23}#vso[task.setvariable]");
        assert_eq!(visible("::error::x ::error::y"), r":\u{3a}error::x :\u{3a}error::y");
        assert_eq!(visible("fd00::1 # a: b"), "fd00::1 # a: b");
        assert_eq!(visible(&visible("##[x")), visible("##[x"));
    }

    #[test]
    fn names_files_as_a_repository_does() {
        for (name, path) in [("./a/b.yaml", "a/b.yaml"), ("-", "stdin"), ("/a", "/a"), ("../a", "../a")] {
            assert_eq!(file(&Origin::file(name)), path);
        }
    }
}
