//! What an incident says about its cause: where the trouble starts, the way there, and how sure
//! that is.

use domain::ServiceName;

use super::root::{CallGraph, Symptoms, find_root};
use super::symptom::{RecentSymptoms, Symptom};

/// Where the trouble of a service starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    pub kind: CauseKind,
    /// From the service to where the trouble starts, both included; the service alone if no other
    /// is to blame.
    pub path: Vec<Stop>,
    /// 0 to 1; 0 where nothing is known.
    pub confidence: f64,
}

/// A service on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    pub service: ServiceName,
    /// Its strongest symptom; `None` if it has none.
    pub symptom: Option<Symptom>,
}

/// How trouble came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CauseKind {
    /// It starts in a service that is one call away.
    Neighbour,
    /// It starts further away.
    Chain,
    /// It starts here: what this service calls is well.
    DependenciesHealthy,
    /// It starts here, for all that is known.
    Unknown,
}

/// Score from which a root is beyond doubt: one that is severe by itself.
const STRONG_SCORE: f64 = 3.0;
/// Two services whose symptoms begin in one window began together.
const IN_ORDER_S: i64 = 5 * 60;
const HEALTHY_CONFIDENCE: f64 = 0.9;
const BASE_CONFIDENCE: f64 = 0.6;
const SLOW_CALLS_CONFIDENCE: f64 = 0.15;
const IN_ORDER_CONFIDENCE: f64 = 0.1;
const STRONG_CONFIDENCE: f64 = 0.1;

/// Looks for the cause of a service's trouble in the symptoms that the fleet showed lately.
pub fn find_cause(service: &ServiceName, symptoms: &Symptoms, graph: &CallGraph) -> Cause {
    let root = find_root(service, symptoms, graph);
    let recent = |service: &ServiceName| symptoms.get(service).copied().unwrap_or_default();
    let (kind, confidence) = match root.path.len() {
        0 | 1 if callees_are_well(service, symptoms, graph) => {
            (CauseKind::DependenciesHealthy, HEALTHY_CONFIDENCE)
        }
        0 | 1 => (CauseKind::Unknown, 0.0),
        2 => (CauseKind::Neighbour, confidence(&recent(service), &recent(&root.service))),
        _ => (CauseKind::Chain, confidence(&recent(service), &recent(&root.service))),
    };
    let stop = |service: ServiceName| {
        let symptom = recent(&service).scores.leading();
        Stop { service, symptom }
    };
    Cause { kind, path: root.path.into_iter().map(stop).collect(), confidence }
}

impl Cause {
    /// The other service where the trouble starts, if there is one.
    pub fn root(&self) -> Option<&ServiceName> {
        let last = self.path.last().filter(|_| self.path.len() > 1)?;
        (last.service != self.path[0].service).then_some(&last.service)
    }
}

/// True if all callees are known, there are any, and none fails or is slow.
fn callees_are_well(service: &ServiceName, symptoms: &Symptoms, graph: &CallGraph) -> bool {
    let is_well = |callee: &ServiceName| {
        let is_ill =
            |it: &RecentSymptoms| it.scores.has(Symptom::Errors) || it.scores.has(Symptom::Strain);
        symptoms.get(callee).is_some_and(|it| !is_ill(it))
    };
    graph.callees(service).next().is_some() && graph.callees(service).all(is_well)
}

fn confidence(service: &RecentSymptoms, root: &RecentSymptoms) -> f64 {
    let in_order = match (root.since_s, service.since_s) {
        (Some(root_s), Some(service_s)) => root_s <= service_s + IN_ORDER_S,
        _ => false,
    };
    let leading = root.scores.leading().map(|symptom| root.scores.get(symptom));
    let is_strong = leading.is_some_and(|score| score >= STRONG_SCORE);
    let points = [
        (service.scores.has(Symptom::SlowCalls), SLOW_CALLS_CONFIDENCE),
        (in_order, IN_ORDER_CONFIDENCE),
        (is_strong, STRONG_CONFIDENCE),
    ];
    let earned = points.iter().filter(|(is_true, _)| *is_true).map(|(_, points)| points);
    BASE_CONFIDENCE + earned.sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::super::symptom::SymptomScores;
    use super::*;

    fn name(text: &str) -> ServiceName {
        ServiceName::new(text).unwrap()
    }

    /// Calls a>b, b>c; each service's symptom, score and first minute.
    fn cause(shown: &[(&str, Symptom, f64, i64)]) -> (CauseKind, f64, usize) {
        let calls = [("a", "b"), ("b", "c")].map(|(a, b)| (name(a), name(b)));
        let of = |(service, symptom, score, minute): &(&str, Symptom, f64, i64)| {
            let mut scores = SymptomScores::default();
            scores.raise(*symptom, *score);
            (name(service), RecentSymptoms::of([(minute * 60, scores)]))
        };
        let cause = find_cause(&name("a"), &shown.iter().map(of).collect(), &CallGraph::of(calls));
        (cause.kind, (100.0 * cause.confidence).round() / 100.0, cause.path.len())
    }

    #[test]
    fn the_kind_follows_from_the_way() {
        use Symptom::{Errors, RateDown, SlowCalls};
        let (slow, errors) = (("a", SlowCalls, 2.0, 6), ("b", Errors, 2.0, 0));
        assert_eq!(cause(&[slow, errors]), (CauseKind::Neighbour, 0.85, 2));
        assert_eq!(cause(&[slow, ("b", Errors, 9.0, 12)]), (CauseKind::Neighbour, 0.85, 2));
        let chain = [slow, errors, ("c", Errors, 4.0, 0)];
        assert_eq!(cause(&chain), (CauseKind::Chain, 0.95, 3));
        assert_eq!(cause(&[slow]), (CauseKind::Unknown, 0.0, 1));
        let well = [("a", Errors, 2.0, 0), ("b", RateDown, 2.0, 0)];
        assert_eq!(cause(&well), (CauseKind::DependenciesHealthy, 0.9, 1));
    }
}
