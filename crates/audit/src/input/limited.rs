//! Reads files as a whole, without trusting their size.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::{InputError, MAX_DOCUMENT};

/// The reason why a file is not read as a whole.
#[derive(Debug, thiserror::Error)]
enum LimitError {
    #[error("is not a regular file")]
    NotRegular,
    #[error("is larger than {}", size(*.0))]
    TooLarge(usize),
}

/// Reads the text of a regular file of at most 8 MiB, such as the configuration.
///
/// # Errors
/// If it cannot be read, is larger, is not UTF-8, or is something else, such as a device or a pipe.
pub fn read_limited(path: &Path) -> io::Result<String> {
    to_text(read_bytes_limited(path, MAX_DOCUMENT)?)
}

/// Reads a regular file of at most this many bytes.
///
/// # Errors
/// If it cannot be read, is larger, or is something else, such as a device or a pipe.
pub fn read_bytes_limited(path: &Path, max_bytes: usize) -> io::Result<Vec<u8>> {
    if !is_regular(path)? {
        return Err(io::Error::other(LimitError::NotRegular));
    }
    read_to_end(File::open(path)?, max_bytes)
}

/// Returns whether a path is a regular file. Others may have no end, and opening a pipe blocks until there is a writer.
pub(super) fn is_regular(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.is_file())
}

/// Reads at most this many bytes; more are an error.
pub(super) fn read_to_end(input: impl Read, max_bytes: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(max_bytes as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > max_bytes { Err(io::Error::other(LimitError::TooLarge(max_bytes))) } else { Ok(bytes) }
}

/// Returns the text that bytes are.
pub(super) fn to_text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, InputError::NotUtf8))
}

fn size(bytes: usize) -> String {
    if bytes.is_multiple_of(1 << 20) { format!("{} MiB", bytes >> 20) } else { format!("{bytes} bytes") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_regular_files_up_to_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let largest = "é".repeat(4 << 20);
        fs::write(&path, &largest).unwrap();
        assert_eq!(read_limited(&path).unwrap(), largest);
        fs::write(&path, largest + "x").unwrap();
        assert_eq!(read_limited(&path).unwrap_err().to_string(), "is larger than 8 MiB");
        fs::write(&path, [0xFF]).unwrap();
        assert_eq!(read_limited(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(read_limited(&path).unwrap_err().to_string(), "is not UTF-8");
        fs::write(&path, "abc").unwrap();
        assert_eq!(read_bytes_limited(&path, 3).unwrap(), b"abc");
        assert_eq!(read_bytes_limited(&path, 2).unwrap_err().to_string(), "is larger than 2 bytes");
        assert_eq!(read_limited(folder.path()).unwrap_err().to_string(), "is not a regular file");
        assert_eq!(read_limited(&folder.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn does_not_open_devices() {
        assert_eq!(read_limited(Path::new("/dev/zero")).unwrap_err().to_string(), "is not a regular file");
    }
}
