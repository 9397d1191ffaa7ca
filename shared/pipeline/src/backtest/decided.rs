//! The judge that serves: every cycle is what `infer::decide` makes of it, whatever opens anomalies.

mod explain;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use detect::evidence::{Evidence, EvidenceModel, EvidenceWindow, WindowSpan};
use detect::model::PeriodModel;
use detect::residual::residuals::SYMPTOM_LOOK_S;
use detect::residual::root::Symptoms;
use detect::residual::{CallGraph, RecentSymptoms, find_cause};
use domain::config::valid::{Config, Opening};
use domain::{MetricDefinition, Period, ServiceName, Severity, Slot, Variant};
use incident::RootCause;
use payload::result::{Evaluation, ServiceResult};
use slo::BurnWindow;

use crate::backtest::judge::{Band, Cause, Finding, Judge, Scale, Usual};
use crate::backtest::tape::{Tape, Tick};
use crate::backtest::{Explanation, Track};
use crate::infer::burn;
use crate::infer::cause::call_graph;
use crate::infer::decide::{CycleOutcome, decide};
use crate::infer::finding::{evaluated, root_cause};
use crate::infer::follow::Heads;
use crate::infer::gather::{CycleInput, ServiceInput};
use crate::infer::{RoutedModel, WarmModels};
use crate::registry::{Registry, RegistryError};

/// As much of the past as a cycle in service gathers for forests.
const FOREST_WINDOW_S: i64 = 3_600;
/// A forest's decision score is never lower than -1.
const FOREST_FLOOR: f64 = -1.0;
/// Nor is evidence lower than this.
const EVIDENCE_FLOOR: f64 = -3.0;
/// The score at which evidence opens an anomaly.
const EVIDENCE_OPENS: f64 = 1.0;

/// Models of every period of the replayed services, and the configuration that they serve under.
#[derive(Debug)]
pub struct Decided<'a> {
    config: &'a Config,
    /// Routed to its model, without samples.
    routed: BTreeMap<ServiceName, BTreeMap<Slot, ServiceInput>>,
    graph: CallGraph,
}

/// What is carried from one cycle to the next, to save work: made anew it has the same bits.
struct Carried {
    window: Arc<EvidenceWindow>,
    /// Whose evidence it was made for: one run's is the same in all periods of a variant.
    variant: Option<Variant>,
    tick: Tick,
}

impl<'a> Decided<'a> {
    /// Loads the models in force of these services, all periods. An empty graph stands for the
    /// configured one.
    pub async fn load(
        registry: &Registry,
        config: &'a Config,
        services: impl IntoIterator<Item = ServiceName>,
        graph: CallGraph,
    ) -> Result<Decided<'a>, RegistryError> {
        let mut warm = WarmModels::default();
        let (catalog, _) = warm.refresh(registry).await?;
        let slots = slots(config);
        let wanted: Vec<(ServiceName, Slot)> = services
            .into_iter()
            .flat_map(|service| slots.iter().map(move |slot| (service.clone(), slot.clone())))
            .collect();
        let loaded = warm.load(registry, &catalog, &wanted, config.inference.max_workers).await;
        let mut routed: BTreeMap<ServiceName, BTreeMap<Slot, ServiceInput>> = BTreeMap::new();
        for ((service, slot), model) in wanted.into_iter().zip(loaded.routes) {
            let (of, period, samples) = (service.clone(), slot.period, Default::default());
            let (burn, notes) = (Vec::new(), Vec::new());
            let window = None;
            let input = ServiceInput { service, period, samples, model, window, burn, notes };
            routed.entry(of).or_default().insert(slot, input);
        }
        let graph = if graph.is_empty() { call_graph(config) } else { graph };
        Ok(Decided { config, routed, graph })
    }

    /// Services that have a model for at least one period.
    pub fn with_model(&self) -> usize {
        let has_model =
            |slots: &&BTreeMap<Slot, ServiceInput>| slots.values().any(|it| it.model.is_ok());
        self.routed.values().filter(has_model).count()
    }

    /// What people should know: services that cannot be judged, or not fully yet.
    pub fn notes(&self) -> Vec<String> {
        self.routed.keys().flat_map(|service| self.notes_on(service)).collect()
    }

    fn notes_on(&self, service: &ServiceName) -> Vec<String> {
        if self.models_of(service).next().is_none() {
            return vec![format!("{service} has no model: its history is too short, or empty")];
        }
        let Some(EvidenceModel::Generic(model)) = self.evidence_of(service) else {
            return Vec::new();
        };
        model.notes().into_iter().map(|note| format!("{service}: {note}")).collect()
    }

    /// What a cycle in service would have gathered.
    fn input(&self, tape: &Tape, tick: &Tick, carried: &mut Option<Carried>) -> Option<CycleInput> {
        let at = DateTime::from_timestamp(tick.at_s, 0)?;
        let routed = self.routed_at(&tape.service, at)?;
        let samples = tape.window(tick, samples_s(routed));
        let window = self.window(tape, tick, routed, carried);
        let burn = self.burn(tape, tick);
        Some(CycleInput {
            at,
            source_failure: None,
            warnings: Vec::new(),
            failed_metrics: BTreeMap::new(),
            services: vec![ServiceInput { samples, window, burn, ..routed.clone() }],
            models_fetched: 0,
            heads: Heads::new(),
            asked: None,
            damaged_heads: BTreeMap::new(),
        })
    }

    /// Failures of the last days, where the service has an error budget.
    fn burn(&self, tape: &Tape, tick: &Tick) -> Vec<BurnWindow> {
        let positions = burn::positions(self.config);
        let is_asked = burn::has_budget(self.config, &tape.service);
        let Some([traffic, errors]) = positions.filter(|_| is_asked) else { return Vec::new() };
        let past = tape.window(tick, burn::longest_s());
        match (&past.series[traffic], &past.series[errors]) {
            (Some(traffic), Some(errors)) => burn::windows(traffic, errors, tick.at_s),
            _ => Vec::new(),
        }
    }

    /// The window that evidence is weighed in, where evidence opens anomalies.
    fn window(
        &self,
        tape: &Tape,
        tick: &Tick,
        routed: &ServiceInput,
        carried: &mut Option<Carried>,
    ) -> Option<Arc<EvidenceWindow>> {
        let opens = self.config.detection.opening == Opening::Residual;
        let RoutedModel { model, variant, .. } = routed.model.as_ref().ok().filter(|_| opens)?;
        let model = model.evidence.as_ref()?;
        let usable = carried.take().filter(|it| {
            it.variant == *variant
                && it.tick.visible_after_s == tick.visible_after_s
                && it.tick.at_s <= tick.at_s
        });
        let (mut window, settled_s) = match usable {
            Some(Carried { window, tick, .. }) => (window, tick.at_s),
            None => (Arc::new(model.empty_window()), i64::MIN),
        };
        let missing_s = tick.at_s.saturating_sub(settled_s).saturating_add(model.cycle_s());
        let samples = tape.window(tick, missing_s.min(model.window_s() + model.cycle_s()));
        let calendar = self.config.calendar_of(&tape.service);
        let (metrics, bounds) = (&self.config.metrics, &self.config.detection.bounds);
        let span = WindowSpan { at_s: tick.at_s, settled_s };
        Arc::make_mut(&mut window).extend(model, &samples, metrics, bounds, &calendar, span);
        let (variant, tick) = (variant.clone(), *tick);
        *carried = Some(Carried { window: Arc::clone(&window), variant, tick });
        Some(window)
    }

    /// What opens anomalies of a service: forests where its models hold no evidence.
    fn opening_of(&self, service: &ServiceName) -> Opening {
        let has_model = self.models_of(service).next().is_some();
        let has_evidence = self.evidence_of(service).is_some();
        if has_model && !has_evidence { Opening::Forest } else { self.config.detection.opening }
    }

    /// The same in all periods of a training run.
    fn evidence_of(&self, service: &ServiceName) -> Option<&EvidenceModel> {
        self.models_of(service).find_map(|model| model.evidence.as_ref())
    }

    fn models_of(&self, service: &ServiceName) -> impl Iterator<Item = &PeriodModel> {
        let slots = self.routed.get(service).into_iter().flat_map(BTreeMap::values);
        slots.filter_map(|it| Some(it.model.as_ref().ok()?.model.as_ref()))
    }

    fn routed_at(&self, service: &ServiceName, at: DateTime<Utc>) -> Option<&ServiceInput> {
        self.routed.get(service)?.get(&self.config.slot_at(service, at))
    }

    fn model_at(&self, service: &ServiceName, at_s: i64) -> Option<&PeriodModel> {
        let at = DateTime::from_timestamp(at_s, 0)?;
        Some(&self.routed_at(service, at)?.model.as_ref().ok()?.model)
    }
}

impl Decided<'_> {
    /// What a decision about a single service comes to.
    fn finding(&self, input: &CycleInput, tick: &Tick, outcome: &CycleOutcome) -> Finding {
        let result = outcome.results.first();
        let Some((result, evaluation)) = result.and_then(|it| Some((it, it.evaluation()?))) else {
            return not_judged(tick);
        };
        let it = &input.services[0];
        let service = &it.service;
        let evidence = outcome.evidence.first().and_then(Option::as_ref);
        let published = outcome.scores.first().copied().flatten();
        // A service can be judged by rules alone; then there is no score.
        let floor = self.scale(service).floor;
        let score = evidence.map(|it| it.score).or(published).unwrap_or(floor);
        let is_generic = matches!(self.evidence_of(service), Some(EvidenceModel::Generic(_)));
        let began_s = evidence.filter(|it| is_generic && it.opens()).map(|it| it.at_s);
        Finding {
            at_s: tick.at_s,
            stamp_s: tick.stamp_s,
            lead_s: began_s.map_or(0, |began_s| (tick.stamp_s - began_s).max(0)),
            severity: result.severity(),
            detected: evidence.map_or(Severity::None, |it| it.severity).max(result.severity()),
            score: Some(score),
            published: published.unwrap_or(floor),
            symptoms: evidence.map(|it| it.symptoms),
            evaluated: outcome
                .candidates
                .first()
                .and_then(|found| evaluated(found, it, input, &self.config.metrics)),
            cause: cause(evaluation),
            bands: evidence.map_or_else(Vec::new, |it| self.bands(it)),
        }
    }

    fn bands(&self, evidence: &Evidence) -> Vec<Option<Band>> {
        let band = |metric: &MetricDefinition| {
            let band = evidence.bands.iter().find(|it| it.metric == metric.name)?;
            Some([band.low, band.usual, band.high].map(|it| it as f32))
        };
        self.config.metrics.iter().map(band).collect()
    }
}

impl Judge for Decided<'_> {
    fn name(&self) -> &'static str {
        match self.config.detection.opening {
            Opening::Forest => "forest",
            Opening::Residual => "residual",
        }
    }

    fn scale(&self, service: &ServiceName) -> Scale {
        match self.opening_of(service) {
            Opening::Forest => Scale { threshold: 0.0, floor: FOREST_FLOOR },
            Opening::Residual => Scale { threshold: EVIDENCE_OPENS, floor: EVIDENCE_FLOOR },
        }
    }

    fn judge(&self, tape: &Tape, ticks: &[Tick]) -> Vec<Finding> {
        let mut carried = None;
        let judged = |tick: &Tick| match self.input(tape, tick, &mut carried) {
            Some(input) => self.finding(&input, tick, &decide(&input, self.config)),
            None => not_judged(tick),
        };
        ticks.iter().map(judged).collect()
    }

    fn explain(&self, tape: &Tape, tick: &Tick) -> Explanation {
        self.explain_cycle(tape, tick)
    }

    fn usual(&self, service: &ServiceName, at_s: i64) -> Vec<Option<Usual>> {
        let model = self.model_at(service, at_s);
        let usual = |metric: &MetricDefinition| {
            if let Some(EvidenceModel::Generic(generic)) = model?.evidence.as_ref() {
                let (low, middle, high) = generic.usual(&metric.name, at_s)?;
                return Some(Usual { low, middle, high });
            }
            let seen = &model?.metric(&metric.name)?.statistics.summary;
            Some(Usual { low: seen.p5, middle: seen.p50, high: seen.p95 })
        };
        self.config.metrics.iter().map(usual).collect()
    }

    fn root_cause(&self, service: &ServiceName, fleet: &[Track], at_s: i64) -> Option<RootCause> {
        if self.graph.is_empty() {
            return None;
        }
        let symptoms = |track: &Track| Some((track.service.clone(), recently(track, at_s)?));
        let symptoms: Symptoms = fleet.iter().filter_map(symptoms).collect();
        symptoms.contains_key(service).then_some(())?;
        root_cause(&find_cause(service, &symptoms, &self.graph))
    }
}

/// The slots that serve at some instant: the usual ones, and those of the configured variants.
fn slots(config: &Config) -> Vec<Slot> {
    let periods = &config.training.excluded_periods;
    let named: BTreeSet<&Variant> = periods.iter().filter_map(|it| it.variant.as_ref()).collect();
    let variants = std::iter::once(None).chain(named.into_iter().cloned().map(Some));
    variants.flat_map(|it| Period::ALL.map(|period| Slot::of(it.clone(), period))).collect()
}

/// How far back samples are needed: evidence without a window of its own looks at them.
fn samples_s(routed: &ServiceInput) -> i64 {
    let model = routed.model.as_ref().ok().and_then(|it| it.model.evidence.as_ref());
    match model {
        Some(model @ EvidenceModel::Generic(_)) => model.window_s().max(FOREST_WINDOW_S),
        _ => FOREST_WINDOW_S,
    }
}

/// The symptoms that a service showed lately, as its window in service tells them.
fn recently(track: &Track, at_s: i64) -> Option<RecentSymptoms> {
    let end = track.findings.partition_point(|it| it.at_s <= at_s);
    let start = track.findings.partition_point(|it| it.at_s <= at_s - SYMPTOM_LOOK_S);
    let known = |it: &Finding| it.symptoms.map(|symptoms| (it.at_s, symptoms));
    let cycles: Vec<_> = track.findings[start..end].iter().filter_map(known).collect();
    (!cycles.is_empty()).then(|| RecentSymptoms::of(cycles))
}

fn not_judged(tick: &Tick) -> Finding {
    Finding { at_s: tick.at_s, stamp_s: tick.stamp_s, ..Finding::default() }
}

fn cause(evaluation: &Evaluation) -> Option<Cause> {
    let worst = evaluation.anomalies.iter().max_by_key(|(_, anomaly)| anomaly.severity)?;
    let (name, anomaly) = worst;
    Some(Cause {
        name: name.clone(),
        description: anomaly.description.clone(),
        metrics: anomaly.contributing_metrics.clone(),
    })
}

/// Why a decision judged nothing.
fn refusal(result: &ServiceResult) -> Option<String> {
    match result {
        ServiceResult::MetricsUnavailable(it) => Some(it.error.clone()),
        ServiceResult::Error(it) => Some(it.error_message.clone()),
        _ => None,
    }
}
