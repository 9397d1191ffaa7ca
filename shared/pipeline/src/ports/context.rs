//! Where an alert's context is looked up.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use payload::enrichment::Labelled;

/// A server with the instant queries of Prometheus.
#[async_trait]
pub trait InstantQuery: Send + Sync {
    /// The values of an expression at an instant, with their labels. The error is for the reader of
    /// the alert.
    async fn query(&self, expression: &str, at: DateTime<Utc>) -> Result<Vec<Labelled>, String>;

    /// What the server is, for messages: an address without secrets.
    fn describe(&self) -> String;
}
