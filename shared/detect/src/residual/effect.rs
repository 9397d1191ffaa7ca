//! Does it matter? What is unusual but small, or rests on a few requests, opens nothing.

use super::model::{ResidualModel, SeriesModel, Side};
use super::residuals::Residuals;
use super::standard::Standardised;
use super::transform::Form;

/// What a series does over the last cycles, in its own units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// As measured.
    pub value: f64,
    /// What is usual at this time, lately.
    pub usual: f64,
    /// How many times the usual; of shares `value / usual`.
    pub ratio: f64,
    /// Cycles looked at: three, one where cycles are long, an hour of them where requests are few.
    pub cycles: u32,
    /// Requests in these cycles.
    pub requests: f64,
    /// The difference is large enough to matter.
    pub is_material: bool,
    /// Whether `usual` knows times of the day.
    pub is_seasonal: bool,
}

/// Cycles that are looked at.
pub(super) const CYCLES: usize = 3;
/// Cycles over which a latency must matter, too. What has just started is slow for a few minutes;
/// the smaller a change, the longer it takes to matter.
const LASTING_CYCLES: usize = 5;
/// Requests below which nothing is said.
pub(super) const REQUESTS_MIN: f64 = 20.0;
const RATE_CHANGE_MIN: f64 = 0.25;
const LATENCY_CHANGE_MIN: f64 = 0.15;
const LATENCY_CHANGE_MS_MIN: f64 = 3.0;
pub(super) const ERROR_SHARE_MIN: f64 = 0.005;
pub(super) const ERRORS_MIN: f64 = 3.0;
const GAUGE_CHANGE_MIN: f64 = 0.15;

/// Sums over the cycles looked at.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    cycles: f64,
    /// Residual less level.
    away: Mean,
    value: Mean,
    /// Weighted with requests.
    weighted: Mean,
    requests: Mean,
    events: Mean,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    weight: f64,
}

/// The effect of a series on one side at a cycle; `standardised` must hold the last five cycles.
pub fn effect(
    model: &ResidualModel,
    residuals: &Residuals,
    standardised: &Standardised,
    at: usize,
    side: Side,
    index: usize,
) -> Effect {
    let series = &model.series[at];
    let sums = Sums::of(model, residuals, standardised, at, index);
    let usual = f64::from(residuals.series()[at].usual[index]);
    if series.form == Form::ErrorShare {
        return share_effect(series, &sums, usual);
    }
    let change = libm::expm1(sums.away.value());
    let lasting = match series.form {
        Form::Latency if !model.is_coarse() => {
            libm::expm1(away(residuals, standardised, at, index, LASTING_CYCLES).value())
        }
        _ => change,
    };
    let matters = |change: f64| is_material(series.form, side.sign() * change, usual, &sums);
    let lately = series.form.inverse(usual + standardised.level(at, index));
    let per_event = if series.form == Form::Rate { residuals.cycle_s() as f64 } else { 1.0 };
    let value = if series.form == Form::Latency { sums.weighted } else { sums.value };
    Effect {
        value: value.value(),
        usual: lately / per_event,
        ratio: 1.0 + change,
        cycles: sums.cycles as u32,
        requests: sums.total(sums.requests),
        is_material: matters(change) && matters(lasting),
        is_seasonal: series.season.is_seasonal(),
    }
}

/// Whether a relative change towards the watched side matters.
fn is_material(form: Form, towards: f64, usual: f64, sums: &Sums) -> bool {
    match form {
        Form::Rate => towards >= RATE_CHANGE_MIN && libm::exp(usual) * sums.cycles >= REQUESTS_MIN,
        Form::Latency => {
            towards >= LATENCY_CHANGE_MIN
                && libm::exp(usual) * towards >= LATENCY_CHANGE_MS_MIN
                && sums.total(sums.requests) >= REQUESTS_MIN
        }
        Form::Gauge | Form::ErrorShare => towards >= GAUGE_CHANGE_MIN,
    }
}

fn share_effect(series: &SeriesModel, sums: &Sums, usual: f64) -> Effect {
    let (requests, errors) = (sums.total(sums.requests), sums.total(sums.events));
    let value = errors / requests.max(1.0);
    let is_material =
        value - usual >= ERROR_SHARE_MIN && errors >= ERRORS_MIN && requests >= REQUESTS_MIN;
    Effect {
        value,
        usual,
        ratio: value / usual,
        cycles: sums.cycles as u32,
        requests,
        is_material,
        is_seasonal: series.season.is_seasonal(),
    }
}

/// How far the residual of the last cycles is from the level, on average.
fn away(
    residuals: &Residuals,
    standardised: &Standardised,
    at: usize,
    index: usize,
    cycles: usize,
) -> Mean {
    let mut away = Mean::default();
    for cycle in residuals.recent(index, cycles) {
        let residual = f64::from(residuals.series()[at].residuals[cycle]);
        away.add(residual - standardised.level(at, cycle), 1.0);
    }
    away
}

impl Sums {
    fn of(
        model: &ResidualModel,
        residuals: &Residuals,
        standardised: &Standardised,
        at: usize,
        index: usize,
    ) -> Sums {
        let cycles = if model.is_coarse() { 1 } else { CYCLES };
        let away = away(residuals, standardised, at, index, cycles);
        let mut sums = Sums { cycles: cycles as f64, away, ..Sums::default() };
        let series = &residuals.series()[at];
        for cycle in residuals.recent(index, cycles) {
            let value = f64::from(series.values[cycle]);
            let requests = f64::from(residuals.requests()[cycle]);
            sums.value.add(value, 1.0);
            sums.weighted.add(value, requests);
            sums.requests.add(requests, 1.0);
            sums.events.add(value * requests, 1.0);
        }
        sums
    }

    /// A mean per cycle as a sum over the cycles looked at, missing ones included.
    fn total(&self, mean: Mean) -> f64 {
        mean.value() * self.cycles
    }
}

impl Mean {
    fn add(&mut self, value: f64, weight: f64) {
        if value.is_finite() && weight.is_finite() {
            self.sum += value * weight;
            self.weight += weight;
        }
    }

    /// NaN without values.
    fn value(self) -> f64 {
        self.sum / self.weight
    }
}

#[cfg(test)]
mod tests {
    use domain::{Calendar, MetricSet};

    use super::super::testing::{multiplied, trained_month};
    use super::*;

    /// The effect at the end of a month whose last three cycles are multiplied.
    fn after(metric: usize, factor: f64, side: Side) -> Effect {
        after_cycles(3, metric, factor, side)
    }

    fn after_cycles(cycles: usize, metric: usize, factor: f64, side: Side) -> Effect {
        let (rows, model) = trained_month();
        let count = rows.len();
        let rows = multiplied(rows, metric, count - cycles..count, factor);
        let residuals = Residuals::of(model, &Calendar::utc(), &MetricSet::five(), &rows);
        let standardised = Standardised::of(model, &residuals, count - LASTING_CYCLES..count);
        effect(model, &residuals, &standardised, metric, side, count - 1)
    }

    #[test]
    fn values_and_what_is_usual_are_in_the_metric_s_units() {
        let rate = after(0, 2.0, Side::Up);
        assert!((rate.ratio - 2.0).abs() < 0.25 && rate.is_material, "{rate:?}");
        assert!((rate.value / rate.usual - 2.0).abs() < 0.25, "{rate:?}");
        let errors = after(4, 10.0, Side::Up);
        assert!((0.015..0.025).contains(&errors.value), "{errors:?}");
        assert!((errors.usual - 0.002).abs() < 3e-4 && errors.is_material, "{errors:?}");
        assert!((7_000.0..14_000.0).contains(&errors.requests), "{errors:?}");
    }

    #[test]
    fn small_changes_and_the_other_side_do_not_matter() {
        assert!(!after(0, 1.1, Side::Up).is_material);
        assert!(!after(0, 2.0, Side::Down).is_material);
        assert!(after(0, 0.5, Side::Down).is_material);
        assert!(after(1, 1.4, Side::Up).is_material);
        // 12 ms more by a fifth is less than 3 ms.
        assert!(!after(3, 1.2, Side::Up).is_material);
        assert!(!after(4, 2.0, Side::Up).is_material);
    }

    #[test]
    fn a_small_rise_of_latency_matters_once_it_lasts_and_a_large_one_at_once() {
        // Four minutes at a third more: a release that warms up.
        assert!(!after_cycles(2, 1, 1.3, Side::Up).is_material);
        assert!(after_cycles(4, 1, 1.3, Side::Up).is_material);
        let large = after_cycles(2, 1, 2.5, Side::Up);
        assert!(large.is_material && large.cycles == 3, "{large:?}");
    }
}
