//! Cycles that are ended from outside before they are done.

use std::sync::Arc;

use chrono::TimeDelta;
use payload::message::MessageKind;
use pipeline::ports::Clock;
use pipeline::ports::incidents::IncidentStore;
use testkit::RecordingPublisher;

use crate::fleet::{NOON, at, names};
use crate::watch::Watch;

#[tokio::test]
async fn a_service_without_time_left_waits_for_the_next_cycle() {
    let fake = Arc::new(RecordingPublisher::new());
    let mut watch = Watch::new("{}", &[("webhook", &fake)]);
    let broken = &names()[1];
    let later = at(NOON) + TimeDelta::minutes(10);
    watch.fleet.break_metric("application_latency", broken, &later.to_rfc3339(), 2.0);
    watch.tick().await;
    let before = watch.store.heads(std::slice::from_ref(broken)).await.unwrap();
    watch.deadline = Some(at(NOON) + TimeDelta::seconds(120 + 9));
    let cycle = watch.tick().await;
    let counts = cycle.incidents.expect("incidents are kept");
    assert_eq!(counts.not_committed as usize, names().len());
    let message = cycle.message.expect("it is told");
    assert!(message.contains(&format!("{broken}: deadline: ")), "{message}");
    assert_eq!(watch.store.heads(std::slice::from_ref(broken)).await.unwrap(), before);
    // Nothing was missed and nothing was seen: the next cycle goes on.
    watch.deadline = Some(at(NOON) + TimeDelta::seconds(240 + 100));
    let cycle = watch.tick().await;
    assert_eq!(cycle.incidents.map(|it| (it.active, it.not_committed)), Some((1, 0)));
    let after = watch.store.active().await.unwrap();
    assert_eq!(after[0].occurrence_count, 2);
}

#[tokio::test]
async fn a_metric_that_does_not_come_in_time_is_missing_and_the_rest_is_judged() {
    let fake = Arc::new(RecordingPublisher::new());
    let mut watch = Watch::new("{}", &[("webhook", &fake)]);
    let broken = &names()[1];
    watch.fleet.break_metric("application_latency", broken, NOON, 2.0);
    watch.fleet.source.hang("database_latency");
    watch.deadline = Some(at(NOON) + TimeDelta::seconds(100));
    let cycle = watch.tick().await;
    assert_eq!(watch.fleet.clock.now(), at(NOON) + TimeDelta::seconds(45), "of a hundred");
    assert_eq!((cycle.summary.evaluated, cycle.summary.anomalous), (3, 1), "{cycle:#?}");
    let evaluation = cycle.results[0].evaluation().expect("it is judged");
    let failed = evaluation.partial_metrics_failure.as_ref().expect("it says what is missing");
    assert_eq!(failed.failed_metrics, ["database_latency"]);
    assert_eq!(fake.taken().len(), 1);
}

#[tokio::test]
async fn what_is_not_sent_in_time_stays_in_the_outbox() {
    let fake = Arc::new(RecordingPublisher::new());
    let mut watch = Watch::new("{}", &[("webhook", &fake)]);
    watch.fleet.break_metric("application_latency", &names()[1], NOON, 2.0);
    watch.deadline = Some(at(NOON) + TimeDelta::seconds(11));
    fake.hang();
    let cycle = watch.tick().await;
    assert_eq!(cycle.deliveries.map(|it| (it.delivered, it.rescheduled)), Some((0, 1)));
    assert!(watch.fleet.clock.now() <= at(NOON) + TimeDelta::seconds(11));
    assert_eq!(fake.taken(), []);
    fake.heal();
    watch.deadline = None;
    watch.tick().await;
    assert!(fake.taken().iter().any(|it| it.kind == MessageKind::Anomaly));
}
