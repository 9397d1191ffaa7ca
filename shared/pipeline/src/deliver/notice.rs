//! What yaga says of itself: that it cannot judge a service, that it can again, and that it lives.
//!
//! Rows of bad cycles are counted in memory. A process that starts anew counts anew, so a notice
//! may come some cycles later; it never comes for nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use payload::message::{Body, Message, MessageKind, message_id};
use payload::notification::{Heartbeat, Notification, NotificationStatus};
use payload::result::ServiceResult;
use payload::run::{Cycle, CycleStatus};
use payload::text::cut;
use payload::{SCHEMA_VERSION, instant};

use super::Receiver;
use crate::ports::Outcome;

/// A row that goes on is told again after so many cycles: half an hour.
const REPEAT_CYCLES: u32 = 15;
/// Services whose rows are counted.
const ROWS_MAX: usize = 10_000;
const MESSAGE_CHARS_MAX: usize = 1_000;

/// Rows of cycles in which services could not be judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnavailableRows {
    /// By service; empty for all of them together.
    rows: BTreeMap<String, Row>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    since: DateTime<Utc>,
    cycles: u32,
    last_cycle: i64,
    cause: &'static str,
    reason: String,
    is_told: bool,
}

impl UnavailableRows {
    /// Counts a cycle; what is to be told. A cycle that is counted already changes nothing.
    pub fn count(&mut self, cycle: &Cycle, at: DateTime<Utc>, notify_after: u32) -> Vec<Message> {
        let mut bad: BTreeMap<String, (&'static str, String)> = BTreeMap::new();
        let mut good: Vec<String> = Vec::new();
        if cycle.status == CycleStatus::SourceUnavailable {
            let reason = cycle.message.clone().unwrap_or_default();
            bad.insert(String::new(), ("source_unavailable", reason));
        } else {
            good.push(String::new());
        }
        for result in &cycle.results {
            let name = result.service_name().to_owned();
            match result {
                ServiceResult::MetricsUnavailable(it) => {
                    bad.insert(name, ("metrics_unavailable", it.error.clone()));
                }
                ServiceResult::Error(it) => {
                    bad.insert(name, ("error", it.error_message.clone()));
                }
                ServiceResult::AnomalyDetected(_) | ServiceResult::NoAnomaly(_) => good.push(name),
            }
        }
        let mut messages = Vec::new();
        for (service, (cause, reason)) in bad {
            messages.extend(self.bad(&service, cause, &reason, (cycle.cycle_id, at), notify_after));
        }
        for service in good {
            let over = self.rows.remove(&service).filter(|row| row.is_told);
            let told = |row: Row| message(&service, &row, NotificationStatus::Recovered, at);
            messages.extend(over.and_then(|row| told(Row { last_cycle: cycle.cycle_id, ..row })));
        }
        messages
    }

    fn bad(
        &mut self,
        service: &str,
        cause: &'static str,
        reason: &str,
        (cycle_id, at): (i64, DateTime<Utc>),
        notify_after: u32,
    ) -> Option<Message> {
        if !self.rows.contains_key(service) && self.rows.len() >= ROWS_MAX {
            return None;
        }
        let row = self.rows.entry(service.to_owned()).or_insert_with(|| Row {
            since: at,
            cycles: 0,
            last_cycle: i64::MIN,
            cause,
            reason: String::new(),
            is_told: false,
        });
        if row.last_cycle >= cycle_id {
            return None;
        }
        row.cycles = row.cycles.saturating_add(1);
        row.last_cycle = cycle_id;
        row.cause = cause;
        row.reason = cut(reason, MESSAGE_CHARS_MAX);
        let past = row.cycles.checked_sub(notify_after)?;
        if !past.is_multiple_of(REPEAT_CYCLES) {
            return None;
        }
        row.is_told = true;
        message(service, row, NotificationStatus::Unavailable, at)
    }
}

fn message(
    service: &str,
    row: &Row,
    status: NotificationStatus,
    at: DateTime<Utc>,
) -> Option<Message> {
    let cycle_id = row.last_cycle;
    let id = message_id(service, cycle_id, MessageKind::Notification.as_str());
    let body = Body::Pipeline(Box::new(Notification {
        schema_version: SCHEMA_VERSION.to_owned(),
        message_id: Some(id.clone()),
        timestamp: instant(at),
        cycle_id,
        service_name: Some(service.to_owned()).filter(|name| !name.is_empty()),
        status,
        cause: row.cause.to_owned(),
        message: row.reason.clone(),
        consecutive_cycles: row.cycles,
        since: instant(row.since),
    }));
    of(MessageKind::Notification, id, service, cycle_id, &body)
}

/// The heartbeat of a cycle.
pub fn heartbeat(cycle: &Cycle, incidents_resolved: u32) -> Option<Message> {
    let id = message_id("", cycle.cycle_id, MessageKind::Heartbeat.as_str());
    let body = Body::Heartbeat(Box::new(Heartbeat {
        schema_version: SCHEMA_VERSION.to_owned(),
        message_id: Some(id.clone()),
        timestamp: cycle.timestamp.clone(),
        cycle_id: cycle.cycle_id,
        status: cycle.status.as_str().to_owned(),
        services_evaluated: cycle.summary.evaluated,
        anomalies_detected: cycle.summary.anomalous,
        incidents_resolved,
        inference_duration_ms: None,
    }));
    of(MessageKind::Heartbeat, id, "", cycle.cycle_id, &body)
}

fn of(kind: MessageKind, id: String, service: &str, cycle_id: i64, body: &Body) -> Option<Message> {
    let body = serde_json::to_string(body).ok()?;
    let (service, incident_ids) = (service.to_owned(), Vec::new());
    Some(Message { id, kind, service, cycle_id, incident_ids, body })
}

/// Sends notices to all who take them, once: what does not arrive is not kept. The reasons of
/// failures are for the log.
pub async fn tell(receivers: &[Receiver], messages: &[Message]) -> Vec<String> {
    let tell_one = |receiver: &Receiver| {
        let taken: Vec<Message> =
            messages.iter().filter(|it| receiver.publisher.takes(it.kind)).cloned().collect();
        let receiver = receiver.clone();
        async move {
            let sent = match taken.is_empty() {
                true => Vec::new(),
                false => receiver.publisher.send(&taken).await,
            };
            let failed = |outcome: Outcome| match outcome {
                Outcome::Delivered => None,
                Outcome::Retry { reason, .. } | Outcome::Refused { reason } => {
                    Some(format!("{}: {reason}", receiver.name))
                }
            };
            sent.into_iter().filter_map(failed).collect::<Vec<_>>()
        }
    };
    join_all(receivers.iter().map(tell_one)).await.concat()
}

#[cfg(test)]
mod tests {
    use payload::run::Summary;

    use super::*;

    fn cycle(index: i64, is_bad: bool) -> (Cycle, DateTime<Utc>) {
        let at = DateTime::from_timestamp(1_766_485_800 + index * 120, 0).unwrap();
        let status = if is_bad { CycleStatus::SourceUnavailable } else { CycleStatus::Complete };
        let cycle = Cycle {
            schema_version: SCHEMA_VERSION.to_owned(),
            cycle_id: index,
            timestamp: instant(at),
            status,
            message: is_bad.then(|| "out of order".to_owned()),
            incidents: None,
            deliveries: None,
            cascades: Vec::new(),
            summary: Summary::default(),
            results: Vec::new(),
        };
        (cycle, at)
    }

    /// One letter a cycle, `x` bad; the cycles in which something is told.
    fn told(cycles: &str) -> Vec<(i64, NotificationStatus, u32)> {
        let mut rows = UnavailableRows::default();
        let mut told = Vec::new();
        for (index, letter) in cycles.chars().enumerate() {
            let (cycle, at) = cycle(index as i64, letter == 'x');
            let messages = rows.count(&cycle, at, 3);
            assert_eq!(rows.clone().count(&cycle, at, 3).len(), 0, "a cycle counts once");
            for message in messages {
                let Ok(Body::Pipeline(it)) = message.read_body() else { panic!("{message:?}") };
                told.push((it.cycle_id, it.status, it.consecutive_cycles));
            }
        }
        told
    }

    #[test]
    fn three_bad_cycles_are_told_and_their_end_is_too() {
        use NotificationStatus::{Recovered, Unavailable};
        assert_eq!(told("xx.xx."), []);
        assert_eq!(told("xxx"), [(2, Unavailable, 3)]);
        assert_eq!(told("xxxxx.."), [(2, Unavailable, 3), (5, Recovered, 5)]);
        assert_eq!(told(&"x".repeat(20)), [(2, Unavailable, 3), (17, Unavailable, 18)]);
    }

    #[test]
    fn a_heartbeat_says_how_the_cycle_was() {
        let message = heartbeat(&cycle(7, false).0, 2).unwrap();
        let Ok(Body::Heartbeat(it)) = message.read_body() else { panic!("{message:?}") };
        assert_eq!((it.cycle_id, it.status.as_str(), it.incidents_resolved), (7, "complete", 2));
    }
}
