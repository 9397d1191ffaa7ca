//! What real receivers make of what they are sent.

mod alertmanager;
mod charts;
mod topic;

use anyhow::Result;
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};

use crate::Case;
use crate::journeys::{Replay, Wish};
use crate::stage::Stage;

/// Days of history: enough for evidence.
const DAYS: u32 = 15;
/// Minutes from the start of the test hours to the fault, and its length.
const FAULT_AFTER: i64 = 9 * 60;
const FAULT_MINUTES: i64 = 40;

pub(crate) fn cases(stage: &Stage) -> Vec<Case> {
    vec![
        Case::new("receivers::alertmanager_groups_inhibits_and_resolves", alertmanager::check)
            .needs(stage, &["prometheus-alertmanager"]),
        Case::new("receivers::charts_show_what_was_written", charts::check)
            .needs(stage, &["victoria-metrics"]),
        Case::new("receivers::sns_subscribers_get_what_they_ask_for", topic::check)
            .needs(stage, &["moto_server"]),
        Case::new("receivers::sns_is_told_by_the_command", topic::check_command)
            .needs(stage, &["moto_server"]),
    ]
}

/// An estate whose fault was yesterday: receivers have clocks of their own.
#[derive(Debug)]
pub(crate) struct Yesterday {
    replay: Replay,
    /// The cycles around the fault.
    fault: DateTime<Utc>,
}

impl Yesterday {
    pub(crate) fn make(stage: &Stage) -> Result<Self> {
        let day = (Utc::now() - TimeDelta::days(1)).date_naive().and_time(NaiveTime::MIN).and_utc();
        let start = day - TimeDelta::days(i64::from(DAYS));
        let wish = Wish {
            services: 3,
            start: crate::response::rfc3339(start),
            days: DAYS,
            test_hours: 12,
            faults: vec![format!("partial_outage:search:+{FAULT_AFTER}:{FAULT_MINUTES}:1.5")],
        };
        let replay = Replay::make(stage, &wish)?;
        Ok(Self { replay, fault: day + TimeDelta::minutes(FAULT_AFTER) })
    }

    /// Two cycles in which the fault is plain to see.
    fn ill(&self) -> [DateTime<Utc>; 2] {
        [20, 22].map(|minutes| self.fault + TimeDelta::minutes(minutes))
    }

    /// Cycles in which it is over, enough of them to end the incident.
    fn well(&self) -> [DateTime<Utc>; 5] {
        [30, 32, 34, 36, 38].map(|minutes| self.fault + TimeDelta::minutes(FAULT_MINUTES + minutes))
    }
}
