//! What is wrong with one service, or with one row, stops no other; what is not known ends nothing.

use std::sync::Arc;

use chrono::TimeDelta;
use payload::message::MessageKind;
use payload::tracking::IncidentStatus;
use pipeline::ports::incidents::IncidentStore;
use serde_json::json;
use testkit::RecordingPublisher;

use crate::fleet::{NOON, at, config, names};
use crate::watch::Watch;

#[tokio::test]
async fn an_incident_waits_while_its_metric_is_missing_for_that_service() {
    let fake = Arc::new(RecordingPublisher::new());
    let mut watch = Watch::new("{}", &[("webhook", &fake)]);
    let broken = &names()[1];
    watch.fleet.break_metric("application_latency", broken, NOON, 2.0);
    watch.tick().await;
    assert_eq!(watch.store.active().await.unwrap().len(), 1);
    // From here on its latency is not collected any more, while it goes on serving requests.
    let gone = at(NOON) + TimeDelta::minutes(30);
    watch.fleet.alter_for("application_latency", broken, &gone.to_rfc3339(), 1_799, |_| f64::NAN);
    for _ in 0..6 {
        watch.tick().await;
    }
    let active = watch.store.active().await.unwrap();
    assert_eq!(active.len(), 1, "it was ended on no evidence");
    let ends = fake.taken().into_iter().filter(|it| it.kind == MessageKind::Resolution);
    assert_eq!(ends.count(), 0);
}

#[tokio::test]
async fn a_head_that_cannot_be_read_stops_no_other_service() {
    let fake = Arc::new(RecordingPublisher::new());
    let mut watch = Watch::new("{}", &[("webhook", &fake)]);
    let (damaged, broken) = (&names()[0], &names()[1]);
    watch.store.damage(damaged);
    watch.fleet.break_metric("application_latency", broken, NOON, 2.0);
    let cycle = watch.tick().await;
    assert_eq!(cycle.results.len(), names().len());
    let incidents = cycle.incidents.expect("incidents are kept");
    assert_eq!((incidents.opened, incidents.not_committed), (1, 1));
    let message = cycle.message.expect("it is told");
    assert!(message.contains("a head that cannot be read"), "{message}");
    assert_eq!(fake.taken().len(), 1);
}

#[tokio::test]
async fn a_head_that_cannot_be_read_keeps_no_other_removed_service() {
    let fake = Arc::new(RecordingPublisher::new());
    let mut watch = Watch::new("{}", &[("webhook", &fake)]);
    let [damaged, removed, watched] = [0, 1, 2].map(|index| names()[index].clone());
    for name in [&damaged, &removed] {
        watch.fleet.break_metric("application_latency", name, NOON, 2.0);
    }
    watch.tick().await;
    watch.store.damage(&damaged);
    let listed = json!({ "services": { "core": [watched.as_str()] } });
    watch.fleet.config = config(&listed.to_string());
    watch.cycle_at(at(NOON) + TimeDelta::minutes(30)).await;
    let active = watch.store.active().await.unwrap();
    let left: Vec<&str> = active.iter().map(|it| it.service.as_str()).collect();
    assert_eq!(left, [damaged.as_str()]);
}

#[tokio::test]
async fn what_nobody_looks_at_any_more_ends_where_no_services_are_listed_too() {
    let fake = Arc::new(RecordingPublisher::new());
    let mut watch = Watch::new("{}", &[("webhook", &fake)]);
    let [left_alone, watched, _] = [0, 1, 2].map(|index| names()[index].clone());
    watch.fleet.break_metric("application_latency", &left_alone, NOON, 2.0);
    watch.tick().await;
    let active = async |watch: &Watch| watch.store.active().await.unwrap().len();
    assert_eq!(active(&watch).await, 1);
    // From here on cycles are asked for another service only.
    for (minutes, left) in [(30, 1), (24 * 60 - 30, 1), (24 * 60, 0)] {
        let instant = at(NOON) + TimeDelta::minutes(minutes);
        watch.fleet.clock.set(instant);
        watch.cycle_of(instant, Some(vec![watched.clone()])).await;
        assert_eq!(active(&watch).await, left, "after {minutes} min");
    }
    let ends: Vec<_> =
        fake.taken().into_iter().filter(|it| it.kind == MessageKind::Resolution).collect();
    assert_eq!(ends.len(), 1);
    assert!(ends[0].body.contains("\"resolution_reason\":\"unobserved\""), "{}", ends[0].body);
}

#[tokio::test]
async fn a_service_that_is_asked_for_alone_is_followed_with_its_neighbours() {
    let fake = Arc::new(RecordingPublisher::new());
    let [caller, callee, _] = [0, 1, 2].map(|index| names()[index].clone());
    let document = json!({ "dependencies": { "graph": { caller.as_str(): [callee.as_str()] } } });
    let mut watch = Watch::new(&document.to_string(), &[("webhook", &fake)]);
    for (metric, name) in [
        ("dependency_latency", &caller),
        ("application_latency", &caller),
        ("application_latency", &callee),
    ] {
        watch.fleet.break_metric(metric, name, NOON, 6.0);
    }
    watch.tick().await;
    let told: Vec<String> = fake.taken().into_iter().map(|it| it.service).collect();
    assert_eq!(told, [callee.to_string()], "one page, with the other one listed");
    let soon = at(NOON) + TimeDelta::minutes(2);
    let asked = Some(vec![caller.clone(), caller.clone()]);
    let cycle = watch.cycle_of(soon, asked).await;
    let answered: Vec<&str> = cycle.results.iter().map(|it| it.service_name()).collect();
    assert_eq!(answered, [caller.as_str()], "the answer is about what was asked");
    let told = fake.taken().into_iter().map(|it| it.service);
    assert_eq!(told.filter(|it| it == caller.as_str()).count(), 0);
    let heads = watch.store.heads(&[caller]).await.unwrap();
    let head = &heads.values().next().expect("it has an incident").head;
    assert!(head.active.values().all(|it| it.folded_under.is_some()));
}

#[tokio::test]
async fn who_is_not_told_is_told_why() {
    let window = json!({
        "service": names()[1].as_str(), "reason": "database move",
        "from": "2026-04-01T13:00:00Z", "until": "2026-04-01T15:00:00Z",
    });
    let document = json!({ "alerting": { "silences": [window] } });
    let fake = Arc::new(RecordingPublisher::new());
    let mut watch = Watch::new(&document.to_string(), &[("webhook", &fake)]);
    watch.fleet.break_metric("application_latency", &names()[1], NOON, 2.0);
    let cycle = watch.tick().await;
    assert_eq!(fake.taken(), []);
    let found = cycle.results.iter().filter_map(|it| it.evaluation());
    let tracking = found.flat_map(|it| it.anomalies.values()).find_map(|it| it.tracking.clone());
    let tracking = tracking.expect("an incident");
    assert_eq!(tracking.status, IncidentStatus::Open);
    let expected = "window \"database move\" until 2026-04-01T15:00Z";
    assert_eq!(tracking.held_back.as_deref(), Some(expected));
    let id = tracking.incident_id.try_into().unwrap();
    let history = watch.store.incident(&id, at(NOON)).await.unwrap().expect("it is kept");
    let told = serde_json::to_string(&history.events[0].events).unwrap();
    assert!(told.contains("held_back") && told.contains("database move"), "{told}");
}
