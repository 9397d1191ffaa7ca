//! What the layer says of a service: the evaluation, and what became of each anomaly.

use domain::Severity;

use crate::budget::BudgetEvaluation;
use crate::context::SloContext;
use crate::database::DatabaseEvaluation;
use crate::errors::ErrorRateEvaluation;
use crate::ladder::LadderEvaluation;
use crate::status::{Driver, MatrixOutcome, OperationalImpact, SloStatus};
use crate::suppress::Suppressed;
use crate::traffic::TrafficEvaluation;

/// Everything that follows from one situation.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    pub evaluation: SloEvaluation,
    /// The anomalies that stay, in their order.
    pub kept: Vec<Kept>,
    /// Anomalies of the objectives themselves, where detection found none that could say it.
    pub synthetic: Vec<SyntheticAnomaly>,
}

/// An anomaly that stays.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Position in the situation's anomalies.
    pub index: usize,
    /// The effective severity, to store and to filter by; the detector's own goes beside it.
    pub severity: Severity,
    pub context: Option<SloContext>,
}

/// An anomaly that detection did not find, but an objective did.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntheticAnomaly {
    /// `slo_application_latency` and the like. It does not hold the status, so that a warning that
    /// becomes a breach stays the same incident.
    pub name: &'static str,
    pub root_metric: &'static str,
    pub severity: Severity,
    /// The root metric's value in its own unit.
    pub value: Option<f64>,
    pub description: String,
}

/// How a service stands against what it owes.
#[derive(Debug, Clone, PartialEq)]
pub struct SloEvaluation {
    /// The detector's.
    pub original_severity: Severity,
    pub adjusted_severity: Severity,
    pub matrix_outcome: MatrixOutcome,
    /// The lower bound that a fall of traffic set, if it raised the severity.
    pub traffic_floor: Option<Severity>,
    pub slo_status: SloStatus,
    /// The worst of latency and error rate over its critical limit: 1 and more is a breach. Below 1
    /// for an error rate that rests on too few failures.
    pub slo_proximity: f64,
    /// The status of each objective; the worst is the service's.
    pub parts: [(Driver, SloStatus); 4],
    /// What made the status what it is; `None` if it is ok.
    pub driver: Option<Driver>,
    pub operational_impact: OperationalImpact,
    pub is_busy_period: bool,
    /// Some metric was not collected, so the status may be worse than said.
    pub is_incomplete: bool,
    pub latency: LadderEvaluation,
    pub error_rate: ErrorRateEvaluation,
    /// `None` for a service without a database.
    pub database_latency: Option<DatabaseEvaluation>,
    pub request_rate: TrafficEvaluation,
    /// `None` without an objective or without a past.
    pub error_budget: Option<BudgetEvaluation>,
    pub suppressed: Vec<Suppressed>,
    pub explanation: String,
}

impl SloEvaluation {
    /// Whether the layer changed the detector's severity.
    pub fn severity_changed(&self) -> bool {
        self.adjusted_severity != self.original_severity
    }

    /// Metrics whose objective is at its warning limit or beyond.
    pub fn failing_metrics(&self) -> impl Iterator<Item = &'static str> {
        let failing = self.parts.iter().filter(|(_, status)| *status >= SloStatus::Warning);
        failing.map(|(driver, _)| driver.metric())
    }

    /// How many metrics were not collected.
    pub(crate) fn unavailable(&self) -> u64 {
        let database = self.database_latency.as_ref();
        [
            self.latency.reading.is_none(),
            self.error_rate.ladder.reading.is_none(),
            database.is_some_and(|it| it.reading.is_none()),
            self.request_rate.reading.is_none(),
        ]
        .into_iter()
        .map(u64::from)
        .sum()
    }
}

impl Verdict {
    /// Whether anything is left to report.
    pub fn has_anomalies(&self) -> bool {
        !self.kept.is_empty() || !self.synthetic.is_empty()
    }
}
