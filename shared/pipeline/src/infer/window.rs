//! The recent past of every metric, kept between cycles.
//!
//! A cold start reads the whole window; a warm cycle reads only what is missing since the last
//! one, and the last few samples again, because a source may still have been completing them. The
//! window is a cache and not a state: what it holds can always be read again.

use std::collections::BTreeMap;

use domain::config::valid::Config;
use domain::{MetricDefinition, Series, ServiceName};
use futures_util::StreamExt;

use crate::ports::{MetricSource, RangeRequest, SourceError};

/// Length of the window while forests open anomalies: they look at five minutes; the rest tells a
/// service that fell silent from one that was never there.
const WINDOW_S: i64 = 3600;
/// Resolution of the window: a cycle may begin at any minute.
const STEP_S: i64 = 60;
/// Samples this recent are read again.
const REREAD_S: i64 = 300;

/// Samples of the recent past, by metric and service.
#[derive(Debug, Default)]
pub struct MetricWindow {
    metrics: BTreeMap<String, MetricPast>,
}

#[derive(Debug)]
struct MetricPast {
    definition: MetricDefinition,
    until_s: i64,
    services: BTreeMap<ServiceName, Series>,
}

/// What a refresh brought: by position of the metric, its samples or why there are none.
#[derive(Debug, Clone)]
pub struct WindowRead {
    pub errors: Vec<Option<SourceError>>,
    pub warnings: Vec<String>,
}

impl MetricWindow {
    /// Brings the window up to `until_s`, all metrics at once.
    pub async fn refresh(
        &mut self,
        source: &dyn MetricSource,
        config: &Config,
        until_s: i64,
    ) -> WindowRead {
        let requests: Vec<(usize, &MetricDefinition, i64)> = config
            .metrics
            .iter()
            .enumerate()
            .map(|(index, metric)| (index, metric, self.read_after(metric, until_s)))
            .collect();
        let reads = requests.into_iter().map(|(index, metric, after_s)| async move {
            let request = RangeRequest { metric, after_s, until_s, step_s: STEP_S, services: None };
            (index, metric, after_s, source.read(&request).await)
        });
        let workers = config.inference.max_workers.max(1);
        let mut reads = futures_util::stream::iter(reads).buffer_unordered(workers);
        let mut result =
            WindowRead { errors: vec![None; config.metrics.len()], warnings: Vec::new() };
        while let Some((index, metric, after_s, read)) = reads.next().await {
            match read {
                Ok(read) => {
                    result.warnings.extend(read.warnings);
                    self.absorb(metric, after_s, until_s, read.series);
                }
                Err(error) => result.errors[index] = Some(error),
            }
        }
        result
    }

    /// The samples of one metric of one service.
    pub fn series(&self, metric: &str, service: &ServiceName) -> Option<&Series> {
        self.metrics.get(metric)?.services.get(service)
    }

    /// Every service that has a sample of any metric.
    pub fn services(&self) -> impl Iterator<Item = &ServiceName> {
        self.metrics.values().flat_map(|past| past.services.keys())
    }

    /// Where reading must begin: at the window's start, or shortly before what is known.
    fn read_after(&self, metric: &MetricDefinition, until_s: i64) -> i64 {
        let start = until_s - WINDOW_S;
        let Some(past) = self.metrics.get(&metric.name) else { return start };
        let is_usable = past.definition == *metric && past.until_s <= until_s;
        if is_usable { start.max(past.until_s - REREAD_S) } else { start }
    }

    fn absorb(
        &mut self,
        metric: &MetricDefinition,
        after_s: i64,
        until_s: i64,
        series: BTreeMap<ServiceName, Series>,
    ) {
        let start = until_s - WINDOW_S;
        let fresh =
            || MetricPast { definition: metric.clone(), until_s: start, services: BTreeMap::new() };
        let past = self.metrics.entry(metric.name.clone()).or_insert_with(fresh);
        if after_s == start {
            *past = fresh();
        }
        for (service, newer) in &series {
            past.services.entry(service.clone()).or_default().replace_after(after_s, newer);
        }
        past.services.retain(|service, known| {
            if !series.contains_key(service) {
                known.replace_after(after_s, &Series::default());
            }
            known.forget_until(start);
            !known.is_empty()
        });
        past.until_s = until_s;
    }
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
