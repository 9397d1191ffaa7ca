//! A service of three metrics for tests: ten days at five minutes, an incident on the last one.

use domain::Series;

use super::grid::Samples;

/// Length of a day in samples.
pub(super) const DAY: usize = 288;
const STEP_S: i64 = 300;

/// Series with the names `load`, `delay` and `share`.
pub(super) struct Service(pub(super) [Series; 3]);

impl Service {
    /// Days of noise around a daily shape; `delay` has a spike every day. On the tenth day `load`
    /// falls and `share` rises for an hour (samples 60 to 72), and `delay` jumps (sample 200).
    pub(super) fn ten_days() -> Service {
        let rows = 10 * DAY as i64;
        let mut series = [Series::default(), Series::default(), Series::default()];
        for i in 0..rows {
            let time_s = i * STEP_S;
            let delay = 5.0 + 16.0 * noise(i, 91, 997).powi(3);
            series[0].push(time_s, 100.0 + 60.0 * shape(time_s) + 8.0 * noise(i, 37, 1009));
            series[1].push(time_s, delay);
            series[2].push(time_s, 0.3 + 0.1 * shape(time_s + 20_000) + 0.05 * noise(i, 53, 1013));
        }
        for day in 0..9 {
            series[1].values[DAY * day + 100 + 13 * day] += 6.0;
        }
        for row in 9 * DAY + 60..9 * DAY + 72 {
            series[0].values[row] -= 25.0;
            series[2].values[row] += 0.2;
        }
        series[1].values[9 * DAY + 200] += 40.0;
        Service(series)
    }

    /// The samples of rows `from` to `until`.
    pub(super) fn rows(&self, from: usize, until: usize) -> Vec<Samples<'_>> {
        let cut = |(name, series)| Samples::of(name, series).between(at(from) - 1, at(until) - 1);
        ["load", "delay", "share"].into_iter().zip(&self.0).map(cut).collect()
    }
}

/// The stamp of a row.
pub(super) fn at(row: usize) -> i64 {
    row as i64 * STEP_S
}

fn shape(time_s: i64) -> f64 {
    1.0 - (time_s.rem_euclid(86_400) - 43_200).abs() as f64 / 43_200.0
}

/// Even, between -0.5 and 0.5.
fn noise(i: i64, factor: i64, modulus: i64) -> f64 {
    ((factor * i * i + 17 * i) % modulus) as f64 / modulus as f64 - 0.5
}
