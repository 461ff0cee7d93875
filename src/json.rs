//! A reader that borrows: it finds values in JSON text and leaves the others unread.
//!
//! `serde_json` checks all that it skips, at 25 wasm instructions a byte; looking only for the end of what is
//! skipped takes 4. What is skipped is thus not checked beyond its strings and brackets.
//! That is sound here: Kubewarden parses a request and writes it anew before a policy sees it.

mod find;
mod skip;
mod unescape;

use std::borrow::Cow;
use std::fmt;

use crate::text::{clip_bytes, is_same};
pub use find::{Want, Wanted, descend, end_of_path};
use skip::{end_of_container, end_of_string};

/// Why a payload cannot be judged: the place in it, and what is wrong there. It is boxed, since every field that is
/// read hands on a result: with both texts in it, that would cost a tenth more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(Box<Fault>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    place: String,
    problem: String,
}

impl Unreadable {
    /// A problem of the value at hand; those who know where it stands add that with [`Unreadable::inside`].
    pub fn new(problem: impl Into<String>) -> Self {
        Self(Box::new(Fault { place: String::new(), problem: problem.into() }))
    }

    /// The same problem, seen from the value around it, in which `step` (`.field`, `[key]`) leads to it.
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn inside(mut self, step: &str) -> Self {
        self.0.place.insert_str(0, step);
        self
    }

    /// The same problem, seen from the object in which a field holds the value.
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn inside_field(self, name: &[u8]) -> Self {
        self.inside(&format!(".{}", clip_bytes(name)))
    }

    /// The same problem, seen from where a path of fields leads to the value.
    #[must_use]
    pub fn along(self, path: &[&str]) -> Self {
        path.iter().rev().fold(self, |problem, step| problem.inside(&format!(".{step}")))
    }

    /// The same problem, with how to mend it.
    #[must_use]
    pub fn mended(mut self, mend: &str) -> Self {
        self.0.problem = format!("{}; {mend}", self.0.problem);
        self
    }

    #[cold]
    #[inline(never)]
    fn broken(expected: &str) -> Self {
        Self::new(format!("is not valid JSON, {expected} is missing"))
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.0.place.trim_start_matches('.') {
            "" => "payload",
            place => place,
        };
        write!(f, "{place}: {}", self.0.problem)
    }
}

/// The text of one JSON value, without the white space around it; not yet read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a>(&'a [u8]);

impl<'a> Value<'a> {
    /// The text, for a parser of its own.
    pub fn text(self) -> &'a [u8] {
        self.0
    }

    /// A reader that stands before this value.
    pub fn reader(self) -> Reader<'a> {
        Reader { rest: self.0 }
    }

    /// The text of a string, borrowed unless it has escapes.
    ///
    /// # Errors
    /// If this is no string, or one that is broken.
    pub fn to_str(self) -> Result<Cow<'a, str>, Unreadable> {
        match self.0 {
            [b'"', inner @ .., b'"'] if is_plain(inner) => {
                str::from_utf8(inner).map(Cow::Borrowed).map_err(|_| Unreadable::new("is not UTF-8"))
            }
            [b'"', inner @ .., b'"'] => unescaped(inner).map(Cow::Owned),
            _ => Err(self.is_no("a string")),
        }
    }

    pub fn is_string(self) -> bool {
        self.0.starts_with(b"\"")
    }

    pub fn is_null(self) -> bool {
        self.0 == b"null"
    }

    /// Makes sure that this is an object.
    ///
    /// # Errors
    /// If it is none.
    pub fn must_be_object(self) -> Result<(), Unreadable> {
        if self.0.starts_with(b"{") { Ok(()) } else { Err(self.is_no("an object")) }
    }

    /// The error for a value of the wrong type.
    #[cold]
    #[inline(never)]
    pub fn is_no(self, expected: &str) -> Unreadable {
        let found = match self.0.first() {
            Some(b'"') => "a string",
            Some(b'{') => "an object",
            Some(b'[') => "a list",
            Some(b't' | b'f') => "a boolean",
            Some(b'n') => "null",
            _ => "a number",
        };
        Unreadable::new(format!("must be {expected}, but is {found}"))
    }
}

/// The text of a field that may be missing; `step` leads to it.
///
/// # Errors
/// If it is there and no string.
pub fn text<'a>(value: Option<Value<'a>>, step: &str) -> Result<Option<Cow<'a, str>>, Unreadable> {
    value.map(Value::to_str).transpose().map_err(|problem| problem.inside(step))
}

/// Keeps a field's value. JSON readers differ in which of two they take, so a field may stand only once.
///
/// # Errors
/// If there is one already.
pub fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Unreadable> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Unreadable::new("appears twice")),
    }
}

fn unescaped(inner: &[u8]) -> Result<String, Unreadable> {
    unescape::unescape(inner).ok_or_else(|| Unreadable::new("is not a valid JSON string, an escape is wrong"))
}

/// Whether a string's inside stands for itself.
fn is_plain(inner: &[u8]) -> bool {
    // Without a way out early, the compiler looks at many bytes together.
    inner.iter().fold(true, |plain, byte| plain & (*byte != b'\\') & (*byte >= b' '))
}

/// What follows a number, a boolean or null.
fn end_of_scalar(text: &[u8]) -> Option<&[u8]> {
    match text {
        [b't', b'r', b'u', b'e', rest @ ..] | [b'n', b'u', b'l', b'l', rest @ ..] => Some(rest),
        [b'f', b'a', b'l', b's', b'e', rest @ ..] => Some(rest),
        [b'-' | b'0'..=b'9', rest @ ..] => {
            let goes_on = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
            rest.get(rest.iter().take_while(|byte| goes_on(byte)).count()..)
        }
        _ => None,
    }
}

/// Takes the fields of an object: gets each name, without escapes but perhaps not UTF-8, and must read its value.
pub type Visit<'v, 'a> = dyn FnMut(&[u8], &mut Reader<'a>) -> Result<(), Unreadable> + 'v;

/// A place in JSON text. Each call reads one value and stands behind it afterwards.
///
/// Its small steps are inlined always: the compiler would call them, which makes a fifth more instructions of a pod.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    /// Reads the next value as a whole, unseen.
    ///
    /// # Errors
    /// If there is none, or one that does not end.
    pub fn value(&mut self) -> Result<Value<'a>, Unreadable> {
        self.skip_white_space();
        let before = self.rest;
        self.skip()?;
        Ok(self.since(before))
    }

    /// Reads the next value and forgets it.
    #[inline(always)]
    fn skip(&mut self) -> Result<(), Unreadable> {
        self.skip_white_space();
        let behind = match self.rest {
            [b'"', inner @ ..] => end_of_string(inner).map(|(behind, _)| behind),
            // Fields that somebody owns have nothing in them.
            [b'{', b'}', rest @ ..] => Some(rest),
            [b'{' | b'[', ..] => end_of_container(self.rest),
            [] => None,
            _ => Some(end_of_scalar(self.rest).ok_or_else(|| Unreadable::broken("a value"))?),
        };
        self.rest = behind.ok_or_else(|| Unreadable::broken("its end"))?;
        Ok(())
    }

    /// The value that has been read since the text that was left was `before`.
    #[inline(always)]
    fn since(&self, before: &'a [u8]) -> Value<'a> {
        Value(&before[..before.len() - self.rest.len()])
    }

    /// Reads an object whose fields have given names.
    ///
    /// # Errors
    /// If the next value is no object, or one that is broken; and those of `field`, with the field's name.
    pub fn fields(&mut self, field: &mut Visit<'_, 'a>) -> Result<(), Unreadable> {
        self.entries(&mut |name, reader| field(name, reader).map_err(|problem| problem.inside_field(name)))
    }

    /// Reads an object whose keys are the user's.
    ///
    /// # Errors
    /// If the next value is no object, or one that is broken; and those of `entry`.
    pub fn entries(&mut self, entry: &mut Visit<'_, 'a>) -> Result<(), Unreadable> {
        self.each_entry(entry)
    }

    #[inline(always)]
    fn each_entry(
        &mut self,
        mut entry: impl FnMut(&[u8], &mut Self) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        self.items(b'{', b'}', "an object", |reader| {
            if reader.token() != Some(b'"') {
                return Err(Unreadable::broken("a string"));
            }
            let (key, escapes) = reader.string()?;
            if reader.token() != Some(b':') {
                return Err(Unreadable::broken("a colon"));
            }
            let unescaped = if escapes { Some(unescaped(key)?) } else { None };
            entry(unescaped.as_ref().map_or(key, String::as_bytes), reader)
        })
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// Reads an object up to the value of a field, or as a whole if it lacks that. None: it is no object, or broken.
    #[inline(always)]
    pub fn up_to(&mut self, field: &str) -> Option<bool> {
        self.token().filter(|byte| *byte == b'{')?;
        let mut first = true;
        loop {
            match self.token()? {
                b'}' if first => return Some(false),
                b'"' => {}
                _ => return None,
            }
            first = false;
            let (name, _) = self.string().ok()?;
            self.token().filter(|byte| *byte == b':')?;
            if is_same(name, field.as_bytes()) {
                return Some(true);
            }
            self.skip().ok()?;
            match self.token()? {
                b',' => {}
                b'}' => return Some(false),
                _ => return None,
            }
        }
    }

    /// Reads a list. `element` must read one value each time.
    ///
    /// # Errors
    /// If the next value is no list, or one that is broken; and those of `element`, with their index.
    pub fn elements(&mut self, element: &mut dyn FnMut(&mut Self) -> Result<(), Unreadable>) -> Result<(), Unreadable> {
        let mut index = 0_usize;
        self.items(b'[', b']', "a list", |reader| {
            element(reader).map_err(|problem| problem.inside(&format!("[{index}]")))?;
            index += 1;
            Ok(())
        })
    }

    /// Makes sure that nothing but white space is left.
    ///
    /// # Errors
    /// If there is more.
    pub fn end(mut self) -> Result<(), Unreadable> {
        self.skip_white_space();
        match self.rest {
            [] => Ok(()),
            _ => Err(Unreadable::new("is not valid JSON, more text follows its end")),
        }
    }

    /// Reads `open`, items with commas between them, and `close`.
    #[inline(always)]
    fn items(
        &mut self,
        open: u8,
        close: u8,
        expected: &str,
        mut item: impl FnMut(&mut Self) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        let before = self.rest;
        if self.token() != Some(open) {
            self.rest = before;
            return Err(self.value()?.is_no(expected));
        }
        self.skip_white_space();
        if self.rest.first() == Some(&close) {
            self.token();
            return Ok(());
        }
        loop {
            item(self)?;
            match self.token() {
                Some(b',') => {}
                Some(byte) if byte == close => return Ok(()),
                Some(_) => return Err(Unreadable::broken("a comma")),
                None => return Err(Unreadable::broken("its end")),
            }
        }
    }

    /// Reads the next byte that is no white space.
    #[inline(always)]
    fn token(&mut self) -> Option<u8> {
        self.skip_white_space();
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    #[inline(always)]
    fn skip_white_space(&mut self) {
        // Most bytes are above all white space: one comparison instead of four.
        while let Some((byte, rest)) = self.rest.split_first()
            && *byte <= b' '
            && matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
        {
            self.rest = rest;
        }
    }

    /// Reads a string from behind its opening quote: what stands up to the closing one, and whether that has escapes.
    #[inline(always)]
    fn string(&mut self) -> Result<(&'a [u8], bool), Unreadable> {
        let before = self.rest;
        let (behind, escapes) = end_of_string(before).ok_or_else(|| Unreadable::broken("its end"))?;
        self.rest = behind;
        Ok((&before[..before.len() - behind.len() - 1], escapes))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Tree, json};

    use super::*;

    fn read(text: &str) -> Result<Value<'_>, Unreadable> {
        let mut reader = Reader::new(text.as_bytes());
        let value = reader.value()?;
        reader.end().map(|()| value)
    }

    #[test]
    fn a_value_is_found_whatever_stands_around_it() {
        for text in ["{}", "[]", "\"\"", "null", "true", "-1.5e+3", "{\"a\":[{}]}"] {
            let spaced = format!(" \n{text}\t\r");
            assert_eq!(read(&spaced).unwrap().text(), text.as_bytes());
        }
    }

    #[test]
    fn quotes_and_brackets_within_strings_do_not_count() {
        for text in [r#"["\"]"]"#, r#"["\\"]"#, r#"{"}":"{"}"#, r#"["12345678\""]"#, r#"["1234567\\"]"#] {
            assert_eq!(read(text).unwrap().text(), text.as_bytes());
        }
    }

    #[test]
    fn broken_text_is_an_error() {
        for text in ["", " ", "{", "[", "\"", "\"\\", "\"\\\"", "nul", "+", "{}}", "[] []", "[\"]", "}", "]"] {
            assert!(read(text).is_err(), "{text}");
        }
        for text in ["{\"a\" 1}", "{\"a\":1 \"b\":2}", "{a:1}", "{\"a\":1,}", "{\"a\":}", "{,}"] {
            let read = Reader::new(text.as_bytes()).fields(&mut |_, value| value.value().map(drop));
            assert!(read.is_err(), "{text}");
        }
    }

    #[test]
    fn an_error_names_the_place() {
        let text = br#"{"spec":{"list":["a",7]}}"#;
        let error = Reader::new(text)
            .fields(&mut |_, spec| {
                spec.fields(&mut |_, list| list.elements(&mut |item| item.value()?.to_str().map(drop)))
            })
            .unwrap_err();
        assert_eq!(error.to_string(), "spec.list[1]: must be a string, but is a number");
    }

    #[test]
    fn fields_are_picked_by_name() {
        fn pick(text: &str) -> Result<[Option<&[u8]>; 2], String> {
            let picked = Reader::new(text.as_bytes()).pick(["a", "b"]);
            picked.map(|values| values.map(|value| value.map(Value::text))).map_err(|problem| problem.to_string())
        }
        assert_eq!(pick(r#"{"x": [{}], "b": 1, "\u0061": {}}"#), Ok([Some(&b"{}"[..]), Some(b"1")]));
        assert_eq!(pick(r#"{"a": null}"#), Ok([None, None]));
        assert_eq!(pick(r#"{"a": null, "a": 1}"#), Err("a: appears twice".to_owned()));
        assert!(pick("[]").is_err());
    }

    #[test]
    fn nesting_has_no_limit() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(read(&deep).unwrap().text().len(), deep.len());
    }

    fn tree() -> impl Strategy<Value = Tree> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(|b| json!(b)),
            any::<i64>().prop_map(|n| json!(n)),
            any::<i32>().prop_map(|n| json!(f64::from(n) / 8.0)),
            any::<String>().prop_map(|s| json!(s)),
            "[\"\\\\{}\\[\\]a]{0,20}".prop_map(|s| json!(s)),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            let map = prop::collection::btree_map(any::<String>(), inner.clone(), 0..8);
            prop_oneof![
                prop::collection::vec(inner, 0..8).prop_map(|list| json!(list)),
                map.prop_map(|map| json!(map)),
            ]
        })
    }

    /// Reads a value with the reader alone.
    fn rebuild(reader: &mut Reader<'_>) -> Tree {
        reader.skip_white_space();
        match reader.rest[0] {
            b'{' => {
                let mut map = serde_json::Map::new();
                let mut entry = |key: &[u8], reader: &mut Reader<'_>| {
                    map.insert(String::from_utf8(key.to_vec()).unwrap(), rebuild(reader));
                    Ok(())
                };
                reader.entries(&mut entry).unwrap();
                Tree::Object(map)
            }
            b'[' => {
                let mut list = Vec::new();
                let mut element = |reader: &mut Reader<'_>| {
                    list.push(rebuild(reader));
                    Ok(())
                };
                reader.elements(&mut element).unwrap();
                Tree::Array(list)
            }
            b'"' => json!(reader.value().unwrap().to_str().unwrap()),
            _ => serde_json::from_slice(reader.value().unwrap().text()).unwrap(),
        }
    }

    proptest! {
        #[test]
        fn reads_what_serde_json_wrote(tree in tree()) {
            for text in [tree.to_string(), serde_json::to_string_pretty(&tree).unwrap()] {
                prop_assert_eq!(read(&text).unwrap().text(), text.as_bytes());
                prop_assert_eq!(&rebuild(&mut Reader::new(text.as_bytes())), &tree);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in any::<Vec<u8>>()) {
            let _ = Reader::new(&bytes).value();
            let _ = Reader::new(&bytes).fields(&mut |_, value| value.value().map(drop));
        }
    }
}
