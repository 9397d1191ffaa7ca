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

/// What the matrix may do where objectives are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatrixRules {
    /// An anomaly within limits becomes low; otherwise it keeps its severity.
    pub may_downgrade: bool,
    /// Then it is at most high.
    pub breach_for_critical: bool,
}

impl From<&SloSettings> for MatrixRules {
    fn from(settings: &SloSettings) -> MatrixRules {
        MatrixRules {
            may_downgrade: settings.allow_downgrade_to_informational,
            breach_for_critical: settings.require_slo_breach_for_critical,
        }
    }
}

/// The severity after the matrix, and the matrix's own word for it.
///
/// `anomaly` is the detector's severity, `None` if there is no anomaly.
pub fn severity(
    anomaly: Option<Severity>,
    status: SloStatus,
    rules: MatrixRules,
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
        (Some(original), SloStatus::Ok) => within(original, rules),
        (None, SloStatus::Ok) => (Severity::None, MatrixOutcome::None),
        (None, SloStatus::ApproachingWarning) => (Severity::Low, MatrixOutcome::Warning),
        (None, SloStatus::Warning) => (Severity::Medium, MatrixOutcome::Warning),
    }
}

fn within(original: Severity, rules: MatrixRules) -> (Severity, MatrixOutcome) {
    if rules.may_downgrade {
        return (Severity::Low, MatrixOutcome::Informational);
    }
    let most = if rules.breach_for_critical { Severity::High } else { Severity::Critical };
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
