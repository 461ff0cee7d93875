//! Paths to values in an object, built while the object is searched.

use std::cell::OnceCell;
use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;

use crate::escape;

/// A path from an object to a value inside it. Each level of the search adds a step to the path of the level above.
#[derive(Debug)]
pub(crate) struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    step: Step<'p>,
    depth: usize,
    /// Computed when it is needed: few paths lead to a template.
    hash: OnceCell<u64>,
}

/// One step from a value to a value inside it.
#[derive(Debug, Clone, Copy)]
enum Step<'p> {
    Field(&'p [u8]),
    Element(usize),
}

/// The maximum number of characters of a path that are shown. A hostile object may have thousands of long paths.
const SHOWN_CHARS: usize = 128;

/// The maximum number of bytes of a name that are read to show it: enough for all characters that are shown.
const SHOWN_BYTES: usize = 512;

impl<'p> Path<'p> {
    /// Adds a field to a path.
    pub(crate) fn field(parent: Option<&'p Path<'p>>, name: &'p [u8]) -> Self {
        Self::new(parent, Step::Field(name))
    }

    /// Adds an element of a list to a path.
    pub(crate) fn element(parent: Option<&'p Path<'p>>, index: usize) -> Self {
        Self::new(parent, Step::Element(index))
    }

    fn new(parent: Option<&'p Path<'p>>, step: Step<'p>) -> Self {
        Self { parent, step, depth: parent.map_or(0, Path::depth) + 1, hash: OnceCell::new() }
    }

    /// Returns the number of steps.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Returns the name of the last field; `None` if the last step leads to an element of a list.
    pub(crate) fn last_field(&self) -> Option<&'p [u8]> {
        match self.step {
            Step::Field(name) => Some(name),
            Step::Element(_) => None,
        }
    }

    /// Returns whether the path consists of these fields.
    pub(crate) fn is(&self, fields: &[&str]) -> bool {
        self.depth == fields.len()
            && self
                .steps()
                .zip(fields.iter().rev())
                .all(|(step, field)| matches!(step, Step::Field(name) if name == field.as_bytes()))
    }

    /// Returns whether any step leads to an element of a list.
    pub(crate) fn is_in_list(&self) -> bool {
        self.steps().any(|step| matches!(step, Step::Element(_)))
    }

    /// Returns the names of the fields up to the first element of a list.
    pub(crate) fn leading_fields(&self) -> Vec<&'p [u8]> {
        let mut fields = Vec::new();
        for step in self.steps() {
            match step {
                Step::Field(name) => fields.push(name),
                // The steps are in reverse order: those before this one in the path follow.
                Step::Element(_) => fields.clear(),
            }
        }
        fields.reverse();
        fields
    }

    /// Returns a JSON pointer.
    pub(crate) fn to_pointer(&self) -> String {
        let steps = self.steps().map(|step| match step {
            Step::Field(name) => String::from_utf8_lossy(name).replace('~', "~0").replace('/', "~1"),
            Step::Element(index) => index.to_string(),
        });
        let steps: Vec<_> = steps.collect();
        steps.iter().rev().fold(String::new(), |pointer, step| pointer + "/" + step)
    }

    /// Returns the path in the form `spec.list[0].template`, without its beginning if it is long.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, SHOWN_CHARS);
        text
    }

    /// Appends the path to a text, without its beginning if it has more than `room` characters.
    fn write(&self, text: &mut String, room: usize) {
        let (separator, step) = match self.step {
            Step::Field(name) => (".", escape::name(&String::from_utf8_lossy(&name[..name.len().min(SHOWN_BYTES)]))),
            Step::Element(index) => ("", ["[", &index.to_string(), "]"].concat()),
        };
        let Some(room) = room.checked_sub(step.chars().count() + 1) else {
            text.push_str("..");
            return;
        };
        if let Some(parent) = self.parent {
            parent.write(text, room);
            text.push_str(separator);
        }
        text.push_str(&step);
    }

    /// Returns the steps, the last one first.
    fn steps(&self) -> impl Iterator<Item = Step<'p>> {
        let start = Some((self.step, self.parent));
        let paths = std::iter::successors(start, |(_, parent)| parent.map(|path| (path.step, path.parent)));
        paths.map(|(step, _)| step)
    }
}

/// Returns a number that is the same for equal paths in two objects.
pub(crate) fn hash(path: Option<&Path<'_>>) -> u64 {
    let Some(path) = path else {
        return 0;
    };
    *path.hash.get_or_init(|| match path.step {
        Step::Field(name) => digest(b'.', hash(path.parent), name),
        Step::Element(index) => digest(b'[', hash(path.parent), &index.to_le_bytes()),
    })
}

/// Returns a number that is the same for equal texts, and that is not the number of any path.
pub(crate) fn hash_text(text: &[u8]) -> u64 {
    digest(b'"', 0, text)
}

// Not inlined: saves 1 KB of wasm over three call sites.
#[inline(never)]
fn digest(tag: u8, parent: u64, text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u8(tag);
    hasher.write_u64(parent);
    hasher.write(text);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_a_path() {
        let spec = Path::field(None, b"spec");
        let list = Path::field(Some(&spec), b"li\nst/~");
        let element = Path::element(Some(&list), 12);
        let template = Path::field(Some(&element), b"template");
        assert_eq!(template.to_text(), r#"spec."li\nst/~"[12].template"#);
        assert_eq!(template.to_pointer(), "/spec/li\nst~1~0/12/template");
        assert_eq!(template.leading_fields(), [&b"spec"[..], b"li\nst/~"]);
        assert_eq!(list.leading_fields(), [&b"spec"[..], b"li\nst/~"]);
        assert!(spec.is(&["spec"]) && !list.is(&["spec"]) && !element.is(&["spec", "x", "y"]));
        assert!(Path::field(Some(&spec), b"template").is(&["spec", "template"]));
        assert_eq!((template.depth(), template.last_field(), element.last_field()), (4, Some(&b"template"[..]), None));
    }

    #[test]
    fn shows_the_end_of_a_long_path() {
        fn deepen(path: &Path<'_>, levels: usize) -> String {
            if levels == 0 { path.to_text() } else { deepen(&Path::field(Some(path), &[b'x'; 100]), levels - 1) }
        }
        let text = deepen(&Path::field(None, b"spec"), 50);
        assert!(text.starts_with("...") && text.ends_with("x…") && text.chars().count() <= SHOWN_CHARS + 2, "{text}");
    }

    #[test]
    fn hashes_equal_paths_alike() {
        let [a, b] = [b"a", b"b"].map(|name| Path::field(None, name));
        let hash = |path: &Path<'_>| super::hash(Some(path));
        assert_eq!(hash(&a), hash(&Path::field(None, b"a")));
        assert_ne!(hash(&a), hash(&b));
        assert_ne!(hash(&Path::element(Some(&a), 0)), hash(&Path::element(Some(&b), 0)));
        assert_ne!(hash(&Path::element(None, 0)), hash(&Path::element(None, 1)));
    }
}
