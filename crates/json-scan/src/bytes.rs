//! Comparing short byte strings.

/// Returns whether two byte strings are equal, eight bytes at a time.
///
/// `==` calls `memcmp` where neither length is known at compile time; on wasm that loops over single bytes, and field
/// names are compared all the time.
#[inline(always)]
pub fn bytes_eq(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && same_length_eq(a, b)
}

// Not inlined: saves 3 KB of wasm over all call sites.
#[inline(never)]
fn same_length_eq(a: &[u8], b: &[u8]) -> bool {
    let ((a_words, a_rest), (b_words, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    a_words.iter().eq(b_words) && a_rest.iter().eq(b_rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_the_operator(a in "[ab]{0,20}", b in "[ab]{0,20}", same: bool) {
            let b = if same { &a } else { &b };
            prop_assert_eq!(bytes_eq(a.as_bytes(), b.as_bytes()), a == *b);
        }
    }
}
