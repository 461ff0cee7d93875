//! Other processors: loops, which compilers can often turn into vector instructions.

use std::array;

pub(super) type Vector = [u8; 16];

#[inline(always)]
pub(super) fn load(words: [u64; 2]) -> Vector {
    let bytes = words.map(u64::to_le_bytes);
    array::from_fn(|index| bytes[index / 8][index % 8])
}

#[inline(always)]
pub(super) fn splat(byte: u8) -> Vector {
    [byte; 16]
}

#[inline(always)]
pub(super) fn eq(one: Vector, other: Vector) -> Vector {
    array::from_fn(|index| if one[index] == other[index] { 0xFF } else { 0 })
}

#[inline(always)]
pub(super) fn or(one: Vector, other: Vector) -> Vector {
    array::from_fn(|index| one[index] | other[index])
}

#[inline(always)]
pub(super) fn and(one: Vector, other: Vector) -> Vector {
    array::from_fn(|index| one[index] & other[index])
}

#[inline(always)]
pub(super) fn any(bytes: Vector) -> bool {
    bytes != [0; 16]
}

#[inline(always)]
pub(super) fn mask(bytes: Vector) -> u16 {
    bytes.iter().rev().fold(0, |mask, byte| mask << 1 | u16::from(byte >> 7))
}
