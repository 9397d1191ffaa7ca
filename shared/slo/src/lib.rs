//! Service level objectives: detection says what is unusual, this layer says whether it matters.
//!
//! It runs after detection and before incidents and delivery. It never touches scores; it changes
//! severities, drops anomalies that are too small to matter, adds anomalies where an objective is
//! broken and detection saw nothing, and explains itself.
//!
//! - `situation`: what goes in: [`Situation`], [`Metrics`], [`Baselines`], [`Anomaly`]
//! - `busy`: the thresholds in force, looser in busy periods
//! - `ladder`, `errors`, `database`, `traffic`, `budget`: one objective each
//! - `evaluate`: the order of the steps
//! - `matrix`, `floor`: from status to severity
//! - `suppress`, `carry`, `context`: what becomes of each anomaly
//! - `evaluation`, `explain`, `counters`: what comes out: [`Verdict`], [`SloEvaluation`]
//!
//! Invariant: pure and total. The same settings and situation give the same verdict; there is no
//! clock, no JSON, no I/O and nothing that can fail. What was not collected is never read as zero.
//!
//! ```
//! use domain::config::load;
//! use domain::{Period, ServiceName, Severity};
//! use slo::{Anomaly, Baselines, Metrics, Situation, SloStatus, evaluate};
//!
//! let document = r#"{"slos": {"services": {"booking": {
//!     "latency_acceptable_ms": 300, "latency_warning_ms": 400, "latency_critical_ms": 500}}}}"#;
//! let config = load(Some(document), &|_| None)?.config;
//! let settings = config.slos.expect("the document has objectives");
//! let verdict = evaluate(
//!     &settings,
//!     &Situation {
//!         service: &ServiceName::new("booking")?,
//!         at: "2026-03-04T10:00:00Z".parse()?,
//!         period: Period::BusinessHours,
//!         metrics: Metrics { application_latency_ms: Some(450.0), ..Metrics::default() },
//!         window_s: 300,
//!         baselines: Baselines::default(),
//!         anomalies: &[Anomaly::new("slow", Some("application_latency"), Severity::Critical)],
//!         overall_severity: None,
//!         burn: &[],
//!     },
//! );
//! assert_eq!(verdict.evaluation.slo_status, SloStatus::Warning);
//! // Unusual, but the objective still holds: critical is taken back to high.
//! assert_eq!(verdict.kept[0].severity, Severity::High);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod budget;
mod busy;
mod carry;
mod context;
mod counters;
mod database;
mod errors;
mod evaluate;
mod evaluation;
mod explain;
mod family;
mod floor;
mod ladder;
mod matrix;
mod situation;
mod status;
mod suppress;
mod traffic;

#[cfg(test)]
mod tests;

pub use budget::{BUDGET_DAYS, BURN_RULES, BudgetEvaluation, BurnRule};
pub use busy::in_force;
pub use context::SloContext;
pub use counters::Counters;
pub use database::{DatabaseEvaluation, DatabaseReading};
pub use errors::{ErrorCap, ErrorRateEvaluation, FAILURES_MIN, REQUESTS_MIN, SIGNIFICANCE};
pub use evaluate::{evaluate, thresholds_at};
pub use evaluation::{Kept, SloEvaluation, SyntheticAnomaly, Verdict};
pub use family::Family;
pub use ladder::{LadderEvaluation, Reading};
pub use matrix::{MatrixRules, severity as matrix_severity};
pub use situation::{
    Anomaly, Baseline, Baselines, BurnWindow, Metrics, Situation, first_of, names_of,
};
pub use status::{
    DatabaseStatus, Driver, MatrixOutcome, OperationalImpact, SloStatus, TrafficKind, TrafficStatus,
};
pub use suppress::Suppressed;
pub use traffic::{TrafficEvaluation, TrafficReading};
