//! How settings are read: nothing is skipped, nothing is guessed.

use std::borrow::Cow;

use crate::json::{Reader, Unreadable, Visit};
use crate::text::quote;

/// Reads an object in which no field may stand twice.
pub(super) fn object<'a>(reader: &mut Reader<'a>, field: &mut Visit<'_, 'a>) -> Result<(), Unreadable> {
    let mut seen: Vec<Vec<u8>> = Vec::new();
    reader.fields(&mut |name, value| {
        if seen.iter().any(|other| other == name) {
            return Err(Unreadable::new("appears twice; keep one"));
        }
        seen.push(name.to_owned());
        field(name, value)
    })
}

/// Reads a list of settings of one kind.
pub(super) fn list<'a, T>(
    reader: &mut Reader<'a>,
    read: impl Fn(&mut Reader<'a>) -> Result<T, Unreadable>,
) -> Result<Vec<T>, Unreadable> {
    let mut list = Vec::new();
    reader.elements(&mut |element| {
        list.push(read(element)?);
        Ok(())
    })?;
    Ok(list)
}

pub(super) fn string<'a>(reader: &mut Reader<'a>) -> Result<Cow<'a, str>, Unreadable> {
    reader.value()?.to_str()
}

/// Reads one of a few names.
pub(super) fn choice<T: Copy>(reader: &mut Reader<'_>, choices: &[(&str, T)]) -> Result<T, Unreadable> {
    let text = string(reader)?;
    let chosen = choices.iter().find(|(name, _)| *name == text);
    chosen.map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let names = names.join(", ");
        Unreadable::new(format!("is {}; write one of {names}", quote(&text)))
    })
}

pub(super) fn boolean(reader: &mut Reader<'_>) -> Result<bool, Unreadable> {
    let value = reader.value()?;
    match value.text() {
        b"true" => Ok(true),
        b"false" => Ok(false),
        _ => Err(value.is_no("true or false")),
    }
}

/// Reads a whole number of one byte.
pub(super) fn octet(reader: &mut Reader<'_>) -> Result<u8, Unreadable> {
    let value = reader.value()?;
    let number = str::from_utf8(value.text()).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| match value.text().first() {
        Some(b'-' | b'0'..=b'9') => Unreadable::new("is not in range; write a whole number from 0 to 255"),
        _ => value.is_no("a whole number from 0 to 255"),
    })
}

/// The error for a field that is not in the schema.
pub(super) fn unknown(fields: &[&str]) -> Unreadable {
    Unreadable::new(format!("is not a setting; write one of {}", fields.join(", ")))
}
