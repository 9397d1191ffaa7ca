//! The incidents that yaga found itself: training leaves them out, so that an outage does not
//! become normal.
//!
//! What was confirmed and at least medium counts, unless it is of a pattern that does not alert: a
//! healthy surge is usual. Of one that lasts, the first day: what stays for longer is a new level,
//! and is learned.

use std::collections::{BTreeMap, BTreeSet};

use artifact::known::{KnownIncident, KnownIncidents};
use chrono::{DateTime, Utc};
use domain::config::valid::{Config, ExcludedPeriod};
use domain::limits::CYCLE_S;
use domain::{ServiceName, Severity};
use futures_util::StreamExt;
use incident::{EndReason, IncidentState, Rules};

use crate::ports::Clock;
use crate::ports::incidents::{IncidentStore, IncidentSummary, StateError};
use crate::registry::{Registry, RegistryError};

/// Trouble begins before it is seen, and ends after.
const MARGIN_S: i64 = 2 * CYCLE_S;
const DAY_S: i64 = 86_400;
/// The part of one incident that is left out.
const LONGEST_S: i64 = DAY_S;
/// Incidents of a service that one run reads.
const OF_SERVICE_MAX: usize = 1_000;
/// Services that are asked for at once.
const READS_AT_ONCE: usize = 8;

/// What training is to leave out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OwnIncidents {
    pub left_out: Vec<ExcludedPeriod>,
    /// Why there may be more, for people: no training waits for that.
    pub warnings: Vec<String>,
}

/// The incidents of the look-back before `at`; what is new of them is written down in the registry.
/// Without a store: those that were written down before.
pub async fn own_incidents(
    store: Option<&dyn IncidentStore>,
    services: Option<&[ServiceName]>,
    at: DateTime<Utc>,
    config: &Config,
    (registry, clock): (&Registry, &dyn Clock),
) -> OwnIncidents {
    let mut own = OwnIncidents::default();
    let after_s = at.timestamp() - i64::from(config.training.lookback_days) * DAY_S;
    let mut newer = BTreeMap::new();
    if let Some(store) = store {
        let asked = asked(services, config, registry).await;
        match read(store, asked, at, &Rules::of(config)).await {
            Ok(found) => newer = found,
            Err(error) => own.warnings.push(format!("recent incidents are not left out: {error}")),
        }
    }
    let renew = |known: &mut KnownIncidents| known.renew(newer.clone(), after_s);
    let known = match registry.change_known(clock, renew).await {
        Ok(known) => known.incidents,
        Err(error) => {
            own.warnings.push(format!("earlier incidents are not left out: {error}"));
            newer
        }
    };
    own.left_out = known.into_values().filter(|it| !it.false_alarm).map(excluded).collect();
    own
}

/// Says that nothing was wrong when there was an incident, so that training learns from that time;
/// or takes that back.
pub async fn mark_false_alarm(
    incident: &IncidentSummary,
    false_alarm: bool,
    (registry, clock): (&Registry, &dyn Clock),
) -> Result<(), RegistryError> {
    let (id, known) = (incident.incident_id.as_str(), window(incident));
    let mark = |all: &mut KnownIncidents| {
        let it = all.incidents.entry(id.to_owned()).or_insert_with(|| known.clone());
        it.false_alarm = false_alarm;
    };
    registry.change_known(clock, mark).await.map(drop)
}

fn excluded(it: KnownIncident) -> ExcludedPeriod {
    ExcludedPeriod {
        service: Some(it.service),
        start_s: it.start_s,
        end_s: it.end_s,
        reason: "incident".to_owned(),
        variant: None,
    }
}

/// The services whose incidents may matter: who has no model yet was never judged.
async fn asked(
    services: Option<&[ServiceName]>,
    config: &Config,
    registry: &Registry,
) -> BTreeSet<ServiceName> {
    if let Some(services) = services {
        return services.iter().cloned().collect();
    }
    let listed = config.services.listed.iter().map(|(service, _)| service.clone());
    // Without a catalog there was no cycle. One that cannot be read is training's own failure.
    let catalog = registry.catalog().await.map(|it| it.catalog).unwrap_or_default();
    listed.chain(catalog.services.into_keys()).collect()
}

async fn read(
    store: &dyn IncidentStore,
    services: BTreeSet<ServiceName>,
    at: DateTime<Utc>,
    rules: &Rules,
) -> Result<BTreeMap<String, KnownIncident>, StateError> {
    let reads = services
        .into_iter()
        .map(|service| async move { store.of_service(&service, at, OF_SERVICE_MAX).await });
    let reads: Vec<_> = reads.collect();
    let mut reads = futures_util::stream::iter(reads).buffer_unordered(READS_AT_ONCE);
    let mut known = BTreeMap::new();
    while let Some(found) = reads.next().await {
        known.extend(found?.iter().filter_map(|it| left_out(it, rules)));
    }
    Ok(known)
}

/// What training leaves out for an incident, by its id.
pub(crate) fn left_out(it: &IncidentSummary, rules: &Rules) -> Option<(String, KnownIncident)> {
    let was_confirmed = match (it.state, it.reason) {
        (IncidentState::Suspected, _) | (_, Some(EndReason::SuspectedExpired)) => false,
        _ => it.peak_severity >= Severity::Medium,
    };
    if !was_confirmed || rules.alerting.non_alerting_patterns.contains(&it.anomaly_name) {
        return None;
    }
    Some((it.incident_id.as_str().to_owned(), window(it)))
}

fn window(it: &IncidentSummary) -> KnownIncident {
    let start_s = it.first_seen_ms.div_euclid(1000) - MARGIN_S;
    let end_s = it.last_updated_ms.div_euclid(1000) + MARGIN_S;
    let end_s = end_s.min(start_s + LONGEST_S);
    KnownIncident {
        service: it.service.clone(),
        start_s,
        end_s,
        pattern: Some(it.anomaly_name.clone()),
        false_alarm: false,
    }
}

#[cfg(test)]
mod tests {
    use incident::{FingerprintId, IncidentId};

    use super::*;

    const START_MS: i64 = 1_766_485_800_000;

    fn summary(state: IncidentState, peak_severity: Severity) -> IncidentSummary {
        IncidentSummary {
            incident_id: IncidentId::try_from("incident_ab62e1ef67bc".to_owned()).unwrap(),
            fingerprint_id: FingerprintId::try_from("anomaly_e0e86c103edf".to_owned()).unwrap(),
            service: ServiceName::new("booking").unwrap(),
            anomaly_name: "latency_spike_recent".to_owned(),
            state,
            severity: Severity::Low,
            peak_severity,
            first_seen_ms: START_MS,
            last_updated_ms: START_MS + 600_000,
            closed_at_ms: None,
            reason: None,
            occurrence_count: 6,
            alerted: true,
        }
    }

    #[track_caller]
    fn check(it: &IncidentSummary, expected: Option<(i64, i64)>) {
        let found = left_out(it, &Rules::default()).map(|(_, it)| (it.start_s, it.end_s));
        let start_s = START_MS / 1000;
        assert_eq!(found, expected.map(|(from, until)| (start_s + from, start_s + until)));
    }

    #[test]
    fn what_was_confirmed_and_bad_enough_is_left_out_for_a_day_at_most() {
        use IncidentState::{Closed, Open, Suspected};
        let open = summary(Open, Severity::Medium);
        check(&open, Some((-240, 840)));
        check(&summary(Open, Severity::Low), None);
        check(&summary(Suspected, Severity::Critical), None);
        let closed =
            |reason| IncidentSummary { reason: Some(reason), ..summary(Closed, Severity::High) };
        check(&closed(EndReason::Resolved), Some((-240, 840)));
        check(&closed(EndReason::SuspectedExpired), None);
        let usual = "request_rate_surge_healthy".to_owned();
        check(&IncidentSummary { anomaly_name: usual, ..open.clone() }, None);
        let last_updated_ms = START_MS + 7 * 86_400_000;
        check(&IncidentSummary { last_updated_ms, ..open }, Some((-240, 86_400 - 240)));
    }
}
