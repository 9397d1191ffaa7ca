//! What was told of, beside the faults that there really were.
//!
//! A fault is found if an incident of a service that feels it opens in its window. One that was open
//! before tells nothing new, and does not count. An incident is a false alarm if no fault explains
//! it: none of the services that feel a fault, nor a neighbour of theirs in the call graph, had one
//! just before or meanwhile. What is listed under another incident was not told by itself. A surge that the services absorb is
//! labelled, but nobody needs to hear of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use simulate::{Difficulty, Estate, EventKind, FaultKind, Label};

use super::life::Life;

/// An incident may begin so much before the label does.
const EARLY_S: i64 = 120;
/// After a fault's end it may still be found for so long: metrics are averages over five minutes.
const FOUND_LATE_S: i64 = 360;
/// After a fault's end it still explains an incident for so long.
const EXPLAINED_LATE_S: i64 = 900;
const DAY_S: f64 = 86_400.0;

/// How the replay went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    pub faults: Vec<FaultVerdict>,
    pub false_alarms: Vec<FalseAlarm>,
    /// Incidents that were told of.
    pub incidents: usize,
    /// Services times days replayed.
    pub service_days: f64,
}

/// What became of one fault.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaultVerdict {
    pub kind: String,
    pub service: String,
    pub start_s: i64,
    pub end_s: i64,
    #[serde(serialize_with = "as_text")]
    pub difficulty: Option<Difficulty>,
    /// False for a surge that the services absorb.
    pub needs_finding: bool,
    pub found: Option<Found>,
    /// Not found, but an incident of a service that feels it had opened before.
    pub was_open: bool,
}

/// The first incident that tells of a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    pub by_service: String,
    /// Seconds from the start of the fault; a cycle may come just before its label.
    pub delay_s: i64,
}

/// An incident that no fault explains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FalseAlarm {
    pub incident: Life,
    /// What happened to the service then that is no fault.
    pub meanwhile: Option<String>,
}

impl Verdict {
    /// Compares what was said with what was.
    pub fn new(lives: &[Life], estate: &Estate) -> Verdict {
        let incidents = incidents(&estate.labels);
        let days = (estate.end_s - estate.test_start_s) as f64 / DAY_S;
        Verdict {
            faults: incidents.iter().map(|labels| judge(labels, lives)).collect(),
            false_alarms: lives
                .iter()
                .filter(|life| !incidents.iter().any(|it| explains(it, life, estate)))
                .map(|life| FalseAlarm {
                    incident: life.clone(),
                    meanwhile: meanwhile(life, estate),
                })
                .collect(),
            incidents: lives.len(),
            service_days: estate.services.len() as f64 * days,
        }
    }

    /// Faults that had to be found, and how many were.
    pub fn found_of(&self) -> (usize, usize) {
        let needed = || self.faults.iter().filter(|fault| fault.needs_finding);
        (needed().filter(|fault| fault.found.is_some()).count(), needed().count())
    }
}

/// Labels by incident, the root cause first.
fn incidents(labels: &[Label]) -> Vec<Vec<&Label>> {
    let mut incidents: BTreeMap<&str, Vec<&Label>> = BTreeMap::new();
    for label in labels {
        incidents.entry(&label.incident_id).or_default().push(label);
    }
    incidents.into_values().collect()
}

fn judge(labels: &[&Label], lives: &[Life]) -> FaultVerdict {
    let root = labels[0];
    let feels = |service: &str| labels.iter().any(|label| label.service == service);
    let window = (root.start_s - EARLY_S, root.end_s + FOUND_LATE_S);
    let telling: Vec<&Life> =
        lives.iter().filter(|life| feels(&life.service) && overlaps(life, window)).collect();
    let (new, old): (Vec<&Life>, Vec<&Life>) =
        telling.into_iter().partition(|life| life.opened_s >= window.0);
    let first =
        new.into_iter().min_by_key(|life| (life.opened_s, life.service != root.root_cause_service));
    FaultVerdict {
        kind: root.kind.clone(),
        service: root.root_cause_service.clone(),
        start_s: root.start_s,
        end_s: root.end_s,
        difficulty: root.difficulty,
        needs_finding: root.kind != FaultKind::TrafficSurgeHealthy.as_str(),
        found: first.map(|life| Found {
            by_service: life.service.clone(),
            delay_s: life.opened_s - root.start_s,
        }),
        was_open: first.is_none() && !old.is_empty(),
    }
}

fn overlaps(life: &Life, (from_s, until_s): (i64, i64)) -> bool {
    life.opened_s <= until_s && life.last_s >= from_s
}

fn explains(labels: &[&Label], life: &Life, estate: &Estate) -> bool {
    let root = labels[0];
    let felt: BTreeSet<&str> = labels.iter().map(|label| label.service.as_str()).collect();
    let is_near = |(caller, callee): &(String, String)| {
        (*caller == life.service && felt.contains(callee.as_str()))
            || (*callee == life.service && felt.contains(caller.as_str()))
    };
    let is_related = felt.contains(life.service.as_str()) || estate.graph.iter().any(is_near);
    is_related && overlaps(life, (root.start_s - EARLY_S, root.end_s + EXPLAINED_LATE_S))
}

fn meanwhile(life: &Life, estate: &Estate) -> Option<String> {
    let event = estate.events.iter().find(|event| {
        let window = (event.start_s - EARLY_S, event.end_s + EXPLAINED_LATE_S);
        event.service == life.service && overlaps(life, window)
    })?;
    let what = match event.kind {
        EventKind::BadValue => "a bad value was recorded",
        EventKind::Gap => "metrics were missing",
        EventKind::DeployLevelShift => "a release had changed its level",
        EventKind::DeployWarmup => "a release was warming up",
        EventKind::Maintenance => "it was in maintenance",
    };
    Some(what.to_owned())
}

fn as_text<S: serde::Serializer>(
    difficulty: &Option<Difficulty>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match difficulty {
        Some(difficulty) => serializer.serialize_str(difficulty.as_str()),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Severity;

    /// `front -> order -> payment`, and `search` apart; a day of 24 h.
    fn estate(labels: Vec<Label>) -> Estate {
        let pair = |caller: &str, callee: &str| (caller.to_owned(), callee.to_owned());
        Estate {
            series: Vec::new(),
            labels,
            events: Vec::new(),
            graph: vec![pair("front", "order"), pair("order", "payment")],
            services: Vec::new(),
            faults: Vec::new(),
            unplaced_faults: 0,
            start_s: 0,
            test_start_s: 0,
            end_s: 86_400,
        }
    }

    /// A fault of `payment` from 10 000 to 12 000 that `order` feels.
    fn labels(kind: FaultKind) -> Vec<Label> {
        let label = |service: &str| Label {
            incident_id: "inc-001".to_owned(),
            service: service.to_owned(),
            start_s: 10_000,
            end_s: 12_000,
            kind: kind.as_str().to_owned(),
            root_cause_service: "payment".to_owned(),
            difficulty: None,
            metrics: Vec::new(),
        };
        vec![label("payment"), label("order")]
    }

    fn life(service: &str, opened_s: i64, last_s: i64) -> Life {
        Life {
            incident_id: "incident_000000000000".to_owned(),
            service: service.to_owned(),
            opened_s,
            last_s,
            over_s: None,
            worst: Severity::High,
            what: String::new(),
            affected: Vec::new(),
            alerts: 1,
        }
    }

    #[track_caller]
    fn check(service: &str, opened_s: i64, last_s: i64, delay_s: Option<i64>, alarms: usize) {
        let estate = estate(labels(FaultKind::LatencySpike));
        let verdict = Verdict::new(&[life(service, opened_s, last_s)], &estate);
        let found = verdict.faults[0].found.as_ref();
        assert_eq!((found.map(|it| it.delay_s), verdict.false_alarms.len()), (delay_s, alarms));
    }

    #[test]
    fn whoever_feels_a_fault_may_tell_of_it() {
        check("payment", 10_120, 11_000, Some(120), 0);
        check("order", 10_240, 11_000, Some(240), 0);
        check("search", 10_120, 11_000, None, 1);
    }

    #[test]
    fn a_neighbour_is_explained_but_does_not_find() {
        check("front", 10_120, 11_000, None, 0);
    }

    #[test]
    fn windows_have_edges() {
        check("payment", 9_880, 9_880, Some(-120), 0);
        check("payment", 9_879, 11_000, None, 0);
        check("payment", 9_000, 9_880, None, 0);
        check("payment", 9_000, 9_879, None, 1);
        check("payment", 12_360, 12_400, Some(2_360), 0);
        check("payment", 12_361, 12_400, None, 0);
        check("payment", 12_900, 12_960, None, 0);
        check("payment", 12_901, 12_960, None, 1);
    }

    #[test]
    fn a_surge_that_is_absorbed_need_not_be_found() {
        let surge = estate(labels(FaultKind::TrafficSurgeHealthy));
        assert_eq!(Verdict::new(&[], &surge).found_of(), (0, 0));
        let spike = estate(labels(FaultKind::LatencySpike));
        assert_eq!(Verdict::new(&[], &spike).found_of(), (0, 1));
    }
}
