//! Period model to bytes and back. The only place that names the codec.
//!
//! bincode in its fixed-width little-endian form: the layout is the struct, so a stored model can
//! be read by any implementation of that form. The decoder is bounded, refuses trailing bytes, and
//! only ever sees bytes whose checksum was right; what it yields is checked once more by the types
//! that it builds (a forest whose nodes do not make sense is an error).

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use detect::model::PeriodModel;
use domain::limits::ARTIFACT_BYTES_MAX;
use sha2::{Digest, Sha256};

use crate::envelope::{self, EnvelopeError};

/// What is wrong with stored bytes, or with a model that is to be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactError {
    #[error("the artifact cannot be used: {0}")]
    Envelope(#[from] EnvelopeError),
    #[error("the artifact's body cannot be decoded: {reason}")]
    Body { reason: String },
    #[error("the artifact holds {extra} bytes behind the model")]
    Trailing { extra: usize },
    #[error("the model cannot be stored: {reason}")]
    Encode { reason: String },
}

type Codec = Configuration<LittleEndian, Fixint, Limit<ARTIFACT_BYTES_MAX>>;

fn codec() -> Codec {
    bincode::config::legacy().with_limit::<ARTIFACT_BYTES_MAX>()
}

/// The bytes of an artifact.
pub fn encode(model: &PeriodModel) -> Result<Vec<u8>, ArtifactError> {
    let body = bincode::serde::encode_to_vec(model, codec())
        .map_err(|error| ArtifactError::Encode { reason: error.to_string() })?;
    Ok(envelope::seal(&body))
}

/// The model of an artifact's bytes.
pub fn decode(bytes: &[u8]) -> Result<PeriodModel, ArtifactError> {
    let body = envelope::open(bytes)?;
    let (model, used) = bincode::serde::decode_from_slice(body, codec())
        .map_err(|error| ArtifactError::Body { reason: error.to_string() })?;
    match body.len() - used {
        0 => Ok(model),
        extra => Err(ArtifactError::Trailing { extra }),
    }
}

/// SHA-256 of an artifact's bytes, hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
