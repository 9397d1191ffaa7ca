//! Where models live.

use async_trait::async_trait;

/// Where models live: immutable objects, and one pointer that is swapped.
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// Reads an object of at most `bytes_max` bytes. With `unless`, an object that still bears
    /// that tag is not transferred.
    async fn get(
        &self,
        key: &str,
        unless: Option<&ETag>,
        bytes_max: usize,
    ) -> Result<Read, StoreError>;

    /// Writes an object that must not exist yet: of concurrent writers exactly one succeeds.
    async fn put_new(&self, key: &str, object: Object<'_>) -> Result<ETag, StoreError>;

    /// Replaces an object that must still bear `expected`: of concurrent writers exactly one
    /// succeeds.
    async fn put_if(
        &self,
        key: &str,
        object: Object<'_>,
        expected: &ETag,
    ) -> Result<ETag, StoreError>;

    /// Keys that begin with `prefix`, sorted.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError>;

    /// What the store is, for messages: `s3://bucket/prefix` or a path.
    fn describe(&self) -> String;
}

/// The version of an object, as its store names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(pub String);

/// Bytes to store.
#[derive(Debug, Clone, Copy)]
pub struct Object<'a> {
    pub bytes: &'a [u8],
    pub content_type: &'static str,
}

/// The answer to a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    Found { bytes: Vec<u8>, etag: ETag },
    NotModified,
}

/// Why the store did not do as asked, by meaning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("{store} holds no object {key}")]
    NotFound { store: String, key: String },
    #[error("{store} already holds an object {key}")]
    AlreadyExists { store: String, key: String },
    #[error("{key} in {store} was changed by somebody else meanwhile")]
    Precondition { store: String, key: String },
    #[error("{key} in {store} has more than {bytes_max} bytes")]
    TooLarge { store: String, key: String, bytes_max: usize },
    #[error("the key {key:?} is not usable: {reason}")]
    BadKey { key: String, reason: String },
    #[error("{store} does not allow to {action} {key}: {reason}; check the permissions")]
    Denied { store: String, action: &'static str, key: String, reason: String },
    #[error("{store} cannot be used to {action} {key}: {reason}")]
    Unavailable { store: String, action: &'static str, key: String, reason: String },
}

/// Bytes of one segment of a key: what file systems take as a name.
const KEY_SEGMENT_BYTES_MAX: usize = 255;

/// Refuses keys that not every store can hold, so that models can move from one to another:
/// segments that are empty, mean another folder, are too long, or hold control characters.
pub fn check_key(key: &str) -> Result<(), StoreError> {
    let flaw_of = |segment: &str| match segment {
        "" => Some("it has an empty segment"),
        "." | ".." => Some("it has a segment that means another folder"),
        _ if segment.len() > KEY_SEGMENT_BYTES_MAX => {
            Some("it has a segment of more than 255 bytes")
        }
        _ if segment.chars().any(char::is_control) => Some("it has a control character"),
        _ => None,
    };
    match key.split('/').find_map(flaw_of) {
        Some(flaw) => Err(StoreError::BadKey { key: key.to_owned(), reason: flaw.to_owned() }),
        None => Ok(()),
    }
}
