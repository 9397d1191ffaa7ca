//! A clock that tests set.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use pipeline::ports::Clock;

/// Stands still until it is told otherwise. A pause moves it on at once, without waiting.
#[derive(Debug)]
pub struct FixedClock(Mutex<DateTime<Utc>>);

impl FixedClock {
    /// A clock that shows `now`.
    pub fn at(now: DateTime<Utc>) -> FixedClock {
        FixedClock(Mutex::new(now))
    }

    /// A clock that shows a number of seconds since the epoch.
    pub fn at_epoch_s(epoch_s: i64) -> FixedClock {
        FixedClock::at(DateTime::from_timestamp(epoch_s, 0).expect("a time that chrono can show"))
    }

    /// Moves the clock on.
    pub fn advance_s(&self, seconds: i64) {
        *self.0.lock().expect("nobody panicked") += TimeDelta::seconds(seconds);
    }

    /// Sets the clock.
    pub fn set(&self, now: DateTime<Utc>) {
        *self.0.lock().expect("nobody panicked") = now;
    }
}

#[async_trait]
impl Clock for FixedClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().expect("nobody panicked")
    }

    /// Others get their turn meanwhile.
    async fn pause(&self, length: Duration) {
        *self.0.lock().expect("nobody panicked") += length;
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_moves_only_when_told() {
        let clock = FixedClock::at_epoch_s(1_700_000_000);
        assert_eq!(clock.now(), clock.now());
        clock.advance_s(120);
        assert_eq!(clock.now().timestamp(), 1_700_000_120);
        clock.pause(Duration::from_millis(2_500)).await;
        assert_eq!(clock.now().timestamp_millis(), 1_700_000_122_500);
        clock.set(DateTime::UNIX_EPOCH);
        assert_eq!(clock.now().timestamp(), 0);
    }
}
