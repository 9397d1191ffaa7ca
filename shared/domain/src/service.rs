//! The name of a service and the category it belongs to.

use serde::{Deserialize, Serialize};

use crate::limits::SERVICE_NAME_CHARS_MAX;

/// The name of a service, as the label `service_name` of its metrics spells it.
///
/// Never empty, at most 100 characters, no control characters. Other unusual characters are
/// accepted, because the metrics decide how a service is called; object keys escape them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceName(String);

/// Why a text is not the name of a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceNameError {
    #[error("a service name must not be empty")]
    Empty,
    #[error(
        "the service name {start}… has {chars} characters; at most {SERVICE_NAME_CHARS_MAX} are allowed"
    )]
    TooLong { start: String, chars: usize },
    #[error("the service name {0:?} holds a control character")]
    ControlCharacter(String),
}

impl ServiceName {
    /// Checks `text` and makes it a name.
    pub fn new(text: impl Into<String>) -> Result<ServiceName, ServiceNameError> {
        let text = text.into();
        let chars = text.chars().count();
        if text.trim().is_empty() {
            return Err(ServiceNameError::Empty);
        }
        if chars > SERVICE_NAME_CHARS_MAX {
            let start = text.chars().take(20).collect();
            return Err(ServiceNameError::TooLong { start, chars });
        }
        if text.chars().any(char::is_control) {
            return Err(ServiceNameError::ControlCharacter(text));
        }
        Ok(ServiceName(text))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ServiceName {
    type Error = ServiceNameError;
    fn try_from(text: String) -> Result<ServiceName, ServiceNameError> {
        ServiceName::new(text)
    }
}

impl From<ServiceName> for String {
    fn from(name: ServiceName) -> String {
        name.0
    }
}

impl std::fmt::Display for ServiceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// The category of a service: one of the six built-in ones or one of the configuration's own.
///
/// It decides how much of a service's history is expected to be anomalous.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Category(String);

/// Names, expected shares of anomalies, and name tokens of the built-in categories.
///
/// A service that no category lists is put in the first one of which a token occurs in its name.
const BUILT_IN: [(&str, f64, &[&str]); 6] = [
    ("critical", 0.03, &["api", "gateway", "proxy", "auth", "login", "oauth", "security"]),
    ("admin", 0.06, &["admin", "adm", "mgmt", "management"]),
    ("background", 0.08, &["worker", "job", "task", "queue", "processor", "batch"]),
    ("micro", 0.08, &["micro", "util", "helper", "tool"]),
    ("core", 0.04, &["m2", "core", "platform", "db", "database", "storage", "cache"]),
    ("standard", 0.05, &[]),
];

impl Category {
    /// Order in which the built-in categories are read from a configuration.
    pub const BUILT_IN_ORDER: [&'static str; 6] =
        ["critical", "standard", "micro", "admin", "core", "background"];

    /// Makes a category of the configuration's word for it.
    pub fn new(name: impl Into<String>) -> Category {
        Category(name.into())
    }

    /// The category of a service that the configuration does not list, from the tokens of its
    /// name (split at `-`, `_` and `.`). Matching whole tokens keeps `catalog` from being a `log`.
    pub fn guess(service: &ServiceName) -> Category {
        let name = service.as_str().to_lowercase();
        let tokens: Vec<&str> = name.split(['-', '_', '.']).collect();
        let found = BUILT_IN.iter().find(|(_, _, words)| words.iter().any(|w| tokens.contains(w)));
        Category(found.map_or("standard", |(name, _, _)| name).to_owned())
    }

    /// The expected share of anomalies, if the category is a built-in one.
    pub fn built_in_contamination(&self) -> Option<f64> {
        BUILT_IN.iter().find(|(name, _, _)| *name == self.0).map(|(_, share, _)| *share)
    }

    /// The category's word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Category {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        assert!(ServiceName::new("booking").is_ok());
        assert!(ServiceName::new("Payments (EU)/v2").is_ok());
        assert_eq!(ServiceName::new("  "), Err(ServiceNameError::Empty));
        assert!(matches!(ServiceName::new("a\nb"), Err(ServiceNameError::ControlCharacter(_))));
        assert!(matches!(
            ServiceName::new("x".repeat(101)),
            Err(ServiceNameError::TooLong { chars: 101, .. })
        ));
    }

    #[test]
    fn categories_are_guessed_from_whole_tokens() {
        let guess = |name: &str| Category::guess(&ServiceName::new(name).unwrap()).0;
        assert_eq!(guess("mobile-api"), "critical");
        assert_eq!(guess("catalog"), "standard");
        assert_eq!(guess("capital-one-x"), "standard");
        assert_eq!(guess("m2-fr-adm"), "admin");
        assert_eq!(guess("m2-fr"), "core");
        assert_eq!(guess("report_batch"), "background");
    }
}
