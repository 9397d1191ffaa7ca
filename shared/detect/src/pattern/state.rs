//! What a service does, in the terms of patterns: one level per metric, and a few quantities.

use super::level::{Level, Want};

/// The five metrics that patterns speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Core {
    RequestRate,
    ApplicationLatency,
    DependencyLatency,
    DatabaseLatency,
    ErrorRate,
}

/// How metrics of services that are called bear on this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DependencyKind {
    /// A service that is called directly is at fault.
    UpstreamAnomaly,
    /// The fault lies further down the chain.
    ChainDegraded,
    /// All services that are called are watched and healthy.
    DependenciesHealthy,
}

/// What the call graph says of this service's trouble.
#[derive(Debug, Clone, PartialEq)]
pub struct DependencyContext {
    pub kind: DependencyKind,
    pub root_service: Option<String>,
    /// What the root suffers from: the name of its anomaly.
    pub root_anomaly: Option<String>,
    /// Root first.
    pub affected_chain: Vec<String>,
    /// 0 to 1.
    pub confidence: f64,
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricState {
    pub level: Level,
    /// `None` is missing, never zero.
    pub value: Option<f64>,
    /// What is usual at this time, or the mean of training where no season is known.
    pub usual: Option<f64>,
    /// It has been rising for two hours; `None` where the past is too short to tell.
    pub is_rising: Option<bool>,
}

/// A service at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    metrics: [MetricState; 5],
    pub dependencies: Option<DependencyContext>,
    /// Local time of day at which people sleep.
    pub is_night: bool,
}

/// Numbers that patterns compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quantity {
    /// Database latency as a share of the response time.
    DatabaseShare,
    /// Dependency latency as a share of the response time.
    DependencyShare,
    /// Requests as a share of what is usual.
    ShareOfUsualRate,
    /// Failed requests as a share of all.
    ErrorShare,
}

/// What a pattern asks for. What cannot be told does not hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Condition {
    Level(Core, Want),
    Above(Quantity, f64),
    Below(Quantity, f64),
    Context(DependencyKind),
    /// Rising for two hours.
    Rising(Core),
    /// At night.
    Night,
}

impl Core {
    /// In canonical order.
    pub const ALL: [Core; 5] = [
        Core::RequestRate,
        Core::ApplicationLatency,
        Core::DependencyLatency,
        Core::DatabaseLatency,
        Core::ErrorRate,
    ];

    /// The name of the metric.
    pub fn name(self) -> &'static str {
        match self {
            Core::RequestRate => "request_rate",
            Core::ApplicationLatency => "application_latency",
            Core::DependencyLatency => "dependency_latency",
            Core::DatabaseLatency => "database_latency",
            Core::ErrorRate => "error_rate",
        }
    }

    /// The metric of a name.
    pub fn of(name: &str) -> Option<Core> {
        Core::ALL.into_iter().find(|core| core.name() == name)
    }
}

impl DependencyKind {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            DependencyKind::UpstreamAnomaly => "upstream_anomaly",
            DependencyKind::ChainDegraded => "chain_degraded",
            DependencyKind::DependenciesHealthy => "dependencies_healthy",
        }
    }
}

impl MetricState {
    /// As usual, and no more is known.
    pub const NORMAL: MetricState =
        MetricState { level: Level::Normal, value: None, usual: None, is_rising: None };
}

impl State {
    /// In the order of [`Core::ALL`], by day.
    pub fn new(metrics: [MetricState; 5], dependencies: Option<DependencyContext>) -> State {
        State { metrics, dependencies, is_night: false }
    }

    /// The same at night, or not.
    #[must_use]
    pub fn at_night(self, is_night: bool) -> State {
        State { is_night, ..self }
    }

    #[cfg(test)]
    pub(super) fn metrics_mut(&mut self) -> &mut [MetricState; 5] {
        &mut self.metrics
    }

    /// What a metric does.
    pub fn metric(&self, core: Core) -> &MetricState {
        &self.metrics[core as usize]
    }

    /// A number that patterns compare; `None` if a part of it is missing.
    pub fn quantity(&self, quantity: Quantity) -> Option<f64> {
        let value = |core: Core| self.metric(core).value.filter(|value| value.is_finite());
        let share = |part: Core| {
            let whole = value(Core::ApplicationLatency).filter(|whole| *whole > 0.0)?;
            Some(value(part)? / whole)
        };
        match quantity {
            Quantity::DatabaseShare => share(Core::DatabaseLatency),
            Quantity::DependencyShare => share(Core::DependencyLatency),
            Quantity::ErrorShare => value(Core::ErrorRate),
            Quantity::ShareOfUsualRate => {
                let usual = self.metric(Core::RequestRate).usual.filter(|usual| *usual > 0.0)?;
                Some(value(Core::RequestRate)? / usual)
            }
        }
    }

    /// True if all conditions hold.
    pub fn meets(&self, conditions: &[Condition]) -> bool {
        conditions.iter().all(|condition| self.meets_one(*condition))
    }

    fn meets_one(&self, condition: Condition) -> bool {
        match condition {
            Condition::Level(core, want) => want.accepts(self.metric(core).level),
            Condition::Above(of, bound) => self.quantity(of).is_some_and(|value| value > bound),
            Condition::Below(of, bound) => self.quantity(of).is_some_and(|value| value < bound),
            Condition::Context(kind) => {
                self.dependencies.as_ref().is_some_and(|it| it.kind == kind)
            }
            Condition::Rising(core) => self.metric(core).is_rising == Some(true),
            Condition::Night => self.is_night,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(values: [Option<f64>; 5]) -> State {
        let usual = Some(40.0);
        State::new(values.map(|value| MetricState { value, usual, ..MetricState::NORMAL }), None)
    }

    #[test]
    fn what_is_missing_holds_neither_above_nor_below() {
        let missing = state([None; 5]);
        for quantity in [
            Quantity::DatabaseShare,
            Quantity::DependencyShare,
            Quantity::ShareOfUsualRate,
            Quantity::ErrorShare,
        ] {
            assert_eq!(missing.quantity(quantity), None);
            assert!(!missing.meets(&[Condition::Above(quantity, -1.0)]));
            assert!(!missing.meets(&[Condition::Below(quantity, 1e9)]));
        }
        assert!(!missing.meets(&[Condition::Rising(Core::ErrorRate)]));
        assert!(!missing.meets(&[Condition::Context(DependencyKind::ChainDegraded)]));
    }

    #[test]
    fn both_bounds_are_exclusive_and_zero_time_has_no_shares() {
        let some = state([Some(20.0), Some(100.0), Some(60.0), Some(70.0), Some(0.0)]);
        assert_eq!(some.quantity(Quantity::ShareOfUsualRate), Some(0.5));
        assert!(!some.meets(&[Condition::Below(Quantity::ShareOfUsualRate, 0.5)]));
        assert!(some.meets(&[Condition::Below(Quantity::ShareOfUsualRate, 0.51)]));
        assert!(!some.meets(&[Condition::Above(Quantity::DatabaseShare, 0.7)]));
        assert!(some.meets(&[Condition::Above(Quantity::DatabaseShare, 0.69)]));
        let idle = state([Some(0.0), Some(0.0), Some(60.0), None, None]);
        assert_eq!(idle.quantity(Quantity::DependencyShare), None);
        assert_eq!(idle.quantity(Quantity::ShareOfUsualRate), Some(0.0));
    }
}
