//! Operations on 16 bytes at a time, with the vector instructions of wasm or x86-64.
//!
//! The standard library offers those of wasm as safe functions, and those of x86-64 as unsafe ones, although every
//! x86-64 processor has them.

#[cfg(any(test, not(any(target_feature = "simd128", target_arch = "x86_64"))))]
mod portable;
#[cfg(target_feature = "simd128")]
mod wasm;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(not(any(target_feature = "simd128", target_arch = "x86_64")))]
use portable as instructions;
#[cfg(target_feature = "simd128")]
use wasm as instructions;
#[cfg(target_arch = "x86_64")]
use x86_64 as instructions;

/// Sixteen bytes.
#[must_use]
#[derive(Debug, Clone, Copy)]
pub struct Bytes16(instructions::Vector);

impl Bytes16 {
    /// Loads the 16 bytes at an offset. One instruction where the compiler knows the offset.
    ///
    /// # Panics
    /// If fewer than 16 bytes follow.
    #[inline(always)]
    pub fn load(bytes: &[u8], offset: usize) -> Self {
        let (words, _) = bytes[offset..].as_chunks::<8>();
        Self(instructions::load([words[0], words[1]].map(u64::from_le_bytes)))
    }

    /// Creates 16 bytes with this value.
    #[inline(always)]
    fn splat(byte: u8) -> Self {
        Self(instructions::splat(byte))
    }

    /// Sets all bits of each byte that equals `byte`, and clears all others.
    #[inline(always)]
    pub fn eq(self, byte: u8) -> Self {
        Self(instructions::eq(self.0, Self::splat(byte).0))
    }

    /// Sets the bits of `byte` in each byte.
    #[inline(always)]
    pub fn set(self, byte: u8) -> Self {
        self.or(Self::splat(byte))
    }

    /// Clears all bits except those of `byte` in each byte.
    #[inline(always)]
    pub fn keep(self, byte: u8) -> Self {
        self.and(Self::splat(byte))
    }

    /// Sets each bit that is set in either.
    #[inline(always)]
    pub fn or(self, other: Self) -> Self {
        Self(instructions::or(self.0, other.0))
    }

    /// Sets each bit that is set in both.
    #[inline(always)]
    pub fn and(self, other: Self) -> Self {
        Self(instructions::and(self.0, other.0))
    }

    /// Returns whether any bit is set.
    #[inline(always)]
    pub fn any(self) -> bool {
        instructions::any(self.0)
    }

    /// Returns the highest bit of each byte; the lowest bit of the result is that of the first byte.
    #[inline(always)]
    pub fn mask(self) -> u16 {
        instructions::mask(self.0)
    }
}

/// The number of bytes in a block: one for each bit of a mask.
const BLOCK: usize = 64;

/// Searches for a pair of adjacent bytes. `candidates` is given 16 bytes and, for each, the one that follows, and sets
/// the highest bit of those that may begin a pair. Returns whether `is_match` returns true for the index of any of
/// these. After the last byte, the one that follows is zero.
#[inline(always)]
pub fn any_pair(
    text: &[u8],
    candidates: impl Fn(Bytes16, Bytes16) -> Bytes16,
    is_match: impl Fn(usize) -> bool,
) -> bool {
    let mut rest = text;
    let mut start = 0;
    // Each block includes one byte of the next, for the pair that ends there.
    while let Some(block) = rest.first_chunk() {
        if any_match(mask(block, &candidates), start, &is_match) {
            return true;
        }
        rest = &rest[BLOCK..];
        start += BLOCK;
    }
    let mut last = [0; BLOCK + 1];
    last[..rest.len()].copy_from_slice(rest);
    any_match(mask(&last, &candidates), start, &is_match)
}

#[inline(always)]
fn any_match(mut candidates: u64, start: usize, is_match: &impl Fn(usize) -> bool) -> bool {
    while candidates != 0 {
        if is_match(start + candidates.trailing_zeros() as usize) {
            return true;
        }
        candidates &= candidates - 1;
    }
    false
}

/// Returns a bit for each candidate in a block.
#[inline(always)]
fn mask(block: &[u8; BLOCK + 1], candidates: &impl Fn(Bytes16, Bytes16) -> Bytes16) -> u64 {
    let found = |offset: usize| candidates(Bytes16::load(block, offset), Bytes16::load(block, offset + 1));
    let found @ [a, b, c, d] = [found(0), found(16), found(32), found(48)];
    if !a.or(b).or(c.or(d)).any() {
        return 0;
    }
    found.iter().rev().fold(0, |mask, found| mask << 16 | u64::from(found.mask()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The results of all operations of a module.
    macro_rules! results {
        ($module:ident, $one:expr, $other:expr, $byte:expr) => {{
            let (one, other) = ($module::load($one), $module::load($other));
            let vectors = [one, $module::splat($byte), $module::or(one, other), $module::and(one, other)];
            let each_byte = [0, 1, 2, 3, 4, 5, 6, 7].map(|bit| {
                let bit = $module::splat(1 << bit);
                vectors.map(|vector| $module::mask($module::eq($module::and(vector, bit), bit)))
            });
            (each_byte, vectors.map($module::mask), $module::any(one), $module::any($module::eq(one, other)))
        }};
    }

    proptest! {
        #[test]
        fn loops_have_the_results_of_vector_instructions(one: [u64; 2], other: [u64; 2], byte: u8) {
            for other in [other, one, [one[0], other[1]], [0, 0]] {
                prop_assert_eq!(
                    results!(portable, one, other, byte),
                    results!(instructions, one, other, byte)
                );
                prop_assert_eq!(
                    results!(portable, other, one, byte),
                    results!(instructions, other, one, byte)
                );
            }
        }

        #[test]
        fn agrees_with_a_loop_over_bytes(bytes: [u8; 20], offset in 0_usize..4, byte: u8, other: u8) {
            let window = &bytes[offset..offset + 16];
            let mask = |is: &dyn Fn(u8) -> bool| {
                window.iter().rev().fold(0_u16, |mask, byte| mask << 1 | u16::from(is(*byte)))
            };
            let loaded = Bytes16::load(&bytes, offset);
            let first = window[0];
            prop_assert_eq!(loaded.mask(), mask(&|found| found >= 0x80));
            prop_assert_eq!(loaded.eq(first).mask(), mask(&|found| found == first));
            prop_assert_eq!(loaded.set(byte).eq(first | byte).mask(), mask(&|found| found | byte == first | byte));
            prop_assert_eq!(loaded.keep(byte).eq(first & byte).mask(), mask(&|found| found & byte == first & byte));
            let (one, two) = (loaded.eq(first), loaded.eq(other));
            prop_assert_eq!(one.or(two).mask(), one.mask() | two.mask());
            prop_assert_eq!(one.and(two).mask(), one.mask() & two.mask());
            prop_assert_eq!((one.any(), two.any()), (true, two.mask() != 0));
        }
    }
}
