//! Reads the history of a batch: one query per metric for all of its services.

use std::collections::{BTreeMap, BTreeSet};

use detect::exclusion::Exclusion;
use detect::rows::ServiceSamples;
use domain::config::valid::{Config, ExcludedPeriod};
use domain::limits::CYCLE_S;
use domain::{ServiceName, Variant};
use futures_util::StreamExt;

use crate::ports::{RangeRequest, SourceError};
use crate::train::{TrainEvent, TrainPorts, TrainRequest};

/// Samples by service.
pub(super) type History = BTreeMap<ServiceName, ServiceSamples>;

/// Which part of the past a run learns from.
#[derive(Debug, Clone)]
pub(super) struct Past {
    /// Exclusive, epoch seconds.
    pub after_s: i64,
    /// Inclusive.
    pub until_s: i64,
    /// Excluded periods and known incidents.
    pub left_out: Vec<ExcludedPeriod>,
    /// Whose days are learned from; `None` for the usual ones.
    pub variant: Option<Variant>,
}

/// Days by which the look-back grows at most for what is left out of it.
const EXTENSION_DAYS_MAX: i64 = 30;
const DAY_S: i64 = 86_400;

impl Past {
    /// The look-back before the newest instant that the source has complete, longer by what is
    /// left out of it for all services.
    pub(super) fn of(request: &TrainRequest, config: &Config, ports: &TrainPorts<'_>) -> Past {
        let newest_s = request.at.timestamp() - ports.source.lag_s();
        let until_s = newest_s.div_euclid(CYCLE_S) * CYCLE_S;
        let after_s = until_s - i64::from(config.training.lookback_days) * DAY_S;
        let left_out = [&config.training.excluded_periods[..], &request.incidents[..]].concat();
        let lost_s = Exclusion::of(&left_out, None).length_s(after_s, until_s);
        let extension_s = lost_s.min(EXTENSION_DAYS_MAX * DAY_S).div_euclid(CYCLE_S) * CYCLE_S;
        Past { after_s: after_s - extension_s, until_s, left_out, variant: None }
    }

    /// The same for the days of a variant.
    pub(super) fn of_variant(&self, variant: &Variant) -> Past {
        Past { variant: Some(variant.clone()), ..self.clone() }
    }

    /// The variants of the excluded periods, in the order of their names.
    pub(super) fn variants(&self) -> Vec<Variant> {
        let named: BTreeSet<&Variant> =
            self.left_out.iter().filter_map(|it| it.variant.as_ref()).collect();
        named.into_iter().cloned().collect()
    }

    /// What a service does not learn from: usual models not from what is left out, those of a
    /// variant not from what lies outside its days, nor from incidents and days without variant.
    pub(super) fn exclusion_of(&self, service: &ServiceName) -> Exclusion {
        let Some(variant) = &self.variant else {
            return Exclusion::of(&self.left_out, Some(service));
        };
        let nobodys =
            Exclusion::among(&self.left_out, |it| it.concerns(service) && it.variant.is_none());
        let days = self.days_of(service, variant);
        days.inverse(self.after_s, self.until_s).and(&nobodys)
    }

    /// Length of a variant's days within the history, seconds.
    pub(super) fn variant_s(&self, service: &ServiceName, variant: &Variant) -> i64 {
        self.days_of(service, variant).length_s(self.after_s, self.until_s)
    }

    fn days_of(&self, service: &ServiceName, variant: &Variant) -> Exclusion {
        Exclusion::among(&self.left_out, |it| {
            it.concerns(service) && it.variant.as_ref() == Some(variant)
        })
    }
}

/// Reads every metric. One that fails, fails the batch: a model without a metric that the service
/// has would replace one that knows it.
pub(super) async fn read_history(
    services: &[ServiceName],
    past: &Past,
    config: &Config,
    ports: &TrainPorts<'_>,
) -> Result<History, SourceError> {
    let (after_s, until_s) = (past.after_s, past.until_s);
    let step_s = config.training.cycle_s.clamp(1, CYCLE_S);
    let reads = config.metrics.iter().enumerate().map(|(index, metric)| async move {
        let request = RangeRequest { metric, after_s, until_s, step_s, services: Some(services) };
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
    past: &Past,
    config: &Config,
    ports: &TrainPorts<'_>,
) -> Result<Vec<ServiceName>, SourceError> {
    const LOOK_S: i64 = 3600;
    let (after_s, until_s) = (past.after_s, past.until_s);
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

/// A service without any sample is reported on, and not forgotten.
fn named_history(services: &[ServiceName], metrics: usize) -> History {
    let empty = || ServiceSamples { series: vec![None; metrics] };
    services.iter().map(|service| (service.clone(), empty())).collect()
}
