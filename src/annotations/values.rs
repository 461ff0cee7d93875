//! How interLink reads the values of annotations.

use crate::compact::contains;

/// Returns the entries of a comma-separated list as interLink reads them: trimmed, without empty ones.
pub(crate) fn list_entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

/// Returns whether a value of `mesh-network` keeps the pod out of the mesh: `disabled` for Go's `strings.EqualFold`,
/// which treats the long s as an s.
pub(crate) fn disables_mesh(value: &str) -> bool {
    let folded = value.trim().chars().map(|letter| if letter == 'ſ' { 's' } else { letter.to_ascii_lowercase() });
    folded.eq("disabled".chars())
}

/// Returns whether a value that interLink inserts into its manifests could add to them: it has a control character such
/// as a line break, or `---`, at which interLink splits manifests wherever it is. White space around the value is safe.
pub(crate) fn could_inject(value: &str) -> bool {
    let is_break = |character: char| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
    value.trim().contains(is_break) || contains(value, "---")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_lists_as_interlink_does() {
        assert_eq!(list_entries(" a ,, b,").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(list_entries(" , ").count(), 0);
    }

    #[test]
    fn detects_text_that_could_add_to_a_manifest() {
        for value in ["x\n---\nkind: Secret", "a #,\nb", "x --- {}", "a\rb", "a\u{2028}b", "a---b"] {
            assert!(could_inject(value), "{value:?}");
        }
        for value in ["", " c2hvcnQ=\n", "a b", "a--b"] {
            assert!(!could_inject(value), "{value:?}");
        }
    }
}
