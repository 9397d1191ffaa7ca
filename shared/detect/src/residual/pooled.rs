//! Failures of the last hour together, where few requests come.
//!
//! With two requests a minute no three cycles can tell a fault from chance, however long it lasts.
//! Where they hold too few requests, the failures and requests of an hour are put together and
//! compared on the same scale: counts decide, so a single failure never opens anything.

use super::effect::{CYCLES, ERROR_SHARE_MIN, ERRORS_MIN, Effect, REQUESTS_MIN};
use super::model::ResidualModel;
use super::residuals::Residuals;
use super::transform::{Form, root_share};

/// How much is put together.
const POOLED_S: i64 = 3_600;
/// It must be so now: failures within this time, at least this share of the hour's.
const NOW_S: i64 = 600;
const NOW_SHARE: f64 = 0.5;
/// Failures are counted from shares, which are rounded.
const ROUNDING: f64 = 0.05;

/// The last hour of a share of failures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pooled {
    /// Sigmas from usual.
    pub z: f64,
    pub effect: Effect,
}

/// The hour that ends with a cycle; `None` where the last cycles have requests enough to be judged
/// by themselves, or the hour has none. `level` is the series' own at the cycle.
pub fn pooled(
    model: &ResidualModel,
    residuals: &Residuals,
    at: usize,
    index: usize,
    level: f64,
) -> Option<Pooled> {
    let series = &model.series[at];
    let looked_at = if model.is_coarse() { 1 } else { CYCLES };
    let (count, ..) = sum(residuals, at, index, looked_at);
    if series.form != Form::ErrorShare || count >= REQUESTS_MIN {
        return None;
    }
    let cycles = |length_s: i64| (length_s / model.cycle()).max(1) as usize;
    let (requests, failures, expected) = sum(residuals, at, index, cycles(POOLED_S));
    if requests <= 0.0 {
        return None;
    }
    let (recent, lately, _) = sum(residuals, at, index, cycles(NOW_S));
    let sigma = series.noise.sigma(series.form.unit_variance(0.0, requests));
    let away = root_share(failures, requests) - root_share(expected, requests) - level;
    let (value, usual) = (failures / requests, expected / requests);
    let is_material = value - usual >= ERROR_SHARE_MIN
        && failures + ROUNDING >= ERRORS_MIN
        && lately + ROUNDING >= 1.0
        && lately >= NOW_SHARE * value * recent;
    let effect = Effect {
        value,
        usual,
        ratio: value / usual,
        cycles: cycles(POOLED_S) as u32,
        requests,
        is_material,
        is_seasonal: series.season.is_seasonal(),
    };
    Some(Pooled { z: away / sigma, effect })
}

/// Requests, failures, and failures as usual of the last cycles.
fn sum(residuals: &Residuals, at: usize, index: usize, cycles: usize) -> (f64, f64, f64) {
    let points = &residuals.series()[at];
    let (mut requests, mut failures, mut expected) = (0.0, 0.0, 0.0);
    for cycle in residuals.recent(index, cycles) {
        let count = f64::from(residuals.requests()[cycle]);
        let (share, usual) = (f64::from(points.values[cycle]), f64::from(points.usual[cycle]));
        if count > 0.0 && share.is_finite() && usual.is_finite() {
            requests += count;
            failures += share.clamp(0.0, 1.0) * count;
            expected += usual * count;
        }
    }
    (requests, failures, expected)
}

#[cfg(test)]
#[path = "pooled_tests.rs"]
mod tests;
