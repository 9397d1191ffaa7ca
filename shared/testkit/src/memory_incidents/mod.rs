//! Incident state in memory, with faults on demand.

mod outbox;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ServiceName;
use incident::{FingerprintId, IncidentId};
use pipeline::ports::incidents::{
    COMMIT_WRITES_MAX, Commit, Committed, IncidentEvent, IncidentHistory, IncidentRecord,
    IncidentStore, IncidentSummary, StateError, StoredHead,
};
use pipeline::ports::outbox::{MessageKey, QueuedMessage};

const NAME: &str = "memory";

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFault {
    None,
    /// Refused: too busy.
    Throttled,
    /// Refused: another transaction is at the same rows.
    TransactionConflict,
    /// Nothing was done, and nobody says so.
    LostBefore,
    /// It was done, and nobody says so.
    LostAfter,
}

/// Keeps state as long as it lives.
#[derive(Debug, Default)]
pub struct MemoryIncidents {
    state: Mutex<State>,
}

/// Everything that is kept.
#[derive(Debug, Default)]
struct State {
    heads: BTreeMap<ServiceName, StoredHead>,
    incidents: BTreeMap<IncidentId, IncidentRecord>,
    events: BTreeMap<(IncidentId, i64, i64, String), IncidentEvent>,
    messages: BTreeMap<MessageKey, Queued>,
    damaged: BTreeSet<ServiceName>,
    faults: VecDeque<StoreFault>,
    /// Every commit that was applied, in order, for the assertions of a test.
    log: Vec<Commit>,
    counts: StoreCounts,
}

#[derive(Debug, Clone)]
struct Queued {
    message: QueuedMessage,
    claimed_by: Option<String>,
    expires_at: Option<DateTime<Utc>>,
}

/// Requests so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreCounts {
    /// Of up to a hundred heads each.
    pub head_reads: usize,
    pub commits: usize,
}

impl MemoryIncidents {
    /// An empty store.
    pub fn new() -> MemoryIncidents {
        MemoryIncidents::default()
    }

    /// The faults of the next requests about heads, first to last.
    pub fn fail_next(&self, faults: impl IntoIterator<Item = StoreFault>) {
        self.state().faults.extend(faults);
    }

    /// The head of a service cannot be read from now on.
    pub fn damage(&self, service: &ServiceName) {
        self.state().damaged.insert(service.clone());
    }

    /// Every commit that was applied, in order.
    pub fn log(&self) -> Vec<Commit> {
        self.state().log.clone()
    }

    /// Every message that is kept, whatever has become of it.
    pub fn messages(&self) -> Vec<QueuedMessage> {
        self.state().messages.values().map(|queued| queued.message.clone()).collect()
    }

    /// Requests so far.
    pub fn counts(&self) -> StoreCounts {
        self.state().counts
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panicked while holding the state")
    }
}

/// Others get their turn, and a test may end the caller here: a crash.
async fn network() {
    tokio::task::yield_now().await;
}

#[async_trait]
impl IncidentStore for MemoryIncidents {
    async fn heads(
        &self,
        services: &[ServiceName],
    ) -> Result<BTreeMap<ServiceName, StoredHead>, StateError> {
        network().await;
        let heads = {
            let mut state = self.state();
            state.counts.head_reads += services.len().div_ceil(100);
            let fault = state.faults.pop_front().unwrap_or(StoreFault::None);
            let (store, reason) = (NAME.to_owned(), format!("{fault:?}"));
            let action = "read heads";
            match fault {
                StoreFault::None if services.iter().any(|it| state.damaged.contains(it)) => {
                    let (what, reason) = ("a head".to_owned(), "it was damaged".to_owned());
                    Err(StateError::Damaged { store, what, reason })
                }
                StoreFault::None => {
                    let found = services.iter().filter_map(|it| state.heads.get_key_value(it));
                    Ok(found.map(|(service, head)| (service.clone(), head.clone())).collect())
                }
                StoreFault::Throttled | StoreFault::TransactionConflict => {
                    Err(StateError::Throttled { store, action, reason })
                }
                _ => Err(StateError::Unavailable { store, action, reason }),
            }
        };
        network().await;
        heads
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, StateError> {
        network().await;
        let outcome = {
            let mut state = self.state();
            state.counts.commits += 1;
            let fault = state.faults.pop_front().unwrap_or(StoreFault::None);
            let reason = format!("{fault:?}");
            match fault {
                StoreFault::None => state.apply(commit),
                StoreFault::Throttled | StoreFault::TransactionConflict => {
                    Ok(Committed::Throttled { reason })
                }
                StoreFault::LostBefore => Ok(Committed::Unknown { reason }),
                StoreFault::LostAfter => state.apply(commit).map(|_| Committed::Unknown { reason }),
            }
        };
        network().await;
        outcome
    }

    async fn active(&self) -> Result<Vec<IncidentSummary>, StateError> {
        let mut active: Vec<IncidentSummary> = self
            .state()
            .incidents
            .values()
            .map(IncidentRecord::summary)
            .filter(|it| it.closed_at_ms.is_none())
            .collect();
        active.sort_by_key(|it| (it.state.as_str(), it.last_updated_ms, it.incident_id.clone()));
        Ok(active)
    }

    async fn of_service(
        &self,
        service: &ServiceName,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<IncidentSummary>, StateError> {
        Ok(self.state().newest(now, limit, |it| it.service == *service))
    }

    async fn of_fingerprint(
        &self,
        fingerprint: &FingerprintId,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<IncidentSummary>, StateError> {
        Ok(self.state().newest(now, limit, |it| it.fingerprint_id == *fingerprint))
    }

    async fn incident(
        &self,
        id: &IncidentId,
        now: DateTime<Utc>,
    ) -> Result<Option<IncidentHistory>, StateError> {
        let state = self.state();
        let record = state.incidents.get(id).filter(|record| !record.is_expired(now));
        let events = state.events.values().filter(|event| {
            event.incident_id == *id && event.expires_at.timestamp() > now.timestamp()
        });
        let events = events.cloned().collect();
        Ok(record.map(|record| IncidentHistory { record: record.clone(), events }))
    }

    async fn everything(
        &self,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<IncidentSummary>, StateError> {
        Ok(self.state().newest(now, limit, |_| true))
    }

    fn describe(&self) -> String {
        NAME.to_owned()
    }
}

impl State {
    fn newest(
        &self,
        now: DateTime<Utc>,
        limit: usize,
        keeps: impl Fn(&IncidentSummary) -> bool,
    ) -> Vec<IncidentSummary> {
        let kept = self.incidents.values().filter(|record| !record.is_expired(now));
        let mut found: Vec<IncidentSummary> =
            kept.map(IncidentRecord::summary).filter(|it| keeps(it)).collect();
        found.sort_by_key(|it| std::cmp::Reverse((it.first_seen_ms, it.incident_id.clone())));
        found.truncate(limit);
        found
    }

    /// The whole commit, or nothing.
    fn apply(&mut self, commit: &Commit) -> Result<Committed, StateError> {
        let service = &commit.head.service;
        let too_large = |reason: String| StateError::TooLarge {
            store: NAME.to_owned(),
            what: format!("a cycle of {service}"),
            reason,
        };
        if commit.writes() > COMMIT_WRITES_MAX {
            return Err(too_large(format!("{} writes", commit.writes())));
        }
        if let Some(large) = commit.messages.iter().find(|it| it.message.body.len() > 102_400) {
            return Err(too_large(format!("message {}", large.message.id)));
        }
        let there = self.heads.get(service);
        if there.map_or(0, |it| it.head.version) != commit.replaced_version() {
            return Ok(there.map_or(Committed::Conflict, |there| lost_to(commit, there)));
        }
        if let Some(there) = there
            && commit.is_cycle
            && there.head.last_cycle_at_ms >= commit.head.last_cycle_at_ms
        {
            return Ok(Committed::AlreadyProcessed);
        }
        self.refuse_strangers(commit)?;
        self.write(commit);
        Ok(Committed::Done)
    }

    fn refuse_strangers(&self, commit: &Commit) -> Result<(), StateError> {
        let known = |id: &IncidentId| self.incidents.contains_key(id);
        let mut new = commit.incidents.iter().filter(|it| it.is_new);
        let incident = new.any(|it| known(&it.record.incident.incident_id));
        let message = commit.messages.iter().any(|it| self.messages.contains_key(&it.key()));
        if !incident && !message {
            return Ok(());
        }
        let what = "a row that its head does not know".to_owned();
        let reason = "a commit found it there".to_owned();
        Err(StateError::Damaged { store: NAME.to_owned(), what, reason })
    }

    fn write(&mut self, commit: &Commit) {
        let head = StoredHead { head: commit.head.clone(), last_writer: commit.writer.clone() };
        self.heads.insert(commit.head.service.clone(), head);
        for it in &commit.incidents {
            self.incidents.insert(it.record.incident.incident_id.clone(), it.record.clone());
        }
        for event in &commit.events {
            let key = (event.incident_id.clone(), event.cycle, event.at_ms, event.kind.clone());
            self.events.insert(key, event.clone());
        }
        for message in &commit.messages {
            self.messages.insert(message.key(), outbox::pending(message));
        }
        self.log.push(commit.clone());
    }
}

fn lost_to(commit: &Commit, there: &StoredHead) -> Committed {
    let head = &there.head;
    if there.last_writer == commit.writer && head.version == commit.head.version {
        Committed::Done
    } else if commit.is_cycle && head.last_cycle_at_ms >= commit.head.last_cycle_at_ms {
        Committed::AlreadyProcessed
    } else {
        Committed::Conflict
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn it_is_an_incident_store() {
        crate::conformance::incident_store(|| Arc::new(MemoryIncidents::new())).await;
    }

    #[tokio::test]
    async fn it_is_an_outbox() {
        crate::conformance::outbox(|| Arc::new(MemoryIncidents::new())).await;
    }
}
