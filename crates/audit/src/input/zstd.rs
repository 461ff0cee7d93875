//! Zstandard with any number of frames, as RFC 8878 describes it.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// The maximum size in bytes of a frame's window, which memory holds as a whole. Level 20 has this size.
const MAX_WINDOW: u64 = 32 << 20;

#[derive(Debug, thiserror::Error)]
enum ZstdError {
    #[error("is not valid zstd: it ends too early")]
    End,
    #[error("is not valid zstd: other data follows its end")]
    OtherData,
    #[error("has a zstd window of more than {} MiB; compress it without --ultra and --long", MAX_WINDOW >> 20)]
    Window,
    #[error("is not valid zstd: {0}")]
    Malformed(String),
}

/// Returns whether data begins like a frame, perhaps one to skip.
pub(super) fn is_zstd(data: &[u8]) -> bool {
    data.first_chunk().is_some_and(|magic| *magic == MAGIC || is_skippable(*magic))
}

fn is_skippable(magic: [u8; 4]) -> bool {
    matches!(magic, [0x50..=0x5F, 0x2A, 0x4D, 0x18])
}

/// Decompresses the frames of an input, one after the other.
pub(super) struct ZstdReader<R> {
    input: R,
    decoder: FrameDecoder,
}

impl<R: BufRead> ZstdReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, decoder: FrameDecoder::new() }
    }

    fn start_frame(&mut self) -> io::Result<()> {
        let magic = self.read_array()?;
        if is_skippable(magic) {
            let length = u32::from_le_bytes(self.read_array()?).into();
            let skipped = io::copy(&mut self.input.by_ref().take(length), &mut io::sink())?;
            return if skipped == length { Ok(()) } else { Err(io::Error::other(ZstdError::End)) };
        }
        if magic != MAGIC {
            return Err(io::Error::other(ZstdError::OtherData));
        }
        let header = self.read_header()?;
        self.decoder.init(&*header).map_err(malformed)
    }

    /// Reads the rest of a frame's header, and returns all of it. The decoder itself does not limit the window.
    fn read_header(&mut self) -> io::Result<Vec<u8>> {
        let [descriptor] = self.read_array()?;
        let is_single_segment = descriptor & 0x20 != 0;
        let window = if is_single_segment { Vec::new() } else { self.read_bytes(1)? };
        let dictionary = self.read_bytes([0, 1, 2, 4][usize::from(descriptor & 3)])?;
        let content_size = self.read_bytes(match descriptor >> 6 {
            0 => usize::from(is_single_segment),
            flag => 1 << flag,
        })?;
        let window_size = match window.first() {
            Some(byte) => (1 << (10 + (byte >> 3))) / 8 * (8 + u64::from(byte & 7)),
            None => content_size.iter().rev().fold(0, |size, byte| size << 8 | u64::from(*byte)),
        };
        if window_size > MAX_WINDOW {
            return Err(io::Error::other(ZstdError::Window));
        }
        Ok([&MAGIC[..], &[descriptor], &window, &dictionary, &content_size].concat())
    }

    fn read_array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes).map_err(ends_too_early)?;
        Ok(bytes)
    }

    fn read_bytes(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.input.read_exact(&mut bytes).map_err(ends_too_early)?;
        Ok(bytes)
    }
}

impl<R: BufRead> Read for ZstdReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.decoder.can_collect() == 0 {
            if !self.decoder.is_finished() {
                let one_block = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.input, one_block).map_err(malformed)?;
            } else if self.input.fill_buf()?.is_empty() {
                return Ok(0);
            } else {
                self.start_frame()?;
            }
        }
        self.decoder.read(buffer)
    }
}

fn ends_too_early(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => io::Error::other(ZstdError::End),
        _ => error,
    }
}

fn malformed(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(ZstdError::Malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn frame(text: &str) -> Vec<u8> {
        compress_to_vec(text.as_bytes(), CompressionLevel::Uncompressed)
    }

    fn skippable(content: &[u8]) -> Vec<u8> {
        [&[0x5A, 0x2A, 0x4D, 0x18][..], &u32::try_from(content.len()).unwrap().to_le_bytes(), content].concat()
    }

    fn read(data: &[u8]) -> Result<String, String> {
        let mut text = String::new();
        let input = io::BufReader::with_capacity(3, data);
        ZstdReader::new(input).read_to_string(&mut text).map(|_| text).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_all_frames() {
        let long = "long ".repeat(100_000);
        let data = [skippable(b"x"), frame("one "), frame(""), skippable(b""), frame(&long), frame("last")].concat();
        assert!(is_zstd(&data) && is_zstd(&frame("")) && !is_zstd(b"{}"));
        assert_eq!(read(&data).unwrap(), format!("one {long}last"));
    }

    #[test]
    fn rejects_malformed_data() {
        for (data, error) in [
            ([frame("a"), b"{} more".to_vec()].concat(), "other data follows"),
            ([frame("a"), b"{}".to_vec()].concat(), "ends too early"),
            ([frame("a"), skippable(b"abc")[..9].to_vec()].concat(), "ends too early"),
            (frame("abc")[..10].to_vec(), "is not valid zstd"),
            ([&MAGIC[..], &[0, 0xFF]].concat(), "window of more than 32 MiB"),
            ([&MAGIC[..], &[0xA0, 0, 0, 0, 4]].concat(), "window of more than 32 MiB"),
        ] {
            let found = read(&data).unwrap_err();
            assert!(found.contains(error), "{data:?}: {found}");
        }
    }
}
