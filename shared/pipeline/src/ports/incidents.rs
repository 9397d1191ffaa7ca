//! Where incident state lives.
//!
//! All active state of a service is one head with a version. A cycle replaces the head, writes the
//! incidents that it touched, what happened to them and the messages that announce it, all in one
//! transaction: everything or nothing. Who wins of concurrent writers is decided by the version.
//!
//! Heads are read consistently, because transitions depend on them. The lists are for people and
//! for the reaper; they may lag behind by a moment. No read shows what has expired.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{ServiceName, Severity};
use incident::{EndReason, Event, FingerprintId, Incident, IncidentId, IncidentState, ServiceHead};

use super::outbox::OutboxMessage;

/// Incidents of a list that a caller may ask for.
pub const LIST_MAX: usize = 10_000;
/// Writes of one transaction.
pub const COMMIT_WRITES_MAX: usize = 100;

/// The state of all services' incidents.
#[async_trait]
pub trait IncidentStore: Send + Sync {
    /// Reads heads, consistently. A service that has none is not in the answer.
    async fn heads(
        &self,
        services: &[ServiceName],
    ) -> Result<BTreeMap<ServiceName, StoredHead>, StateError>;

    /// Reads heads all at once, around those that are damaged: if one is, halves are read until it
    /// is found, so that it stops no other service.
    async fn readable_heads(&self, services: &[ServiceName]) -> Result<ReadableHeads, StateError> {
        let mut read = ReadableHeads::default();
        let mut parts = vec![services];
        while let Some(part) = parts.pop() {
            match (self.heads(part).await, part) {
                (Ok(heads), _) => read.heads.extend(heads),
                (Err(error @ StateError::Damaged { .. }), [service]) => {
                    read.damaged.insert(service.clone(), error.to_string());
                }
                (Err(StateError::Damaged { .. }), _) => {
                    let (left, right) = part.split_at(part.len() / 2);
                    parts.extend([left, right]);
                }
                (Err(error), _) => return Err(error),
            }
        }
        Ok(read)
    }

    /// Writes all of a commit, or nothing. The errors are final: trying the same again is of no
    /// use. What may be tried again is an outcome.
    async fn commit(&self, commit: &Commit) -> Result<Committed, StateError>;

    /// All incidents that are not closed, by state, the longest unseen first.
    async fn active(&self) -> Result<Vec<IncidentSummary>, StateError>;

    /// Incidents of a service, the newest first: at most `limit`.
    async fn of_service(
        &self,
        service: &ServiceName,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<IncidentSummary>, StateError>;

    /// Incidents of a fingerprint, the newest first: at most `limit`.
    async fn of_fingerprint(
        &self,
        fingerprint: &FingerprintId,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<IncidentSummary>, StateError>;

    /// One incident and all that happened to it, oldest first.
    async fn incident(
        &self,
        id: &IncidentId,
        now: DateTime<Utc>,
    ) -> Result<Option<IncidentHistory>, StateError>;

    /// Incidents of all services, closed ones too, in no order: at most `limit`. Reads the whole
    /// store: for statistics.
    async fn everything(
        &self,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<IncidentSummary>, StateError>;

    /// What the store is, for messages: `dynamodb://table` or a path.
    fn describe(&self) -> String;
}

/// Heads that could be read, and why others could not.
#[derive(Debug, Default)]
pub struct ReadableHeads {
    pub heads: BTreeMap<ServiceName, StoredHead>,
    pub damaged: BTreeMap<ServiceName, String>,
}

/// A head as it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredHead {
    pub head: ServiceHead,
    /// The writer of this version.
    pub last_writer: String,
}

/// What is to be written of one service, all together.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// The head to write. Its version is one more than that of the head it replaces; version 1
    /// replaces none.
    pub head: ServiceHead,
    /// One invocation's name for itself, at most 64 characters: who finds it in a head knows that
    /// the commit happened.
    pub writer: String,
    /// Whether it stands for a cycle, which must be later than the head's. What operators do does
    /// not.
    pub is_cycle: bool,
    /// The incidents that changed, each once.
    pub incidents: Vec<IncidentWrite>,
    /// At most one per incident and kind.
    pub events: Vec<IncidentEvent>,
    pub messages: Vec<OutboxMessage>,
}

/// An incident to write.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentWrite {
    pub record: IncidentRecord,
    /// It starts with this commit, so there must be none with its id.
    pub is_new: bool,
}

/// What became of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// All of it was written, now or by an earlier attempt of the same writer.
    Done,
    /// Nothing was written: the head is another one by now.
    Conflict,
    /// Nothing was written: the head's cycle is this one or a later one.
    AlreadyProcessed,
    /// Nothing was written: the store is busy, or another transaction was at it.
    Throttled { reason: String },
    /// Unknown whether all of it or nothing was written. The head tells.
    Unknown { reason: String },
}

/// An incident as it is kept for people, beside the head.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentRecord {
    pub service: ServiceName,
    /// As it is, or as it was when it ended.
    pub incident: Incident,
    /// `None` while it goes on: then it is kept for ever.
    pub end: Option<End>,
}

/// That an incident is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub at_ms: i64,
    pub reason: EndReason,
    /// When it is forgotten; whole seconds count.
    pub expires_at: DateTime<Utc>,
}

/// What happened to an incident in one cycle.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentEvent {
    pub incident_id: IncidentId,
    pub cycle: i64,
    /// Epoch milliseconds.
    pub at_ms: i64,
    /// The word for all of it, of `[a-z_]`; of one incident and cycle each differs.
    pub kind: String,
    /// In order.
    pub events: Vec<Event>,
    /// When it is forgotten; whole seconds count.
    pub expires_at: DateTime<Utc>,
}

/// What lists show of an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentSummary {
    pub incident_id: IncidentId,
    pub fingerprint_id: FingerprintId,
    pub service: ServiceName,
    pub anomaly_name: String,
    pub state: IncidentState,
    pub severity: Severity,
    pub peak_severity: Severity,
    pub first_seen_ms: i64,
    pub last_updated_ms: i64,
    pub closed_at_ms: Option<i64>,
    pub reason: Option<EndReason>,
    pub occurrence_count: u32,
    pub alerted: bool,
}

/// An incident and its past.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentHistory {
    pub record: IncidentRecord,
    pub events: Vec<IncidentEvent>,
}

/// Why incident state could not be read or written, by meaning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    #[error("{store} does not allow to {action}: {reason}; check the permissions")]
    Denied { store: String, action: &'static str, reason: String },
    /// Nothing was changed; the same again may succeed.
    #[error("{store} was too busy to {action}: {reason}")]
    Throttled { store: String, action: &'static str, reason: String },
    #[error("{store} cannot be used to {action}: {reason}")]
    Unavailable { store: String, action: &'static str, reason: String },
    #[error("{store} is not usable: {reason}")]
    Unusable { store: String, reason: String },
    #[error("{store} holds {what} that cannot be read: {reason}")]
    Damaged { store: String, what: String, reason: String },
    #[error("{what} does not fit into {store}: {reason}")]
    TooLarge { store: String, what: String, reason: String },
}

impl IncidentRecord {
    /// What lists show of it.
    pub fn summary(&self) -> IncidentSummary {
        let IncidentRecord { service, incident, end } = self;
        IncidentSummary {
            incident_id: incident.incident_id.clone(),
            fingerprint_id: incident.fingerprint_id.clone(),
            service: service.clone(),
            anomaly_name: incident.anomaly_name.clone(),
            state: end.map_or(incident.state, |_| IncidentState::Closed),
            severity: incident.severity,
            peak_severity: incident.peak_severity,
            first_seen_ms: incident.first_seen_ms,
            last_updated_ms: incident.last_updated_ms,
            closed_at_ms: end.map(|end| end.at_ms),
            reason: end.map(|end| end.reason),
            occurrence_count: incident.occurrence_count,
            alerted: incident.alerted,
        }
    }

    /// Whether it is forgotten at `now`.
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.end.is_some_and(|end| end.expires_at.timestamp() <= now.timestamp())
    }
}

impl Commit {
    /// The version of the head that it replaces; 0 for none.
    pub fn replaced_version(&self) -> u64 {
        self.head.version.saturating_sub(1)
    }

    /// Items that it writes.
    pub fn writes(&self) -> usize {
        1 + self.incidents.len() + self.events.len() + self.messages.len()
    }
}
