//! Data for the tests of residuals.

use std::ops::Range;
use std::sync::OnceLock;

use domain::{Calendar, MetricSet};

use super::fit::{ServiceFit, fit_service};
use super::model::ResidualModel;
use super::residuals::Residuals;
use crate::rows::Rows;

/// A standard normal number that depends on nothing but `i`: the sum of twelve hashed uniforms.
pub(crate) fn normal(i: u64) -> f64 {
    (0..12).map(|k| uniform(i * 12 + k)).sum::<f64>() - 6.0
}

/// A number in [0, 1) that depends on nothing but `i` (the finaliser of SplitMix64).
pub(crate) fn uniform(i: u64) -> f64 {
    let mut x = i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// Cycles of one series with these residuals and a sigma of 0.03.
pub(crate) fn residuals_of(residuals: &[f32], cycle_s: i64) -> Residuals {
    Residuals::of_one(residuals, cycle_s)
}

/// Thirty days of rows of a service with a daily wave, from Monday 2026-03-02 UTC: the five
/// metrics, 50 requests a second, 120 ms, 40 ms, 12 ms and 0.2 % failures on average.
pub(crate) fn month(width_s: i64) -> Rows {
    const START_S: i64 = 1_772_409_600;
    let count = 30 * 86_400 / width_s;
    let times_s: Vec<i64> = (1..=count).map(|i| START_S + i * width_s).collect();
    let wave = |time: &i64| {
        1.0 + 0.5 * libm::sin((*time % 86_400) as f64 / 86_400.0 * std::f64::consts::TAU - 1.6)
    };
    let column = |salt: u64, value: &dyn Fn(f64, f64) -> f64| -> Vec<f64> {
        let at = |time: &i64| value(wave(time), normal(*time as u64 * 5 + salt));
        times_s.iter().map(at).collect()
    };
    let columns = vec![
        column(0, &|wave, noise| 50.0 * wave * libm::exp(0.05 * noise)),
        column(1, &|wave, noise| (100.0 + 20.0 * wave) * libm::exp(0.05 * noise)),
        column(2, &|_, noise| 40.0 * libm::exp(0.05 * noise)),
        column(3, &|_, noise| 12.0 * libm::exp(0.05 * noise)),
        column(4, &|_, noise| (0.002 * (1.0 + 0.3 * noise)).max(0.0)),
    ];
    Rows { times_s, columns, width_s }
}

/// The model of a service trained alone on the default five metrics, in UTC.
pub(crate) fn trained(rows: &Rows) -> ResidualModel {
    let fit = fit_service(rows, &MetricSet::five(), &Calendar::utc()).unwrap();
    fit.finish(&ServiceFit::pool([&fit]))
}

/// `rows` with the values of a metric between two rows multiplied.
pub(crate) fn multiplied(rows: &Rows, metric: usize, at: Range<usize>, factor: f64) -> Rows {
    let mut rows = rows.clone();
    rows.columns[metric][at].iter_mut().for_each(|value| *value *= factor);
    rows
}

/// [`month`] of two-minute rows and its model, made once for all tests.
pub(crate) fn trained_month() -> &'static (Rows, ResidualModel) {
    static MONTH: OnceLock<(Rows, ResidualModel)> = OnceLock::new();
    MONTH.get_or_init(|| {
        let rows = month(120);
        let model = trained(&rows);
        (rows, model)
    })
}
