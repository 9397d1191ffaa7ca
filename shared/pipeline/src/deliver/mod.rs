//! Empties the outbox: claim, send, note what came of it.
//!
//! - [`queue`]: from messages to the outbox, one copy for each receiver that takes them
//! - [`plan`]: which messages may be sent now; pure
//! - [`archive`]: a receiver that keeps what is told beside the models
//! - `lane`: one receiver's share of a run
//! - [`notice`]: what yaga says of itself, besides the outbox
//!
//! Receivers are independent: each has copies of its own, so one that is down holds up nobody else.
//! For one receiver, messages of one service go in their order, one at a time: a resolution never
//! overtakes the alert that it ends. Whoever runs this may crash anywhere: a claim is a lease, so
//! a message is sent again rather than lost.

pub mod archive;
mod lane;
pub mod notice;
pub mod plan;
pub mod queue;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::config::receivers::Delivery;
use futures_util::future::{join_all, try_join_all};
use serde::Serialize;

use crate::ports::incidents::StateError;
use crate::ports::outbox::{OUTBOX_PARTITIONS, Outbox, QueuedMessage};
use crate::ports::{Clock, Publisher};

/// Waiting messages of one partition that a run looks at.
pub const WAITING_MAX: usize = 5_000;
/// Reasons that a report lists.
const FAILURES_SHOWN_MAX: usize = 20;

/// A receiver and the name under which messages are queued for it.
#[derive(Clone)]
pub struct Receiver {
    /// `observability`, `alertmanager`, `webhook`, …: it must not change while messages wait.
    pub name: &'static str,
    pub publisher: Arc<dyn Publisher>,
}

/// The outside of a run.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "ports are trait objects")]
pub struct DeliverPorts<'a> {
    pub outbox: &'a dyn Outbox,
    pub receivers: &'a [Receiver],
    pub clock: &'a dyn Clock,
}

/// How hard to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverSettings {
    /// Who claims: no other invocation has this name.
    pub owner: String,
    /// Time of the whole run.
    pub budget: Duration,
    /// A message of this age is given up when it fails again.
    pub give_up_after: TimeDelta,
}

impl DeliverSettings {
    /// As the configuration wants it, for one invocation.
    pub fn of(delivery: &Delivery, owner: &str) -> DeliverSettings {
        DeliverSettings {
            owner: owner.to_owned(),
            budget: Duration::from_secs(delivery.budget_s),
            give_up_after: TimeDelta::hours(i64::from(delivery.retry_hours)),
        }
    }
}

/// What a run did. The counts are of copies: a message for two receivers counts twice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DeliveryReport {
    pub delivered: u32,
    /// Not taken; to be tried again.
    pub rescheduled: u32,
    /// Given up: refused, or too old. Each one is worth an alarm.
    pub dead: u32,
    /// Dropped, because a newer alert of the same incidents was delivered.
    pub superseded: u32,
    /// Left in the outbox for now.
    pub waiting: u32,
    /// Age of the oldest of those.
    pub oldest_waiting_s: i64,
    /// Reasons, the first [`FAILURES_SHOWN_MAX`].
    pub failures: Vec<String>,
}

/// Delivers what is due, within the budget.
pub async fn deliver(
    ports: &DeliverPorts<'_>,
    settings: &DeliverSettings,
) -> Result<DeliveryReport, StateError> {
    let until = ports.clock.now() + settings.budget;
    let waiting = waiting(ports.outbox).await?;
    let mut report = DeliveryReport::default();
    let (lanes, strays) = plan::by_receiver(waiting, ports.receivers.iter().map(|it| it.name));
    let runs = ports.receivers.iter().zip(lanes);
    let runs = runs.map(|(receiver, lanes)| lane::run(receiver, lanes, ports, settings, until));
    for part in join_all(runs).await {
        report.add(part);
    }
    report.add(lane::strays(strays, ports, settings).await);
    Ok(report)
}

async fn waiting(outbox: &dyn Outbox) -> Result<Vec<QueuedMessage>, StateError> {
    let partitions = (0..OUTBOX_PARTITIONS).map(|it| outbox.waiting(it, WAITING_MAX));
    let mut waiting = Vec::new();
    for partition in try_join_all(partitions).await? {
        if partition.len() >= WAITING_MAX {
            tracing::warn!(limit = WAITING_MAX, "outbox partition is not seen whole");
        }
        waiting.extend(partition);
    }
    Ok(waiting)
}

impl DeliveryReport {
    fn add(&mut self, other: DeliveryReport) {
        self.delivered += other.delivered;
        self.rescheduled += other.rescheduled;
        self.dead += other.dead;
        self.superseded += other.superseded;
        self.waiting += other.waiting;
        self.oldest_waiting_s = self.oldest_waiting_s.max(other.oldest_waiting_s);
        let room = FAILURES_SHOWN_MAX.saturating_sub(self.failures.len());
        self.failures.extend(other.failures.into_iter().take(room));
    }

    fn fail(&mut self, reason: String) {
        if self.failures.len() < FAILURES_SHOWN_MAX && !self.failures.contains(&reason) {
            self.failures.push(reason);
        }
    }

    fn wait<'a>(
        &mut self,
        messages: impl IntoIterator<Item = &'a QueuedMessage>,
        now: DateTime<Utc>,
    ) {
        for queued in messages {
            self.waiting += 1;
            let age_s = (now - queued.message.created_at).num_seconds();
            self.oldest_waiting_s = self.oldest_waiting_s.max(age_s);
        }
    }
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Receiver({}: {})", self.name, self.publisher.describe())
    }
}
