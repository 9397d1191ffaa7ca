//! Alerts and their ends as objects, for whoever asks months later what was told and when.
//!
//! An object per message, under the day of its cycle. A message that is sent again has the same
//! key, so nothing is kept twice; the store's rules say how long it is kept.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::DateTime;
use domain::limits::CYCLE_S;
use futures_util::StreamExt;
use payload::message::{Message, MessageKind};

use crate::ports::{Object, ObjectStore, Outcome, Publisher, StoreError};

/// Objects that are written at once.
const WRITES_AT_ONCE: usize = 8;

/// A receiver that keeps messages beside the models.
pub struct Archive {
    store: Arc<dyn ObjectStore>,
}

impl Archive {
    /// Keeps them under `alerts/` of a store.
    pub fn new(store: Arc<dyn ObjectStore>) -> Archive {
        Archive { store }
    }

    async fn keep(&self, message: &Message) -> Outcome {
        let object = Object { bytes: message.body.as_bytes(), content_type: "application/json" };
        match self.store.put_new(&key(message), object).await {
            Ok(_) | Err(StoreError::AlreadyExists { .. }) => Outcome::Delivered,
            Err(error @ StoreError::BadKey { .. }) => {
                Outcome::Refused { reason: error.to_string() }
            }
            Err(error) => Outcome::Retry { after: None, reason: error.to_string() },
        }
    }
}

/// `alerts/dt=YYYY-MM-DD/<message id>.json`, with the day of the cycle in UTC.
fn key(message: &Message) -> String {
    let at = DateTime::from_timestamp(message.cycle_id.saturating_mul(CYCLE_S), 0);
    let day = at.unwrap_or_default().format("%Y-%m-%d");
    format!("alerts/dt={day}/{}.json", message.id)
}

#[async_trait]
impl Publisher for Archive {
    async fn send(&self, batch: &[Message]) -> Vec<Outcome> {
        let kept: Vec<_> = batch.iter().map(|message| self.keep(message)).collect();
        futures_util::stream::iter(kept).buffered(WRITES_AT_ONCE).collect().await
    }

    fn takes(&self, kind: MessageKind) -> bool {
        matches!(kind, MessageKind::Anomaly | MessageKind::Resolution)
    }

    fn describe(&self) -> String {
        format!("alerts/ in {}", self.store.describe())
    }
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Archive({})", self.store.describe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_one_key_on_the_day_of_its_cycle() {
        let message = Message {
            id: "0123456789abcdef01234567".to_owned(),
            kind: MessageKind::Anomaly,
            service: "booking".to_owned(),
            cycle_id: 14_720_715,
            incident_ids: Vec::new(),
            body: "{}".to_owned(),
        };
        assert_eq!(key(&message), "alerts/dt=2025-12-23/0123456789abcdef01234567.json");
    }
}
