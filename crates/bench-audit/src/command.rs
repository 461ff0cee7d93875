//! Runs a command, and measures its time and memory.

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The interval at which the memory of a running command is read.
const INTERVAL: Duration = Duration::from_millis(2);

/// The time and memory of a run.
pub(crate) struct Usage {
    pub(crate) time: Duration,
    /// The most physical memory, in bytes; `None` if the system does not show it.
    pub(crate) memory: Option<u64>,
}

/// Runs a command without showing its output. Returns `None` if there is no such command.
///
/// # Errors
/// If it cannot be started, or fails.
pub(crate) fn run(words: &[&str]) -> io::Result<Option<Usage>> {
    let start = Instant::now();
    let mut child = match Command::new(words[0]).args(&words[1..]).stdout(Stdio::null()).spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        child => child?,
    };
    let mut memory = None;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        memory = peak_memory(child.id()).or(memory);
        thread::sleep(INTERVAL);
    };
    let time = start.elapsed();
    match status.code() {
        // 1 means that something was refused.
        Some(0 | 1) => Ok(Some(Usage { time, memory })),
        _ => Err(io::Error::other(format!("{} failed: {status}", words[0]))),
    }
}

/// Returns the time until a command has printed its first bytes, and stops it.
///
/// # Errors
/// If it cannot be started, or prints nothing.
pub(crate) fn until_first_output(words: &[&str]) -> io::Result<Duration> {
    let start = Instant::now();
    let mut child = Command::new(words[0]).args(&words[1..]).stdout(Stdio::piped()).spawn()?;
    let read = child.stdout.take().map_or(Ok(()), |mut output| output.read_exact(&mut [0]));
    let time = start.elapsed();
    child.kill()?;
    child.wait()?;
    read.map(|()| time)
}

/// Returns the peak of a process's memory, as Linux counts it.
fn peak_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}
