//! Owners of one file take turns, each killed at a random moment.
//!
//! The test starts this very program again, as an owner that runs cycle after cycle; killed is
//! killed, as by a power cut of the process. What was acknowledged must be there, and what is
//! there must be what one owner would have made that never died.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use incident::{Rules, ServiceHead};
use pipeline::incidents::{Attempt, Outcome, Retention, Writer, commit_service};
use pipeline::ports::incidents::IncidentStore;
use pipeline::ports::outbox::{MessageStatus, Outbox};
use testkit::FixedClock;
use testkit::plan::{Seen, cycle_at, cycle_at_ms, plan, service, step};

const ROUNDS: u64 = 100;
/// Set for the program that is an owner: the folder to work in.
const FOLDER: &str = "YAGA_TEST_OWNER_FOLDER";
const NAME: &str = "booking";

/// Opens, goes on and ends every few cycles, and is re-opened now and then.
fn seen(cycle: i64) -> Seen {
    match cycle % 11 {
        0..=2 | 7 => Seen::Patterns(&["latency_high"]),
        5 => Seen::Unknown,
        _ => Seen::Nothing,
    }
}

/// Not a test of its own: what the owner does until it is killed.
#[tokio::test]
async fn owner_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let store = super::open(&folder.join("state.db")).await;
    let mut acknowledged =
        OpenOptions::new().create(true).append(true).open(folder.join("acknowledged")).unwrap();
    let writer = Writer {
        name: format!("process {}", std::process::id()),
        retention: Retention::of_hours(24 * 30),
    };
    let rules = Rules::default();
    let mut cycle = head(&store).await.last_cycle.max(0);
    loop {
        cycle += 1;
        let step = step(cycle, seen(cycle));
        let planned = |head: &ServiceHead| plan(head, &step, &rules);
        let attempt = Attempt { writer: &writer, at_ms: cycle_at_ms(cycle), is_cycle: true };
        let clock = FixedClock::at(cycle_at(cycle));
        let outcome =
            commit_service(&store, &clock, attempt, head(&store).await, &planned).await.unwrap();
        if matches!(outcome, Outcome::Committed { .. }) {
            // In one piece: killed between the number and the end of the line, it would be glued
            // to the next owner's first one.
            acknowledged.write_all(format!("{cycle}\n").as_bytes()).unwrap();
        }
    }
}

async fn head(store: &dyn IncidentStore) -> ServiceHead {
    let name = service(NAME);
    let mut heads = store.heads(std::slice::from_ref(&name)).await.unwrap();
    heads.remove(&name).map_or_else(|| ServiceHead::new(name), |stored| stored.head)
}

#[tokio::test]
async fn killed_owners_lose_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..ROUNDS {
        let mut owner = Command::new(std::env::current_exe().unwrap())
            .args(["owners::owner_process", "--exact"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(round);
        std::thread::sleep(Duration::from_millis(20 + (chance >> 33) % 150));
        owner.kill().unwrap();
        let ended = owner.wait().unwrap();
        assert!(!ended.success(), "round {round}: the owner ended by itself: {ended}");
    }
    check(folder.path()).await;
}

async fn check(folder: &Path) {
    let store = super::open(&folder.join("state.db")).await;
    let found = head(&store).await;
    let acknowledged = std::fs::read_to_string(folder.join("acknowledged")).unwrap();
    let acknowledged: Vec<i64> = acknowledged.lines().map(|line| line.parse().unwrap()).collect();
    assert!(acknowledged.len() > 100, "only {} commits in all rounds", acknowledged.len());
    assert!(acknowledged.is_sorted_by(|a, b| a < b), "no cycle was acknowledged twice");
    assert!(found.last_cycle >= *acknowledged.last().unwrap(), "an acknowledged commit is lost");

    let rules = Rules::default();
    let mut expected = ServiceHead::new(service(NAME));
    let mut messages = BTreeSet::new();
    for cycle in 1..=found.last_cycle {
        let planned = plan(&expected, &step(cycle, seen(cycle)), &rules);
        messages.extend(planned.messages.into_iter().map(|(message, _)| message.id));
        expected = planned.advance.head;
    }
    assert_eq!(found, expected, "the head is that of one owner that never died");
    let now = cycle_at(found.last_cycle);
    let pending = store.list(MessageStatus::Pending, now, 1_000_000).await.unwrap();
    assert_eq!(pending.len(), messages.len(), "each message once");
    let kept: BTreeSet<String> = pending.into_iter().map(|it| it.message.message.id).collect();
    assert_eq!(kept, messages);
}
