//! The two identities: which pattern (fingerprint), and which occurrence of it (incident).
//!
//! Both are hashes of text, so a retried cycle gives the same ids without asking anybody. Neither
//! the period of the week, the model, the severity nor the root cause is part of a fingerprint: an
//! incident survives all of them changing.

use domain::ServiceName;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Hex digits of an id.
const HEX_DIGITS: usize = 12;
const FINGERPRINT_START: &str = "anomaly_";
const INCIDENT_START: &str = "incident_";

/// A pattern of a service, for ever: `anomaly_` and 12 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FingerprintId(String);

/// One occurrence of a pattern: `incident_` and 12 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IncidentId(String);

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an id; write {start} and {HEX_DIGITS} lower-case hex digits")]
pub struct IdError {
    text: String,
    start: &'static str,
}

impl FingerprintId {
    /// The fingerprint of an anomaly with a canonical name (see [`crate::name::canonical`]).
    pub fn of(service: &ServiceName, anomaly: &str) -> FingerprintId {
        let service = escape(service.as_str());
        let anomaly = escape(anomaly);
        let digest = digest(&format!("v=1\nservice={service}\nanomaly={anomaly}"));
        FingerprintId(format!("{FINGERPRINT_START}{digest}"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl IncidentId {
    /// The incident that a fingerprint starts in a cycle. It starts at most one there.
    pub fn of(fingerprint: &FingerprintId, cycle_id: i64) -> IncidentId {
        let digest = digest(&format!("v=1\nfingerprint={}\ncycle={cycle_id}", fingerprint.0));
        IncidentId(format!("{INCIDENT_START}{digest}"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Makes the canonical text unambiguous.
fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\n', "\\n").replace('=', "\\=")
}

fn digest(text: &str) -> String {
    let bytes = Sha256::digest(text.as_bytes());
    bytes.iter().take(HEX_DIGITS / 2).map(|byte| format!("{byte:02x}")).collect()
}

fn checked(text: String, start: &'static str) -> Result<String, IdError> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let digits = text.strip_prefix(start).filter(|digits| digits.len() == HEX_DIGITS);
    match digits {
        Some(digits) if digits.bytes().all(is_hex) => Ok(text),
        _ => Err(IdError { text, start }),
    }
}

impl TryFrom<String> for FingerprintId {
    type Error = IdError;
    fn try_from(text: String) -> Result<FingerprintId, IdError> {
        checked(text, FINGERPRINT_START).map(FingerprintId)
    }
}

impl TryFrom<String> for IncidentId {
    type Error = IdError;
    fn try_from(text: String) -> Result<IncidentId, IdError> {
        checked(text, INCIDENT_START).map(IncidentId)
    }
}

impl From<FingerprintId> for String {
    fn from(id: FingerprintId) -> String {
        id.0
    }
}

impl From<IncidentId> for String {
    fn from(id: IncidentId) -> String {
        id.0
    }
}

impl std::fmt::Display for FingerprintId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

impl std::fmt::Display for IncidentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name;

    #[track_caller]
    fn check(service: &str, anomaly: &str, fingerprint: &str, incident: &str) {
        let service = ServiceName::new(service).unwrap();
        let id = FingerprintId::of(&service, &name::canonical(anomaly));
        assert_eq!(id.as_str(), fingerprint);
        assert_eq!(IncidentId::of(&id, 14_500_000).as_str(), incident);
    }

    #[test]
    fn published_examples_hold() {
        check("booking", "latency_spike_recent", "anomaly_e0e86c103edf", "incident_ab62e1ef67bc");
        check("search", "error_rate_elevated", "anomaly_b818f80f37de", "incident_26801b35a559");
        let (cascade, titan) = ("dependency_latency_cascade", "dependency_latency_cascade:titan");
        for name in [cascade, titan, "downstream_cascade"] {
            check("mobile-api", name, "anomaly_f12af245a6a9", "incident_49a0b854bdef");
        }
    }

    #[test]
    fn names_that_only_look_alike_have_different_fingerprints() {
        let id = |service: &str, anomaly: &str| {
            FingerprintId::of(&ServiceName::new(service).unwrap(), anomaly)
        };
        assert_ne!(id("a", "b_c"), id("a_b", "c"));
        assert_ne!(id("a", "b=c"), id("a", "b\\=c"));
        assert_ne!(id("a", "b\\n"), id("a", "b\n"));
    }

    #[test]
    fn ids_are_checked_when_read() {
        let read = |text: &str| serde_json::from_str::<IncidentId>(&format!("{text:?}"));
        assert!(read("incident_ab62e1ef67bc").is_ok());
        for text in ["incident_ab62e1ef67b", "incident_AB62e1ef67bc", "anomaly_ab62e1ef67bc", ""] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
