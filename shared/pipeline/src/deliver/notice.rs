//! What yaga says of itself: that it cannot judge a service, that it can again, that a model is out
//! of date, and that it lives.
//!
//! Rows of bad cycles are counted in memory. A process that starts anew counts anew, so a notice
//! may come some cycles later; it never comes for nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::{Either, join_all, select};
use futures_util::pin_mut;
use payload::message::{Body, Message, MessageKind, message_id};
use payload::notification::{Heartbeat, Notification, NotificationStatus};
use payload::result::ServiceResult;
use payload::run::{Cycle, CycleStatus};
use payload::text::cut;
use payload::{SCHEMA_VERSION, instant};

use super::{DeliverPorts, Receiver};
use crate::ports::{Clock, Outcome};

/// A row that goes on is told again after so many cycles: half an hour.
const REPEAT_CYCLES: u32 = 15;
/// Services whose rows are counted.
const ROWS_MAX: usize = 10_000;
const MESSAGE_CHARS_MAX: usize = 1_000;
/// Characters of why a notice was lost.
const REASON_CHARS_MAX: usize = 300;

/// A model that is out of date is told of once a day.
const DRIFT_EVERY_CYCLES: i64 = 720;

/// What is known of the cycles before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notices {
    unavailable: UnavailableRows,
    /// By service: the last cycle that told of its model.
    drifted: BTreeMap<String, i64>,
}

impl Notices {
    /// Counts a cycle; what is to be told: of a service one thing at most.
    pub fn count(&mut self, cycle: &Cycle, notify_after: u32) -> Vec<Message> {
        let mut messages = self.unavailable.count(cycle, notify_after);
        for result in &cycle.results {
            let is_told = messages.iter().any(|it| it.service == result.service_name());
            if !is_told {
                messages.extend(self.drift(result, cycle));
            }
        }
        messages
    }

    fn drift(&mut self, result: &ServiceResult, cycle: &Cycle) -> Option<Message> {
        let found = result.evaluation()?.drift_analysis.as_ref().filter(|it| it.training_due)?;
        let service = result.service_name();
        let last = self.drifted.get(service);
        let is_due = last.is_none_or(|last| cycle.cycle_id >= last + DRIFT_EVERY_CYCLES);
        if !is_due || (last.is_none() && self.drifted.len() >= ROWS_MAX) {
            return None;
        }
        self.drifted.insert(service.to_owned(), cycle.cycle_id);
        let metrics: Vec<&str> = found.drift_metrics.keys().map(String::as_str).collect();
        let what = match metrics.as_slice() {
            [] => "the relation of its metrics".to_owned(),
            some => some.join(", "),
        };
        let day_before = cycle.timestamp.parse::<DateTime<Utc>>().ok()? - TimeDelta::days(1);
        let row = Row {
            since: instant(day_before),
            cycles: DRIFT_EVERY_CYCLES as u32,
            last_cycle: cycle.cycle_id,
            cause: "model_drift",
            reason: cut(
                &format!(
                    "{what}: far from what the model learned, for a day now; train {service} again, \
                     or exclude the time if it is not meant to last"
                ),
                MESSAGE_CHARS_MAX,
            ),
            is_told: true,
        };
        message(service, &row, NotificationStatus::Drifted, cycle)
    }
}

/// Rows of cycles in which services could not be judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnavailableRows {
    /// By service; empty for all of them together.
    rows: BTreeMap<String, Row>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    /// As in the answer of the first cycle.
    since: String,
    cycles: u32,
    last_cycle: i64,
    cause: &'static str,
    reason: String,
    is_told: bool,
}

impl UnavailableRows {
    /// Counts a cycle; what is to be told. A cycle that is counted already changes nothing.
    pub fn count(&mut self, cycle: &Cycle, notify_after: u32) -> Vec<Message> {
        let (bad, good) = sorted(cycle);
        let mut messages = Vec::new();
        for (service, (cause, reason)) in bad {
            messages.extend(self.bad(service, cause, &reason, cycle, notify_after));
        }
        for service in good {
            messages.extend(self.good(service, cycle));
        }
        messages
    }

    /// A row is over, unless the cycle is older than it.
    fn good(&mut self, service: &str, cycle: &Cycle) -> Option<Message> {
        self.rows.get(service).filter(|row| row.last_cycle < cycle.cycle_id)?;
        let row = self.rows.remove(service).filter(|row| row.is_told)?;
        message(service, &row, NotificationStatus::Recovered, cycle)
    }

    fn bad(
        &mut self,
        service: &str,
        cause: &'static str,
        reason: &str,
        cycle: &Cycle,
        notify_after: u32,
    ) -> Option<Message> {
        if !self.rows.contains_key(service) && self.rows.len() >= ROWS_MAX {
            return None;
        }
        let row = self.rows.entry(service.to_owned()).or_insert_with(|| Row {
            since: cycle.timestamp.clone(),
            cycles: 0,
            last_cycle: i64::MIN,
            cause,
            reason: String::new(),
            is_told: false,
        });
        if row.last_cycle >= cycle.cycle_id {
            return None;
        }
        row.cycles = row.cycles.saturating_add(1);
        row.last_cycle = cycle.cycle_id;
        row.cause = cause;
        row.reason = cut(reason, MESSAGE_CHARS_MAX);
        let past = row.cycles.checked_sub(notify_after)?;
        if !past.is_multiple_of(REPEAT_CYCLES) {
            return None;
        }
        row.is_told = true;
        message(service, row, NotificationStatus::Unavailable, cycle)
    }
}

/// What could not be judged, with cause and reason, and what could. The empty name stands for all.
type Sorted<'a> = (BTreeMap<&'a str, (&'static str, String)>, Vec<&'a str>);

fn sorted(cycle: &Cycle) -> Sorted<'_> {
    let (mut bad, mut good) = (BTreeMap::new(), Vec::new());
    if cycle.status == CycleStatus::SourceUnavailable {
        let reason = cycle.message.clone().unwrap_or_default();
        bad.insert("", ("source_unavailable", reason));
    } else {
        good.push("");
    }
    for result in &cycle.results {
        let name = result.service_name();
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
    (bad, good)
}

fn message(service: &str, row: &Row, status: NotificationStatus, cycle: &Cycle) -> Option<Message> {
    let cycle_id = cycle.cycle_id;
    let id = message_id(service, cycle_id, MessageKind::Notification.as_str());
    let body = Body::Pipeline(Box::new(Notification {
        schema_version: SCHEMA_VERSION.to_owned(),
        message_id: Some(id.clone()),
        timestamp: cycle.timestamp.clone(),
        cycle_id,
        service_name: Some(service.to_owned()).filter(|name| !name.is_empty()),
        status,
        cause: row.cause.to_owned(),
        message: row.reason.clone(),
        consecutive_cycles: row.cycles,
        since: row.since.clone(),
    }));
    of(MessageKind::Notification, id, service, cycle_id, &body)
}

/// The heartbeat of a cycle, which took so long until it could be told.
pub fn heartbeat(cycle: &Cycle, took: TimeDelta) -> Option<Message> {
    let id = message_id("", cycle.cycle_id, MessageKind::Heartbeat.as_str());
    let body = Body::Heartbeat(Box::new(Heartbeat {
        schema_version: SCHEMA_VERSION.to_owned(),
        message_id: Some(id.clone()),
        timestamp: cycle.timestamp.clone(),
        cycle_id: cycle.cycle_id,
        status: cycle.status.as_str().to_owned(),
        services_evaluated: cycle.summary.evaluated,
        anomalies_detected: cycle.summary.anomalous,
        incidents_resolved: cycle.incidents.as_ref().map_or(0, |it| it.ended),
        inference_duration_ms: u64::try_from(took.num_milliseconds()).ok(),
    }));
    of(MessageKind::Heartbeat, id, "", cycle.cycle_id, &body)
}

fn of(kind: MessageKind, id: String, service: &str, cycle_id: i64, body: &Body) -> Option<Message> {
    let body = serde_json::to_string(body).ok()?;
    let (service, incident_ids) = (service.to_owned(), Vec::new());
    Some(Message { id, kind, service, cycle_id, incident_ids, body })
}

/// Sends notices to all who take them, once and within `budget`: what does not arrive is not kept.
/// The reasons of failures are for people.
pub async fn tell(ports: &DeliverPorts<'_>, notices: &[Message], budget: Duration) -> Vec<String> {
    let tell_one = |receiver| tell_receiver(receiver, notices, ports.clock, budget);
    join_all(ports.receivers.iter().map(tell_one)).await.concat()
}

async fn tell_receiver(
    receiver: &Receiver,
    notices: &[Message],
    clock: &dyn Clock,
    budget: Duration,
) -> Vec<String> {
    let (publisher, name) = (receiver.publisher.as_ref(), receiver.name);
    let sending = async {
        let mut outcomes = Vec::new();
        // A batch has one message of a service at most: a kind at a time.
        for kind in [MessageKind::Heartbeat, MessageKind::Notification] {
            let is_taken = |it: &&Message| it.kind == kind && publisher.takes(kind);
            let batch: Vec<Message> = notices.iter().filter(is_taken).cloned().collect();
            if !batch.is_empty() {
                outcomes.extend(publisher.send(&batch).await);
            }
        }
        outcomes
    };
    let over = clock.pause(budget);
    pin_mut!(sending, over);
    let reasons: Vec<String> = match select(sending, over).await {
        Either::Left((outcomes, _)) => outcomes.into_iter().filter_map(reason).collect(),
        Either::Right(_) => vec!["the cycle's time for sending was over".to_owned()],
    };
    let lost = |reason| format!("{name}: a notice was lost: {}", cut(reason, REASON_CHARS_MAX));
    reasons.iter().map(|reason| lost(reason)).collect()
}

fn reason(outcome: Outcome) -> Option<String> {
    match outcome {
        Outcome::Delivered => None,
        Outcome::Retry { reason, .. } | Outcome::Refused { reason } => Some(reason),
    }
}

#[cfg(test)]
mod tests {
    use payload::run::{IncidentCounts, Summary};

    use super::*;

    fn cycle(index: i64, is_bad: bool) -> Cycle {
        let at = DateTime::from_timestamp(1_766_485_800 + index * 120, 0).unwrap();
        let status = if is_bad { CycleStatus::SourceUnavailable } else { CycleStatus::Complete };
        Cycle {
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
        }
    }

    /// One letter a cycle, `x` bad; the cycles in which something is told.
    fn told(cycles: &str) -> Vec<(i64, NotificationStatus, u32)> {
        let mut rows = UnavailableRows::default();
        let mut told = Vec::new();
        for (index, letter) in cycles.chars().enumerate() {
            let cycle = cycle(index as i64, letter == 'x');
            let messages = rows.count(&cycle, 3);
            assert_eq!(rows.clone().count(&cycle, 3).len(), 0, "a cycle counts once");
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
    fn an_old_cycle_ends_no_row() {
        let mut rows = UnavailableRows::default();
        for index in 10..13 {
            rows.count(&cycle(index, true), 3);
        }
        let before = rows.clone();
        assert_eq!(rows.count(&cycle(11, false), 3), [], "it was judged again, long after");
        assert_eq!(rows, before);
        assert_eq!(rows.count(&cycle(13, false), 3).len(), 1);
    }

    #[test]
    fn a_heartbeat_says_how_the_cycle_was() {
        let mut cycle = cycle(7, false);
        cycle.incidents = Some(IncidentCounts { ended: 2, ..Default::default() });
        let message = heartbeat(&cycle, TimeDelta::milliseconds(1_250)).unwrap();
        let Ok(Body::Heartbeat(it)) = message.read_body() else { panic!("{message:?}") };
        assert_eq!((it.cycle_id, it.status.as_str(), it.incidents_resolved), (7, "complete", 2));
        assert_eq!(it.inference_duration_ms, Some(1_250));
    }
}
