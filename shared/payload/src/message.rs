//! Messages: what leaves yaga about an incident, and how a receiver knows one again.
//!
//! A message is written once, together with the state that it announces, and may be sent more than
//! once. Its id is made from what it is about, so a repeated cycle makes the same message with the
//! same id, and a receiver that remembers ids sees each message once.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::notification::{Heartbeat, Notification};
use crate::resolution::Resolution;
use crate::result::Evaluation;

/// Bytes of one body. Larger evaluations are shortened when the message is made.
pub const BODY_BYTES_MAX: usize = 100 * 1024;
/// Incidents that one message may speak of: the active ones of one service.
pub const INCIDENTS_MAX: usize = 40;
const ID_HEX_DIGITS: usize = 24;

/// One thing to send, as it will be on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// 24 hexadecimal digits, sent as `Idempotency-Key`.
    pub id: String,
    pub kind: MessageKind,
    /// The service that it is about; empty where it is about yaga itself.
    pub service: String,
    pub cycle_id: i64,
    /// The incidents that it announces, updates or ends, sorted.
    pub incident_ids: Vec<String>,
    /// JSON, at most [`BODY_BYTES_MAX`] bytes. [`Body`] is its type.
    pub body: String,
}

/// What a message is for. Receivers may have an address for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// A service's open incidents, new or still going on.
    Anomaly,
    /// The end of one incident.
    Resolution,
    /// yaga itself cannot do its work, or can again.
    Notification,
    /// A cycle ran.
    Heartbeat,
}

/// The body of a message, told apart by `alert_type`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "alert_type", rename_all = "snake_case")]
pub enum Body {
    AnomalyDetected(Box<Evaluation>),
    IncidentResolved(Box<Resolution>),
    Pipeline(Box<Notification>),
    Heartbeat(Box<Heartbeat>),
}

/// Why a body could not be read back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the body of message {id} is not of this version's form: {reason}")]
pub struct UnreadableBody {
    pub id: String,
    pub reason: String,
}

impl MessageKind {
    /// All kinds.
    pub const ALL: [MessageKind; 4] = [
        MessageKind::Anomaly,
        MessageKind::Resolution,
        MessageKind::Notification,
        MessageKind::Heartbeat,
    ];

    /// The word in the outbox and in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            MessageKind::Anomaly => "anomaly",
            MessageKind::Resolution => "resolution",
            MessageKind::Notification => "notification",
            MessageKind::Heartbeat => "heartbeat",
        }
    }

    /// The kind of a word.
    pub fn parse(text: &str) -> Option<MessageKind> {
        MessageKind::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl Message {
    /// The body as the type that it was written from.
    pub fn read_body(&self) -> Result<Body, UnreadableBody> {
        serde_json::from_str(&self.body)
            .map_err(|error| UnreadableBody { id: self.id.clone(), reason: error.to_string() })
    }
}

/// The id of a message: the first 24 hexadecimal digits of the SHA-256 of what it is about.
///
/// `subject` tells messages of one service and cycle apart: the kind, and for a resolution also
/// the incident, because several may end in one cycle.
pub fn message_id(service: &str, cycle_id: i64, subject: &str) -> String {
    let canonical =
        format!("v=1\nservice={}\ncycle={cycle_id}\nkind={}", escaped(service), escaped(subject));
    let mut hex: String =
        Sha256::digest(canonical).iter().map(|byte| format!("{byte:02x}")).collect();
    hex.truncate(ID_HEX_DIGITS);
    hex
}

/// Without this, a line break in a name could forge another field.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('=', "\\=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_same_for_the_same_and_another_for_anything_else() {
        let id = message_id("booking", 14_500_000, "anomaly");
        insta::assert_snapshot!(id, @"d65a3af24124f8a1cb0fae61");
        assert_eq!(id, message_id("booking", 14_500_000, "anomaly"));
        let others = [
            message_id("booking", 14_500_001, "anomaly"),
            message_id("booking", 14_500_000, "resolution"),
            message_id("search", 14_500_000, "anomaly"),
            message_id("booking\ncycle=14500000", 0, "anomaly"),
            message_id("booking", 14_500_000, "anomaly\nkind=anomaly"),
        ];
        for other in &others {
            assert_ne!(&id, other);
            assert_eq!(other.len(), 24);
        }
    }

    #[test]
    fn words_of_kinds_round_trip() {
        for kind in MessageKind::ALL {
            assert_eq!(MessageKind::parse(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!(MessageKind::parse("alert"), None);
    }
}
