//! The system's clock.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use pipeline::ports::Clock;

/// The clock of the machine, and the runtime's timer.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    async fn pause(&self, length: Duration) {
        tokio::time::sleep(length).await;
    }
}
