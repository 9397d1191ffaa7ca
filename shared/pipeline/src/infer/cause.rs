//! The fleet's step of a decision: where the trouble of each service starts, and what that makes of
//! its anomaly.
//!
//! A service's own cycle does not tell: trouble spreads within minutes. So the symptoms of the last
//! 14 minutes of all services are read off their evidence windows, and the call graph is followed.
//! Where forests open anomalies, their signals are the symptoms. What is found is weighed with what
//! all services were found to have.

use std::collections::BTreeMap;

use detect::anomaly::Anomaly;
use detect::involved::Involved;
use detect::pattern::{Core, DependencyContext, DependencyKind};
use detect::residual::root::Symptoms;
use detect::residual::{CallGraph, Cause, RecentSymptoms, Symptom, SymptomScores, find_cause};
use detect::score::Direction;
use domain::config::valid::{Config, Opening};
use domain::{ServiceName, Severity};
use incident::analysis::{AnomalyFacts, CascadeAnalysis, CascadeType, ServiceFacts, analyze};
use incident::name::canonical;

use crate::infer::gather::CycleInput;
use crate::infer::judge::Judged;

/// Where a service's trouble starts, and how sure that is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Relation {
    pub cause: Cause,
    pub analysis: CascadeAnalysis,
    /// Each service on the way is called by the one before it.
    is_from_below: bool,
}

/// The configured call graph; empty if causes are not to be looked for.
pub fn call_graph(config: &Config) -> CallGraph {
    let dependencies = &config.dependencies;
    let edges = dependencies.graph.iter().flat_map(|(caller, callees)| {
        callees.iter().map(|callee| (caller.clone(), callee.clone()))
    });
    let is_wanted = dependencies.cascades.enabled;
    let graph = CallGraph::of(edges.filter(|_| is_wanted));
    graph.with_depth_max(dependencies.cascades.max_depth)
}

/// The relation of each service that has an anomaly, in the order of the input. `anomalies` are
/// what services have by themselves, before the call graph has its say.
pub(super) fn relate<E>(
    input: &CycleInput,
    judged: &[Result<Judged<'_>, E>],
    anomalies: &[Option<Anomaly>],
    config: &Config,
) -> Vec<Option<Relation>> {
    let graph = call_graph(config);
    if graph.is_empty() || anomalies.iter().all(Option::is_none) {
        return anomalies.iter().map(|_| None).collect();
    }
    let fleet = Fleet::of(input, judged, anomalies, config);
    let services = input.services.iter().zip(anomalies);
    let relation = |service: &ServiceName| fleet.relation(service, &graph, config);
    services.map(|(it, anomaly)| anomaly.as_ref().map(|_| relation(&it.service))).collect()
}

/// What is known of all services in this cycle.
struct Fleet {
    symptoms: Symptoms,
    facts: BTreeMap<ServiceName, ServiceFacts>,
}

impl Fleet {
    fn of<E>(
        input: &CycleInput,
        judged: &[Result<Judged<'_>, E>],
        anomalies: &[Option<Anomaly>],
        config: &Config,
    ) -> Fleet {
        let (symptoms, facts) = Default::default();
        let mut fleet = Fleet { symptoms, facts };
        let pairs = judged.iter().zip(anomalies);
        for (judged, anomaly) in pairs.filter_map(|(it, found)| Some((it.as_ref().ok()?, found))) {
            let service = &judged.it.service;
            let recent = symptoms_of(judged, anomaly.as_ref(), input.at.timestamp());
            let facts = facts_of(judged, anomaly.as_ref(), recent, input, config);
            fleet.symptoms.extend(recent.map(|recent| (service.clone(), recent)));
            fleet.facts.insert(service.clone(), facts);
        }
        fleet
    }

    fn relation(&self, service: &ServiceName, graph: &CallGraph, config: &Config) -> Relation {
        let cause = find_cause(service, &self.symptoms, graph);
        let path: Vec<ServiceName> = cause.path.iter().map(|it| it.service.clone()).collect();
        let callees: Vec<ServiceName> = graph.callees(service).cloned().collect();
        let facts = |service: &ServiceName| self.facts.get(service).cloned().unwrap_or_default();
        let analysis = analyze(&path, &callees, &facts, &config.dependencies.cascades);
        let calls = |pair: &[ServiceName]| graph.callees(&pair[0]).any(|callee| *callee == pair[1]);
        Relation {
            is_from_below: path.windows(2).all(calls),
            cause: if analysis.root_cause_service.is_some() { cause } else { cause.without_root() },
            analysis,
        }
    }
}

impl Relation {
    /// What patterns are told of it; `None` where they can conclude nothing. `name_of` gives the
    /// anomaly that a service turned out to have.
    pub(super) fn context(
        &self,
        name_of: &dyn Fn(&ServiceName) -> Option<String>,
    ) -> Option<DependencyContext> {
        let kind = match self.analysis.cascade_type {
            CascadeType::UpstreamCascade if self.is_from_below => DependencyKind::UpstreamAnomaly,
            CascadeType::ChainDegraded if self.is_from_below => DependencyKind::ChainDegraded,
            CascadeType::DependenciesHealthy => DependencyKind::DependenciesHealthy,
            _ => return None,
        };
        let root = self.analysis.root_cause_service.as_ref();
        let found = self.analysis.root_cause_anomaly.clone();
        Some(DependencyContext {
            kind,
            root_service: root.map(ServiceName::to_string),
            root_anomaly: root.and_then(name_of).or(found),
            affected_chain: self.analysis.affected_chain.iter().map(|it| it.to_string()).collect(),
            confidence: self.analysis.confidence,
        })
    }
}

/// What a service showed lately; `None` if nothing tells.
fn symptoms_of(
    judged: &Judged<'_>,
    anomaly: Option<&Anomaly>,
    at_s: i64,
) -> Option<RecentSymptoms> {
    match &judged.routed.model.evidence {
        Some(model) => model.recent_symptoms(judged.it.window.as_ref()?, at_s),
        None if judged.opening() == Opening::Forest => {
            let mut scores = SymptomScores::default();
            for it in anomaly.into_iter().flat_map(|anomaly| &anomaly.involved) {
                scores.raise(symptom_of(it), score_of(it.severity));
            }
            Some(RecentSymptoms::of([(at_s, scores)]))
        }
        None => None,
    }
}

/// What a forest's signal tells of.
fn symptom_of(it: &Involved) -> Symptom {
    match (Core::of(&it.metric), it.direction) {
        (Some(Core::RequestRate), Direction::Low) => Symptom::RateDown,
        (Some(Core::RequestRate), _) => Symptom::RateUp,
        (Some(Core::ErrorRate), _) => Symptom::Errors,
        (Some(Core::DependencyLatency), _) => Symptom::SlowCalls,
        _ => Symptom::Strain,
    }
}

/// A forest's severity on the scale of residual scores.
fn score_of(severity: Severity) -> f64 {
    match severity {
        Severity::None | Severity::Low => 0.5,
        Severity::Medium => 1.5,
        Severity::High => 3.0,
        Severity::Critical => 5.5,
    }
}

fn facts_of(
    judged: &Judged<'_>,
    anomaly: Option<&Anomaly>,
    recent: Option<RecentSymptoms>,
    input: &CycleInput,
    config: &Config,
) -> ServiceFacts {
    let head = input.heads.get(&judged.it.service);
    let incidents = || head.into_iter().flat_map(|stored| stored.head.active.values());
    let began_ms = incidents().map(|incident| incident.first_seen_ms);
    let showed_ms = recent.and_then(|recent| recent.since_s).map(|since_s| since_s * 1000);
    let known_root = incidents().find_map(|it| Some(it.root_cause.as_ref()?.service.clone()));
    ServiceFacts {
        anomaly: anomaly
            .filter(|it| does_harm(it, config))
            .map(|it| anomaly_facts(judged, it, config)),
        first_seen_ms: began_ms.chain(showed_ms).min(),
        is_observed: input.failed_metrics.is_empty(),
        known_root,
    }
}

/// More requests than usual, and what is not told anyway, make nobody else ill.
fn does_harm(anomaly: &Anomaly, config: &Config) -> bool {
    let is_surge =
        |it: &Involved| it.metric == Core::RequestRate.name() && it.direction != Direction::Low;
    let unwanted = &config.alerting.non_alerting_patterns;
    let is_told = unwanted.iter().all(|name| canonical(name) != anomaly.name);
    is_told && !anomaly.involved.iter().all(is_surge)
}

fn anomaly_facts(judged: &Judged<'_>, anomaly: &Anomaly, config: &Config) -> AnomalyFacts {
    let is_high = |core: Core| {
        let mut involved = anomaly.involved.iter();
        involved.any(|it| it.metric == core.name() && it.direction != Direction::Low)
    };
    let value = |core: Core| {
        let index = config.metrics.index_of(core.name())?;
        judged.observation.values.get(index).copied().flatten()
    };
    let whole = value(Core::ApplicationLatency).filter(|whole| *whole > 0.0);
    let dependency_share = value(Core::DependencyLatency).zip(whole);
    AnomalyFacts {
        name: anomaly.name.clone(),
        severity: anomaly.severity,
        has_errors: is_high(Core::ErrorRate),
        is_slow: is_high(Core::ApplicationLatency),
        has_slow_dependency: is_high(Core::DependencyLatency),
        dependency_share: dependency_share.map(|(part, whole)| part / whole),
    }
}
