//! Names and explains what an assessment found: at most one anomaly per service and cycle.
//!
//! Named patterns will take precedence here once they exist; until then an anomaly is named after
//! its worst signal.

use domain::Severity;

use crate::evidence::Evidence;
use crate::explain::hints;
use crate::model::PeriodModel;
use crate::score::{Assessment, Direction, Signal};

/// How an anomaly came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnomalyKind {
    /// One metric.
    Isolated,
    /// Several metrics.
    Consolidated,
    /// No metric by itself, but all together.
    Combination,
}

/// What is wrong with a service, in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Anomaly {
    /// Stable from cycle to cycle: `<root metric>_<direction>`.
    pub name: String,
    pub kind: AnomalyKind,
    pub severity: Severity,
    /// 0 to 1.
    pub confidence: f64,
    /// Worst decision score.
    pub score: f64,
    pub root_metric: Option<String>,
    pub direction: Option<Direction>,
    pub value: Option<f64>,
    pub description: String,
    pub contributing_metrics: Vec<String>,
    pub possible_causes: Vec<String>,
    pub checks: Vec<String>,
    pub recommended_actions: Vec<String>,
}

/// Name of an anomaly that only the combination of metrics shows.
pub const COMBINATION_NAME: &str = "multivariate_unusual_combination";

const CONFIDENCE_BASE: f64 = 0.4;
const CONFIDENCE_PER_SIGNAL: f64 = 0.1;
const CONFIDENCE_COMBINATION: f64 = 0.1;
const CONFIDENCE_MAX: f64 = 0.7;
const EVIDENCE_BASE: f64 = 0.5;
const EVIDENCE_PER_SIGNAL: f64 = 0.15;
const EVIDENCE_MAX: f64 = 0.95;
/// Messages, causes and checks that are shown.
const MESSAGES_MAX: usize = 2;
const HINTS_PER_METRIC: usize = 2;
const HINTS_MAX: usize = 5;

/// The anomaly of an assessment, if there is one.
pub fn name_anomaly(assessment: &Assessment, model: &PeriodModel) -> Option<Anomaly> {
    match assessment.signals.first() {
        Some(worst) => Some(from_signals(worst, assessment, model)),
        None => from_combination(assessment, model),
    }
}

fn from_signals(worst: &Signal, assessment: &Assessment, model: &PeriodModel) -> Anomaly {
    let signals = &assessment.signals;
    let confidence = CONFIDENCE_BASE + CONFIDENCE_PER_SIGNAL * signals.len() as f64;
    let bonus = combination_bonus(assessment);
    let metrics = signals.iter().map(|it| (it.metric.as_str(), it.direction));
    let (possible_causes, checks) = collect_hints(metrics, model);
    let contributing_metrics: Vec<String> =
        signals.iter().map(|signal| signal.metric.clone()).collect();
    Anomaly {
        name: format!("{}_{}", worst.metric, worst.direction.as_str()),
        kind: if signals.len() == 1 { AnomalyKind::Isolated } else { AnomalyKind::Consolidated },
        severity: worst.severity,
        confidence: round_2(confidence.min(CONFIDENCE_MAX) + bonus),
        score: signals.iter().map(|signal| signal.score).fold(worst.score, f64::min),
        root_metric: Some(worst.metric.clone()),
        direction: Some(worst.direction),
        value: Some(worst.value),
        description: describe(signals, model),
        recommended_actions: actions(&contributing_metrics, &checks),
        contributing_metrics,
        possible_causes,
        checks,
    }
}

/// The anomaly that evidence opens. Forests have a say in how sure it is, not in whether it is.
pub fn from_evidence(
    evidence: &Evidence,
    assessment: &Assessment,
    model: &PeriodModel,
) -> Option<Anomaly> {
    let leading = evidence.signals.first().filter(|_| evidence.opens())?;
    let count = evidence.signals.len();
    let bonus = combination_bonus(assessment);
    let confidence = EVIDENCE_BASE + EVIDENCE_PER_SIGNAL * count as f64 + bonus;
    let more = if count > 1 { format!(" (+{} more)", count - 1) } else { String::new() };
    let metrics = evidence.signals.iter().map(|it| (it.metric.as_str(), it.direction));
    let (possible_causes, checks) = collect_hints(metrics, model);
    let contributing_metrics: Vec<String> =
        evidence.signals.iter().map(|signal| signal.metric.clone()).collect();
    Some(Anomaly {
        name: format!("{}_{}", leading.metric, leading.direction.as_str()),
        kind: if count == 1 { AnomalyKind::Isolated } else { AnomalyKind::Consolidated },
        severity: evidence.severity,
        confidence: round_2(confidence.min(EVIDENCE_MAX)),
        score: evidence.recipe_score,
        root_metric: Some(leading.metric.clone()),
        direction: Some(leading.direction),
        value: Some(leading.value),
        description: format!("[{}] {}{more}", model.service, leading.text),
        recommended_actions: actions(&contributing_metrics, &checks),
        contributing_metrics,
        possible_causes,
        checks,
    })
}

/// A combination alone opens an anomaly only where its score is rare enough to be high, and then
/// it is never more than medium: nobody can point at a metric that is wrong.
fn from_combination(assessment: &Assessment, model: &PeriodModel) -> Option<Anomaly> {
    let verdict = assessment.combination.as_ref()?;
    if !verdict.is_flagged || verdict.severity < Severity::High {
        return None;
    }
    let names: Vec<String> = verdict.contributions.iter().map(|(name, _)| name.clone()).collect();
    let listed = names.iter().take(MESSAGES_MAX).cloned().collect::<Vec<_>>().join(" and ");
    Some(Anomaly {
        name: COMBINATION_NAME.to_owned(),
        kind: AnomalyKind::Combination,
        severity: Severity::Medium,
        confidence: CONFIDENCE_BASE,
        score: verdict.score,
        root_metric: names.first().cloned(),
        direction: None,
        value: None,
        description: format!("[{}] unusual combination, mostly of {listed}", model.service),
        contributing_metrics: names,
        possible_causes: Vec::new(),
        checks: Vec::new(),
        recommended_actions: vec![
            format!("INVESTIGATE why {listed} moved against each other"),
            "COMPARE with the last hour".to_owned(),
        ],
    })
}

/// What the forest of all metrics adds to the confidence when it agrees.
fn combination_bonus(assessment: &Assessment) -> f64 {
    let agrees = assessment.combination.as_ref().is_some_and(|verdict| verdict.is_flagged);
    if agrees { CONFIDENCE_COMBINATION } else { 0.0 }
}

fn describe(signals: &[Signal], model: &PeriodModel) -> String {
    let messages: Vec<String> = signals
        .iter()
        .take(MESSAGES_MAX)
        .filter_map(|signal| Some(signal.message(model.metric(&signal.metric)?)))
        .collect();
    let more = signals.len().saturating_sub(MESSAGES_MAX);
    let more = if more > 0 { format!(" (+{more} more)") } else { String::new() };
    format!("[{}] unusual behaviour: {}{more}", model.service, messages.join("; "))
}

fn collect_hints<'a>(
    metrics: impl Iterator<Item = (&'a str, Direction)>,
    model: &PeriodModel,
) -> (Vec<String>, Vec<String>) {
    let (mut causes, mut checks) = (Vec::new(), Vec::new());
    for (name, direction) in metrics {
        let Some(metric) = model.metric(name) else { continue };
        let found = hints(&metric.name, metric.kind, direction);
        append(&mut causes, found.causes);
        append(&mut checks, found.checks);
    }
    (causes, checks)
}

fn append(list: &mut Vec<String>, texts: &[&str]) {
    for text in texts.iter().take(HINTS_PER_METRIC) {
        if list.len() < HINTS_MAX && !list.iter().any(|known| known == text) {
            list.push((*text).to_owned());
        }
    }
}

fn actions(metrics: &[String], checks: &[String]) -> Vec<String> {
    let mut actions = vec![format!("INVESTIGATE {}", metrics.join(", "))];
    actions.extend(checks.iter().take(2).map(|check| format!("CHECK {check}")));
    actions.push("CORRELATE with releases and changes of the last hour".to_owned());
    actions
}

fn round_2(value: f64) -> f64 {
    libm::round(value * 100.0) / 100.0
}
