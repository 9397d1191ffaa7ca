//! Where trouble starts: a walk along the call graph from the service that alerts.
//!
//! Errors and slowness come from below: the walk steps to the callee that explains them best.
//! Where no callee is slow, calls on average are slower because one callee gets fewer of them: then
//! it steps there. Load comes from above: the walk climbs to the callers that move the same way, and
//! from requests that are missing to the caller that fails in place of sending them. A callee that
//! gets more requests because the caller sends more (a retry storm, a surge) is not at fault.

use std::collections::{BTreeMap, BTreeSet};

use domain::ServiceName;

use super::symptom::{RecentSymptoms, Symptom, SymptomScores};

/// Who calls whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallGraph {
    callees: BTreeMap<ServiceName, BTreeSet<ServiceName>>,
    callers: BTreeMap<ServiceName, BTreeSet<ServiceName>>,
    depth_max: usize,
}

/// Where a walk ended, and the way there from the service that alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    pub service: ServiceName,
    pub path: Vec<ServiceName>,
}

/// Recent symptoms of services. One that is not in it has none.
pub type Symptoms = BTreeMap<ServiceName, RecentSymptoms>;

/// Evidence spreads within minutes: until an incident is this old, the root that it states may be
/// found again. Who it is listed under was decided when it opened.
pub const ROOT_SETTLES_S: i64 = 10 * 60;
/// Calls that a walk follows at most, down and up together.
const DEPTH_MAX: usize = 5;

impl CallGraph {
    /// A graph of `(caller, callee)`; a service that calls itself does not count.
    pub fn of(calls: impl IntoIterator<Item = (ServiceName, ServiceName)>) -> CallGraph {
        let (callees, callers) = Default::default();
        let mut graph = CallGraph { callees, callers, depth_max: DEPTH_MAX };
        for (caller, callee) in calls.into_iter().filter(|(caller, callee)| caller != callee) {
            graph.callers.entry(callee.clone()).or_default().insert(caller.clone());
            graph.callees.entry(caller).or_default().insert(callee);
        }
        graph
    }

    /// The graph, followed over at most so many calls.
    #[must_use]
    pub fn with_depth_max(self, depth_max: usize) -> CallGraph {
        CallGraph { depth_max, ..self }
    }

    /// True if nothing calls anything.
    pub fn is_empty(&self) -> bool {
        self.callees.is_empty()
    }

    /// The services that a service calls, by name.
    pub fn callees(&self, service: &ServiceName) -> impl Iterator<Item = &ServiceName> {
        self.callees.get(service).into_iter().flatten()
    }

    fn callers(&self, service: &ServiceName) -> impl Iterator<Item = &ServiceName> {
        self.callers.get(service).into_iter().flatten()
    }
}

/// Follows the graph from `service`. Never visits a service twice, except that it may climb back
/// to where it began. Of equal candidates the first by name is taken.
pub fn find_root(service: &ServiceName, symptoms: &Symptoms, graph: &CallGraph) -> Root {
    let mut path = vec![service];
    descend(&mut path, symptoms, graph);
    climb(&mut path, symptoms, graph);
    let path: Vec<ServiceName> = path.into_iter().cloned().collect();
    Root { service: path.last().unwrap_or(service).clone(), path }
}

fn descend<'a>(path: &mut Vec<&'a ServiceName>, symptoms: &Symptoms, graph: &'a CallGraph) {
    while let Some(current) = path.last().copied().filter(|_| path.len() <= graph.depth_max) {
        let here = scores(symptoms, current);
        let next = |fit: fn(&SymptomScores, &SymptomScores) -> Option<f64>| {
            let candidates = graph.callees(current).filter(|callee| !path.contains(callee));
            best(candidates.filter_map(|callee| {
                fit(&here, &scores(symptoms, callee)).map(|fit| (fit, callee))
            }))
        };
        match next(fit).or_else(|| next(thinned)) {
            Some(next) => path.push(next),
            None => return,
        }
    }
}

fn climb<'a>(path: &mut Vec<&'a ServiceName>, symptoms: &Symptoms, graph: &'a CallGraph) {
    let Some(reached) = path.last().map(|service| scores(symptoms, service)) else { return };
    let is_in_trouble = reached.has(Symptom::Errors) || reached.has(Symptom::Strain);
    let movement = if reached.has(Symptom::RateUp) {
        Symptom::RateUp
    } else if reached.has(Symptom::RateDown) && !is_in_trouble {
        Symptom::RateDown
    } else {
        return;
    };
    while let Some(current) = path.last().copied().filter(|_| path.len() <= graph.depth_max) {
        let next = |symptom: Symptom| {
            let candidates = graph.callers(current).filter(|caller| !path[1..].contains(caller));
            best(candidates.filter_map(|caller| {
                let there = scores(symptoms, caller);
                there.has(symptom).then_some((there.get(symptom), caller))
            }))
        };
        if let Some(next) = next(movement) {
            path.push(next);
            continue;
        }
        // What fails at once calls nobody.
        if movement == Symptom::RateDown {
            path.extend(next(Symptom::Errors));
        }
        return;
    }
}

/// How well the callee's symptoms explain the caller's: errors come from errors, slowness from
/// slowness, slow calls also from errors (retries, timeouts). `None` if not at all, or if the
/// caller sends the load that the callee suffers from.
fn fit(caller: &SymptomScores, callee: &SymptomScores) -> Option<f64> {
    if caller.has(Symptom::RateUp) && callee.has(Symptom::RateUp) {
        return None;
    }
    let mut fitting: Vec<Symptom> = Vec::new();
    if caller.has(Symptom::Errors) || caller.has(Symptom::SlowCalls) {
        fitting.push(Symptom::Errors);
    }
    if caller.has(Symptom::SlowCalls) || caller.has(Symptom::Strain) {
        fitting.push(Symptom::Strain);
    }
    let having = fitting.into_iter().filter(|symptom| callee.has(*symptom));
    having.map(|symptom| callee.get(symptom)).reduce(f64::max)
}

/// How well requests that the callee misses explain slow calls of the caller: its calls are fewer
/// and others, so their mean is another. `None` if the caller has another reason.
fn thinned(caller: &SymptomScores, callee: &SymptomScores) -> Option<f64> {
    let others = [Symptom::Errors, Symptom::RateUp, Symptom::RateDown];
    let is_all = caller.has(Symptom::SlowCalls) && !others.iter().any(|it| caller.has(*it));
    (is_all && callee.has(Symptom::RateDown)).then(|| callee.get(Symptom::RateDown))
}

/// The candidate with the highest score; candidates come in order of name and the first is kept.
fn best<'a>(candidates: impl Iterator<Item = (f64, &'a ServiceName)>) -> Option<&'a ServiceName> {
    let better = |best: (f64, &'a ServiceName), next: (f64, &'a ServiceName)| {
        if next.0 > best.0 { next } else { best }
    };
    candidates.reduce(better).map(|(_, service)| service)
}

fn scores(symptoms: &Symptoms, service: &ServiceName) -> SymptomScores {
    symptoms.get(service).map(|recent| recent.scores).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> ServiceName {
        ServiceName::new(text).unwrap()
    }

    fn graph(calls: &str) -> CallGraph {
        CallGraph::of(calls.split_whitespace().map(|call| {
            let (caller, callee) = call.split_once('>').unwrap();
            (name(caller), name(callee))
        }))
    }

    /// `a:errors=3` and so on.
    fn symptoms(text: &str) -> Symptoms {
        let mut all = Symptoms::new();
        for entry in text.split_whitespace() {
            let (service, rest) = entry.split_once(':').unwrap();
            let (symptom, score) = rest.split_once('=').unwrap();
            let symptom = match symptom {
                "errors" => Symptom::Errors,
                "strain" => Symptom::Strain,
                "calls" => Symptom::SlowCalls,
                "up" => Symptom::RateUp,
                _ => Symptom::RateDown,
            };
            let recent = all.entry(name(service)).or_default();
            recent.scores.raise(symptom, score.parse().unwrap());
        }
        all
    }

    fn check(start: &str, calls: &str, evidence: &str, path: &str) {
        let root = find_root(&name(start), &symptoms(evidence), &graph(calls));
        let found: Vec<&str> = root.path.iter().map(ServiceName::as_str).collect();
        assert_eq!(found.join(" "), path, "{evidence}");
        assert_eq!(root.path.last(), Some(&root.service));
    }

    #[test]
    fn errors_and_slowness_come_from_below() {
        let calls = "a>b a>c b>d";
        check("a", calls, "a:errors=2 b:errors=3 c:errors=1 d:errors=2", "a b d");
        check("a", calls, "a:errors=2 b:strain=3 c:errors=1", "a c");
        check("a", calls, "a:calls=2 b:strain=3 d:strain=1", "a b d");
        check("a", calls, "a:calls=2 c:errors=3", "a c");
        check("a", calls, "a:strain=2 c:errors=3", "a");
        check("a", calls, "a:errors=2 b:errors=0.2", "a");
        check("a", calls, "a:errors=2 b:errors=1 c:errors=1", "a b");
    }

    #[test]
    fn load_comes_from_above() {
        let calls = "a>b b>c";
        check("c", calls, "c:up=2 b:up=3 a:up=1", "c b a");
        check("c", calls, "c:down=2 b:down=3", "c b");
        check("c", calls, "c:down=2 c:errors=1 b:down=3", "c");
        check("c", calls, "c:up=2 b:down=3", "c");
        // The caller sends the load: the callee's errors are not its own fault.
        check("b", calls, "b:errors=2 b:up=2 c:errors=3 c:up=3", "b");
        check("c", calls, "c:errors=3 c:up=3 b:up=2 b:errors=2", "c b");
    }

    #[test]
    fn missing_requests_are_missed_where_they_are_not_sent() {
        let calls = "a>b a>c b>d";
        // What fails at once calls nobody.
        check("d", calls, "d:down=3 b:errors=9", "d b");
        check("d", calls, "d:down=3 b:down=2 a:errors=9", "d b a");
        check("d", calls, "d:down=3 d:errors=1 b:errors=9", "d");
        check("d", calls, "d:up=3 b:errors=9", "d");
        // Fewer calls of one kind change the mean of all.
        check("a", calls, "a:calls=3 b:down=5 c:down=2", "a b");
        check("a", calls, "a:calls=3 b:down=5 c:strain=1", "a c");
        check("a", calls, "a:calls=3 a:down=2 b:down=5", "a");
        check("a", calls, "a:calls=3 a:errors=2 b:down=5", "a");
    }

    #[test]
    fn a_walk_is_as_long_as_it_may_be() {
        let (calls, evidence) = ("a>b b>c c>d", "a:errors=1 b:errors=1 c:errors=1 d:errors=1");
        let graph = graph(calls).with_depth_max(2);
        assert_eq!(find_root(&name("a"), &symptoms(evidence), &graph).service, name("c"));
    }

    #[test]
    fn circles_end() {
        check("a", "a>b b>a", "a:errors=2 b:errors=2", "a b");
        check("a", "a>b b>a", "a:up=2 b:up=2", "a b a");
        check("a", "a>a", "a:errors=2", "a");
        check("a", "", "", "a");
    }

    proptest! {
        #[test]
        fn walks_end_in_any_graph(
            calls in prop::collection::vec((0u8..6, 0u8..6), 0..30),
            evidence in prop::collection::vec((0u8..6, 0usize..5, -1.0f64..5.0), 0..30),
        ) {
            const ALL: [Symptom; 5] = [
                Symptom::Errors, Symptom::Strain, Symptom::SlowCalls, Symptom::RateUp,
                Symptom::RateDown,
            ];
            let of = |i: u8| name(&i.to_string());
            let graph = CallGraph::of(calls.into_iter().map(|(a, b)| (of(a), of(b))));
            let mut symptoms = Symptoms::new();
            for (service, symptom, score) in evidence {
                symptoms.entry(of(service)).or_default().scores.raise(ALL[symptom], score);
            }
            let root = find_root(&of(0), &symptoms, &graph);
            prop_assert_eq!(root.path.first(), Some(&of(0)));
            prop_assert!(root.path.len() <= 7);
        }
    }
}
