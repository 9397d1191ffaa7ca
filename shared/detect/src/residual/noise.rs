//! How far a metric strays from its usual value by itself.
//!
//! The variance of a residual is that of the service, the same at all times, and that of counting,
//! which falls with traffic: `s2 = own + factor * unit`. Rates and shares count Poisson and
//! binomial (factor 1); for latencies the factor is fitted; gauges don't count (factor 0).

use serde::{Deserialize, Serialize};
use stats::{mad_sigma, median_in_place, quantile_sorted, sort};

use super::transform::Form;

/// Variance of a metric's residual on its scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// The service's own variance.
    pub own: f32,
    /// How much of [`Form::unit_variance`] comes on top.
    pub factor: f32,
}

/// A residual and its unit variance; both finite.
pub type Deviation = (f64, f64);

/// Median of a squared standard normal variable.
const MEDIAN_CHI2: f64 = 0.4549;
/// Variances above this are not looked for.
const OWN_MAX: f64 = 4.0;
/// Halvings of the interval: 2^-30 of its logarithm.
const BISECTIONS: usize = 30;
/// Bins of unit variance in which the noise of a latency is measured.
const BINS: usize = 8;
/// Residuals that a bin must exceed to be used.
const BIN_VALUES_MIN: usize = 30;
/// Keeps the weight of a bin without any noise finite.
const VARIANCE_MIN: f64 = 1e-9;

impl Noise {
    /// The noise that makes the median squared z that of a normal distribution.
    pub fn fit(form: Form, deviations: &[Deviation]) -> Noise {
        let factor = match form {
            Form::Rate | Form::ErrorShare => 1.0,
            Form::Latency => counting_factor(deviations),
            Form::Gauge => 0.0,
        };
        Noise { own: own_variance(form, deviations, factor) as f32, factor: factor as f32 }
    }

    /// Standard deviation where the unit variance is `unit`; NaN of NaN.
    pub fn sigma(self, unit: f64) -> f64 {
        let counted = if self.factor == 0.0 { 0.0 } else { f64::from(self.factor) * unit };
        libm::sqrt(f64::from(self.own) + counted)
    }
}

/// The least standard deviation of a service's own.
pub fn sigma_floor(form: Form) -> f64 {
    match form {
        Form::Rate => 0.03,
        Form::Latency | Form::Gauge => 0.02,
        Form::ErrorShare => 0.002,
    }
}

/// Least squares of the variance of residuals in bins of unit variance on `own + factor * unit`,
/// both not negative, relative to the variance. 0 if unit variances don't differ.
fn counting_factor(deviations: &[Deviation]) -> f64 {
    let mut units: Vec<f64> = deviations.iter().map(|(_, unit)| *unit).collect();
    sort(&mut units);
    if units.first() == units.last() {
        return 0.0;
    }
    let edge = |bin: usize| quantile_sorted(&units, bin as f64 / BINS as f64);
    let bins = (0..BINS).filter_map(|bin| measured(deviations, edge(bin)?, edge(bin + 1)?));
    let mut sums = [0.0; 5];
    for (unit, variance) in bins {
        let weight = 1.0 / variance.max(VARIANCE_MIN);
        let (one, x, y) = (weight, unit * weight, variance * weight);
        let terms = [one * one, one * x, x * x, one * y, x * y];
        sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
    }
    non_negative_slope(sums)
}

/// Mean unit variance and variance of the residuals within a bin; ends belong to both bins.
fn measured(deviations: &[Deviation], low: f64, high: f64) -> Option<(f64, f64)> {
    let within: Vec<Deviation> =
        deviations.iter().copied().filter(|(_, unit)| (low..=high).contains(unit)).collect();
    if within.len() <= BIN_VALUES_MIN {
        return None;
    }
    let residuals: Vec<f64> = within.iter().map(|(residual, _)| *residual).collect();
    let unit = within.iter().map(|(_, unit)| unit).sum::<f64>() / within.len() as f64;
    mad_sigma(&residuals).map(|sigma| (unit, sigma * sigma))
}

/// Slope of the non-negative least squares solution for intercept and slope, from the sums of
/// 1·1, 1·x, x·x, 1·y, x·y. Two unknowns have three cases: both free, or one of them zero.
fn non_negative_slope([ones, x, xx, y, xy]: [f64; 5]) -> f64 {
    let determinant = ones * xx - x * x;
    if determinant > 1e-12 * ones * xx {
        let intercept = (y * xx - xy * x) / determinant;
        let slope = (ones * xy - x * y) / determinant;
        if intercept >= 0.0 {
            return slope.max(0.0);
        }
    }
    if xx > 0.0 { (xy / xx).max(0.0) } else { 0.0 }
}

/// By bisection on the logarithm, so that the median of `(u - median u)^2 / s2` is that of a
/// normal variable; the floor if even that is too wide.
fn own_variance(form: Form, deviations: &[Deviation], factor: f64) -> f64 {
    let floor = sigma_floor(form) * sigma_floor(form);
    let mut residuals: Vec<f64> = deviations.iter().map(|(residual, _)| *residual).collect();
    let Some(centre) = median_in_place(&mut residuals) else { return floor };
    let squares: Vec<(f64, f64)> = deviations
        .iter()
        .map(|(residual, unit)| ((residual - centre) * (residual - centre), factor * unit))
        .collect();
    let is_too_narrow = |own: f64, ratios: &mut Vec<f64>| {
        ratios.clear();
        ratios.extend(squares.iter().map(|(square, counted)| square / (own + counted)));
        median_in_place(ratios).unwrap_or(0.0) > MEDIAN_CHI2
    };
    if !is_too_narrow(floor, &mut residuals) {
        return floor;
    }
    let (mut low, mut high) = (floor, OWN_MAX);
    for _ in 0..BISECTIONS {
        let middle = libm::sqrt(low * high);
        if is_too_narrow(middle, &mut residuals) {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::super::testing::normal;
    use super::*;
    use proptest::prelude::*;

    fn deviations(own: f64, factor: f64) -> Vec<Deviation> {
        let at = |i: usize| {
            let unit = 1.0 / (20.0 + (i % 500) as f64);
            (normal(i as u64) * libm::sqrt(own + factor * unit), unit)
        };
        (0..8000).map(at).collect()
    }

    #[test]
    fn own_and_counted_noise_are_told_apart() {
        let noise = Noise::fit(Form::Latency, &deviations(0.01, 0.5));
        assert!((noise.own - 0.01).abs() < 0.002, "{noise:?}");
        assert!((noise.factor - 0.5).abs() < 0.15, "{noise:?}");
        let quiet = Noise::fit(Form::Latency, &deviations(0.01, 0.0));
        assert!(quiet.factor < 0.05, "{quiet:?}");
    }

    #[test]
    fn half_of_the_z_lie_within_two_thirds() {
        for form in [Form::Rate, Form::Latency, Form::ErrorShare, Form::Gauge] {
            let sample = deviations(0.04, 1.0);
            let noise = Noise::fit(form, &sample);
            let z = |(residual, unit): &Deviation| (residual / noise.sigma(*unit)).abs();
            let within = sample.iter().filter(|d| z(d) < 0.6745).count() as f64 / 8000.0;
            assert!((within - 0.5).abs() < 0.02, "{form:?} {within}");
        }
    }

    #[test]
    fn constant_and_empty_data_have_the_floor() {
        for (form, floor) in [(Form::Rate, 0.03), (Form::Latency, 0.02), (Form::ErrorShare, 0.002)]
        {
            for data in [vec![], vec![(0.25, 0.0); 50]] {
                let noise = Noise::fit(form, &data);
                assert!((noise.sigma(0.0) - floor).abs() < 1e-6, "{form:?} {noise:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn noise_is_finite_and_positive(
            data in prop::collection::vec((-50.0f64..50.0, 0.0f64..2.0), 0..120),
        ) {
            for form in [Form::Rate, Form::Latency, Form::ErrorShare, Form::Gauge] {
                let noise = Noise::fit(form, &data);
                prop_assert!(noise.own > 0.0 && noise.factor >= 0.0, "{:?}", noise);
                prop_assert!(noise.sigma(0.5).is_finite());
            }
        }
    }
}
