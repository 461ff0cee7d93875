//! Searches the bytes of a file for interLink's names, on all cores.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::thread;
use std::time::Instant;

use memchr::memmem::Finder;

use crate::command::Usage;

/// The text that every mention of interLink in a dump contains.
const NAMES: [&str; 2] = ["interlink", "JobID"];

/// The number of bytes that a thread reads at a time: few enough to stay in its core's cache.
const BUFFER: usize = 256 << 10;

/// Searches a file, divided among all cores.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn run(path: &str) -> io::Result<Usage> {
    let start = Instant::now();
    let threads = thread::available_parallelism()?.get() as u64;
    let length = File::open(path)?.metadata()?.len();
    let part = length.div_ceil(threads);
    let found = thread::scope(|scope| {
        let parts: Vec<_> = (0..threads).map(|number| scope.spawn(move || search(path, number * part, part))).collect();
        parts.into_iter().map(|part| part.join().expect("a search does not panic")).sum::<io::Result<usize>>()
    })?;
    let time = start.elapsed();
    if found == 0 {
        return Err(io::Error::other(format!("{path} does not mention interLink")));
    }
    Ok(Usage { time, memory: None })
}

/// Counts the names in a part of a file.
fn search(path: &str, start: u64, length: u64) -> io::Result<usize> {
    let finders = NAMES.map(Finder::new);
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut file = file.take(length);
    let mut buffer = vec![0; BUFFER];
    let mut found = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(found);
        }
        found += finders.iter().map(|finder| finder.find_iter(&buffer[..read]).count()).sum::<usize>();
    }
}
