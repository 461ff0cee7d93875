//! Walking through JSON text.

use crate::bytes::bytes_eq;
use crate::error::{Context, DecodeError};
use crate::skip::{end_of_container, end_of_string};
use crate::unescape::unescape;
use crate::value::Value;

/// A function that is called with each name of an object and a reader positioned before its value, which it must read.
///
/// Escapes in the name are decoded, but it may not be UTF-8.
pub type Visit<'v, 'a> = dyn FnMut(&[u8], &mut Reader<'a>) -> Result<(), DecodeError> + 'v;

/// A position in JSON text. Each method reads one value and moves past it.
///
/// Its small steps are always inlined: calls would cost a fifth more instructions for a pod.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Creates a reader positioned at the start of the text.
    pub fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    /// Reads the next value as text.
    ///
    /// # Errors
    /// If there is no value, or it does not end.
    pub fn value(&mut self) -> Result<Value<'a>, DecodeError> {
        let start = self.position();
        self.skip()?;
        Ok(self.consumed(start))
    }

    /// Reads the next value with a function that reads one value, and returns its text.
    ///
    /// # Errors
    /// Those of the function.
    pub fn value_with(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<(), DecodeError>,
    ) -> Result<Value<'a>, DecodeError> {
        let start = self.position();
        read(self)?;
        Ok(self.consumed(start))
    }

    /// Returns the first byte of the next value, which determines its type.
    pub fn peek(&mut self) -> Option<u8> {
        self.position().first().copied()
    }

    /// Skips the next value.
    ///
    /// # Errors
    /// If there is no value, or it does not end.
    #[inline(always)]
    pub fn skip(&mut self) -> Result<(), DecodeError> {
        self.skip_white_space();
        let rest = match self.rest {
            [b'"', inner @ ..] => end_of_string(inner).map(|(rest, _)| rest),
            // Every leaf of managedFields is an empty object.
            [b'{', b'}', rest @ ..] => Some(rest),
            [b'{' | b'[', ..] => end_of_container(self.rest),
            [] => None,
            _ => Some(end_of_scalar(self.rest).ok_or_else(|| DecodeError::syntax("a value"))?),
        };
        self.rest = rest.ok_or_else(|| DecodeError::syntax("its end"))?;
        Ok(())
    }

    /// Reads an object whose fields a schema names.
    ///
    /// # Errors
    /// If the next value is not an object or is malformed; and the errors of `field`, with the field's name.
    pub fn fields(&mut self, field: &mut Visit<'_, 'a>) -> Result<(), DecodeError> {
        self.entries(&mut |name, reader| field(name, reader).map_err(|error| error.at_name(name)))
    }

    /// Reads an object whose keys a user chose.
    ///
    /// # Errors
    /// If the next value is not an object or is malformed; and the errors of `entry`, as they are.
    pub fn entries(&mut self, entry: &mut Visit<'_, 'a>) -> Result<(), DecodeError> {
        self.each_entry(entry)
    }

    /// Reads a list. `element` is called before each element and must read it.
    ///
    /// # Errors
    /// If the next value is not a list or is malformed; and the errors of `element`, with the index.
    pub fn elements(
        &mut self,
        element: &mut dyn FnMut(&mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let mut index = 0_usize;
        self.items(b'[', b']', "a list", |reader| {
            element(reader).at_index(index)?;
            index += 1;
            Ok(())
        })
    }

    /// Reads an object up to the value of a field. Returns whether the field is there; if not, the whole object has
    /// been read. `None` means that the next value is not an object, or is malformed. A name with escapes does not
    /// match.
    #[inline(always)]
    pub fn seek_field(&mut self, field: &str) -> Option<bool> {
        self.token().filter(|byte| *byte == b'{')?;
        let mut is_first = true;
        loop {
            match self.token()? {
                b'}' if is_first => return Some(false),
                b'"' => {}
                _ => return None,
            }
            is_first = false;
            let (name, _) = self.string().ok()?;
            self.token().filter(|byte| *byte == b':')?;
            if bytes_eq(name, field.as_bytes()) {
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

    /// Checks that only white space is left.
    ///
    /// # Errors
    /// If there is any other text.
    pub fn end(mut self) -> Result<(), DecodeError> {
        self.skip_white_space();
        match self.rest {
            [] => Ok(()),
            _ => Err(DecodeError::new("is not valid JSON: more text follows its end")),
        }
    }

    /// Returns a second reader at the same position.
    #[inline(always)]
    pub(crate) fn fork(&self) -> Self {
        Self { rest: self.rest }
    }

    /// Moves to the position of a fork.
    #[inline(always)]
    pub(crate) fn advance_to(&mut self, fork: &Self) {
        self.rest = fork.rest;
    }

    /// Moves to the next value, and returns the text from there on.
    #[inline(always)]
    pub fn position(&mut self) -> &'a [u8] {
        self.skip_white_space();
        self.rest
    }

    /// Returns the value that has been read since a position.
    #[inline(always)]
    pub(crate) fn consumed(&self, start: &'a [u8]) -> Value<'a> {
        Value(&start[..start.len() - self.rest.len()])
    }

    /// Returns whether an object begins right here.
    #[inline(always)]
    pub(crate) fn at_object(&self) -> bool {
        self.rest.starts_with(b"{")
    }

    #[inline(always)]
    pub(crate) fn each_entry(
        &mut self,
        mut entry: impl FnMut(&[u8], &mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.items(b'{', b'}', "an object", |reader| {
            if reader.token() != Some(b'"') {
                return Err(DecodeError::syntax("a string"));
            }
            let (key, has_escapes) = reader.string()?;
            if reader.token() != Some(b':') {
                return Err(DecodeError::syntax("a colon"));
            }
            let decoded = if has_escapes { Some(unescape(key)?) } else { None };
            entry(decoded.as_ref().map_or(key, String::as_bytes), reader)
        })
    }

    /// Reads `open`, items separated by commas, and `close`.
    #[inline(always)]
    fn items(
        &mut self,
        open: u8,
        close: u8,
        expected: &str,
        mut item: impl FnMut(&mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let start = self.rest;
        if self.token() != Some(open) {
            self.rest = start;
            return Err(self.value()?.type_error(expected));
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
                Some(_) => return Err(DecodeError::syntax("a comma")),
                None => return Err(DecodeError::syntax("its end")),
            }
        }
    }

    /// Reads the next byte that is not white space.
    #[inline(always)]
    fn token(&mut self) -> Option<u8> {
        self.skip_white_space();
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    #[inline(always)]
    fn skip_white_space(&mut self) {
        // Most bytes are greater than all white space: one comparison in place of four.
        while let Some((byte, rest)) = self.rest.split_first()
            && *byte <= b' '
            && matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
        {
            self.rest = rest;
        }
    }

    /// Reads a string whose opening quote has been read. Returns its inside, and whether that has escapes.
    #[inline(always)]
    fn string(&mut self) -> Result<(&'a [u8], bool), DecodeError> {
        let start = self.rest;
        let (rest, has_escapes) = end_of_string(start).ok_or_else(|| DecodeError::syntax("its end"))?;
        self.rest = rest;
        Ok((&start[..start.len() - rest.len() - 1], has_escapes))
    }
}

impl<'a> Value<'a> {
    /// Returns a reader positioned before this value.
    pub fn reader(self) -> Reader<'a> {
        Reader::new(self.0)
    }
}

/// Returns the text after a number, a boolean or null.
fn end_of_scalar(text: &[u8]) -> Option<&[u8]> {
    match text {
        [b't', b'r', b'u', b'e', rest @ ..]
        | [b'n', b'u', b'l', b'l', rest @ ..]
        | [b'f', b'a', b'l', b's', b'e', rest @ ..] => Some(rest),
        [b'-' | b'0'..=b'9', rest @ ..] => {
            let continues = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
            rest.get(rest.iter().take_while(|byte| continues(byte)).count()..)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Tree, json};

    use super::*;

    fn read(text: &str) -> Result<Value<'_>, DecodeError> {
        let mut reader = Reader::new(text.as_bytes());
        let value = reader.value()?;
        reader.end().map(|()| value)
    }

    #[test]
    fn finds_a_value_between_white_space() {
        for text in ["{}", "[]", "\"\"", "null", "true", "-1.5e+3", "{\"a\":[{}]}"] {
            let spaced = format!(" \n{text}\t\r");
            assert_eq!(read(&spaced).unwrap().text(), text.as_bytes());
        }
    }

    #[test]
    fn ignores_quotes_and_brackets_inside_strings() {
        for text in [r#"["\"]"]"#, r#"["\\"]"#, r#"{"}":"{"}"#, r#"["12345678\""]"#, r#"["1234567\\"]"#] {
            assert_eq!(read(text).unwrap().text(), text.as_bytes());
        }
    }

    #[test]
    fn returns_the_text_of_a_value_that_a_function_reads() {
        let mut reader = Reader::new(br#" [ {"a": 1} , 2 ] true"#);
        assert_eq!(reader.peek(), Some(b'['));
        let mut first = None;
        let list = reader.value_with(|reader| {
            reader.elements(&mut |element| {
                let value = element.value()?;
                first.get_or_insert(value);
                Ok(())
            })
        });
        assert_eq!(list.unwrap().text(), br#"[ {"a": 1} , 2 ]"#);
        assert_eq!(first.unwrap().text(), br#"{"a": 1}"#);
        assert_eq!(reader.peek(), Some(b't'));
        assert_eq!(Reader::new(b" ").peek(), None);
    }

    #[test]
    fn rejects_malformed_text() {
        for text in ["", " ", "{", "[", "\"", "\"\\", "\"\\\"", "nul", "+", "{}}", "[] []", "[\"]", "}", "]"] {
            assert!(read(text).is_err(), "{text}");
        }
        for text in ["{\"a\" 1}", "{\"a\":1 \"b\":2}", "{a:1}", "{\"a\":1,}", "{\"a\":}", "{,}"] {
            let read = Reader::new(text.as_bytes()).fields(&mut |_, value| value.value().map(drop));
            assert!(read.is_err(), "{text}");
        }
    }

    #[test]
    fn reports_the_path_of_an_error() {
        let text = br#"{"spec":{"list":["a",7]}}"#;
        let error = Reader::new(text)
            .fields(&mut |_, spec| {
                spec.fields(&mut |_, list| list.elements(&mut |item| item.value()?.to_str().map(drop)))
            })
            .unwrap_err();
        assert_eq!(error.to_string(), "spec.list[1]: must be a string, but is a number");
    }

    #[test]
    fn skips_any_depth_of_nesting() {
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

    /// Builds the tree that the reader sees.
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
        fn agrees_with_serde_json(tree in tree()) {
            for text in [tree.to_string(), serde_json::to_string_pretty(&tree).unwrap()] {
                prop_assert_eq!(read(&text).unwrap().text(), text.as_bytes());
                prop_assert_eq!(&rebuild(&mut Reader::new(text.as_bytes())), &tree);
            }
        }

        #[test]
        fn never_panics(bytes in any::<Vec<u8>>()) {
            let _ = Reader::new(&bytes).value();
            let _ = Reader::new(&bytes).fields(&mut |_, value| value.value().map(drop));
        }
    }
}
