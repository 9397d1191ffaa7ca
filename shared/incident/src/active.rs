//! One incident, as it is kept in the head of its service while it is going on.

use domain::{Period, ServiceName, Severity};
use serde::{Deserialize, Serialize};

use crate::change::Hold;
use crate::id::{FingerprintId, IncidentId};
use crate::state::IncidentState;

/// Changes of severity that are remembered.
pub const SEVERITY_HISTORY_MAX: usize = 20;
/// Patterns besides the first one that are remembered.
pub const ALTERNATE_PATTERNS_MAX: usize = 10;
/// Affected services that are listed.
pub const AFFECTED_MAX: usize = 50;
/// Services on the way to a root cause that are listed.
pub const PATH_MAX: usize = 20;
/// Characters of any text of an incident.
pub const TEXT_CHARS_MAX: usize = 400;
/// Re-openings whose instants are remembered.
pub const REOPENINGS_MAX: usize = 8;

/// One incident. Instants are epoch milliseconds.
///
/// `first_seen_ms <= last_updated_ms`, and both are instants of cycles with a detection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    pub incident_id: IncidentId,
    pub fingerprint_id: FingerprintId,
    /// Canonical name of the pattern at the opening.
    pub anomaly_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_metric: Option<String>,
    /// [`IncidentState::Closed`] only where the incident is told of after its end.
    pub state: IncidentState,

    /// After the objectives had their say.
    pub severity: Severity,
    /// What the detector said.
    pub ml_severity: Severity,
    /// The worst of `severity`.
    pub peak_severity: Severity,
    /// Oldest first, the last [`SEVERITY_HISTORY_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub severity_history: Vec<SeverityChange>,

    pub first_seen_ms: i64,
    /// The last detection.
    pub last_updated_ms: i64,
    /// When it was confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at_ms: Option<i64>,
    /// Oldest first, the last [`REOPENINGS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reopenings_ms: Vec<i64>,
    #[serde(default)]
    pub reopen_count: u32,
    /// Re-opened so often that it is held open until it is quiet for the separation.
    #[serde(default)]
    pub is_flapping: bool,

    /// Cycles with a detection.
    pub occurrence_count: u32,
    pub consecutive_detections: u32,
    pub missed_cycles: u32,
    /// Time since the last detection in which nothing was known of the service.
    #[serde(default)]
    pub unobserved_ms: i64,
    /// The same over its whole life.
    #[serde(default)]
    pub unobserved_total_ms: i64,

    /// An alert was handed over since its last opening.
    pub alerted: bool,
    /// Messages handed over for this incident: alerts and resolutions.
    pub alert_seq: u32,
    /// When the last alert was handed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_alert_cycle: Option<i64>,
    /// What holds alerts back now: a filter, a window or a silence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,

    /// Patterns that it showed besides its name, in order of appearance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternate_patterns: Vec<String>,
    /// What was read when it was first seen.
    pub opening: Reading,
    /// What was read at the last detection.
    pub latest: Reading,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detection_method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Period of the model of the last detection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detected_by_model: Option<Period>,

    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledgement>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced: Option<Silence>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,

    /// Where the trouble starts, if it is another service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_cause: Option<RootCause>,
    /// The announced incident that this one is listed under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folded_under: Option<Host>,
    /// Incidents of other services that are listed under this one, in order of their arrival.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affected: Vec<Affected>,
}

/// The severity changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeverityChange {
    pub at_ms: i64,
    pub from: Severity,
    pub to: Severity,
}

/// Numbers of one detection; what is not finite is absent.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Reading {
    /// Value of the root metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// What is usual, or the limit that it passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// The detector's score, on its own scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
}

/// Somebody is at it: alerts are not repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    pub by: String,
    pub at_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Somebody does not want to be told until an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    pub by: String,
    pub at_ms: i64,
    /// Exclusive.
    pub until_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Another service where the trouble starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootCause {
    pub service: ServiceName,
    /// From the service itself to the root, both included.
    pub path: Vec<ServiceName>,
}

/// An announced incident under which others are listed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Host {
    pub service: ServiceName,
    pub incident_id: IncidentId,
}

/// An incident that is listed under another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affected {
    pub service: ServiceName,
    pub incident_id: IncidentId,
    pub since_ms: i64,
}

impl Incident {
    /// Whole minutes from the first sight until `at_ms`, at least 0.
    pub fn duration_minutes(&self, at_ms: i64) -> i64 {
        minutes(at_ms - self.first_seen_ms)
    }

    /// Whole minutes from the first to the last detection.
    pub fn active_duration_minutes(&self) -> i64 {
        minutes(self.last_updated_ms - self.first_seen_ms)
    }

    /// Whole minutes without knowledge of the service since the last detection.
    pub fn unobserved_minutes(&self) -> i64 {
        minutes(self.unobserved_ms)
    }

    /// The same over its whole life.
    pub fn unobserved_total_minutes(&self) -> i64 {
        minutes(self.unobserved_total_ms)
    }

    /// Whole minutes since the last detection in which the service was observed.
    pub fn observed_gap_minutes(&self, at_ms: i64) -> i64 {
        minutes(at_ms - self.last_updated_ms - self.unobserved_ms)
    }

    /// When it was seen first, or opened again last.
    pub fn opened_ms(&self) -> i64 {
        self.reopenings_ms.last().copied().unwrap_or(self.first_seen_ms)
    }

    /// The service where its trouble starts.
    pub fn root<'a>(&'a self, service: &'a ServiceName) -> &'a ServiceName {
        self.root_cause.as_ref().map_or(service, |root| &root.service)
    }
}

/// Whole minutes, never negative.
pub(crate) fn minutes(span_ms: i64) -> i64 {
    span_ms.max(0) / 60_000
}
