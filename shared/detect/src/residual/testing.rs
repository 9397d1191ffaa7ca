//! Data for the tests of residuals.

/// A standard normal number that depends on nothing but `i`: the sum of twelve hashed uniforms.
pub(crate) fn normal(i: u64) -> f64 {
    (0..12).map(|k| uniform(i * 12 + k)).sum::<f64>() - 6.0
}

/// A number in [0, 1) that depends on nothing but `i` (the finaliser of SplitMix64).
pub(crate) fn uniform(i: u64) -> f64 {
    let mut x = i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}
