//! Filling structs from the fields of objects, in one pass.

use crate::bytes::bytes_eq;
use crate::error::{Context, DecodeError};
use crate::reader::Reader;
use crate::value::{Value, present};

/// A struct that is filled from the fields of an object.
pub trait Record<'a> {
    /// Returns where the value of a field goes, or `None` to skip it.
    fn field(&mut self, name: &[u8]) -> Option<Field<'_, 'a>>;
}

/// Where the value of a field goes.
pub enum Field<'s, 'a> {
    /// The value is kept as text.
    Value(&'s mut Option<Value<'a>>),
    /// The value is kept as text, and if it is an object, its fields go into the record.
    Nested(&'s mut Option<Value<'a>>, &'s mut dyn Record<'a>),
    /// The value is kept in the first place; the value of the path's first field in it, in the next; and so on.
    Path(&'s [&'s str], &'s mut [Option<Value<'a>>]),
}

/// A record for the object in a field, together with the field's actual value.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nested<'a, R> {
    value: Option<Value<'a>>,
    record: R,
}

impl<'a, R: Record<'a>> Nested<'a, R> {
    /// Returns where the value of the field goes.
    pub fn as_field(&mut self) -> Field<'_, 'a> {
        Field::Nested(&mut self.value, &mut self.record)
    }

    /// Returns the record, or `None` if the field is absent or `null`.
    ///
    /// # Errors
    /// If the value is not an object.
    #[inline]
    pub fn get(&self) -> Result<Option<&R>, DecodeError> {
        match present(self.value) {
            Some(value) => value.expect_object().map(|()| Some(&self.record)),
            None => Ok(None),
        }
    }

    /// Returns the value in the field, or `None` if it is absent or `null`.
    pub fn value(&self) -> Option<Value<'a>> {
        present(self.value)
    }
}

/// A path of fields, and the values along it.
pub struct FieldPath<'p, 'a> {
    names: &'p [&'p str],
    /// The value that the path starts from, then one value for each name.
    values: Vec<Option<Value<'a>>>,
}

impl<'p, 'a> FieldPath<'p, 'a> {
    /// Creates a path whose values are not known yet.
    pub fn new(names: &'p [&'p str]) -> Self {
        Self { names, values: vec![None; names.len() + 1] }
    }

    /// Returns the names of the fields.
    pub fn names(&self) -> &'p [&'p str] {
        self.names
    }

    /// Returns where the value goes that the path starts from.
    pub fn as_field(&mut self) -> Field<'_, 'a> {
        Field::Path(self.names, &mut self.values)
    }

    /// Clears all values.
    pub fn clear(&mut self) {
        self.values.fill(None);
    }

    /// Returns the last value that exists along the path, after its start.
    pub fn last(&self) -> Option<Value<'a>> {
        self.values.iter().map_while(|value| present(*value)).skip(1).last()
    }

    /// Returns the value at the end of the path, or `None` if a value along it is absent or `null`.
    ///
    /// # Errors
    /// If a value along the path is not an object.
    pub fn end(&self) -> Result<Option<Value<'a>>, DecodeError> {
        for (index, value) in self.values.iter().enumerate() {
            match present(*value) {
                Some(value) if index == self.names.len() => return Ok(Some(value)),
                Some(value) => value.expect_object().at_path(&self.names[..index])?,
                None => break,
            }
        }
        Ok(None)
    }
}

/// Returns the value at the end of a path of fields, or `None` if a value along it is absent or `null`.
///
/// # Errors
/// If a value along the path is not an object.
pub fn seek_path<'a>(start: Option<Value<'a>>, names: &[&str]) -> Result<Option<Value<'a>>, DecodeError> {
    let mut path = FieldPath::new(names);
    path.values[0] = start;
    if let Some(start) = present(start)
        && !names.is_empty()
    {
        start.reader().record(&mut PathStep { names, values: &mut path.values[1..] })?;
    }
    path.end()
}

/// Returns the values of some fields of an object, `None` for those that are absent or `null`. If the object itself is
/// absent or `null`, so are its fields.
///
/// # Errors
/// If the value is not an object, is malformed, or has a wanted field twice.
pub fn pick<'a, const N: usize>(
    object: Option<Value<'a>>,
    names: [&str; N],
) -> Result<[Option<Value<'a>>; N], DecodeError> {
    present(object).map_or(Ok([None; N]), |object| object.reader().pick(names))
}

/// Visits the elements of a list. A list that is absent or `null` has none. `visit` is called before each element and
/// must read it.
///
/// # Errors
/// If the value is not a list or is malformed; and the errors of `visit`, with the index.
pub fn each<'a>(
    list: Option<Value<'a>>,
    visit: &mut dyn FnMut(&mut Reader<'a>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    present(list).map_or(Ok(()), |list| list.reader().elements(visit))
}

/// The record that follows a path: one field of each object.
struct PathStep<'s, 'a> {
    names: &'s [&'s str],
    values: &'s mut [Option<Value<'a>>],
}

impl<'a> Record<'a> for PathStep<'_, 'a> {
    fn field(&mut self, name: &[u8]) -> Option<Field<'_, 'a>> {
        let (first, rest) = self.names.split_first()?;
        bytes_eq(first.as_bytes(), name).then_some(Field::Path(rest, self.values))
    }
}

/// The values of some fields, in the order of their names.
struct Picked<'p, 'a, const N: usize> {
    names: [&'p str; N],
    values: [Option<Value<'a>>; N],
}

impl<'a, const N: usize> Record<'a> for Picked<'_, 'a, N> {
    fn field(&mut self, name: &[u8]) -> Option<Field<'_, 'a>> {
        let index = self.names.iter().position(|wanted| bytes_eq(wanted.as_bytes(), name))?;
        Some(Field::Value(&mut self.values[index]))
    }
}

impl<'a> Reader<'a> {
    /// Reads an object into a record.
    ///
    /// # Errors
    /// If the next value is not an object, is malformed, or has a wanted field twice.
    pub fn record(&mut self, record: &mut dyn Record<'a>) -> Result<(), DecodeError> {
        // A local reader stays in registers.
        let mut reader = self.fork();
        reader.each_entry(|name, reader| {
            let read = match record.field(name) {
                Some(field) => reader.keep(field),
                None => reader.skip(),
            };
            read.map_err(|error| error.at_name(name))
        })?;
        self.advance_to(&reader);
        Ok(())
    }

    /// Reads the next value and puts it where it goes.
    #[inline(always)]
    fn keep(&mut self, field: Field<'_, 'a>) -> Result<(), DecodeError> {
        let start = self.position();
        let kept = match field {
            Field::Value(kept) => {
                self.skip()?;
                kept
            }
            Field::Nested(kept, record) => {
                self.record_or_skip(record)?;
                kept
            }
            Field::Path(names, values) => {
                let Some((kept, values)) = values.split_first_mut() else {
                    return self.skip();
                };
                self.record_or_skip(&mut PathStep { names, values })?;
                kept
            }
        };
        set_once(kept, self.consumed(start))
    }

    /// Reads an object into a record; skips any other value.
    #[inline(always)]
    fn record_or_skip(&mut self, record: &mut dyn Record<'a>) -> Result<(), DecodeError> {
        if self.at_object() { self.record(record) } else { self.skip() }
    }

    /// Reads an object and returns the values of some fields, `None` for those that are absent or `null`.
    ///
    /// # Errors
    /// As [`Reader::record`].
    pub fn pick<const N: usize>(&mut self, names: [&str; N]) -> Result<[Option<Value<'a>>; N], DecodeError> {
        let mut picked = Picked { names, values: [None; N] };
        self.record(&mut picked)?;
        Ok(picked.values.map(present))
    }
}

/// Keeps the value of a field. A second one is an error, since parsers differ in which of the two they use.
fn set_once<'a>(kept: &mut Option<Value<'a>>, value: Value<'a>) -> Result<(), DecodeError> {
    match kept.replace(value) {
        None => Ok(()),
        Some(_) => Err(DecodeError::new("appears twice")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pick(text: &str) -> Result<[Option<&[u8]>; 2], String> {
        let picked = Reader::new(text.as_bytes()).pick(["a", "b"]);
        picked.map(|values| values.map(|value| value.map(Value::text))).map_err(|error| error.to_string())
    }

    #[test]
    fn picks_fields_by_name() {
        assert_eq!(pick(r#"{"x": [{}], "b": 1, "\u0061": {}}"#), Ok([Some(&b"{}"[..]), Some(b"1")]));
        assert_eq!(pick(r#"{"a": null}"#), Ok([None, None]));
        assert!(pick("[]").is_err());
    }

    #[test]
    fn rejects_a_wanted_field_that_appears_twice() {
        assert_eq!(pick(r#"{"a": null, "a": 1}"#), Err("a: appears twice".to_owned()));
        assert_eq!(pick(r#"{"x": null, "x": 1}"#), Ok([None, None]));
    }

    #[derive(Default)]
    struct Outer<'a> {
        name: Option<Value<'a>>,
        inner: Nested<'a, Inner<'a>>,
    }

    #[derive(Default)]
    struct Inner<'a> {
        id: Option<Value<'a>>,
    }

    impl<'a> Record<'a> for Outer<'a> {
        fn field(&mut self, name: &[u8]) -> Option<Field<'_, 'a>> {
            match name {
                b"name" => Some(Field::Value(&mut self.name)),
                b"inner" => Some(self.inner.as_field()),
                _ => None,
            }
        }
    }

    impl<'a> Record<'a> for Inner<'a> {
        fn field(&mut self, name: &[u8]) -> Option<Field<'_, 'a>> {
            (name == b"id").then_some(Field::Value(&mut self.id))
        }
    }

    fn id(text: &str) -> Result<Option<String>, String> {
        let mut outer = Outer::default();
        Reader::new(text.as_bytes()).record(&mut outer).map_err(|error| error.to_string())?;
        let inner = outer.inner.get().at_field("inner").map_err(|error| error.to_string())?;
        Ok(inner.and_then(|inner| inner.id).map(|id| String::from_utf8_lossy(id.text()).into_owned()))
    }

    #[test]
    fn fills_nested_records() {
        assert_eq!(id(r#"{"id": 1, "inner": {"name": 2, "id": 3}, "name": {"id": 4}}"#), Ok(Some("3".to_owned())));
        assert_eq!(id(r#"{"inner": null}"#), Ok(None));
        assert_eq!(id("{}"), Ok(None));
        assert_eq!(id(r#"{"inner": [7]}"#), Err("inner: must be an object, but is a list".to_owned()));
        assert_eq!(id(r#"{"inner": {"id": 1, "id": 1}}"#), Err("inner.id: appears twice".to_owned()));
    }

    fn at_path(text: &str, names: &[&str]) -> Result<Option<String>, String> {
        let start = Reader::new(text.as_bytes()).value().unwrap();
        let end = seek_path(Some(start), names).map_err(|error| error.to_string())?;
        Ok(end.map(|value| String::from_utf8_lossy(value.text()).into_owned()))
    }

    #[test]
    fn returns_the_last_value_along_a_path() {
        let last = |text: &str| {
            let mut path = FieldPath::new(&["a", "b"]);
            let value = Reader::new(text.as_bytes()).value().unwrap();
            path.values[0] = Some(value);
            value.reader().record(&mut PathStep { names: path.names, values: &mut path.values[1..] }).unwrap();
            path.last().map(|value| String::from_utf8_lossy(value.text()).into_owned())
        };
        assert_eq!(last(r#"{"b": 1}"#), None);
        assert_eq!(last(r#"{"a": {}}"#), Some("{}".to_owned()));
        assert_eq!(last(r#"{"a": {"b": 7}}"#), Some("7".to_owned()));
    }

    #[test]
    fn follows_a_path() {
        assert_eq!(at_path(r#"{"b": 1, "a": {"b": {"c": 7}}}"#, &["a", "b", "c"]), Ok(Some("7".to_owned())));
        assert_eq!(at_path("7", &[]), Ok(Some("7".to_owned())));
        for text in ["{}", r#"{"a": null}"#, r#"{"a": {"c": 7}}"#, r#"{"a": {"b": null}}"#] {
            assert_eq!(at_path(text, &["a", "b"]), Ok(None), "{text}");
        }
        assert_eq!(at_path(r#"{"a": 7}"#, &["a", "b"]), Err("a: must be an object, but is a number".to_owned()));
        assert_eq!(at_path(r#"{"a": {}, "a": {}}"#, &["a", "b"]), Err("a: appears twice".to_owned()));
    }
}
