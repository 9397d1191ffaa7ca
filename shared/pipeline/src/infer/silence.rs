//! Services that fell silent: they had traffic a moment ago, and now the source holds none of it.
//!
//! A sample that is missing is not zero: a collector may be down as well as a service. But a
//! service that vanishes is the worst that can happen to it, so its traffic is taken for gone, as
//! zero, where everything else speaks for that: it had traffic within a quarter of an hour, it has
//! a model of this period and was there at this time of yesterday (jobs come and go), the source is
//! asked once more over ten minutes and has nothing newer, and most of the services that had traffic
//! still have it. After a quarter of an hour of silence it cannot be judged any more, and its
//! incidents wait. While forests open anomalies, no window reaches back to yesterday.

use std::collections::{BTreeMap, BTreeSet};

use detect::evidence::EvidenceModel;
use domain::limits::FEATURE_WINDOW_S;
use domain::{MetricDefinition, Series, ServiceName};

use crate::infer::gather::ServiceInput;
use crate::ports::{MetricSource, RangeRequest};

/// A service whose traffic is older is not known.
const KNOWN_S: i64 = 900;
/// The range in which the source is asked once more.
const CONFIRMED_S: i64 = 600;
/// Services that a query names; of more, all are asked for.
const SERVICES_NAMED_MAX: usize = 100;
/// The time before the silence, and around it a day ago, in which samples must have come in …
const REGULAR_S: i64 = 1800;
const DAY_S: i64 = 86_400;
/// … this share of cycles: where samples are often missing, that one is missing says nothing.
const REGULAR_SHARE: f64 = 0.9;

/// The traffic of services, at the instant that is judged.
pub(super) struct Traffic<'a> {
    pub(super) metric: &'a MetricDefinition,
    /// Its position among the metrics.
    pub(super) index: usize,
    /// The instant to judge, epoch seconds.
    pub(super) at_s: i64,
    /// Seconds between samples that are asked for.
    pub(super) step_s: i64,
}

/// Gives services that fell silent the zeros that their traffic is taken for.
pub(super) async fn fill(
    services: &mut [ServiceInput],
    traffic: &Traffic<'_>,
    source: &dyn MetricSource,
) {
    let silent = traffic.silent(services);
    if silent.is_empty() {
        return;
    }
    let names: Vec<ServiceName> = silent.keys().cloned().collect();
    let request = RangeRequest {
        metric: traffic.metric,
        after_s: traffic.at_s - CONFIRMED_S,
        until_s: traffic.at_s,
        step_s: traffic.step_s,
        services: (names.len() <= SERVICES_NAMED_MAX).then_some(&names[..]),
    };
    // Who cannot ask does not know.
    let Ok(read) = source.read(&request).await else { return };
    for it in services {
        let Some(newest_s) = silent.get(&it.service) else { continue };
        let found = read.series.get(&it.service).and_then(last);
        if found.is_none_or(|(time_s, _)| time_s <= *newest_s) {
            traffic.add_zeros(it, *newest_s);
        }
    }
}

impl Traffic<'_> {
    /// The services that had traffic and have none now, with the instant of their newest sample;
    /// nobody where that is true of half of them: then it is rather the collection that is silent.
    fn silent(&self, services: &[ServiceInput]) -> BTreeMap<ServiceName, i64> {
        let (mut known, mut silent) = (0, BTreeMap::new());
        for it in services {
            let (Some(series), Some(cycle_s)) = (self.series(it), cycle_s(it)) else { continue };
            let Some((newest_s, value)) = last(series) else { continue };
            if newest_s <= self.at_s - KNOWN_S {
                continue;
            }
            known += 1;
            let is_silent = newest_s <= self.at_s - cycle_s && value > 0.0;
            let ends_s = [newest_s, self.at_s - DAY_S + REGULAR_S / 2];
            if is_silent && ends_s.into_iter().all(|it| is_regular(series, it, cycle_s)) {
                silent.insert(it.service.clone(), newest_s);
            }
        }
        if 2 * silent.len() >= known { BTreeMap::new() } else { silent }
    }

    fn series<'a>(&self, it: &'a ServiceInput) -> Option<&'a Series> {
        it.samples.series.get(self.index)?.as_ref()
    }

    /// A zero for each cycle that has no sample.
    fn add_zeros(&self, it: &mut ServiceInput, newest_s: i64) {
        let Some(cycle_s) = cycle_s(it) else { return };
        let Some(Some(series)) = it.samples.series.get_mut(self.index) else { return };
        let cycles = (self.at_s - newest_s) / cycle_s;
        (0..cycles).rev().for_each(|back| series.push(self.at_s - back * cycle_s, 0.0));
        // What was carried on knows nothing of them.
        it.window = None;
        it.notes.push(format!(
            "{}: no sample for {} s, while other services have some; taken for 0",
            self.metric.name,
            self.at_s - newest_s
        ));
    }
}

/// Seconds that one verdict on a service looks at; `None` without a model of this period.
fn cycle_s(it: &ServiceInput) -> Option<i64> {
    let routed = it.model.as_ref().ok().filter(|routed| !routed.is_fallback)?;
    let model = &routed.model;
    Some(model.evidence.as_ref().map_or(FEATURE_WINDOW_S, EvidenceModel::cycle_s))
}

/// Whether samples came in nearly every cycle up to an instant.
fn is_regular(series: &Series, until_s: i64, cycle_s: i64) -> bool {
    let seen = series.between(until_s - REGULAR_S, until_s);
    let cycles: BTreeSet<i64> = seen.map(|(time_s, _)| (until_s - time_s) / cycle_s).collect();
    cycles.len() as f64 >= REGULAR_SHARE * (REGULAR_S / cycle_s) as f64
}

/// The newest sample that is a number.
fn last(series: &Series) -> Option<(i64, f64)> {
    series.iter().rev().find(|(_, value)| value.is_finite())
}
