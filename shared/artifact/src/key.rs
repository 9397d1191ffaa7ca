//! Which object holds which model. Writer and reader build keys with the same functions.

use chrono::{DateTime, Utc};
use domain::{ServiceName, Slot};
use sha2::{Digest, Sha256};

/// Everything that is stored lies below this prefix.
pub const ROOT: &str = "models/v1";
/// The key of the catalog.
pub const CATALOG: &str = "models/v1/catalog.json";

const DIGEST_CHARS: usize = 12;
/// Longest segment of a key: file systems end at 255 bytes.
const SEGMENT_BYTES_MAX: usize = 200;
const SEGMENT_DIGEST_BYTES: usize = 8;

/// The key of an artifact: `models/v1/{service}/{slot}/{trained at}-{digest}.bin`. A slot is a
/// period, or `{period}@{variant}`.
pub fn artifact_key(
    service: &ServiceName,
    slot: &Slot,
    trained_at: DateTime<Utc>,
    digest: &str,
) -> String {
    let stamp = trained_at.format("%Y%m%dT%H%M%SZ");
    let digest = &digest[..digest.len().min(DIGEST_CHARS)];
    format!("{}{stamp}-{digest}.bin", slot_prefix(service, slot))
}

/// The key of the card beside an artifact.
pub fn card_key(artifact_key: &str) -> String {
    let stem = artifact_key.strip_suffix(".bin").unwrap_or(artifact_key);
    format!("{stem}.json")
}

/// What all keys of a service's slot begin with.
pub fn slot_prefix(service: &ServiceName, slot: &Slot) -> String {
    format!("{}{slot}/", service_prefix(service))
}

/// What all keys of a service begin with.
pub fn service_prefix(service: &ServiceName) -> String {
    format!("{ROOT}/{}/", escape(service.as_str()))
}

/// The slot of an artifact, from its key; `None` if the key is not one of an artifact.
pub fn slot_of(artifact_key: &str) -> Option<Slot> {
    let inside = artifact_key.strip_prefix(ROOT)?.strip_prefix('/')?;
    let mut segments = inside.split('/').skip(1);
    let slot = Slot::parse(segments.next()?).ok()?;
    segments.next()?;
    segments.next().is_none().then_some(slot)
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
    use domain::Period;
    use proptest::prelude::*;

    #[test]
    fn keys_are_readable() {
        let service = ServiceName::new("booking").unwrap();
        let at = "2026-03-02T02:00:00Z".parse().unwrap();
        let key = artifact_key(&service, &Period::NightHours.into(), at, "0123456789abcdef");
        assert_eq!(key, "models/v1/booking/night_hours/20260302T020000Z-0123456789ab.bin");
        assert_eq!(slot_of(&key), Some(Period::NightHours.into()));
        let holiday = Slot::parse("night_hours@holiday").unwrap();
        let key_of_variant = artifact_key(&service, &holiday, at, "0123456789abcdef");
        let path = "models/v1/booking/night_hours@holiday/20260302T020000Z-0123456789ab.bin";
        assert_eq!(key_of_variant, path);
        assert_eq!(slot_of(path), Some(holiday));
        for other in [CATALOG, "models/v1/booking/night/x.bin", "x/v1/a/night_hours/x.bin"] {
            assert_eq!(slot_of(other), None, "{other}");
        }
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
