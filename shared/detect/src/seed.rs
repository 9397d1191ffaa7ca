//! Seeds of forests: different for each model, the same in every run.

use sha2::{Digest, Sha256};

/// The seed of one forest: the first eight bytes of a digest of everything that names it.
pub fn seed_of(base: u64, identity: &str, feature: &str) -> u64 {
    let digest = Sha256::digest(format!("v=1\nbase={base}\nmodel={identity}\nfeature={feature}"));
    let mut first = [0u8; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_differ_by_name_and_never_change() {
        let seed = seed_of(42, "booking/night_hours", "error_rate");
        assert_eq!(seed, seed_of(42, "booking/night_hours", "error_rate"));
        assert_ne!(seed, seed_of(43, "booking/night_hours", "error_rate"));
        assert_ne!(seed, seed_of(42, "booking/night_hours", "request_rate"));
        insta::assert_snapshot!(format!("{seed:016x}"), @"c8463fa86657978e");
    }
}
