//! What a fault or a disturbance does to the one service it happens in.

use crate::fault::FaultKind;

/// A change of one service over `[first, end)` steps, growing over the first `ramp` of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Effect {
    pub(crate) service: usize,
    pub(crate) first: usize,
    pub(crate) end: usize,
    pub(crate) ramp: usize,
    pub(crate) full: Change,
}

/// Factors and additions; [`Change::NONE`] leaves everything as it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Change {
    /// Factor of the inbound rate.
    pub(crate) inflow: f64,
    /// Factor of the whole latency.
    pub(crate) latency: f64,
    /// Factor of the service's own work.
    pub(crate) own_work: f64,
    /// Factor of its calls' duration.
    pub(crate) dependency: f64,
    /// Factor of its database's latency.
    pub(crate) database: f64,
    /// Factor of its base error rate.
    pub(crate) base_error: f64,
    /// Added share of failing requests.
    pub(crate) error: f64,
    /// Added share of requests that fail at once, before any work or call.
    pub(crate) early_failure: f64,
}

/// Share of requests that fail is never above this.
pub(crate) const MAX_ERROR: f64 = 0.98;
/// Steps in which a sudden fault reaches its strength.
const SUDDEN_RAMP: usize = 2;

impl Change {
    pub(crate) const NONE: Self = Self {
        inflow: 1.0,
        latency: 1.0,
        own_work: 1.0,
        dependency: 1.0,
        database: 1.0,
        base_error: 1.0,
        error: 0.0,
        early_failure: 0.0,
    };

    /// Both at once.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            inflow: self.inflow * other.inflow,
            latency: self.latency * other.latency,
            own_work: self.own_work * other.own_work,
            dependency: self.dependency * other.dependency,
            database: self.database * other.database,
            base_error: self.base_error * other.base_error,
            error: (self.error + other.error).min(MAX_ERROR),
            early_failure: (self.early_failure + other.early_failure).min(MAX_ERROR),
        }
    }

    /// A part of the change, from 0 (nothing) to 1 (all of it).
    fn part(self, part: f64) -> Self {
        let factor = |full: f64| 1.0 + part * (full - 1.0);
        Self {
            inflow: factor(self.inflow),
            latency: factor(self.latency),
            own_work: factor(self.own_work),
            dependency: factor(self.dependency),
            database: factor(self.database),
            base_error: factor(self.base_error),
            error: part * self.error,
            early_failure: part * self.early_failure,
        }
    }
}

impl Effect {
    pub(crate) fn of_fault(
        kind: FaultKind,
        intensity: f64,
        service: usize,
        first: usize,
        end: usize,
    ) -> Self {
        let gradual = kind == FaultKind::GradualDegradation;
        let ramp = if gradual { end - first } else { SUDDEN_RAMP };
        Self { service, first, end, ramp, full: fault_change(kind, intensity) }
    }

    /// The change at a step, if the effect is on.
    pub(crate) fn at(&self, step: usize) -> Option<Change> {
        if step < self.first || step >= self.end {
            return None;
        }
        let into = (step - self.first + 1) as f64;
        Some(self.full.part((into / self.ramp as f64).min(1.0)))
    }
}

/// The root cause's change at full strength.
fn fault_change(kind: FaultKind, intensity: f64) -> Change {
    let none = Change::NONE;
    let error = |share: f64| (share * intensity).min(0.95);
    let rise = |at_one: f64| 1.0 + at_one * intensity;
    match kind {
        FaultKind::LatencySpike => Change { latency: rise(1.5), ..none },
        FaultKind::ErrorBurst => Change { error: error(0.15), ..none },
        FaultKind::TrafficCliff => Change { inflow: libm::pow(0.15, intensity), ..none },
        FaultKind::TrafficSurgeDegrading => {
            Change { inflow: rise(1.2), latency: rise(0.9), error: error(0.005), ..none }
        }
        FaultKind::TrafficSurgeHealthy => Change { inflow: rise(1.2), ..none },
        FaultKind::DatabaseSlowdown => Change { database: rise(3.0), ..none },
        FaultKind::SlowDependency => Change { dependency: rise(2.0), ..none },
        FaultKind::FastFailure => Change { early_failure: error(0.4), ..none },
        FaultKind::PartialOutage => Change { error: error(0.3), latency: rise(0.3), ..none },
        FaultKind::RetryStorm => {
            Change { inflow: rise(1.0), latency: rise(0.7), error: error(0.25), ..none }
        }
        FaultKind::GradualDegradation => Change { latency: rise(1.5), error: error(0.02), ..none },
        FaultKind::NightShift => Change { latency: rise(0.7), error: error(0.04), ..none },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_grow_and_end() {
        let effect = Effect::of_fault(FaultKind::GradualDegradation, 1.0, 0, 10, 20);
        let latency: Vec<Option<f64>> =
            [9, 10, 14, 19, 20].iter().map(|&s| effect.at(s).map(|c| c.latency)).collect();
        assert_eq!(latency, [None, Some(1.15), Some(1.75), Some(2.5), None]);
    }

    #[test]
    fn every_kind_changes_something_more_at_higher_intensity() {
        for &kind in FaultKind::ALL {
            let (weak, strong) = (fault_change(kind, 0.3), fault_change(kind, 1.0));
            assert_ne!(weak, Change::NONE, "{kind}");
            assert_ne!(weak, strong, "{kind}");
        }
    }
}
