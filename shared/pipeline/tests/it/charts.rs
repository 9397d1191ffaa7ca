//! What cycles write for charts.

use std::sync::Arc;

use payload::tracking::IncidentStatus;
use testkit::RecordingPublisher;

use crate::fleet::{NOON, names};
use crate::watch::Watch;

#[tokio::test]
async fn every_metric_has_a_band_whether_anything_is_wrong_or_not() {
    let fake = Arc::new(RecordingPublisher::new());
    let mut watch = Watch::new("{}", &[("webhook", &fake)]);
    let broken = &names()[1];
    watch.fleet.break_metric("application_latency", broken, NOON, 2.0);
    let cycle = watch.tick().await;
    let points = watch.points.empty();
    assert_eq!(points.len(), names().len());
    for point in &points {
        let result = cycle.results.iter().find(|it| it.service_name() == point.service);
        let evaluation = result.and_then(|it| it.evaluation()).expect("it was judged");
        let judged = evaluation.current_metrics.values().flatten().count();
        assert!(
            judged >= 3
                && point.metrics.iter().filter(|it| it.observed.is_some()).count() == judged
        );
        assert!(point.score.is_some(), "{point:?}");
        for it in point.metrics.iter().filter(|it| it.observed.is_some()) {
            let (Some(low), Some(usual), Some(high)) = (it.low, it.usual, it.high) else {
                panic!("{} has no band of {}", point.service, it.metric);
            };
            assert!(low <= usual && usual <= high, "{it:?}");
            let is_out = point.service == broken.as_str() && it.metric == "application_latency";
            assert_eq!(it.observed > Some(high), is_out, "{}: {it:?}", point.service);
        }
        let state = (point.service == broken.as_str()).then_some(IncidentStatus::Open);
        assert_eq!(point.incident, state);
    }
}
