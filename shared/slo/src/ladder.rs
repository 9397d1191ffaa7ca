//! Latency and error rate: one value against three limits.

use domain::config::objectives::Ladder;

use crate::status::SloStatus;

/// One value against its limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LadderEvaluation {
    /// `None`: the metric was not collected.
    pub reading: Option<Reading>,
    pub limits: Ladder,
}

/// What a collected value means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    pub value: f64,
    pub status: SloStatus,
    /// Value over the critical limit: 1 and more is a breach.
    pub proximity: f64,
}

/// Judges a value; a value on a limit belongs to the worse side.
pub(crate) fn judge(value: Option<f64>, limits: Ladder) -> LadderEvaluation {
    LadderEvaluation { reading: value.map(|value| read(value, &limits)), limits }
}

fn read(value: f64, limits: &Ladder) -> Reading {
    let status = if value <= 0.0 {
        SloStatus::Ok
    } else if value >= limits.critical {
        SloStatus::Breached
    } else if value >= limits.warning {
        SloStatus::Warning
    } else if value >= limits.acceptable {
        SloStatus::ApproachingWarning
    } else {
        SloStatus::Ok
    };
    let has_proximity = value > 0.0 && limits.critical > 0.0;
    let proximity = if has_proximity { value / limits.critical } else { 0.0 };
    Reading { value, status, proximity }
}

impl LadderEvaluation {
    /// The status; `Ok` where nothing was collected, because nothing can be said.
    pub fn status(&self) -> SloStatus {
        self.reading.map_or(SloStatus::Ok, |reading| reading.status)
    }

    /// Value over the critical limit, 0 where nothing was collected.
    pub fn proximity(&self) -> f64 {
        self.reading.map_or(0.0, |reading| reading.proximity)
    }
}
