//! SSE2.

#![expect(unsafe_code, reason = "these functions are only safe where SSE2 is known to exist")]

use core::arch::x86_64::{
    __m128i, _mm_and_si128, _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8,
};

pub(super) type Vector = __m128i;

#[inline(always)]
pub(super) fn load([low, high]: [u64; 2]) -> Vector {
    // SAFETY: every x86-64 processor has SSE2.
    unsafe { _mm_set_epi64x(high.cast_signed(), low.cast_signed()) }
}

#[inline(always)]
pub(super) fn splat(byte: u8) -> Vector {
    // SAFETY: every x86-64 processor has SSE2.
    unsafe { _mm_set1_epi8(byte.cast_signed()) }
}

#[inline(always)]
pub(super) fn eq(one: Vector, other: Vector) -> Vector {
    // SAFETY: every x86-64 processor has SSE2.
    unsafe { _mm_cmpeq_epi8(one, other) }
}

#[inline(always)]
pub(super) fn or(one: Vector, other: Vector) -> Vector {
    // SAFETY: every x86-64 processor has SSE2.
    unsafe { _mm_or_si128(one, other) }
}

#[inline(always)]
pub(super) fn and(one: Vector, other: Vector) -> Vector {
    // SAFETY: every x86-64 processor has SSE2.
    unsafe { _mm_and_si128(one, other) }
}

#[inline(always)]
pub(super) fn any(bytes: Vector) -> bool {
    mask(eq(bytes, splat(0))) != u16::MAX
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "only the lower 16 bits can be set")]
pub(super) fn mask(bytes: Vector) -> u16 {
    // SAFETY: every x86-64 processor has SSE2.
    unsafe { _mm_movemask_epi8(bytes) as u16 }
}
