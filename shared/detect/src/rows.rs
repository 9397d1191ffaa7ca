//! From samples to rows: one averaged value per metric and window of time.
//!
//! A window averages the samples with `end - width < time <= end`. Latencies and shares are
//! weighted by traffic, as a longer rate window would weigh them; rates and gauges are plain
//! means. Training and service average with the same function, so a feature means the same thing
//! in both.

use domain::config::valid::Bounds;
use domain::{MetricKind, MetricSet, Series};

use crate::sanitize::{Problem, sanitize, warning};

/// The samples of one service: one entry per metric of the set, `None` where it was not read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServiceSamples {
    pub series: Vec<Option<Series>>,
}

/// What one service did in one window.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// End of the window, epoch seconds.
    pub at_s: i64,
    /// In the order of the metric set; `None` is missing.
    pub values: Vec<Option<f64>>,
    /// Requests in the window, if the traffic is known.
    pub requests: Option<f64>,
}

/// Rows of a service over a stretch of history, column by column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// End of each row's window, epoch seconds, ascending.
    pub times_s: Vec<i64>,
    /// One column per metric of the set, as long as `times_s`; NaN is missing.
    pub columns: Vec<Vec<f64>>,
    /// Width of the windows.
    pub width_s: i64,
}

/// Weight of a sample whose traffic is unknown: it counts only if nothing better is there.
const WEIGHT_UNKNOWN: f64 = 1e-9;

/// The window that ends at `at_s`, with a warning for each kind of bad value in it.
pub fn observe(
    samples: &ServiceSamples,
    metrics: &MetricSet,
    bounds: &Bounds,
    at_s: i64,
    width_s: i64,
) -> (Observation, Vec<String>) {
    let mut warnings = Vec::new();
    let traffic = traffic_series(samples, metrics);
    let mut values: Vec<Option<f64>> = Vec::with_capacity(metrics.len());
    for (index, metric) in metrics.iter().enumerate() {
        let mut seen: Vec<Problem> = Vec::new();
        let mut mean = WeightedMean::default();
        for (time, raw) in samples_of(samples, index).between(at_s - width_s, at_s) {
            let out = sanitize(raw, metric.kind, bounds);
            if let Some(problem) = out.problem.filter(|problem| !seen.contains(problem)) {
                seen.push(problem);
                warnings.push(warning(metric, problem, raw, bounds));
            }
            if let Some(value) = out.value {
                mean.add(value, weight(metric.kind, traffic, time));
            }
        }
        values.push(mean.value());
    }
    let rate = metrics.traffic_index().and_then(|index| values[index]);
    drop_undefined(&mut values, metrics, rate);
    (Observation { at_s, values, requests: rate.map(|rate| rate * width_s as f64) }, warnings)
}

/// All windows of `width_s` that end on a multiple of it in `(after_s, until_s]` and hold at least
/// one sample.
pub fn rows(
    samples: &ServiceSamples,
    metrics: &MetricSet,
    bounds: &Bounds,
    after_s: i64,
    until_s: i64,
    width_s: i64,
) -> Rows {
    let first = after_s.div_euclid(width_s) + 1;
    let last = until_s.div_euclid(width_s);
    let count = usize::try_from(last - first + 1).unwrap_or(0);
    let traffic = traffic_series(samples, metrics);
    let mut columns: Vec<Vec<f64>> = Vec::with_capacity(metrics.len());
    for (index, metric) in metrics.iter().enumerate() {
        let mut means = vec![WeightedMean::default(); count];
        let mut weights = Weights::new(traffic);
        for (time, raw) in samples_of(samples, index).between((first - 1) * width_s, last * width_s)
        {
            let slot = (time + width_s - 1).div_euclid(width_s) - first;
            let (Ok(slot), Some(value)) =
                (usize::try_from(slot), sanitize(raw, metric.kind, bounds).value)
            else {
                continue;
            };
            means[slot].add(value, weights.of(metric.kind, time));
        }
        columns.push(means.iter().map(|mean| mean.value().unwrap_or(f64::NAN)).collect());
    }
    let times_s = (first..=last).map(|slot| slot * width_s).collect();
    let mut rows = Rows { times_s, columns, width_s };
    rows.drop_undefined(metrics);
    rows.drop_empty();
    rows
}

impl Rows {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.times_s.len()
    }

    /// True if there is no row.
    pub fn is_empty(&self) -> bool {
        self.times_s.is_empty()
    }

    /// The rows for which `keep` says so.
    pub fn filter(&self, mut keep: impl FnMut(i64) -> bool) -> Rows {
        let kept: Vec<usize> = (0..self.len()).filter(|i| keep(self.times_s[*i])).collect();
        self.select(&kept)
    }

    /// The first `count` rows, and the rest.
    pub fn split_at(&self, count: usize) -> (Rows, Rows) {
        let count = count.min(self.len());
        let first: Vec<usize> = (0..count).collect();
        let rest: Vec<usize> = (count..self.len()).collect();
        (self.select(&first), self.select(&rest))
    }

    /// One row as an observation.
    pub fn observation(&self, row: usize, metrics: &MetricSet) -> Observation {
        let values: Vec<Option<f64>> =
            self.columns.iter().map(|column| Some(column[row]).filter(|v| v.is_finite())).collect();
        let rate = metrics.traffic_index().and_then(|index| values[index]);
        let requests = rate.map(|rate| rate * self.width_s as f64);
        Observation { at_s: self.times_s[row], values, requests }
    }

    fn select(&self, rows: &[usize]) -> Rows {
        let pick = |column: &Vec<f64>| rows.iter().map(|row| column[*row]).collect();
        Rows {
            times_s: rows.iter().map(|row| self.times_s[*row]).collect(),
            columns: self.columns.iter().map(pick).collect(),
            width_s: self.width_s,
        }
    }

    /// Without traffic there is no latency and no share of failures.
    pub(crate) fn drop_undefined(&mut self, metrics: &MetricSet) {
        let Some(traffic) = metrics.traffic_index() else { return };
        for row in 0..self.len() {
            if self.columns[traffic][row] != 0.0 {
                continue;
            }
            for (index, metric) in metrics.iter().enumerate() {
                if needs_traffic(metric.kind) {
                    self.columns[index][row] = f64::NAN;
                }
            }
        }
    }

    fn drop_empty(&mut self) {
        let kept: Vec<usize> = (0..self.len())
            .filter(|row| self.columns.iter().any(|column| column[*row].is_finite()))
            .collect();
        if kept.len() < self.len() {
            *self = self.select(&kept);
        }
    }
}

/// The usual distance between the samples of a service: the median over its metrics' intervals,
/// or `None` with fewer than two samples.
pub fn step_of(samples: &ServiceSamples) -> Option<i64> {
    let mut steps: Vec<i64> = Vec::new();
    for series in samples.series.iter().flatten() {
        steps.extend(series.times_s.windows(2).map(|pair| pair[1] - pair[0]));
    }
    if steps.is_empty() {
        return None;
    }
    let middle = steps.len() / 2;
    let (_, median, _) = steps.select_nth_unstable(middle);
    Some(*median)
}

fn drop_undefined(values: &mut [Option<f64>], metrics: &MetricSet, rate: Option<f64>) {
    if rate == Some(0.0) {
        for (value, metric) in values.iter_mut().zip(metrics.iter()) {
            if needs_traffic(metric.kind) {
                *value = None;
            }
        }
    }
}

fn needs_traffic(kind: MetricKind) -> bool {
    matches!(kind, MetricKind::Latency | MetricKind::Ratio)
}

fn samples_of(samples: &ServiceSamples, index: usize) -> &Series {
    static NONE: Series = Series { times_s: Vec::new(), values: Vec::new() };
    samples.series.get(index).and_then(Option::as_ref).unwrap_or(&NONE)
}

fn traffic_series<'a>(samples: &'a ServiceSamples, metrics: &MetricSet) -> Option<&'a Series> {
    samples.series.get(metrics.traffic_index()?)?.as_ref()
}

fn weight(kind: MetricKind, traffic: Option<&Series>, time: i64) -> f64 {
    Weights::new(traffic).of(kind, time)
}

/// Looks up the traffic at ascending instants.
struct Weights<'a> {
    traffic: Option<&'a Series>,
    next: usize,
}

impl<'a> Weights<'a> {
    fn new(traffic: Option<&'a Series>) -> Weights<'a> {
        Weights { traffic, next: 0 }
    }

    fn of(&mut self, kind: MetricKind, time: i64) -> f64 {
        let (true, Some(traffic)) = (needs_traffic(kind), self.traffic) else { return 1.0 };
        if self.next == 0 {
            self.next = traffic.times_s.partition_point(|t| *t < time);
        }
        while self.next < traffic.len() && traffic.times_s[self.next] < time {
            self.next += 1;
        }
        if traffic.times_s.get(self.next) != Some(&time) {
            return WEIGHT_UNKNOWN;
        }
        let rate = traffic.values[self.next];
        if rate.is_finite() { rate.max(WEIGHT_UNKNOWN) } else { WEIGHT_UNKNOWN }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct WeightedMean {
    sum: f64,
    weight: f64,
}

impl WeightedMean {
    fn add(&mut self, value: f64, weight: f64) {
        self.sum += value * weight;
        self.weight += weight;
    }

    fn value(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { request_rate_max: 1e6, latency_ms_max: 3e5 };

    fn samples(rate: Vec<(i64, f64)>, latency: Vec<(i64, f64)>) -> ServiceSamples {
        let mut series = vec![None; 5];
        series[0] = Some(Series::from_samples(rate));
        series[1] = Some(Series::from_samples(latency));
        ServiceSamples { series }
    }

    #[test]
    fn latency_is_weighted_by_traffic_and_rates_are_not() {
        let samples =
            samples(vec![(60, 1.0), (120, 3.0)], vec![(60, 100.0), (120, 200.0), (180, 900.0)]);
        let (seen, warnings) = observe(&samples, &MetricSet::five(), &BOUNDS, 120, 120);
        assert_eq!(seen.values, [Some(2.0), Some(175.0), None, None, None]);
        assert_eq!(seen.requests, Some(240.0));
        assert!(warnings.is_empty());
    }

    #[test]
    fn without_traffic_there_is_no_latency() {
        let samples = samples(vec![(60, 0.0)], vec![(60, 5.0)]);
        let (seen, _) = observe(&samples, &MetricSet::five(), &BOUNDS, 60, 60);
        assert_eq!(seen.values[..2], [Some(0.0), None]);
    }

    #[test]
    fn bad_values_are_missing_and_warned_about_once() {
        let samples = samples(
            vec![(60, 1.0), (120, 1.0), (180, 1.0)],
            vec![(60, f64::NAN), (120, f64::INFINITY), (180, -4.0)],
        );
        let (seen, warnings) = observe(&samples, &MetricSet::five(), &BOUNDS, 180, 180);
        assert_eq!(seen.values[1], Some(0.0));
        assert_eq!(warnings.len(), 2);
    }

    #[test]
    fn rows_and_observations_agree() {
        let rate: Vec<_> = (1..=40).map(|i| (i * 60, (i % 7) as f64)).collect();
        let latency: Vec<_> = (1..=40).map(|i| (i * 60, 50.0 + (i % 5) as f64)).collect();
        let samples = samples(rate, latency);
        let metrics = MetricSet::five();
        let rows = rows(&samples, &metrics, &BOUNDS, 0, 2400, 300);
        assert_eq!(rows.times_s, [300, 600, 900, 1200, 1500, 1800, 2100, 2400]);
        for row in 0..rows.len() {
            let (seen, _) = observe(&samples, &metrics, &BOUNDS, rows.times_s[row], 300);
            assert_eq!(rows.observation(row, &metrics), seen);
        }
    }

    #[test]
    fn windows_without_samples_are_no_rows() {
        let samples = samples(vec![(60, 1.0), (3660, 1.0)], vec![]);
        let rows = rows(&samples, &MetricSet::five(), &BOUNDS, 0, 7200, 300);
        assert_eq!(rows.times_s, [300, 3900]);
        assert_eq!(step_of(&samples), Some(3600));
    }
}
