//! Evidence that a service is unlike itself now, whatever recipe found it, on one scale.
//!
//! Each service has one recipe, chosen by what it measures: a service with a request rate is
//! judged by its seasonal residuals. A score of 1 opens an anomaly, and one of 0.3 keeps it.

use domain::config::valid::Bounds;
use domain::{Calendar, MetricSet, Severity};
use serde::{Deserialize, Serialize};

use crate::residual::residuals::window_s;
use crate::residual::{ResidualModel, ServiceFit};
use crate::residual::{
    Residuals, SeriesEvidence, ServiceEvidence, Side, SymptomScores, explain, score_window,
};
use crate::rows::{ServiceSamples, rows};
use crate::score::Direction;

/// What a service's recipe knows of it, the same in all periods of the week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum EvidenceModel {
    /// Seasonal residuals of rates, latencies and errors.
    Residual(ResidualModel),
}

/// What the newest cycle says.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// End of the cycle, epoch seconds.
    pub at_s: i64,
    /// 1 opens an anomaly, [`STAY`] keeps it.
    pub score: f64,
    /// The same on the recipe's own scale.
    pub recipe_score: f64,
    pub severity: Severity,
    /// Metrics with evidence of their own, strongest first.
    pub signals: Vec<EvidenceSignal>,
    /// What the cycle says about where trouble starts.
    pub symptoms: SymptomScores,
}

/// One metric's evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceSignal {
    pub metric: String,
    pub direction: Direction,
    /// On the scale of [`Evidence::recipe_score`].
    pub score: f64,
    pub value: f64,
    /// What is usual at this time, lately.
    pub usual: f64,
    /// Sigmas from usual.
    pub z: f64,
    /// Percentile of that in training, 0 to 100.
    pub percentile: f64,
    /// One sentence that can be checked.
    pub text: String,
}

/// Share of the opening score at which an anomaly goes on, and a metric counts as involved.
pub const STAY: f64 = 0.3;
/// Residual score that opens an anomaly: once in 30 weeks.
const THETA_RESIDUAL: f64 = 1.5;
/// Beyond the opening score, in powers of ten of rarity.
const HIGH_ABOVE: f64 = 1.5;
const CRITICAL_ABOVE: f64 = 4.0;
/// Shortest cycle.
const CYCLE_MIN_S: i64 = 120;

/// Learns one service; tails become final when all services of a run are put together.
pub fn fit(
    samples: &ServiceSamples,
    metrics: &MetricSet,
    bounds: &Bounds,
    calendar: &Calendar,
    span: (i64, i64),
    step_s: i64,
) -> Option<ServiceFit> {
    let (after_s, until_s) = span;
    let cycles = rows(samples, metrics, bounds, after_s, until_s, step_s.max(CYCLE_MIN_S));
    crate::residual::fit_service(&cycles, metrics, calendar).ok()
}

/// The models of a run's services, in order: what rare evidence looks like is learned together.
pub fn finish(fits: &[Option<ServiceFit>]) -> Vec<Option<EvidenceModel>> {
    let pool = ServiceFit::pool(fits.iter().flatten());
    let finish = |fit: &ServiceFit| EvidenceModel::Residual(fit.finish(&pool));
    fits.iter().map(|fit| fit.as_ref().map(finish)).collect()
}

impl Evidence {
    /// True if it opens an anomaly by itself.
    pub fn opens(&self) -> bool {
        self.score >= 1.0
    }

    /// True if an open anomaly goes on.
    pub fn keeps(&self) -> bool {
        self.score >= STAY
    }
}

impl EvidenceModel {
    /// The word for its method on the wire.
    pub fn method(&self) -> &'static str {
        match self {
            EvidenceModel::Residual(_) => "seasonal_residual",
        }
    }

    /// Length of a cycle, seconds.
    pub fn cycle_s(&self) -> i64 {
        match self {
            EvidenceModel::Residual(model) => model.cycle(),
        }
    }

    /// Seconds of data that evidence needs before its instant.
    pub fn window_s(&self) -> i64 {
        window_s(self.cycle_s())
    }

    /// An empty window of this model's cycles.
    pub fn empty_window(&self) -> EvidenceWindow {
        let EvidenceModel::Residual(model) = self;
        EvidenceWindow { cycles: Residuals::empty(model), until_s: i64::MIN }
    }

    /// The evidence of the newest cycle that ends at `at_s` or not more than a cycle before;
    /// `None` if there is no such cycle. The window must have been extended to `at_s`.
    pub fn weigh(&self, window: &EvidenceWindow, at_s: i64) -> Option<Evidence> {
        let EvidenceModel::Residual(model) = self;
        let newest = score_window(model, &window.cycles)?;
        if newest.at_s <= at_s - 2 * self.cycle_s() {
            return None;
        }
        Some(from_residual(model, &newest))
    }
}

/// The recent cycles of one service in the form that its model weighs. A cache: extending it from
/// cycle to cycle gives the same bits as making it anew from the samples.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceWindow {
    cycles: Residuals,
    until_s: i64,
}

impl EvidenceWindow {
    /// Brings the window up to `at_s`. Cycles later than `settled_s` are taken from the samples
    /// anew: the source may have completed them since.
    pub fn extend(
        &mut self,
        model: &EvidenceModel,
        samples: &ServiceSamples,
        metrics: &MetricSet,
        bounds: &Bounds,
        calendar: &Calendar,
        span: WindowSpan,
    ) {
        let EvidenceModel::Residual(residual) = model;
        let WindowSpan { at_s, settled_s } = span;
        let cycle_s = model.cycle_s();
        let start_s = at_s - model.window_s();
        let is_continued = self.until_s >= start_s && self.until_s <= at_s;
        if !is_continued {
            *self = model.empty_window();
        }
        let known_s = self.until_s.min(settled_s).div_euclid(cycle_s).saturating_mul(cycle_s);
        let after_s = known_s.max(start_s);
        let cycles = rows(samples, metrics, bounds, after_s, at_s, cycle_s);
        self.cycles.replace_after(after_s, residual, calendar, metrics, &cycles);
        self.cycles.forget_until(start_s);
        self.until_s = at_s;
    }
}

/// Which part of a window is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSpan {
    /// The instant to weigh, epoch seconds.
    pub at_s: i64,
    /// Samples up to here are known to be complete.
    pub settled_s: i64,
}

fn from_residual(model: &ResidualModel, newest: &ServiceEvidence) -> Evidence {
    let theta = model.theta(THETA_RESIDUAL);
    let is_involved = |series: &&SeriesEvidence| series.score >= STAY * theta;
    let mut involved: Vec<&SeriesEvidence> = newest.series.iter().filter(is_involved).collect();
    involved.sort_by(|a, b| b.score.total_cmp(&a.score));
    Evidence {
        at_s: newest.at_s,
        score: newest.score / theta,
        recipe_score: newest.score,
        severity: match newest.score - theta {
            above if above >= CRITICAL_ABOVE => Severity::Critical,
            above if above >= HIGH_ABOVE => Severity::High,
            above if above >= 0.0 => Severity::Medium,
            _ => Severity::None,
        },
        signals: involved.into_iter().map(signal).collect(),
        symptoms: SymptomScores::of(newest),
    }
}

fn signal(series: &SeriesEvidence) -> EvidenceSignal {
    EvidenceSignal {
        metric: series.metric.clone(),
        direction: match series.side {
            Side::Up => Direction::High,
            Side::Down => Direction::Low,
        },
        score: series.score,
        value: series.effect.value,
        usual: series.effect.usual,
        z: series.z,
        percentile: series.percentile,
        text: explain(series),
    }
}
