//! Location and scale that a few wild values do not move.

use crate::moments::Moments;
use crate::quantile::{median, median_in_place, quantile_sorted, sort};

/// The median absolute deviation of a normal distribution times this is its sigma.
pub const MAD_TO_SIGMA: f64 = 1.4826;
/// The interquartile range of a normal distribution over its sigma.
pub const IQR_PER_SIGMA: f64 = 1.349;
/// Share cut from each end for the trimmed mean of a [`Summary`].
const TRIM: f64 = 0.01;
/// Keeps the coefficient of variation finite at a mean of 0.
const MEAN_FLOOR: f64 = 1e-8;

/// Median absolute deviation from the median; None without values.
#[must_use]
pub fn mad(values: &[f64]) -> Option<f64> {
    let centre = median(values)?;
    let mut deviations: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
    median_in_place(&mut deviations)
}

/// Sigma by the median absolute deviation: 1.4826 MAD.
#[must_use]
pub fn mad_sigma(values: &[f64]) -> Option<f64> {
    mad(values).map(|mad| MAD_TO_SIGMA * mad)
}

/// Mean of ascending values without the floor(share n) lowest and highest. None without values or
/// if `share` is outside [0, 0.5).
#[must_use]
pub fn trimmed_mean(sorted: &[f64], share: f64) -> Option<f64> {
    if !(0.0..0.5).contains(&share) {
        return None;
    }
    let cut = libm::floor(share * sorted.len() as f64) as usize;
    let kept = sorted.get(cut..sorted.len() - cut)?;
    (!kept.is_empty()).then(|| kept.iter().sum::<f64>() / kept.len() as f64)
}

/// Interquartile range p75 - p25 of ascending values; None without values.
#[must_use]
pub fn iqr(sorted: &[f64]) -> Option<f64> {
    Some(quantile_sorted(sorted, 0.75)? - quantile_sorted(sorted, 0.25)?)
}

/// Sigma by the interquartile range, IQR / 1.349, of ascending values; if that is 0, the sample
/// standard deviation (0 for a single value). None without values.
#[must_use]
pub fn iqr_sigma(sorted: &[f64]) -> Option<f64> {
    match iqr(sorted)? {
        0.0 => Some(Moments::of(sorted).sample_std().unwrap_or(0.0)),
        iqr => Some(iqr / IQR_PER_SIGMA),
    }
}

/// What is known of one metric's values.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Summary {
    /// Number of values.
    pub count: u64,
    /// Mean without the highest and lowest 1 %.
    pub mean: f64,
    /// IQR / 1.349, or the sample standard deviation if the IQR is 0.
    pub std: f64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// 0.1 % quantile.
    pub p0_1: f64,
    /// 1 % quantile.
    pub p1: f64,
    /// 5 % quantile.
    pub p5: f64,
    /// 10 % quantile.
    pub p10: f64,
    /// 25 % quantile.
    pub p25: f64,
    /// Median.
    pub p50: f64,
    /// 75 % quantile.
    pub p75: f64,
    /// 90 % quantile.
    pub p90: f64,
    /// 95 % quantile.
    pub p95: f64,
    /// 99 % quantile.
    pub p99: f64,
}

impl Summary {
    /// Summary of values in any order; None without values.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sort(&mut sorted);
        Self::of_sorted(&sorted)
    }

    /// Summary of ascending values; None without values.
    #[must_use]
    pub fn of_sorted(sorted: &[f64]) -> Option<Self> {
        let q = |q| quantile_sorted(sorted, q);
        Some(Self {
            count: sorted.len() as u64,
            mean: trimmed_mean(sorted, TRIM)?,
            std: iqr_sigma(sorted)?,
            min: *sorted.first()?,
            max: *sorted.last()?,
            p0_1: q(0.001)?,
            p1: q(0.01)?,
            p5: q(0.05)?,
            p10: q(0.10)?,
            p25: q(0.25)?,
            p50: q(0.50)?,
            p75: q(0.75)?,
            p90: q(0.90)?,
            p95: q(0.95)?,
            p99: q(0.99)?,
        })
    }

    /// Interquartile range.
    #[must_use]
    pub fn iqr(&self) -> f64 {
        self.p75 - self.p25
    }

    /// std / (mean + 1e-8).
    #[must_use]
    pub fn coefficient_of_variation(&self) -> f64 {
        self.std / (self.mean + MEAN_FLOOR)
    }

    /// Tukey's fences: (p25 - 1.5 IQR, p75 + 1.5 IQR).
    #[must_use]
    pub fn outlier_bounds(&self) -> (f64, f64) {
        let reach = 1.5 * self.iqr();
        (self.p25 - reach, self.p75 + reach)
    }

    /// mean -/+ 2 std.
    #[must_use]
    pub fn normal_range(&self) -> (f64, f64) {
        (self.mean - 2.0 * self.std, self.mean + 2.0 * self.std)
    }

    /// Points for [`crate::percentile_rank`], from the minimum to p99.
    #[must_use]
    pub fn percentile_points(&self) -> [(f64, f64); 7] {
        [
            (self.min, 0.0),
            (self.p25, 25.0),
            (self.p50, 50.0),
            (self.p75, 75.0),
            (self.p90, 90.0),
            (self.p95, 95.0),
            (self.p99, 99.0),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 37 i mod 101 for i in 0..200, with one value raised by 1000.
    fn vector() -> Vec<f64> {
        let mut values: Vec<f64> = (0..200u32).map(|i| f64::from(37 * i % 101)).collect();
        values[50] += 1000.0;
        values
    }

    #[test]
    fn summary_of_the_test_vector() {
        let summary = Summary::of(&vector()).unwrap();
        assert_eq!(summary.mean, 50.392_857_142_857_146);
        assert_eq!(summary.std, 37.991_104_521_868_05);
        assert_eq!((summary.p50, summary.min, summary.max), (50.5, 0.0, 1032.0));
        assert_eq!((summary.p25, summary.p75), (24.75, 76.0));
        assert_eq!((summary.p90, summary.p95, summary.p99), (91.0, 96.0, 100.0));
        assert!((summary.coefficient_of_variation() - 0.753_898_6).abs() < 1e-7);
        assert_eq!(summary.outlier_bounds(), (-52.125, 152.875));
    }

    #[test]
    fn percentiles_of_the_test_vector() {
        let points = Summary::of(&vector()).unwrap().percentile_points();
        for (value, expected) in [
            (-5.0, 0.0),
            (10.0, 10.101),
            (25.0, 25.2427),
            (50.0, 49.5146),
            (75.0, 74.0196),
            (95.0, 94.0),
            (96.0, 95.0),
            (98.0, 97.0),
            (100.0, 100.0),
            (2000.0, 100.0),
        ] {
            let percentile = crate::percentile_rank(&points, value).unwrap();
            assert!((percentile - expected).abs() < 1e-4, "{value}: {percentile}");
        }
    }

    #[test]
    fn scale_of_no_spread_falls_back() {
        assert_eq!(iqr_sigma(&[5.0; 9]), Some(0.0));
        assert_eq!(iqr_sigma(&[5.0]), Some(0.0));
        // IQR 0, one value away: the sample standard deviation.
        let sorted = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 10.0];
        assert_eq!(iqr_sigma(&sorted), Some(3.0));
        assert_eq!(mad(&sorted), Some(0.0));
    }

    #[test]
    fn no_answer_is_none() {
        assert_eq!(Summary::of(&[]), None);
        assert_eq!((mad(&[]), iqr(&[]), trimmed_mean(&[], 0.01)), (None, None, None));
        for share in [-0.1, 0.5, f64::NAN] {
            assert_eq!(trimmed_mean(&[1.0], share), None);
        }
    }

    proptest! {
        #[test]
        fn a_third_of_wild_values_moves_the_mad_little(
            wild in prop::collection::vec(1e6f64..1e9, 0..30),
        ) {
            let values: Vec<f64> = (0..100).map(f64::from).chain(wild).collect();
            prop_assert!(mad(&values).unwrap() < 60.0);
        }

        #[test]
        fn trimmed_mean_lies_between_the_ends(
            mut values in prop::collection::vec(-1e6f64..1e6, 1..300),
        ) {
            sort(&mut values);
            let mean = trimmed_mean(&values, 0.01).unwrap();
            prop_assert!(values[0] <= mean + 1e-6 && mean - 1e-6 <= values[values.len() - 1]);
        }

        #[test]
        fn anything_is_answered(values in prop::collection::vec(any::<f64>(), 0..20)) {
            prop_assert_eq!(Summary::of(&values).is_some(), !values.is_empty());
            let _ = mad_sigma(&values);
        }
    }
}
