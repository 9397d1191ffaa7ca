//! What one cycle says as a whole.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
}
