//! The suite of `IncidentStore`.

use std::sync::Arc;

use chrono::TimeDelta;
use incident::{Event, IncidentState, Rules, ServiceHead};
use pipeline::incidents::{Attempt, Outcome, Plan, Retention, Writer, commit_service};
use pipeline::ports::incidents::{Commit, Committed, IncidentStore, StateError, StoredHead};
use pipeline::ports::outbox::OutboxMessage;
use tokio::task::JoinSet;

use crate::FixedClock;
use crate::plan::{Seen, cycle_at, cycle_at_ms, plan, service, step};

type Store = Arc<dyn IncidentStore>;

const ONE: Seen = Seen::Patterns(&["latency_high"]);
const FIRST: i64 = 14_500_000;
const RACERS: usize = 16;

/// Runs the suite. `make` makes a store that nobody wrote to before.
pub async fn incident_store(make: impl Fn() -> Store) {
    a_service_without_head_has_none(&make()).await;
    a_commit_is_read_back(&make()).await;
    a_head_is_replaced_only_in_its_version(&make()).await;
    the_same_writer_may_repeat_itself(&make()).await;
    many_heads_are_read_at_once(&make()).await;
    an_incident_is_found_everywhere(&make()).await;
    a_closed_incident_expires(&make()).await;
    a_reopened_incident_does_not_expire(&make()).await;
    what_does_not_fit_is_refused(&make()).await;
    of_concurrent_writers_one_wins(&make()).await;
    describing_says_something(&make());
}

fn writer(name: &str) -> Writer {
    Writer { name: name.to_owned(), retention: Retention::of_hours(72) }
}

/// Runs a cycle as the use case does.
async fn run(store: &Store, name: &str, cycle: i64, seen: Seen) -> Outcome {
    let clock = FixedClock::at(cycle_at(cycle));
    let head = head_of(store, name).await;
    let rules = Rules::default();
    let step = step(cycle, seen);
    let writer = writer("run");
    let attempt = Attempt { writer: &writer, at_ms: cycle_at_ms(cycle), is_cycle: true };
    let planned = |head: &ServiceHead| plan(head, &step, &rules);
    let outcome = commit_service(store.as_ref(), &clock, attempt, head, &planned).await;
    outcome.unwrap_or_else(|error| panic!("cycle {cycle} of {name}: {error}"))
}

async fn committed(store: &Store, name: &str, cycle: i64, seen: Seen) {
    let outcome = run(store, name, cycle, seen).await;
    assert!(matches!(outcome, Outcome::Committed { tries: 1, .. }), "{name} {cycle}: {outcome:?}");
}

async fn stored(store: &Store, name: &str) -> Option<StoredHead> {
    let name = service(name);
    let heads = store.heads(std::slice::from_ref(&name)).await;
    heads.unwrap_or_else(|error| panic!("the head of {name}: {error}")).remove(&name)
}

async fn head_of(store: &Store, name: &str) -> ServiceHead {
    let stored = stored(store, name).await;
    stored.map_or_else(|| ServiceHead::new(service(name)), |stored| stored.head)
}

async fn a_service_without_head_has_none(store: &Store) {
    assert_eq!(store.heads(&[]).await, Ok([].into()), "no services");
    assert_eq!(store.heads(&[service("a"), service("b")]).await, Ok([].into()), "unknown ones");
    assert_eq!(store.active().await, Ok(vec![]));
}

async fn a_commit_is_read_back(store: &Store) {
    let name = "Payments (EU)#v2/é";
    let rules = Rules::default();
    let head = ServiceHead::new(service(name));
    let Plan { advance, .. } = plan(&head, &step(FIRST, ONE), &rules);
    committed(store, name, FIRST, ONE).await;
    let found = stored(store, name).await.expect("a head");
    assert_eq!(found.head, advance.head, "every field of the head comes back");
    assert_eq!(found.last_writer, "run");
    committed(store, name, FIRST + 1, Seen::Unknown).await;
    assert_eq!(head_of(store, name).await.version, 2);
    let again = run(store, name, FIRST + 1, ONE).await;
    assert_eq!(again, Outcome::AlreadyProcessed);
    assert_eq!(run(store, name, FIRST, ONE).await, Outcome::Late);
    let quiet = run(store, "quiet", FIRST, Seen::Nothing).await;
    assert!(matches!(quiet, Outcome::Quiet { .. }), "{quiet:?}");
    assert_eq!(stored(store, "quiet").await, None, "nothing is written of a quiet service");
}

/// A commit of the head that follows `head`, and nothing else.
fn next(head: &ServiceHead, by: &str, cycle: i64) -> Commit {
    let mut head = head.clone();
    head.version += 1;
    head.last_cycle = cycle;
    head.last_cycle_at_ms = cycle_at_ms(cycle);
    let (incidents, events, messages) = (vec![], vec![], vec![]);
    Commit { head, writer: by.to_owned(), is_cycle: true, incidents, events, messages }
}

async fn a_head_is_replaced_only_in_its_version(store: &Store) {
    let none = ServiceHead::new(service("s"));
    let first = next(&none, "a", 5);
    assert_eq!(store.commit(&first).await, Ok(Committed::Done));
    let check = async |commit: Commit, expected: Committed, what: &str| {
        let before = stored(store, "s").await;
        assert_eq!(store.commit(&commit).await, Ok(expected.clone()), "{what}");
        if expected != Committed::Done {
            assert_eq!(stored(store, "s").await, before, "{what}: nothing was written");
        }
    };
    check(next(&none, "b", 6), Committed::Conflict, "a second creation").await;
    check(next(&none, "b", 5), Committed::AlreadyProcessed, "a second creation, same cycle").await;
    check(next(&first.head, "b", 6), Committed::Done, "the right version").await;
    check(next(&first.head, "c", 7), Committed::Conflict, "an old version").await;
    check(next(&first.head, "c", 6), Committed::AlreadyProcessed, "the same cycle").await;
    let second = head_of(store, "s").await;
    check(next(&second, "c", 6), Committed::AlreadyProcessed, "the right version, no later").await;
    let by_hand = Commit { is_cycle: false, ..next(&second, "c", 6) };
    check(by_hand, Committed::Done, "no cycle").await;
}

async fn the_same_writer_may_repeat_itself(store: &Store) {
    let commit = next(&ServiceHead::new(service("s")), "a", 5);
    assert_eq!(store.commit(&commit).await, Ok(Committed::Done));
    assert_eq!(store.commit(&commit).await, Ok(Committed::Done), "the same commit again");
    let other = Commit { writer: "b".to_owned(), ..commit };
    assert_eq!(store.commit(&other).await, Ok(Committed::AlreadyProcessed), "of another writer");
    assert_eq!(head_of(store, "s").await.version, 1, "it was written once");
}

async fn many_heads_are_read_at_once(store: &Store) {
    let names: Vec<String> = (0..230).map(|index| format!("service-{index}")).collect();
    for name in names.iter().step_by(10) {
        let commit = next(&ServiceHead::new(service(name)), "a", 5);
        assert_eq!(store.commit(&commit).await, Ok(Committed::Done));
    }
    let services: Vec<_> = names.iter().map(|name| service(name)).collect();
    let heads = store.heads(&services).await.expect("heads");
    assert_eq!(heads.len(), 23, "the heads that there are");
    assert!(heads.iter().all(|(name, stored)| stored.head.service == *name));
}

async fn an_incident_is_found_everywhere(store: &Store) {
    committed(store, "a", FIRST, ONE).await;
    committed(store, "b", FIRST + 1, ONE).await;
    committed(store, "b", FIRST + 2, Seen::Nothing).await;
    let now = cycle_at(FIRST + 2);
    let active = store.active().await.expect("active ones");
    let states: Vec<_> = active.iter().map(|it| (it.service.as_str(), it.state)).collect();
    assert_eq!(states, [("a", IncidentState::Open), ("b", IncidentState::Recovering)]);
    let a = &active[0];
    let all = store.everything(now, 10).await.expect("all");
    assert_eq!(all.len(), 2);
    assert_eq!(store.of_service(&service("a"), now, 10).await.as_deref(), Ok(&active[..1]));
    assert_eq!(store.of_service(&service("c"), now, 10).await, Ok(vec![]));
    let of_pattern = store.of_fingerprint(&a.fingerprint_id, now, 10).await;
    assert_eq!(of_pattern.as_deref(), Ok(&active[..1]));
    let history = store.incident(&a.incident_id, now).await.expect("one").expect("there");
    assert_eq!(history.record.summary(), *a);
    let head = head_of(store, "a").await;
    assert_eq!(head.incident(&a.incident_id), Some(&history.record.incident), "every field");
    assert_eq!(history.events.len(), 1);
    assert!(history.events[0].events.contains(&Event::Created), "{:?}", history.events);
    assert_eq!(history.events[0].cycle, FIRST);
    let unknown = "incident_000000000000".to_owned().try_into().expect("an id");
    assert_eq!(store.incident(&unknown, now).await, Ok(None));
}

/// Opens an incident of `s` and closes it by three misses; the first cycle after that.
async fn close_one(store: &Store) -> i64 {
    committed(store, "s", FIRST, ONE).await;
    for miss in 1..=3 {
        committed(store, "s", FIRST + miss, Seen::Nothing).await;
    }
    FIRST + 4
}

async fn a_closed_incident_expires(store: &Store) {
    let after = close_one(store).await;
    let closed_at = cycle_at(after - 1);
    assert_eq!(store.active().await, Ok(vec![]), "a closed incident is not active");
    let listed = store.of_service(&service("s"), closed_at, 10).await.expect("a list");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].state, IncidentState::Closed);
    assert_eq!(listed[0].closed_at_ms, Some(closed_at.timestamp_millis()));
    let id = &listed[0].incident_id;
    let fingerprint = &listed[0].fingerprint_id;
    let shown = async |now| {
        let one = store.incident(id, now).await.expect("one").is_some();
        let of_service = store.of_service(&service("s"), now, 9).await.expect("a list").len();
        let of_pattern = store.of_fingerprint(fingerprint, now, 9).await.expect("a list").len();
        let all = store.everything(now, 9).await.expect("a list").len();
        (one, of_service, of_pattern, all)
    };
    let end = closed_at + TimeDelta::hours(72);
    assert_eq!(shown(end - TimeDelta::seconds(1)).await, (true, 1, 1, 1), "a second before");
    assert_eq!(shown(end).await, (false, 0, 0, 0), "whatever the table still holds");
}

async fn a_reopened_incident_does_not_expire(store: &Store) {
    let cycle = close_one(store).await;
    committed(store, "s", cycle, ONE).await;
    let late = cycle_at(cycle) + TimeDelta::days(400);
    let listed = store.of_service(&service("s"), late, 10).await.expect("a list");
    assert_eq!(listed.len(), 1, "it is the same incident, and it is kept: {listed:?}");
    assert_eq!(listed[0].state, IncidentState::Open);
    assert_eq!(store.active().await.as_deref(), Ok(&listed[..]));
}

async fn what_does_not_fit_is_refused(store: &Store) {
    let rules = Rules::default();
    let head = ServiceHead::new(service("s"));
    let Plan { advance, messages } = plan(&head, &step(FIRST, ONE), &rules);
    let (mut message, _) = messages[0].clone();
    message.body = "x".repeat(110_000);
    let created_at = cycle_at(FIRST);
    let message = OutboxMessage { message, seq: 1, created_at, destination: None };
    let commit =
        Commit { head: advance.head.clone(), messages: vec![message], ..next(&head, "a", FIRST) };
    let refused = store.commit(&commit).await;
    assert!(matches!(refused, Err(StateError::TooLarge { .. })), "{refused:?}");
    assert_eq!(stored(store, "s").await, None, "nothing was written");
}

async fn of_concurrent_writers_one_wins(store: &Store) {
    for cycle in 1..=5 {
        let head = head_of(store, "race").await;
        let mut racers = JoinSet::new();
        for racer in 0..RACERS {
            let (store, commit) = (Arc::clone(store), next(&head, &format!("w{racer}"), cycle));
            racers.spawn(async move {
                // A store may be too busy with the others to say who won.
                loop {
                    match store.commit(&commit).await.expect("an outcome") {
                        Committed::Throttled { .. } => tokio::task::yield_now().await,
                        outcome => return (outcome, commit.writer),
                    }
                }
            });
        }
        let mut winners = Vec::new();
        while let Some(racer) = racers.join_next().await {
            match racer.expect("a racer panicked") {
                (Committed::Done, name) => winners.push(name),
                (Committed::AlreadyProcessed | Committed::Conflict, _) => {}
                (other, name) => panic!("{name}: {other:?}"),
            }
        }
        let found = stored(store, "race").await.expect("a head");
        assert_eq!(winners, [found.last_writer], "winners of {RACERS} in cycle {cycle}");
        assert_eq!(found.head.version, u64::try_from(cycle).expect("a small number"));
    }
}

fn describing_says_something(store: &Store) {
    assert!(!store.describe().is_empty());
}
