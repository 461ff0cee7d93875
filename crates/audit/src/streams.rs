//! The command's own output and messages, apart from what a module writes.
//!
//! The runtime lets a module write to standard output and standard error. There, a hostile one could forge a report or
//! change the terminal.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::OnceLock;

use anstream::AutoStream;

/// The two streams, once modules no longer reach them.
static OWN: OnceLock<Streams> = OnceLock::new();

struct Streams {
    output: File,
    messages: File,
}

/// Keeps what modules write from now on from the command's output and messages.
///
/// # Errors
/// If the streams cannot be changed.
pub fn silence_modules() -> io::Result<()> {
    let own = Streams { output: duplicate(io::stdout())?, messages: duplicate(io::stderr())? };
    let nowhere = OpenOptions::new().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&nowhere)?;
    rustix::stdio::dup2_stderr(&nowhere)?;
    // In a later call, these are no longer the streams of the command.
    OWN.get_or_init(|| own);
    Ok(())
}

fn duplicate(stream: impl AsFd) -> io::Result<File> {
    stream.as_fd().try_clone_to_owned().map(File::from)
}

/// Opens the command's output, without colors if it is not a terminal. The width is that of the terminal.
///
/// # Errors
/// If it is closed.
pub fn output() -> io::Result<(Box<dyn Write>, Option<usize>)> {
    let file = match OWN.get() {
        Some(own) => own.output.try_clone()?,
        None => duplicate(io::stdout())?,
    };
    let size = if file.is_terminal() { terminal_size::terminal_size_of(&file) } else { None };
    let width = size.map(|(width, _)| width.0.into());
    Ok((Box::new(AutoStream::auto(file)), width))
}

/// Writes a line to the command's messages. If standard error is closed, the line is lost.
pub(crate) fn print_line(line: &str) {
    match OWN.get() {
        Some(own) => writeln!(&own.messages, "{line}").ok(),
        None => writeln!(io::stderr(), "{line}").ok(),
    };
}
