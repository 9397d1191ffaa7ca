//! Random histories of incident state, with everything that can go wrong, and what must hold.
//!
//! Writers overlap, repeat cycles, come late, and end at any await; the store is busy, conflicts,
//! and loses its answers before or after it did its work. Whatever happens, the commits that were
//! applied must be those of one writer that never failed: each cycle once, in order, each head the
//! step of the one before it, each message once. All of it follows from a seed.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use domain::ServiceName;
use incident::{Disposition, Rules, ServiceHead};
use pipeline::incidents::{Attempt, Outcome, Retention, Writer, commit_service};
use pipeline::ports::incidents::{IncidentStore, StateError};

use crate::plan::{Seen, cycle_at, cycle_at_ms, plan, service, step};
use crate::{FixedClock, MemoryIncidents, StoreFault};

const SERVICES: [&str; 2] = ["booking", "search"];
/// Writers under way at once.
const WRITERS_MAX: usize = 4;
/// Polls after which a run that does not end is a mistake of ours.
const POLLS_MAX: usize = 100_000;

/// What happened in a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub runs: usize,
    pub crashes: usize,
    pub faults: usize,
    pub commits: usize,
    pub messages: usize,
    pub given_up: usize,
    pub late: usize,
    pub repeated: usize,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.runs += other.runs;
        self.crashes += other.crashes;
        self.faults += other.faults;
        self.commits += other.commits;
        self.messages += other.messages;
        self.given_up += other.given_up;
        self.late += other.late;
        self.repeated += other.repeated;
    }
}

/// Lives through one history of `cycles` cycles and panics if a transition was lost or doubled.
pub fn soak(seed: u64, cycles: i64) -> Tally {
    let mut history = History::new(seed);
    for cycle in 1..=cycles {
        history.live(cycle);
    }
    history.run_to_the_end();
    history.check(seed);
    history.tally
}

type Run<'a> = Pin<Box<dyn Future<Output = Result<Outcome, StateError>> + 'a>>;

/// One invocation under way.
struct Running<'a> {
    service: ServiceName,
    cycle: i64,
    run: Run<'a>,
    /// Polls until it crashes.
    polls_left: Option<u32>,
}

struct History {
    chance: Chance,
    store: &'static MemoryIncidents,
    clock: &'static FixedClock,
    /// What each cycle saw: the same for every writer of it.
    seen: BTreeMap<(ServiceName, i64), Seen>,
    running: Vec<Running<'static>>,
    ended: Vec<(ServiceName, i64, Outcome)>,
    tally: Tally,
}

impl History {
    fn new(seed: u64) -> History {
        History {
            chance: Chance(seed),
            // One history is a few kilobytes; runs that crash borrow from it till the end.
            store: Box::leak(Box::new(MemoryIncidents::new())),
            clock: Box::leak(Box::new(FixedClock::at(cycle_at(0)))),
            seen: BTreeMap::new(),
            running: Vec::new(),
            ended: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// One cycle: some writers of it, perhaps late ones of cycles before, each some steps further.
    fn live(&mut self, cycle: i64) {
        for name in SERVICES {
            let seen = self.chance.seen();
            self.seen.insert((service(name), cycle), seen);
            for _ in 0..self.chance.below(3) {
                let back = if self.chance.one_in(4) { self.chance.below(4) as i64 } else { 0 };
                self.start(name, (cycle - back).max(1));
            }
        }
        for _ in 0..self.chance.below(60) {
            self.poll_one();
        }
    }

    fn start(&mut self, name: &str, cycle: i64) {
        if self.running.len() >= WRITERS_MAX {
            self.poll_one();
            return;
        }
        let service = service(name);
        let seen = self.seen[&(service.clone(), cycle)];
        let writer = format!("run {}", self.tally.runs);
        let polls_left = self.chance.one_in(4).then(|| self.chance.below(12) as u32);
        let run = run(self.store, self.clock, service.clone(), cycle, seen, writer);
        self.running.push(Running { service, cycle, run: Box::pin(run), polls_left });
        self.tally.runs += 1;
    }

    /// Takes one writer to its next await, or ends it there.
    fn poll_one(&mut self) {
        if self.running.is_empty() {
            return;
        }
        if self.chance.one_in(6) {
            self.store.fail_next([self.chance.fault()]);
            self.tally.faults += 1;
        }
        let index = self.chance.below(self.running.len() as u64) as usize;
        let it = &mut self.running[index];
        if it.polls_left == Some(0) {
            drop(self.running.swap_remove(index));
            self.tally.crashes += 1;
            return;
        }
        it.polls_left = it.polls_left.map(|left| left - 1);
        let mut context = Context::from_waker(Waker::noop());
        if let Poll::Ready(outcome) = it.run.as_mut().poll(&mut context) {
            let it = self.running.swap_remove(index);
            match outcome {
                Ok(outcome) => self.ended.push((it.service, it.cycle, outcome)),
                // Its first read of the head failed: the run ends, and the next cycle goes on.
                Err(StateError::Throttled { .. } | StateError::Unavailable { .. }) => {}
                Err(error) => panic!("cycle {} of {}: {error}", it.cycle, it.service),
            }
        }
    }

    fn run_to_the_end(&mut self) {
        for _ in 0..POLLS_MAX {
            if self.running.is_empty() {
                return;
            }
            self.poll_one();
        }
        panic!("a run does not end");
    }

    /// Everything that was applied, lived through again by one writer that never fails.
    fn check(&mut self, seed: u64) {
        let log = self.store.log();
        let rules = Rules::default();
        let mut heads: BTreeMap<ServiceName, ServiceHead> = BTreeMap::new();
        let mut messages = BTreeSet::new();
        let mut applied = BTreeSet::new();
        for commit in &log {
            let name = commit.head.service.clone();
            let cycle = commit.head.last_cycle;
            let before =
                heads.entry(name.clone()).or_insert_with(|| ServiceHead::new(name.clone()));
            assert!(cycle > before.last_cycle, "seed {seed}: {name} {cycle} twice or late");
            let again = plan(before, &step(cycle, self.seen[&(name.clone(), cycle)]), &rules);
            assert_eq!(again.advance.head, commit.head, "seed {seed}: the step of {name} {cycle}");
            assert_eq!(again.messages.len(), commit.messages.len(), "seed {seed}: messages");
            for (message, _) in again.messages {
                assert!(messages.insert(message.id.clone()), "seed {seed}: {message:?} twice");
            }
            *before = again.advance.head;
            applied.insert((name, cycle));
        }
        self.tally.commits = log.len();
        self.tally.messages = messages.len();
        let kept: BTreeSet<String> =
            self.store.messages().into_iter().map(|it| it.message.message.id).collect();
        assert_eq!(kept, messages, "seed {seed}: the outbox holds what was announced, once");
        self.check_outcomes(seed, &heads, &applied);
    }

    /// What writers were told is true.
    fn check_outcomes(
        &mut self,
        seed: u64,
        heads: &BTreeMap<ServiceName, ServiceHead>,
        applied: &BTreeSet<(ServiceName, i64)>,
    ) {
        let mut winners = BTreeSet::new();
        for (name, cycle, outcome) in std::mem::take(&mut self.ended) {
            let is_applied = applied.contains(&(name.clone(), cycle));
            let last = heads.get(&name).map_or(-1, |head| head.last_cycle);
            match outcome {
                Outcome::Committed { .. } => {
                    assert!(is_applied, "seed {seed}: {name} {cycle} was lost");
                    assert!(winners.insert((name, cycle)), "seed {seed}: two winners");
                }
                Outcome::AlreadyProcessed => {
                    assert!(is_applied, "seed {seed}: {name} {cycle} was never processed");
                    self.tally.repeated += 1;
                }
                Outcome::Late => {
                    assert!(last > cycle, "seed {seed}: {name} {cycle} is not late");
                    self.tally.late += 1;
                }
                Outcome::Quiet { plan } => {
                    assert_eq!(plan.advance.disposition, Disposition::Quiet);
                    assert!(plan.messages.is_empty(), "seed {seed}: quiet and announced");
                }
                Outcome::GivenUp { .. } => self.tally.given_up += 1,
            }
        }
    }
}

/// One invocation for one service, from the read of its head.
async fn run(
    store: &MemoryIncidents,
    clock: &FixedClock,
    service: ServiceName,
    cycle: i64,
    seen: Seen,
    writer: String,
) -> Result<Outcome, StateError> {
    let rules = Rules::default();
    let step = step(cycle, seen);
    let mut heads = store.heads(std::slice::from_ref(&service)).await?;
    let head = heads.remove(&service).map(|stored| stored.head);
    let head = head.unwrap_or_else(|| ServiceHead::new(service));
    let writer = Writer { name: writer, retention: Retention::of_hours(72) };
    let attempt = Attempt { writer: &writer, at_ms: cycle_at_ms(cycle), is_cycle: true };
    let planned = |head: &ServiceHead| plan(head, &step, &rules);
    let outcome = pin!(commit_service(store, clock, attempt, head, &planned));
    outcome.await
}

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    fn seen(&mut self) -> Seen {
        match self.below(8) {
            0..=2 => Seen::Patterns(&["latency_high"]),
            3 => Seen::Patterns(&["error_rate_elevated"]),
            4..=6 => Seen::Nothing,
            _ => Seen::Unknown,
        }
    }

    fn fault(&mut self) -> StoreFault {
        match self.below(4) {
            0 => StoreFault::Throttled,
            1 => StoreFault::TransactionConflict,
            2 => StoreFault::LostBefore,
            _ => StoreFault::LostAfter,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seeds of the quick run; the example `state_soak` lives through more.
    const SEEDS: u64 = 150;

    #[test]
    fn no_transition_is_lost_or_doubled() {
        let mut sum = Tally::default();
        for seed in 0..SEEDS {
            sum += soak(seed, 60);
        }
        // A history in which nothing goes wrong proves nothing.
        for (what, count) in [
            ("crashes", sum.crashes),
            ("faults", sum.faults),
            ("commits", sum.commits),
            ("messages", sum.messages),
            ("late ones", sum.late),
            ("repeated ones", sum.repeated),
        ] {
            assert!(count > 100, "only {count} {what}: {sum:?}");
        }
    }

    #[test]
    fn a_history_follows_from_its_seed() {
        assert_eq!(soak(7, 60), soak(7, 60));
    }
}
