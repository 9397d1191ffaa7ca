//! What a cycle writes for charts: scores, states of incidents, and what is usual of each metric.

use incident::{Advance, IncidentState};
use payload::result::ServiceResult;
use payload::tracking::IncidentStatus;
use payload::write_back::{Band, ServicePoint};

use crate::infer::decide::CycleOutcome;
use crate::infer::finding::Finding;
use crate::infer::follow::Followed;

/// One point a service that was judged; all three are in the same order.
pub(super) fn points(
    outcome: &CycleOutcome,
    found: &[Finding],
    followed: &[Followed],
) -> Vec<ServicePoint> {
    let pairs = found.iter().zip(followed).zip(&outcome.scores);
    pairs
        .map(|((finding, followed), score)| ServicePoint {
            service: finding.service.to_string(),
            at_ms: finding.cycle.at_ms,
            score: *score,
            incident: followed.advance.as_ref().and_then(worst_state),
            bands: bands(&finding.result),
        })
        .collect()
}

fn worst_state(advance: &Advance) -> Option<IncidentStatus> {
    let states = advance.head.active.values().map(|incident| match incident.state {
        IncidentState::Suspected | IncidentState::Closed => (0, IncidentStatus::Suspected),
        IncidentState::Recovering => (1, IncidentStatus::Recovering),
        IncidentState::Open => (2, IncidentStatus::Open),
    });
    states.max_by_key(|(rank, _)| *rank).map(|(_, state)| state)
}

/// What is usual of each metric, as far as the verdict says it.
fn bands(result: &ServiceResult) -> Vec<Band> {
    let anomalies = result.evaluation().into_iter().flat_map(|it| it.anomalies.values());
    let compared = anomalies.flat_map(|anomaly| &anomaly.comparison_data);
    let mut bands: Vec<Band> = compared
        .filter_map(|(metric, compared)| {
            let expected = compared.expected.as_ref()?;
            Some(Band {
                metric: metric.clone(),
                usual: Some(expected.usual),
                low: Some(expected.low),
                high: Some(expected.high),
            })
        })
        .collect();
    bands.sort_by(|a, b| a.metric.cmp(&b.metric));
    bands.dedup_by(|a, b| a.metric == b.metric);
    bands
}
