//! Decoding settings: no field is skipped, and no value is guessed.

use std::borrow::Cow;

use json_scan::{DecodeError, Reader, Value, Visit};

use crate::escape::quote;

/// The length in bytes of the longest domain in a key.
const LONGEST_DOMAIN: usize = 253;

/// The length in bytes of the longest name in a key, after the domain.
const LONGEST_NAME: usize = 63;

/// Decodes an object in which no field may appear twice.
pub(super) fn object<'a>(reader: &mut Reader<'a>, field: &mut Visit<'_, 'a>) -> Result<(), DecodeError> {
    let mut seen: Vec<Vec<u8>> = Vec::new();
    reader.fields(&mut |name, value| {
        if seen.iter().any(|other| other == name) {
            return Err(DecodeError::new("appears twice; keep one"));
        }
        seen.push(name.to_owned());
        field(name, value)
    })
}

/// Decodes a list.
pub(super) fn list<'a, T>(
    reader: &mut Reader<'a>,
    decode: impl Fn(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let value = reader.value()?;
    check_list(value)?;
    let mut list = Vec::new();
    value.reader().elements(&mut |element| {
        list.push(decode(element)?);
        Ok(())
    })?;
    Ok(list)
}

/// Checks that a value is not a single element in place of a list.
fn check_list(value: Value<'_>) -> Result<(), DecodeError> {
    if value.is_string() { Err(value.type_error("a list").hint("put it in a list")) } else { Ok(()) }
}

/// Decodes a string.
pub(super) fn string<'a>(reader: &mut Reader<'a>) -> Result<Cow<'a, str>, DecodeError> {
    reader.value()?.to_str()
}

/// Decodes a string. The error about a value of another type says how to fix it.
pub(super) fn string_or<'a>(reader: &mut Reader<'a>, fix: &str) -> Result<Cow<'a, str>, DecodeError> {
    let value = reader.value()?;
    if value.is_string() { value.to_str() } else { Err(value.type_error("a string").hint(fix)) }
}

/// Decodes the name of one of a few choices.
pub(super) fn choice<T: Copy>(reader: &mut Reader<'_>, choices: &[(&str, T)]) -> Result<T, DecodeError> {
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    let text = string_or(reader, &format!("use {}", names.join(" or ")))?;
    let chosen = choices.iter().find(|(name, _)| *name == text);
    chosen
        .map(|(_, choice)| *choice)
        .ok_or_else(|| DecodeError::new(format!("is {}; use one of {}", quote(&text), names.join(", "))))
}

/// Decodes a boolean.
pub(super) fn boolean(reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
    let value = reader.value()?;
    match value.text() {
        b"true" => Ok(true),
        b"false" => Ok(false),
        _ => Err(value.type_error("true or false")),
    }
}

/// Decodes a whole number of one byte.
pub(super) fn octet(reader: &mut Reader<'_>) -> Result<u8, DecodeError> {
    let value = reader.value()?;
    value.to_number().ok_or_else(|| match value.text().first() {
        Some(b'-' | b'0'..=b'9') => DecodeError::new("is out of range; use a whole number from 0 to 255"),
        _ => value.type_error("a whole number from 0 to 255"),
    })
}

/// Creates the error for a field that the schema does not have.
pub(super) fn unknown_field(fields: &[&str]) -> DecodeError {
    DecodeError::new(format!("is not a setting; use one of {}", fields.join(", ")))
}

/// Returns whether Kubernetes accepts the domain of an annotation's key: a DNS subdomain.
pub(super) fn is_annotation_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !(label.is_empty() || label.starts_with('-') || label.ends_with('-')) && label.bytes().all(is_allowed)
    };
    domain.len() <= LONGEST_DOMAIN && domain.split('.').all(is_label)
}

/// Returns whether Kubernetes accepts a name after the domain of an annotation's key.
pub(super) fn is_annotation_name(name: &str) -> bool {
    let is_end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    name.len() <= LONGEST_NAME
        && is_end(name.bytes().next())
        && is_end(name.bytes().last())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
