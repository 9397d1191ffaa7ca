//! The decision of a cycle: pure, synchronous, and the same for the same input.
//!
//! Three steps over the fleet. First each service by itself: can its metrics be trusted, is there a
//! model, how unusual is it, and what is that called ([`judge`](super::judge)). Then all together:
//! where does trouble start, along the call graph ([`cause`](super::cause)). Then each service
//! again: what is its anomaly called, knowing that ([`interpret`](super::interpret)). Nothing is
//! scored twice. Objectives have the last word.
//!
//! A replay that decides services one by one knows of no others: what it is given of the call graph
//! stays unknown, and patterns that ask for it do not hold. Who wants them decides all services of
//! an instant in one input.

use std::collections::{BTreeMap, BTreeSet};

use detect::anomaly::Anomaly;
use detect::evidence::Evidence;
use detect::residual::Cause;
use domain::config::valid::Config;
use domain::{ServiceName, Severity};
use payload::cascade::put_cause;
use payload::render;
use payload::result::ServiceResult;
use payload::slo::SloEvaluation;

use crate::infer::cause::{Relation, relate};
use crate::infer::gather::{CycleInput, ServiceInput};
use crate::infer::interpret::interpret;
pub(crate) use crate::infer::judge::features;
use crate::infer::judge::{Judged, judge};
use crate::infer::objectives::{self, Subject};

/// What a cycle concluded.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CycleOutcome {
    /// In the order of the input.
    pub results: Vec<ServiceResult>,
    /// The same with what is strong enough to keep an incident, for whoever keeps them.
    pub candidates: Vec<Candidate>,
    /// How unusual each service is, for ranking and charts: higher is worse. Above zero a forest
    /// flags; evidence has a scale of its own. `None` where nothing was judged.
    pub scores: Vec<Option<f64>>,
    /// What opens anomalies and keeps them, where forests do not.
    pub evidence: Vec<Option<Evidence>>,
    /// Where the trouble of each service with an anomaly starts; without a call graph nowhere.
    pub causes: Vec<Option<Cause>>,
    /// What objectives did; `None` without objectives.
    pub objectives: Option<slo::Counters>,
}

/// A verdict with everything that may matter to an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub result: ServiceResult,
    /// Names of anomalies that keep an incident and do not start one.
    pub weak: BTreeSet<String>,
    /// By anomaly, the severity that an incident of it does not fall below at once.
    pub lingering: BTreeMap<String, Severity>,
    /// Names of anomalies that only an objective starts an incident of.
    pub by_objective: BTreeSet<String>,
    /// What objectives say where nothing weak is told; `None` without objectives.
    pub alone: Option<Box<SloEvaluation>>,
    /// What objectives did; nothing without objectives.
    pub counters: slo::Counters,
}

impl Candidate {
    fn new(result: ServiceResult, weak: BTreeSet<String>) -> Candidate {
        Candidate {
            result,
            weak,
            lingering: BTreeMap::new(),
            by_objective: BTreeSet::new(),
            alone: None,
            counters: slo::Counters::default(),
        }
    }

    /// What is said where no incidents are kept.
    fn verdict(&self) -> ServiceResult {
        match &self.result {
            ServiceResult::AnomalyDetected(evaluation) if !self.weak.is_empty() => {
                let mut evaluation = evaluation.clone();
                evaluation.leave_out(|name, _| self.weak.contains(name), self.alone.as_deref());
                ServiceResult::of(evaluation)
            }
            result => result.clone(),
        }
    }
}

/// Judges every service of a cycle.
pub fn decide(input: &CycleInput, config: &Config) -> CycleOutcome {
    let judged: Vec<_> = input.services.iter().map(|it| judge(it, input, config)).collect();
    let alone = |judged: &Result<Judged<'_>, ServiceResult>| {
        judged.as_ref().ok().and_then(|judged| interpret(judged, None, input, config))
    };
    let alone: Vec<Option<Anomaly>> = judged.iter().map(alone).collect();
    let relations = relate(input, &judged, &alone, config);
    let anomalies = named(alone, &judged, &relations, input, config);
    let mut outcome = CycleOutcome::default();
    for ((judged, anomaly), relation) in judged.into_iter().zip(anomalies).zip(relations) {
        outcome.scores.push(judged.as_ref().ok().and_then(Judged::score));
        let mut candidate = candidate(&judged, anomaly.as_ref(), input, config);
        if let Some(relation) = &relation {
            put_cause(&mut candidate.result, &relation.cause, &relation.analysis);
        }
        outcome.candidates.push(candidate);
        outcome.evidence.push(judged.ok().and_then(|judged| Some(judged.evidence?.0)));
        outcome.causes.push(relation.map(|relation| relation.cause));
    }
    let counters = || outcome.candidates.iter().map(|it| it.counters).sum();
    outcome.objectives = config.slos.as_ref().map(|_| counters());
    outcome.results = outcome.candidates.iter().map(Candidate::verdict).collect();
    outcome
}

/// The anomalies, knowing where their trouble starts. Those that start it themselves come first:
/// what others are told of them is what they turn out to be called.
fn named(
    mut anomalies: Vec<Option<Anomaly>>,
    judged: &[Result<Judged<'_>, ServiceResult>],
    relations: &[Option<Relation>],
    input: &CycleInput,
    config: &Config,
) -> Vec<Option<Anomaly>> {
    let positions: BTreeMap<&ServiceName, usize> =
        input.services.iter().enumerate().map(|(index, it)| (&it.service, index)).collect();
    for is_cascade in [false, true] {
        for (index, judged) in judged.iter().enumerate() {
            let (Ok(judged), Some(relation)) = (judged, &relations[index]) else { continue };
            if relation.analysis.cascade_type.is_cascade() != is_cascade {
                continue;
            }
            let name_of = |service: &ServiceName| {
                Some(anomalies[*positions.get(service)?].as_ref()?.name.clone())
            };
            if let Some(context) = relation.context(&name_of) {
                anomalies[index] = interpret(judged, Some(&context), input, config);
            }
        }
    }
    anomalies
}

/// The verdict on a service after objectives.
fn candidate(
    judged: &Result<Judged<'_>, ServiceResult>,
    anomaly: Option<&Anomaly>,
    input: &CycleInput,
    config: &Config,
) -> Candidate {
    let judged = match judged {
        Ok(judged) => judged,
        Err(result) => return Candidate::new(result.clone(), BTreeSet::new()),
    };
    let names = anomaly.filter(|_| judged.is_weak()).map(|anomaly| anomaly.name.clone());
    let found =
        Candidate::new(rendered(judged, anomaly, input, config), names.into_iter().collect());
    judge_objectives(found, judged, anomaly, input, config)
}

fn rendered(
    judged: &Judged<'_>,
    anomaly: Option<&Anomaly>,
    input: &CycleInput,
    config: &Config,
) -> ServiceResult {
    let (it, routed) = (judged.it, judged.routed);
    let failed_metrics: Vec<String> = input.failed_metrics.keys().cloned().collect();
    let evidence = judged.evidence.as_ref().map(|(evidence, method)| (evidence, *method));
    let notes = evidence.iter().flat_map(|(evidence, _)| &evidence.notes).chain(&it.notes);
    let warnings: Vec<String> = judged.warnings.iter().chain(notes).cloned().collect();
    render::judged(&render::Judged {
        service: &it.service,
        at: input.at,
        period: it.period,
        metrics: &config.metrics,
        observation: &judged.observation,
        model: &routed.model,
        model_digest: &routed.digest,
        variant: routed.variant.as_ref(),
        time_confidence: judged.time_confidence,
        periods_available: routed.periods_available,
        warnings: &warnings,
        failed_metrics: &failed_metrics,
        assessment: &judged.assessment,
        evidence,
        anomaly,
        drift: judged.drift.as_ref(),
    })
}

/// Objectives have their say where there are any.
fn judge_objectives(
    found: Candidate,
    judged: &Judged<'_>,
    anomaly: Option<&Anomaly>,
    input: &CycleInput,
    config: &Config,
) -> Candidate {
    let Some(settings) = &config.slos else { return found };
    let (ServiceResult::AnomalyDetected(evaluation) | ServiceResult::NoAnomaly(evaluation)) =
        found.result
    else {
        return found;
    };
    let ServiceInput { service, period, .. } = judged.it;
    let bands = judged.evidence.as_ref().map_or(&[][..], |(evidence, _)| &evidence.bands);
    let subject = Subject {
        service,
        at: input.at,
        period: *period,
        window_s: objectives::width_s(&judged.routed.model),
        time_confidence: judged.time_confidence,
        impact: anomaly.map(|anomaly| &anomaly.impact),
        bands,
        burn: &judged.it.burn,
    };
    let objectives::Judged { result, weak, by_objective, lingering, alone, counters } =
        objectives::apply(evaluation, found.weak, &subject, settings);
    Candidate { result, weak, lingering, by_objective, alone: Some(Box::new(alone)), counters }
}
