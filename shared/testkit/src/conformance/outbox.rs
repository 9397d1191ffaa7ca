//! The suite of `Outbox`.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use incident::ServiceHead;
use payload::message::{Message, MessageKind, message_id};
use pipeline::ports::incidents::{Commit, Committed, IncidentStore};
use pipeline::ports::outbox::{
    CLAIM_LEASE, DELIVERED_KEPT, MessageStatus, OUTBOX_PARTITIONS, Outbox, OutboxMessage,
    QueuedMessage,
};
use tokio::task::JoinSet;

use crate::plan::{cycle_at, cycle_at_ms, service};

/// A store of both ports: messages come into the outbox by commits.
pub trait IncidentsAndOutbox: IncidentStore + Outbox {}
impl<T: IncidentStore + Outbox> IncidentsAndOutbox for T {}

type Store = Arc<dyn IncidentsAndOutbox>;

const CLAIMERS: usize = 16;
const CYCLE: i64 = 14_500_000;

/// Runs the suite. `make` makes a store that nobody wrote to before.
pub async fn outbox(make: impl Fn() -> Store) {
    a_committed_message_waits(&make()).await;
    a_message_is_claimed_once(&make()).await;
    a_lease_ends(&make()).await;
    a_delivered_message_is_kept_for_a_while(&make()).await;
    a_rescheduled_message_waits(&make()).await;
    a_message_that_was_given_up_can_be_tried_again(&make()).await;
    an_idle_message_can_be_forgotten(&make()).await;
    what_a_dead_sender_claimed_is_idle_after_its_lease(&make()).await;
    of_concurrent_claimers_one_wins(&make()).await;
}

fn message(name: &str, cycle: i64, seq: u64) -> OutboxMessage {
    let message = Message {
        id: message_id(name, cycle, &format!("anomaly {seq}")),
        kind: MessageKind::Anomaly,
        service: name.to_owned(),
        cycle_id: cycle,
        incident_ids: vec!["incident_ab62e1ef67bc".to_owned()],
        body: "{\"text\":\"é \\\" #\"}".to_owned(),
    };
    let destination = (seq == 2).then(|| "elsewhere".to_owned());
    OutboxMessage { message, seq, created_at: cycle_at(cycle), destination }
}

/// Commits messages of a service without a head.
async fn commit(store: &Store, name: &str, messages: Vec<OutboxMessage>) {
    let mut head = ServiceHead::new(service(name));
    head.version = 1;
    head.last_cycle = CYCLE;
    head.last_cycle_at_ms = cycle_at_ms(CYCLE);
    let (incidents, events) = (vec![], vec![]);
    let writer = "outbox".to_owned();
    let commit = Commit { head, writer, is_cycle: true, incidents, events, messages };
    assert_eq!(store.commit(&commit).await, Ok(Committed::Done));
}

async fn one(store: &Store) -> (OutboxMessage, DateTime<Utc>) {
    let message = message("s", CYCLE, 1);
    commit(store, "s", vec![message.clone()]).await;
    (message, cycle_at(CYCLE))
}

async fn waiting(store: &Store) -> Vec<QueuedMessage> {
    let mut all = Vec::new();
    for partition in 0..OUTBOX_PARTITIONS {
        all.extend(store.waiting(partition, 100).await.expect("what waits"));
    }
    all
}

async fn a_committed_message_waits(store: &Store) {
    assert_eq!(waiting(store).await, vec![]);
    let messages = vec![message("s", CYCLE, 1), message("s", CYCLE, 2)];
    commit(store, "s", messages.clone()).await;
    let found = waiting(store).await;
    let mut bodies: Vec<_> = found.iter().map(|queued| queued.message.clone()).collect();
    bodies.sort_by_key(|message| message.seq);
    assert_eq!(bodies, messages, "every field of a message comes back");
    for queued in found {
        assert_eq!((queued.status, queued.attempts), (MessageStatus::Pending, 0));
        assert_eq!(queued.next_attempt_at, cycle_at(CYCLE), "it is due at once");
    }
    let pending = store.list(MessageStatus::Pending, cycle_at(CYCLE), 10).await.expect("a list");
    assert_eq!(pending.len(), 2);
    assert_eq!(store.list(MessageStatus::Dead, cycle_at(CYCLE), 10).await, Ok(vec![]));
}

async fn a_message_is_claimed_once(store: &Store) {
    let (message, now) = one(store).await;
    let early = store.claim(&message.key(), "a", now - TimeDelta::milliseconds(1)).await;
    assert_eq!(early, Ok(None), "it is not due yet");
    let claim = store.claim(&message.key(), "a", now).await.expect("a claim").expect("it is due");
    assert_eq!(claim.queued.message, message);
    assert_eq!((claim.queued.status, claim.queued.attempts), (MessageStatus::Sending, 1));
    assert_eq!(claim.queued.next_attempt_at, now + CLAIM_LEASE);
    for owner in ["a", "b"] {
        assert_eq!(store.claim(&message.key(), owner, now).await, Ok(None), "claimed already");
    }
    assert_eq!(waiting(store).await, vec![claim.queued], "what is being sent is shown");
    let unknown = super::outbox::message("t", CYCLE, 9).key();
    assert_eq!(store.claim(&unknown, "a", now).await, Ok(None), "no such message");
    assert_eq!(store.list(MessageStatus::Sending, now, 9).await.expect("a list").len(), 1);
}

async fn a_lease_ends(store: &Store) {
    let (message, now) = one(store).await;
    let first = store.claim(&message.key(), "a", now).await.expect("a claim").expect("due");
    let later = now + CLAIM_LEASE;
    let second = store.claim(&message.key(), "a", later).await.expect("a claim").expect("over");
    assert_eq!(second.queued.attempts, 2);
    assert_eq!(store.delivered(&first, later).await, Ok(false), "an old claim of the same owner");
    assert_eq!(store.reschedule(&first, later, "x").await, Ok(false));
    assert_eq!(store.bury(&first, "x").await, Ok(false));
    assert_eq!(waiting(store).await, vec![second.queued.clone()], "nothing changed");
    assert_eq!(store.delivered(&second, later).await, Ok(true));
    assert_eq!(store.delivered(&second, later).await, Ok(false), "it was ended already");
}

async fn a_delivered_message_is_kept_for_a_while(store: &Store) {
    let (message, now) = one(store).await;
    let claim = store.claim(&message.key(), "a", now).await.expect("a claim").expect("due");
    assert_eq!(store.delivered(&claim, now).await, Ok(true));
    assert_eq!(waiting(store).await, vec![]);
    assert_eq!(store.claim(&message.key(), "a", now + CLAIM_LEASE).await, Ok(None));
    assert_eq!(store.retry(&message.key(), now).await, Ok(false));
    assert_eq!(store.forget(&message.key(), now).await, Ok(false));
    let listed =
        async |at| store.list(MessageStatus::Delivered, at, 9).await.expect("a list").len();
    assert_eq!(listed(now + DELIVERED_KEPT - TimeDelta::seconds(1)).await, 1);
    assert_eq!(listed(now + DELIVERED_KEPT).await, 0);
}

async fn a_rescheduled_message_waits(store: &Store) {
    let (message, now) = one(store).await;
    let claim = store.claim(&message.key(), "a", now).await.expect("a claim").expect("due");
    let at = now + TimeDelta::seconds(5);
    assert_eq!(store.reschedule(&claim, at, "HTTP 500").await, Ok(true));
    let found = waiting(store).await;
    assert_eq!(found[0].status, MessageStatus::Pending);
    assert_eq!(found[0].next_attempt_at, at);
    assert_eq!(found[0].last_error.as_deref(), Some("HTTP 500"));
    assert_eq!(store.claim(&message.key(), "b", now).await, Ok(None), "not before its time");
    assert!(store.claim(&message.key(), "b", at).await.expect("a claim").is_some());
}

async fn a_message_that_was_given_up_can_be_tried_again(store: &Store) {
    let (message, now) = one(store).await;
    let claim = store.claim(&message.key(), "a", now).await.expect("a claim").expect("due");
    assert_eq!(store.retry(&message.key(), now).await, Ok(false), "it is being sent");
    assert_eq!(store.bury(&claim, "refused").await, Ok(true));
    assert_eq!(waiting(store).await, vec![]);
    let far = now + TimeDelta::days(400);
    let dead = store.list(MessageStatus::Dead, far, 9).await.expect("a list");
    assert_eq!(dead.len(), 1, "what was given up is kept until somebody looks");
    assert_eq!(dead[0].last_error.as_deref(), Some("refused"));
    assert_eq!(store.retry(&message.key(), far).await, Ok(true));
    let again = store.claim(&message.key(), "a", far).await.expect("a claim").expect("due");
    assert_eq!(again.queued.attempts, 2);
}

async fn an_idle_message_can_be_forgotten(store: &Store) {
    let (message, now) = one(store).await;
    let claim = store.claim(&message.key(), "a", now).await.expect("a claim").expect("due");
    assert_eq!(store.forget(&message.key(), now).await, Ok(false), "it is being sent");
    assert_eq!(store.bury(&claim, "x").await, Ok(true));
    assert_eq!(store.forget(&message.key(), now).await, Ok(true));
    assert_eq!(store.forget(&message.key(), now).await, Ok(false), "it is gone");
    assert_eq!(store.list(MessageStatus::Dead, now, 9).await, Ok(vec![]));
}

async fn what_a_dead_sender_claimed_is_idle_after_its_lease(store: &Store) {
    let (message, now) = one(store).await;
    store.claim(&message.key(), "killed", now).await.expect("a claim").expect("due");
    assert_eq!(store.retry(&message.key(), now).await, Ok(false), "it is being sent");
    let over = now + CLAIM_LEASE;
    assert_eq!(store.retry(&message.key(), over).await, Ok(true));
    store.claim(&message.key(), "killed too", over).await.expect("a claim").expect("due");
    assert_eq!(store.forget(&message.key(), over).await, Ok(false), "it is being sent again");
    assert_eq!(store.forget(&message.key(), over + CLAIM_LEASE).await, Ok(true));
    assert_eq!(waiting(store).await, []);
}

async fn of_concurrent_claimers_one_wins(store: &Store) {
    let (message, now) = one(store).await;
    let mut claimers = JoinSet::new();
    for claimer in 0..CLAIMERS {
        let (store, key) = (Arc::clone(store), message.key());
        claimers.spawn(async move {
            let owner = format!("claimer {claimer}");
            store.claim(&key, &owner, now).await.expect("an answer")
        });
    }
    let mut winners = 0;
    while let Some(claim) = claimers.join_next().await {
        winners += usize::from(claim.expect("a claimer panicked").is_some());
    }
    assert_eq!(winners, 1, "winners of {CLAIMERS}");
}
