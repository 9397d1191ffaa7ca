//! What yaga says of itself, from cycle to cycle.

use std::sync::Arc;

use chrono::TimeDelta;
use incident::IncidentState;
use payload::message::{Body, Message, MessageKind};
use payload::notification::NotificationStatus;
use payload::result::ServiceResult;
use pipeline::ports::incidents::IncidentStore;
use pipeline::ports::{Clock, Outcome, SourceError};
use testkit::RecordingPublisher;

use crate::fleet::{NOON, at, names};
use crate::watch::Watch;

fn unreachable() -> SourceError {
    SourceError::Unreachable {
        source_name: "fake".to_owned(),
        reason: "nobody is there".to_owned(),
    }
}

/// The statuses of notifications, and how many cycles each speaks of.
fn told(messages: &[Message]) -> Vec<(NotificationStatus, String, u32)> {
    let notification = |message: &Message| match message.read_body() {
        Ok(Body::Pipeline(it)) => Some((it.status, it.cause, it.consecutive_cycles)),
        _ => None,
    };
    messages.iter().filter_map(notification).collect()
}

#[tokio::test]
async fn three_blind_cycles_are_told_and_their_end_is_too() {
    let fake = Arc::new(RecordingPublisher::new());
    let mut watch = Watch::new("{}", &[("webhook", &fake)]);
    watch.tick().await;
    watch.fleet.source.fail_health(unreachable());
    for _ in 0..2 {
        watch.tick().await;
    }
    assert_eq!(told(&fake.taken()), []);
    watch.tick().await;
    let cause = || "source_unavailable".to_owned();
    let unavailable = (NotificationStatus::Unavailable, cause(), 3);
    assert_eq!(told(&fake.taken()), std::slice::from_ref(&unavailable));
    watch.fleet.source.heal();
    watch.tick().await;
    let recovered = (NotificationStatus::Recovered, cause(), 3);
    assert_eq!(told(&fake.taken()), [unavailable, recovered]);
}

#[tokio::test]
async fn a_service_that_cannot_be_judged_is_told_by_its_name() {
    let fake = Arc::new(RecordingPublisher::new());
    let mut watch = Watch::new(r#"{"delivery": {"notify_after_cycles": 2}}"#, &[("a", &fake)]);
    watch.fleet.source.fail("request_rate", unreachable());
    for _ in 0..2 {
        watch.tick().await;
    }
    let told_of: Vec<String> = fake.taken().into_iter().map(|it| it.service).collect();
    let mut services: Vec<String> = names().iter().map(ToString::to_string).collect();
    services.sort();
    assert_eq!(told_of, services);
    assert!(told(&fake.taken()).iter().all(|it| it.1 == "metrics_unavailable"));
}

#[tokio::test]
async fn a_service_that_vanishes_is_told_of_at_once_and_its_incident_waits() {
    let fake = Arc::new(RecordingPublisher::new());
    let mut watch = Watch::new("{}", &[("webhook", &fake)]);
    let gone = &names()[0];
    for metric in watch.fleet.config.metrics.clone().iter() {
        watch.fleet.cut(&metric.name, gone, NOON);
    }
    let mut said = Vec::new();
    for _ in 0..12 {
        let cycle = watch.tick().await;
        let result = cycle.results.iter().find(|it| it.service_name() == gone.as_str());
        said.push(match result.expect("it is judged") {
            ServiceResult::AnomalyDetected(it) => {
                let warning = it.validation_warnings.last().expect("zero was taken");
                assert!(warning.ends_with("while other services have some; taken for 0"));
                it.anomalies.keys().next().expect("an anomaly").clone()
            }
            ServiceResult::NoAnomaly(_) => "calm".to_owned(),
            ServiceResult::MetricsUnavailable(_) => "unavailable".to_owned(),
            ServiceResult::Error(it) => panic!("{it:?}"),
        });
    }
    let cliff = "request_rate_cliff";
    let row = |word: &str, times: usize| vec![word.to_owned(); times];
    assert_eq!(said, [row("calm", 2), row(cliff, 6), row("unavailable", 4)].concat());
    let head = watch.store.heads(std::slice::from_ref(gone)).await.unwrap().remove(gone);
    let active: Vec<_> = head.expect("a head").head.active.into_values().collect();
    assert_eq!(active.len(), 1);
    assert_eq!((active[0].state, active[0].occurrence_count), (IncidentState::Open, 6));
    let kinds: Vec<MessageKind> = fake.taken().iter().map(|it| it.kind).collect();
    assert_eq!(kinds[0], MessageKind::Anomaly);
    assert!(kinds.contains(&MessageKind::Notification), "{kinds:?}");
    assert!(!kinds.contains(&MessageKind::Resolution), "{kinds:?}");
}

#[tokio::test]
async fn a_job_that_ends_every_day_is_not_missed() {
    let fake = Arc::new(RecordingPublisher::new());
    let mut watch = Watch::new("{}", &[("webhook", &fake)]);
    let (job, noon_s) = (&names()[0], at(NOON).timestamp());
    let is_off = |time_s: i64| (time_s - noon_s).rem_euclid(86_400) < 3 * 3600 && time_s != noon_s;
    watch.fleet.source.retain("request_rate", job, |time_s| !is_off(time_s));
    for _ in 0..4 {
        let cycle = watch.tick().await;
        assert_eq!(cycle.summary.anomalous, 0, "{cycle:#?}");
    }
    assert_eq!(watch.tick().await.summary.unavailable, 1);
}

#[tokio::test]
async fn when_most_services_fall_silent_it_is_the_collection() {
    let fake = Arc::new(RecordingPublisher::new());
    let mut watch = Watch::new("{}", &[("webhook", &fake)]);
    for gone in &names()[..2] {
        watch.fleet.cut("request_rate", gone, NOON);
    }
    for _ in 0..3 {
        watch.tick().await;
    }
    let cycle = watch.tick().await;
    assert_eq!((cycle.summary.unavailable, cycle.summary.anomalous), (2, 0), "{cycle:#?}");
}

#[tokio::test]
async fn each_cycle_sends_a_heartbeat_to_those_who_take_it() {
    let (taker, other) =
        (Arc::new(RecordingPublisher::with_heartbeats()), Arc::new(RecordingPublisher::new()));
    let receivers = [("webhook", &taker), ("alertmanager", &other)];
    let mut watch = Watch::new(r#"{"delivery": {"heartbeat": true}}"#, &receivers);
    let cycle = watch.tick().await;
    watch.tick().await;
    assert_eq!(cycle.message, None);
    let beats: Vec<Message> =
        taker.taken().into_iter().filter(|it| it.kind == MessageKind::Heartbeat).collect();
    assert_eq!(beats.len(), 2);
    let Ok(Body::Heartbeat(it)) = beats[0].read_body() else { panic!("{beats:?}") };
    assert_eq!((it.cycle_id, it.status.as_str()), (cycle.cycle_id, "complete"));
    assert_eq!(other.taken(), []);
}

#[tokio::test]
async fn a_receiver_that_hangs_delays_the_answer_by_the_budget_at_most() {
    let (hanging, other) = (
        Arc::new(RecordingPublisher::with_heartbeats()),
        Arc::new(RecordingPublisher::with_heartbeats()),
    );
    hanging.hang();
    let document = r#"{"delivery": {"heartbeat": true, "budget_seconds": 15}}"#;
    let mut watch = Watch::new(document, &[("webhook", &hanging), ("stdout", &other)]);
    let cycle = watch.tick().await;
    let waited = watch.fleet.clock.now() - at(NOON);
    assert_eq!(waited, TimeDelta::seconds(15));
    let message = cycle.message.expect("it is said");
    assert_eq!(message, "webhook: a notice was lost: the cycle's time for sending was over");
    assert_eq!(other.taken().len(), 1, "nobody else waits for it");
}

#[tokio::test]
async fn a_notice_that_is_not_taken_is_lost_and_said() {
    let fake = Arc::new(RecordingPublisher::with_heartbeats());
    fake.answer(|_| Outcome::Refused { reason: "HTTP 422".to_owned() });
    let mut watch = Watch::new(r#"{"delivery": {"heartbeat": true}}"#, &[("webhook", &fake)]);
    let cycle = watch.tick().await;
    assert_eq!(cycle.message.as_deref(), Some("webhook: a notice was lost: HTTP 422"));
    let deliveries = cycle.deliveries.expect("a count");
    assert_eq!((deliveries.waiting, deliveries.dead), (0, 0), "it was never in the outbox");
}

#[tokio::test]
async fn a_model_that_is_out_of_date_is_told_once_a_day() {
    let fake = Arc::new(RecordingPublisher::new());
    let document = r#"{"inference": {"check_drift": true}}"#;
    let mut watch = Watch::new(document, &[("webhook", &fake)]);
    let moved = &names()[0];
    let since_s = at(NOON).timestamp() - 26 * 3600;
    watch.fleet.rewrite("application_latency", moved, |time_s, value| {
        if time_s > since_s { value * 4.0 } else { value }
    });
    let cycle = watch.tick().await;
    watch.tick().await;
    let drifted = (NotificationStatus::Drifted, "model_drift".to_owned(), 720);
    assert_eq!(told(&fake.taken()), [drifted]);
    let evaluation = |it: &&payload::result::ServiceResult| it.service_name() == moved.as_str();
    let found = cycle.results.iter().find(evaluation).unwrap().evaluation().unwrap();
    assert!(found.drift_analysis.as_ref().unwrap().training_due);
}
