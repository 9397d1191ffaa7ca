//! Judges one observation of one service: which metrics are unusual, how badly, and what to call it.
//!
//! A metric is flagged if its forest's decision score is below zero or its value lies far outside
//! everything seen in training (a forest's score is constant there). A flag becomes a signal only
//! through three gates: the value is in a tail, the effect matters, and there was enough traffic
//! to say so. Improvements are never signals.

use domain::config::valid::{Detection, Gates};
use domain::{BadDirection, MetricKind, MetricSet, Severity};

use crate::explain::{format_value, ordinal};
use crate::features::{Feature, Features, metric_of};
use crate::model::{
    Axis, Calibration, FeatureSet, MetricModel, MultivariateModel, PeriodModel, TailLimits,
    UnivariateForest,
};
use crate::multivariate::{combined, feature_vector};
use crate::rows::Observation;

/// On which side of its median a value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    High,
    Low,
    /// A metric that is normally zero is not.
    Activated,
}

/// Where a severity comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeveritySource {
    /// Percentiles of held-out scores.
    Calibrated,
    /// Distance outside the training range.
    Tail,
    /// A rule that needs no forest.
    Rule,
    /// Fixed scores, because nothing could be calibrated.
    Fallback,
}

/// One metric that is unusual and matters.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    pub metric: String,
    /// Decision score, lower is worse.
    pub score: f64,
    pub severity: Severity,
    pub severity_source: SeveritySource,
    pub direction: Direction,
    pub value: f64,
    pub percentile: f64,
    pub deviation_sigma: f64,
}

/// What the forest of all metrics says.
#[derive(Debug, Clone, PartialEq)]
pub struct CombinationVerdict {
    pub score: f64,
    pub is_flagged: bool,
    pub severity: Severity,
    /// Feature and its share of the verdict, largest first; only for flagged rows.
    pub contributions: Vec<(String, f64)>,
}

/// Everything that scoring found out about one observation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Assessment {
    /// How unusual the worst metric is, before gates: the negated decision score, so above zero is
    /// flagged and higher is worse. For ranking and charts.
    pub score: Option<f64>,
    /// Worst first.
    pub signals: Vec<Signal>,
    /// Metrics that a forest flagged before gates and filters.
    pub flagged: usize,
    pub combination: Option<CombinationVerdict>,
}

/// What scoring needs besides model and observation.
#[derive(Debug, Clone, Copy)]
pub struct ScoreSettings<'a> {
    pub metrics: &'a MetricSet,
    pub detection: &'a Detection,
    /// The model is another period's: its level of traffic says nothing about this one.
    pub is_fallback: bool,
}

/// A tail begins at this percentile, or this many robust deviations from the median.
const TAIL_PERCENTILE: f64 = 95.0;
const TAIL_SIGMAS: f64 = 2.0;
/// A median rate from which no traffic at all is an outage, in events per second.
const OUTAGE_MEDIAN_MIN: f64 = 1.0;
/// A normally idle metric counts as active beyond this multiple of its usual activity.
const ACTIVATED_FACTOR: f64 = 2.0;
/// Decision score of a signal that no forest gave.
const RULE_SCORE: f64 = -0.3;
/// Below this share of errors a low latency is good news.
const FAST_FAILURE_SHARE: f64 = 0.01;
/// Failures in a window below which a share of errors says nothing.
const FAILURES_MIN: f64 = 3.0;
const CHANCE_SIGMAS: f64 = 3.0;
/// Databases faster than this are never a problem.
const DATABASE_FLOOR_MS: f64 = 1.0;

/// Judges one observation.
pub fn assess(
    model: &PeriodModel,
    observation: &Observation,
    features: &Features,
    settings: &ScoreSettings<'_>,
) -> Assessment {
    let value_of = |name: &str| {
        let index = settings.metrics.index_of(name)?;
        observation.values.get(index).copied().flatten()
    };
    let mut flagged = 0;
    let mut signals: Vec<Signal> = Vec::new();
    let mut score: Option<f64> = None;
    for metric in &model.metrics {
        let Some(value) = value_of(&metric.name) else { continue };
        let feature = features.get(&metric.name);
        let found = decision(metric, value, feature).map(|it| -it);
        score = score.into_iter().chain(found).reduce(f64::max);
        let Some(signal) = flag(model, metric, value, feature, settings.detection) else {
            continue;
        };
        flagged += 1;
        if is_kept(metric, &signal, feature, observation, settings) {
            signals.push(signal);
        }
    }
    if signals.iter().any(is_outage) {
        signals.retain(is_outage);
    }
    drop_good_news(&mut signals, value_of("error_rate"));
    signals.sort_by(|a, b| {
        b.severity.cmp(&a.severity).then(a.score.total_cmp(&b.score)).then(a.metric.cmp(&b.metric))
    });
    let combination = model.multivariate.as_ref().and_then(|combination| {
        judge_combination(combination, model, features, settings.detection, value_of)
    });
    Assessment { score, signals, flagged, combination }
}

/// A signal if the metric's forest, the training range, or a rule says so; gates come later.
fn flag(
    model: &PeriodModel,
    metric: &MetricModel,
    value: f64,
    feature: Option<&Feature>,
    detection: &Detection,
) -> Option<Signal> {
    if is_outage_value(metric, value) {
        return Some(signal(metric, value, RULE_SCORE, Severity::Critical, SeveritySource::Rule));
    }
    let Some(forest) = &metric.forest else {
        let usual = metric.zeros.positive_p95;
        let is_activated =
            metric.zeros.is_zero_dominant && value > 0.0 && value > ACTIVATED_FACTOR * usual;
        return is_activated.then(|| Signal {
            direction: Direction::Activated,
            percentile: 95.0,
            deviation_sigma: 2.0,
            ..signal(metric, value, RULE_SCORE, Severity::Medium, SeveritySource::Rule)
        });
    };
    let score = decision(metric, value, feature)?;
    let tail = match forest.axis {
        Axis::Value => tail_severity(metric, &forest.tail, value),
        Axis::Deviation => deviation_severity(forest, feature?),
    };
    if score >= 0.0 && tail == Severity::None {
        return None;
    }
    let (severity, source) = severity_of(&forest.calibration, score, detection);
    let found = match tail > severity {
        true => signal(metric, value, score, tail, SeveritySource::Tail),
        false => signal(metric, value, score, severity, source),
    };
    Some(match forest.axis {
        Axis::Value => found,
        Axis::Deviation => of_deviation(found, model, f64::from(feature?.value)),
    })
}

/// The signal as seen from what is usual at this time.
fn of_deviation(found: Signal, model: &PeriodModel, z: f64) -> Signal {
    let percentile = model.evidence.as_ref().and_then(|it| it.percentile(&found.metric, z));
    Signal {
        direction: if z >= 0.0 { Direction::High } else { Direction::Low },
        percentile: percentile.unwrap_or(found.percentile),
        deviation_sigma: z,
        ..found
    }
}

/// The decision score of a metric's forest, if it has one that judges this value.
fn decision(metric: &MetricModel, value: f64, feature: Option<&Feature>) -> Option<f64> {
    let forest = metric.forest.as_ref()?;
    if forest.positive_only && value <= 0.0 {
        return None;
    }
    let at = match forest.axis {
        Axis::Value => value,
        Axis::Deviation => f64::from(feature?.value),
    };
    Some(forest.calibration.decision(forest.steps.score(metric.feature(forest.axis, at))))
}

/// The same for deviations, beyond what training saw.
fn deviation_severity(forest: &UnivariateForest, feature: &Feature) -> Severity {
    let (low, high) = forest.range;
    if feature.value >= low && feature.value <= high {
        return Severity::None;
    }
    forest.tail.severity(f64::from(feature.value.abs()))
}

fn signal(
    metric: &MetricModel,
    value: f64,
    score: f64,
    severity: Severity,
    severity_source: SeveritySource,
) -> Signal {
    let is_high = value >= metric.statistics.summary.p50;
    Signal {
        metric: metric.name.clone(),
        score,
        severity,
        severity_source,
        direction: if is_high { Direction::High } else { Direction::Low },
        value,
        percentile: metric.statistics.percentile(value),
        deviation_sigma: metric.statistics.deviation_sigma(value),
    }
}

fn severity_of(
    calibration: &Calibration,
    score: f64,
    detection: &Detection,
) -> (Severity, SeveritySource) {
    if let Some(thresholds) = &calibration.thresholds {
        let severity = if score < 0.0 { thresholds.severity(score) } else { Severity::None };
        return (severity, SeveritySource::Calibrated);
    }
    let cuts = &detection.fallback_scores;
    let severity = match score {
        s if s < cuts.critical => Severity::Critical,
        s if s < cuts.high => Severity::High,
        s if s < cuts.medium => Severity::Medium,
        s if s < 0.0 => Severity::Low,
        _ => Severity::None,
    };
    (severity, SeveritySource::Fallback)
}

/// How far outside the training range a value lies. Inside it, the forest knows better.
fn tail_severity(metric: &MetricModel, limits: &TailLimits, value: f64) -> Severity {
    let seen = &metric.statistics.summary;
    if value >= seen.p0_1 && value <= seen.max {
        return Severity::None;
    }
    limits.severity(metric.transform.floored_sigmas(value).abs())
}

/// No traffic where there always is some.
fn is_outage_value(metric: &MetricModel, value: f64) -> bool {
    metric.kind == MetricKind::Rate
        && metric.bad_direction != BadDirection::Up
        && value == 0.0
        && metric.statistics.summary.p50 >= OUTAGE_MEDIAN_MIN
        && metric.statistics.summary.p1 > 0.0
}

fn is_outage(signal: &Signal) -> bool {
    signal.severity_source == SeveritySource::Rule && signal.direction == Direction::Low
}

/// The three gates, and the direction that hurts.
fn is_kept(
    metric: &MetricModel,
    signal: &Signal,
    feature: Option<&Feature>,
    observation: &Observation,
    settings: &ScoreSettings<'_>,
) -> bool {
    let hurts = match (metric.bad_direction, signal.direction) {
        (BadDirection::Up, Direction::Low) => false,
        (BadDirection::Down, Direction::High | Direction::Activated) => false,
        (_, _) => true,
    };
    let knows_level = !(settings.is_fallback && metric.kind == MetricKind::Rate);
    let gates = &settings.detection.gates;
    let seen = &metric.statistics.summary;
    let usual = feature.map(|it| it.usual).filter(|usual| usual.is_finite());
    let (median, mean) = (usual.unwrap_or(seen.p50), usual.unwrap_or(seen.mean));
    hurts
        && knows_level
        && signal.severity > Severity::None
        && is_in_tail(metric, signal)
        && has_effect(metric.kind, signal, gates, median, mean)
        && has_enough_failures(metric.kind, signal, observation.requests, mean)
        && has_volume(metric.kind, observation.requests, gates)
}

fn is_in_tail(metric: &MetricModel, signal: &Signal) -> bool {
    signal.percentile >= TAIL_PERCENTILE
        || signal.percentile <= 100.0 - TAIL_PERCENTILE
        || sigmas(metric, signal).abs() >= TAIL_SIGMAS
        || signal.direction == Direction::Activated
}

fn sigmas(metric: &MetricModel, signal: &Signal) -> f64 {
    match metric.forest.as_ref().map(|forest| forest.axis) {
        Some(Axis::Deviation) => signal.deviation_sigma,
        _ => metric.transform.floored_sigmas(signal.value),
    }
}

/// The change is large enough that somebody would care.
fn has_effect(kind: MetricKind, signal: &Signal, gates: &Gates, median: f64, mean: f64) -> bool {
    let change = (signal.value - median).abs();
    match kind {
        MetricKind::Ratio if signal.direction == Direction::Low => false,
        MetricKind::Ratio => {
            signal.value >= gates.error_rate_min
                && signal.value >= gates.error_rate_ratio_min * mean
        }
        MetricKind::Latency => change >= gates.latency_ms_min.max(gates.latency_ratio_min * median),
        MetricKind::Rate => change >= gates.rate_min.max(gates.rate_ratio_min * median),
        MetricKind::Gauge => change >= gates.rate_ratio_min * median.abs(),
    }
}

/// A share is made of counted failures: a few of them, or a few more than usual, are chance.
/// Beyond three Poisson deviations of the usual count they are not.
fn has_enough_failures(
    kind: MetricKind,
    signal: &Signal,
    requests: Option<f64>,
    mean: f64,
) -> bool {
    let (MetricKind::Ratio, Some(requests)) = (kind, requests) else { return true };
    let failures = signal.value * requests;
    let usual = mean * requests;
    failures >= FAILURES_MIN && failures - usual >= CHANCE_SIGMAS * libm::sqrt(usual + 1.0)
}

/// A handful of requests says nothing about latency or errors.
fn has_volume(kind: MetricKind, requests: Option<f64>, gates: &Gates) -> bool {
    match kind {
        MetricKind::Latency | MetricKind::Ratio => {
            requests.is_none_or(|requests| requests >= gates.requests_min)
        }
        MetricKind::Rate | MetricKind::Gauge => true,
    }
}

/// Low latency without errors is no failure, and a database under a millisecond is no problem.
fn drop_good_news(signals: &mut Vec<Signal>, error_rate: Option<f64>) {
    let few_errors = error_rate.is_none_or(|share| share < FAST_FAILURE_SHARE);
    signals.retain(|signal| {
        let fast = signal.metric == "application_latency" && signal.direction == Direction::Low;
        let tiny = signal.metric == "database_latency" && signal.value < DATABASE_FLOOR_MS;
        let is_good_news = (fast && few_errors) || tiny;
        !is_good_news
    });
}

fn judge_combination(
    combination: &MultivariateModel,
    model: &PeriodModel,
    features: &Features,
    detection: &Detection,
    value_of: impl Fn(&str) -> Option<f64>,
) -> Option<CombinationVerdict> {
    let given = |name: &String| Some(combined(features.get(name)?.value));
    let features = match model.feature_set {
        FeatureSet::ForestV1 => feature_vector(&combination.features, &model.metrics, value_of)?,
        FeatureSet::ResidualV1 => {
            combination.features.iter().map(given).collect::<Option<Vec<f32>>>()?
        }
    };
    let score = combination.calibration.decision(combination.forest.anomaly_score(&features));
    let is_flagged = score < 0.0;
    let severity = if is_flagged {
        severity_of(&combination.calibration, score, detection).0
    } else {
        Severity::None
    };
    let contributions = if is_flagged {
        rank(&combination.features, combination.forest.attribute(&features))
    } else {
        Vec::new()
    };
    Some(CombinationVerdict { score, is_flagged, severity, contributions })
}

/// Metrics with at least a twentieth of the credit, largest first; several features of one metric
/// count together.
fn rank(features: &[String], credit: Vec<f64>) -> Vec<(String, f64)> {
    const CREDIT_MIN: f64 = 0.05;
    let mut ranked: Vec<(String, f64)> = Vec::new();
    for (feature, share) in features.iter().zip(credit) {
        let metric = metric_of(feature);
        match ranked.iter_mut().find(|(name, _)| name == metric) {
            Some((_, sum)) => *sum += share,
            None => ranked.push((metric.to_owned(), share)),
        }
    }
    ranked.retain(|(_, share)| *share >= CREDIT_MIN);
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    ranked
}

impl Direction {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::High => "high",
            Direction::Low => "low",
            Direction::Activated => "activated",
        }
    }
}

impl Signal {
    /// `application_latency 636 ms (99th percentile, usually 120 ms)`.
    pub fn message(&self, model: &MetricModel) -> String {
        let value = format_value(model.kind, &model.unit, self.value);
        let usual = format_value(model.kind, &model.unit, model.statistics.summary.p50);
        let place = match self.percentile {
            p if p >= 100.0 => "higher than ever in training".to_owned(),
            p if p <= 0.0 => "lower than ever in training".to_owned(),
            p => format!("{} percentile", ordinal(p)),
        };
        match self.direction {
            Direction::Activated => format!("{} {value} where it is normally zero", self.metric),
            _ => format!("{} {value} ({place}, usually {usual})", self.metric),
        }
    }
}

#[cfg(test)]
#[path = "score_tests.rs"]
mod tests;
