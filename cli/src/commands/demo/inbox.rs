//! Who is told in the demo: a receiver that writes messages to a file and remembers the last ones.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use adapter_local::JsonLines;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use payload::message::{Message, MessageKind};
use pipeline::ports::{Clock, Outcome, Publisher};

/// Takes every message.
#[derive(Debug)]
pub struct Inbox {
    file: JsonLines,
    taken: Mutex<Vec<Message>>,
}

impl Inbox {
    /// An empty inbox that writes to a new file.
    pub fn new(place: &Path) -> std::io::Result<Inbox> {
        let file = std::fs::File::create(place)?;
        Ok(Inbox {
            file: JsonLines::new(Box::new(file), "a file of the demo"),
            taken: Mutex::default(),
        })
    }

    /// What came since the last time.
    pub fn empty(&self) -> Vec<Message> {
        std::mem::take(&mut *self.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Publisher for Inbox {
    async fn send(&self, batch: &[Message]) -> Vec<Outcome> {
        let outcomes = self.file.send(batch).await;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = batch.iter().zip(&outcomes).filter(|(_, it)| **it == Outcome::Delivered);
        taken.extend(sent.map(|(message, _)| message.clone()));
        outcomes
    }

    fn takes(&self, _kind: MessageKind) -> bool {
        true
    }

    fn describe(&self) -> String {
        self.file.describe()
    }
}

/// The time of the replay: never before the cycle that runs, so that its messages are due.
#[derive(Debug, Default)]
pub struct ReplayClock {
    cycle_ms: AtomicI64,
}

impl ReplayClock {
    /// A cycle begins.
    pub fn set(&self, at: DateTime<Utc>) {
        self.cycle_ms.store(at.timestamp_millis(), Ordering::Relaxed);
    }
}

#[async_trait]
impl Clock for ReplayClock {
    fn now(&self) -> DateTime<Utc> {
        let cycle = DateTime::from_timestamp_millis(self.cycle_ms.load(Ordering::Relaxed));
        cycle.map_or_else(Utc::now, |cycle| cycle.max(Utc::now()))
    }

    async fn pause(&self, length: Duration) {
        tokio::time::sleep(length).await;
    }
}
