//! The traffic floor: a service that nobody reaches any more is never just `low`.
//!
//! A service without requests has neither latency nor errors, so its objectives are kept. The floor
//! is the lower bound of severity that a fall of traffic sets after the matrix.

use domain::Severity;
use domain::config::SloSettings;
use domain::config::objectives::TrafficSeverity;

use crate::status::TrafficKind;
use crate::traffic::TrafficEvaluation;

/// Means of a period are coarse where traffic ramps up, so a service without any anomaly must fall
/// to this share of its mean, or have errors.
const SILENT_FALL_RATIO_MAX: f64 = 0.1;
/// The mean must be this many times what is expected at least; services with less fall often.
const EXPECTED_FACTOR_MIN: f64 = 2.0;

/// The lower bound of severity that traffic sets, `None` if it sets none.
pub(crate) fn severity_floor(
    settings: &SloSettings,
    traffic: &TrafficEvaluation,
    is_busy: bool,
    has_anomaly: bool,
) -> Option<Severity> {
    let reading = traffic.reading.filter(|reading| reading.kind == TrafficKind::Cliff)?;
    let baseline_rps = traffic.baseline_rps?;
    let is_expected = baseline_rps >= EXPECTED_FACTOR_MIN * traffic.min_expected_rps;
    if !settings.request_rate_affects_severity || is_busy || !is_expected {
        return None;
    }
    let is_deep = reading.value_rps <= SILENT_FALL_RATIO_MAX * baseline_rps;
    if !has_anomaly && !reading.with_errors && !is_deep {
        return None;
    }
    let severity = match reading.severity? {
        TrafficSeverity::Informational => Severity::Low,
        TrafficSeverity::Warning => Severity::Medium,
        TrafficSeverity::High => Severity::High,
        TrafficSeverity::Critical => Severity::Critical,
    };
    let may_be_critical = reading.with_errors || !settings.require_slo_breach_for_critical;
    Some(if may_be_critical { severity } else { severity.min(Severity::High) })
}
