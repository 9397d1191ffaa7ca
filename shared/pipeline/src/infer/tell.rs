//! Everything that a cycle says to the outside, side by side: messages that wait in the outbox,
//! what yaga says of itself, and points for charts.
//!
//! None of it waits for another, and the cycle waits for none of it longer than the budget of
//! `delivery`, requests to the state aside: a receiver that hangs delays no alert of another one,
//! and no answer.

use std::time::Duration;

use chrono::TimeDelta;
use domain::config::receivers::Delivery;
use futures_util::future::{Either, join3, select};
use futures_util::pin_mut;
use payload::message::Message;
use payload::run::{Cycle, Deliveries};
use payload::write_back::ServicePoint;

use crate::deliver::notice::{self, Notices};
use crate::deliver::{DeliverPorts, DeliverSettings, DeliveryReport, deliver};
use crate::infer::{Deadline, IncidentPorts};

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) deliveries: Deliveries,
    /// For people.
    pub(super) troubles: Vec<String>,
}

/// Sends the outbox and the notices, and writes the points.
pub(super) async fn tell(
    notices: &[Message],
    points: &[ServicePoint],
    settings: &DeliverSettings,
    ports: &IncidentPorts<'_>,
) -> Told {
    let by = DeliverPorts { outbox: ports.outbox, receivers: ports.receivers, clock: ports.clock };
    let (sent, unheard, unwritten) = join3(
        deliver(&by, settings),
        notice::tell(&by, notices, settings.budget),
        write(points, settings.budget, ports),
    )
    .await;
    let mut told = Told::default();
    match sent {
        Ok(report) => {
            told.deliveries = deliveries(&report);
            told.troubles.extend(report.failures);
        }
        Err(error) => told.troubles.push(error.to_string()),
    }
    told.troubles.extend(unheard);
    told.troubles.extend(unwritten);
    told
}

/// How long to send, and on whose behalf.
pub(super) fn settings(
    delivery: &Delivery,
    owner: &str,
    deadline: Option<Deadline<'_>>,
) -> DeliverSettings {
    let settings = DeliverSettings::of(delivery, owner);
    let left = deadline.map_or(Duration::MAX, |it| it.for_sending());
    DeliverSettings { budget: settings.budget.min(left), ..settings }
}

/// What yaga says of itself in this cycle: that it cannot judge, that it can again, that it lives.
pub(super) fn notices(
    cycle: &Cycle,
    took: TimeDelta,
    rows: &mut Notices,
    delivery: &Delivery,
) -> Vec<Message> {
    let mut notices = rows.count(cycle, delivery.notify_after_cycles);
    notices.extend(delivery.heartbeat.then(|| notice::heartbeat(cycle, took)).flatten());
    notices
}

fn deliveries(report: &DeliveryReport) -> Deliveries {
    Deliveries {
        delivered: report.delivered,
        rescheduled: report.rescheduled,
        dead: report.dead,
        superseded: report.superseded,
        waiting: report.waiting,
        oldest_waiting_seconds: report.oldest_waiting_s.max(0) as u64,
    }
}

/// Writes points for charts; the reason if that failed or took too long.
async fn write(
    points: &[ServicePoint],
    budget: Duration,
    ports: &IncidentPorts<'_>,
) -> Option<String> {
    let sink = ports.scores?;
    let (writing, over) = (sink.write(points), ports.clock.pause(budget));
    pin_mut!(writing, over);
    let reason = match select(writing, over).await {
        Either::Left((written, _)) => written.err()?,
        Either::Right(_) => "the cycle's time for sending was over".to_owned(),
    };
    Some(format!("scores were not written to {}: {reason}", sink.describe()))
}
