//! A metric source in memory, with failures to order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use domain::{Series, ServiceName};
use pipeline::ports::{Health, MetricRead, MetricSource, RangeRequest, SourceError};

/// A read that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub metric: String,
    pub after_s: i64,
    pub until_s: i64,
    pub step_s: i64,
    pub services: Option<Vec<ServiceName>>,
}

/// Answers from memory with the samples as they were given, whatever the step.
#[derive(Debug, Default)]
pub struct FakeSource {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    metrics: BTreeMap<String, BTreeMap<ServiceName, Series>>,
    failing: BTreeMap<String, SourceError>,
    hanging: BTreeSet<String>,
    failing_next: BTreeMap<String, (usize, SourceError)>,
    warnings: BTreeMap<String, Vec<String>>,
    unhealthy: Option<SourceError>,
    latency: Duration,
    lag_s: i64,
    asked: Vec<Asked>,
    health_checks: usize,
}

impl FakeSource {
    /// A healthy source without a sample.
    pub fn new() -> FakeSource {
        FakeSource::default()
    }

    /// Sets the samples of one metric of one service.
    pub fn set(&self, metric: &str, service: &ServiceName, series: Series) {
        let mut state = self.state();
        state.metrics.entry(metric.to_owned()).or_default().insert(service.clone(), series);
    }

    /// Adds or replaces one sample.
    pub fn push(&self, metric: &str, service: &ServiceName, time_s: i64, value: f64) {
        let mut state = self.state();
        let services = state.metrics.entry(metric.to_owned()).or_default();
        services.entry(service.clone()).or_default().push(time_s, value);
    }

    /// Takes away the samples of one metric of one service at other times.
    pub fn retain(&self, metric: &str, service: &ServiceName, is_kept: impl Fn(i64) -> bool) {
        let mut state = self.state();
        let Some(services) = state.metrics.get_mut(metric) else { return };
        let Some(series) = services.get_mut(service) else { return };
        let kept = series.iter().filter(|(time_s, _)| is_kept(*time_s)).collect();
        *series = Series::from_samples(kept);
    }

    /// Every read of the metric fails from now on.
    pub fn fail(&self, metric: &str, error: SourceError) {
        self.state().failing.insert(metric.to_owned(), error);
    }

    /// Reads of the metric never end from now on.
    pub fn hang(&self, metric: &str) {
        self.state().hanging.insert(metric.to_owned());
    }

    /// The next `times` reads of the metric fail.
    pub fn fail_next(&self, metric: &str, times: usize, error: SourceError) {
        self.state().failing_next.insert(metric.to_owned(), (times, error));
    }

    /// Answers for the metric carry this warning.
    pub fn warn(&self, metric: &str, warning: &str) {
        let mut state = self.state();
        state.warnings.entry(metric.to_owned()).or_default().push(warning.to_owned());
    }

    /// Health checks fail from now on.
    pub fn fail_health(&self, error: SourceError) {
        self.state().unhealthy = Some(error);
    }

    /// Health checks take this long, in words only.
    pub fn set_latency(&self, latency: Duration) {
        self.state().latency = latency;
    }

    /// What [`MetricSource::lag_s`] answers.
    pub fn set_lag_s(&self, lag_s: i64) {
        self.state().lag_s = lag_s;
    }

    /// Nothing fails or warns any more.
    pub fn heal(&self) {
        let mut state = self.state();
        state.failing.clear();
        state.failing_next.clear();
        state.warnings.clear();
        state.unhealthy = None;
    }

    /// Every read so far, failed ones included, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// How many reads there were.
    pub fn reads(&self) -> usize {
        self.state().asked.len()
    }

    /// How many health checks there were.
    pub fn health_checks(&self) -> usize {
        self.state().health_checks
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panicked while holding the state")
    }

    fn is_hanging(&self, metric: &str) -> bool {
        self.state().hanging.contains(metric)
    }
}

#[async_trait]
impl MetricSource for FakeSource {
    async fn health(&self) -> Result<Health, SourceError> {
        let mut state = self.state();
        state.health_checks += 1;
        match &state.unhealthy {
            Some(error) => Err(error.clone()),
            None => Ok(Health { latency: state.latency }),
        }
    }

    async fn read(&self, request: &RangeRequest<'_>) -> Result<MetricRead, SourceError> {
        if self.is_hanging(&request.metric.name) {
            std::future::pending::<()>().await;
        }
        let mut state = self.state();
        state.asked.push(Asked {
            metric: request.metric.name.clone(),
            after_s: request.after_s,
            until_s: request.until_s,
            step_s: request.step_s,
            services: request.services.map(<[ServiceName]>::to_vec),
        });
        match state.failure_of(&request.metric.name) {
            Some(error) => Err(error),
            None => Ok(state.answer(request)),
        }
    }

    fn lag_s(&self) -> i64 {
        self.state().lag_s
    }

    fn describe(&self) -> String {
        "a fake".to_owned()
    }
}

impl State {
    fn failure_of(&mut self, metric: &str) -> Option<SourceError> {
        match self.failing_next.get_mut(metric) {
            Some((times, error)) if *times > 0 => {
                *times -= 1;
                Some(error.clone())
            }
            _ => self.failing.get(metric).cloned(),
        }
    }

    fn answer(&self, request: &RangeRequest<'_>) -> MetricRead {
        let wanted = |name: &ServiceName| request.services.is_none_or(|list| list.contains(name));
        let mut read = MetricRead::default();
        for (name, series) in self.metrics.get(&request.metric.name).into_iter().flatten() {
            let samples: Vec<_> = series.between(request.after_s, request.until_s).collect();
            if wanted(name) && !samples.is_empty() {
                read.series.insert(name.clone(), Series::from_samples(samples));
            }
        }
        read.warnings = self.warnings.get(&request.metric.name).cloned().unwrap_or_default();
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{KnownMetrics, metric_source};
    use domain::MetricDefinition;

    #[tokio::test]
    async fn it_is_a_metric_source() {
        let known = KnownMetrics::starting_at(1_700_000_040).with_nan();
        let source = FakeSource::new();
        for (metric, service, series) in known.series() {
            source.set(metric, service, series.clone());
        }
        metric_source(&source, &known).await;
    }

    #[tokio::test]
    async fn failures_come_as_ordered_and_every_read_is_noted() {
        let source = FakeSource::new();
        let metric = MetricDefinition::guess("cpu");
        let request =
            RangeRequest { metric: &metric, after_s: 0, until_s: 60, step_s: 60, services: None };
        let error = SourceError::BudgetSpent { source_name: "x".to_owned(), failures: 1 };
        source.fail_next("cpu", 1, error.clone());
        assert_eq!(source.read(&request).await, Err(error.clone()));
        assert_eq!(source.read(&request).await, Ok(MetricRead::default()));
        source.fail("cpu", error.clone());
        source.fail_health(error.clone());
        assert_eq!(source.read(&request).await, Err(error.clone()));
        assert_eq!(source.health().await, Err(error));
        source.heal();
        source.warn("cpu", "two series");
        assert_eq!(source.read(&request).await.unwrap().warnings, ["two series"]);
        assert_eq!((source.reads(), source.health_checks()), (4, 1));
        assert_eq!(source.asked()[0].until_s, 60);
    }
}
