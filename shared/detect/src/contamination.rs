//! How much of the training data is anomalous.
//!
//! The estimate is the geometric mean of two views: the share of values far from the median, and
//! the knee (or the largest gap) of the sorted scores, looked for only near the rank that the
//! first view names. A search over the whole curve finds a knee in clean data too. The result is
//! bounded by the category: half to three times its share, at most 15 %. Lower means fewer flags.

use domain::config::valid::{ContaminationMethod, Training};
use stats::{gap, knee};

use crate::model::{Contamination, ContaminationSource};
use crate::transform::Transform;

/// A value counts as far out beyond this many robust standard deviations.
const FAR_SIGMAS: f64 = 3.5;
/// Smallest share that the first view may name.
const TAIL_SHARE_MIN: f64 = 0.005;
/// Rows below which nothing is estimated.
const ESTIMATE_ROWS_MIN: usize = 500;
/// No contamination is above this, whatever the category says.
const CEILING: f64 = 0.15;

/// The configured share, and whether it is final.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Base {
    pub share: f64,
    pub is_final: bool,
}

/// Share of values far from the median, at least half a percent.
pub fn tail_share(values: &[f64], transform: &Transform) -> f64 {
    let far = values.iter().filter(|value| transform.sigmas(**value).abs() > FAR_SIGMAS).count();
    share_of(far, values.len())
}

/// A share of rows, at least half a percent.
pub fn share_of(rows: usize, of: usize) -> f64 {
    (rows as f64 / of.max(1) as f64).max(TAIL_SHARE_MIN)
}

/// The contamination of a forest whose training rows have these anomaly scores.
///
/// `scores`: anomaly scores of the training rows, in any order.
pub fn estimate(scores: &[f64], tail_share: f64, base: Base, settings: &Training) -> Contamination {
    let (lower_bound, upper_bound) = bounds(base.share);
    let record = |value: f64, source, estimate| Contamination {
        value: round_3(value),
        base: base.share,
        source,
        tail_share,
        estimate,
        lower_bound,
        upper_bound,
    };
    if base.is_final {
        return record(base.share, ContaminationSource::Configured, None);
    }
    let rows_min = settings.contamination_min_samples.max(ESTIMATE_ROWS_MIN);
    let estimate = if scores.len() < rows_min {
        None
    } else {
        estimate_share(scores, tail_share, settings.contamination_method)
    };
    let Some(estimate) = estimate else {
        let value = settings.contamination_fallback.clamp(lower_bound, upper_bound);
        return record(value, ContaminationSource::Fallback, None);
    };
    let source = ContaminationSource::Estimated(settings.contamination_method);
    record(estimate.clamp(lower_bound, upper_bound), source, Some(estimate))
}

/// Half to three times the base, at most 15 % (or the base itself where that is higher).
fn bounds(base: f64) -> (f64, f64) {
    (0.5 * base, (3.0 * base).min(CEILING.max(0.5 * base)))
}

/// sqrt(knee or gap x tail share), both as shares of the rows.
fn estimate_share(scores: &[f64], tail_share: f64, method: ContaminationMethod) -> Option<f64> {
    let mut decisions: Vec<f64> = scores.iter().map(|score| -score).collect();
    stats::sort(&mut decisions);
    let found = match method {
        ContaminationMethod::Knee => knee(&decisions, tail_share)?,
        ContaminationMethod::Gap => gap(&decisions, tail_share)?,
    };
    Some(libm::sqrt(found * tail_share))
}

fn round_3(value: f64) -> f64 {
    libm::round(value * 1000.0) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::MetricKind;

    fn check_bounds(base: f64, low: f64, high: f64) {
        let (lower, upper) = bounds(base);
        assert!((lower - low).abs() < 1e-12 && (upper - high).abs() < 1e-12, "{base}");
    }

    #[test]
    fn bounds_follow_the_category() {
        check_bounds(0.03, 0.015, 0.09);
        check_bounds(0.05, 0.025, 0.15);
        check_bounds(0.08, 0.04, 0.15);
        check_bounds(0.4, 0.2, 0.2);
    }

    fn settings(method: ContaminationMethod) -> Training {
        Training { contamination_method: method, ..crate::testing::training() }
    }

    /// A smooth body of scores and a separate group of outliers of a known share.
    fn scores_with_outliers(rows: usize, outliers: usize) -> Vec<f64> {
        let body = (0..rows - outliers).map(|i| 0.40 + 0.10 * i as f64 / rows as f64);
        let far = (0..outliers).map(|i| 0.65 + 0.05 * i as f64 / outliers as f64);
        body.chain(far).collect()
    }

    #[test]
    fn the_share_of_outliers_is_found() {
        for (outliers, method) in [(40, ContaminationMethod::Knee), (100, ContaminationMethod::Gap)]
        {
            let share = outliers as f64 / 2000.0;
            let base = Base { share: 0.03, is_final: false };
            let found =
                estimate(&scores_with_outliers(2000, outliers), share, base, &settings(method));
            assert!(found.value >= 0.9 * share && found.value <= 1.5 * share, "{found:?}");
            assert_eq!(found.source, ContaminationSource::Estimated(method));
        }
    }

    #[test]
    fn a_configured_share_is_final_and_few_rows_fall_back() {
        let settings = settings(ContaminationMethod::Knee);
        let base = Base { share: 0.2, is_final: true };
        assert_eq!(estimate(&[0.5; 600], 0.01, base, &settings).value, 0.2);
        let base = Base { share: 0.05, is_final: false };
        let few = estimate(&[0.5; 499], 0.01, base, &settings);
        assert_eq!((few.value, few.source), (0.05, ContaminationSource::Fallback));
    }

    #[test]
    fn far_values_are_counted_on_the_transformed_scale() {
        let mut values: Vec<f64> = (0..980).map(|i| 100.0 + f64::from(i % 21)).collect();
        values.extend([400.0; 20]);
        let transform = Transform::fit(MetricKind::Latency, &values);
        assert!((tail_share(&values, &transform) - 0.02).abs() < 1e-12);
        assert_eq!(tail_share(&[], &transform), 0.005);
    }
}
