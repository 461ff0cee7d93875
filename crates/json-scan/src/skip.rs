//! Finding the end of a value. Every byte passes through this code.
//!
//! An object or a list is skipped 64 bytes at a time. Bit masks mark quotes, backslashes and brackets; brackets between
//! quotes are masked out, and the rest are counted. With wasm's 128-bit instructions this takes 4 instructions per
//! byte; a loop over the bytes takes 10.

use crate::simd::Bytes16;

/// The number of bytes in a block: one for each bit of a mask.
const BLOCK: usize = 64;

/// Returns the text after the object or list that `text` begins with, or `None` if that does not end.
pub(super) fn end_of_container(text: &[u8]) -> Option<&[u8]> {
    let mut skip = Skip::default();
    let (blocks, tail) = text.as_chunks::<BLOCK>();
    for (index, block) in blocks.iter().enumerate() {
        if let Some(end) = skip.end_within(block) {
            return text.get(index * BLOCK + end..);
        }
    }
    let mut last = [0; BLOCK];
    last[..tail.len()].copy_from_slice(tail);
    let end = skip.end_within(&last)?;
    text.get(blocks.len() * BLOCK + end..)
}

/// The state between two blocks.
#[derive(Default)]
struct Skip {
    /// The number of open brackets.
    depth: u32,
    /// All bits are set if the next block begins inside a string.
    inside_string: u64,
    /// Whether the last byte of the block was a backslash that escapes the next.
    escaped: bool,
}

impl Skip {
    /// Returns the number of bytes up to and including the closing outermost bracket, if it is in this block.
    // Not inlined, its state would go through memory for each block: a tenth more instructions.
    #[inline(always)]
    fn end_within(&mut self, block: &[u8; BLOCK]) -> Option<usize> {
        let masks = Masks::of(block);
        let quotes = masks.quotes & !self.escapes(masks.backslashes);
        let strings = prefix_xor(quotes) ^ self.inside_string;
        self.inside_string = 0_u64.wrapping_sub(strings >> (BLOCK - 1));
        let opening = masks.opening & !strings;
        let closing = masks.closing & !strings;
        let closed = closing.count_ones();
        // With fewer closing brackets than open ones, the outermost stays open.
        if closed >= self.depth
            && let Some(end) = self.outermost(opening, closing)
        {
            return Some(end);
        }
        self.depth = self.depth + opening.count_ones() - closed;
        None
    }

    /// Returns the number of bytes up to and including the bracket that closes the outermost one.
    fn outermost(&self, opening: u64, mut closing: u64) -> Option<usize> {
        let mut closed = 0;
        while closing != 0 {
            let lowest = closing & closing.wrapping_neg();
            closed += 1;
            if self.depth + (opening & (lowest - 1)).count_ones() == closed {
                return Some(lowest.trailing_zeros() as usize + 1);
            }
            closing ^= lowest;
        }
        None
    }

    /// Returns the bytes that are escaped: after a backslash that is not escaped itself.
    fn escapes(&mut self, mut backslashes: u64) -> u64 {
        let mut escapes = u64::from(self.escaped);
        backslashes &= !escapes;
        self.escaped = false;
        while backslashes != 0 {
            let lowest = backslashes & backslashes.wrapping_neg();
            let next = lowest << 1;
            self.escaped = next == 0;
            escapes |= next;
            backslashes &= !(lowest | next);
        }
        escapes
    }
}

/// Sets each bit if an odd number of bits are set up to it: from each opening quote to before its closing one.
const fn prefix_xor(mut bits: u64) -> u64 {
    let mut distance = 1;
    while distance < u64::BITS {
        bits ^= bits << distance;
        distance *= 2;
    }
    bits
}

/// A bit for each byte of a block that is a quote, a backslash, an opening (`{`, `[`) or a closing (`}`, `]`) bracket.
#[derive(Debug, Default, PartialEq, Eq)]
struct Masks {
    quotes: u64,
    backslashes: u64,
    opening: u64,
    closing: u64,
}

/// Setting this bit turns a square bracket into a curly one, and no other byte into either.
const CURLY: u8 = b'{' ^ b'[';

impl Masks {
    #[inline(always)]
    fn of(block: &[u8; BLOCK]) -> Self {
        let mask = |bytes: Bytes16, byte: u8| u64::from(bytes.eq(byte).mask());
        let mut masks = Self::default();
        for part in (0..4).rev() {
            let bytes = Bytes16::load(block, 16 * part);
            let curly = bytes.set(CURLY);
            masks.quotes = masks.quotes << 16 | mask(bytes, b'"');
            masks.backslashes = masks.backslashes << 16 | mask(bytes, b'\\');
            masks.opening = masks.opening << 16 | mask(curly, b'{');
            masks.closing = masks.closing << 16 | mask(curly, b'}');
        }
        masks
    }
}

/// Returns the text after the closing quote of a string, and whether the string has escapes; `None` if it does not end.
/// `text` begins after the opening quote.
#[inline(always)]
pub(super) fn end_of_string(mut text: &[u8]) -> Option<(&[u8], bool)> {
    let mut escapes = false;
    loop {
        while let Some((chunk, rest)) = text.split_first_chunk() {
            let marks = marks(chunk);
            if marks != 0 {
                text = &text[marks.trailing_zeros() as usize..];
                break;
            }
            text = rest;
        }
        match text {
            [b'"', rest @ ..] => return Some((rest, escapes)),
            [b'\\', _, rest @ ..] => {
                escapes = true;
                text = rest;
            }
            [_, rest @ ..] => text = rest,
            [] => return None,
        }
    }
}

/// Returns a bit for each byte that is a quote or a backslash.
#[inline(always)]
fn marks(chunk: &[u8; 16]) -> u32 {
    let bytes = Bytes16::load(chunk, 0);
    bytes.eq(b'"').or(bytes.eq(b'\\')).mask().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, one byte at a time.
    fn simple_end(text: &[u8]) -> Option<&[u8]> {
        let (mut depth, mut inside_string, mut escaped) = (0, false, false);
        for (index, byte) in text.iter().enumerate() {
            let is_escaped = std::mem::take(&mut escaped);
            match byte {
                b'\\' => escaped = !is_escaped,
                b'"' if is_escaped => {}
                b'"' => inside_string = !inside_string,
                b'{' | b'[' if !inside_string => depth += 1,
                b'}' | b']' if !inside_string => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(&text[index + 1..]);
            }
        }
        None
    }

    #[test]
    fn masks_mark_only_quotes_backslashes_and_brackets() {
        for byte in 0..=255 {
            let mut block = [b' '; BLOCK];
            block[17] = byte;
            let bit = |is: bool| u64::from(is) << 17;
            let expected = Masks {
                quotes: bit(byte == b'"'),
                backslashes: bit(byte == b'\\'),
                opening: bit(b"{[".contains(&byte)),
                closing: bit(b"}]".contains(&byte)),
            };
            assert_eq!(Masks::of(&block), expected, "{byte}");
        }
    }

    #[test]
    fn finds_the_end_at_every_distance() {
        for length in 0..300 {
            let text = format!("[\"{}\\\"]\"]tail", "x".repeat(length));
            assert_eq!(end_of_container(text.as_bytes()), Some(&b"tail"[..]));
            let text = format!("[{}]tail", "\\\\".repeat(length));
            assert_eq!(end_of_container(text.as_bytes()), simple_end(text.as_bytes()));
            let open = "[".repeat(length + 1);
            assert_eq!(end_of_container(open.as_bytes()), None);
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_loop_over_bytes(text in "[\\[{]([\\[\\]{}\"\\\\a]{0,300}|([\\[\\]{}\"\\\\]|[a-z]{10}){0,60})") {
            prop_assert_eq!(end_of_container(text.as_bytes()), simple_end(text.as_bytes()));
        }
    }
}
