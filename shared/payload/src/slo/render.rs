//! From what the objectives found to the wire: words, and numbers with the digits that matter.

use std::collections::BTreeMap;

use domain::Period;
use domain::config::objectives::DatabaseRatios;
use slo::{ErrorCap, LadderEvaluation, SyntheticAnomaly, TrafficKind};

use super::{
    BurnRate, DatabaseLatencyEvaluation, ErrorBudgetEvaluation, ErrorRateEvaluation,
    LatencyEvaluation, RatioThresholds, RequestRateEvaluation, SloContext, SloEvaluation,
    Suppressed,
};
use crate::result::{Anomaly, DetectionSignal};

/// The word for a metric that was not collected.
const UNAVAILABLE: &str = "unavailable";
/// Kind and method of an anomaly that an objective made.
pub const SLO_THRESHOLD: &str = "slo_threshold";

/// `slo_evaluation` of a service's result.
pub fn evaluation(it: &slo::SloEvaluation) -> SloEvaluation {
    SloEvaluation {
        original_severity: it.original_severity,
        adjusted_severity: it.adjusted_severity,
        severity_changed: it.severity_changed(),
        matrix_outcome: it.matrix_outcome.as_str().to_owned(),
        traffic_floor: it.traffic_floor,
        slo_status: it.slo_status.as_str().to_owned(),
        slo_proximity: rounded(it.slo_proximity, 3),
        driver: it.driver.map(|driver| driver.as_str().to_owned()),
        operational_impact: it.operational_impact.as_str().to_owned(),
        is_busy_period: it.is_busy_period,
        incomplete: it.is_incomplete,
        latency_evaluation: ladder(&it.latency),
        error_rate_evaluation: error_rate(&it.error_rate),
        database_latency_evaluation: it.database_latency.as_ref().map(database),
        request_rate_evaluation: request_rate(&it.request_rate),
        error_budget_evaluation: it.error_budget.as_ref().map(error_budget),
        suppressed: it.suppressed.iter().map(suppressed).collect(),
        explanation: it.explanation.clone(),
    }
}

/// `slo_context` of an anomaly.
pub fn context(it: &slo::SloContext) -> SloContext {
    match *it {
        slo::SloContext::Database {
            value_ms,
            baseline_ms,
            ratio,
            floor_ms,
            ratios,
            within_acceptable,
            is_busy_period,
        } => SloContext::Database {
            current_value_ms: value_ms,
            baseline_mean_ms: baseline_ms,
            ratio: ratio.map(|ratio| rounded(ratio, 2)),
            floor_ms,
            below_floor: false,
            thresholds: ratio_thresholds(&ratios),
            within_acceptable,
            is_busy_period,
        },
        slo::SloContext::Latency {
            value_ms,
            acceptable_ms,
            critical_ms,
            within_acceptable,
            is_busy_period,
        } => SloContext::Latency {
            current_value_ms: value_ms,
            acceptable_threshold_ms: acceptable_ms,
            critical_threshold_ms: critical_ms,
            within_acceptable,
            is_busy_period,
        },
        slo::SloContext::ErrorRate {
            value,
            acceptable,
            critical,
            suppression,
            within_acceptable,
            is_busy_period,
        } => SloContext::ErrorRate {
            current_value: value,
            current_value_percent: percent(value),
            acceptable_threshold: acceptable,
            critical_threshold: critical,
            suppression_threshold: suppression,
            within_acceptable,
            is_busy_period,
        },
        slo::SloContext::RequestRate {
            value_rps,
            baseline_rps,
            ratio,
            surge_threshold_percent,
            cliff_threshold_percent,
            is_surge,
            is_cliff,
            is_busy_period,
        } => SloContext::RequestRate {
            current_value_rps: rounded(value_rps, 2),
            baseline_mean_rps: baseline_rps.map(|baseline| rounded(baseline, 2)),
            ratio: ratio.map(|ratio| rounded(ratio, 2)),
            surge_threshold_percent,
            cliff_threshold_percent,
            is_surge,
            is_cliff,
            is_busy_period,
        },
    }
}

/// An anomaly that an objective made, as detection's own are told. It is certain, and has no score.
pub fn synthetic(it: &SyntheticAnomaly, period: Period, time_confidence: f64) -> Anomaly {
    let metric = it.root_metric.to_owned();
    let signal = DetectionSignal {
        method: SLO_THRESHOLD.to_owned(),
        kind: SLO_THRESHOLD.to_owned(),
        metric: Some(metric.clone()),
        severity: it.severity,
        severity_source: Some("rule".to_owned()),
        score: 0.0,
        expected: None,
        direction: None,
        percentile: None,
        pattern: None,
        explanation: None,
    };
    Anomaly {
        kind: SLO_THRESHOLD.to_owned(),
        severity: it.severity,
        ml_severity: None,
        severity_adjustments: Vec::new(),
        confidence: 1.0,
        original_confidence: None,
        drift_warning: None,
        score: 0.0,
        pattern_name: None,
        description: it.description.clone(),
        interpretation: "Beyond an objective, though not unusual for this service.".to_owned(),
        business_impact: "Users get less than they were promised.".to_owned(),
        secondary_cause: None,
        root_metric: Some(metric.clone()),
        signal_count: 1,
        direction: None,
        value: it.value,
        onset: None,
        change_15m: None,
        change_1h: None,
        detection_signals: vec![signal],
        possible_causes: Vec::new(),
        recommended_actions: Vec::new(),
        checks: Vec::new(),
        contributing_metrics: vec![metric],
        comparison_data: BTreeMap::new(),
        feature_contributions: None,
        time_confidence,
        detected_by_model: period,
        cascade_analysis: None,
        slo_context: None,
        correlation: None,
        tracking: None,
    }
}

fn ladder(it: &LadderEvaluation) -> LatencyEvaluation {
    LatencyEvaluation {
        status: it.reading.map_or(UNAVAILABLE, |reading| reading.status.as_str()).to_owned(),
        proximity: it.reading.map(|reading| rounded(reading.proximity, 3)),
        value: it.reading.map(|reading| reading.value),
        threshold_acceptable: it.limits.acceptable,
        threshold_warning: it.limits.warning,
        threshold_critical: it.limits.critical,
    }
}

fn error_rate(it: &slo::ErrorRateEvaluation) -> ErrorRateEvaluation {
    ErrorRateEvaluation {
        ladder: ladder(&it.ladder),
        value_percent: it.ladder.reading.map(|reading| percent(reading.value)),
        low_traffic_capped: it.cap == Some(ErrorCap::LowTraffic),
        few_failures_capped: it.cap == Some(ErrorCap::FewFailures),
        p_value: it.p_value.map(|p_value| rounded(p_value, 6)),
    }
}

/// Where there is a ratio, all its parts have two digits; elsewhere numbers are as measured.
fn database(it: &slo::DatabaseEvaluation) -> DatabaseLatencyEvaluation {
    let is_compared = it.baseline_ms.is_some() && it.reading.is_some_and(|it| !it.below_floor);
    let shown = |value: f64| if is_compared { rounded(value, 2) } else { value };
    let below_floor = it.reading.is_some_and(|reading| reading.below_floor);
    DatabaseLatencyEvaluation {
        status: it.reading.map_or(UNAVAILABLE, |reading| reading.status.as_str()).to_owned(),
        value_ms: it.reading.map(|reading| shown(reading.value_ms)),
        baseline_mean_ms: it.baseline_ms.map(shown),
        ratio: it.reading.and_then(|reading| reading.ratio).map(shown),
        floor_ms: it.floor_ms,
        below_floor,
        thresholds: (!below_floor).then(|| ratio_thresholds(&it.ratios)),
    }
}

fn ratio_thresholds(ratios: &DatabaseRatios) -> RatioThresholds {
    RatioThresholds {
        info: ratios.info,
        warning: ratios.warning,
        high: ratios.high,
        critical: ratios.critical,
    }
}

fn request_rate(it: &slo::TrafficEvaluation) -> RequestRateEvaluation {
    let reading = it.reading;
    let kind = reading.map(|reading| reading.kind);
    let is_surge = kind == Some(TrafficKind::Surge);
    let is_cliff = kind == Some(TrafficKind::Cliff);
    let changed = reading.filter(|_| is_surge || is_cliff);
    RequestRateEvaluation {
        status: reading.map_or(UNAVAILABLE, |reading| reading.status.as_str()).to_owned(),
        kind: kind.map(|kind| kind.as_str().to_owned()),
        enabled: (!it.is_enabled).then_some(false),
        severity: reading
            .and_then(|reading| reading.severity)
            .map(|severity| severity.as_str().to_owned()),
        value_rps: reading.map(|reading| rounded(reading.value_rps, 2)),
        baseline_mean_rps: it.baseline_rps.map(|baseline| rounded(baseline, 2)),
        ratio: reading.and_then(|reading| reading.ratio).map(|ratio| rounded(ratio, 2)),
        threshold_percent: changed.and_then(|reading| reading.threshold_percent),
        min_expected_rps: changed.is_none().then_some(it.min_expected_rps),
        correlated_with_latency: changed.filter(|_| is_surge).map(|reading| reading.with_latency),
        correlated_with_errors: changed.map(|reading| reading.with_errors),
        is_peak_hours: changed.filter(|_| is_cliff).map(|reading| reading.is_peak_hours),
        explanation: it.explanation(),
    }
}

fn error_budget(it: &slo::BudgetEvaluation) -> ErrorBudgetEvaluation {
    let burn_rate = |(length_s, burn): &(u32, f64)| BurnRate {
        window_minutes: f64::from(*length_s) / 60.0,
        burn_rate: rounded(*burn, 2),
    };
    ErrorBudgetEvaluation {
        status: it.status.as_str().to_owned(),
        objective: it.objective,
        burn_rates: it.burn_rates.iter().map(burn_rate).collect(),
        remaining: it.remaining.map(|remaining| rounded(remaining, 4)),
        minutes_to_exhaustion: it.minutes_to_exhaustion.map(|minutes| rounded(minutes, 1)),
    }
}

fn suppressed(it: &slo::Suppressed) -> Suppressed {
    Suppressed {
        name: it.name.clone(),
        metric: it.family.as_str().to_owned(),
        value: it.value,
        threshold: it.threshold,
        reason: it.reason.clone(),
    }
}

fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    // Beyond this, scaling would lose digits or overflow; such values have no fraction to cut.
    if value.abs() >= 1e15 { value } else { (value * scale).round() / scale }
}

#[cfg(test)]
mod tests;
