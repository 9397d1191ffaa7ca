//! Has a service moved away from what its model learned? Judged on a day of its period, never on a
//! single bad minute.
//!
//! The score of a metric is the distance of the window's median from the mean of training, in
//! standard deviations of training: an incident of an hour hardly moves the median of a day. The
//! relation of the metrics is judged by the window's median Mahalanobis distance. A penalty needs
//! the same finding an hour ago.

use domain::config::valid::DriftLimits;
use domain::{MetricSet, Severity};
use stats::{autocorrelation_lag1, effective_sample_size, median};

use crate::model::{MetricModel, PeriodModel};
use crate::rows::{Observation, Rows};
use crate::statistics::Selection;

/// What a check for drift found.
#[derive(Debug, Clone, PartialEq)]
pub struct DriftReport {
    pub basis: Basis,
    pub limits: DriftLimits,
    /// Every metric that could be checked, in the order of the model.
    pub metrics: Vec<MetricDrift>,
    pub relation: Option<RelationDrift>,
    /// What is taken off confidences: 0, 0.15 or 0.30.
    pub penalty: f64,
    /// Far from training for a whole day: the model does not know the service any more.
    pub is_lasting: bool,
}

/// What the check rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Rows of the period in the last day.
    Window { rows: usize },
    /// One observation, for lack of more. It never costs confidence.
    Instant,
}

/// One metric against its training.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricDrift {
    pub metric: String,
    pub limits: DriftLimits,
    /// Standard deviations of training between the current median and the mean of training.
    pub z_score: f64,
    pub training_mean: f64,
    pub training_std: f64,
    /// Median of the window.
    pub current: f64,
    /// Rows that carry as much as the autocorrelated ones do.
    pub rows_effective: f64,
    /// Population stability index over ten quantile bins; `None` on one observation.
    pub psi: Option<f64>,
}

/// The metrics together against their training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RelationDrift {
    /// Median Mahalanobis distance of the window's rows.
    pub distance: f64,
    pub limit: f64,
    pub features: usize,
}

/// Length of the window, and how long a finding must have held.
pub const WINDOW_S: i64 = 24 * 3600;
pub const PERSISTENCE_S: i64 = 3600;
/// Rows below which there is no window.
const ROWS_MIN: usize = 12;
const PENALTY: f64 = 0.15;
const PENALTY_FAR: f64 = 0.30;
/// Multiple of the limit beyond which relations have drifted far.
const RELATION_FAR: f64 = 1.5;
/// What rows of this age show has lasted for a day.
const LASTING_S: i64 = 20 * 3600;
/// Such rows there must be: half an hour.
const LASTING_ROWS_MIN: usize = 6;
const PSI_BINS: usize = 10;
/// Keeps the logarithm of an empty bin finite.
const PSI_SHARE_MIN: f64 = 1e-3;
const PSI_MODERATE: f64 = 0.1;
const PSI_SEVERE: f64 = 0.25;
/// Quantiles of chi-square at 99.9 % for 1 to 6 degrees of freedom.
const CHI_SQUARE: [f64; 6] = [10.8276, 13.8155, 16.2662, 18.4668, 20.5150, 22.4577];
/// The same quantile of the normal distribution.
const NORMAL_99_9: f64 = 3.090_232;
/// Standard deviations below this are those of a constant.
const STD_MIN: f64 = 1e-10;

/// Checks the rows of the model's period in the day before `at_s`; rows may reach back an hour
/// longer, so that the window of an hour ago can be seen too.
pub fn check(
    model: &PeriodModel,
    rows: &Rows,
    observation: &Observation,
    metrics: &MetricSet,
    limits: DriftLimits,
    at_s: i64,
) -> DriftReport {
    let report = |rows: &Rows, rows_min| report(model, rows, metrics, limits, rows_min);
    let window = |until_s: i64| rows.filter(|t| t > until_s - WINDOW_S && t <= until_s);
    let now = window(at_s);
    if now.len() < ROWS_MIN {
        let one = Rows {
            times_s: vec![observation.at_s],
            columns: observation.values.iter().map(|v| vec![v.unwrap_or(f64::NAN)]).collect(),
            width_s: rows.width_s,
        };
        return DriftReport { basis: Basis::Instant, ..report(&one, 1) };
    }
    let mut found = report(&now, ROWS_MIN);
    found.is_lasting = is_lasting(&now, at_s, report);
    let before = window(at_s - PERSISTENCE_S);
    found.penalty = if before.len() < ROWS_MIN {
        0.0
    } else {
        let before = report(&before, ROWS_MIN);
        found.penalty_by_size().min(before.penalty_by_size())
    };
    found
}

/// True if the same thing is far out from the beginning of a day to its end: in the rows that are
/// older than [`LASTING_S`], and in both halves of the others.
fn is_lasting(rows: &Rows, at_s: i64, report: impl Fn(&Rows, usize) -> DriftReport) -> bool {
    let oldest = rows.filter(|time_s| at_s - time_s >= LASTING_S);
    let others = rows.filter(|time_s| at_s - time_s < LASTING_S);
    let (older, newer) = others.split_at(others.len() / 2);
    let parts = [oldest, older, newer];
    if parts.iter().any(|part| part.len() < LASTING_ROWS_MIN) {
        return false;
    }
    let parts = parts.map(|part| report(&part, LASTING_ROWS_MIN));
    let is_far = |name: &str| {
        let far = |it: &MetricDrift| it.metric == name && it.z_score > it.limits.critical;
        parts.iter().all(|part| part.metrics.iter().any(far))
    };
    let has_far_relation =
        |part: &DriftReport| part.relation.is_some_and(|it| it.distance > RELATION_FAR * it.limit);
    parts[0].metrics.iter().any(|it| is_far(&it.metric)) || parts.iter().all(has_far_relation)
}

/// Everything but the penalty.
fn report(
    model: &PeriodModel,
    rows: &Rows,
    metrics: &MetricSet,
    limits: DriftLimits,
    rows_min: usize,
) -> DriftReport {
    let column = |name: &str| rows.columns.get(metrics.index_of(name)?);
    let checked =
        |metric: &MetricModel| metric_drift(metric, column(&metric.name)?, limits, rows_min);
    DriftReport {
        basis: Basis::Window { rows: rows.len() },
        limits,
        metrics: model.metrics.iter().filter_map(checked).collect(),
        relation: relation_drift(model, rows, metrics, rows_min),
        penalty: 0.0,
        is_lasting: false,
    }
}

fn metric_drift(
    metric: &MetricModel,
    column: &[f64],
    limits: DriftLimits,
    rows_min: usize,
) -> Option<MetricDrift> {
    let selection = metric.zeros.selection();
    let is_described = |value: f64| match selection {
        Selection::All => true,
        Selection::Positive => value > 0.0,
        Selection::Nothing => false,
    };
    let values: Vec<f64> =
        column.iter().copied().filter(|value| value.is_finite() && is_described(*value)).collect();
    let trained = &metric.statistics.summary;
    if values.len() < rows_min || trained.std < STD_MIN {
        return None;
    }
    let current = median(&values)?;
    let rho = autocorrelation_lag1(&values).unwrap_or(0.0);
    Some(MetricDrift {
        metric: metric.name.clone(),
        limits,
        z_score: (current - trained.mean).abs() / (trained.std + 1e-8),
        training_mean: trained.mean,
        training_std: trained.std,
        current,
        rows_effective: effective_sample_size(values.len(), rho),
        psi: (values.len() >= ROWS_MIN).then(|| stability_index(metric, &values)),
    })
}

/// `sum (a - e) ln(a / e)` over bins that held a tenth of training each.
fn stability_index(metric: &MetricModel, values: &[f64]) -> f64 {
    let mut counts = [0.0; PSI_BINS];
    for value in values {
        let share = metric.statistics.percentile(*value) / 100.0;
        counts[((share * PSI_BINS as f64) as usize).min(PSI_BINS - 1)] += 1.0;
    }
    let expected = 1.0 / PSI_BINS as f64;
    let total = values.len() as f64;
    let part = |count: &f64| {
        let actual = (count / total).max(PSI_SHARE_MIN);
        (actual - expected) * libm::log(actual / expected)
    };
    counts.iter().map(part).sum()
}

fn relation_drift(
    model: &PeriodModel,
    rows: &Rows,
    metrics: &MetricSet,
    rows_min: usize,
) -> Option<RelationDrift> {
    let baseline = model.drift.as_ref()?;
    let columns: Vec<(&MetricModel, &Vec<f64>)> = baseline
        .features
        .iter()
        .map(|name| Some((model.metric(name)?, rows.columns.get(metrics.index_of(name)?)?)))
        .collect::<Option<_>>()?;
    // A row that lacks a metric has no distance.
    let distance = |row: usize| {
        let feature = |(metric, column): &(&MetricModel, &Vec<f64>)| match column[row] {
            value if value.is_finite() => metric.transform.apply(value),
            _ => f64::NAN,
        };
        baseline.shape.distance(&columns.iter().map(feature).collect::<Vec<f64>>())
    };
    let distances: Vec<f64> = (0..rows.len()).filter_map(distance).collect();
    let features = columns.len();
    let limit = distance_limit(features).max(baseline.distance_p99_9);
    let distance = median(&distances).filter(|_| distances.len() >= rows_min)?;
    Some(RelationDrift { distance, limit, features })
}

/// The distance that one in a thousand rows of a normal distribution exceeds; beyond six metrics
/// by Wilson and Hilferty, "The distribution of chi-square", PNAS 1931.
pub fn distance_limit(features: usize) -> f64 {
    let square = match features.checked_sub(1).and_then(|index| CHI_SQUARE.get(index)) {
        Some(square) => *square,
        None => {
            let p = features.max(1) as f64;
            let part = 2.0 / (9.0 * p);
            let root = 1.0 - part + NORMAL_99_9 * libm::sqrt(part);
            p * root * root * root
        }
    };
    libm::sqrt(square)
}

impl DriftReport {
    /// Metrics that have drifted.
    pub fn drifted(&self) -> impl Iterator<Item = &MetricDrift> {
        self.metrics.iter().filter(|metric| metric.has_drifted())
    }

    /// The largest score among drifted metrics, else 0.
    pub fn score(&self) -> f64 {
        self.drifted().map(|metric| metric.z_score).fold(0.0, f64::max)
    }

    /// True if the relation of the metrics has drifted.
    pub fn has_relation_drift(&self) -> bool {
        self.relation.is_some_and(|relation| relation.distance > relation.limit)
    }

    /// True if anything has drifted.
    pub fn has_drift(&self) -> bool {
        self.score() > 0.0 || self.has_relation_drift()
    }

    /// What to do about it.
    pub fn recommendation(&self) -> &'static str {
        let is_far = self.score() > self.limits.critical;
        match (self.has_relation_drift(), is_far, self.score() > self.limits.warning) {
            (true, true, _) => "CRITICAL: the service has changed; train again now",
            (true, false, _) => "CRITICAL: the relation of metrics has shifted; train again",
            (false, true, _) => "CRITICAL: metrics are far from training; consider training again",
            (false, false, true) => "WARNING: metrics move away from training; watch them",
            (false, false, false) => "OK: as in training",
        }
    }

    fn penalty_by_size(&self) -> f64 {
        let of_metrics = penalty(self.score(), self.limits);
        let of_relation = match self.relation {
            Some(it) if it.distance > RELATION_FAR * it.limit => PENALTY_FAR,
            Some(it) if it.distance > it.limit => PENALTY,
            _ => 0.0,
        };
        of_metrics.max(of_relation)
    }
}

/// What a score costs: nothing up to the first limit, 0.15 up to the second, 0.30 beyond.
pub fn penalty(score: f64, limits: DriftLimits) -> f64 {
    match score {
        s if s > limits.critical => PENALTY_FAR,
        s if s > limits.warning => PENALTY,
        _ => 0.0,
    }
}

impl MetricDrift {
    /// Beyond the first limit in standard deviations, so beyond as many standard errors too.
    pub fn has_drifted(&self) -> bool {
        self.z_score > self.limits.warning
    }

    /// High beyond the second limit, else medium.
    pub fn severity(&self) -> Severity {
        if self.z_score > self.limits.critical { Severity::High } else { Severity::Medium }
    }

    /// Standard errors between the median and the mean of training.
    pub fn standard_errors(&self) -> f64 {
        self.z_score * libm::sqrt(self.rows_effective)
    }

    /// How much the distribution has changed, beyond what so few rows show by chance.
    pub fn stability(&self) -> &'static str {
        let chance = (PSI_BINS - 1) as f64 / self.rows_effective.max(1.0);
        match self.psi.unwrap_or(0.0) - chance {
            psi if psi >= PSI_SEVERE => "severe",
            psi if psi >= PSI_MODERATE => "moderate",
            _ => "stable",
        }
    }
}

impl Basis {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Basis::Window { .. } => "window",
            Basis::Instant => "instant",
        }
    }
}

#[cfg(test)]
#[path = "drift_tests.rs"]
mod tests;
