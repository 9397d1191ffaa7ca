//! What a cycle writes for charts: scores, states of incidents, and metrics beside what is usual.

use detect::evidence::Evidence;
use incident::{Advance, IncidentState};
use payload::result::ServiceResult;
use payload::tracking::IncidentStatus;
use payload::write_back::{MetricPoint, ServicePoint};

use crate::infer::decide::CycleOutcome;
use crate::infer::finding::Finding;
use crate::infer::follow::Followed;

/// One point a service; all three are in the same order.
pub(super) fn points(
    outcome: &CycleOutcome,
    found: &[Finding],
    followed: &[Followed],
) -> Vec<ServicePoint> {
    let judged = outcome.scores.iter().zip(&outcome.evidence);
    let pairs = found.iter().zip(followed).zip(judged);
    pairs
        .map(|((finding, followed), (score, evidence))| ServicePoint {
            service: finding.service.to_string(),
            at_ms: finding.cycle.at_ms,
            score: *score,
            incident: followed.advance.as_ref().and_then(worst_state),
            metrics: metrics(&finding.result, evidence.as_ref()),
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

/// Each metric as it was judged, and what is usual of it now, whether anything is wrong or not.
/// Forests do not know what is usual.
fn metrics(result: &ServiceResult, evidence: Option<&Evidence>) -> Vec<MetricPoint> {
    let Some(evaluation) = result.evaluation() else { return Vec::new() };
    let point = |(metric, observed): (&String, &Option<f64>)| {
        let mut bands = evidence.iter().flat_map(|it| &it.bands);
        let band = bands.find(|band| band.metric == *metric);
        MetricPoint {
            metric: metric.clone(),
            observed: *observed,
            usual: band.map(|it| it.usual),
            low: band.map(|it| it.low),
            high: band.map(|it| it.high),
        }
    };
    evaluation.current_metrics.iter().map(point).collect()
}
