//! Makes the decision of a cycle count: incidents are committed together with the messages that
//! announce them, then all that there is to say is sent (`tell`).
//!
//! Without a store of incidents, a cycle's only effect is its answer.

use std::collections::BTreeSet;

use domain::ServiceName;
use domain::config::valid::{Config, LogLevel};
use incident::{Advance, Hold, Rules};
use payload::cascade::cascades;
use payload::result::ServiceResult;
use payload::run::{Cycle, CycleStatus, IncidentCounts, ObjectiveCounts, Summary};
use payload::write_back::ServicePoint;
use payload::{SCHEMA_VERSION, instant, render};

use crate::incidents::ends_max;
use crate::infer::decide::CycleOutcome;
use crate::infer::enrich::enrich;
use crate::infer::finding::{findings, unseen};
use crate::infer::follow::{Followed, Follower, about_to_tell, follow, members};
use crate::infer::gather::CycleInput;
use crate::infer::points::points;
use crate::infer::sweep::sweep;
use crate::infer::tell::{notices, settings, tell};
use crate::infer::{Deadline, IncidentPorts, InferPorts, Warm};

/// Commits at once: each is one request that waits for the network.
const COMMITS_AT_ONCE: usize = 8;
/// Troubles that a cycle's message recounts.
const TROUBLES_MAX: usize = 5;

/// What came of the incidents of a cycle.
#[derive(Debug, Default)]
struct Acted {
    results: Vec<ServiceResult>,
    counts: Option<IncidentCounts>,
    points: Vec<ServicePoint>,
    troubles: Vec<String>,
}

/// Acts on the decision; the answer of the cycle, worst services first.
pub async fn act(
    input: &CycleInput,
    outcome: CycleOutcome,
    config: &Config,
    ports: &InferPorts<'_>,
    warm: &mut Warm,
) -> Cycle {
    let objectives = outcome.objectives.map(ObjectiveCounts::from);
    let Some(incidents) = &ports.incidents else {
        return answer(input, outcome.results, None, objectives);
    };
    let is_sweep_due = warm.sweeps.is_due(input.at);
    let by = (incidents, ports.deadline);
    let acted = act_on_incidents(input, &outcome, config, by, is_sweep_due).await;
    let Acted { results, counts, points, mut troubles } = acted;
    let mut cycle = answer(input, results, counts, objectives);
    let took = incidents.clock.now() - incidents.began_at;
    let notices = notices(&cycle, took, &mut warm.notices, &config.delivery);
    let settings = settings(&config.delivery, &incidents.writer.name, ports.deadline);
    let told = tell(&notices, &points, &settings, incidents).await;
    troubles.extend(told.troubles);
    cycle.deliveries = Some(told.deliveries);
    cycle.message = message(input, cycle.status, troubles);
    cycle
}

async fn act_on_incidents(
    input: &CycleInput,
    outcome: &CycleOutcome,
    config: &Config,
    (ports, deadline): (&IncidentPorts<'_>, Option<Deadline<'_>>),
    is_sweep_due: bool,
) -> Acted {
    let rules = Rules { ends_max: ends_max(ports.receivers.len()), ..Rules::of(config) };
    let by = Follower {
        store: ports.store,
        clock: ports.clock,
        writer: ports.writer,
        rules: &rules,
        correlation: config.alerting.correlation.as_ref(),
        receivers: ports.receivers,
        workers: COMMITS_AT_ONCE,
        deadline,
    };
    let mut found = match &input.source_failure {
        Some(failure) => unseen(input, failure),
        None => findings(input, outcome, &config.metrics),
    };
    let members = members(&found, &input.heads, &rules);
    let told = about_to_tell(&members, &rules);
    let ask = (ports.contexts, ports.clock);
    enrich(&mut found, &told, input.at, &config.enrichment, ask).await;
    let followed = follow(&found, members, &by).await;
    let mut acted = Acted::default();
    let reaped = match is_sweep_due && input.source_failure.is_none() {
        true => sweep(input, config, &by, &mut acted.troubles).await,
        false => Vec::new(),
    };
    acted.points = points(outcome, &found, &followed);
    let advanced = || followed.iter().filter_map(|it| it.advance.as_ref());
    advanced().for_each(log_overflow);
    let lost: BTreeSet<&ServiceName> = followed
        .iter()
        .filter_map(|it| it.is_lost.then_some(&it.service))
        .chain(input.damaged_heads.keys())
        .collect();
    acted.counts = Some(count(advanced().chain(&reaped), lost.len()));
    if let Some(level) = config.alerting.below_threshold_log {
        advanced().for_each(|it| log_filtered(it, level));
    }
    for it in &followed {
        if let Some(trouble) = &it.trouble {
            acted.troubles.push(format!("{}: {trouble}", it.service));
        }
    }
    acted.troubles.extend(input.damaged_heads.values().cloned());
    if input.source_failure.is_none() {
        let is_asked =
            |it: &Followed| input.asked.as_ref().is_none_or(|asked| asked.contains(&it.service));
        let asked = followed.into_iter().filter(is_asked);
        acted.results = asked.map(|it| it.result).collect();
    }
    acted
}

/// Logs anomalies that a service has no room for.
fn log_overflow(advance: &Advance) {
    if !advance.overflow.is_empty() {
        let (service, dropped) = (&advance.head.service, advance.overflow.len());
        tracing::warn!(%service, dropped, anomalies = ?advance.overflow, "incident_overflow");
    }
}

/// Logs incidents that the filter of alerts holds back: too mild, not sure enough, or of a pattern
/// that nobody is told of.
fn log_filtered(advance: &Advance, level: LogLevel) {
    for change in &advance.changes {
        let Some(reason) = change.hold.as_ref().and_then(filtered) else { continue };
        let (service, pattern) = (&advance.head.service, &change.incident.anomaly_name);
        let severity = change.incident.severity;
        macro_rules! log {
            ($event:ident) => {
                tracing::$event!(%service, pattern, %severity, reason, "alert held back")
            };
        }
        match level {
            LogLevel::Error => log!(error),
            LogLevel::Warn => log!(warn),
            LogLevel::Info => log!(info),
            LogLevel::Debug => log!(debug),
        }
    }
}

/// Why the filter of alerts holds one back; `None` for what is held back for another reason.
fn filtered(hold: &Hold) -> Option<String> {
    match hold {
        Hold::BelowSeverity { threshold, .. } => Some(format!("below {threshold}")),
        Hold::NonAlertingPattern { .. } => Some("pattern that does not alert".to_owned()),
        Hold::LowConfidence { confidence, threshold } => {
            Some(format!("confidence {confidence:.2} below {threshold:.2}"))
        }
        _ => None,
    }
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

/// The answer as far as nothing was sent yet.
fn answer(
    input: &CycleInput,
    mut results: Vec<ServiceResult>,
    incidents: Option<IncidentCounts>,
    objectives: Option<ObjectiveCounts>,
) -> Cycle {
    results.sort_by(|a, b| {
        b.severity().cmp(&a.severity()).then_with(|| a.service_name().cmp(b.service_name()))
    });
    let summary = Summary { objectives, ..summarize(&results, input.models_fetched) };
    let status = status(input, &summary);
    Cycle {
        schema_version: SCHEMA_VERSION.to_owned(),
        cycle_id: render::cycle_id(input.at),
        timestamp: instant(input.at),
        status,
        message: message(input, status, Vec::new()),
        summary,
        incidents,
        deliveries: None,
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

#[cfg(test)]
mod tests {
    use domain::Severity;

    use super::*;

    #[test]
    fn the_log_says_why_the_filter_held_an_alert_back() {
        let (severity, threshold) = (Severity::Low, Severity::Medium);
        let pattern = "request_rate_surge_healthy".to_owned();
        let holds = [
            Hold::BelowSeverity { severity, threshold },
            Hold::NonAlertingPattern { pattern },
            Hold::LowConfidence { confidence: 0.4, threshold: 0.7 },
            Hold::Window { name: "deploy".to_owned(), until_ms: None },
        ];
        let said: Vec<Option<String>> = holds.iter().map(filtered).collect();
        let said: Vec<&str> = said.iter().map(|it| it.as_deref().unwrap_or("-")).collect();
        let expected =
            ["below medium", "pattern that does not alert", "confidence 0.40 below 0.70", "-"];
        assert_eq!(said, expected);
    }
}
