//! Failures of the last three days, for error budgets.
//!
//! Only services with `error_budget.objective` are asked for, and only their traffic and errors, at
//! a coarse step. What is known is carried on from cycle to cycle like the metric window: a cold
//! start reads three days, a warm cycle the last minutes. Trouble with these reads is told and stops
//! nothing: error budgets are not judged in that cycle, everything else is.

use domain::config::valid::Config;
use domain::{MetricDefinition, MetricKind, Series, ServiceName};
use slo::{BURN_RULES, BurnWindow};

use crate::infer::Deadline;
use crate::infer::window::{MetricWindow, WindowRange, WindowShape};
use crate::ports::MetricSource;

/// Distance of the samples that are asked for: the shortest window has one.
const STEP_S: i64 = 300;
/// A window counts if samples cover at least this share of it.
const COVERAGE_MIN: f64 = 0.5;
/// More services than this are not named in the request: all are read.
const SERVICES_NAMED_MAX: usize = 100;

/// Traffic and errors of the last days, kept between cycles.
#[derive(Debug, Default)]
pub struct WarmBurn {
    /// Whose past it is.
    services: Vec<ServiceName>,
    window: MetricWindow,
    is_known: bool,
}

impl WarmBurn {
    /// Brings the past of the services with an error budget up to `until_s`; troubles, for people.
    pub(super) async fn refresh(
        &mut self,
        source: &dyn MetricSource,
        config: &Config,
        services: &[ServiceName],
        until_s: i64,
        deadline: Option<Deadline<'_>>,
    ) -> Vec<String> {
        self.is_known = false;
        let services: Vec<ServiceName> =
            services.iter().filter(|it| has_budget(config, it)).cloned().collect();
        let Some(metrics) = metrics(config).filter(|_| !services.is_empty()) else {
            return Vec::new();
        };
        if self.services != services {
            *self = WarmBurn { services, ..WarmBurn::default() };
        }
        let range = WindowRange {
            shape: WindowShape { length_s: longest_s(), step_s: STEP_S },
            until_s,
            services: (self.services.len() <= SERVICES_NAMED_MAX).then_some(&self.services[..]),
            workers: config.inference.max_workers,
            deadline,
        };
        let read = self.window.read(source, &metrics, range).await;
        let errors: Vec<String> = read.errors.iter().flatten().map(ToString::to_string).collect();
        self.is_known = errors.is_empty();
        let told = errors.first().map(|error| format!("error budgets are not judged: {error}"));
        told.into_iter().chain(read.warnings).collect()
    }

    /// The burn windows of a service; none without an error budget, or without a past.
    pub(super) fn windows(
        &self,
        config: &Config,
        service: &ServiceName,
        at_s: i64,
    ) -> Vec<BurnWindow> {
        let is_known = self.is_known && has_budget(config, service);
        let metrics = metrics(config).filter(|_| is_known);
        let series = |metric: &MetricDefinition| self.window.series(&metric.name, service);
        let series =
            metrics.and_then(|[traffic, errors]| Some((series(traffic)?, series(errors)?)));
        series.map_or_else(Vec::new, |(traffic, errors)| windows(traffic, errors, at_s))
    }
}

/// Whether failures of the past matter to a service.
pub(crate) fn has_budget(config: &Config, service: &ServiceName) -> bool {
    let settings = config.slos.as_ref();
    settings.is_some_and(|it| it.thresholds_of(service).error_budget_objective.is_some())
}

/// Traffic and errors, where both are among the metrics.
fn metrics(config: &Config) -> Option<[&MetricDefinition; 2]> {
    let [traffic, errors] = positions(config)?;
    Some([config.metrics.get(traffic)?, config.metrics.get(errors)?])
}

/// The positions of traffic and errors among the metrics.
pub(crate) fn positions(config: &Config) -> Option<[usize; 2]> {
    let errors = config
        .metrics
        .iter()
        .position(|it| it.name == "error_rate" && it.kind == MetricKind::Ratio);
    Some([config.metrics.traffic_index()?, errors?])
}

/// How far back error budgets look, in seconds.
pub(crate) fn longest_s() -> i64 {
    BURN_RULES.iter().map(|rule| i64::from(rule.long_s)).max().unwrap_or_default()
}

/// Failures and requests in every window of the rules that ends at `at_s`, of requests per second
/// and the share of them that failed. A sample stands for the time since the one before.
pub(crate) fn windows(traffic: &Series, errors: &Series, at_s: i64) -> Vec<BurnWindow> {
    let mut lengths: Vec<u32> =
        BURN_RULES.iter().flat_map(|rule| [rule.long_s, rule.short_s]).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let counts = counts(traffic, errors);
    lengths.into_iter().filter_map(|length_s| window(&counts, length_s, at_s)).collect()
}

/// What happened up to an instant since the one before.
struct Count {
    time_s: i64,
    covered_s: f64,
    requests: f64,
    failures: f64,
}

fn counts(traffic: &Series, errors: &Series) -> Vec<Count> {
    let mut counts = Vec::with_capacity(traffic.times_s.len());
    let mut shares = errors.iter().peekable();
    let mut before_s = None;
    for (time_s, rps) in traffic.iter() {
        let covered_s = before_s.map_or(STEP_S, |before: i64| (time_s - before).clamp(1, STEP_S));
        before_s = Some(time_s);
        while shares.next_if(|(earlier_s, _)| *earlier_s < time_s).is_some() {}
        let share = shares.peek().filter(|(at_s, _)| *at_s == time_s).map(|(_, share)| *share);
        let Some(share) = share.filter(|share| share.is_finite() && rps.is_finite()) else {
            continue;
        };
        let covered_s = covered_s as f64;
        let requests = rps.max(0.0) * covered_s;
        let failures = requests * share.clamp(0.0, 1.0);
        counts.push(Count { time_s, covered_s, requests, failures });
    }
    counts
}

fn window(counts: &[Count], length_s: u32, at_s: i64) -> Option<BurnWindow> {
    let after_s = at_s - i64::from(length_s);
    let inside = || counts.iter().filter(|it| it.time_s > after_s && it.time_s <= at_s);
    let covered_s: f64 = inside().map(|it| it.covered_s).sum();
    let requests: f64 = inside().map(|it| it.requests).sum();
    let failures: f64 = inside().map(|it| it.failures).sum();
    let is_covered = covered_s >= COVERAGE_MIN * f64::from(length_s);
    let error_share = (failures / requests).clamp(0.0, 1.0);
    (is_covered && requests > 0.0).then_some(BurnWindow { length_s, error_share, requests })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(step_s: i64, hours: i64, value: impl Fn(i64) -> f64) -> Series {
        let times = (1..=hours * 3_600 / step_s).map(|index| index * step_s);
        Series::from_samples(times.map(|time_s| (time_s, value(time_s))).collect())
    }

    #[test]
    fn failures_are_weighed_by_requests_at_any_step() {
        for step_s in [60, 120, 300] {
            let at_s = 80 * 3_600;
            // The last hour has a tenth of the traffic, and all of the failures.
            let is_late = |time_s: i64| time_s > at_s - 3_600;
            let traffic = series(step_s, 80, |time_s| if is_late(time_s) { 1.0 } else { 10.0 });
            let errors = series(step_s, 80, |time_s| if is_late(time_s) { 0.2 } else { 0.0 });
            let found = windows(&traffic, &errors, at_s);
            let lengths: Vec<u32> = found.iter().map(|it| it.length_s).collect();
            assert_eq!(lengths, [300, 1_800, 3_600, 21_600, 259_200]);
            assert!((found[2].error_share - 0.2).abs() < 1e-9, "{found:?}");
            assert!((found[2].requests - 3_600.0).abs() < 1e-6, "{found:?}");
            let six_hours = 720.0 / (5.0 * 36_000.0 + 3_600.0);
            assert!((found[3].error_share - six_hours).abs() < 1e-9, "{found:?}");
        }
    }

    #[test]
    fn a_window_that_is_mostly_unknown_is_left_out() {
        let traffic = series(300, 4, |_| 5.0);
        let errors = series(300, 4, |_| 0.5);
        let lengths =
            |found: Vec<BurnWindow>| -> Vec<u32> { found.iter().map(|it| it.length_s).collect() };
        let known = windows(&traffic, &errors, 4 * 3_600);
        assert_eq!(lengths(known), [300, 1_800, 3_600, 21_600], "four of six hours, not of 72");
        assert_eq!(lengths(windows(&traffic, &Series::default(), 4 * 3_600)), [0; 0]);
        let silent = series(300, 4, |_| 0.0);
        assert_eq!(lengths(windows(&silent, &errors, 4 * 3_600)), [0; 0], "no requests, no share");
    }
}
