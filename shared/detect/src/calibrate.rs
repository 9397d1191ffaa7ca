//! Severity from held-out scores: percentiles of the decision score of rows that the forest has
//! not seen.

use domain::config::valid::SeverityPercentiles;
use stats::quantile_sorted;

use crate::model::{Calibration, SeverityThresholds, TailLimits};

/// Held-out rows below which nothing is calibrated.
const ROWS_MIN: usize = 20;
/// Puts a threshold below the worst score.
const BELOW_ALL: f64 = 1e-6;
/// Held-out rows from which they have a say in the offset.
const OFFSET_ROWS_MIN: usize = 100;
/// The offset that stands for no contamination at all, as in the original paper.
const OFFSET_WITHOUT_ROWS: f64 = -0.5;
/// Robust deviations outside the training range that make a value severe by itself.
const TAIL_MEDIUM: f64 = 4.5;
const TAIL_HIGH: f64 = 6.0;
const TAIL_CRITICAL: f64 = 8.0;
/// Held-out rows from which the lowest percentile stands on its own.
const TAIL_ROWS_MIN: usize = 1000;
/// Share of normal rows of a service that may reach the alert level, over all of its metrics.
const ALERT_SHARE: f64 = 0.02;

/// What calibration needs to know besides scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationSettings {
    pub enabled: bool,
    pub percentiles: SeverityPercentiles,
    /// Metrics of the service that are watched: the alert level's share is split among them.
    pub metrics: usize,
}

/// Offset and thresholds from the anomaly scores of training and held-out rows.
///
/// `contamination` is the share of training rows that the offset puts below zero.
pub fn calibrate(
    training: &[f64],
    validation: &[f64],
    contamination: f64,
    settings: &CalibrationSettings,
) -> Calibration {
    let training = negated_sorted(training);
    let validation = negated_sorted(validation);
    let offset = offset(&training, &validation, contamination);
    let below = validation.partition_point(|score| *score < offset);
    let rows = validation.len();
    let mean = validation.iter().sum::<f64>() / rows.max(1) as f64;
    let usable = settings.enabled && rows >= ROWS_MIN;
    Calibration {
        offset,
        thresholds: usable.then(|| thresholds(&training, &validation, offset, settings)),
        rows_validation: rows as u32,
        flagged_share: below as f64 / rows.max(1) as f64,
        mean_score: if rows > 0 { mean - offset } else { 0.0 },
    }
}

/// The score below which a row is flagged: the contamination's share of the training rows, or of
/// the held-out rows where that is stricter. Behaviour that moved on since would otherwise flag
/// many times the share that was asked for.
fn offset(training: &[f64], validation: &[f64], contamination: f64) -> f64 {
    let learned = quantile_sorted(training, contamination).unwrap_or(OFFSET_WITHOUT_ROWS);
    if validation.len() < OFFSET_ROWS_MIN {
        return learned;
    }
    quantile_sorted(validation, contamination).map_or(learned, |held_out| learned.min(held_out))
}

/// How far out, in robust deviations, a value beyond the training range must be for a severity of
/// its own: the seed's limits, or what held-out rows reach anyway where that is more.
///
/// `validation`: absolute deviations of the held-out rows, in any order.
pub fn calibrate_tail(validation: &[f64], settings: &CalibrationSettings) -> TailLimits {
    let mut sorted = validation.to_vec();
    stats::sort(&mut sorted);
    let reached = |percentile: f64| {
        let usable = settings.enabled && sorted.len() >= ROWS_MIN;
        let found = quantile_sorted(&sorted, 1.0 - percentile / 100.0).filter(|_| usable);
        found.unwrap_or(0.0)
    };
    let percentiles = &settings.percentiles;
    let medium = TAIL_MEDIUM.max(reached(percentiles.medium));
    let high = TAIL_HIGH.max(reached(settings.high_percentile())).max(medium);
    let critical = TAIL_CRITICAL.max(reached(percentiles.critical)).max(high);
    TailLimits { medium, high, critical }
}

impl CalibrationSettings {
    /// Several metrics share one service's alarms, and each can raise them in two ways, by its
    /// score and by its tail: each way gets its part.
    fn high_percentile(&self) -> f64 {
        let share = 100.0 * ALERT_SHARE / (2 * self.metrics.max(1)) as f64;
        self.percentiles.high.min(share).max(self.percentiles.critical)
    }
}

fn thresholds(
    training: &[f64],
    validation: &[f64],
    offset: f64,
    settings: &CalibrationSettings,
) -> SeverityThresholds {
    let percentiles = &settings.percentiles;
    let at = |sorted: &[f64], percentile: f64| threshold(sorted, percentile, offset) - offset;
    let mut critical = at(validation, percentiles.critical);
    if validation.len() < TAIL_ROWS_MIN {
        // The lowest of a few hundred rows says little about one in a thousand.
        critical = critical.min(at(training, percentiles.critical));
    }
    let high = at(validation, settings.high_percentile()).max(critical);
    let medium = at(validation, percentiles.medium).max(high);
    let low = at(validation, percentiles.low).max(medium);
    SeverityThresholds { critical, high, medium, low }
}

/// The score that a percentile of the rows reaches.
///
/// Every row outside the training range has the same score, the worst there is. Where more rows
/// share it than the percentile stands for, no score can mean what it says: the threshold then
/// lies below all of them, and the tail alone decides.
fn threshold(sorted: &[f64], percentile: f64, otherwise: f64) -> f64 {
    let Some(score) = quantile_sorted(sorted, percentile / 100.0) else { return otherwise };
    let reached = sorted.partition_point(|other| *other <= score);
    let meant = percentile / 100.0 * sorted.len() as f64;
    let is_worst = sorted.first().is_some_and(|worst| score <= *worst);
    if is_worst && reached as f64 > 2.0 * meant + 1.0 { score - BELOW_ALL } else { score }
}

/// Scores in the orientation of decisions: lower is worse.
fn negated_sorted(scores: &[f64]) -> Vec<f64> {
    let mut negated: Vec<f64> = scores.iter().map(|score| -score).collect();
    negated.sort_by(f64::total_cmp);
    negated
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Severity;
    use proptest::prelude::*;

    const PERCENTILES: SeverityPercentiles =
        SeverityPercentiles { critical: 0.1, high: 1.0, medium: 5.0, low: 10.0 };
    const SETTINGS: CalibrationSettings =
        CalibrationSettings { enabled: true, percentiles: PERCENTILES, metrics: 2 };

    fn ramp(rows: usize) -> Vec<f64> {
        (0..rows).map(|i| 0.3 + 0.4 * i as f64 / rows as f64).collect()
    }

    #[test]
    fn thresholds_are_percentiles_of_the_held_out_scores() {
        let found = calibrate(&ramp(10_000), &ramp(10_000), 0.05, &SETTINGS);
        assert!((found.flagged_share - 0.05).abs() < 1e-3);
        let thresholds = found.thresholds.unwrap();
        assert!(thresholds.medium.abs() < 1e-3, "5 % contamination puts medium at zero");
        assert!(thresholds.is_monotone());
        assert_eq!(thresholds.severity(thresholds.critical), Severity::Critical);
        assert_eq!(thresholds.severity(thresholds.low + 1.0), Severity::Low);
    }

    #[test]
    fn few_rows_are_not_calibrated_and_some_rows_lean_on_training() {
        assert_eq!(calibrate(&ramp(600), &ramp(19), 0.05, &SETTINGS).thresholds, None);
        let mut training = ramp(2000);
        training.extend([0.9; 10]);
        let found = calibrate(&training, &ramp(200), 0.05, &SETTINGS).thresholds.unwrap();
        assert!(found.critical < -0.2, "{found:?}");
    }

    #[test]
    fn the_offset_holds_on_rows_that_the_forest_has_not_seen() {
        let moved: Vec<f64> = ramp(1000).iter().map(|score| score + 0.1).collect();
        let found = calibrate(&ramp(4000), &moved, 0.05, &SETTINGS);
        assert!((found.flagged_share - 0.05).abs() < 0.002, "{}", found.flagged_share);
        let few = calibrate(&ramp(4000), &moved[..60], 0.05, &SETTINGS);
        assert!((few.offset + 0.68).abs() < 1e-3, "{}", few.offset);
    }

    #[test]
    fn tails_are_never_easier_than_the_limits_and_follow_what_is_normal() {
        let calm = calibrate_tail(&[1.0; 500], &SETTINGS);
        assert_eq!(calm, TailLimits { medium: 4.5, high: 6.0, critical: 8.0 });
        let wild: Vec<f64> = (0..1000).map(|i| f64::from(i) / 50.0).collect();
        let wild = calibrate_tail(&wild, &SETTINGS);
        assert!(wild.medium > 18.0 && wild.high > wild.medium && wild.critical >= wild.high);
        assert_eq!(calibrate_tail(&[], &SETTINGS), calm);
    }

    #[test]
    fn a_score_that_many_rows_share_is_no_threshold() {
        let mut saturated = ramp(970);
        saturated.extend([0.75; 30]);
        let found = calibrate(&ramp(4000), &saturated, 0.05, &SETTINGS).thresholds.unwrap();
        let worst = -0.75 - calibrate(&ramp(4000), &saturated, 0.05, &SETTINGS).offset;
        assert_eq!(found.severity(worst), Severity::Medium, "3 % of the rows are not 1 %");
        assert!(found.is_monotone());
    }

    #[test]
    fn more_metrics_need_a_rarer_score_for_high() {
        let wide = CalibrationSettings { metrics: 10, ..SETTINGS };
        let narrow = calibrate(&ramp(5000), &ramp(5000), 0.05, &SETTINGS).thresholds.unwrap();
        let wide = calibrate(&ramp(5000), &ramp(5000), 0.05, &wide).thresholds.unwrap();
        assert!(wide.high < narrow.high);
    }

    proptest! {
        #[test]
        fn any_scores_give_monotone_thresholds(
            training in prop::collection::vec(0.0f64..1.0, 1..300),
            validation in prop::collection::vec(0.0f64..1.0, 20..300),
            contamination in 0.0f64..0.5,
        ) {
            let found = calibrate(&training, &validation, contamination, &SETTINGS);
            prop_assert!(found.thresholds.unwrap().is_monotone());
        }
    }
}
