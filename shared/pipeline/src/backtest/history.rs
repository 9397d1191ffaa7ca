//! What a replay learns from: the metrics that recordings hold, and how far each history goes.

use std::collections::BTreeSet;

use domain::limits::CYCLE_S;
use domain::{MetricDefinition, MetricSet, MetricSetError, ServiceName};

use crate::backtest::Tape;

/// Histories that end this close to each other are learned together.
const CLASS_S: i64 = 3_600;

/// The metrics to use where a recording holds others than `known`: those of the known ones that
/// are `named`, in their order, then the others, each understood by its name. `None` without
/// others.
pub fn understood(
    known: &MetricSet,
    named: &BTreeSet<String>,
    others: &BTreeSet<String>,
) -> Result<Option<MetricSet>, MetricSetError> {
    if others.is_empty() {
        return Ok(None);
    }
    let is_there = |metric: &&MetricDefinition| named.contains(&metric.name);
    let mut found: Vec<MetricDefinition> = known.iter().filter(is_there).cloned().collect();
    found.extend(others.iter().map(|name| MetricDefinition::guess(name)));
    MetricSet::new(found).map(Some)
}

/// Services that learn together, and until when (epoch seconds, the end of a cycle): those whose
/// histories end within an hour of each other. Each service learns to the end of its own history,
/// however long before the others' that is.
pub fn classes(tapes: &[Tape]) -> Vec<(i64, Vec<ServiceName>)> {
    let end = |tape: &Tape| Some((tape.learned_until_s?, tape.service.clone()));
    let mut ends: Vec<(i64, ServiceName)> = tapes.iter().filter_map(end).collect();
    ends.sort();
    let mut classes: Vec<(i64, Vec<ServiceName>)> = Vec::new();
    for (until_s, service) in ends.into_iter().rev() {
        match classes.last_mut() {
            Some((newest_s, class)) if *newest_s - until_s <= CLASS_S => class.push(service),
            _ => classes.push((until_s, vec![service])),
        }
    }
    for (until_s, _) in &mut classes {
        *until_s = (*until_s + CYCLE_S - 1).div_euclid(CYCLE_S) * CYCLE_S;
    }
    classes
}

#[cfg(test)]
mod tests {
    use detect::rows::ServiceSamples;
    use domain::Series;

    use super::*;

    fn tape(service: &str, learned_until_s: i64) -> Tape {
        let samples = |times_s: &[i64]| ServiceSamples {
            series: vec![Some(Series::from_samples(times_s.iter().map(|t| (*t, 1.0)).collect()))],
        };
        let history = samples(&[learned_until_s - 60, learned_until_s]);
        let service = ServiceName::new(service).unwrap();
        Tape::new(service, history, samples(&[learned_until_s + 60])).unwrap()
    }

    #[test]
    fn each_history_counts_to_its_own_end() {
        let tapes = [tape("a", 1_000_000), tape("b", 1_003_000), tape("c", 500_000)];
        let classes = classes(&tapes);
        let names: Vec<(i64, Vec<&str>)> = classes
            .iter()
            .map(|(until, class)| (*until, class.iter().map(ServiceName::as_str).collect()))
            .collect();
        assert_eq!(names, [(1_003_080, vec!["b", "a"]), (500_040, vec!["c"])]);
    }
}
