//! Operations on 16 bytes at a time, with the vector instructions of wasm or x86-64.
//!
//! Only instructions that the standard library offers as safe functions are used.

#[cfg(not(any(target_feature = "simd128", target_arch = "x86_64")))]
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
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
