//! Writers of incident state that overlap, on a real DynamoDB Local: each cycle is applied once.

use std::collections::BTreeSet;
use std::sync::Arc;

use adapter_aws::DynamoIncidents;
use anyhow::{Result, ensure};
use incident::{Rules, ServiceHead};
use pipeline::incidents::{Attempt, Outcome, Retention, Writer, commit_service};
use pipeline::ports::incidents::IncidentStore;
use pipeline::ports::outbox::{MessageStatus, Outbox};
use testkit::FixedClock;
use testkit::plan::{Seen, cycle_at, cycle_at_ms, plan, service, step};

use crate::Case;
use crate::servers::DynamoDb;
use crate::stage::Stage;

const ROUNDS: i64 = 200;
const NAME: &str = "booking";

pub(crate) fn cases(stage: &Stage) -> Vec<Case> {
    vec![
        Case::new("races::two_writers_of_one_cycle_count_it_once", same_cycle)
            .needs(stage, &["dynamodb-local"]),
        Case::new("races::writers_of_neighbouring_cycles_lose_nothing", neighbours)
            .needs(stage, &["dynamodb-local"]),
    ]
}

/// Opens, goes on, is not seen and closes, over and over.
fn seen(cycle: i64) -> Seen {
    match cycle % 9 {
        0..=3 => Seen::Patterns(&["latency_high"]),
        5 => Seen::Unknown,
        _ => Seen::Nothing,
    }
}

/// Runs `rounds` of two writers at once; each round's writers are of the cycles that `cycles` says.
fn race(stage: &Stage, table: &str, cycles: fn(i64) -> [i64; 2]) -> Result<()> {
    let server = DynamoDb::start(stage)?;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let store = Arc::new(server.incidents(table));
        store.ensure_table().await?;
        let mut outcomes = Vec::new();
        for round in 0..ROUNDS {
            let [a, b] = cycles(round);
            let first = tokio::spawn(run(Arc::clone(&store), a, format!("a{round}")));
            let second = tokio::spawn(run(Arc::clone(&store), b, format!("b{round}")));
            outcomes.extend([(a, first.await??), (b, second.await??)]);
        }
        check(&store, &outcomes).await
    })
}

fn same_cycle(stage: &Stage) -> Result<()> {
    race(stage, "same-cycle", |round| [round + 1, round + 1])
}

fn neighbours(stage: &Stage) -> Result<()> {
    race(stage, "neighbours", |round| [2 * round + 1, 2 * round + 2])
}

async fn run(store: Arc<DynamoIncidents>, cycle: i64, name: String) -> Result<Outcome> {
    let head = head(store.as_ref()).await?;
    let writer = Writer { name, retention: Retention::of_hours(72) };
    let (step, rules) = (step(cycle, seen(cycle)), Rules::default());
    let planned = |head: &ServiceHead| plan(head, &step, &rules);
    let attempt = Attempt { writer: &writer, at_ms: cycle_at_ms(cycle), is_cycle: true };
    let clock = FixedClock::at(cycle_at(cycle));
    Ok(commit_service(store.as_ref(), &clock, attempt, head, &planned).await?)
}

async fn head(store: &dyn IncidentStore) -> Result<ServiceHead> {
    let name = service(NAME);
    let mut heads = store.heads(std::slice::from_ref(&name)).await?;
    Ok(heads.remove(&name).map_or_else(|| ServiceHead::new(name), |stored| stored.head))
}

/// What is stored is what one writer makes of the cycles that were committed, one after another.
async fn check(store: &DynamoIncidents, outcomes: &[(i64, Outcome)]) -> Result<()> {
    let is_committed = |outcome: &Outcome| matches!(outcome, Outcome::Committed { .. });
    let given_up = outcomes.iter().filter(|(_, it)| matches!(it, Outcome::GivenUp { .. }));
    ensure!(given_up.count() == 0, "two writers need not give up");
    let mut committed: Vec<i64> =
        outcomes.iter().filter(|(_, it)| is_committed(it)).map(|(cycle, _)| *cycle).collect();
    committed.sort_unstable();
    ensure!(committed.is_sorted_by(|a, b| a < b), "a cycle was committed twice: {committed:?}");
    ensure!(committed.len() > 100, "only {} cycles were committed", committed.len());

    let mut expected = ServiceHead::new(service(NAME));
    let mut messages = BTreeSet::new();
    for cycle in committed {
        let planned = plan(&expected, &step(cycle, seen(cycle)), &Rules::default());
        messages.extend(planned.messages.into_iter().map(|(message, _)| message.id));
        expected = planned.advance.head;
    }
    let found = head(store).await?;
    ensure!(found == expected, "transitions were lost or doubled:\n{found:?}\n{expected:?}");
    let now = cycle_at(found.last_cycle);
    let pending = store.list(MessageStatus::Pending, now, 100_000).await?;
    ensure!(pending.len() == messages.len(), "{} of {} messages", pending.len(), messages.len());
    let kept: BTreeSet<String> = pending.into_iter().map(|it| it.message.message.id).collect();
    ensure!(kept == messages, "the outbox holds other messages than were announced");
    Ok(())
}
