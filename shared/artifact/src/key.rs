//! Which object holds which model. Writer and reader build keys with the same functions.

use chrono::{DateTime, Utc};
use domain::{Period, ServiceName};
use sha2::{Digest, Sha256};

/// Everything that is stored lies below this prefix.
pub const ROOT: &str = "models/v1";
/// The key of the catalog.
pub const CATALOG: &str = "models/v1/catalog.json";

const DIGEST_CHARS: usize = 12;
/// Longest segment of a key: file systems end at 255 bytes.
const SEGMENT_BYTES_MAX: usize = 200;
const SEGMENT_DIGEST_BYTES: usize = 8;

/// The key of an artifact: `models/v1/{service}/{period}/{trained at}-{digest}.bin`.
pub fn artifact_key(
    service: &ServiceName,
    period: Period,
    trained_at: DateTime<Utc>,
    digest: &str,
) -> String {
    let stamp = trained_at.format("%Y%m%dT%H%M%SZ");
    let digest = &digest[..digest.len().min(DIGEST_CHARS)];
    format!("{}{stamp}-{digest}.bin", period_prefix(service, period))
}

/// The key of the card beside an artifact.
pub fn card_key(artifact_key: &str) -> String {
    let stem = artifact_key.strip_suffix(".bin").unwrap_or(artifact_key);
    format!("{stem}.json")
}

/// What all keys of a service's period begin with.
pub fn period_prefix(service: &ServiceName, period: Period) -> String {
    format!("{ROOT}/{}/{period}/", escape(service.as_str()))
}

/// A service name as one segment of a key: letters, digits, `-` and `_` stay, and a dot that is
/// not the first character; every other byte becomes `%` and two hexadecimal digits. A segment
/// that would be too long for a file system ends in `~` and a digest of the name instead.
fn escape(name: &str) -> String {
    let escaped = escape_bytes(name);
    if escaped.len() <= SEGMENT_BYTES_MAX {
        return escaped;
    }
    let kept = &escaped[..SEGMENT_BYTES_MAX - 2 * SEGMENT_DIGEST_BYTES - 1];
    let digest = Sha256::digest(name);
    let digest: String =
        digest.iter().take(SEGMENT_DIGEST_BYTES).map(|byte| format!("{byte:02x}")).collect();
    format!("{kept}~{digest}")
}

fn escape_bytes(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if plain || (byte == b'.' && at > 0) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_are_readable() {
        let service = ServiceName::new("booking").unwrap();
        let at = "2026-03-02T02:00:00Z".parse().unwrap();
        let key = artifact_key(&service, Period::NightHours, at, "0123456789abcdef");
        assert_eq!(key, "models/v1/booking/night_hours/20260302T020000Z-0123456789ab.bin");
        let card = card_key(&key);
        assert_eq!(card, "models/v1/booking/night_hours/20260302T020000Z-0123456789ab.json");
    }

    #[test]
    fn strange_names_stay_inside_their_folder() {
        assert_eq!(escape("../../etc"), "%2E.%2F..%2Fetc");
        assert_eq!(escape("Payments (EU)"), "Payments%20%28EU%29");
        assert_eq!(escape("a.b"), "a.b");
    }

    #[test]
    fn long_names_are_cut_and_stay_distinct() {
        let (a, b) = ("é".repeat(99) + "a", "é".repeat(99) + "b");
        assert_eq!(escape(&a).len(), SEGMENT_BYTES_MAX);
        assert_ne!(escape(&a), escape(&b));
    }

    proptest! {
        #[test]
        fn different_names_have_different_keys(a in "\\PC{1,20}", b in "\\PC{1,20}") {
            prop_assert_eq!(a == b, escape(&a) == escape(&b));
            prop_assert!(!escape(&a).contains('/'));
            prop_assert!(!escape(&a).starts_with('.'));
        }
    }
}
