//! The head of a service: all that the next cycle needs to know of its incidents.

use std::collections::BTreeMap;

use domain::ServiceName;
use serde::{Deserialize, Serialize};

use crate::active::Incident;
use crate::fold::FOLD_AFTER_END_S;
use crate::id::{FingerprintId, IncidentId};
use crate::rules::Rules;
use crate::state::EndReason;

/// Closed incidents that a head remembers at most.
pub const RECENT_MAX: usize = 10;

/// The incident state of one service. It is replaced as a whole, by compare-and-swap on `version`.
///
/// A head is written only when a cycle changed something; without one the service is quiet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceHead {
    pub service: ServiceName,
    /// 0 before the first write, then one more with each.
    pub version: u64,
    /// The newest cycle that changed it; -1 before the first.
    pub last_cycle: i64,
    /// Epoch milliseconds of that cycle. Never goes back.
    pub last_cycle_at_ms: i64,
    /// Length of that cycle: ids of cycles of another length do not compare.
    #[serde(default)]
    pub cycle_length_s: i64,
    /// Epoch milliseconds of the newest such cycle in which the service was evaluated.
    #[serde(default)]
    pub last_evaluated_at_ms: i64,
    /// At most one per fingerprint.
    #[serde(default)]
    pub active: BTreeMap<FingerprintId, Incident>,
    /// Incidents that may come back, or that take in others for a while.
    #[serde(default)]
    pub recent: BTreeMap<FingerprintId, ClosedIncident>,
}

/// An incident that ended a short time ago.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClosedIncident {
    pub closed_at_ms: i64,
    pub reason: EndReason,
    pub is_confirmed: bool,
    /// As it was when it ended.
    pub incident: Incident,
}

impl ServiceHead {
    /// The head of a service that never had an incident.
    pub fn new(service: ServiceName) -> ServiceHead {
        ServiceHead {
            service,
            version: 0,
            last_cycle: -1,
            last_cycle_at_ms: 0,
            cycle_length_s: 0,
            last_evaluated_at_ms: 0,
            active: BTreeMap::new(),
            recent: BTreeMap::new(),
        }
    }

    /// The active incident with an id.
    pub fn incident(&self, id: &IncidentId) -> Option<&Incident> {
        self.active.values().find(|incident| incident.incident_id == *id)
    }

    /// Whether the head says nothing that the absence of a head would not say.
    pub fn is_quiet(&self) -> bool {
        self.active.is_empty() && self.recent.is_empty()
    }

    /// Forgets what ended too long ago to matter at `at_ms`, and the oldest beyond the bound.
    pub(crate) fn prune(&mut self, rules: &Rules, length_s: i64, at_ms: i64) {
        let kept_ms = rules.separation_ms(length_s).max(FOLD_AFTER_END_S * 1000);
        self.recent.retain(|_, closed| at_ms - closed.closed_at_ms <= kept_ms);
        while self.recent.len() > RECENT_MAX {
            let oldest = self.recent.iter().min_by_key(|(id, it)| (it.closed_at_ms, (*id).clone()));
            let Some(oldest) = oldest.map(|(id, _)| id.clone()) else { return };
            self.recent.remove(&oldest);
        }
    }
}
