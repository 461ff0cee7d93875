//! wasm's 128-bit instructions, as far as the standard library offers them only with pointers.

use core::arch::wasm32::{i8x16_eq, u8x16_splat, u64x2, v128};

/// The 16 bytes that begin at a place in an array: one instruction, where that place is known to the compiler.
#[inline(always)]
pub fn load(bytes: &[u8], at: usize) -> v128 {
    let (words, _) = bytes[at..].as_chunks::<8>();
    let [low, high] = [words[0], words[1]].map(u64::from_le_bytes);
    u64x2(low, high)
}

/// All bits of each byte that is this one.
#[inline(always)]
pub fn which(bytes: v128, byte: u8) -> v128 {
    i8x16_eq(bytes, u8x16_splat(byte))
}
