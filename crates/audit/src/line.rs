//! The line of an annotation or another field in a document.

use interlink_annotations_policy::response::{ParsedSentence, path_steps, show_name};
use json_scan::{Reader, Value};

use crate::object;

/// How the path in a message about a request that cannot be decoded begins.
pub(crate) const OBJECT: &str = "request.object.";

/// How the path in a message about settings begins.
const SETTINGS: &str = "settings.";

/// Returns the number of line breaks in a document before what a finding is about, or before the last part of its path
/// that exists.
pub(crate) fn lines_before(document: &[u8], finding: &ParsedSentence<'_>) -> usize {
    let Ok(root) = Reader::new(document).value() else {
        return 0;
    };
    let path = [OBJECT, SETTINGS].iter().find_map(|start| finding.path.strip_prefix(start)).unwrap_or(finding.path);
    let mut value = root;
    for step in path_steps(path) {
        match child(value, step) {
            Some(inner) => value = inner,
            None => break,
        }
    }
    value = finding.key.and_then(|key| child(value, key)).unwrap_or(value);
    object::lines_before(document, value)
}

/// Returns the value of a field, a key or an element, as a message shows it.
fn child<'a>(value: Value<'a>, step: &str) -> Option<Value<'a>> {
    let mut found = None;
    let read = object::visit_children(value, &mut |key, child| {
        if show_name(key) == step {
            found.get_or_insert(child);
        }
    });
    read.ok().and(found)
}

#[cfg(test)]
mod tests {
    use interlink_annotations_policy::response::parse;

    use super::*;

    #[test]
    fn finds_an_annotation() {
        let text = "{\"metadata\": {\n\"name\": \"a\",\n\"annotations\": {\n\"x\": \"\",\n\"JobID\": \"1\"}},\n\
                    \"spec\": {\"jobs\": [{},\n {\"template\": {\"metadata\": {\"annotations\": {\n\"a\\u001bb\": \"\"}}}}]}}";
        for (message, line) in [
            ("job-id: metadata.annotations[JobID]: is set", 4),
            ("job-id: metadata.annotations[other]: is set", 2),
            ("pod-vpn: spec.jobs[1].template.metadata.annotations[\"a\\u{1b}b\"]: is set", 7),
            ("request.object.metadata.annotations[x]: must be a string", 3),
            ("pod-vpn: nowhere: is set", 0),
        ] {
            assert_eq!(lines_before(text.as_bytes(), &parse(message)), line, "{message}");
        }
        assert_eq!(lines_before(b"{", &parse("a: b")), 0);
    }
}
