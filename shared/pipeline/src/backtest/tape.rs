//! What happened to one service: samples to learn from and samples to replay, on one line of time.
//!
//! A sample is replayed if it is in the metrics and its instant is not in the history: a lead-in
//! that both hold is warm-up. A test may lie before its history, after it, or on both sides. Time
//! is the time of the data: nothing happens in a cycle without a sample.

use std::collections::BTreeMap;

use detect::rows::{ServiceSamples, step_of};
use domain::config::valid::Config;
use domain::limits::FEATURE_WINDOW_S;
use domain::{Series, ServiceName};

use crate::ports::{MetricSource, RangeRequest, SourceError};

/// Samples before a gap as long as this are no warm-up for what comes after it.
const WARM_UP_GAP_S: i64 = 2 * 3_600;
/// Resolution to ask of a source that answers at any.
const STEP_S: i64 = 60;

/// The samples of one service in the order of their time.
#[derive(Debug, Clone, PartialEq)]
pub struct Tape {
    pub service: ServiceName,
    /// Of both parts, in the order of the metric set.
    pub samples: ServiceSamples,
    /// Median distance between samples.
    pub step_s: i64,
    /// The newest instant of the history; `None` without any.
    pub learned_until_s: Option<i64>,
    /// Instants that are replayed, ascending.
    pub stamps_s: Vec<i64>,
    /// Stretches of `stamps_s` without history or a long gap between them.
    pub spans: Vec<Span>,
}

/// A stretch of time that is replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub first_s: i64,
    pub last_s: i64,
    /// Earlier samples, this one included, are no warm-up.
    pub visible_after_s: i64,
}

/// One cycle of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// End of the cycle: it judges samples with `at_s - cycle < time <= at_s`.
    pub at_s: i64,
    /// The newest replayed sample in it. Alerts and scores bear this instant.
    pub stamp_s: i64,
    pub visible_after_s: i64,
}

/// One side of a backtest: a source and what to read of it.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "a port is a trait object")]
pub struct Part<'a> {
    pub source: &'a dyn MetricSource,
    /// Exclusive, epoch seconds.
    pub after_s: i64,
    /// Inclusive, epoch seconds.
    pub until_s: i64,
}

/// Reads both parts. Only services with something to replay have a tape.
pub async fn read_tapes(
    history: Part<'_>,
    metrics: Part<'_>,
    config: &Config,
) -> Result<Vec<Tape>, SourceError> {
    let mut past = read(history, config).await?;
    let replayed = read(metrics, config).await?;
    let tape = |(service, samples): (ServiceName, ServiceSamples)| {
        let past = past.remove(&service).unwrap_or_default();
        Tape::new(service, past, samples)
    };
    Ok(replayed.into_iter().filter_map(tape).collect())
}

async fn read(
    part: Part<'_>,
    config: &Config,
) -> Result<BTreeMap<ServiceName, ServiceSamples>, SourceError> {
    let mut samples: BTreeMap<ServiceName, ServiceSamples> = BTreeMap::new();
    for (index, metric) in config.metrics.iter().enumerate() {
        let (after_s, until_s) = (part.after_s, part.until_s);
        let request = RangeRequest { metric, after_s, until_s, step_s: STEP_S, services: None };
        let read = part.source.read(&request).await?;
        for warning in read.warnings {
            tracing::warn!(warning, "metric read in part");
        }
        let empty = || ServiceSamples { series: vec![None; config.metrics.len()] };
        for (service, series) in read.series {
            samples.entry(service).or_insert_with(empty).series[index] = Some(series);
        }
    }
    Ok(samples)
}

impl Tape {
    /// Puts both parts together; `None` if there is nothing to replay.
    pub fn new(
        service: ServiceName,
        history: ServiceSamples,
        metrics: ServiceSamples,
    ) -> Option<Tape> {
        let known_s = instants(&history);
        let mut stamps_s = instants(&metrics);
        stamps_s.retain(|time| known_s.binary_search(time).is_err());
        let spans = spans(&known_s, &stamps_s);
        let samples = join(history, metrics);
        let step_s = step_of(&samples).unwrap_or(FEATURE_WINDOW_S);
        let learned_until_s = known_s.last().copied();
        let tape = Tape { service, samples, step_s, learned_until_s, stamps_s, spans };
        (!tape.stamps_s.is_empty()).then_some(tape)
    }

    /// The cycles that have something to judge. A cycle is never shorter than the service's step.
    pub fn ticks(&self, cycle_s: i64) -> Vec<Tick> {
        let cycle_s = self.cycle_s(cycle_s);
        let mut ticks: Vec<Tick> = Vec::new();
        for span in &self.spans {
            let first = self.stamps_s.partition_point(|time| *time < span.first_s);
            let last = self.stamps_s.partition_point(|time| *time <= span.last_s);
            for stamp_s in self.stamps_s[first..last].iter().copied() {
                let at_s = (stamp_s + cycle_s - 1).div_euclid(cycle_s) * cycle_s;
                let tick = Tick { at_s, stamp_s, visible_after_s: span.visible_after_s };
                match ticks.last_mut() {
                    Some(newest) if newest.at_s == at_s => *newest = tick,
                    _ => ticks.push(tick),
                }
            }
        }
        ticks
    }

    /// The length of this service's cycles.
    pub fn cycle_s(&self, cycle_s: i64) -> i64 {
        cycle_s.max(self.step_s).max(1)
    }

    /// What a cycle may look at: the samples of the last `length_s` before its end.
    pub fn window(&self, tick: &Tick, length_s: i64) -> ServiceSamples {
        let after_s = tick.visible_after_s.max(tick.at_s - length_s);
        let cut = |series: &Series| {
            let (times_s, values) = series.between(after_s, tick.at_s).unzip();
            Series { times_s, values }
        };
        let cut = |series: &Option<Series>| series.as_ref().map(cut).filter(|it| !it.is_empty());
        ServiceSamples { series: self.samples.series.iter().map(cut).collect() }
    }

    /// Days that are replayed.
    pub fn days(&self) -> f64 {
        let length_s = |span: &Span| span.last_s - span.first_s + self.step_s;
        self.spans.iter().map(length_s).sum::<i64>() as f64 / 86_400.0
    }
}

/// All instants at which any metric has a sample, ascending.
fn instants(samples: &ServiceSamples) -> Vec<i64> {
    let mut all: Vec<i64> = Vec::new();
    for series in samples.series.iter().flatten() {
        // Metrics of one service mostly share their instants.
        if series.times_s != all {
            all.extend(&series.times_s);
            all.sort_unstable();
            all.dedup();
        }
    }
    all
}

fn spans(known_s: &[i64], stamps_s: &[i64]) -> Vec<Span> {
    let mut all: Vec<(i64, bool)> = known_s.iter().map(|time| (*time, false)).collect();
    all.extend(stamps_s.iter().map(|time| (*time, true)));
    all.sort_unstable();
    let mut spans: Vec<Span> = Vec::new();
    let mut visible_after_s = i64::MIN;
    let mut before: Option<(i64, bool)> = None;
    for (time_s, is_replayed) in all {
        let is_far = before.is_some_and(|(earlier, _)| time_s - earlier > WARM_UP_GAP_S);
        let goes_on = before.is_some_and(|(_, was_replayed)| was_replayed) && !is_far;
        if let Some((earlier, was_replayed)) = before
            && is_far
            && (is_replayed || was_replayed)
        {
            visible_after_s = earlier;
        }
        match spans.last_mut() {
            Some(span) if is_replayed && goes_on => span.last_s = time_s,
            _ if is_replayed => {
                spans.push(Span { first_s: time_s, last_s: time_s, visible_after_s });
            }
            _ => {}
        }
        before = Some((time_s, is_replayed));
    }
    spans
}

fn join(history: ServiceSamples, metrics: ServiceSamples) -> ServiceSamples {
    let length = history.series.len().max(metrics.series.len());
    let mut past = history.series;
    past.resize(length, None);
    let mut newer = metrics.series;
    newer.resize(length, None);
    let series = past.into_iter().zip(newer).map(|pair| match pair {
        (Some(past), Some(newer)) => {
            Some(Series::from_samples(past.iter().chain(newer.iter()).collect()))
        }
        (past, newer) => past.or(newer),
    });
    ServiceSamples { series: series.collect() }
}

#[cfg(test)]
#[path = "tape_tests.rs"]
mod tests;
