//! Finds what is wanted of an object and of the objects in it, in one go.

use super::{Reader, Unreadable, Value, once};
use crate::text::is_same;

/// What is wanted of an object.
#[derive(Clone, Copy)]
pub enum Wanted<'w> {
    /// The fields of which this says so.
    Fields(&'w dyn Fn(&[u8]) -> Option<Want<'w>>),
    /// What stands at the end of a path of fields, and all on the way: each in the slot behind the one before.
    Path(&'w [&'w str]),
}

/// A value that is wanted of an object.
#[derive(Clone, Copy)]
pub struct Want<'w> {
    /// Where it goes.
    pub slot: usize,
    /// What is wanted of it in turn if it is an object, slots counted from its own.
    pub within: Option<Wanted<'w>>,
}

impl<'w> Wanted<'w> {
    fn of(self, name: &[u8]) -> Option<Want<'w>> {
        match self {
            Self::Fields(of) => of(name),
            Self::Path([first, rest @ ..]) if is_same(first.as_bytes(), name) => {
                let within = if rest.is_empty() { None } else { Some(Self::Path(rest)) };
                Some(Want { slot: 1, within })
            }
            Self::Path(_) => None,
        }
    }
}

/// What stands at the end of a path of fields; none where it ends early.
///
/// # Errors
/// If something on the way is no object.
pub fn descend<'a>(start: Option<Value<'a>>, path: &[&str]) -> Result<Option<Value<'a>>, Unreadable> {
    let mut found = vec![None; path.len() + 1];
    found[0] = start;
    if let Some(start) = start
        && !path.is_empty()
    {
        start.reader().find(Wanted::Path(path), &mut found)?;
    }
    end_of_path(&found, path)
}

/// What stands at the end of a path, once all on the way is found.
///
/// # Errors
/// If something on the way is no object.
pub fn end_of_path<'a>(found: &[Option<Value<'a>>], path: &[&str]) -> Result<Option<Value<'a>>, Unreadable> {
    for (index, value) in found.iter().enumerate() {
        match value.filter(|value| !value.is_null()) {
            Some(value) if index == path.len() => return Ok(Some(value)),
            Some(value) => value.must_be_object().map_err(|problem| problem.along(&path[..index]))?,
            None => break,
        }
    }
    Ok(None)
}

impl<'a> Reader<'a> {
    /// Reads an object of which some fields matter: their values, in the order of their names. What is `null` or not
    /// there is none.
    ///
    /// # Errors
    /// If the next value is no object, one that is broken, or one in which such a field stands twice.
    pub fn pick<const N: usize>(&mut self, names: [&str; N]) -> Result<[Option<Value<'a>>; N], Unreadable> {
        let mut found = [None; N];
        let wanted = |name: &[u8]| {
            let slot = names.iter().position(|wanted| is_same(wanted.as_bytes(), name))?;
            Some(Want { slot, within: None })
        };
        self.find(Wanted::Fields(&wanted), &mut found)?;
        Ok(found.map(|value| value.filter(|value| !value.is_null())))
    }

    /// Reads an object of which some fields matter, and of the objects in them some fields in turn, all in one go. Each
    /// value goes into its slot.
    ///
    /// # Errors
    /// If the next value is no object, or one that is broken; or if such a field stands twice.
    pub fn find(&mut self, wanted: Wanted<'_>, found: &mut [Option<Value<'a>>]) -> Result<(), Unreadable> {
        // A reader of its own stays out of memory.
        let mut reader = Reader { rest: self.rest };
        reader.each_entry(|name, reader| {
            let Some(Want { slot, within }) = wanted.of(name) else {
                return reader.skip().map_err(|problem| problem.inside_field(name));
            };
            reader.skip_white_space();
            let before = reader.rest;
            let found = &mut found[slot..];
            let read = match within {
                Some(wanted) if before.starts_with(b"{") => {
                    let mut inner = Reader { rest: before };
                    let read = inner.find(wanted, found);
                    reader.rest = inner.rest;
                    read
                }
                _ => reader.skip(),
            };
            let kept = read.and_then(|()| once(&mut found[0], reader.since(before)));
            kept.map_err(|problem| problem.inside_field(name))
        })?;
        self.rest = reader.rest;
        Ok(())
    }
}
