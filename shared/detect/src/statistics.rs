//! Robust statistics of a metric's training values: what "usual" means in messages.

use domain::MetricDefinition;
use serde::{Deserialize, Serialize};
use stats::{Summary, quantile_sorted};

/// Points of the stored quantile sketch.
pub const SKETCH_KNOTS: usize = 33;
/// Above this share of zeros a zero-normal metric is described by its positive values.
const ZERO_DOMINANT: f64 = 0.5;
/// Positive values that are enough to describe a metric that is mostly zero.
const POSITIVES_MIN: usize = 50;

/// Statistics of the values that a model was trained on, in natural units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    pub summary: Summary,
    /// Quantiles at even steps from 0 to 1.
    pub sketch: Vec<f64>,
}

/// How much of a metric is zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ZeroStatistics {
    pub zero_share: f64,
    /// Zero is normal for this metric, and more than half of its values are zero.
    pub is_zero_dominant: bool,
    pub positives: u32,
    pub positive_mean: f64,
    pub positive_p95: f64,
}

impl Statistics {
    /// Describes finite values; `None` without values.
    pub fn describe(values: &[f64]) -> Option<Statistics> {
        let mut sorted = values.to_vec();
        stats::sort(&mut sorted);
        let last = (SKETCH_KNOTS - 1) as f64;
        Some(Statistics {
            summary: Summary::of_sorted(&sorted)?,
            sketch: (0..SKETCH_KNOTS)
                .filter_map(|knot| quantile_sorted(&sorted, knot as f64 / last))
                .collect(),
        })
    }

    /// Standard deviations from the mean.
    pub fn deviation_sigma(&self, value: f64) -> f64 {
        (value - self.summary.mean) / (self.summary.std + 1e-8)
    }

    /// The share of training values at or below `value`, 0 to 100: linear between the sketch's
    /// knots and the outer quantiles.
    pub fn percentile(&self, value: f64) -> f64 {
        let knots = self.knots();
        let (lowest, highest) = (knots[0].1, knots[knots.len() - 1].1);
        if value < lowest {
            return 0.0;
        }
        if value >= highest {
            return if value > highest || lowest < highest { 100.0 } else { 50.0 };
        }
        let above = knots.partition_point(|(_, at)| *at <= value);
        let (p0, x0) = knots[above - 1];
        let (p1, x1) = knots[above];
        p0 + (p1 - p0) * (value - x0) / (x1 - x0)
    }

    /// (percentile, value), ascending in both.
    fn knots(&self) -> Vec<(f64, f64)> {
        let last = (self.sketch.len().max(2) - 1) as f64;
        let evenly = |(i, at): (usize, &f64)| (100.0 * i as f64 / last, *at);
        let mut knots: Vec<(f64, f64)> = self.sketch.iter().enumerate().map(evenly).collect();
        let s = &self.summary;
        knots.extend([(0.1, s.p0_1), (1.0, s.p1), (5.0, s.p5), (95.0, s.p95), (99.0, s.p99)]);
        knots.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        knots
    }
}

impl ZeroStatistics {
    /// Counts the zeros of finite values.
    pub fn count(metric: &MetricDefinition, values: &[f64]) -> ZeroStatistics {
        let mut positives: Vec<f64> = values.iter().copied().filter(|v| *v > 0.0).collect();
        positives.sort_by(f64::total_cmp);
        let zeros = values.iter().filter(|v| **v == 0.0).count();
        let zero_share = if values.is_empty() { 0.0 } else { zeros as f64 / values.len() as f64 };
        let sum: f64 = positives.iter().sum();
        ZeroStatistics {
            zero_share,
            is_zero_dominant: metric.zero_is_normal && zero_share > ZERO_DOMINANT,
            positives: positives.len() as u32,
            positive_mean: sum / positives.len().max(1) as f64,
            positive_p95: quantile_sorted(&positives, 0.95).unwrap_or(0.0),
        }
    }

    /// Which values describe the metric: all, the positive ones, or none because there are too few.
    pub fn selection(&self) -> Selection {
        match (self.is_zero_dominant, self.positives as usize >= POSITIVES_MIN) {
            (false, _) => Selection::All,
            (true, true) => Selection::Positive,
            (true, false) => Selection::Nothing,
        }
    }
}

/// Which training values describe a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    All,
    Positive,
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9 * (1.0 + b.abs()), "{a} is not {b}");
    }

    #[test]
    fn reference_values() {
        let mut values: Vec<f64> = (0..200).map(|i| f64::from(37 * i % 101)).collect();
        values[50] += 1000.0;
        let s = Statistics::describe(&values).unwrap().summary;
        close(s.mean, 50.392857142857146);
        close(s.std, 37.99110452186805);
        close(s.p50, 50.5);
        close(s.min, 0.0);
        close(s.max, 1032.0);
        close(s.p25, 24.75);
        close(s.p75, 76.0);
        close(s.p90, 91.0);
        close(s.p95, 96.0);
        close(s.p99, 100.0);
        assert!((s.coefficient_of_variation() - 0.7538986).abs() < 1e-6);
    }

    #[test]
    fn percentiles_rise_from_0_to_100() {
        let values: Vec<f64> = (0..=1000).map(f64::from).collect();
        let s = Statistics::describe(&values).unwrap();
        for (value, percentile) in
            [(-5.0, 0.0), (0.0, 0.0), (10.0, 1.0), (500.0, 50.0), (960.0, 96.0), (2000.0, 100.0)]
        {
            assert!((s.percentile(value) - percentile).abs() < 0.11, "{value}");
        }
        let mut last = 0.0;
        for step in 0..2100 {
            let now = s.percentile(f64::from(step) * 0.5);
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    fn constant_values_sit_in_the_middle() {
        let s = Statistics::describe(&[3.0; 40]).unwrap();
        assert_eq!((s.percentile(2.0), s.percentile(3.0), s.percentile(4.0)), (0.0, 50.0, 100.0));
    }

    #[test]
    fn zeros_count_only_where_zero_is_normal() {
        let mut values = vec![0.0; 80];
        values.extend([5.0; 60]);
        let errors = ZeroStatistics::count(&MetricDefinition::guess("error_rate"), &values);
        assert_eq!(errors.selection(), Selection::Positive);
        let rate = ZeroStatistics::count(&MetricDefinition::guess("request_rate"), &values);
        assert_eq!(rate.selection(), Selection::All);
        let few = ZeroStatistics::count(&MetricDefinition::guess("error_rate"), &[0.0, 0.0, 1.0]);
        assert_eq!(few.selection(), Selection::Nothing);
        assert_eq!(ZeroStatistics::count(&MetricDefinition::guess("x"), &[]).zero_share, 0.0);
    }
}
