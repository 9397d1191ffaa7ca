//! The header of an artifact: 64 bytes in front of the encoded model.
//!
//! ```text
//!  0..8   magic "YAGAMODL"
//!  8..10  format version, little endian
//! 10..12  codec (1 = bincode, fixed width, little endian)
//! 12..16  zero, reserved
//! 16..24  length of the body
//! 24..32  zero, reserved
//! 32..64  SHA-256 of bytes 0..32 and the body
//! ```
//!
//! A reader checks all of it before it looks at the body, so a truncated, flipped, foreign or
//! newer file is told apart and never misread.

use sha2::{Digest, Sha256};

/// Bytes of the header.
pub const HEADER_BYTES: usize = 64;
/// The format that this version writes, and the only one that it reads.
pub const FORMAT_VERSION: u16 = 3;

const MAGIC: &[u8; 8] = b"YAGAMODL";
const CODEC_BINCODE: u16 = 1;

/// What is wrong with an artifact's envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("it has {bytes} bytes, fewer than the header's {HEADER_BYTES}: it is truncated")]
    NoHeader { bytes: usize },
    #[error("it does not begin like a yaga model: it is some other file")]
    Foreign,
    #[error(
        "its format version is {found}; this yaga reads version {FORMAT_VERSION}: use the yaga that wrote it, or train again"
    )]
    Version { found: u16 },
    #[error("its codec {found} is unknown to this yaga")]
    Codec { found: u16 },
    #[error(
        "its body should have {expected} bytes and has {found}: it is truncated or was appended to"
    )]
    Length { expected: u64, found: u64 },
    #[error("its checksum does not match: it is damaged")]
    Checksum,
}

/// Puts the header in front of a body.
pub fn seal(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes.extend_from_slice(&CODEC_BINCODE.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&[0; 8]);
    let checksum = checksum(&bytes, body);
    bytes.extend_from_slice(&checksum);
    bytes.extend_from_slice(body);
    bytes
}

/// The body of a sound artifact.
pub fn open(bytes: &[u8]) -> Result<&[u8], EnvelopeError> {
    let starts_right = bytes.len() >= MAGIC.len() && bytes[..MAGIC.len()] == MAGIC[..];
    if !starts_right && bytes.len() >= MAGIC.len() {
        return Err(EnvelopeError::Foreign);
    }
    let Some((header, body)) = bytes.split_at_checked(HEADER_BYTES) else {
        return Err(EnvelopeError::NoHeader { bytes: bytes.len() });
    };
    let found = u16::from_le_bytes([header[8], header[9]]);
    if found != FORMAT_VERSION {
        return Err(EnvelopeError::Version { found });
    }
    let found = u16::from_le_bytes([header[10], header[11]]);
    if found != CODEC_BINCODE {
        return Err(EnvelopeError::Codec { found });
    }
    let mut expected = [0u8; 8];
    expected.copy_from_slice(&header[16..24]);
    let (expected, found) = (u64::from_le_bytes(expected), body.len() as u64);
    if expected != found {
        return Err(EnvelopeError::Length { expected, found });
    }
    if checksum(&header[..32], body)[..] != header[32..] {
        return Err(EnvelopeError::Checksum);
    }
    Ok(body)
}

fn checksum(front: &[u8], body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(front);
    hash.update(body);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_sealed_opens(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let sealed = seal(&body);
            prop_assert_eq!(open(&sealed).unwrap(), &body[..]);
        }

        #[test]
        fn any_flipped_bit_is_seen(
            body in prop::collection::vec(any::<u8>(), 0..100),
            at in any::<prop::sample::Index>(),
            bit in 0u8..8,
        ) {
            let mut sealed = seal(&body);
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert!(open(&sealed).is_err());
        }

        #[test]
        fn any_truncation_is_seen(
            body in prop::collection::vec(any::<u8>(), 1..100),
            cut in any::<prop::sample::Index>(),
        ) {
            let sealed = seal(&body);
            prop_assert!(open(&sealed[..cut.index(sealed.len())]).is_err());
        }
    }

    #[test]
    fn each_defect_is_named() {
        let sealed = seal(b"model");
        let changed = |at: usize, value: u8| {
            let mut bytes = sealed.clone();
            bytes[at] = value;
            open(&bytes).unwrap_err().to_string()
        };
        let all = [
            open(&sealed[..10]).unwrap_err().to_string(),
            open(b"PK\x03\x04 something else").unwrap_err().to_string(),
            changed(8, 9),
            changed(10, 9),
            open(&sealed[..66]).unwrap_err().to_string(),
            changed(66, 0),
        ];
        insta::assert_snapshot!(all.join("\n"), @r"
        it has 10 bytes, fewer than the header's 64: it is truncated
        it does not begin like a yaga model: it is some other file
        its format version is 9; this yaga reads version 3: use the yaga that wrote it, or train again
        its codec 9 is unknown to this yaga
        its body should have 5 bytes and has 2: it is truncated or was appended to
        its checksum does not match: it is damaged
        ");
    }
}
