//! Finds the objects in files, folders and standard input: YAML with several documents, JSON and lists, optionally
//! compressed.
//!
//! A part that cannot be read yields a [`Problem`] instead, and the rest is still read.

mod files;
mod json;
mod limited;
pub(crate) mod list;
mod read_ahead;
mod yaml;
mod zstd;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::document::{Document, Origin, Problem, STANDARD_INPUT};
use read_ahead::ReadAhead;
use zstd::ZstdReader;

pub use files::{Files, InputFile};
pub(crate) use json::{JsonStream, check as check_json};
pub use limited::{read_bytes_limited, read_limited};

/// The maximum depth of maps and lists. The API server's JSON parser and the policy read no more either.
const MAX_DEPTH: usize = 128;

/// The maximum size in bytes of a document, a list's item, or a file that is not a dump. The API server stores no object of
/// more than 3 MiB.
pub(crate) const MAX_DOCUMENT: usize = 8 << 20;

/// The maximum size in bytes of a YAML file, which memory holds as a whole.
const MAX_YAML: usize = 16 << 20;

/// Documents, one by one.
pub type Documents = Box<dyn Iterator<Item = Result<Document, Problem>> + Send>;

#[derive(Debug, thiserror::Error)]
enum InputError {
    #[error("is empty; it must hold a Kubernetes object")]
    Empty,
    #[error("is UTF-16; save it as UTF-8")]
    Utf16,
    #[error("is not UTF-8")]
    NotUtf8,
    #[error("is not {0}, despite its name")]
    NotCompressed(&'static str),
    #[error("is larger than {} MiB; write it as JSON, which is read as a stream", MAX_YAML >> 20)]
    TooLong,
    #[error("makes the input larger than {} MiB", max_bytes >> 20)]
    TooMuch { max_bytes: usize },
    #[error("is not a regular file; use - for standard input")]
    NotRegular,
    #[error("begins with more than {} MiB of white space", MAX_DOCUMENT >> 20)]
    Blank,
}

/// Reads the documents of files, in order; each item of a JSON list is one, but a YAML list as a whole.
pub fn read(files: Files) -> Documents {
    Box::new(files.flat_map(|file| match file.and_then(|file| open_documents(&file)) {
        Ok(documents) => documents,
        Err(problem) => Box::new(std::iter::once(Err(problem))),
    }))
}

/// Reads the documents of a file.
///
/// # Errors
/// If the file cannot be read, or holds nothing.
fn open_documents(file: &InputFile) -> Result<Documents, Problem> {
    let origin = Origin::path(&file.path);
    let input = open(&file.path).map_err(|error| origin.clone().problem(error))?;
    documents(origin, file.is_optional, input, extension(&file.path))
}

/// Reads the objects in regular files and standard input, those of lists one by one.
///
/// # Errors
/// If one of them cannot be read, or if they take more memory than this together.
pub(crate) fn read_all(files: Files, max_bytes: usize) -> Result<Vec<Document>, Problem> {
    let mut found = Vec::new();
    let mut bytes = 0;
    for file in files {
        let file = file?;
        check_is_regular(&file.path).map_err(|error| Origin::path(&file.path).problem(error))?;
        for document in open_documents(&file)? {
            for document in list::flatten(document?) {
                let document = document?;
                bytes += document.text.len() + size_of::<Document>();
                if bytes > max_bytes {
                    return Err(document.origin.problem(InputError::TooMuch { max_bytes }));
                }
                found.push(document);
            }
        }
    }
    Ok(found)
}

/// Checks that a path is a regular file or standard input.
fn check_is_regular(path: &Path) -> io::Result<()> {
    if path == Path::new(STANDARD_INPUT) || limited::is_regular(path)? {
        Ok(())
    } else {
        Err(io::Error::other(InputError::NotRegular))
    }
}

/// Returns the extension of a file's name, without that of a compressed file.
fn extension(file: &Path) -> Option<&str> {
    let name = match last_extension(file) {
        Some("gz" | "zst") => Path::new(file.file_stem()?),
        _ => file,
    };
    last_extension(name)
}

fn last_extension(file: &Path) -> Option<&str> {
    file.extension().and_then(|extension| extension.to_str())
}

/// Reads the documents of a file that is not a dump. A list is one document.
///
/// # Errors
/// If one of them cannot be read.
pub(crate) fn read_document(file: &str) -> Result<Vec<Document>, Problem> {
    let origin = Origin::file(file);
    let text = read_text(Path::new(file)).map_err(|error| origin.clone().problem(error))?;
    let text = text.trim_start_matches('\u{feff}').to_owned();
    if extension(Path::new(file)) == Some("json") || looks_like_json(text.as_bytes()) == Some(true) {
        return Ok(vec![Document { origin: origin.at_line(1), text: text.into_bytes(), is_optional: false }]);
    }
    yaml::documents(origin, false, text).collect()
}

/// Reads the text of a regular file or standard input.
fn read_text(file: &Path) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    check_is_regular(file)?;
    Ok(limited::to_text(limited::read_to_end(open(file)?, MAX_DOCUMENT)?)?)
}

/// Opens a file or standard input, and decompresses it.
fn open(file: &Path) -> Result<Box<dyn Read + Send>, Box<dyn std::error::Error + Send + Sync>> {
    let input: Box<dyn Read + Send> =
        if file == Path::new(STANDARD_INPUT) { Box::new(io::stdin()) } else { Box::new(File::open(file)?) };
    let mut input = BufReader::with_capacity(1 << 16, input);
    Ok(match input.fill_buf()? {
        [0x1F, 0x8B, ..] => Box::new(MultiGzDecoder::new(input)),
        data if zstd::is_zstd(data) => Box::new(ZstdReader::new(input)),
        _ if last_extension(file) == Some("gz") => return Err(InputError::NotCompressed("gzip").into()),
        _ if last_extension(file) == Some("zst") => return Err(InputError::NotCompressed("zstd").into()),
        _ => Box::new(input),
    })
}

/// Reads the documents of a text.
fn documents(
    origin: Origin,
    is_optional: bool,
    mut input: Box<dyn Read + Send>,
    extension: Option<&str>,
) -> Result<Documents, Problem> {
    let mut start = Vec::new();
    let is_json = loop {
        let length = start.len();
        if length > MAX_DOCUMENT {
            return Err(origin.problem(InputError::Blank));
        }
        // At least as much as before, so that no byte is looked at many times.
        if let Err(error) = input.by_ref().take(length.max(1 << 12) as u64).read_to_end(&mut start) {
            return Err(origin.problem(error));
        }
        if start.starts_with(&[0xFF, 0xFE]) || start.starts_with(&[0xFE, 0xFF]) || start.iter().take(2).any(|b| *b == 0)
        {
            return Err(origin.problem(InputError::Utf16));
        }
        if start.starts_with("\u{feff}".as_bytes()) {
            start.drain(..3);
        }
        let is_at_end = start.len() == length;
        match looks_like_json(&start) {
            Some(looks) => break extension == Some("json") || looks && !matches!(extension, Some("yaml" | "yml")),
            None if is_at_end && start.trim_ascii().is_empty() => {
                return if is_optional {
                    Ok(Box::new(std::iter::empty()))
                } else {
                    Err(origin.problem(InputError::Empty))
                };
            }
            None if is_at_end => break extension == Some("json"),
            None => {}
        }
    };
    let mut input = Cursor::new(start).chain(input);
    if is_json {
        let input = ReadAhead::new(Box::new(input));
        return Ok(Box::new(JsonStream::new(origin, is_optional, Box::new(input))));
    }
    let mut text = Vec::new();
    if let Err(error) = input.by_ref().take(MAX_YAML as u64 + 1).read_to_end(&mut text) {
        return Err(origin.problem(error));
    }
    if text.len() > MAX_YAML {
        return Err(origin.problem(InputError::TooLong));
    }
    let text = String::from_utf8(text).map_err(|_| origin.clone().problem(InputError::NotUtf8))?;
    let mut documents = yaml::documents(origin.clone(), is_optional, text).peekable();
    match documents.peek() {
        None if is_optional => Ok(Box::new(std::iter::empty())),
        // A file of comments alone is empty too.
        None => Err(origin.problem(InputError::Empty)),
        Some(_) => Ok(Box::new(documents)),
    }
}

/// Returns whether a text begins like JSON rather than like YAML; `None` if more of it is needed.
fn looks_like_json(text: &[u8]) -> Option<bool> {
    let mut bytes = text.iter().filter(|byte| !byte.is_ascii_whitespace());
    Some(match bytes.next()? {
        b'{' => matches!(bytes.next()?, b'"' | b'}'),
        b'[' => matches!(bytes.next()?, b'{' | b'[' | b']'),
        _ => false,
    })
}
