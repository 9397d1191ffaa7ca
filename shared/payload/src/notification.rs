//! What yaga says of itself: that it cannot see a service, and that it is alive.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Consecutive cycles without usable metrics after which somebody is told.
pub const UNAVAILABLE_CYCLES_MIN: u32 = 3;

/// yaga could not do its work for some cycles, or can do it again; or its model of a service is out
/// of date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Notification {
    pub schema_version: String,
    /// Id of the message that this is the body of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    pub timestamp: String,
    pub cycle_id: i64,
    /// The service that cannot be seen; absent where none can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
    pub status: NotificationStatus,
    /// `metrics_unavailable`, `error`, `source_unavailable` or `model_drift`.
    pub cause: String,
    /// The newest reason, for people.
    pub message: String,
    pub consecutive_cycles: u32,
    /// The first cycle of the row.
    pub since: String,
}

/// What is the matter, or that it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotificationStatus {
    Unavailable,
    Recovered,
    /// The service has been far from what its model learned for a day: train again.
    Drifted,
}

/// A cycle ran to its end. Who expects one a cycle notices that none comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Heartbeat {
    pub schema_version: String,
    /// Id of the message that this is the body of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    pub timestamp: String,
    pub cycle_id: i64,
    /// As in the cycle's answer: `complete`, `partial`, `source_unavailable`, `no_models`.
    pub status: String,
    pub services_evaluated: u32,
    pub anomalies_detected: u32,
    pub incidents_resolved: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inference_duration_ms: Option<u64>,
}
