//! Slow drift of a quantity around its norm: a first-order autoregression on a coarse grid.

use crate::random::{Purpose, Random};

/// Distance of two knots, seconds. Between knots the factor is linear.
const KNOT_S: i64 = 600;
/// Time in which a deviation decays to 1/e, seconds.
const DECAY_S: f64 = 3.0 * 3_600.0;

/// A factor around 1 for each step.
#[derive(Debug, Clone)]
pub(crate) struct Wander {
    knots: Vec<f64>,
    steps_per_knot: f64,
}

impl Wander {
    /// Draws the drift with stationary relative standard deviation `sd`. `item` must differ
    /// between any two drifts of an estate.
    pub(crate) fn draw(seed: u64, item: usize, sd: f64, steps: usize, step_s: i64) -> Self {
        let steps_per_knot = (KNOT_S as f64 / step_s as f64).max(1.0);
        let count = (steps as f64 / steps_per_knot) as usize + 2;
        let keep = libm::exp(-steps_per_knot * step_s as f64 / DECAY_S);
        let fresh = (1.0 - keep * keep).sqrt();
        let mut state = 0.0;
        let knots = (0..count)
            .map(|knot| {
                let shock = Random::at(seed, Purpose::Wander, item, knot).gaussian();
                state = if knot == 0 { shock } else { keep * state + fresh * shock };
                libm::exp(sd * state - 0.5 * sd * sd)
            })
            .collect();
        Self { knots, steps_per_knot }
    }

    pub(crate) fn at(&self, step: usize) -> f64 {
        let position = step as f64 / self.steps_per_knot;
        let knot = position as usize;
        let part = position - knot as f64;
        self.knots[knot] * (1.0 - part) + self.knots[knot + 1] * part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_slow_and_of_the_asked_size() {
        let steps = 200 * 1_440;
        let wander = Wander::draw(5, 1, 0.08, steps, 60);
        let values: Vec<f64> = (0..steps).map(|step| wander.at(step)).collect();
        let mean = values.iter().sum::<f64>() / steps as f64;
        let sd =
            (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / steps as f64).sqrt();
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        assert!((0.06..0.10).contains(&sd), "{sd}");
        let largest = values.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f64::max);
        assert!(largest < 0.02, "{largest}");
    }
}
