//! Makes the decision of a cycle count: incidents are committed together with the messages that
//! announce them, then the messages are sent, and scores go where charts are made.
//!
//! Without a store of incidents, a cycle's only effect is its answer.

use std::collections::BTreeSet;

use domain::ServiceName;
use domain::config::valid::Config;
use incident::{Advance, IncidentState, Rules};
use payload::cascade::cascades;
use payload::result::ServiceResult;
use payload::run::{Cycle, CycleStatus, Deliveries, IncidentCounts, Summary};
use payload::tracking::IncidentStatus;
use payload::write_back::{Band, ServicePoint};
use payload::{SCHEMA_VERSION, instant, render};

use crate::deliver::{DeliverPorts, DeliverSettings, DeliveryReport, deliver};
use crate::infer::IncidentPorts;
use crate::infer::decide::CycleOutcome;
use crate::infer::finding::{Finding, findings, unseen};
use crate::infer::follow::{Followed, Follower, follow, reap};
use crate::infer::gather::CycleInput;

/// Cycles between two sweeps for incidents of services that are not watched any more: half an hour.
const REAP_EVERY_CYCLES: i64 = 15;
/// Commits at once: each is one request that waits for the network.
const COMMITS_AT_ONCE: usize = 8;
/// Troubles that a cycle's message recounts.
const TROUBLES_MAX: usize = 5;

/// What came of the incidents of a cycle.
#[derive(Debug, Default)]
struct Acted {
    results: Vec<ServiceResult>,
    incidents: Option<IncidentCounts>,
    deliveries: Option<Deliveries>,
    troubles: Vec<String>,
}

/// Acts on the decision; the answer of the cycle, worst services first.
pub async fn act(
    input: &CycleInput,
    outcome: CycleOutcome,
    config: &Config,
    incidents: Option<&IncidentPorts<'_>>,
) -> Cycle {
    let acted = match incidents {
        Some(ports) => act_on_incidents(input, &outcome, config, ports).await,
        None => Acted { results: outcome.results, ..Acted::default() },
    };
    answer(input, acted)
}

async fn act_on_incidents(
    input: &CycleInput,
    outcome: &CycleOutcome,
    config: &Config,
    ports: &IncidentPorts<'_>,
) -> Acted {
    let rules = Rules::of(config);
    let by = Follower {
        store: ports.store,
        clock: ports.clock,
        writer: ports.writer,
        rules: &rules,
        receivers: ports.receivers,
        workers: COMMITS_AT_ONCE,
    };
    let found = match &input.source_failure {
        Some(failure) => unseen(input, failure),
        None => findings(input, outcome),
    };
    let followed = follow(&found, &input.heads, &by).await;
    let mut acted = Acted::default();
    let reaped = sweep(input, config, &by, &mut acted.troubles).await;
    write_scores(outcome, &found, &followed, ports, &mut acted.troubles).await;
    acted.deliveries = Some(send(config, ports, &mut acted.troubles).await);
    let advances = followed.iter().filter_map(|it| it.advance.as_ref()).chain(&reaped);
    acted.incidents = Some(count(advances, followed.iter().filter(|it| it.is_lost).count()));
    for it in &followed {
        if let Some(trouble) = &it.trouble {
            acted.troubles.push(format!("{}: {trouble}", it.service));
        }
    }
    if input.source_failure.is_none() {
        acted.results = followed.into_iter().map(|it| it.result).collect();
    }
    acted
}

/// Now and then, ends incidents of services that are not watched any more.
async fn sweep(
    input: &CycleInput,
    config: &Config,
    by: &Follower<'_>,
    troubles: &mut Vec<String>,
) -> Vec<Advance> {
    // Where services are listed, a service that is not listed was taken out.
    let is_due = render::cycle_id(input.at) % REAP_EVERY_CYCLES == 0;
    let is_known = input.is_whole_fleet && !config.services.listed.is_empty();
    if !is_due || !is_known || input.source_failure.is_some() {
        return Vec::new();
    }
    let watched: BTreeSet<ServiceName> =
        input.services.iter().map(|it| it.service.clone()).collect();
    match reap(&watched, input.at, by).await {
        Ok(ended) => ended,
        Err(error) => {
            troubles.push(error.to_string());
            Vec::new()
        }
    }
}

async fn send(
    config: &Config,
    ports: &IncidentPorts<'_>,
    troubles: &mut Vec<String>,
) -> Deliveries {
    let settings = DeliverSettings::of(&config.delivery, &ports.writer.name);
    let by = DeliverPorts { outbox: ports.outbox, receivers: ports.receivers, clock: ports.clock };
    match deliver(&by, &settings).await {
        Ok(report) => {
            troubles.extend(report.failures.iter().cloned());
            deliveries(&report)
        }
        Err(error) => {
            troubles.push(error.to_string());
            Deliveries::default()
        }
    }
}

fn deliveries(report: &DeliveryReport) -> Deliveries {
    Deliveries {
        delivered: report.delivered,
        rescheduled: report.rescheduled,
        dead: report.dead,
        superseded: report.superseded,
        waiting: report.waiting,
        oldest_waiting_seconds: report.oldest_waiting_s.max(0) as u64,
    }
}

async fn write_scores(
    outcome: &CycleOutcome,
    found: &[Finding],
    followed: &[Followed],
    ports: &IncidentPorts<'_>,
    troubles: &mut Vec<String>,
) {
    let Some(sink) = ports.scores else { return };
    let pairs = found.iter().zip(followed).zip(&outcome.scores);
    let points: Vec<ServicePoint> = pairs
        .map(|((finding, followed), score)| ServicePoint {
            service: finding.service.to_string(),
            at_ms: finding.cycle.at_ms,
            score: *score,
            incident: followed.advance.as_ref().and_then(worst_state),
            bands: bands(&finding.result),
        })
        .collect();
    if let Err(reason) = sink.write(&points).await {
        troubles.push(format!("scores were not written to {}: {reason}", sink.describe()));
    }
}

fn worst_state(advance: &Advance) -> Option<IncidentStatus> {
    let states = advance.head.active.values().map(|incident| match incident.state {
        IncidentState::Suspected | IncidentState::Closed => (0, IncidentStatus::Suspected),
        IncidentState::Recovering => (1, IncidentStatus::Recovering),
        IncidentState::Open => (2, IncidentStatus::Open),
    });
    states.max_by_key(|(rank, _)| *rank).map(|(_, state)| state)
}

/// What is usual of each metric, as far as the verdict says it.
fn bands(result: &ServiceResult) -> Vec<Band> {
    let anomalies = result.evaluation().into_iter().flat_map(|it| it.anomalies.values());
    let compared = anomalies.flat_map(|anomaly| &anomaly.comparison_data);
    let mut bands: Vec<Band> = compared
        .filter_map(|(metric, compared)| {
            let expected = compared.expected.as_ref()?;
            Some(Band {
                metric: metric.clone(),
                usual: Some(expected.usual),
                low: Some(expected.low),
                high: Some(expected.high),
            })
        })
        .collect();
    bands.sort_by(|a, b| a.metric.cmp(&b.metric));
    bands.dedup_by(|a, b| a.metric == b.metric);
    bands
}

fn count<'a>(advances: impl Iterator<Item = &'a Advance>, not_committed: usize) -> IncidentCounts {
    let mut counts = IncidentCounts { not_committed: not_committed as u32, ..Default::default() };
    for advance in advances {
        counts.active += advance.head.active.len() as u32;
        for change in &advance.changes {
            counts.opened += u32::from(change.is_newly_confirmed());
            counts.ended += u32::from(change.announcement.is_some() && change.end().is_some());
            counts.held_back += u32::from(change.hold.is_some());
        }
        counts.announced += advance.announced().count() as u32;
    }
    counts
}

fn answer(input: &CycleInput, acted: Acted) -> Cycle {
    let Acted { mut results, incidents, deliveries, troubles } = acted;
    results.sort_by(|a, b| {
        b.severity().cmp(&a.severity()).then_with(|| a.service_name().cmp(b.service_name()))
    });
    let summary = summarize(&results, input.models_fetched);
    let status = status(input, &summary);
    Cycle {
        schema_version: SCHEMA_VERSION.to_owned(),
        cycle_id: render::cycle_id(input.at),
        timestamp: instant(input.at),
        status,
        message: message(input, status, troubles),
        summary,
        incidents,
        deliveries,
        cascades: cascades(&results),
        results,
    }
}

fn summarize(results: &[ServiceResult], models_fetched: u32) -> Summary {
    let mut summary =
        Summary { services: results.len() as u32, models_fetched, ..Summary::default() };
    for result in results {
        match result {
            ServiceResult::AnomalyDetected(_) => summary.anomalous += 1,
            ServiceResult::NoAnomaly(_) => {}
            ServiceResult::MetricsUnavailable(_) => summary.unavailable += 1,
            ServiceResult::Error(_) => summary.failed += 1,
        }
        if let Some(evaluation) = result.evaluation() {
            summary.evaluated += 1;
            summary.fallback_models += u32::from(evaluation.metadata.is_fallback);
        }
    }
    summary
}

fn status(input: &CycleInput, summary: &Summary) -> CycleStatus {
    if input.source_failure.is_some() {
        CycleStatus::SourceUnavailable
    } else if summary.services == 0 {
        CycleStatus::NoModels
    } else if summary.evaluated < summary.services {
        CycleStatus::Partial
    } else {
        CycleStatus::Complete
    }
}

fn message(input: &CycleInput, status: CycleStatus, troubles: Vec<String>) -> Option<String> {
    let mut parts: Vec<String> = match status {
        CycleStatus::SourceUnavailable => input.source_failure.iter().cloned().collect(),
        CycleStatus::NoModels => {
            vec!["no service has a model yet; run `yaga train` first".to_owned()]
        }
        _ => input.warnings.clone(),
    };
    let more = troubles.len().saturating_sub(TROUBLES_MAX);
    parts.extend(troubles.into_iter().take(TROUBLES_MAX));
    if more > 0 {
        parts.push(format!("and {more} more"));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}
