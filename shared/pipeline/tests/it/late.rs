//! Cycles that come after the ones that should follow them.

use std::sync::Arc;

use chrono::TimeDelta;
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
