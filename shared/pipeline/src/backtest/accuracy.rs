//! Alerts beside labelled incidents: what was found, how late, and what was a false alarm.
//!
//! Counting is by events, not by samples. An incident is found by any alert of a service that feels
//! it, from one step before its start to one step after its end (event-wise, as in Hundman et al.,
//! KDD 2018). Alerts of one service that lie close together are one episode. What of an episode
//! lies outside every labelled window is a false alarm once for each hour that it touches, whether
//! or not the rest of it hits: an alert that never ends earns nothing. Who is held responsible is
//! right if most alerts of the incident say so. Maintenance counts neither way.

mod alarms;
mod intervals;
mod points;

use std::collections::{BTreeMap, BTreeSet};

use domain::Severity;
use serde::Serialize;

use crate::backtest::incident::Incident;
use crate::backtest::tape::Tape;
use alarms::count_alarms;
use intervals::{Interval, overlap};

pub use points::{Points, vus_pr};

/// What a label calls an incident that need not be announced.
pub const HARMLESS_KIND: &str = "traffic_surge_healthy";
/// A label's name for every service.
pub const EVERY_SERVICE: &str = "*";

/// Where the services have different steps.
const COMMON_STEP_S: i64 = 60;

/// One service's part of a labelled incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub incident: String,
    /// A service, or [`EVERY_SERVICE`].
    pub service: String,
    pub start_s: i64,
    pub end_s: i64,
    pub kind: String,
    pub root_cause: String,
}

/// A stretch in which alerts count neither way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maintenance {
    pub service: String,
    pub start_s: i64,
    pub end_s: i64,
}

/// What is known about a replay besides its alerts.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// Those that begin in what was replayed.
    pub labels: Vec<Label>,
    /// All of them: a sample may be labelled by what began before the replay.
    pub labelled: Vec<Label>,
    pub maintenance: Vec<Maintenance>,
    /// Allowance at the edges of labels.
    pub step_s: i64,
    pub service_days: f64,
}

/// An alert to be counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alert {
    pub service: String,
    #[serde(serialize_with = "text_of")]
    pub start: i64,
    #[serde(serialize_with = "text_of")]
    pub end: i64,
    pub severity: Severity,
    pub score: f64,
    pub root_cause: String,
    pub affected: Vec<String>,
}

/// The figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Accuracy {
    pub incidents: usize,
    pub detected: usize,
    /// `None` without labelled incidents.
    pub recall: Option<f64>,
    /// Leaves out surges that the services absorb.
    pub recall_without_harmless: Option<f64>,
    pub true_episodes: usize,
    pub false_alarms: usize,
    pub false_alarms_per_service_day: f64,
    pub precision: Option<f64>,
    pub f1: f64,
    /// From the incident's start to its first alert, not below 0.
    pub median_delay_s: Option<f64>,
    /// Share of detected incidents with an alert that blames the right service most.
    pub root_cause_top1: Option<f64>,
    /// By kind: found, and all.
    pub recall_by_kind: BTreeMap<String, (usize, usize)>,
    #[serde(skip)]
    pub outcomes: Vec<Outcome>,
    /// By position of the alert.
    #[serde(skip)]
    pub verdicts: Vec<Verdict>,
}

/// What became of a labelled incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub incident: String,
    pub kind: String,
    pub root_cause: String,
    pub services: Vec<String>,
    pub start_s: i64,
    pub end_s: i64,
    /// Positions of the alerts that found it.
    pub hits: Vec<usize>,
    pub delay_s: Option<i64>,
    /// Whom most alerts blame.
    pub blamed: Option<String>,
}

/// What an alert was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Meets incidents of these kinds; what of it lies outside is so many hours of false alarm.
    True { kinds: BTreeSet<String>, hours: usize },
    /// Lies within a window that excuses it.
    Excused,
    /// Hours of false alarm, 0 if an alert close by counted them.
    False { hours: usize },
}

impl Truth {
    /// Keeps the labels that begin in what the tapes replay: between the first and the last replayed
    /// instant of all services, but not in a service's history.
    pub fn new(labels: Vec<Label>, maintenance: Vec<Maintenance>, tapes: &[Tape]) -> Truth {
        let steps: BTreeSet<i64> = tapes.iter().map(|tape| tape.step_s).collect();
        let step_s = match steps.len() {
            1 => steps.first().copied().unwrap_or(COMMON_STEP_S),
            _ => COMMON_STEP_S,
        };
        let replayed = Replayed::of(tapes);
        let labelled = labels.clone();
        let mut labels = labels;
        labels.retain(|label| replayed.contains(&label.service, label.start_s));
        let service_days = tapes.iter().map(Tape::days).sum();
        Truth { labels, labelled, maintenance, step_s, service_days }
    }

    /// The labels of each incident.
    pub(super) fn incidents(&self) -> Vec<Vec<&Label>> {
        let mut incidents: BTreeMap<&str, Vec<&Label>> = BTreeMap::new();
        for label in &self.labels {
            incidents.entry(&label.incident).or_default().push(label);
        }
        incidents.into_values().collect()
    }
}

impl Label {
    /// Whether something about a service lies within its window, give or take `slack_s`.
    pub(super) fn meets(&self, service: &str, span: (i64, i64), slack_s: i64) -> bool {
        (self.service == EVERY_SERVICE || self.service == service)
            && overlap(span, (self.start_s - slack_s, self.end_s + slack_s))
    }
}

/// The labels of an incident that tell whom it hits: beside named services, "every service" only
/// excuses alerts elsewhere.
pub(super) fn telling<'a>(labels: &[&'a Label]) -> Vec<&'a Label> {
    let tells = |it: &&&Label| it.service != EVERY_SERVICE || labels.len() == 1;
    labels.iter().filter(tells).copied().collect()
}

/// Which instants of which service were replayed.
struct Replayed<'a> {
    tapes: &'a [Tape],
    all: Interval,
}

impl Replayed<'_> {
    fn of(tapes: &[Tape]) -> Replayed<'_> {
        let first = tapes.iter().filter_map(|tape| Some(tape.spans.first()?.first_s)).min();
        let last = tapes.iter().filter_map(|tape| Some(tape.spans.last()?.last_s + tape.step_s));
        Replayed { tapes, all: (first.unwrap_or(0), last.max().unwrap_or(0)) }
    }

    fn contains(&self, service: &str, time_s: i64) -> bool {
        let is_within = self.all.0 <= time_s && time_s < self.all.1;
        let own = self.tapes.iter().find(|tape| tape.service.as_str() == service);
        is_within && own.is_none_or(|tape| !is_history(tape, time_s))
    }
}

/// True if the sample at an instant or next after it is history; past the last one, if that is.
fn is_history(tape: &Tape, time_s: i64) -> bool {
    let times = || tape.samples.series.iter().flatten().map(|series| &series.times_s);
    let next = times().filter_map(|it| it.get(it.partition_point(|t| *t < time_s))).min();
    let nearest = next.or_else(|| times().filter_map(|it| it.last()).max());
    nearest.is_some_and(|time| tape.stamps_s.binary_search(time).is_err())
}

impl From<&Incident> for Alert {
    fn from(incident: &Incident) -> Alert {
        Alert {
            service: incident.service.to_string(),
            start: incident.episode.start_s,
            end: incident.episode.end_s,
            severity: incident.episode.severity,
            score: incident.episode.score,
            root_cause: incident.root_cause.to_string(),
            affected: incident.affected.iter().map(ToString::to_string).collect(),
        }
    }
}

fn text_of<S: serde::Serializer>(time_s: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    let instant = chrono::DateTime::from_timestamp(*time_s, 0).unwrap_or_default();
    serializer.serialize_str(&payload::instant(instant))
}

/// Counts.
pub fn judge(truth: &Truth, alerts: &[Alert]) -> Accuracy {
    let outcomes = outcomes(truth, alerts);
    let counted = count_alarms(truth, alerts);
    let found = |wanted: &dyn Fn(&Outcome) -> bool| {
        let of: Vec<&Outcome> = outcomes.iter().filter(|it| wanted(it)).collect();
        (of.iter().filter(|it| !it.hits.is_empty()).count(), of.len())
    };
    let share = |(part, of): (usize, usize)| (of > 0).then(|| part as f64 / of as f64);
    let (detected, incidents) = found(&|_| true);
    let recall = share((detected, incidents));
    let precision = share((counted.hits, counted.hits + counted.false_alarms));
    let f1 = match (precision, recall) {
        (Some(p), Some(r)) if p + r > 0.0 => 2.0 * p * r / (p + r),
        _ => 0.0,
    };
    let kinds: BTreeSet<&String> = outcomes.iter().map(|it| &it.kind).collect();
    let recall_by_kind =
        kinds.iter().map(|kind| ((*kind).clone(), found(&|it| it.kind == **kind))).collect();
    let named: Vec<bool> =
        outcomes.iter().filter_map(|it| Some(it.blamed.as_ref()? == &it.root_cause)).collect();
    Accuracy {
        incidents,
        detected,
        recall,
        recall_without_harmless: share(found(&|it| it.kind != HARMLESS_KIND)),
        true_episodes: counted.hits,
        false_alarms: counted.false_alarms,
        false_alarms_per_service_day: counted.false_alarms as f64 / truth.service_days,
        precision,
        f1,
        median_delay_s: median(outcomes.iter().filter_map(|it| it.delay_s).collect()),
        root_cause_top1: share((named.iter().filter(|right| **right).count(), named.len())),
        recall_by_kind,
        outcomes,
        verdicts: counted.verdicts,
    }
}

fn outcomes(truth: &Truth, alerts: &[Alert]) -> Vec<Outcome> {
    let incidents = truth.incidents().into_iter();
    let mut outcomes: Vec<Outcome> =
        incidents.map(|labels| outcome(&labels, alerts, truth.step_s)).collect();
    outcomes.sort_by(|a, b| (a.start_s, &a.incident).cmp(&(b.start_s, &b.incident)));
    outcomes
}

fn outcome(labels: &[&Label], alerts: &[Alert], step_s: i64) -> Outcome {
    let start_s = labels.iter().map(|label| label.start_s).min().unwrap_or(0);
    let end_s = labels.iter().map(|label| label.end_s).max().unwrap_or(0);
    let telling = telling(labels);
    let meets =
        |alert: &Alert| telling.iter().any(|it| it.meets(&alert.service, span(alert), step_s));
    let hits: Vec<usize> = (0..alerts.len()).filter(|index| meets(&alerts[*index])).collect();
    let first_s = hits.iter().map(|index| alerts[*index].start).min();
    let begins_within =
        |alert: &&Alert| start_s - step_s <= alert.start && alert.start <= end_s + step_s;
    let seen: Vec<&Alert> = alerts.iter().filter(begins_within).collect();
    let hit: Vec<&Alert> = hits.iter().map(|index| &alerts[*index]).collect();
    Outcome {
        incident: labels[0].incident.clone(),
        kind: labels[0].kind.clone(),
        root_cause: labels[0].root_cause.clone(),
        services: telling.iter().map(|label| label.service.clone()).collect(),
        start_s,
        end_s,
        delay_s: first_s.map(|first_s| (first_s - start_s).max(0)),
        blamed: first_s.and_then(|_| most_blamed(if seen.is_empty() { &hit } else { &seen })),
        hits,
    }
}

/// Of equally often blamed services the first by name.
fn most_blamed(alerts: &[&Alert]) -> Option<String> {
    let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
    for alert in alerts {
        *votes.entry(&alert.root_cause).or_default() += 1;
    }
    let most = votes.values().copied().max()?;
    votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name.to_owned())
}

fn span(alert: &Alert) -> Interval {
    (alert.start, alert.end)
}

fn median(mut values: Vec<i64>) -> Option<f64> {
    values.sort_unstable();
    let (low, high) = (values.get((values.len().max(1) - 1) / 2)?, values.get(values.len() / 2)?);
    Some((low + high) as f64 / 2.0)
}

#[cfg(test)]
#[path = "accuracy_tests.rs"]
mod tests;
