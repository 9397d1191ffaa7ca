//! Why a cycle decided as it did, for people and machines.

use domain::{ServiceName, Severity};
use serde::Serialize;

use crate::backtest::judge::{Finding, Usual};

/// One cycle of one service, taken apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    pub service: ServiceName,
    /// End of the cycle, epoch seconds.
    pub at_s: i64,
    /// What the replay says of this cycle.
    pub finding: Finding,
    /// Why nothing could be judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_judged: Option<String>,
    /// What it was compared with, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// A score from here on is unusual.
    pub threshold: f64,
    pub metrics: Vec<MetricExplanation>,
    /// What else was looked at, one line each.
    pub notes: Vec<String>,
}

/// One metric in one cycle.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricExplanation {
    pub metric: String,
    /// Absent if it is missing.
    pub value: Option<f64>,
    pub usual: Option<Usual>,
    /// Share of the training values at or below this one, 0 to 100.
    pub percentile: Option<f64>,
    /// Robust standard deviations from the median.
    pub sigmas: Option<f64>,
    /// Higher is worse; absent where nothing scores this value.
    pub score: Option<f64>,
    /// Unusual, before gates.
    pub is_flagged: bool,
    /// `None` if it is no signal.
    pub severity: Severity,
    /// What an unusual value must pass to be a signal; empty where nothing is unusual.
    pub gates: Vec<Gate>,
}

/// A condition besides being unusual.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gate {
    pub name: &'static str,
    pub passed: bool,
    pub detail: String,
}
