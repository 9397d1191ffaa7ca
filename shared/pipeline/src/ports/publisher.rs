//! Where messages go.

use std::time::Duration;

use async_trait::async_trait;
use payload::message::{Message, MessageKind};

/// A receiver of messages. A publisher keeps nothing: what it could not deliver stays with who
/// asked.
#[async_trait]
pub trait Publisher: Send + Sync {
    /// Sends messages in their order and says of each, in the same order, what became of it.
    ///
    /// A receiver may get a message twice, but never in another order than it was handed over. A
    /// publisher may try again for seconds; longer waits are the caller's.
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
