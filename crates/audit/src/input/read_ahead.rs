//! Reads a long input on a thread of its own, while what has been read is parsed.

use std::io::{self, Cursor, Read};
use std::mem;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// The number of bytes that are read at a time.
pub(super) const CHUNK: usize = 1 << 20;

/// The number of chunks that wait to be parsed.
const WAITING: usize = 4;

/// An input that is read ahead, unless it ends within the first chunk, as nearly all manifests do.
pub(super) struct ReadAhead {
    state: State,
    bytes: Cursor<Vec<u8>>,
    /// The error after these bytes.
    fault: Option<io::Error>,
}

enum State {
    Unread(Box<dyn Read + Send>),
    /// A thread sends the chunks.
    Reading(Receiver<Chunk>),
    Finished,
}

/// A part of the input. It has [`CHUNK`] bytes, unless it is the last one.
struct Chunk {
    bytes: Vec<u8>,
    fault: Option<io::Error>,
}

impl Chunk {
    fn read(input: &mut impl Read) -> Self {
        let mut bytes = Vec::with_capacity(CHUNK);
        let fault = input.take(CHUNK as u64).read_to_end(&mut bytes).err();
        Self { bytes, fault }
    }

    fn is_last(&self) -> bool {
        self.bytes.len() < CHUNK || self.fault.is_some()
    }
}

impl ReadAhead {
    pub(super) fn new(input: Box<dyn Read + Send>) -> Self {
        Self { state: State::Unread(input), bytes: Cursor::default(), fault: None }
    }

    /// Gets the next chunk. The bytes are empty at the end.
    fn advance(&mut self) -> io::Result<()> {
        let (chunk, receiver) = match mem::replace(&mut self.state, State::Finished) {
            State::Unread(mut input) => {
                let chunk = Chunk::read(&mut input);
                let receiver = (!chunk.is_last()).then(|| {
                    let (sender, receiver) = sync_channel(WAITING);
                    thread::spawn(move || send_chunks(&mut input, &sender));
                    receiver
                });
                (chunk, receiver)
            }
            State::Reading(receiver) => {
                let chunk = receiver.recv().map_err(|_| io::Error::other("the thread that reads it has failed"))?;
                let receiver = (!chunk.is_last()).then_some(receiver);
                (chunk, receiver)
            }
            State::Finished => (Chunk { bytes: Vec::new(), fault: None }, None),
        };
        self.state = receiver.map_or(State::Finished, State::Reading);
        self.bytes = Cursor::new(chunk.bytes);
        self.fault = chunk.fault;
        Ok(())
    }
}

impl Read for ReadAhead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let is_used_up = self.bytes.position() == self.bytes.get_ref().len() as u64;
        if is_used_up && self.fault.is_none() {
            self.advance()?;
        }
        match self.bytes.read(buffer)? {
            0 if !buffer.is_empty() => self.fault.take().map_or(Ok(0), Err),
            length => Ok(length),
        }
    }
}

/// Sends the chunks of an input up to the last one, or until the receiver is gone.
fn send_chunks(input: &mut impl Read, chunks: &SyncSender<Chunk>) {
    loop {
        let chunk = Chunk::read(input);
        let is_last = chunk.is_last();
        if chunks.send(chunk).is_err() || is_last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads some bytes and then fails.
    struct Failing(io::Take<io::Repeat>);

    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::other("the disk is gone")),
                length => Ok(length),
            }
        }
    }

    fn read_all(input: impl Read + Send + 'static) -> (Vec<u8>, Option<String>) {
        let mut bytes = Vec::new();
        let fault = ReadAhead::new(Box::new(input)).read_to_end(&mut bytes).err();
        (bytes, fault.map(|fault| fault.to_string()))
    }

    #[test]
    fn reads_every_byte_in_order() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 9 * CHUNK + 7] {
            let bytes: Vec<_> = (0..=250).cycle().take(length).collect();
            let (read, fault) = read_all(Cursor::new(bytes.clone()));
            assert!(read == bytes, "{length}");
            assert_eq!(fault, None);
        }
    }

    #[test]
    fn reports_a_fault_after_the_bytes_before_it() {
        for length in [0, 1, CHUNK, 2 * CHUNK + 7] {
            let (read, fault) = read_all(Failing(io::repeat(7).take(length as u64)));
            assert_eq!((read.len(), fault.as_deref()), (length, Some("the disk is gone")));
        }
    }
}
