//! The messages of the state in memory.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use pipeline::ports::incidents::StateError;
use pipeline::ports::outbox::{
    CLAIM_LEASE, Claim, DELIVERED_KEPT, DamagedMessage, MessageKey, MessageStatus, Outbox,
    OutboxMessage, QueuedMessage,
};

use super::{MemoryIncidents, Queued, State};

/// A message that was just committed.
pub(super) fn pending(message: &OutboxMessage) -> Queued {
    let message = QueuedMessage {
        message: message.clone(),
        status: MessageStatus::Pending,
        attempts: 0,
        next_attempt_at: message.created_at,
        last_error: None,
    };
    Queued { message, claimed_by: None, expires_at: None }
}

fn is_waiting(status: MessageStatus) -> bool {
    matches!(status, MessageStatus::Pending | MessageStatus::Sending)
}

/// Nobody is sending it: whoever claimed it has let its lease run out.
fn is_idle(message: &QueuedMessage, now: DateTime<Utc>) -> bool {
    match message.status {
        MessageStatus::Pending | MessageStatus::Dead => true,
        MessageStatus::Sending => message.next_attempt_at <= now,
        MessageStatus::Delivered => false,
    }
}

#[async_trait]
impl Outbox for MemoryIncidents {
    async fn waiting(&self, partition: u8, limit: usize) -> Result<Vec<QueuedMessage>, StateError> {
        let state = self.state();
        let of_partition = state.messages.iter().filter(|(key, _)| key.partition == partition);
        let mut waiting: Vec<QueuedMessage> = of_partition
            .map(|(_, queued)| queued.message.clone())
            .filter(|queued| is_waiting(queued.status))
            .collect();
        waiting.sort_by_key(|queued| (queued.next_attempt_at, queued.message.key()));
        waiting.truncate(limit);
        Ok(waiting)
    }

    async fn claim(
        &self,
        key: &MessageKey,
        owner: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Claim>, StateError> {
        let mut state = self.state();
        let found = state.messages.get_mut(key);
        let Some(queued) = found.filter(|queued| {
            is_waiting(queued.message.status) && queued.message.next_attempt_at <= now
        }) else {
            return Ok(None);
        };
        queued.claimed_by = Some(owner.to_owned());
        queued.message.status = MessageStatus::Sending;
        queued.message.attempts += 1;
        queued.message.next_attempt_at = now + CLAIM_LEASE;
        Ok(Some(Claim { owner: owner.to_owned(), queued: queued.message.clone() }))
    }

    async fn delivered(&self, claim: &Claim, now: DateTime<Utc>) -> Result<bool, StateError> {
        Ok(self.state().end(claim, |queued| {
            queued.message.status = MessageStatus::Delivered;
            queued.expires_at = Some(now + DELIVERED_KEPT);
        }))
    }

    async fn reschedule(
        &self,
        claim: &Claim,
        at: DateTime<Utc>,
        reason: &str,
    ) -> Result<bool, StateError> {
        Ok(self.state().end(claim, |queued| {
            queued.message.status = MessageStatus::Pending;
            queued.message.next_attempt_at = at;
            queued.message.last_error = Some(reason.to_owned());
        }))
    }

    async fn bury(&self, claim: &Claim, reason: &str) -> Result<bool, StateError> {
        Ok(self.state().end(claim, |queued| {
            queued.message.status = MessageStatus::Dead;
            queued.message.last_error = Some(reason.to_owned());
        }))
    }

    async fn list(
        &self,
        status: MessageStatus,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<QueuedMessage>, StateError> {
        let state = self.state();
        let is_kept = |queued: &&Queued| {
            queued.message.status == status && queued.expires_at.is_none_or(|at| at > now)
        };
        let mut listed: Vec<QueuedMessage> =
            state.messages.values().filter(is_kept).map(|it| it.message.clone()).collect();
        listed.sort_by_key(|queued| (queued.message.created_at, queued.message.key()));
        listed.truncate(limit);
        Ok(listed)
    }

    async fn unreadable(&self) -> Result<Vec<DamagedMessage>, StateError> {
        Ok(Vec::new())
    }

    async fn retry(&self, key: &MessageKey, now: DateTime<Utc>) -> Result<bool, StateError> {
        let mut state = self.state();
        let found = state.messages.get_mut(key).filter(|it| is_idle(&it.message, now));
        Ok(found.is_some_and(|queued| {
            queued.message.status = MessageStatus::Pending;
            queued.message.next_attempt_at = now;
            true
        }))
    }

    async fn forget(&self, key: &MessageKey, now: DateTime<Utc>) -> Result<bool, StateError> {
        let mut state = self.state();
        let is_there = state.messages.get(key).is_some_and(|it| is_idle(&it.message, now));
        Ok(is_there && state.messages.remove(key).is_some())
    }
}

impl State {
    /// Ends a claim, if it is the newest.
    fn end(&mut self, claim: &Claim, change: impl FnOnce(&mut Queued)) -> bool {
        let found = self.messages.get_mut(&claim.key()).filter(|queued| {
            queued.message.status == MessageStatus::Sending
                && queued.message.attempts == claim.queued.attempts
                && queued.claimed_by.as_deref() == Some(&claim.owner)
        });
        found.is_some_and(|queued| {
            change(queued);
            queued.claimed_by = None;
            true
        })
    }
}
