//! The time.

use std::time::Duration;

use async_trait::async_trait;

/// The time. Use cases are handed it, so that replays and tests own it.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now, in UTC.
    fn now(&self) -> chrono::DateTime<chrono::Utc>;

    /// Waits before trying again.
    async fn pause(&self, length: Duration);
}
