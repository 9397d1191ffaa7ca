//! The metrics that take part in an anomaly, whatever found them, and the state of a service that
//! patterns are looked up with.

use domain::{Period, Severity};

use crate::anomaly::Case;
use crate::evidence::EvidenceSignal;
use crate::pattern::{Core, Level, MetricState, State};
use crate::score::{Direction, Signal};

/// A metric with a signal.
#[derive(Debug, Clone, PartialEq)]
pub struct Involved {
    pub metric: String,
    pub direction: Direction,
    pub level: Level,
    /// On the scale of what found it.
    pub score: f64,
    pub severity: Severity,
    pub value: f64,
    /// Sigmas from usual, and their percentile; NaN where the recipe knows none.
    pub sigmas: f64,
    pub percentile: f64,
    /// What found it says.
    pub message: String,
    /// A forest saw it where evidence opens anomalies.
    pub is_corroborating: bool,
}

impl Involved {
    fn of_signal(signal: &Signal, case: &Case<'_>) -> Involved {
        let metric = case.model.metric(&signal.metric);
        Involved {
            metric: signal.metric.clone(),
            direction: signal.direction,
            level: Level::of_signal(signal.percentile, signal.direction),
            score: signal.score,
            severity: signal.severity,
            value: signal.value,
            sigmas: signal.deviation_sigma,
            percentile: signal.percentile,
            message: metric.map(|metric| signal.message(metric)).unwrap_or_default(),
            is_corroborating: false,
        }
    }

    fn of_evidence(signal: &EvidenceSignal) -> Involved {
        Involved {
            metric: signal.metric.clone(),
            direction: signal.direction,
            level: Level::of_evidence(signal.percentile, signal.direction),
            score: signal.score,
            severity: signal.severity,
            value: signal.value,
            sigmas: signal.z,
            percentile: signal.percentile,
            message: signal.text.clone(),
            is_corroborating: false,
        }
    }
}

/// The metrics with a signal, the strongest first.
///
/// Evidence does not look at what moves to the good side or at a metric that is normally zero.
/// Beside other evidence both tell something, so what forests see of them is taken in: fast
/// responses among failures, and a dependency that is suddenly in use.
pub fn involved(case: &Case<'_>) -> Vec<Involved> {
    let Some(evidence) = case.evidence else {
        let signals = case.assessment.signals.iter();
        return signals.map(|signal| Involved::of_signal(signal, case)).collect();
    };
    let mut found: Vec<Involved> = evidence.signals.iter().map(Involved::of_evidence).collect();
    for signal in case.assessment.signals.iter().filter(|signal| corroborates(signal)) {
        if found.iter().all(|known| known.metric != signal.metric) {
            let own = Involved::of_signal(signal, case);
            found.push(Involved { is_corroborating: true, ..own });
        }
    }
    found
}

fn corroborates(signal: &Signal) -> bool {
    let is_fast = signal.metric == "application_latency" && signal.direction == Direction::Low;
    is_fast || signal.direction == Direction::Activated
}

/// What the service does, in the terms of patterns.
pub fn state(case: &Case<'_>, involved: &[Involved]) -> State {
    let metrics = Core::ALL.map(|core| {
        let name = core.name();
        let signal = involved.iter().find(|it| it.metric == name);
        let observed = case.value_of(name);
        let trend = case.trends.map(|trends| trends.metric(name));
        MetricState {
            level: signal.map_or_else(|| level_without_signal(case, name), |it| it.level),
            value: signal.map(|it| it.value).or(observed),
            usual: case.usual_of(name),
            is_rising: trend.and_then(|trend| trend.is_rising),
        }
    });
    let is_night = matches!(case.period, Period::NightHours | Period::WeekendNight);
    State::new(metrics, case.dependencies.cloned()).at_night(is_night)
}

/// A metric that is there and raised nothing is normal. One that is usually there and is not now is
/// unknown; one that this service never had is no part of its trouble.
fn level_without_signal(case: &Case<'_>, name: &str) -> Level {
    let is_measured = case.model.metric(name).is_some();
    if case.value_of(name).is_none() && is_measured { Level::Unknown } else { Level::Normal }
}
