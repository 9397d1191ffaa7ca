//! Mean and variance in one pass by Welford's method ("Note on a method for calculating corrected
//! sums of squares and products", Technometrics 1962): no cancellation, whatever the mean.

/// Running count, mean and sum of squared deviations.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// The moments of a slice.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let mut moments = Self::default();
        values.iter().for_each(|&value| moments.push(value));
        moments
    }

    /// Adds one value.
    pub fn push(&mut self, value: f64) {
        self.count += 1;
        let deviation = value - self.mean;
        self.mean += deviation / self.count as f64;
        self.squares += deviation * (value - self.mean);
    }

    /// Number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Mean; None without values.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    /// Variance with divisor n - 1; None with fewer than two values.
    #[must_use]
    pub fn sample_variance(&self) -> Option<f64> {
        (self.count > 1).then(|| self.squares / (self.count - 1) as f64)
    }

    /// Standard deviation with divisor n - 1; None with fewer than two values.
    #[must_use]
    pub fn sample_std(&self) -> Option<f64> {
        self.sample_variance().map(f64::sqrt)
    }

    /// Standard deviation with divisor n; None without values.
    #[must_use]
    pub fn population_std(&self) -> Option<f64> {
        (self.count > 0).then(|| (self.squares / self.count as f64).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Values of `numpy.std` with ddof 1 and 0.
    #[test]
    fn agrees_with_numpy() {
        let moments = Moments::of(&[3.5, -1.25, 8.0, 0.1, 0.2, 7.75, -4.0]);
        assert!((moments.mean().unwrap() - 2.042_857_142_857_142_7).abs() < 1e-15);
        assert!((moments.sample_std().unwrap() - 4.559_096_088_355_36).abs() < 1e-12);
        assert!((moments.population_std().unwrap() - 4.220_902_795_393_808).abs() < 1e-12);
    }

    #[test]
    fn a_large_mean_costs_no_digits() {
        let moments = Moments::of(&[1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0]);
        assert_eq!(moments.sample_variance(), Some(30.0));
    }

    #[test]
    fn no_answer_is_none() {
        let none = Moments::default();
        assert_eq!((none.mean(), none.sample_std(), none.population_std()), (None, None, None));
        let one = Moments::of(&[5.0]);
        assert_eq!((one.mean(), one.sample_std()), (Some(5.0), None));
        assert_eq!(one.population_std(), Some(0.0));
    }

    proptest! {
        #[test]
        fn equals_two_passes(values in prop::collection::vec(-1e3f64..1e3, 2..50)) {
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
            let moments = Moments::of(&values);
            prop_assert!((moments.mean().unwrap() - mean).abs() < 1e-9);
            let expected = (squares / (n - 1.0)).sqrt();
            prop_assert!((moments.sample_std().unwrap() - expected).abs() < 1e-9);
        }
    }
}
