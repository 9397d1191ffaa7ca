//! The recent past of every metric, kept between cycles.
//!
//! A cold start reads the whole window; a warm cycle reads only what is missing since the last
//! one, and the last few samples again, because a source may still have been completing them. The
//! window is a cache and not a state: what it holds can always be read again.

use std::collections::BTreeMap;
use std::pin::pin;

use domain::config::valid::{Config, Opening};
use domain::limits::CYCLE_S;
use domain::{MetricDefinition, Series, ServiceName};
use futures_util::StreamExt;
use futures_util::future::{Either, select};

use crate::infer::Deadline;
use crate::ports::{MetricSource, RangeRequest, SourceError};

/// Length of the window while forests open anomalies: they look at five minutes; the rest tells a
/// service that fell silent from one that was never there.
const FOREST_WINDOW_S: i64 = 3600;
/// Length while residuals open them: the level's memory of a day, its lag, and some cycles.
const RESIDUAL_WINDOW_S: i64 = 27 * 3600;
/// Samples this recent are read again.
pub(super) const REREAD_S: i64 = 300;

/// Samples of the recent past, by metric and service.
#[derive(Debug, Default)]
pub struct MetricWindow {
    metrics: BTreeMap<String, MetricPast>,
}

/// How far the window reaches back, and how finely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WindowShape {
    pub(super) length_s: i64,
    /// Cycles are judged at multiples of this.
    pub(super) step_s: i64,
}

impl WindowShape {
    /// What the way of opening asks for.
    pub(super) fn of(opening: Opening) -> WindowShape {
        match opening {
            // A cycle may begin at any minute.
            Opening::Forest => WindowShape { length_s: FOREST_WINDOW_S, step_s: 60 },
            Opening::Residual => WindowShape { length_s: RESIDUAL_WINDOW_S, step_s: CYCLE_S },
        }
    }
}

/// What of the past is to be read.
#[derive(Clone, Copy)]
pub(super) struct WindowRange<'a> {
    pub(super) shape: WindowShape,
    pub(super) until_s: i64,
    /// `None` for every service.
    pub(super) services: Option<&'a [ServiceName]>,
    /// Reads at once.
    pub(super) workers: usize,
    /// `None` if nobody ends the cycle.
    pub(super) deadline: Option<Deadline<'a>>,
}

#[derive(Debug)]
struct MetricPast {
    definition: MetricDefinition,
    until_s: i64,
    services: BTreeMap<ServiceName, Series>,
}

/// Ends when metrics must not be read any longer; never without a deadline.
async fn time_is_over(deadline: Option<Deadline<'_>>) {
    match deadline {
        Some(deadline) => deadline.clock.pause(deadline.for_reading()).await,
        None => std::future::pending().await,
    }
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
        deadline: Option<Deadline<'_>>,
    ) -> WindowRead {
        let metrics: Vec<&MetricDefinition> = config.metrics.iter().collect();
        let shape = WindowShape::of(config.detection.opening);
        let workers = config.inference.max_workers;
        let range = WindowRange { shape, until_s, services: None, workers, deadline };
        self.read(source, &metrics, range).await
    }

    /// Brings a window of these metrics up to date, in which no other shape was ever read.
    pub(super) async fn read(
        &mut self,
        source: &dyn MetricSource,
        metrics: &[&MetricDefinition],
        range: WindowRange<'_>,
    ) -> WindowRead {
        let WindowRange { shape, until_s, services, workers, deadline } = range;
        let requests: Vec<(usize, &MetricDefinition, i64)> = metrics
            .iter()
            .enumerate()
            .map(|(index, metric)| (index, *metric, self.read_after(metric, until_s, shape)))
            .collect();
        let reads = requests.into_iter().map(|(index, metric, after_s)| async move {
            let request = RangeRequest { metric, after_s, until_s, step_s: shape.step_s, services };
            (index, metric, after_s, source.read(&request).await)
        });
        let mut reads = futures_util::stream::iter(reads).buffer_unordered(workers.max(1));
        let mut over = pin!(time_is_over(deadline));
        let not_read = || Some(SourceError::CutOff { source_name: source.describe() });
        let mut errors: Vec<Option<SourceError>> = metrics.iter().map(|_| not_read()).collect();
        let mut warnings = Vec::new();
        while let Either::Left((Some(read), _)) = select(reads.next(), over.as_mut()).await {
            let (index, metric, after_s, read) = read;
            errors[index] = match read {
                Ok(read) => {
                    warnings.extend(read.warnings);
                    self.absorb(metric, (after_s, until_s), shape, read.series);
                    None
                }
                Err(error) => Some(error),
            };
        }
        WindowRead { errors, warnings }
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
    fn read_after(&self, metric: &MetricDefinition, until_s: i64, shape: WindowShape) -> i64 {
        let start = until_s - shape.length_s;
        let Some(past) = self.metrics.get(&metric.name) else { return start };
        let is_usable = past.definition == *metric && past.until_s <= until_s;
        if is_usable { start.max(past.until_s - REREAD_S) } else { start }
    }

    fn absorb(
        &mut self,
        metric: &MetricDefinition,
        span: (i64, i64),
        shape: WindowShape,
        series: BTreeMap<ServiceName, Series>,
    ) {
        let (after_s, until_s) = span;
        let start = until_s - shape.length_s;
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
