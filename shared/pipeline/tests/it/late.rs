//! Cycles that come after the ones that should follow them.

use std::sync::Arc;

use chrono::TimeDelta;
use pipeline::ports::Outcome;
use pipeline::ports::incidents::IncidentStore;
use testkit::RecordingPublisher;

use crate::fleet::{NOON, at, names};
use crate::watch::Watch;

#[tokio::test]
async fn a_cycle_before_the_state_is_answered_and_changes_nothing() {
    let fake = Arc::new(RecordingPublisher::new());
    let mut watch = Watch::new("{}", &[("webhook", &fake)]);
    let broken = &names()[1];
    watch.fleet.break_metric("application_latency", broken, NOON, 2.0);
    let cycle = watch.tick().await;
    assert_eq!(cycle.incidents.as_ref().map(|it| it.opened), Some(1), "{cycle:#?}");
    let before = watch.store.heads(std::slice::from_ref(broken)).await.unwrap();
    let sent = fake.taken();
    for minutes in [2, 600] {
        let late = watch.cycle_at(at(NOON) - TimeDelta::minutes(minutes)).await;
        let message = late.message.unwrap_or_default();
        assert_eq!(message, format!("{broken}: a later cycle was counted already"));
        assert_eq!(late.results.len(), names().len(), "it is answered all the same");
    }
    let same = watch.cycle_at(at(NOON)).await;
    assert_eq!(same.message, Some(format!("{broken}: this cycle was counted already")));
    assert_eq!(watch.store.heads(std::slice::from_ref(broken)).await.unwrap(), before);
    assert_eq!(fake.taken(), sent, "nobody is told anything");
}

#[tokio::test]
async fn what_an_old_cycle_has_to_tell_is_not_given_up_at_once() {
    let fake = Arc::new(RecordingPublisher::new());
    fake.answer(|_| Outcome::Retry { after: None, reason: "out of order".to_owned() });
    let mut watch = Watch::new("{}", &[("webhook", &fake)]);
    watch.fleet.break_metric("application_latency", &names()[1], NOON, 2.0);
    watch.fleet.clock.set(at(NOON) + TimeDelta::days(3));
    let cycle = watch.cycle_at(at(NOON)).await;
    let deliveries = cycle.deliveries.expect("there is somebody to tell");
    assert_eq!((deliveries.rescheduled, deliveries.dead), (1, 0));
    assert_eq!(deliveries.oldest_waiting_seconds, 0, "it waits since it was committed");
}
