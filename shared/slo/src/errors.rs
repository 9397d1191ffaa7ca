//! The error rate, and whether enough failures were seen to believe it.

use domain::config::objectives::Thresholds;

use crate::ladder::{self, LadderEvaluation};
use crate::status::SloStatus;

/// The error rate against its limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorRateEvaluation {
    pub ladder: LadderEvaluation,
    /// Why a worse status was taken back to approaching.
    pub cap: Option<ErrorCap>,
    /// Probability of at least so many failures at the acceptable rate, where it was needed.
    pub p_value: Option<f64>,
}

/// Requests behind a rate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Requests {
    rps: f64,
    count: f64,
}

/// Why an error rate beyond its limits is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCap {
    /// Too few requests for any statement.
    LowTraffic,
    /// So few failures that the acceptable rate explains them.
    FewFailures,
}

/// Requests in the window below which a service with little traffic is not judged by errors.
pub const REQUESTS_MIN: f64 = 20.0;
/// One failure never breaks an objective by itself.
pub const FAILURES_MIN: f64 = 2.0;
/// Failures count if the acceptable rate makes so many of them this improbable: with a cycle every
/// two minutes, at most once in 33 hours for a service that errs exactly at the acceptable rate.
pub const SIGNIFICANCE: f64 = 0.001;

/// Proximity of a rate that was taken back: just below a breach, with the digits that are told.
const CAPPED_PROXIMITY_MAX: f64 = 0.999;

/// Judges an error rate; without a request rate there is no count, so it is taken as it is.
pub(crate) fn judge(
    rate: Option<f64>,
    requests: Option<Requests>,
    thresholds: &Thresholds,
) -> ErrorRateEvaluation {
    let mut ladder = ladder::judge(rate, thresholds.error_rate);
    let mut evaluation = ErrorRateEvaluation { ladder, cap: None, p_value: None };
    let Some(reading) = &mut ladder.reading else { return evaluation };
    let Some(Requests { rps, count }) = requests else { return evaluation };
    if reading.status <= SloStatus::ApproachingWarning {
        return evaluation;
    }
    let failures = (reading.value * count).round();
    let acceptable = thresholds.error_rate.acceptable;
    evaluation.p_value = Some(p_value(failures, count, acceptable));
    evaluation.cap = if rps < thresholds.min_traffic_rps && count < REQUESTS_MIN {
        Some(ErrorCap::LowTraffic)
    } else if !is_believable(failures, count, acceptable) {
        Some(ErrorCap::FewFailures)
    } else {
        None
    };
    if evaluation.cap.is_some() {
        reading.status = SloStatus::ApproachingWarning;
    }
    ErrorRateEvaluation { ladder, ..evaluation }
}

/// Whether so many failures of so many requests say that the true rate is above `rate`.
pub(crate) fn is_believable(failures: f64, requests: f64, rate: f64) -> bool {
    failures >= FAILURES_MIN && p_value(failures, requests, rate) < SIGNIFICANCE
}

/// One-sided exact binomial test.
fn p_value(failures: f64, requests: f64, rate: f64) -> f64 {
    // A rate and a share are rounded averages; there are never more failures than requests.
    let requests = requests.round().max(failures);
    stats::binomial_upper_tail(failures as u64, requests as u64, rate)
}

impl Requests {
    /// The requests of a window at a rate.
    pub(crate) fn in_window(rps: f64, window_s: u32) -> Requests {
        let rps = rps.max(0.0);
        Requests { rps, count: rps * f64::from(window_s) }
    }
}

impl ErrorRateEvaluation {
    /// The proximity that counts: what is not believed is no breach.
    pub(crate) fn proximity(&self) -> f64 {
        let most = if self.cap.is_some() { CAPPED_PROXIMITY_MAX } else { f64::INFINITY };
        self.ladder.proximity().min(most)
    }

    /// The status that counts.
    pub fn status(&self) -> SloStatus {
        self.ladder.status()
    }

    /// Whether errors are bad enough to explain a change of traffic.
    pub(crate) fn is_bad(&self) -> bool {
        self.status() >= SloStatus::Warning
    }
}
