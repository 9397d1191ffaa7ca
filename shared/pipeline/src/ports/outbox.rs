//! Messages that were committed with the state they speak of, until they are delivered.
//!
//! A message is written in the transaction of its cycle (see the port of incidents), so it can
//! neither be lost nor speak of a state that was never reached. A deliverer claims a message for
//! the time of a lease, sends it, and says what came of it. Whoever sends may crash: a message
//! whose lease is over is waiting again, so receivers must be able to take it twice.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use payload::message::Message;

use super::incidents::StateError;

/// Queues that messages are spread over, by service: a sweep asks each once.
pub const OUTBOX_PARTITIONS: u8 = 8;
/// How long a deliverer may take over one message before another may claim it.
pub const CLAIM_LEASE: TimeDelta = TimeDelta::seconds(60);
/// How long a delivered message is kept, for people who ask.
pub const DELIVERED_KEPT: TimeDelta = TimeDelta::days(7);
/// Bytes of a body that are kept beside the message. A larger one goes to the object store.
pub const ROW_BODY_BYTES_MAX: usize = payload::message::BODY_BYTES_MAX;

/// A message as it was committed. It never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxMessage {
    /// What is sent. Of the messages of one instant each has an id of its own.
    pub message: Message,
    /// Rises from message to message of a service; they are sent in this order.
    pub seq: u64,
    /// When it was committed, by the clock, in whole milliseconds: it is due since then, and that
    /// is its age, however old the cycle is that it speaks of.
    pub created_at: DateTime<Utc>,
    /// Where it goes, if not everywhere.
    pub destination: Option<String>,
}

/// Which message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageKey {
    /// Below [`OUTBOX_PARTITIONS`].
    pub partition: u8,
    pub created_at: DateTime<Utc>,
    pub id: String,
}

/// A message and what has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedMessage {
    pub message: OutboxMessage,
    pub status: MessageStatus,
    /// Times it was claimed.
    pub attempts: u32,
    /// Not to be claimed before. While it is being sent: the end of the lease.
    pub next_attempt_at: DateTime<Utc>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// A message that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedMessage {
    pub key: MessageKey,
    pub reason: String,
}

/// What has become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageStatus {
    /// To be sent, now or later.
    Pending,
    /// Somebody claimed it.
    Sending,
    Delivered,
    /// Given up.
    Dead,
}

/// The right to send a message, for the time of the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Who claimed it.
    pub owner: String,
    /// As it is since: its attempts tell this claim from another one of the same owner.
    pub queued: QueuedMessage,
}

/// Where committed messages wait.
///
/// The last four say what came of a claim. They answer `false`, and change nothing, if the claim
/// is not the newest any more: its lease was over and somebody else has claimed the message.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Pending messages of a partition, and those being sent, by `next_attempt_at`: at most
    /// `limit`. The newest may be missing for a moment.
    async fn waiting(&self, partition: u8, limit: usize) -> Result<Vec<QueuedMessage>, StateError>;

    /// Claims a message that is pending and due, or whose lease is over, on behalf of `owner`.
    /// `None` if it is neither: delivered, claimed by somebody else, or gone.
    async fn claim(
        &self,
        key: &MessageKey,
        owner: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Claim>, StateError>;

    /// The message has arrived.
    async fn delivered(&self, claim: &Claim, now: DateTime<Utc>) -> Result<bool, StateError>;

    /// It could not be sent; it is to be tried again at `at`.
    async fn reschedule(
        &self,
        claim: &Claim,
        at: DateTime<Utc>,
        reason: &str,
    ) -> Result<bool, StateError>;

    /// It is given up.
    async fn bury(&self, claim: &Claim, reason: &str) -> Result<bool, StateError>;

    /// All messages of a status, oldest first: at most `limit` of each partition.
    async fn list(
        &self,
        status: MessageStatus,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<QueuedMessage>, StateError>;

    /// Messages that cannot be read. No other answer holds them: they stop nobody.
    async fn unreadable(&self) -> Result<Vec<DamagedMessage>, StateError>;

    /// Makes a message that was given up, or that waits, due at `now`. `false` if there is none
    /// or if it is being sent or delivered. A claim whose lease is over sends nothing any more.
    async fn retry(&self, key: &MessageKey, now: DateTime<Utc>) -> Result<bool, StateError>;

    /// Forgets a message that was not delivered and is not being sent at `now`. `false` if there
    /// is none. A claim whose lease is over sends nothing any more.
    async fn forget(&self, key: &MessageKey, now: DateTime<Utc>) -> Result<bool, StateError>;
}

impl Claim {
    /// Which message is claimed.
    pub fn key(&self) -> MessageKey {
        self.queued.message.key()
    }
}

impl OutboxMessage {
    /// Where the message is kept.
    pub fn key(&self) -> MessageKey {
        MessageKey {
            partition: outbox_partition(&self.message.service),
            created_at: self.created_at,
            id: self.message.id.clone(),
        }
    }
}

/// The partition of a service's messages: those of one service stay in order. FNV-1a, because it
/// must be the same in every version.
pub fn outbox_partition(service: &str) -> u8 {
    let hash = service.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash % u64::from(OUTBOX_PARTITIONS)) as u8
}

impl MessageStatus {
    pub const ALL: [MessageStatus; 4] = [
        MessageStatus::Pending,
        MessageStatus::Sending,
        MessageStatus::Delivered,
        MessageStatus::Dead,
    ];

    /// The word in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            MessageStatus::Pending => "pending",
            MessageStatus::Sending => "sending",
            MessageStatus::Delivered => "delivered",
            MessageStatus::Dead => "dead",
        }
    }

    /// The status of a word in the store.
    pub fn parse(text: &str) -> Option<MessageStatus> {
        MessageStatus::ALL.into_iter().find(|it| it.as_str() == text)
    }
}
