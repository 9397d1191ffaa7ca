//! What a cycle brings to a service: its instant, and what was found.

use std::collections::BTreeSet;

use domain::{Period, Severity};

use crate::active::{Affected, Host, RootCause};
use crate::id::IncidentId;

/// Shortest cycle, seconds.
pub const CYCLE_MIN_S: i64 = domain::limits::CYCLE_S;

/// One tick of the scheduler for one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cycle {
    /// Number of the tick: `floor(instant / length)`.
    pub id: i64,
    /// Instant of the tick, epoch milliseconds: the scheduled one, not a clock's.
    pub at_ms: i64,
    pub length_s: i64,
}

/// What is known of a service in one cycle.
#[derive(Debug, Clone, PartialEq)]
pub enum Evaluation {
    /// Its metrics or its model were not there: incidents are frozen.
    NotEvaluated {
        reason: String,
    },
    Evaluated(Evaluated),
}

/// A service that was evaluated.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evaluated {
    /// Empty: all is well. What objectives suppressed is not in it.
    pub detections: Vec<Detection>,
    /// Metrics that could not be read: incidents with such a root metric are frozen.
    pub unavailable_metrics: BTreeSet<String>,
    /// Metrics that do not keep their objective.
    pub slo_breaches: BTreeSet<String>,
    /// Period of the model that was used.
    pub model: Option<Period>,
}

/// One anomaly, as detectors and objectives see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// Its name; aliases and root-cause suffixes are taken off on the way in.
    pub anomaly: String,
    pub root_metric: Option<String>,
    /// After objectives.
    pub severity: Severity,
    /// Before.
    pub ml_severity: Severity,
    pub confidence: f64,
    /// On the detector's own scale.
    pub score: f64,
    pub value: Option<f64>,
    pub threshold: Option<f64>,
    pub method: Option<String>,
    pub description: Option<String>,
    /// Strong enough to start an incident. Forests' anomalies always are.
    pub opens: bool,
    /// Judged from one cycle alone; other evidence has a persistence of its own.
    pub is_single: bool,
    /// The severity with limits a little tighter: an incident that is worse does not fall below it.
    pub lingering: Severity,
}

/// All that a step needs besides head and rules.
///
/// A detection is in `evaluation` where it is at least strong enough to keep an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub cycle: Cycle,
    pub evaluation: Evaluation,
    /// Another service where the trouble seems to start.
    pub root_cause: Option<RootCause>,
    /// The announced incidents that incidents of this service are listed under, by the id of the
    /// latter, in place of an alert of their own.
    pub folded_under: Vec<(IncidentId, Host)>,
    /// Incidents that are listed under incidents of this service, by the id of the latter.
    pub affected: Vec<(IncidentId, Affected)>,
}

impl Cycle {
    /// The cycle that an instant belongs to, for a service whose metrics have this step.
    pub fn at(at_ms: i64, step_s: i64) -> Cycle {
        Cycle::of_length(at_ms, step_s.max(CYCLE_MIN_S))
    }

    /// The cycle of a length of at least a second, whatever is the shortest in service.
    pub fn of_length(at_ms: i64, length_s: i64) -> Cycle {
        let length_s = length_s.max(1);
        Cycle { id: at_ms.div_euclid(1000).div_euclid(length_s), at_ms, length_s }
    }
}

impl Step {
    /// A step without neighbours.
    pub fn new(cycle: Cycle, evaluation: Evaluation) -> Step {
        let (folded_under, affected) = (Vec::new(), Vec::new());
        Step { cycle, evaluation, root_cause: None, folded_under, affected }
    }

    /// The incident of another service that an incident is listed under.
    pub(crate) fn host_of(&self, incident: &IncidentId) -> Option<&Host> {
        self.folded_under.iter().find(|(id, _)| id == incident).map(|(_, host)| host)
    }

    /// The evaluation, if there was one.
    pub(crate) fn evaluated(&self) -> Option<&Evaluated> {
        match &self.evaluation {
            Evaluation::Evaluated(evaluated) => Some(evaluated),
            Evaluation::NotEvaluated { .. } => None,
        }
    }
}
