//! The severity matrix: what an anomaly, or none, is worth at each status.
//!
//! | | within acceptable | approaching | breaching |
//! |---|---|---|---|
//! | anomaly | informational | warning or high | critical |
//! | no anomaly | none | warning | critical |
//!
//! The severity scale has no `informational` and no `warning`: the first is low, the second low,
//! medium or high by how near the breach is and what the detector said.

use domain::Severity;
use domain::config::SloSettings;

use crate::status::{MatrixOutcome, OperationalImpact, SloStatus};

/// The severity after the matrix, and the matrix's own word for it.
///
/// `anomaly` is the detector's severity, `None` if there is no anomaly.
pub fn severity(
    anomaly: Option<Severity>,
    status: SloStatus,
    settings: &SloSettings,
) -> (Severity, MatrixOutcome) {
    match (anomaly, status) {
        (_, SloStatus::Breached) => (Severity::Critical, MatrixOutcome::Critical),
        (Some(_), SloStatus::Warning) => (Severity::High, MatrixOutcome::High),
        (Some(Severity::Critical | Severity::High), SloStatus::ApproachingWarning) => {
            (Severity::High, MatrixOutcome::High)
        }
        (Some(Severity::Medium), SloStatus::ApproachingWarning) => {
            (Severity::Medium, MatrixOutcome::Warning)
        }
        (Some(Severity::Low | Severity::None), SloStatus::ApproachingWarning) => {
            (Severity::Low, MatrixOutcome::Warning)
        }
        (Some(original), SloStatus::Ok) => within(original, settings),
        (None, SloStatus::Ok) => (Severity::None, MatrixOutcome::None),
        (None, SloStatus::ApproachingWarning) => (Severity::Low, MatrixOutcome::Warning),
        (None, SloStatus::Warning) => (Severity::Medium, MatrixOutcome::Warning),
    }
}

fn within(original: Severity, settings: &SloSettings) -> (Severity, MatrixOutcome) {
    if settings.allow_downgrade_to_informational {
        return (Severity::Low, MatrixOutcome::Informational);
    }
    let most = match settings.require_slo_breach_for_critical {
        true => Severity::High,
        false => Severity::Critical,
    };
    let kept = original.min(most);
    (kept, MatrixOutcome::of(kept))
}

/// Whether somebody has to do something.
pub(crate) fn impact(
    status: SloStatus,
    has_anomaly: bool,
    is_low_traffic: bool,
) -> OperationalImpact {
    match (status, has_anomaly, is_low_traffic) {
        (SloStatus::Breached, _, _) => OperationalImpact::Critical,
        (SloStatus::Warning, _, _) => OperationalImpact::Actionable,
        (SloStatus::ApproachingWarning, true, false) => OperationalImpact::Actionable,
        (SloStatus::ApproachingWarning, true, true) => OperationalImpact::Informational,
        (SloStatus::ApproachingWarning, false, _) => OperationalImpact::None,
        (SloStatus::Ok, true, _) => OperationalImpact::Informational,
        (SloStatus::Ok, false, _) => OperationalImpact::None,
    }
}
