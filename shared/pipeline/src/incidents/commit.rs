//! One service's cycle, committed exactly once.

use std::time::Duration;

use incident::{Advance, Disposition, ServiceHead};
use payload::message::Message;

use crate::ports::Clock;
use crate::ports::incidents::{Committed, IncidentStore, StateError, StoredHead};

use super::record::{Retention, commit_of};

/// Tries of one service in one cycle; the next cycle carries on.
const TRIES_MAX: u32 = 6;
/// Longest wait before the second try; each further one is twice as long.
const WAIT_MS: u64 = 40;

/// What a cycle does to a service: a pure function of its head, as messages are.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub advance: Advance,
    /// In the order in which they are to be sent; with a destination, or for everybody.
    pub messages: Vec<(Message, Option<String>)>,
}

/// One invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// Its name: no other invocation has it.
    pub name: String,
    pub retention: Retention,
}

/// What is to be committed, besides what depends on the head.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    pub writer: &'a Writer,
    /// Epoch milliseconds of the cycle, or of what an operator did.
    pub at_ms: i64,
    /// Whether it stands for a cycle.
    pub is_cycle: bool,
}

/// What became of a service's cycle.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The plan is in force, its messages wait in the outbox.
    Committed { plan: Box<Plan>, tries: u32 },
    /// There was nothing to write.
    Quiet { plan: Box<Plan> },
    /// The head has this cycle already: an earlier attempt, or another writer.
    AlreadyProcessed,
    /// The head has a later cycle: this one is dropped.
    Late,
    /// Given up for this cycle, with the state unchanged as far as is known.
    GivenUp { reason: String, tries: u32 },
}

/// Commits one service. `head` is as it was gathered; `plan` may be asked several times.
pub async fn commit_service(
    store: &dyn IncidentStore,
    clock: &dyn Clock,
    attempt: Attempt<'_>,
    head: ServiceHead,
    plan: &(dyn Fn(&ServiceHead) -> Plan + Sync),
) -> Result<Outcome, StateError> {
    let mut head = head;
    let mut reason = String::new();
    // Once: the same plan must be the same commit, however often it is tried.
    let now = clock.now();
    for tries in 1..=TRIES_MAX {
        if tries > 1 {
            clock.pause(wait_before(tries, attempt.writer, &head)).await;
        }
        let planned = plan(&head);
        match planned.advance.disposition {
            Disposition::Advanced => {}
            Disposition::Quiet => return Ok(Outcome::Quiet { plan: Box::new(planned) }),
            Disposition::AlreadyProcessed => return Ok(Outcome::AlreadyProcessed),
            Disposition::Late => return Ok(Outcome::Late),
        }
        let Attempt { writer, at_ms, is_cycle } = attempt;
        let commit = commit_of(&planned, is_cycle, at_ms, &writer.name, writer.retention, now);
        let done = Outcome::Committed { plan: Box::new(planned), tries };
        match store.commit(&commit).await? {
            Committed::Done => return Ok(done),
            Committed::Throttled { reason: why } => {
                reason = why;
                continue;
            }
            Committed::Conflict | Committed::AlreadyProcessed => {
                reason = "other writers were quicker each time".to_owned();
            }
            Committed::Unknown { reason: why } => reason = why,
        }
        let Some(stored) = read_head(store, &head, &mut reason).await? else { continue };
        if stored.last_writer == writer.name && stored.head.version == commit.head.version {
            return Ok(done);
        }
        head = stored.head;
    }
    Ok(Outcome::GivenUp { reason, tries: TRIES_MAX })
}

/// The head as it is now; `None` if it cannot be read at the moment.
async fn read_head(
    store: &dyn IncidentStore,
    known: &ServiceHead,
    reason: &mut String,
) -> Result<Option<StoredHead>, StateError> {
    let service = known.service.clone();
    match store.heads(std::slice::from_ref(&service)).await {
        Ok(mut heads) => Ok(Some(heads.remove(&service).unwrap_or_else(|| StoredHead {
            head: ServiceHead::new(service),
            last_writer: String::new(),
        }))),
        Err(
            StateError::Throttled { reason: why, .. } | StateError::Unavailable { reason: why, .. },
        ) => {
            *reason = why;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Full jitter: anything up to the longest wait. From the writer's name and not from chance, so
/// that a run can be repeated; writers have different names.
fn wait_before(tries: u32, writer: &Writer, head: &ServiceHead) -> Duration {
    let longest_ms = WAIT_MS << (tries - 2);
    let service = head.service.as_str().bytes();
    let bytes = writer.name.bytes().chain(service).chain(tries.to_le_bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    // The low bits of this hash are its weakest.
    Duration::from_millis((hash >> 32) % (longest_ms + 1))
}
