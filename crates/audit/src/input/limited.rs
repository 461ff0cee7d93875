//! Reads small files of text, such as the configuration, without trusting their size.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// The maximum size in bytes.
const MAX_BYTES: u64 = 8 << 20;

/// Reads the text of a regular file of at most 8 MiB.
///
/// # Errors
/// If it cannot be read, is larger, is not UTF-8, or is something else, such as a device or a pipe.
pub fn read_limited(path: &Path) -> io::Result<String> {
    // To open a pipe waits until there is a writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("is not a regular file"));
    }
    let mut text = String::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!("has more than {} MiB", MAX_BYTES >> 20)));
    }
    Ok(text)
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
        assert_eq!(read_limited(&path).unwrap_err().to_string(), "has more than 8 MiB");
        fs::write(&path, [0xFF]).unwrap();
        assert_eq!(read_limited(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(read_limited(folder.path()).unwrap_err().to_string(), "is not a regular file");
        assert_eq!(read_limited(&folder.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn does_not_open_devices() {
        assert_eq!(read_limited(Path::new("/dev/zero")).unwrap_err().to_string(), "is not a regular file");
    }
}
