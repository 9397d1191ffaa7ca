//! Database latency: nothing below a floor, above it against what is usual.

use domain::config::objectives::{DatabaseHigh, DatabaseRatios, Thresholds};

use crate::status::{DatabaseStatus, SloStatus};

/// Database latency against its floor and its usual mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DatabaseEvaluation {
    /// `None`: the service has a database, but the metric was not collected.
    pub reading: Option<DatabaseReading>,
    pub baseline_ms: Option<f64>,
    pub floor_ms: f64,
    pub ratios: DatabaseRatios,
}

/// What a collected database latency means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DatabaseReading {
    pub value_ms: f64,
    pub status: DatabaseStatus,
    pub below_floor: bool,
    /// Value over the usual mean, 0 below the floor; `None` without a mean, where the value is
    /// compared with multiples of the floor instead.
    pub ratio: Option<f64>,
}

/// Judges a database latency. `None` for a service without a database: neither a value nor a mean
/// is known, or the value is zero.
pub(crate) fn judge(
    value_ms: Option<f64>,
    baseline_ms: Option<f64>,
    thresholds: &Thresholds,
) -> Option<DatabaseEvaluation> {
    if value_ms.is_some_and(|value| value <= 0.0) || (value_ms.is_none() && baseline_ms.is_none()) {
        return None;
    }
    let floor_ms = thresholds.database_latency_floor_ms;
    let ratios = thresholds.database_ratios;
    let reading = value_ms.map(|value_ms| read(value_ms, baseline_ms, floor_ms, &ratios));
    Some(DatabaseEvaluation { reading, baseline_ms, floor_ms, ratios })
}

fn read(
    value_ms: f64,
    baseline_ms: Option<f64>,
    floor_ms: f64,
    ratios: &DatabaseRatios,
) -> DatabaseReading {
    if value_ms < floor_ms {
        let status = DatabaseStatus::Ok;
        return DatabaseReading { value_ms, status, below_floor: true, ratio: Some(0.0) };
    }
    let ratio = baseline_ms.map(|baseline| value_ms / baseline);
    let against = baseline_ms.unwrap_or(floor_ms);
    DatabaseReading {
        value_ms,
        status: status(value_ms, against, ratios),
        below_floor: false,
        ratio,
    }
}

fn status(value: f64, usual: f64, ratios: &DatabaseRatios) -> DatabaseStatus {
    // A floor of zero without a mean gives nothing to compare with.
    if usual <= 0.0 {
        DatabaseStatus::Ok
    } else if value >= usual * ratios.critical {
        DatabaseStatus::Critical
    } else if value >= usual * ratios.high {
        DatabaseStatus::High
    } else if value >= usual * ratios.warning {
        DatabaseStatus::Warning
    } else if value >= usual * ratios.info {
        DatabaseStatus::Info
    } else {
        DatabaseStatus::Ok
    }
}

impl DatabaseEvaluation {
    /// What the database does to the service's status.
    pub(crate) fn slo_status(&self, high: DatabaseHigh) -> SloStatus {
        let Some(reading) = &self.reading else { return SloStatus::Ok };
        match (reading.status, high) {
            (DatabaseStatus::Ok, _) => SloStatus::Ok,
            (DatabaseStatus::Info, _) => SloStatus::ApproachingWarning,
            (DatabaseStatus::Warning, _) => SloStatus::Warning,
            (DatabaseStatus::High, DatabaseHigh::Warning) => SloStatus::Warning,
            (DatabaseStatus::High, DatabaseHigh::Breached) => SloStatus::Breached,
            (DatabaseStatus::Critical, _) => SloStatus::Breached,
        }
    }
}
