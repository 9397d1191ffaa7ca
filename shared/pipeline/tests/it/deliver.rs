//! The outbox, emptied into receivers that behave and receivers that do not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::ServiceName;
use incident::ServiceHead;
use payload::message::{Message, MessageKind, message_id};
use pipeline::deliver::archive::Archive;
use pipeline::deliver::queue::copies;
use pipeline::deliver::{DeliverPorts, DeliverSettings, DeliveryReport, Receiver, deliver};
use pipeline::ports::incidents::{Commit, Committed, IncidentStore};
use pipeline::ports::outbox::{
    MessageStatus, OUTBOX_PARTITIONS, Outbox, OutboxMessage, QueuedMessage,
};
use pipeline::ports::{Clock, Outcome, Publisher};
use testkit::{FixedClock, MemoryIncidents, MemoryStore, RecordingPublisher};

const START_S: i64 = 1_766_485_800;

struct Scene {
    store: MemoryIncidents,
    clock: FixedClock,
    fakes: Vec<Arc<RecordingPublisher>>,
    receivers: Vec<Receiver>,
    seq: u64,
    versions: BTreeMap<String, u64>,
}

impl Scene {
    fn new(names: &[&'static str]) -> Scene {
        let fakes: Vec<_> = names.iter().map(|_| Arc::new(RecordingPublisher::new())).collect();
        let receiver = |(name, fake): (&&'static str, &Arc<RecordingPublisher>)| {
            let publisher = Arc::clone(fake) as Arc<dyn pipeline::ports::Publisher>;
            Receiver { name, publisher }
        };
        Scene {
            store: MemoryIncidents::new(),
            clock: FixedClock::at_epoch_s(START_S),
            receivers: names.iter().zip(&fakes).map(receiver).collect(),
            fakes,
            seq: 0,
            versions: BTreeMap::new(),
        }
    }

    /// Commits messages of one service as a cycle would: `A12` is an alert of incidents 1 and 2.
    async fn commit(&mut self, service: &str, texts: &[&str]) {
        let mut messages = Vec::new();
        for text in texts {
            let seq = self.seq;
            self.seq += 1;
            let is_alert = text.starts_with('A');
            let kind = if is_alert { MessageKind::Anomaly } else { MessageKind::Resolution };
            let message = Message {
                id: message_id(service, seq as i64, kind.as_str()),
                kind,
                service: service.to_owned(),
                cycle_id: seq as i64,
                incident_ids: text[1..].chars().map(String::from).collect(),
                body: (*text).to_owned(),
            };
            for (message, destination) in copies(&[message], &self.receivers) {
                let created_at = self.clock.now();
                messages.push(OutboxMessage { message, seq, created_at, destination });
            }
        }
        let version = self.versions.entry(service.to_owned()).or_default();
        *version += 1;
        let mut head = ServiceHead::new(ServiceName::new(service).expect("a usable name"));
        head.version = *version;
        let commit = Commit {
            head,
            writer: "test".to_owned(),
            is_cycle: false,
            incidents: Vec::new(),
            events: Vec::new(),
            messages,
        };
        assert_eq!(self.store.commit(&commit).await, Ok(Committed::Done));
    }

    async fn deliver(&self) -> DeliveryReport {
        let ports =
            DeliverPorts { outbox: &self.store, receivers: &self.receivers, clock: &self.clock };
        let settings = DeliverSettings {
            owner: "test".to_owned(),
            budget: Duration::from_secs(15),
            give_up_after: TimeDelta::hours(24),
        };
        deliver(&ports, &settings).await.expect("the outbox answers")
    }

    /// In order.
    async fn waiting(&self) -> Vec<QueuedMessage> {
        let mut waiting = Vec::new();
        for partition in 0..OUTBOX_PARTITIONS {
            waiting.extend(self.store.waiting(partition, 10).await.expect("the outbox answers"));
        }
        waiting.sort_by_key(|it| it.message.seq);
        waiting
    }

    fn taken(&self, receiver: usize) -> Vec<String> {
        self.fakes[receiver].taken().into_iter().map(|it| it.body).collect()
    }

    async fn count(&self, status: MessageStatus) -> usize {
        self.store.list(status, self.clock.now(), 100).await.expect("the outbox answers").len()
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

fn broken(_: &Message) -> Outcome {
    Outcome::Retry { after: None, reason: "out of order".to_owned() }
}

#[tokio::test]
async fn every_receiver_gets_a_copy_in_order() {
    let mut scene = Scene::new(&["webhook", "alertmanager"]);
    scene.commit("booking", &["A1", "R1"]).await;
    scene.commit("search", &["A2"]).await;
    let report = scene.deliver().await;
    assert_eq!((report.delivered, report.waiting, report.dead), (6, 0, 0));
    for receiver in 0..2 {
        assert_eq!(scene.taken(receiver), ["A1", "A2", "R1"]);
    }
    let ids = |receiver: usize| scene.fakes[receiver].taken()[0].id.clone();
    assert_eq!(ids(0), ids(1), "both know it by the id in its body");
    assert_eq!(scene.deliver().await, DeliveryReport::default(), "nothing is sent twice");
}

#[tokio::test]
async fn a_broken_receiver_holds_up_nobody_else_and_nothing_overtakes() {
    let mut scene = Scene::new(&["webhook", "alertmanager"]);
    scene.fakes[0].answer(broken);
    scene.commit("booking", &["A1", "R1"]).await;
    let report = scene.deliver().await;
    assert_eq!((report.delivered, report.rescheduled, report.waiting), (2, 1, 2));
    assert_eq!(report.failures, ["webhook: out of order"]);
    assert_eq!(scene.taken(1), ["A1", "R1"]);
    scene.fakes[0].heal();
    assert_eq!(scene.deliver().await.delivered, 0, "it is not due yet");
    scene.clock.advance_s(10);
    assert_eq!(scene.deliver().await.delivered, 2);
    assert_eq!(scene.taken(0), ["A1", "R1"]);
}

#[tokio::test]
async fn newer_alerts_replace_older_ones_once_they_arrive() {
    let mut scene = Scene::new(&["webhook"]);
    scene.fakes[0].answer(broken);
    for _ in 0..3 {
        scene.commit("booking", &["A1"]).await;
        scene.deliver().await;
        scene.clock.advance_s(120);
    }
    let report = scene.deliver().await;
    assert_eq!((report.waiting, report.oldest_waiting_s), (3, 360));
    scene.fakes[0].heal();
    scene.clock.advance_s(120);
    let report = scene.deliver().await;
    assert_eq!((report.delivered, report.superseded, report.waiting), (1, 2, 0));
    assert_eq!(scene.taken(0), ["A1"]);
}

#[tokio::test]
async fn a_refused_message_is_dead_and_the_next_goes_on() {
    let mut scene = Scene::new(&["webhook"]);
    scene.fakes[0].answer(|message| match message.body.as_str() {
        "A1" => Outcome::Refused { reason: "HTTP 422".to_owned() },
        _ => Outcome::Delivered,
    });
    scene.commit("booking", &["A1", "R1"]).await;
    let report = scene.deliver().await;
    assert_eq!((report.dead, report.delivered), (1, 1));
    assert_eq!(scene.count(MessageStatus::Dead).await, 1);
}

#[tokio::test]
async fn a_message_is_given_up_after_a_day() {
    let mut scene = Scene::new(&["webhook"]);
    scene.fakes[0].answer(broken);
    scene.commit("booking", &["A1"]).await;
    let end = scene.now() + TimeDelta::hours(25);
    let mut tries = 0;
    while scene.now() < end {
        let report = scene.deliver().await;
        tries += report.rescheduled + report.dead;
        scene.clock.advance_s(120);
    }
    assert_eq!(scene.count(MessageStatus::Dead).await, 1);
    assert!((140..160).contains(&tries), "{tries} tries in a day");
}

#[tokio::test]
async fn a_receiver_that_hangs_is_left_when_the_time_is_over() {
    let mut scene = Scene::new(&["webhook"]);
    scene.fakes[0].hang();
    scene.commit("booking", &["A1"]).await;
    let start = scene.now();
    let report = scene.deliver().await;
    assert_eq!((report.rescheduled, report.delivered), (1, 0));
    assert!(scene.now() - start >= TimeDelta::seconds(15));
    scene.fakes[0].heal();
    scene.clock.advance_s(60);
    assert_eq!(scene.deliver().await.delivered, 1);
}

#[tokio::test]
async fn who_crashes_after_sending_makes_the_message_come_twice() {
    let mut scene = Scene::new(&["webhook"]);
    scene.commit("booking", &["A1", "R1"]).await;
    let key = scene.waiting().await[0].message.key();
    scene.store.claim(&key, "crashed", scene.now()).await.unwrap().unwrap();
    assert_eq!(scene.deliver().await.delivered, 0, "the lease holds, and nothing overtakes");
    scene.clock.advance_s(61);
    assert_eq!(scene.deliver().await.delivered, 2);
    assert_eq!(scene.taken(0), ["A1", "R1"]);
}

#[tokio::test]
async fn an_alert_whose_sender_was_killed_does_not_come_after_the_resolution() {
    let mut scene = Scene::new(&["webhook"]);
    scene.commit("booking", &["A1"]).await;
    let key = scene.waiting().await[0].message.key();
    scene.store.claim(&key, "killed", scene.now()).await.unwrap().unwrap();
    scene.commit("booking", &["A1", "R1"]).await;
    scene.clock.advance_s(61);
    let report = scene.deliver().await;
    assert_eq!((report.delivered, report.superseded, report.waiting), (2, 1, 0));
    scene.clock.advance_s(61);
    assert_eq!(scene.deliver().await, DeliveryReport::default());
    assert_eq!(scene.taken(0), ["A1", "R1"]);
}

#[tokio::test]
async fn what_a_refused_alert_would_have_replaced_is_told_before_the_resolution() {
    let mut scene = Scene::new(&["webhook"]);
    let newest = 1;
    scene.fakes[0].answer(move |message| match message.cycle_id {
        it if it == newest => Outcome::Refused { reason: "HTTP 422".to_owned() },
        _ => Outcome::Delivered,
    });
    scene.commit("booking", &["A1", "A1", "R1"]).await;
    let report = scene.deliver().await;
    assert_eq!((report.dead, report.delivered, report.waiting), (1, 0, 2));
    assert_eq!(scene.deliver().await.delivered, 2);
    assert_eq!(scene.taken(0), ["A1", "R1"]);
}

#[tokio::test]
async fn messages_of_a_receiver_that_is_gone_wait_and_die() {
    let mut scene = Scene::new(&["webhook"]);
    scene.commit("booking", &["A1"]).await;
    scene.receivers.clear();
    assert_eq!(scene.deliver().await.waiting, 1);
    scene.clock.advance_s(25 * 3600);
    let report = scene.deliver().await;
    assert_eq!((report.dead, report.waiting), (1, 0));
    assert_eq!(report.failures, ["webhook: no such receiver is configured"]);
}

#[tokio::test]
async fn an_archive_keeps_a_message_once_however_often_it_is_sent() {
    let memory = Arc::new(MemoryStore::new());
    let archive = Archive::new(memory.clone());
    let mut scene = Scene::new(&["archive"]);
    scene.commit("booking", &["A1", "R1"]).await;
    let waiting = scene.store.list(MessageStatus::Pending, scene.clock.now(), 10).await.unwrap();
    let batch: Vec<Message> = waiting.into_iter().map(|it| it.message.message).collect();
    for _ in 0..2 {
        assert_eq!(archive.send(&batch).await, [Outcome::Delivered, Outcome::Delivered]);
    }
    let kept = memory.snapshot();
    assert_eq!(kept.len(), 2, "{:?}", kept.keys());
    let bodies: Vec<&[u8]> = kept.values().map(Vec::as_slice).collect();
    assert!(batch.iter().all(|it| bodies.contains(&it.body.as_bytes())));
    let kinds = [MessageKind::Anomaly, MessageKind::Heartbeat, MessageKind::Notification];
    assert_eq!(kinds.map(|kind| archive.takes(kind)), [true, false, false]);
}
