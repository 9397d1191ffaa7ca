//! From evidence to words: names what was found, says how bad and how sure it is, and explains it.
//!
//! A service has at most one anomaly per cycle. It is named after the first pattern that holds;
//! without one, after its strongest metric; and if only all metrics together are unusual, as a
//! combination.

use domain::config::valid::Opening;
use domain::{Category, MetricSet, Period, Severity};

use crate::confidence::{Voices, after_drift, confidence};
use crate::contribution::{Contribution, Weighed, contributions};
use crate::drift::DriftReport;
use crate::evidence::Evidence;
use crate::impact::Impact;
use crate::involved::{Involved, involved, state};
use crate::model::PeriodModel;
use crate::pattern::{self, Core, DependencyContext, Match, Pattern, State};
use crate::rows::Observation;
use crate::score::{Assessment, Direction};
use crate::severity::{Circumstances, in_context, is_off_hours, together};
use crate::trend::{Trend, Trends};
use crate::words;

/// Everything that interpretation looks at.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    pub model: &'a PeriodModel,
    pub metrics: &'a MetricSet,
    pub observation: &'a Observation,
    pub assessment: &'a Assessment,
    /// `None` where forests open anomalies.
    pub evidence: Option<&'a Evidence>,
    /// `None` where the past was not looked at.
    pub trends: Option<&'a Trends>,
    /// What the call graph says, once the whole fleet has been looked at.
    pub dependencies: Option<&'a DependencyContext>,
    pub drift: Option<&'a DriftReport>,
    pub category: &'a Category,
    pub period: Period,
    /// Monday is 0, and the local hour.
    pub weekday: u32,
    pub hour: u32,
    /// The model is another period's.
    pub is_fallback: bool,
    /// Trust in the model, 0 to 1.
    pub time_confidence: f64,
    /// Metrics beyond their service level objective.
    pub breached: &'a [String],
}

/// How an anomaly came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnomalyKind {
    /// One metric.
    Isolated,
    /// Several metrics, or a pattern.
    Consolidated,
    /// No metric by itself, but all together.
    Combination,
}

/// What is wrong with a service, in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Anomaly {
    /// Its identity: the pattern's name, or `<metric>_<direction>`; never another service's name.
    pub name: String,
    pub kind: AnomalyKind,
    pub pattern: Option<&'static Pattern>,
    pub severity: Severity,
    /// Why the severity is not what was found.
    pub severity_reasons: Vec<String>,
    /// 0 to 1, after what drift takes off.
    pub confidence: f64,
    /// Before that, where drift took something off.
    pub original_confidence: Option<f64>,
    /// Worst decision score, or the score of the evidence.
    pub score: f64,
    pub root_metric: Option<String>,
    pub direction: Option<Direction>,
    pub value: Option<f64>,
    pub description: String,
    pub interpretation: String,
    /// What it means for the business, once its severity is final.
    pub impact: Impact,
    /// Strongest first.
    pub involved: Vec<Involved>,
    pub contributing_metrics: Vec<String>,
    /// Another latency that takes its part in a bottleneck, in words.
    pub secondary_cause: Option<String>,
    /// The recent past of the root metric.
    pub trend: Trend,
    pub contributions: Vec<Contribution>,
    pub possible_causes: Vec<String>,
    pub checks: Vec<String>,
    pub recommended_actions: Vec<String>,
}

/// Name of an anomaly that only the combination of metrics shows.
pub const COMBINATION_NAME: &str = "multivariate_unusual_combination";

/// In which order a pattern's metrics stand for it.
const ROOT_ORDER: [Core; 5] = [
    Core::ApplicationLatency,
    Core::ErrorRate,
    Core::RequestRate,
    Core::DatabaseLatency,
    Core::DependencyLatency,
];

/// The anomaly of a service, if there is one. Where evidence decides, also one that would not open
/// an anomaly but keeps it: [`Evidence::opens`] tells.
pub fn interpret(case: &Case<'_>) -> Option<Anomaly> {
    if case.evidence.is_some_and(|evidence| !evidence.keeps()) {
        return None;
    }
    let involved = involved(case);
    if involved.is_empty() {
        return if case.evidence.is_none() { combination(case) } else { None };
    }
    let state = state(case, &involved);
    Some(match pattern::find(&state) {
        Some(matched) => of_pattern(case, &matched, &state, involved),
        None => unnamed(case, &state, involved),
    })
}

fn of_pattern(case: &Case<'_>, matched: &Match, state: &State, involved: Vec<Involved>) -> Anomaly {
    let root = ROOT_ORDER
        .iter()
        .find_map(|core| involved.iter().find(|it| it.metric == core.name()))
        .unwrap_or(&involved[0])
        .clone();
    let found = found_severity(case, &involved);
    let base = together(found, Some(matched), case.opened_by());
    let pattern = matched.pattern;
    let secondary = matched.secondary.and_then(|core| words::secondary_cause(core, state));
    let anomaly = common(case, &root, involved, base, Some(pattern));
    Anomaly {
        name: pattern.name.to_owned(),
        kind: AnomalyKind::Consolidated,
        description: words::describe_pattern(case, pattern, state, &root, anomaly.trend),
        interpretation: words::interpret_pattern(pattern, state, secondary.as_deref()),
        recommended_actions: words::actions(case, Some(pattern), state, &anomaly),
        secondary_cause: secondary,
        ..anomaly
    }
}

fn unnamed(case: &Case<'_>, state: &State, involved: Vec<Involved>) -> Anomaly {
    let root = involved[0].clone();
    let kind = if involved.len() == 1 { AnomalyKind::Isolated } else { AnomalyKind::Consolidated };
    let base = together(found_severity(case, &involved), None, case.opened_by());
    let anomaly = common(case, &root, involved, base, None);
    Anomaly {
        name: format!("{}_{}", root.metric, root.direction.as_str()),
        kind,
        description: words::describe_metrics(case, &anomaly.involved, anomaly.trend),
        interpretation: words::NO_PATTERN.to_owned(),
        recommended_actions: words::actions(case, None, state, &anomaly),
        ..anomaly
    }
}

/// A combination alone opens an anomaly only where its score is rare enough to be high, and then
/// it is never more than medium: nobody can point at a metric that is wrong.
fn combination(case: &Case<'_>) -> Option<Anomaly> {
    let verdict = case.assessment.combination.as_ref()?;
    if !verdict.is_flagged || verdict.severity < Severity::High {
        return None;
    }
    let names: Vec<String> = verdict.contributions.iter().map(|(name, _)| name.clone()).collect();
    let contributions = contributions(Some(verdict), &[], case.model, |it| case.value_of(it));
    let voices = voices(case, false, &[]);
    let drift = drift_of(case, confidence(&Voices { combination_agrees: false, ..voices }));
    Some(Anomaly {
        name: COMBINATION_NAME.to_owned(),
        kind: AnomalyKind::Combination,
        pattern: None,
        severity: Severity::Medium,
        severity_reasons: Vec::new(),
        confidence: drift.0,
        original_confidence: drift.1,
        score: verdict.score,
        root_metric: names.first().cloned(),
        direction: None,
        value: None,
        description: words::describe_combination(case, &names),
        interpretation: words::ONLY_TOGETHER.to_owned(),
        impact: impact(case, None, true),
        involved: Vec::new(),
        recommended_actions: words::actions_of_combination(&names),
        contributing_metrics: names,
        secondary_cause: None,
        trend: Trend::default(),
        contributions,
        possible_causes: Vec::new(),
        checks: Vec::new(),
    })
}

/// What patterns and single metrics have in common; name and words come on top.
fn common(
    case: &Case<'_>,
    root: &Involved,
    involved: Vec<Involved>,
    base: Severity,
    pattern: Option<&'static Pattern>,
) -> Anomaly {
    let adjusted = in_context(base, &circumstances(case, pattern, &involved));
    let (confidence, original_confidence) =
        drift_of(case, confidence(&voices(case, pattern.is_some(), &involved)));
    let (possible_causes, checks) = words::hints_of(case, &involved);
    let trend = case.trends.map(|it| it.metric(&root.metric)).unwrap_or_default();
    let lowest = involved.iter().map(|it| it.score).fold(f64::INFINITY, f64::min);
    Anomaly {
        name: String::new(),
        kind: AnomalyKind::Consolidated,
        pattern,
        severity: adjusted.severity,
        severity_reasons: adjusted.reasons,
        confidence,
        original_confidence,
        score: case.evidence.map_or(lowest, |evidence| evidence.recipe_score),
        root_metric: Some(root.metric.clone()),
        direction: Some(root.direction),
        value: Some(root.value),
        description: String::new(),
        interpretation: String::new(),
        impact: impact(case, pattern, false),
        contributing_metrics: involved.iter().map(|it| it.metric.clone()).collect(),
        secondary_cause: None,
        trend,
        contributions: shares(case, &involved),
        involved,
        possible_causes,
        checks,
        recommended_actions: Vec::new(),
    }
}

/// The worst severity among what was found. Evidence that only keeps an anomaly is low by itself.
fn found_severity(case: &Case<'_>, involved: &[Involved]) -> Severity {
    let worst = involved.iter().map(|it| it.severity).max().unwrap_or(Severity::Low);
    match case.evidence {
        Some(evidence) => evidence.severity.max(Severity::Low),
        None => worst,
    }
}

fn circumstances(
    case: &Case<'_>,
    pattern: Option<&Pattern>,
    involved: &[Involved],
) -> Circumstances {
    let rate = Core::RequestRate.name();
    let p99 = case.model.metric(rate).map(|metric| metric.statistics.summary.p99);
    let is_busiest =
        !case.is_fallback && case.value_of(rate).zip(p99).is_some_and(|(rate, p99)| rate > p99);
    Circumstances {
        opened_by: case.opened_by(),
        is_locked: pattern.is_some_and(|pattern| pattern.is_locked),
        error_rate: case.value_of(Core::ErrorRate.name()),
        is_busiest,
        is_off_hours: is_off_hours(case.weekday, case.hour),
        time_confidence: case.time_confidence,
        breaches_slo: involved.iter().any(|it| case.breached.contains(&it.metric)),
    }
}

fn voices(case: &Case<'_>, is_pattern: bool, involved: &[Involved]) -> Voices {
    let verdict = case.assessment.combination.as_ref();
    Voices {
        opened_by: case.opened_by(),
        is_pattern,
        signals: involved.len(),
        strong: involved.iter().filter(|it| it.severity >= Severity::High).count(),
        combination_agrees: verdict.is_some_and(|verdict| verdict.is_flagged),
    }
}

/// The confidence after drift, and before it where that differs. What breaches an objective is
/// real, however old the model is.
fn drift_of(case: &Case<'_>, confidence: f64) -> (f64, Option<f64>) {
    let penalty = case.drift.map_or(0.0, |drift| drift.penalty);
    if penalty > 0.0 && case.breached.is_empty() {
        (after_drift(confidence, penalty), Some(confidence))
    } else {
        (confidence, None)
    }
}

fn impact(case: &Case<'_>, pattern: Option<&Pattern>, is_combination: bool) -> Impact {
    let nature = pattern.map(|pattern| pattern.nature);
    Impact { nature, is_combination, category: case.category.clone(), period: case.period }
}

fn shares(case: &Case<'_>, involved: &[Involved]) -> Vec<Contribution> {
    let weighed: Vec<Weighed<'_>> = involved
        .iter()
        .map(|it| Weighed {
            metric: &it.metric,
            direction: it.direction,
            sigmas: it.sigmas,
            score: it.score,
            percentile: it.percentile,
        })
        .collect();
    let verdict = case.assessment.combination.as_ref();
    contributions(verdict, &weighed, case.model, |name| case.value_of(name))
}

impl Case<'_> {
    /// What opens anomalies of this service.
    pub fn opened_by(&self) -> Opening {
        if self.evidence.is_some() { Opening::Residual } else { Opening::Forest }
    }

    /// The observed value of a metric; `None` is missing.
    pub fn value_of(&self, metric: &str) -> Option<f64> {
        self.observation.values.get(self.metrics.index_of(metric)?).copied().flatten()
    }

    /// What is usual now, else on average in training. Of traffic another period's average says
    /// nothing.
    pub fn usual_of(&self, metric: &str) -> Option<f64> {
        let bands = self.evidence.iter().flat_map(|evidence| &evidence.bands);
        let band = bands.into_iter().find(|band| band.metric == metric).map(|band| band.usual);
        let is_known = !(self.is_fallback && metric == Core::RequestRate.name());
        let trained = self.model.metric(metric).filter(|_| is_known);
        band.or_else(|| trained.map(|it| it.statistics.summary.mean))
    }
}

#[cfg(test)]
#[path = "anomaly_tests.rs"]
mod tests;
