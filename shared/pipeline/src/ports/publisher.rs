//! Where messages go.

use std::time::Duration;

use async_trait::async_trait;
use payload::message::{Message, MessageKind};
use payload::write_back::ServicePoint;

/// A receiver of messages. A publisher keeps nothing: what it could not deliver stays with who
/// asked.
#[async_trait]
pub trait Publisher: Send + Sync {
    /// Sends messages and says of each, in the same order, what became of it.
    ///
    /// A batch has at most one message of a service, so it may be sent in any order and in any
    /// number of requests. A publisher may try again for seconds; longer waits are the caller's.
    async fn send(&self, batch: &[Message]) -> Vec<Outcome>;

    /// Whether the receiver wants this kind at all. What it does not want is not queued for it.
    fn takes(&self, kind: MessageKind) -> bool;

    /// What the receiver is, for messages: an address without secrets.
    fn describe(&self) -> String;
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// It may or may not have it: send it again, not before `after` if the receiver says when.
    Retry { after: Option<Duration>, reason: String },
    /// It will never take it.
    Refused { reason: String },
}

/// Where scores and expected values are written for charts. Best effort: nothing is repeated.
#[async_trait]
pub trait ScoreSink: Send + Sync {
    /// Writes what a cycle found. The error is for the log.
    async fn write(&self, points: &[ServicePoint]) -> Result<(), String>;

    /// What the sink is, for messages: an address without secrets.
    fn describe(&self) -> String;
}
