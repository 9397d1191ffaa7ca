//! One receiver's share of a run: in each wave, the next message of every service.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::{Either, join_all, select};
use futures_util::pin_mut;
use payload::message::Message;

use super::plan::{self, Lanes};
use super::queue::as_sent;
use super::{DeliverPorts, DeliverSettings, DeliveryReport, Receiver};
use crate::ports::Outcome;
use crate::ports::outbox::{CLAIM_LEASE, Claim, QueuedMessage};

/// Messages of one wave: so many claims are made side by side.
const WAVE_MAX: usize = 100;
/// Waves of one run; the budget ends before.
const WAVES_MAX: usize = 1_000;
/// Characters of a reason that are kept.
const REASON_CHARS_MAX: usize = 300;
/// Messages of receivers that are not there, that one run looks at.
const STRAYS_MAX: usize = 100;

/// Sends one receiver's messages until none is due or the time is over.
pub(super) async fn run(
    receiver: &Receiver,
    mut lanes: Lanes,
    ports: &DeliverPorts<'_>,
    settings: &DeliverSettings,
    until: DateTime<Utc>,
) -> DeliveryReport {
    let mut run = Run { receiver, ports, settings, until, report: DeliveryReport::default() };
    for _ in 0..WAVES_MAX {
        let picks = picks(&mut lanes, ports.clock.now());
        if picks.is_empty() || ports.clock.now() >= until {
            let rest =
                picks.into_iter().flat_map(|pick| pick.superseded.into_iter().chain([pick.queued]));
            run.report.wait(&rest.collect::<Vec<_>>(), ports.clock.now());
            break;
        }
        let failed = run.wave(picks).await;
        // What follows a message that failed waits for it.
        for service in failed {
            let rest = lanes.remove(&service).unwrap_or_default();
            run.report.wait(&rest, ports.clock.now());
        }
    }
    run.report.wait(lanes.values().flatten(), ports.clock.now());
    run.report
}

/// A message to send, and those that it makes pointless.
struct Pick {
    queued: QueuedMessage,
    superseded: Vec<QueuedMessage>,
}

struct Run<'a> {
    receiver: &'a Receiver,
    ports: &'a DeliverPorts<'a>,
    settings: &'a DeliverSettings,
    until: DateTime<Utc>,
    report: DeliveryReport,
}

/// Takes the next message of each service out of its lane.
fn picks(lanes: &mut Lanes, now: DateTime<Utc>) -> Vec<Pick> {
    let mut picks = Vec::new();
    for lane in lanes.values_mut() {
        if picks.len() == WAVE_MAX {
            break;
        }
        let Some(next) = plan::next(lane, now) else { continue };
        let mut taken: Vec<QueuedMessage> = lane.drain(..=next.index).collect();
        if let Some(queued) = taken.pop() {
            picks.push(Pick { queued, superseded: taken });
        }
    }
    lanes.retain(|_, lane| !lane.is_empty());
    picks
}

impl Run<'_> {
    /// Claims, sends and settles; the services whose message was not delivered.
    async fn wave(&mut self, picks: Vec<Pick>) -> Vec<String> {
        let (claimed, mut failed) = self.claim(picks).await;
        let messages: Vec<Message> =
            claimed.iter().map(|(claim, _)| as_sent(&claim.queued.message.message)).collect();
        let outcomes = self.send(&messages).await;
        for ((claim, pick), outcome) in claimed.into_iter().zip(outcomes) {
            let service = pick.queued.message.message.service.clone();
            if !self.settle(&claim, &pick, outcome).await {
                failed.push(service);
            }
        }
        failed
    }

    async fn claim(&mut self, picks: Vec<Pick>) -> (Vec<(Claim, Pick)>, Vec<String>) {
        let (outbox, owner) = (self.ports.outbox, self.settings.owner.as_str());
        let now = self.ports.clock.now();
        let keys: Vec<_> = picks.iter().map(|pick| pick.queued.message.key()).collect();
        let claims = join_all(keys.iter().map(|key| outbox.claim(key, owner, now))).await;
        let (mut claimed, mut failed) = (Vec::new(), Vec::new());
        for (pick, claim) in picks.into_iter().zip(claims) {
            match claim {
                Ok(Some(claim)) => claimed.push((claim, pick)),
                // Somebody else sends it; what follows is theirs too.
                Ok(None) => failed.push(pick.queued.message.message.service.clone()),
                Err(error) => {
                    self.report.fail(error.to_string());
                    self.report.wait([&pick.queued], now);
                    failed.push(pick.queued.message.message.service.clone());
                }
            }
        }
        (claimed, failed)
    }

    /// Sends within what is left of the budget.
    async fn send(&self, messages: &[Message]) -> Vec<Outcome> {
        if messages.is_empty() {
            return Vec::new();
        }
        let left = (self.until - self.ports.clock.now()).to_std().unwrap_or_default();
        let sending = self.receiver.publisher.send(messages);
        let over = self.ports.clock.pause(left);
        pin_mut!(sending, over);
        match select(sending, over).await {
            Either::Left((outcomes, _)) => outcomes,
            Either::Right(_) => {
                let reason = "the cycle's time for sending was over".to_owned();
                vec![Outcome::Retry { after: None, reason }; messages.len()]
            }
        }
    }

    /// Notes what came of a message; whether it was delivered or is out of the way.
    async fn settle(&mut self, claim: &Claim, pick: &Pick, outcome: Outcome) -> bool {
        let (outbox, now) = (self.ports.outbox, self.ports.clock.now());
        let name = self.receiver.name;
        let attempts = claim.queued.attempts;
        let age = now - pick.queued.message.created_at;
        let (noted, is_out_of_the_way) = match outcome {
            Outcome::Delivered => {
                self.report.delivered += 1;
                // An older alert that is left must go before what follows: sent after the
                // resolution it would raise the alert anew.
                let is_clear = self.forget(pick.superseded.iter().collect()).await;
                (outbox.delivered(claim, now).await, is_clear)
            }
            Outcome::Retry { after, reason } if age < self.settings.give_up_after => {
                let reason = format!("{name}: {}", cut(&reason));
                let asked = after.and_then(|after| TimeDelta::from_std(after).ok());
                self.report.rescheduled += 1;
                self.report.wait([&pick.queued], now);
                self.report.fail(reason.clone());
                self.keep_superseded(pick, now).await;
                let at = plan::retry_at(now, attempts, asked);
                (outbox.reschedule(claim, at, &reason).await, false)
            }
            Outcome::Retry { reason, .. } | Outcome::Refused { reason } => {
                let reason = format!("{name}: {}", cut(&reason));
                tracing::error!(message_id = %pick.queued.message.message.id, %reason, "message given up");
                self.report.dead += 1;
                self.report.wait(&pick.superseded, now);
                self.report.fail(reason.clone());
                // What it would have replaced is told by the next run, and then what follows.
                (outbox.bury(claim, &reason).await, pick.superseded.is_empty())
            }
        };
        match noted {
            Ok(_) => is_out_of_the_way,
            Err(error) => {
                // The lease ends, and it is sent again: receivers can take it twice.
                self.report.fail(error.to_string());
                false
            }
        }
    }

    /// Older alerts of the same incidents stay until a newer one arrives, so that their age tells
    /// how long nothing arrived; the ones that are too old to be sent go.
    async fn keep_superseded(&mut self, pick: &Pick, now: DateTime<Utc>) {
        let is_old =
            |it: &&QueuedMessage| now - it.message.created_at >= self.settings.give_up_after;
        let (old, kept): (Vec<_>, Vec<_>) = pick.superseded.iter().partition(is_old);
        self.report.wait(kept, now);
        self.forget(old).await;
    }

    /// Drops messages; whether it is sure that they are gone.
    async fn forget(&mut self, superseded: Vec<&QueuedMessage>) -> bool {
        let (now, mut is_clear) = (self.ports.clock.now(), true);
        for old in superseded {
            match self.ports.outbox.forget(&old.message.key(), now).await {
                Ok(is_gone) => {
                    self.report.superseded += u32::from(is_gone);
                    is_clear &= is_gone;
                }
                Err(error) => {
                    self.report.fail(error.to_string());
                    is_clear = false;
                }
            }
        }
        is_clear
    }
}

/// Messages for receivers that are not configured wait for them, and are given up when old.
pub(super) async fn strays(
    strays: Vec<QueuedMessage>,
    ports: &DeliverPorts<'_>,
    settings: &DeliverSettings,
) -> DeliveryReport {
    let mut report = DeliveryReport::default();
    let now = ports.clock.now();
    for (index, stray) in strays.iter().enumerate() {
        let is_old = now - stray.message.created_at >= settings.give_up_after;
        if !is_old || index >= STRAYS_MAX || plan::is_held(stray, now) {
            report.wait([stray], now);
            continue;
        }
        let name = stray.message.destination.as_deref().unwrap_or("nobody");
        let reason = format!("{name}: no such receiver is configured");
        match bury(stray, &reason, ports, settings, now).await {
            Ok(true) => report.dead += 1,
            Ok(false) => report.wait([stray], now),
            Err(error) => report.fail(error.to_string()),
        }
        report.fail(reason);
    }
    report
}

async fn bury(
    stray: &QueuedMessage,
    reason: &str,
    ports: &DeliverPorts<'_>,
    settings: &DeliverSettings,
    now: DateTime<Utc>,
) -> Result<bool, crate::ports::incidents::StateError> {
    match ports.outbox.claim(&stray.message.key(), &settings.owner, now).await? {
        Some(claim) => ports.outbox.bury(&claim, reason).await,
        None => Ok(false),
    }
}

fn cut(reason: &str) -> String {
    payload::text::cut(reason, REASON_CHARS_MAX)
}

/// A run must be over before its first claim ends, or two would send the same.
const _: () = assert!(CLAIM_LEASE.num_seconds() >= 60);
