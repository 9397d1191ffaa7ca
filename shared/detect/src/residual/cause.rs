//! What an incident says about its cause: where the trouble starts, and the way there.

use domain::ServiceName;

use super::root::{CallGraph, Symptoms, find_root};
use super::symptom::Symptom;

/// Where the trouble of a service starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// From the service to where the trouble starts, both included; the service alone if no other
    /// is to blame.
    pub path: Vec<Stop>,
}

/// A service on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    pub service: ServiceName,
    /// Its strongest symptom; `None` if it has none.
    pub symptom: Option<Symptom>,
}

/// Looks for the cause of a service's trouble in the symptoms that the fleet showed lately.
pub fn find_cause(service: &ServiceName, symptoms: &Symptoms, graph: &CallGraph) -> Cause {
    let stop = |service: ServiceName| {
        let symptom = symptoms.get(&service).and_then(|recent| recent.scores.leading());
        Stop { service, symptom }
    };
    Cause { path: find_root(service, symptoms, graph).path.into_iter().map(stop).collect() }
}

impl Cause {
    /// The other service where the trouble starts, if there is one.
    pub fn root(&self) -> Option<&ServiceName> {
        let last = self.path.last().filter(|_| self.path.len() > 1)?;
        (last.service != self.path[0].service).then_some(&last.service)
    }

    /// The same trouble with nobody else to blame.
    #[must_use]
    pub fn without_root(mut self) -> Cause {
        self.path.truncate(1);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::symptom::{RecentSymptoms, SymptomScores};
    use super::*;

    fn name(text: &str) -> ServiceName {
        ServiceName::new(text).unwrap()
    }

    /// Calls a>b, b>c; each service's symptom and score.
    fn cause(shown: &[(&str, Symptom, f64)]) -> Cause {
        let calls = [("a", "b"), ("b", "c")].map(|(a, b)| (name(a), name(b)));
        let of = |(service, symptom, score): &(&str, Symptom, f64)| {
            let mut scores = SymptomScores::default();
            scores.raise(*symptom, *score);
            (name(service), RecentSymptoms::of([(0, scores)]))
        };
        find_cause(&name("a"), &shown.iter().map(of).collect(), &CallGraph::of(calls))
    }

    #[test]
    fn the_way_ends_at_the_root() {
        use Symptom::{Errors, SlowCalls};
        let (slow, errors) = (("a", SlowCalls, 2.0), ("b", Errors, 2.0));
        let far = cause(&[slow, errors, ("c", Errors, 4.0)]);
        assert_eq!(far.root(), Some(&name("c")));
        let told: Vec<_> = far.path.iter().map(|it| (it.service.as_str(), it.symptom)).collect();
        assert_eq!(told, [("a", Some(SlowCalls)), ("b", Some(Errors)), ("c", Some(Errors))]);
        let alone = cause(&[slow]);
        assert_eq!((alone.root(), alone.path.len()), (None, 1));
        assert_eq!(far.without_root(), alone);
    }
}
