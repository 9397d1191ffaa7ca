//! Evidence that a service is unlike itself now, whatever recipe found it, on one scale.
//!
//! Each service has one recipe, chosen by what it measures ([`Recipe`]): a service with a request
//! rate is judged by its seasonal residuals, any other by how far its metrics leave their recent
//! level. A score of 1 opens an anomaly, and one of 0.3 keeps it.

use domain::config::valid::Bounds;
use domain::{Calendar, MetricDefinition, MetricSet, Series, Severity};
use serde::{Deserialize, Serialize};

use crate::budget::{Peers, Replay, Threshold};
use crate::generic::{self, GenericEvidence, GenericModel, MetricEvidence, Samples};
use crate::recipe::Recipe;
use crate::residual::residuals::window_s;
use crate::residual::score::recent_symptoms;
use crate::residual::shift::{LevelShift, moved};
use crate::residual::{
    ExpectedBand, RecentSymptoms, ResidualModel, Residuals, SeriesEvidence, ServiceEvidence,
    ServiceFit, Side, SymptomScores, TailPool, bands, explain, replay, score_window,
};
use crate::rows::{ServiceSamples, rows};
use crate::score::Direction;
use crate::trial::Material;

/// What a service's recipe knows of it, the same in all periods of the week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum EvidenceModel {
    /// Seasonal residuals of rates, latencies and errors.
    Residual(ResidualModel),
    /// Moves from the recent level, for any metrics.
    Generic(GenericModel),
}

/// What a service teaches by itself.
#[derive(Debug, Clone, PartialEq)]
pub enum EvidenceFit {
    Residual {
        fit: Box<ServiceFit>,
        /// The history, to be replayed once the model is whole.
        history: Residuals,
    },
    Generic(GenericModel),
}

/// What the newest cycle says.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// End of the cycle, epoch seconds; where single samples are judged, the first one that
    /// opens, or else the one with the highest score.
    pub at_s: i64,
    /// 1 opens an anomaly.
    pub score: f64,
    /// The score from which an anomaly that is open goes on.
    pub stay: f64,
    /// The same on the recipe's own scale.
    pub recipe_score: f64,
    /// The same for ranking and charts, where the recipe smooths it.
    pub published_score: f64,
    pub severity: Severity,
    /// Metrics with evidence of their own, strongest first.
    pub signals: Vec<EvidenceSignal>,
    /// Where each metric would be if all were as usual, as far as the recipe knows.
    pub bands: Vec<ExpectedBand>,
    /// What the cycle says about where trouble starts.
    pub symptoms: SymptomScores,
    /// What is worth saying and no alarm.
    pub notes: Vec<String>,
}

/// One metric's evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceSignal {
    pub metric: String,
    pub direction: Direction,
    /// On the scale of [`Evidence::recipe_score`].
    pub score: f64,
    /// That of this metric alone; none where it takes part and would not open by itself.
    pub severity: Severity,
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

/// Share of the opening score at which residuals let an anomaly go on.
const STAY_RESIDUAL: f64 = 0.3;
/// Moves from the recent level are alarms sample by sample: what does not open does not keep.
const STAY_GENERIC: f64 = 1.0;
/// Share of the opening score from which moves from the recent level are shown as signals.
const SHOWN_GENERIC: f64 = 0.3;
/// Gated residual score from which a metric is involved.
const INVOLVED: f64 = 0.3;
/// Residual score that opens an anomaly: once in 30 weeks.
const THETA_RESIDUAL: f64 = 1.5;
/// Beyond the opening score, in powers of ten of rarity.
const HIGH_ABOVE: f64 = 1.5;
const CRITICAL_ABOVE: f64 = 4.0;
/// Shortest cycle.
const CYCLE_MIN_S: i64 = 120;

/// Learns one service; tails become final when all services of a run are put together. `None`
/// where there is too little of anything. With what it was learned from: a level that moved and
/// stayed is there as if it had always been. `span` is (after, until] in epoch seconds, `cycle_s`
/// the length of the cycles that seasonal residuals will be scored in.
pub fn fit(
    samples: &ServiceSamples,
    metrics: &MetricSet,
    bounds: &Bounds,
    calendar: &Calendar,
    span: (i64, i64),
    cycle_s: i64,
) -> Option<(EvidenceFit, Material)> {
    let (after_s, until_s) = span;
    let cycles = rows(samples, metrics, bounds, after_s, until_s, cycle_s.max(1));
    if Recipe::of(&cycles, metrics) == Recipe::Generic {
        let model = GenericModel::fit(&generic_samples(samples, metrics, after_s, until_s));
        if model.silence().is_none() {
            return Some((EvidenceFit::Generic(model), Material::Samples(samples.clone())));
        }
    }
    let fit = crate::residual::fit_service(&cycles, metrics, calendar).ok()?;
    let cycles = match fit.shifts() {
        [] => cycles,
        shifts => moved(&cycles, metrics, shifts),
    };
    let history = fit.residuals(&cycles, metrics, calendar);
    let fit = EvidenceFit::Residual { fit: Box::new(fit), history };
    Some((fit, Material::Cycles(cycles)))
}

/// The same from what lies up to `until_s` of the material.
pub fn fit_older(
    material: &Material,
    metrics: &MetricSet,
    calendar: &Calendar,
    until_s: i64,
) -> Option<EvidenceFit> {
    match material {
        Material::Cycles(cycles) => {
            let older = cycles.filter(|time_s| time_s <= until_s);
            let fit = crate::residual::fit_service(&older, metrics, calendar).ok()?;
            let history = fit.residuals(&older, metrics, calendar);
            Some(EvidenceFit::Residual { fit: Box::new(fit), history })
        }
        Material::Samples(samples) => {
            let model = GenericModel::fit(&generic_samples(samples, metrics, i64::MIN, until_s));
            model.silence().is_none().then_some(EvidenceFit::Generic(model))
        }
    }
}

/// What the services of a run teach together: what rare evidence looks like.
pub fn pool(fits: &[Option<EvidenceFit>]) -> TailPool {
    ServiceFit::pool(fits.iter().flatten().filter_map(|fit| match fit {
        EvidenceFit::Residual { fit, .. } => Some(fit.as_ref()),
        EvidenceFit::Generic(_) => None,
    }))
}

impl EvidenceFit {
    /// The service's model; [`EvidenceModel::open_at`] gives it its threshold. With the replay of
    /// its history; the generic recipe has none.
    pub fn finish(&self, pool: &TailPool) -> (EvidenceModel, Option<Replay>) {
        match self {
            EvidenceFit::Residual { fit, history } => {
                let model = fit.finish(pool);
                let cycles = replay(&model, history, i64::MIN);
                let scores: Vec<(i64, f64)> = cycles.iter().map(|it| (it.at_s, it.score)).collect();
                let replay = Replay::of(&scores, model.cycle());
                (EvidenceModel::Residual(model), Some(replay))
            }
            EvidenceFit::Generic(model) => (EvidenceModel::Generic(model.clone()), None),
        }
    }
}

pub(crate) fn generic_samples<'a>(
    samples: &'a ServiceSamples,
    metrics: &'a MetricSet,
    after_s: i64,
    until_s: i64,
) -> Vec<Samples<'a>> {
    let pairs = metrics.iter().zip(&samples.series);
    let of = |(metric, series): (&'a MetricDefinition, &'a Option<Series>)| {
        Some(Samples::of(&metric.name, series.as_ref()?).between(after_s, until_s))
    };
    pairs.filter_map(of).filter(|samples| !samples.times_s.is_empty()).collect()
}

impl EvidenceFit {
    /// What a reader ought to know of it.
    pub fn notes(&self) -> Vec<String> {
        match self {
            EvidenceFit::Residual { fit, .. } => {
                fit.shifts().iter().map(LevelShift::note).collect()
            }
            EvidenceFit::Generic(_) => Vec::new(),
        }
    }
}

impl Evidence {
    /// True if it opens an anomaly by itself.
    pub fn opens(&self) -> bool {
        self.score >= 1.0
    }

    /// True if an open anomaly goes on.
    pub fn keeps(&self) -> bool {
        self.score >= self.stay
    }
}

impl EvidenceModel {
    /// Sets when incidents open. `wish` is how many false ones per week there may be; the generic
    /// recipe has one threshold for all.
    pub fn open_at(&mut self, replay: Option<&Replay>, peers: &Peers, wish: Option<f64>) {
        if let (EvidenceModel::Residual(model), Some(replay)) = (self, replay) {
            let days = model.history_days;
            model.threshold = Threshold::of(replay, peers, days, THETA_RESIDUAL, wish);
        }
    }

    /// The word for its method on the wire.
    pub fn method(&self) -> &'static str {
        match self {
            EvidenceModel::Residual(_) => "seasonal_residual",
            EvidenceModel::Generic(_) => "recent_level",
        }
    }

    /// Days of history behind it; time without any value does not count.
    pub fn history_days(&self) -> f64 {
        match self {
            EvidenceModel::Residual(model) => f64::from(model.history_days),
            EvidenceModel::Generic(model) => model.history_s() as f64 / 86_400.0,
        }
    }

    /// Length of a cycle, seconds.
    pub fn cycle_s(&self) -> i64 {
        match self {
            EvidenceModel::Residual(model) => model.cycle(),
            EvidenceModel::Generic(model) => model.step_s().max(CYCLE_MIN_S),
        }
    }

    /// Seconds of data that evidence needs before its instant.
    pub fn window_s(&self) -> i64 {
        match self {
            EvidenceModel::Residual(_) => window_s(self.cycle_s()),
            EvidenceModel::Generic(model) => model.lookback_s() + self.cycle_s(),
        }
    }

    /// A score on the recipe's own scale as opening score (1 opens) and severity.
    pub fn on_scale(&self, recipe_score: f64) -> (f64, Severity) {
        match self {
            EvidenceModel::Residual(model) => {
                let theta = f64::from(model.threshold.theta);
                (recipe_score / theta, severity(recipe_score, theta))
            }
            EvidenceModel::Generic(_) => {
                let severity = generic::severity(recipe_score, generic::THETA);
                (recipe_score / generic::THETA, severity)
            }
        }
    }

    /// Percentile, 0 to 100, of a metric's deviation among those of training, if it is known.
    pub fn percentile(&self, metric: &str, z: f64) -> Option<f64> {
        let EvidenceModel::Residual(model) = self else { return None };
        model.series.iter().find(|series| series.metric == metric)?.percentile(z)
    }

    /// An empty window of this model's cycles.
    pub fn empty_window(&self) -> EvidenceWindow {
        match self {
            EvidenceModel::Residual(model) => {
                EvidenceWindow::Residual { cycles: Residuals::empty(model), until_s: i64::MIN }
            }
            EvidenceModel::Generic(_) => EvidenceWindow::Samples,
        }
    }

    /// The evidence of the newest cycle that ends at `at_s` or not more than a cycle before;
    /// `None` if there is no such cycle. The window must have been extended to `at_s`.
    pub fn weigh(
        &self,
        window: &EvidenceWindow,
        samples: &ServiceSamples,
        metrics: &MetricSet,
        at_s: i64,
    ) -> Option<Evidence> {
        match (self, window) {
            (EvidenceModel::Residual(model), EvidenceWindow::Residual { cycles, .. }) => {
                let newest = score_window(model, cycles)?;
                let is_recent = newest.at_s > at_s - 2 * self.cycle_s();
                is_recent.then(|| {
                    let bands = bands(model, cycles, newest.at_s);
                    from_residual(model, &newest, bands)
                })
            }
            (EvidenceModel::Generic(model), _) => {
                let start_s = at_s - self.window_s();
                let samples = generic_samples(samples, metrics, start_s, at_s);
                let found = generic::score_window(model, &samples, at_s - self.cycle_s());
                from_generic(&found, at_s)
            }
            // A window of another model has nothing to say of this one.
            (EvidenceModel::Residual(_), EvidenceWindow::Samples) => None,
        }
    }

    /// What the cycles of the last minutes up to `at_s` say about where trouble starts; `None` if
    /// the recipe does not tell, or there is no such cycle.
    pub fn recent_symptoms(&self, window: &EvidenceWindow, at_s: i64) -> Option<RecentSymptoms> {
        match (self, window) {
            (EvidenceModel::Residual(model), EvidenceWindow::Residual { cycles, .. }) => {
                recent_symptoms(model, cycles, at_s)
            }
            _ => None,
        }
    }
}

/// The recent past of one service in the form that its model weighs. A cache: extending it from
/// cycle to cycle gives the same bits as making it anew from the samples.
#[derive(Debug, Clone, PartialEq)]
pub enum EvidenceWindow {
    Residual {
        cycles: Residuals,
        until_s: i64,
    },
    /// The samples themselves.
    Samples,
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
        let EvidenceModel::Residual(residual) = model else { return };
        let WindowSpan { at_s, settled_s } = span;
        let (cycle_s, start_s) = (model.cycle_s(), at_s - model.window_s());
        let is_continued = match self {
            EvidenceWindow::Residual { until_s, .. } => *until_s >= start_s && *until_s <= at_s,
            EvidenceWindow::Samples => false,
        };
        if !is_continued {
            *self = model.empty_window();
        }
        let EvidenceWindow::Residual { cycles, until_s } = self else { return };
        let known_s = (*until_s).min(settled_s).div_euclid(cycle_s).saturating_mul(cycle_s);
        let after_s = known_s.max(start_s);
        let newer = rows(samples, metrics, bounds, after_s, at_s, cycle_s);
        cycles.replace_after(after_s, residual, calendar, metrics, &newer);
        cycles.forget_until(start_s);
        *until_s = at_s;
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

fn from_generic(found: &GenericEvidence, at_s: i64) -> Option<Evidence> {
    if found.samples.is_empty() {
        return None;
    }
    let text = generic::explain(found);
    let signal = |metric: &MetricEvidence| EvidenceSignal {
        metric: metric.name.clone(),
        direction: match metric.side {
            generic::Side::Above => Direction::High,
            generic::Side::Below => Direction::Low,
        },
        score: metric.loudness,
        severity: generic::severity(metric.loudness, generic::THETA),
        value: metric.value,
        usual: metric.expected,
        z: f64::NAN,
        percentile: f64::NAN,
        text: text.clone(),
    };
    let band = |metric: &MetricEvidence| ExpectedBand {
        metric: metric.name.clone(),
        usual: metric.expected,
        seasonal: None,
        low: metric.band.0,
        high: metric.band.1,
    };
    let score = found.score / generic::THETA;
    Some(Evidence {
        at_s: found.alarm(generic::THETA).map(|it| it.0).or(found.peak_s).unwrap_or(at_s),
        score,
        stay: STAY_GENERIC,
        recipe_score: found.score,
        published_score: found.published,
        severity: generic::severity(found.score, generic::THETA),
        signals: if score >= SHOWN_GENERIC {
            found.metrics.iter().map(signal).collect()
        } else {
            vec![]
        },
        bands: found.metrics.iter().map(band).collect(),
        symptoms: SymptomScores::default(),
        notes: found.notes.iter().map(ToString::to_string).collect(),
    })
}

fn from_residual(
    model: &ResidualModel,
    newest: &ServiceEvidence,
    bands: Vec<ExpectedBand>,
) -> Evidence {
    let theta = f64::from(model.threshold.theta);
    let is_involved = |series: &&SeriesEvidence| series.score >= INVOLVED;
    let mut involved: Vec<&SeriesEvidence> = newest.series.iter().filter(is_involved).collect();
    involved.sort_by(|a, b| b.score.total_cmp(&a.score));
    Evidence {
        at_s: newest.at_s,
        score: newest.score / theta,
        stay: STAY_RESIDUAL,
        recipe_score: newest.score,
        published_score: newest.ranking,
        severity: severity(newest.score, theta),
        signals: involved.into_iter().map(|series| signal(series, theta)).collect(),
        bands,
        symptoms: SymptomScores::of(newest),
        notes: Vec::new(),
    }
}

/// How bad a residual score is where `theta` opens.
fn severity(score: f64, theta: f64) -> Severity {
    match score - theta {
        above if above >= CRITICAL_ABOVE => Severity::Critical,
        above if above >= HIGH_ABOVE => Severity::High,
        above if above >= 0.0 => Severity::Medium,
        _ => Severity::None,
    }
}

fn signal(series: &SeriesEvidence, theta: f64) -> EvidenceSignal {
    EvidenceSignal {
        metric: series.metric.clone(),
        direction: match series.side {
            Side::Up => Direction::High,
            Side::Down => Direction::Low,
        },
        score: series.score,
        severity: severity(series.score, theta),
        value: series.effect.value,
        usual: series.effect.usual,
        z: series.z,
        percentile: series.percentile,
        text: explain(series),
    }
}
