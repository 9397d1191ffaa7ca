//! Request rate against what is usual: surges, cliffs, and less than ever expected.

use domain::Period;
use domain::config::objectives::{RequestRateObjectives, TrafficSeverity};

use crate::status::{TrafficKind, TrafficStatus};

/// Request rate against its usual mean.
#[derive(Debug, Clone, PartialEq)]
pub struct TrafficEvaluation {
    /// `None`: the metric was not collected.
    pub reading: Option<TrafficReading>,
    pub baseline_rps: Option<f64>,
    /// The least expected in this period.
    pub min_expected_rps: f64,
    /// False: traffic is not judged by configuration.
    pub is_enabled: bool,
}

/// What a collected request rate means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrafficReading {
    pub value_rps: f64,
    pub kind: TrafficKind,
    pub status: TrafficStatus,
    /// `None` for normal traffic and none at all.
    pub severity: Option<TrafficSeverity>,
    /// Value over the usual mean; `None` without a mean.
    pub ratio: Option<f64>,
    /// Percent of the mean that makes it a surge or a cliff, for these two.
    pub threshold_percent: Option<f64>,
    pub with_latency: bool,
    pub with_errors: bool,
    pub is_peak_hours: bool,
}

/// What else is known when traffic is judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings {
    pub(crate) period: Period,
    pub(crate) is_busy: bool,
    pub(crate) is_slow: bool,
    pub(crate) has_errors: bool,
}

/// Judges a request rate.
pub(crate) fn judge(
    value_rps: Option<f64>,
    baseline_rps: Option<f64>,
    objectives: &RequestRateObjectives,
    around: Surroundings,
) -> TrafficEvaluation {
    let reading = value_rps.map(|value| read(value, baseline_rps, objectives, around));
    TrafficEvaluation {
        reading,
        baseline_rps,
        min_expected_rps: objectives.min_expected_rps(around.period),
        is_enabled: objectives.enabled,
    }
}

fn read(
    value_rps: f64,
    baseline_rps: Option<f64>,
    objectives: &RequestRateObjectives,
    around: Surroundings,
) -> TrafficReading {
    let ratio = baseline_rps.map(|baseline| value_rps / baseline);
    let is_surge = ratio.is_some_and(|it| it >= objectives.surge.threshold_percent / 100.0);
    let is_cliff = ratio.is_some_and(|it| it <= objectives.cliff.threshold_percent / 100.0);
    let (kind, severity) = if !objectives.enabled {
        (TrafficKind::Normal, None)
    } else if value_rps <= 0.0 && baseline_rps.is_none() {
        (TrafficKind::NoTraffic, None)
    } else if is_surge {
        (TrafficKind::Surge, Some(surge_severity(objectives, around)))
    } else if is_cliff {
        (TrafficKind::Cliff, Some(cliff_severity(objectives, around)))
    } else if value_rps < objectives.min_expected_rps(around.period) {
        (TrafficKind::LowTraffic, Some(TrafficSeverity::Informational))
    } else {
        (TrafficKind::Normal, None)
    };
    TrafficReading {
        value_rps,
        kind,
        status: severity.map_or(TrafficStatus::Ok, status),
        severity,
        ratio,
        threshold_percent: match kind {
            TrafficKind::Surge => Some(objectives.surge.threshold_percent),
            TrafficKind::Cliff => Some(objectives.cliff.threshold_percent),
            _ => None,
        },
        with_latency: around.is_slow,
        with_errors: around.has_errors,
        is_peak_hours: is_peak(around.period),
    }
}

fn surge_severity(objectives: &RequestRateObjectives, around: Surroundings) -> TrafficSeverity {
    let surge = &objectives.surge;
    match (around.has_errors, around.is_slow, around.is_busy) {
        (true, _, _) => surge.with_error_breach,
        (false, true, _) => surge.with_latency_breach,
        // In a busy period more traffic is what everybody waits for.
        (false, false, true) => TrafficSeverity::Informational,
        (false, false, false) => surge.standalone,
    }
}

fn cliff_severity(objectives: &RequestRateObjectives, around: Surroundings) -> TrafficSeverity {
    let cliff = &objectives.cliff;
    match (around.has_errors, is_peak(around.period)) {
        (true, _) => cliff.with_upstream_errors,
        (false, true) => cliff.peak_hours,
        (false, false) => cliff.standalone,
    }
}

fn is_peak(period: Period) -> bool {
    period == Period::BusinessHours
}

fn status(severity: TrafficSeverity) -> TrafficStatus {
    match severity {
        TrafficSeverity::Informational => TrafficStatus::Info,
        TrafficSeverity::Warning => TrafficStatus::Warning,
        TrafficSeverity::High => TrafficStatus::High,
        TrafficSeverity::Critical => TrafficStatus::Critical,
    }
}
