//! wasm's 128-bit instructions.

use core::arch::wasm32::{i8x16_bitmask, i8x16_eq, u8x16_splat, u64x2, v128, v128_and, v128_any_true, v128_or};

pub(super) type Vector = v128;

#[inline(always)]
pub(super) fn load([low, high]: [u64; 2]) -> Vector {
    u64x2(low, high)
}

#[inline(always)]
pub(super) fn splat(byte: u8) -> Vector {
    u8x16_splat(byte)
}

#[inline(always)]
pub(super) fn eq(one: Vector, other: Vector) -> Vector {
    i8x16_eq(one, other)
}

#[inline(always)]
pub(super) fn or(one: Vector, other: Vector) -> Vector {
    v128_or(one, other)
}

#[inline(always)]
pub(super) fn and(one: Vector, other: Vector) -> Vector {
    v128_and(one, other)
}

#[inline(always)]
pub(super) fn any(bytes: Vector) -> bool {
    v128_any_true(bytes)
}

#[inline(always)]
pub(super) fn mask(bytes: Vector) -> u16 {
    i8x16_bitmask(bytes)
}
