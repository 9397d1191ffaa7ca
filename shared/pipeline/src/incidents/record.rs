//! From what a step did to what is written.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ServiceName;
use incident::{Advance, Change, Event, Rules};

use crate::ports::incidents::{
    COMMIT_WRITES_MAX, Commit, End, IncidentEvent, IncidentRecord, IncidentWrite,
};
use crate::ports::outbox::OutboxMessage;

use super::commit::Plan;

/// Messages of one version of a head are numbered from this many times the version.
const SEQ_PER_VERSION: u64 = 1_000;

/// Incidents of a service that may end in one step where so many receivers are told, so that all
/// that is written of it is one transaction.
///
/// That is the head, at most `active_max` incidents that go on or start, an alert for each
/// receiver, and of each end a record and a message for each receiver.
pub fn ends_max(receivers: usize) -> usize {
    let Rules { active_max, ends_max, .. } = Rules::default();
    let room = COMMIT_WRITES_MAX.saturating_sub(1 + active_max + receivers);
    ends_max.min(room / (1 + receivers)).max(1)
}

/// How long what is over is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Closed incidents, from their end.
    pub closed: TimeDelta,
    /// What happened to incidents, from when it happened.
    pub events: TimeDelta,
}

impl Retention {
    /// Closed incidents for a number of hours, events for thirty days.
    pub fn of_hours(hours: u32) -> Retention {
        Retention { closed: TimeDelta::hours(i64::from(hours)), events: TimeDelta::days(30) }
    }
}

/// All that a plan writes. `at_ms` is the cycle's instant; `now` is the clock's: what is over is
/// kept from the later one, so that a replay of old data does not expire at once.
pub(super) fn commit_of(
    plan: &Plan,
    is_cycle: bool,
    at_ms: i64,
    writer: &str,
    retention: Retention,
    now: DateTime<Utc>,
) -> Commit {
    let head = plan.advance.head.clone();
    let kept_from = DateTime::from_timestamp_millis(at_ms).map_or(now, |at| at.max(now));
    let incidents: Vec<IncidentWrite> = plan
        .advance
        .changes
        .iter()
        .map(|change| incident_write(&head.service, change, kept_from + retention.closed))
        .collect();
    let messages = outbox_messages(plan, now);
    let mut events = events_of(&plan.advance, head.last_cycle, at_ms, kept_from + retention.events);
    // What happened is for people; state and messages come first.
    events.truncate(COMMIT_WRITES_MAX.saturating_sub(1 + incidents.len() + messages.len()));
    Commit { head, writer: writer.to_owned(), is_cycle, incidents, events, messages }
}

fn incident_write(
    service: &ServiceName,
    change: &Change,
    expires_at: DateTime<Utc>,
) -> IncidentWrite {
    let end = change.resolution.as_ref().map(|it| End {
        at_ms: it.resolved_at_ms,
        reason: it.reason,
        expires_at: whole_second(expires_at),
    });
    let record =
        IncidentRecord { service: service.clone(), incident: change.incident.clone(), end };
    IncidentWrite { record, is_new: change.has(&Event::Created) }
}

fn outbox_messages(plan: &Plan, now: DateTime<Utc>) -> Vec<OutboxMessage> {
    let created_at = DateTime::from_timestamp_millis(now.timestamp_millis()).unwrap_or(now);
    let first = plan.advance.head.version * SEQ_PER_VERSION;
    let numbered = plan.messages.iter().zip(first..);
    numbered
        .map(|((message, destination), seq)| OutboxMessage {
            message: message.clone(),
            seq,
            created_at,
            destination: destination.clone(),
        })
        .collect()
}

fn events_of(
    advance: &Advance,
    cycle: i64,
    at_ms: i64,
    expires_at: DateTime<Utc>,
) -> Vec<IncidentEvent> {
    let events = advance.changes.iter().filter_map(|change| {
        let told: Vec<Event> = change.events.iter().filter(|it| is_told(it)).cloned().collect();
        Some(IncidentEvent {
            incident_id: change.incident.incident_id.clone(),
            cycle,
            at_ms,
            kind: word_of(told.first()?),
            events: told,
            expires_at: whole_second(expires_at),
        })
    });
    events.collect()
}

/// That it goes on, or is still not seen, is in the incident itself.
fn is_told(event: &Event) -> bool {
    !matches!(event, Event::Continued | Event::Missed { .. } | Event::Edited)
}

fn word_of(event: &Event) -> String {
    let value = serde_json::to_value(event).unwrap_or_default();
    value["event"].as_str().unwrap_or("event").to_owned()
}

fn whole_second(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(at.timestamp(), 0).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The most that is written of one service in one step: see [`ends_max`].
    #[test]
    fn whatever_ends_at_once_fits_into_one_transaction() {
        let active_max = Rules::default().active_max;
        let most = |receivers: usize| {
            let ends = ends_max(receivers);
            1 + active_max + receivers + ends * (1 + receivers)
        };
        let ends: Vec<usize> = (0..=5).map(ends_max).collect();
        assert_eq!(ends, [40, 29, 19, 14, 11, 9]);
        assert!((0..=20).all(|receivers| most(receivers) <= COMMIT_WRITES_MAX));
    }
}
