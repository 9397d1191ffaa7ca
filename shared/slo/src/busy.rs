//! Thresholds in a busy period: looser, never stricter, and in the same order.

use domain::config::objectives::{Ladder, Thresholds};

/// Limits of error rates grow no further than this, however large the factor.
const ERROR_RATE_CAPS: Ladder = Ladder { acceptable: 0.10, warning: 0.15, critical: 0.20 };

/// The thresholds in force at an instant that is busy, or is not.
pub fn in_force(thresholds: &Thresholds, is_busy: bool) -> Thresholds {
    if !is_busy {
        return thresholds.clone();
    }
    let factor = thresholds.busy_period_factor;
    let (latency, errors) = (&thresholds.latency_ms, &thresholds.error_rate);
    let caps = &ERROR_RATE_CAPS;
    Thresholds {
        latency_ms: Ladder {
            acceptable: latency.acceptable * factor,
            warning: latency.warning * factor,
            critical: latency.critical * factor,
        },
        error_rate: Ladder {
            acceptable: capped(errors.acceptable, factor, caps.acceptable),
            warning: capped(errors.warning, factor, caps.warning),
            critical: capped(errors.critical, factor, caps.critical),
        },
        error_rate_floor: capped(thresholds.error_rate_floor, factor, caps.acceptable),
        database_latency_floor_ms: thresholds.database_latency_floor_ms * factor,
        ..thresholds.clone()
    }
}

/// A limit that is above its cap already stays where it is. Both parts grow with the limit and
/// with the cap, so limits in order stay in order.
fn capped(limit: f64, factor: f64, cap: f64) -> f64 {
    (limit * factor).min(cap).max(limit)
}
