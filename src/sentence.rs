//! A violation as a sentence: `<rule id>: <field path>: <what is wrong>; <how to fix it>`.
//!
//! A sentence that is too long is shortened: first the text from users, then the middle of the problem. Users need the
//! rule, the location and the fix most.

use crate::escape::{self, truncate};
use crate::rule_id::RuleId;
use crate::rules::Violation;

/// The parts of a sentence after the rule's id, in order.
type Parts = [String; 4];
const PLACE: usize = 0;
const KEY: usize = 1;
const PROBLEM: usize = 2;
const FIX: usize = 3;

/// Shortens a text to the number of characters in the second argument, but no part of it below the limit in the third.
type Cut = fn(&str, usize, usize) -> String;

/// The cuts that are made, in order, until a sentence fits: the part, the function, and the limit.
///
/// No known key is longer than 48 characters. The problem is cut before the user's text in the fix, which has names to
/// choose from.
const CUTS: [(usize, Cut, usize); 12] = [
    (PROBLEM, cut_quotes, 48),
    (PROBLEM, cut_quotes, 32),
    (PROBLEM, cut_quotes, 16),
    (PROBLEM, cut_quotes, 8),
    (KEY, cut_key, 48),
    (PROBLEM, cut_words, 24),
    (FIX, cut_quotes, 48),
    (FIX, cut_quotes, 32),
    (FIX, cut_quotes, 16),
    (FIX, cut_quotes, 8),
    (PROBLEM, cut_words, 1),
    (PLACE, cut_fields, 1),
];

/// Writes a violation in at most `max_chars` characters. The fix of a violation about who may write an annotation ends
/// with the hint.
pub(crate) fn sentence(violation: &Violation<'_>, hint: Option<&str>, max_chars: usize) -> String {
    let Violation { rule, location, finding, .. } = violation;
    let hint = hint.filter(|_| rule.about_writers).unwrap_or_default();
    let fix = finding.fix_text().into_owned() + hint;
    let parts = [location.annotations_path(), escape::name(&finding.key), finding.problem.to_string(), fix];
    let [place, key, problem, fix] = fit(parts, max_chars.saturating_sub(rule.id.as_str().len() + ": []: ; ".len()));
    // Only a location or a fix of hundreds of characters is still too long.
    truncate(format!("{}: {place}[{key}]: {problem}; {fix}", rule.id), max_chars)
}

/// Cuts parts until they have at most `max_chars` characters.
fn fit(mut parts: Parts, max_chars: usize) -> Parts {
    for (part, cut, limit) in CUTS {
        let length: usize = parts.iter().map(|part| chars(part)).sum();
        if length <= max_chars {
            break;
        }
        let wanted = chars(&parts[part]).saturating_sub(length - max_chars);
        parts[part] = cut(&parts[part], wanted, limit);
    }
    parts
}

/// The parts of a sentence, parsed from a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParsedSentence<'m> {
    /// The rule's id; `None` if the text is about a request that cannot be decoded.
    pub rule: Option<&'m str>,
    /// The path of the field that holds the annotations, or of another field; empty if there is none.
    pub path: &'m str,
    /// The annotation's key as the text shows it: escaped, and in quotes unless it is plain.
    pub key: Option<&'m str>,
    /// What is wrong.
    pub problem: &'m str,
    /// How to fix it; empty if the text does not say.
    pub fix: &'m str,
}

/// Parses a sentence, or the message about a request that cannot be decoded.
pub fn parse(sentence: &str) -> ParsedSentence<'_> {
    let (rule, rest) = split_rule(sentence).map_or((None, sentence), |(rule, rest)| (Some(rule), rest));
    let (place, rest) = split_at(rest, find(rest, ": ").next()).unwrap_or(("", rest));
    let (path, key) = split_key(place, rule.is_some()).map_or((place, None), |(path, key)| (path, Some(key)));
    let (problem, fix) = split_at(rest, find(rest, "; ").last()).unwrap_or((rest, ""));
    ParsedSentence { rule, path, key, problem, fix }
}

/// Splits the id of a rule from a sentence; `None` if there is none.
pub(crate) fn split_rule(sentence: &str) -> Option<(&str, &str)> {
    sentence.split_once(": ").filter(|(id, _)| RuleId::find(id).is_some())
}

/// Splits the key of an annotation from a location. A violation always has a key.
fn split_key(place: &str, has_rule: bool) -> Option<(&str, &str)> {
    let (path, key) = (place, find(place, "[").last()?);
    let (path, key) = (&path[..key], path[key + 1..].strip_suffix(']')?);
    (has_rule || path.ends_with("annotations")).then_some((path, key))
}

/// Splits a path into its steps: the names of fields and keys, as the text shows them, and the indices of elements.
pub fn path_steps(path: &str) -> Vec<&str> {
    let (mut steps, mut start) = (Vec::new(), 0);
    for (index, _) in unquoted(path).filter(|(_, character)| ['.', '['].contains(character)) {
        steps.push(&path[start..index]);
        start = index + 1;
    }
    steps.push(&path[start..]);
    steps.into_iter().map(|step| step.strip_suffix(']').unwrap_or(step)).collect()
}

/// Returns where a separator is in a text, outside of quotes.
fn find(text: &str, separator: &str) -> impl Iterator<Item = usize> {
    unquoted(text).map(|(index, _)| index).filter(move |index| text[*index..].starts_with(separator))
}

/// Splits a text at a separator of two characters.
fn split_at(text: &str, index: Option<usize>) -> Option<(&str, &str)> {
    index.map(|index| (&text[..index], &text[index + 2..]))
}

/// Returns the characters of a message that are outside of quotes, and the quotes themselves. The text in quotes is
/// escaped.
pub(crate) fn unquoted(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut in_quotes, mut is_escaped) = (false, false);
    text.char_indices().filter(move |(_, character)| match character {
        _ if is_escaped => {
            is_escaped = false;
            false
        }
        '"' => {
            in_quotes = !in_quotes;
            true
        }
        character => {
            is_escaped = *character == '\\';
            !in_quotes
        }
    })
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

/// Cuts each quoted text at `limit` characters.
fn cut_quotes(text: &str, _: usize, limit: usize) -> String {
    let mut shortened = String::new();
    let (mut start, mut in_quotes) = (0, false);
    for (index, _) in unquoted(text).filter(|(_, character)| *character == '"') {
        if in_quotes {
            shortened.push_str(&cut_end(&text[start..index], limit, 1));
            start = index;
        }
        shortened.push_str(&text[start..=index]);
        start = index + 1;
        in_quotes = !in_quotes;
    }
    shortened + &text[start..]
}

/// Cuts the end of escaped text, without splitting an escape.
fn cut_end(text: &str, wanted: usize, limit: usize) -> String {
    let max_chars = wanted.max(limit);
    if chars(text) <= max_chars {
        return text.to_owned();
    }
    // An escape is a backslash with another character, or `\u{…}`.
    let (mut end, mut escape) = (0, "");
    for (index, character) in text.char_indices().take(max_chars) {
        if escape.is_empty() {
            end = index;
        }
        escape = match (escape, character) {
            ("", '\\') => "\\",
            ("\\", 'u') => "\\u",
            ("\\u", character) if character != '}' => "\\u",
            _ => "",
        };
    }
    text[..end].to_owned() + "…"
}

/// Cuts the end of a key, inside its quotes if it has any.
fn cut_key(text: &str, wanted: usize, limit: usize) -> String {
    if text.starts_with('"') { cut_quotes(text, 0, wanted.max(limit) - 2) } else { cut_end(text, wanted, limit) }
}

/// Cuts words in the middle.
fn cut_words(text: &str, wanted: usize, limit: usize) -> String {
    cut_middle(text, ' ', wanted.max(limit))
}

/// Cuts fields in the middle of a path.
fn cut_fields(text: &str, wanted: usize, limit: usize) -> String {
    cut_middle(text, '.', wanted.max(limit))
}

/// Replaces the middle of a text, between two separators, by `…`. Counts bytes, which are at least as many as the
/// characters.
fn cut_middle(text: &str, separator: char, max_chars: usize) -> String {
    if chars(text) <= max_chars {
        return text.to_owned();
    }
    let room = max_chars.saturating_sub(1);
    let (mut head, mut tail) = (0, text.len());
    for (index, _) in unquoted(text).filter(|(_, character)| *character == separator) {
        if index < room / 2 {
            head = index + 1;
        } else if head + text.len() - index <= room {
            tail = index;
            break;
        }
    }
    [&text[..head], "…", &text[tail..]].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::annotations::CATALOGUE;
    use crate::kinds::KINDS;
    use crate::rules;
    use crate::testing::*;

    fn plain(text: &str) -> String {
        unquoted(text).map(|(_, character)| character).collect()
    }

    #[test]
    fn finds_the_text_outside_of_quotes() {
        assert_eq!(plain(r#"a\ "b\"c\\" d "e; \u{202e}""#), r#"a\"" d """#);
    }

    #[test]
    fn cuts_quoted_text_alone() {
        assert_eq!(cut_quotes(r#"is "abcdef", not "abc""#, 0, 4), r#"is "abc…", not "abc""#);
        assert_eq!(cut_quotes("is 12345", 0, 4), "is 12345");
    }

    #[test]
    fn cuts_escapes_whole() {
        let text = r#"a\"b\u{202e}c"#;
        for (max_chars, expected) in
            [(1, "…"), (2, "a…"), (3, "a…"), (4, "a\\\"…"), (5, "a\\\"b…"), (12, "a\\\"b…"), (13, text)]
        {
            assert_eq!(cut_end(text, max_chars, 1), expected, "{max_chars}");
        }
    }

    #[test]
    fn cuts_words_whole() {
        let text = r#"is "a b c", so the pod fails"#;
        assert_eq!(cut_words(text, 28, 1), text);
        assert_eq!(cut_words(text, 27, 1), r#"is "a b c", … the pod fails"#);
        assert_eq!(cut_fields("spec.jobTemplate.spec.template", 20, 1), "spec.….spec.template");
        assert_eq!(cut_words("antidisestablishmentarianism", 10, 1), "…");
    }

    #[test]
    fn no_known_key_is_cut() {
        let limit = CUTS.iter().find(|(part, ..)| *part == KEY).unwrap().2;
        assert!(CATALOGUE.iter().all(|info| chars(info.key) <= limit));
    }

    const MAX_CHARS: usize = 256;

    /// Text that is long, or that is hard to cut.
    fn hostile() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[a-z\"\\\\ ;:,\u{202e}\u{0}\u{e9}]{0,200}",
            "([0-9]{1,6}:[a-z]{0,40}:(tcp|x)?,){0,20}",
            "(10\\.0\\.0\\.[0-9]{1,3}|[0-9]{1,70}[smh]){1,3}",
        ]
    }

    /// Checks the warnings about all annotations with these values, at a location of a kind.
    fn check(kind: &str, on_workload: bool, values: &[String], keys: &[String], names: &[String]) {
        let annotations: Vec<_> =
            CATALOGUE.iter().map(|info| info.key).zip(values.iter().map(String::as_str)).collect();
        let containers: Vec<_> = names.iter().map(|name| serde_json::json!({"name": name})).collect();
        let spec = serde_json::json!({"containers": containers, "initContainers": containers}).to_string();
        let target = builder(kind, &annotations).unknown_keys(keys).spec(&spec);
        let target = if on_workload { target.on_workload() } else { target }.build();
        // The longest ranges that there are.
        let ranges: Vec<_> = (1..9).map(|n| format!("fd00:aaaa:bbbb:cccc:dddd:eeee:ffff:000{n}/128")).collect();
        let json = serde_json::json!({"podIP": {"cidrs": ranges}}).to_string();
        let settings = settings(&json);
        for violation in rules::check(&target, &settings) {
            let full = sentence(&violation, None, usize::MAX);
            let short = sentence(&violation, None, MAX_CHARS);
            assert!(chars(&short) <= MAX_CHARS, "{short}");
            assert!(chars(&full) > MAX_CHARS || short == full, "{full} became {short}");
            let place = format!("{}: {}[", violation.rule.id, violation.location.annotations_path());
            assert!(short.starts_with(&place), "{short}");
            let fix = format!("; {}", violation.finding.fix_text());
            // The names of containers, which the fix may list, are a user's text.
            let ends_with_fix = short.ends_with(&fix) || fix.contains('"') && plain(&short).ends_with(&plain(&fix));
            assert!(ends_with_fix, "{full} became {short}");
            assert!(plain(&short).matches('"').count().is_multiple_of(2), "{full} became {short}");
        }
    }

    proptest! {
        #[test]
        fn fits_and_keeps_the_rule_the_place_and_the_fix(
            kind in select(KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>()),
            on_workload in any::<bool>(),
            values in proptest::collection::vec(hostile(), CATALOGUE.len()),
            keys in proptest::collection::vec(hostile().prop_map(|name| format!("interlink.eu/{name}")), 0..12),
            names in proptest::collection::vec(hostile(), 0..6),
        ) {
            check(kind, on_workload, &values, &keys, &names);
        }
    }
}
