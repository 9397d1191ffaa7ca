//! What a publisher must make of a receiver that behaves, and of one that does not.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::Severity;
use payload::SCHEMA_VERSION;
use payload::message::{Body, Message, MessageKind, message_id};
use payload::resolution::{MODEL_TYPE, Resolution, ResolutionDetails, ResolutionReason};
use pipeline::ports::{Outcome, Publisher};

const POISON: &str = "incident_poison";
const BUSY_S: u64 = 17;
/// More than one request takes.
const MANY: usize = 230;

/// How the receiver behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    Takes,
    /// It is broken: 500.
    Fails,
    /// It asks for a pause: 429.
    Busy {
        seconds: u64,
    },
    /// It never answers.
    Hangs,
    /// It closes the connection.
    Drops,
    /// It refuses a request (400) with a message for which [`is_poison`] holds.
    RefusesPoison,
    /// It does not know the caller: 401.
    Unknown,
    /// It sends the caller to another host.
    RedirectsAway,
}

/// Makes receivers that behave, and tells what they took.
#[async_trait]
pub trait ReceiverBench: Sync {
    /// A publisher in front of a new receiver.
    async fn publisher(&self, behaviour: Behaviour) -> Arc<dyn Publisher>;

    /// Bodies of the requests that the newest receiver took.
    async fn received(&self) -> Vec<String>;
}

/// Whether the receiver of [`Behaviour::RefusesPoison`] refuses this message.
pub fn is_poison(message: &Message) -> bool {
    message.body.contains(POISON)
}

/// The same of a request's body.
pub fn has_poison(body: &str) -> bool {
    body.contains(POISON)
}

/// A resolution that any receiver can take, the `number`-th.
pub fn resolution(number: usize) -> Message {
    message(number, &format!("incident_{number:012}"))
}

/// Runs the whole suite.
pub async fn publisher(bench: &dyn ReceiverBench) {
    takes_all(bench).await;
    takes_many(bench).await;
    what_may_pass_is_tried_again(bench).await;
    a_pause_that_is_asked_for_is_told(bench).await;
    one_bad_message_does_not_hold_up_others(bench).await;
    a_redirect_to_another_host_is_not_followed(bench).await;
}

async fn takes_all(bench: &dyn ReceiverBench) {
    let publisher = bench.publisher(Behaviour::Takes).await;
    assert!(!publisher.describe().is_empty(), "a publisher says what it is");
    assert!(publisher.takes(MessageKind::Anomaly) && publisher.takes(MessageKind::Resolution));
    assert_eq!(publisher.send(&[]).await, [], "nothing is sent for nothing");
    assert_eq!(bench.received().await, [""; 0], "nothing is sent for nothing");
    let batch = [resolution(1), resolution(2), resolution(3)];
    assert_eq!(publisher.send(&batch).await, vec![Outcome::Delivered; 3]);
    check_received(bench, &batch).await;
}

async fn takes_many(bench: &dyn ReceiverBench) {
    let publisher = bench.publisher(Behaviour::Takes).await;
    let batch: Vec<Message> = (0..MANY).map(resolution).collect();
    assert_eq!(publisher.send(&batch).await, vec![Outcome::Delivered; MANY]);
    check_received(bench, &batch).await;
}

async fn what_may_pass_is_tried_again(bench: &dyn ReceiverBench) {
    use Behaviour::{Drops, Fails, Hangs, Unknown};
    for behaviour in [Fails, Hangs, Drops, Unknown] {
        let publisher = bench.publisher(behaviour).await;
        let outcomes = publisher.send(&[resolution(1), resolution(2)]).await;
        assert_eq!(outcomes.len(), 2, "{behaviour:?}");
        for outcome in outcomes {
            let Outcome::Retry { after: None, reason } = outcome else {
                panic!("{behaviour:?} gives {outcome:?}");
            };
            assert!(!reason.is_empty(), "{behaviour:?} has no reason");
        }
    }
}

async fn a_pause_that_is_asked_for_is_told(bench: &dyn ReceiverBench) {
    let publisher = bench.publisher(Behaviour::Busy { seconds: BUSY_S }).await;
    let outcomes = publisher.send(&[resolution(1)]).await;
    let Outcome::Retry { after: Some(after), .. } = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(*after, Duration::from_secs(BUSY_S));
}

async fn one_bad_message_does_not_hold_up_others(bench: &dyn ReceiverBench) {
    let publisher = bench.publisher(Behaviour::RefusesPoison).await;
    let batch = [resolution(1), message(2, POISON), resolution(3)];
    let outcomes = publisher.send(&batch).await;
    let [Outcome::Delivered, Outcome::Refused { reason }, Outcome::Delivered] = &outcomes[..]
    else {
        panic!("a bad message among two good ones gives {outcomes:?}");
    };
    assert!(!reason.is_empty(), "a refusal has no reason");
    check_received(bench, &[batch[0].clone(), batch[2].clone()]).await;
}

async fn a_redirect_to_another_host_is_not_followed(bench: &dyn ReceiverBench) {
    let publisher = bench.publisher(Behaviour::RedirectsAway).await;
    let outcomes = publisher.send(&[resolution(1)]).await;
    assert!(matches!(outcomes[..], [Outcome::Refused { .. }]), "{outcomes:?}");
}

/// Each message was taken once, and nothing else.
async fn check_received(bench: &dyn ReceiverBench, batch: &[Message]) {
    let all = bench.received().await.concat();
    for message in batch {
        for id in &message.incident_ids {
            // An alert may have several rungs, and each names the incident.
            assert!(all.contains(id), "{id} did not arrive");
        }
    }
    let services = batch.iter().map(|it| format!("\"{}\"", it.service));
    for service in services {
        assert_eq!(all.matches(&service).count(), 1, "{service} arrived more or less than once");
    }
}

fn message(number: usize, incident_id: &str) -> Message {
    let service = format!("service-{number}");
    let id = message_id(&service, 14_500_000, "resolution");
    let at = "2025-12-23T10:30:00.000Z".to_owned();
    let body = Body::IncidentResolved(Box::new(Resolution {
        schema_version: SCHEMA_VERSION.to_owned(),
        message_id: None,
        service_name: service.clone(),
        timestamp: at.clone(),
        incident_id: incident_id.to_owned(),
        fingerprint_id: "anomaly_e0e86c103edf".to_owned(),
        anomaly_name: "latency_spike_recent".to_owned(),
        model_type: MODEL_TYPE.to_owned(),
        resolution_details: ResolutionDetails {
            final_severity: Severity::Low,
            peak_severity: Severity::Low,
            total_occurrences: 2,
            incident_duration_minutes: 8,
            unobserved_minutes: 0,
            active_duration_minutes: 2,
            first_seen: "2025-12-23T10:22:00.000Z".to_owned(),
            last_detected_by_model: "business_hours".to_owned(),
            missed_cycles_before_close: Some(3),
            resolution_reason: ResolutionReason::Resolved,
        },
        resolution_context: None,
    }));
    Message {
        id,
        kind: MessageKind::Resolution,
        service,
        cycle_id: 14_500_000,
        incident_ids: vec![incident_id.to_owned()],
        body: serde_json::to_string(&body).expect("a payload is JSON"),
    }
}
