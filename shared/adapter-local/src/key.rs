//! Which keys a folder can hold.

use pipeline::ports::{StoreError, check_key};

/// The folder's own files; nobody's object has such a name.
pub(crate) const RESERVED: &str = ".yaga";

/// Refuses keys that would leave the folder, or that no file can be named after.
pub(crate) fn check(key: &str) -> Result<(), StoreError> {
    if key.split('/').any(|segment| segment == RESERVED) {
        let reason = "it has the name of the store's own folder".to_owned();
        return Err(StoreError::BadKey { key: key.to_owned(), reason });
    }
    check_key(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_inside() {
        for key in ["a", "models/v1/a b/c%2Fd.bin", "...", ".hidden/..x", "a\\b"] {
            assert_eq!(check(key), Ok(()), "{key}");
        }
        let flaw = |key: &str| check(key).unwrap_err().to_string();
        insta::assert_snapshot!(
            flaw("/etc/passwd"),
            @r#"the key "/etc/passwd" is not usable: it has an empty segment"#
        );
        insta::assert_snapshot!(
            flaw("a/../../b"),
            @r#"the key "a/../../b" is not usable: it has a segment that means another folder"#
        );
        insta::assert_snapshot!(
            flaw(".yaga/lock"),
            @r#"the key ".yaga/lock" is not usable: it has the name of the store's own folder"#
        );
        insta::assert_snapshot!(
            flaw("a\0b"),
            @r#"the key "a\0b" is not usable: it has a control character"#
        );
        assert!(check(&"n".repeat(255)).is_ok());
        assert!(check(&"n".repeat(256)).is_err());
    }
}
