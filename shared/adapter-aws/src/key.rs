//! Which keys a bucket takes. The rules are those of a folder too, so that models can move.

use pipeline::ports::StoreError;

/// Bytes of one segment: what file systems take as a name.
const SEGMENT_BYTES_MAX: usize = 255;
/// Bytes of a whole key, the prefix included: what S3 takes.
const KEY_BYTES_MAX: usize = 1_024;

/// The object's whole key in the bucket.
pub(crate) fn whole(prefix: &str, key: &str) -> Result<String, StoreError> {
    let whole = if prefix.is_empty() { key.to_owned() } else { format!("{prefix}/{key}") };
    let flaw = key.split('/').find_map(flaw_of);
    let too_long = whole.len() > KEY_BYTES_MAX;
    match flaw.or(too_long.then_some("it has more than 1024 bytes with its prefix")) {
        Some(flaw) => Err(StoreError::BadKey { key: key.to_owned(), reason: flaw.to_owned() }),
        None => Ok(whole),
    }
}

fn flaw_of(segment: &str) -> Option<&'static str> {
    match segment {
        "" => Some("it has an empty segment"),
        "." | ".." => Some("it has a segment that means another folder"),
        _ if segment.len() > SEGMENT_BYTES_MAX => Some("it has a segment of more than 255 bytes"),
        _ if segment.chars().any(char::is_control) => Some("it has a control character"),
        _ => None,
    }
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
