//! Puts values on a scale where noise is even: logarithm for rates and latencies, log-odds for
//! shares, then centre and spread of the training data.
//!
//! Splits of a tree are uniform in value, so a heavy right tail would attract them all and make a
//! total outage look milder than a surge.

use domain::MetricKind;
use serde::{Deserialize, Serialize};
use stats::{IQR_PER_SIGMA, quantile_sorted};

/// Keeps the log-odds of 0 and 1 finite.
const SHARE_EPSILON: f64 = 1e-4;
/// Smallest spread that values are divided by.
const SPREAD_MIN: f64 = 1e-6;

/// Smallest spread that counts as noise: 5 % of the value, or a factor of 1.6 in the odds.
const NOISE_MIN: f64 = 0.05;
const NOISE_MIN_RATIO: f64 = 0.5;

/// Transform and scale of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Transform {
    pub kind: MetricKind,
    /// Median of the transformed training values.
    pub center: f64,
    /// Interquartile range of the transformed training values, at least 1e-6.
    pub spread: f64,
}

impl Transform {
    /// Learns centre and spread of `values` (natural units, finite).
    pub fn fit(kind: MetricKind, values: &[f64]) -> Transform {
        let mut curved: Vec<f64> = values.iter().map(|value| curve(kind, *value)).collect();
        curved.sort_by(f64::total_cmp);
        let at = |p| quantile_sorted(&curved, p).unwrap_or(0.0);
        Transform { kind, center: at(0.5), spread: (at(0.75) - at(0.25)).max(SPREAD_MIN) }
    }

    /// The feature of a value: what a forest is given.
    pub fn apply(&self, value: f64) -> f64 {
        (curve(self.kind, value) - self.center) / self.spread
    }

    /// Robust standard deviations from the median, on the transformed scale.
    pub fn sigmas(&self, value: f64) -> f64 {
        self.apply(value) * IQR_PER_SIGMA
    }

    /// The same with a floor on the spread: a metric that hardly moved in training has a spread near
    /// zero, and every value would be infinitely far out.
    pub fn floored_sigmas(&self, value: f64) -> f64 {
        let floor = if self.kind == MetricKind::Ratio { NOISE_MIN_RATIO } else { NOISE_MIN };
        self.sigmas(value) * self.spread / self.spread.max(floor)
    }

    /// The value whose feature is `feature`.
    pub fn invert(&self, feature: f64) -> f64 {
        let curved = feature * self.spread + self.center;
        match self.kind {
            MetricKind::Rate | MetricKind::Latency => libm::expm1(curved).max(0.0),
            MetricKind::Ratio => {
                let odds = libm::exp(curved);
                (odds * (1.0 + SHARE_EPSILON) - SHARE_EPSILON) / (1.0 + odds)
            }
            MetricKind::Gauge => libm::copysign(libm::expm1(curved.abs()), curved),
        }
    }
}

fn curve(kind: MetricKind, value: f64) -> f64 {
    match kind {
        MetricKind::Rate | MetricKind::Latency => libm::log1p(value.max(0.0)),
        MetricKind::Ratio => {
            let share = value.clamp(0.0, 1.0);
            libm::log((share + SHARE_EPSILON) / (1.0 - share + SHARE_EPSILON))
        }
        MetricKind::Gauge => libm::copysign(libm::log1p(value.abs()), value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn transforms_are_monotone_and_can_be_undone(a in 0.0f64..1.0, b in 0.0f64..1.0) {
            for (kind, scale) in [
                (MetricKind::Rate, 1e4),
                (MetricKind::Latency, 1e5),
                (MetricKind::Ratio, 1.0),
                (MetricKind::Gauge, -1e3),
            ] {
                let transform = Transform { kind, center: 0.3, spread: 2.0 };
                let (x, y) = (a * scale, b * scale);
                if x < y {
                    prop_assert!(transform.apply(x) <= transform.apply(y));
                }
                let back = transform.invert(transform.apply(x));
                prop_assert!((back - x).abs() <= 1e-6 * (1.0 + x.abs()), "{kind:?} {x} {back}");
            }
        }
    }

    #[test]
    fn centre_and_spread_are_robust() {
        let mut values: Vec<f64> = (0..1000).map(|i| 100.0 + f64::from(i % 11)).collect();
        let clean = Transform::fit(MetricKind::Latency, &values);
        values.extend([1e5; 20]);
        let dirty = Transform::fit(MetricKind::Latency, &values);
        assert!((clean.center - dirty.center).abs() < 0.01);
        assert!((clean.apply(105.0)).abs() < 0.2);
        assert!(dirty.sigmas(1e5) > 50.0);
    }

    #[test]
    fn constant_values_have_a_finite_scale() {
        let transform = Transform::fit(MetricKind::Ratio, &[0.0; 50]);
        assert!(transform.apply(0.5).is_finite());
        assert_eq!(transform.apply(0.0), 0.0);
    }
}
