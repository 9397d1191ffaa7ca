//! Anomalies on the wire: their words, signals, shares and comparisons.

use std::collections::BTreeMap;

use detect::anomaly::{self, AnomalyKind};
use detect::evidence::EvidenceSignal;
use detect::involved::Involved;
use detect::model::MetricModel;
use detect::score::{CombinationVerdict, Direction, SeveritySource, Signal};

use super::{Judged, round, significant, value_of};
use crate::result::{Anomaly, Comparison, Contribution, DetectionSignal, Expected};

pub(super) fn render_anomaly(it: &Judged<'_>, found: &anomaly::Anomaly) -> Anomaly {
    let signals = signals(it);
    Anomaly {
        kind: match found.kind {
            AnomalyKind::Isolated => "ml_isolation",
            AnomalyKind::Consolidated => "consolidated",
            AnomalyKind::Combination => "multivariate",
        }
        .to_owned(),
        severity: found.severity,
        ml_severity: None,
        severity_adjustments: found.severity_reasons.clone(),
        confidence: round(found.confidence, 4),
        original_confidence: found.original_confidence,
        drift_warning: found.original_confidence.map(|_| true),
        score: round(found.score, 4),
        pattern_name: found.pattern.map(|pattern| pattern.name.to_owned()),
        description: found.description.clone(),
        interpretation: found.interpretation.clone(),
        business_impact: found.impact.told(found.severity),
        secondary_cause: found.secondary_cause.clone(),
        root_metric: found.root_metric.clone(),
        signal_count: signals.len() as u32,
        direction: found.direction.map(|direction| direction.as_str().to_owned()),
        value: found.value.map(significant),
        onset: found.trend.onset().map(|onset| onset.as_str().to_owned()),
        change_15m: found.trend.change_15m.map(|change| round(change, 4)),
        change_1h: found.trend.change_1h.map(|change| round(change, 4)),
        detection_signals: signals,
        possible_causes: found.possible_causes.clone(),
        recommended_actions: found.recommended_actions.clone(),
        checks: found.checks.clone(),
        contributing_metrics: found.contributing_metrics.clone(),
        comparison_data: comparison(it),
        feature_contributions: contributions(found),
        time_confidence: round(it.time_confidence, 4),
        detected_by_model: it.model.period,
        cascade_analysis: None,
        slo_context: None,
        correlation: None,
        tracking: None,
    }
}

/// What opened the anomaly first, then what the forests say, then the pattern.
pub(super) fn signals(it: &Judged<'_>) -> Vec<DetectionSignal> {
    let assessment = it.assessment;
    let mut signals: Vec<DetectionSignal> = match it.evidence {
        Some((evidence, method)) => {
            let render = |signal| render_evidence(signal, method);
            let own = evidence.signals.iter().map(render);
            own.chain(corroborating(it)).collect()
        }
        None => assessment.signals.iter().map(render_signal).collect(),
    };
    if let Some(verdict) = assessment.combination.as_ref().filter(|verdict| verdict.is_flagged) {
        signals.push(render_verdict(verdict));
    }
    signals.extend(it.anomaly.and_then(render_pattern));
    signals
}

/// What forests add to evidence.
fn corroborating<'a>(it: &'a Judged<'_>) -> impl Iterator<Item = DetectionSignal> + 'a {
    let involved = it.anomaly.into_iter().flat_map(|anomaly| &anomaly.involved);
    let named = |involved: &Involved| {
        it.assessment.signals.iter().find(|signal| signal.metric == involved.metric)
    };
    involved.filter(|involved| involved.is_corroborating).filter_map(named).map(render_signal)
}

fn render_signal(signal: &Signal) -> DetectionSignal {
    let method = match (signal.severity_source, signal.direction) {
        (SeveritySource::Rule, Direction::Activated) => "zero_normal_threshold",
        (SeveritySource::Rule, _) => "traffic_outage",
        (_, _) => "isolation_forest",
    };
    let source = match signal.severity_source {
        SeveritySource::Calibrated => "calibrated",
        SeveritySource::Tail => "tail",
        SeveritySource::Rule => "rule",
        SeveritySource::Fallback => "fallback",
    };
    DetectionSignal {
        method: method.to_owned(),
        kind: "ml_isolation".to_owned(),
        metric: Some(signal.metric.clone()),
        severity: signal.severity,
        severity_source: Some(source.to_owned()),
        score: round(signal.score, 4),
        expected: None,
        direction: Some(signal.direction.as_str().to_owned()),
        percentile: Some(round(signal.percentile, 1)),
        pattern: None,
        explanation: None,
    }
}

fn render_evidence(signal: &EvidenceSignal, method: &'static str) -> DetectionSignal {
    DetectionSignal {
        method: method.to_owned(),
        kind: "residual".to_owned(),
        metric: Some(signal.metric.clone()),
        severity: signal.severity,
        severity_source: None,
        score: round(signal.score, 4),
        expected: Some(significant(signal.usual)),
        direction: Some(signal.direction.as_str().to_owned()),
        percentile: signal.percentile.is_finite().then(|| round(signal.percentile, 1)),
        pattern: None,
        explanation: Some(signal.text.clone()),
    }
}

fn render_verdict(verdict: &CombinationVerdict) -> DetectionSignal {
    DetectionSignal {
        method: "multivariate".to_owned(),
        kind: "multivariate".to_owned(),
        metric: None,
        severity: verdict.severity,
        severity_source: Some("calibrated".to_owned()),
        score: round(verdict.score, 4),
        expected: None,
        direction: None,
        percentile: None,
        pattern: None,
        explanation: None,
    }
}

fn render_pattern(found: &anomaly::Anomaly) -> Option<DetectionSignal> {
    Some(DetectionSignal {
        method: "named_pattern_matching".to_owned(),
        kind: "multivariate_pattern".to_owned(),
        metric: None,
        severity: found.pattern?.severity,
        severity_source: Some("rule".to_owned()),
        score: round(found.score, 4),
        expected: None,
        direction: None,
        percentile: None,
        pattern: Some(found.pattern?.name.to_owned()),
        explanation: None,
    })
}

/// Rounded shares; what rounding leaves is the largest one's.
fn contributions(found: &anomaly::Anomaly) -> Option<Vec<Contribution>> {
    let render = |it: &detect::contribution::Contribution| Contribution {
        feature: it.feature.clone(),
        contribution: round(it.share, 4),
        direction: it.shift.as_str().to_owned(),
        percentile: it.percentile.map(|percentile| round(percentile, 1)),
    };
    let mut shares: Vec<Contribution> = found.contributions.iter().map(render).collect();
    let rest: f64 = shares.iter().skip(1).map(|it| it.contribution).sum();
    shares.first_mut()?.contribution = round(1.0 - rest, 4);
    Some(shares)
}

fn comparison(it: &Judged<'_>) -> BTreeMap<String, Comparison> {
    let compare = |metric: &MetricModel| {
        let current = value_of(it, &metric.name)?;
        let statistics = &metric.statistics;
        let comparison = Comparison {
            current: significant(current),
            training_mean: significant(statistics.summary.mean),
            training_std: significant(statistics.summary.std),
            training_p95: significant(statistics.summary.p95),
            deviation_sigma: round(statistics.deviation_sigma(current), 2),
            percentile_estimate: round(statistics.percentile(current), 1),
            expected: expected(it, &metric.name),
        };
        Some((metric.name.clone(), comparison))
    };
    it.model.metrics.iter().filter_map(compare).collect()
}

fn expected(it: &Judged<'_>, metric: &str) -> Option<Expected> {
    let (evidence, _) = it.evidence?;
    let band = evidence.bands.iter().find(|band| band.metric == metric)?;
    let [usual, low, high] = [band.usual, band.low, band.high].map(significant);
    Some(Expected { usual, low, high })
}
