//! The instant at which an invocation is ended from outside, and what must not be begun before it.
//!
//! A cycle that is cut off anywhere is safe, because every service is committed at once or not at
//! all. But what is cut off answers nobody, so a cycle ends itself before: metrics that are not
//! read in time are missing, services that are not committed in time wait for the next cycle with
//! their incidents as they are, and messages that are not sent in time stay in the outbox.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::ports::Clock;

/// From here on no service is committed.
const COMMITS_END_BEFORE: Duration = Duration::from_secs(10);
/// From here on nothing is sent; the rest is for the answer.
const SENDING_ENDS_BEFORE: Duration = Duration::from_secs(2);
/// The share of the time that is left at the beginning in which metrics are read.
const READING_SHARE: f64 = 0.45;

/// When an invocation is ended from outside.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "the clock is a trait object")]
pub struct Deadline<'a> {
    pub at: DateTime<Utc>,
    pub clock: &'a dyn Clock,
}

impl Deadline<'_> {
    /// How long metrics may be read, from now on.
    pub(super) fn for_reading(&self) -> Duration {
        self.left().mul_f64(READING_SHARE)
    }

    /// How long messages may be sent, from now on.
    pub(super) fn for_sending(&self) -> Duration {
        self.left().saturating_sub(SENDING_ENDS_BEFORE)
    }

    /// Whether it is too late to begin with another service.
    pub(super) fn is_near(&self) -> bool {
        self.left() <= COMMITS_END_BEFORE
    }

    fn left(&self) -> Duration {
        (self.at - self.clock.now()).to_std().unwrap_or_default()
    }
}
