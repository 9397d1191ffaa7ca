//! Which incident an anomaly belongs to, and what the cycle did to it.

use domain::{Period, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Steps of severity that a message recounts at most, newest last.
pub const SEVERITY_STEPS_MAX: usize = 20;

/// The state of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IncidentStatus {
    /// Seen, not confirmed: never on the wire as an alert.
    Suspected,
    /// Confirmed and going on.
    Open,
    /// Confirmed and not seen in the last cycles.
    Recovering,
    /// Over.
    Closed,
}

/// What a cycle did to a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FingerprintAction {
    Create,
    Update,
    Resolve,
}

/// What a cycle did to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IncidentAction {
    Create,
    Continue,
    Close,
    Reopen,
}

/// Members of an anomaly that its incident adds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tracking {
    /// The pattern on this service: the same whenever it comes back.
    pub fingerprint_id: String,
    /// This occurrence of it.
    pub incident_id: String,
    /// Name that the fingerprint was made from.
    pub anomaly_name: String,
    pub fingerprint_action: FingerprintAction,
    pub incident_action: IncidentAction,
    pub status: IncidentStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_status: Option<IncidentStatus>,
    pub is_confirmed: bool,
    /// Confirmed in this very cycle: the first alert of the incident.
    pub newly_confirmed: bool,
    pub confirmation_pending: bool,
    /// Detections still missing for confirmation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles_to_confirm: Option<u32>,
    pub reopened: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_since_closure_minutes: Option<u32>,
    pub occurrence_count: u32,
    pub consecutive_detections: u32,
    /// The worst severity since the incident began.
    pub peak_severity: Severity,
    pub severity_changed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_severity: Option<Severity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity_direction: Option<SeverityDirection>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity_changed_at: Option<String>,
    /// Became critical in this very cycle: worth notifying again.
    pub escalated: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub severity_history: Vec<SeverityStep>,
    pub first_seen: String,
    pub last_updated: String,
    pub incident_duration_minutes: u32,
    /// Minutes in which the service could not be evaluated.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unobserved_minutes: u32,
    /// Why nobody is told: a filter, a window by its name, or a silence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_back: Option<String>,
    /// Other patterns that the same incident has shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternate_patterns: Vec<String>,
}

/// Whether an incident became worse or better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SeverityDirection {
    Up,
    Down,
}

/// One change of an incident's severity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SeverityStep {
    pub at: String,
    pub from: Severity,
    pub to: Severity,
}

/// What a cycle did to all incidents of a service. Always complete, whatever was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fingerprinting {
    pub service_name: String,
    /// Period of the model that was used.
    pub model_name: Period,
    pub timestamp: String,
    pub action_summary: ActionSummary,
    pub status_summary: StatusSummary,
    pub overall_action: OverallAction,
    pub resolved_incidents: Vec<ResolvedIncident>,
    /// Ids of the incidents that this cycle confirmed.
    pub newly_confirmed_incidents: Vec<Tracking>,
    /// All that are not closed.
    pub total_active_incidents: u32,
    /// Those that are open.
    pub total_alerting_incidents: u32,
    /// Open and recovering, for readers of older versions.
    pub total_open_incidents: u32,
    pub detection_context: DetectionContext,
}

/// Actions of a cycle, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActionSummary {
    pub incident_creates: u32,
    pub incident_continues: u32,
    /// Without the ones that nobody was told of.
    pub incident_closes: u32,
    pub incident_reopens: u32,
    pub newly_confirmed: u32,
    /// Unconfirmed ones that ended silently.
    pub suspected_expired: u32,
}

/// Active incidents of the service after the cycle, by state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusSummary {
    pub suspected: u32,
    pub confirmed: u32,
    pub recovering: u32,
}

/// The cycle's actions in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OverallAction {
    NoChange,
    Confirmed,
    Create,
    Update,
    Resolve,
    Reopen,
    Mixed,
}

/// An incident that the cycle ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResolvedIncident {
    pub fingerprint_id: String,
    pub incident_id: String,
    pub anomaly_name: String,
    pub resolution_reason: crate::resolution::ResolutionReason,
    pub final_severity: Severity,
    pub peak_severity: Severity,
    pub resolved_at: String,
    pub incident_duration_minutes: u32,
}

/// What confirmation and ending went by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DetectionContext {
    pub model_used: Period,
    pub inference_timestamp: String,
    pub confirmation_cycles: u32,
    pub resolution_grace_cycles: u32,
}

/// A service whose incident is listed here instead of being announced by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AffectedService {
    pub service_name: String,
    pub incident_id: String,
    pub since: String,
}

/// The service where the trouble most likely starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RootCause {
    pub service_name: String,
    /// From the affected service to the root, both included.
    pub path: Vec<String>,
}

pub(crate) fn is_zero(count: &u32) -> bool {
    *count == 0
}
