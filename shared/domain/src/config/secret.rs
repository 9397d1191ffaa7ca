//! Secrets do not belong in a document that is stored, shown and compared.

/// What a text looks like, if it looks like a secret.
pub(crate) fn kind_of_secret(text: &str) -> Option<&'static str> {
    if user_info(text).is_some_and(|info| info.contains(':')) {
        return Some("an address with a password");
    }
    if text.contains("-----BEGIN ") {
        return Some("a private key or certificate");
    }
    let is_access_key = |id: &str| {
        id.len() == 20
            && (id.starts_with("AKIA") || id.starts_with("ASIA"))
            && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    let token = ["ghp_", "github_pat_", "xoxb-", "xoxp-", "Bearer "];
    if is_access_key(text) || token.iter().any(|start| text.starts_with(start)) {
        return Some("an access key or token");
    }
    None
}

/// The text with a password in an address replaced, for display.
pub(crate) fn without_password(text: &str) -> String {
    match user_info(text) {
        Some(info) => text.replacen(&format!("{info}@"), "***@", 1),
        None => text.to_owned(),
    }
}

/// `user:password` of an address that has it.
fn user_info(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    authority.rsplit_once('@').map(|(info, _)| info)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_noticed_and_plain_values_are_not() {
        for text in [
            "https://reader:hunter2@metrics.example.com",
            "AKIAIOSFODNN7EXAMPLE",
            "-----BEGIN PRIVATE KEY-----",
            "Bearer abcdef",
        ] {
            assert!(kind_of_secret(text).is_some(), "{text}");
        }
        for text in ["https://metrics.example.com:8428/a@b:c", "AKIA", "booking", "2m"] {
            assert_eq!(kind_of_secret(text), None, "{text}");
        }
        assert_eq!(without_password("https://a:b@host/x"), "https://***@host/x");
        assert_eq!(without_password("./models"), "./models");
    }
}
