//! wasm's 128-bit instructions for which the standard library offers only functions on raw pointers.

use core::arch::wasm32::{i8x16_eq, u8x16_splat, u64x2, v128};

/// Loads the 16 bytes at an offset. One instruction where the compiler knows the offset.
///
/// # Panics
/// If fewer than 16 bytes follow.
#[inline(always)]
pub fn load(bytes: &[u8], offset: usize) -> v128 {
    let (words, _) = bytes[offset..].as_chunks::<8>();
    let [low, high] = [words[0], words[1]].map(u64::from_le_bytes);
    u64x2(low, high)
}

/// Sets all bits of each byte that equals `byte`, and clears all others.
#[inline(always)]
pub fn eq(bytes: v128, byte: u8) -> v128 {
    i8x16_eq(bytes, u8x16_splat(byte))
}
