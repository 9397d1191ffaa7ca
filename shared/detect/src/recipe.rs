//! Which recipe judges a service, by what it measures.

use domain::MetricSet;

use crate::residual::model::COARSE_CYCLE_S;
use crate::residual::noise::sigma_floor;
use crate::residual::transform::Form;
use crate::rows::Rows;

/// How a service is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipe {
    /// By seasonal residuals of rates, latencies and errors.
    Residual,
    /// By how far its metrics leave their recent level.
    Generic,
}

impl Recipe {
    /// The recipe for a service with these cycles.
    ///
    /// Seasonal residuals need a request rate: its counts are the noise of all other metrics. What
    /// they are better at is telling chance from change in short cycles, by counts and by asking
    /// several cycles. A request rate by itself in long cycles of many requests has no use for
    /// either, and its recent level is the finer measure.
    pub fn of(cycles: &Rows, metrics: &MetricSet) -> Recipe {
        let Some(traffic) = metrics.traffic_index() else { return Recipe::Generic };
        let measured = |index: usize| {
            cycles.columns.get(index).is_some_and(|it| it.iter().any(|value| value.is_finite()))
        };
        if !measured(traffic) {
            return Recipe::Generic;
        }
        let is_bare = (0..metrics.len()).all(|index| index == traffic || !measured(index));
        let is_coarse = cycles.width_s >= i64::from(COARSE_CYCLE_S);
        let is_plain = is_bare && is_coarse && !counts_matter(&cycles.columns[traffic], cycles);
        if is_plain { Recipe::Generic } else { Recipe::Residual }
    }
}

/// Whether counting alone moves a cycle as much as any rate is taken to move by itself.
fn counts_matter(rates: &[f64], cycles: &Rows) -> bool {
    let floor = sigma_floor(Form::Rate);
    let known: Vec<f64> = rates.iter().copied().filter(|rate| rate.is_finite()).collect();
    let requests = stats::median(&known).unwrap_or(0.0) * cycles.width_s as f64;
    requests * floor * floor < 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A day of the five metrics, each with the given value where there is one.
    fn recipe(width_s: i64, values: [f64; 5]) -> Recipe {
        let times_s: Vec<i64> = (1..=86_400 / width_s).map(|i| i * width_s).collect();
        let columns = values.map(|value| vec![value; times_s.len()]).to_vec();
        Recipe::of(&Rows { times_s, columns, width_s }, &MetricSet::five())
    }

    const NONE: f64 = f64::NAN;

    #[test]
    fn a_request_rate_makes_residuals_and_its_absence_does_not() {
        assert_eq!(recipe(120, [50.0, 100.0, NONE, NONE, 0.0]), Recipe::Residual);
        assert_eq!(recipe(120, [NONE, 100.0, NONE, NONE, 0.0]), Recipe::Generic);
        assert_eq!(recipe(120, [NONE; 5]), Recipe::Generic);
    }

    #[test]
    fn a_bare_rate_in_long_cycles_of_many_requests_is_judged_by_its_level() {
        assert_eq!(recipe(3600, [50.0, NONE, NONE, NONE, NONE]), Recipe::Generic);
        // Cycles are short; it is not alone; a cycle holds 720 requests.
        assert_eq!(recipe(120, [50.0, NONE, NONE, NONE, NONE]), Recipe::Residual);
        assert_eq!(recipe(3600, [50.0, NONE, NONE, NONE, 0.0]), Recipe::Residual);
        assert_eq!(recipe(3600, [0.2, NONE, NONE, NONE, NONE]), Recipe::Residual);
    }
}
