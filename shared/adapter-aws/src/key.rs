//! Which keys a bucket takes. The rules are those of a folder too, so that models can move.

use pipeline::ports::{StoreError, check_key};

/// Bytes of a whole key, the prefix included: what S3 takes.
const KEY_BYTES_MAX: usize = 1_024;

/// The object's whole key in the bucket.
pub(crate) fn whole(prefix: &str, key: &str) -> Result<String, StoreError> {
    check_key(key)?;
    let whole = if prefix.is_empty() { key.to_owned() } else { format!("{prefix}/{key}") };
    if whole.len() > KEY_BYTES_MAX {
        let reason = "it has more than 1024 bytes with its prefix".to_owned();
        return Err(StoreError::BadKey { key: key.to_owned(), reason });
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_checked_and_prefixed() {
        assert_eq!(whole("", "a/b").as_deref(), Ok("a/b"));
        assert_eq!(whole("x/y", "a/b").as_deref(), Ok("x/y/a/b"));
        for bad in ["", "/a", "a/", "a//b", "../a", "a\0"] {
            assert!(matches!(whole("x", bad), Err(StoreError::BadKey { .. })), "{bad:?}");
        }
        let long = ["n".repeat(250).as_str(); 4].join("/");
        assert!(whole("", &long).is_ok());
        assert!(whole(&"p".repeat(30), &long).is_err());
    }
}
