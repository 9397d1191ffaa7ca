//! What one cycle says as a whole.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cascade::Cascade;
use crate::result::ServiceResult;

/// The answer of the inference function and of `yaga infer --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cycle {
    pub schema_version: String,
    pub cycle_id: i64,
    /// The instant that the cycle judged.
    pub timestamp: String,
    pub status: CycleStatus,
    /// Why the cycle was skipped or is partial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    pub summary: Summary,
    /// What became of incidents; absent where none are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incidents: Option<IncidentCounts>,
    /// What became of messages; absent where no incidents are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliveries: Option<Deliveries>,
    /// Trouble that spread along the call graph, by root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cascades: Vec<Cascade>,
    /// One entry per service, in order of severity and then of name.
    pub results: Vec<ServiceResult>,
}

/// How a cycle ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CycleStatus {
    /// Every service was evaluated.
    Complete,
    /// Some services were not.
    Partial,
    /// The metric source is unhealthy: nothing was evaluated, and nothing may be concluded.
    SourceUnavailable,
    /// There is no model at all.
    NoModels,
}

impl CycleStatus {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            CycleStatus::Complete => "complete",
            CycleStatus::Partial => "partial",
            CycleStatus::SourceUnavailable => "source_unavailable",
            CycleStatus::NoModels => "no_models",
        }
    }
}

/// The cycle in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    pub services: u32,
    pub evaluated: u32,
    pub anomalous: u32,
    pub unavailable: u32,
    pub failed: u32,
    pub fallback_models: u32,
    /// Models that were fetched in this cycle; the others were warm.
    pub models_fetched: u32,
    /// What objectives did; absent without objectives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objectives: Option<ObjectiveCounts>,
}

/// Objectives of a cycle in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ObjectiveCounts {
    /// Services that were judged by objectives.
    pub evaluations: u32,
    /// Those whose severity objectives changed.
    pub adjusted: u32,
    /// Anomalies that were too small to matter.
    pub suppressed: u32,
    /// Anomalies that objectives made.
    pub synthetic: u32,
    /// Metrics that were not collected, so that their objective could not be judged.
    pub unavailable: u32,
}

impl From<slo::Counters> for ObjectiveCounts {
    fn from(it: slo::Counters) -> ObjectiveCounts {
        let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        ObjectiveCounts {
            evaluations: count(it.evaluations),
            adjusted: count(it.adjustments),
            suppressed: count(it.suppressions),
            synthetic: count(it.synthetic),
            unavailable: count(it.unavailable),
        }
    }
}

/// Incidents of a cycle in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct IncidentCounts {
    /// Not closed, of the services of this cycle.
    pub active: u32,
    /// Confirmed by this cycle.
    pub opened: u32,
    /// Announced before, and ended by this cycle.
    pub ended: u32,
    /// Alerts and resolutions of this cycle.
    pub announced: u32,
    /// Alerts that were due and held back: folded, silenced, below the threshold.
    pub held_back: u32,
    /// Services whose cycle could not be written: the next cycle carries on.
    pub not_committed: u32,
}

/// Messages of a cycle in numbers; one for two receivers counts twice.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Deliveries {
    pub delivered: u32,
    /// Not taken; tried again later.
    pub rescheduled: u32,
    /// Given up: each is worth an alarm.
    pub dead: u32,
    /// Dropped, because a newer alert of the same incident was delivered.
    pub superseded: u32,
    /// Waiting for another try.
    pub waiting: u32,
    pub oldest_waiting_seconds: u64,
}
