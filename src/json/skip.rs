//! Where a value ends: the part of reading JSON that every byte goes through.
//!
//! An object or a list is skipped 64 bytes at a time. Bit masks tell which of them are quotes, backslashes and
//! brackets; what lies between quotes is masked out, and the brackets left are counted. With wasm's 128-bit
//! instructions that takes 4 instructions a byte, where a loop over the bytes takes 10.

/// How many bytes are looked at together: a bit of the masks for each.
const BLOCK: usize = 64;

/// What follows the object or list that `text` begins with, if it ends.
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

/// What is known before a block.
#[derive(Default)]
struct Skip {
    /// How many brackets are open.
    depth: u32,
    /// All bits set if the block begins within a string.
    within_string: u64,
    /// Whether a backslash stands right before the block.
    escaped: bool,
}

impl Skip {
    /// Where the outermost bracket closes in this block: the number of bytes up to it, that bracket included.
    #[inline(always)] // Otherwise its state goes through memory, block by block: a tenth more instructions.
    fn end_within(&mut self, block: &[u8; BLOCK]) -> Option<usize> {
        let masks = Masks::of(block);
        let quotes = masks.quotes & !self.escapes(masks.backslashes);
        let strings = prefix_xor(quotes) ^ self.within_string;
        self.within_string = 0_u64.wrapping_sub(strings >> (BLOCK - 1));
        let opening = masks.opening & !strings;
        let closing = masks.closing & !strings;
        let closed = closing.count_ones();
        // With fewer brackets closing than are open, the outermost is not among them.
        if closed >= self.depth
            && let Some(end) = self.outermost(opening, closing)
        {
            return Some(end);
        }
        self.depth = self.depth + opening.count_ones() - closed;
        None
    }

    /// Where the outermost bracket closes, if it does.
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

    /// The bytes behind a backslash that is not itself behind one.
    fn escapes(&mut self, mut backslashes: u64) -> u64 {
        let mut escapes = u64::from(self.escaped);
        backslashes &= !escapes;
        self.escaped = false;
        while backslashes != 0 {
            let lowest = backslashes & backslashes.wrapping_neg();
            let behind = lowest << 1;
            self.escaped = behind == 0;
            escapes |= behind;
            backslashes &= !(lowest | behind);
        }
        escapes
    }
}

/// Sets each bit to whether an odd number of bits are set up to it: from each opening quote up to its closing one.
const fn prefix_xor(mut bits: u64) -> u64 {
    let mut distance = 1;
    while distance < u64::BITS {
        bits ^= bits << distance;
        distance *= 2;
    }
    bits
}

/// Which bytes of a block are of a kind. An opening bracket is `{` or `[`, a closing one `}` or `]`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Masks {
    quotes: u64,
    backslashes: u64,
    opening: u64,
    closing: u64,
}

/// This bit makes a curly bracket of a square one, and no bracket of anything else.
const CURLY: u8 = b'{' ^ b'[';

impl Masks {
    #[cfg(target_feature = "simd128")]
    #[inline(always)]
    fn of(block: &[u8; BLOCK]) -> Self {
        use core::arch::wasm32::{i8x16_bitmask, u8x16_splat, v128, v128_or};

        use crate::simd;

        let which = |bytes: v128, byte: u8| u64::from(i8x16_bitmask(simd::which(bytes, byte)));
        let mut masks = Self::default();
        for part in (0..4).rev() {
            let bytes = simd::load(block, 16 * part);
            let curly = v128_or(bytes, u8x16_splat(CURLY));
            masks.quotes = masks.quotes << 16 | which(bytes, b'"');
            masks.backslashes = masks.backslashes << 16 | which(bytes, b'\\');
            masks.opening = masks.opening << 16 | which(curly, b'{');
            masks.closing = masks.closing << 16 | which(curly, b'}');
        }
        masks
    }

    #[cfg(not(target_feature = "simd128"))]
    fn of(block: &[u8; BLOCK]) -> Self {
        let which = |is: fn(u8) -> bool| {
            let bits = block.iter().rev();
            bits.fold(0, |mask, byte| mask << 1 | u64::from(is(*byte)))
        };
        Self {
            quotes: which(|byte| byte == b'"'),
            backslashes: which(|byte| byte == b'\\'),
            opening: which(|byte| byte | CURLY == b'{'),
            closing: which(|byte| byte | CURLY == b'}'),
        }
    }
}

/// What follows a string's closing quote, if there is one, and whether the string has escapes; `text` begins behind
/// the opening quote.
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

/// Which of these bytes are quotes or backslashes.
#[cfg(target_feature = "simd128")]
#[inline(always)]
fn marks(chunk: &[u8; 16]) -> u32 {
    use core::arch::wasm32::{i8x16_bitmask, v128_or};

    use crate::simd::{load, which};

    let bytes = load(chunk, 0);
    i8x16_bitmask(v128_or(which(bytes, b'"'), which(bytes, b'\\'))).into()
}

#[cfg(not(target_feature = "simd128"))]
fn marks(chunk: &[u8; 16]) -> u32 {
    let bits = chunk.iter().rev();
    bits.fold(0, |mask, byte| mask << 1 | u32::from(matches!(byte, b'"' | b'\\')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, byte by byte.
    fn simple_end(text: &[u8]) -> Option<&[u8]> {
        let (mut depth, mut within_string, mut escaped) = (0, false, false);
        for (at, byte) in text.iter().enumerate() {
            let behind_backslash = std::mem::take(&mut escaped);
            match byte {
                b'\\' => escaped = !behind_backslash,
                b'"' if behind_backslash => {}
                b'"' => within_string = !within_string,
                b'{' | b'[' if !within_string => depth += 1,
                b'}' | b']' if !within_string => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(&text[at + 1..]);
            }
        }
        None
    }

    #[test]
    fn masks_tell_brackets_quotes_and_backslashes_from_all_other_bytes() {
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
    fn the_end_is_found_at_every_distance() {
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
        fn agrees_with_the_simple_way(text in "[\\[{]([\\[\\]{}\"\\\\a]{0,300}|([\\[\\]{}\"\\\\]|[a-z]{10}){0,60})") {
            prop_assert_eq!(end_of_container(text.as_bytes()), simple_end(text.as_bytes()));
        }
    }
}
