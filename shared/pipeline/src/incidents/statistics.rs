//! Sums over incidents, for people.

use std::collections::BTreeMap;

use domain::{ServiceName, Severity};
use incident::{FingerprintId, IncidentId};

use crate::ports::incidents::IncidentSummary;

/// Fingerprints that are listed.
const REPEATED_MAX: usize = 10;
const DAY_MS: i64 = 86_400_000;

/// What is going on, and what comes back.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    pub total: usize,
    /// Not closed.
    pub active: usize,
    /// Of all, most first.
    pub by_service: Vec<(ServiceName, usize)>,
    /// Of those that are active.
    pub by_severity: BTreeMap<Severity, usize>,
    /// Fingerprints with more than one incident, most first.
    pub repeated: Vec<Repeated>,
    /// The active incident that began first.
    pub longest_running: Option<IncidentId>,
    pub lately: Lately,
}

/// A pattern that came back.
#[derive(Debug, Clone, PartialEq)]
pub struct Repeated {
    pub fingerprint_id: FingerprintId,
    pub service: ServiceName,
    pub anomaly_name: String,
    pub incidents: usize,
    /// Of those that are closed.
    pub mean_duration_minutes: Option<f64>,
}

/// The last days.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Lately {
    pub created: usize,
    pub resolved: usize,
    pub mean_resolution_minutes: Option<f64>,
}

/// Sums over incidents, with the last `days` days before `at_ms` apart.
pub fn statistics(incidents: &[IncidentSummary], at_ms: i64, days: u32) -> Statistics {
    let active: Vec<&IncidentSummary> =
        incidents.iter().filter(|it| it.closed_at_ms.is_none()).collect();
    let mut by_service = BTreeMap::new();
    for it in incidents {
        *by_service.entry(it.service.clone()).or_insert(0) += 1;
    }
    let mut by_service: Vec<(ServiceName, usize)> = by_service.into_iter().collect();
    by_service.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut by_severity = BTreeMap::new();
    for it in &active {
        *by_severity.entry(it.severity).or_insert(0) += 1;
    }
    let longest = active.iter().min_by_key(|it| (it.first_seen_ms, &it.incident_id));
    Statistics {
        total: incidents.len(),
        active: active.len(),
        by_service,
        by_severity,
        repeated: repeated(incidents),
        longest_running: longest.map(|it| it.incident_id.clone()),
        lately: lately(incidents, at_ms - i64::from(days) * DAY_MS),
    }
}

fn repeated(incidents: &[IncidentSummary]) -> Vec<Repeated> {
    let mut groups: BTreeMap<&FingerprintId, Vec<&IncidentSummary>> = BTreeMap::new();
    for it in incidents {
        groups.entry(&it.fingerprint_id).or_default().push(it);
    }
    let repeated = groups.into_values().filter(|group| group.len() > 1);
    let mut repeated: Vec<Repeated> = repeated
        .map(|group| Repeated {
            fingerprint_id: group[0].fingerprint_id.clone(),
            service: group[0].service.clone(),
            anomaly_name: group[0].anomaly_name.clone(),
            incidents: group.len(),
            mean_duration_minutes: mean_minutes(group.iter().copied()),
        })
        .collect();
    repeated.sort_by_key(|it| std::cmp::Reverse(it.incidents));
    repeated.truncate(REPEATED_MAX);
    repeated
}

fn lately(incidents: &[IncidentSummary], since_ms: i64) -> Lately {
    let is_resolved = |it: &&IncidentSummary| it.closed_at_ms.is_some_and(|at| at >= since_ms);
    Lately {
        created: incidents.iter().filter(|it| it.first_seen_ms >= since_ms).count(),
        resolved: incidents.iter().filter(is_resolved).count(),
        mean_resolution_minutes: mean_minutes(incidents.iter().filter(is_resolved)),
    }
}

/// Mean minutes from first sight to the end of those that ended.
fn mean_minutes<'a>(incidents: impl Iterator<Item = &'a IncidentSummary>) -> Option<f64> {
    let spans_ms: Vec<i64> =
        incidents.filter_map(|it| Some(it.closed_at_ms? - it.first_seen_ms)).collect();
    let sum_ms: i64 = spans_ms.iter().sum();
    (!spans_ms.is_empty()).then(|| sum_ms as f64 / spans_ms.len() as f64 / 60_000.0)
}
