//! Reads the history of a batch: one query per metric for all of its services.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use detect::rows::ServiceSamples;
use domain::ServiceName;
use domain::config::valid::Config;
use domain::limits::CYCLE_S;
use futures_util::StreamExt;

use crate::ports::{RangeRequest, SourceError};
use crate::train::{TrainEvent, TrainPorts};

/// Samples by service.
pub(super) type History = BTreeMap<ServiceName, ServiceSamples>;

/// Reads every metric. One that fails, fails the batch: a model without a metric that the service
/// has would replace one that knows it.
pub(super) async fn read_history(
    services: &[ServiceName],
    at: DateTime<Utc>,
    config: &Config,
    ports: &TrainPorts<'_>,
) -> Result<History, SourceError> {
    let (after_s, until_s) = span(at, config, ports);
    let reads = config.metrics.iter().enumerate().map(|(index, metric)| async move {
        let request =
            RangeRequest { metric, after_s, until_s, step_s: CYCLE_S, services: Some(services) };
        let read = ports.source.read(&request).await?;
        let found = read.series.len();
        ports.progress.on(TrainEvent::MetricRead { metric: &metric.name, services: found });
        Ok::<_, SourceError>((index, read))
    });
    let mut reads =
        futures_util::stream::iter(reads).buffer_unordered(config.inference.max_workers);
    let mut history = named_history(services, config.metrics.len());
    while let Some(read) = reads.next().await {
        let (index, read) = read?;
        for warning in read.warnings {
            tracing::warn!(warning, "metric read in part");
        }
        for (service, series) in read.series {
            let samples = history
                .entry(service)
                .or_insert_with(|| ServiceSamples { series: vec![None; config.metrics.len()] });
            samples.series[index] = Some(series);
        }
    }
    Ok(history)
}

/// Services that have a sample of the traffic metric, or of any metric where there is none, in the
/// whole span. Looks once an hour: it is enough to be seen once.
pub(super) async fn discover(
    at: DateTime<Utc>,
    config: &Config,
    ports: &TrainPorts<'_>,
) -> Result<Vec<ServiceName>, SourceError> {
    const LOOK_S: i64 = 3600;
    let (after_s, until_s) = span(at, config, ports);
    let traffic = config.metrics.traffic_index();
    let asked = config.metrics.iter().enumerate();
    let asked = asked.filter(|(index, _)| traffic.is_none_or(|traffic| traffic == *index));
    let mut found = BTreeSet::new();
    for (_, metric) in asked {
        let request = RangeRequest { metric, after_s, until_s, step_s: LOOK_S, services: None };
        found.extend(ports.source.read(&request).await?.series.into_keys());
    }
    Ok(found.into_iter().collect())
}

/// The look-back before the newest instant that the source has complete.
fn span(at: DateTime<Utc>, config: &Config, ports: &TrainPorts<'_>) -> (i64, i64) {
    let until_s = (at.timestamp() - ports.source.lag_s()).div_euclid(CYCLE_S) * CYCLE_S;
    (until_s - i64::from(config.training.lookback_days) * 86_400, until_s)
}

/// A service without any sample is reported on, and not forgotten.
fn named_history(services: &[ServiceName], metrics: usize) -> History {
    let empty = || ServiceSamples { series: vec![None; metrics] };
    services.iter().map(|service| (service.clone(), empty())).collect()
}
