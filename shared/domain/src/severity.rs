//! The ordered severity scale of every anomaly, result and alert.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How bad something is. Ordered: `None < Low < Medium < High < Critical`.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    #[default]
    None,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    /// All levels, mildest first.
    pub const ALL: [Severity; 5] =
        [Severity::None, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::None => "none",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    /// The level of a word on the wire, if it is one.
    pub fn parse(text: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|level| level.as_str() == text)
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip_and_levels_are_ordered() {
        for pair in Severity::ALL.windows(2) {
            assert!(pair[0] < pair[1]);
        }
        for level in Severity::ALL {
            assert_eq!(Severity::parse(level.as_str()), Some(level));
        }
        assert_eq!(Severity::parse("informational"), None);
    }
}
