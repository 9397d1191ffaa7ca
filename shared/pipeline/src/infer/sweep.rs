//! Now and then, ends incidents that no cycle takes care of any more: of services that were taken
//! out, or that nobody has looked at for too long.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::ServiceName;
use domain::config::valid::Config;
use incident::operate::{end_all, is_unobserved};
use incident::{Advance, EndReason, ServiceHead};
use payload::announce::{Material, messages};
use payload::render;

use crate::deliver::queue::copies;
use crate::incidents::{Attempt, Outcome, Plan, commit_service};
use crate::infer::follow::Follower;
use crate::infer::gather::CycleInput;
use crate::ports::incidents::StateError;

/// Cycles between two sweeps for incidents that no cycle takes care of: half an hour.
const SWEEP_EVERY_CYCLES: i64 = 15;

/// When the last sweep was.
#[derive(Debug, Default)]
pub struct Sweeps {
    /// Half an hour since the epoch that has had one; nothing is known of before the first cycle.
    last: Option<i64>,
}

impl Sweeps {
    /// Whether a cycle sweeps: the first of each half hour, on any schedule. A process that lives
    /// for one cycle knows the first one by its instant only.
    pub(super) fn is_due(&mut self, at: DateTime<Utc>) -> bool {
        let cycle_id = render::cycle_id(at);
        let half_hour = cycle_id.div_euclid(SWEEP_EVERY_CYCLES);
        let last = self.last.replace(half_hour);
        cycle_id % SWEEP_EVERY_CYCLES == 0 || last.is_some_and(|last| last != half_hour)
    }
}

/// Now and then, ends incidents that no cycle takes care of any more.
pub(super) async fn sweep(
    input: &CycleInput,
    config: &Config,
    by: &Follower<'_>,
    troubles: &mut Vec<String>,
) -> Vec<Advance> {
    let judged: BTreeSet<&ServiceName> = input.services.iter().map(|it| &it.service).collect();
    let at_ms = input.at.timestamp_millis();
    // Where services are listed, a service that is not listed was taken out. Of others it is only
    // known that nobody looks at them.
    let is_whole = input.asked.is_none() && !config.services.listed.is_empty();
    let why = |head: &ServiceHead| match is_whole {
        true => Some(EndReason::ServiceRemoved),
        false => is_unobserved(head, at_ms, by.rules).then_some(EndReason::Unobserved),
    };
    match reap(|service| judged.contains(service), &why, input.at, by).await {
        Ok(ended) => ended,
        Err(error) => {
            troubles.push(error.to_string());
            Vec::new()
        }
    }
}

/// Why what is active of a service is to be ended by the reaper, if it is.
type Reason<'a> = &'a (dyn Fn(&ServiceHead) -> Option<EndReason> + Sync);

/// Ends incidents of services that no cycle takes care of; what could not be ended is tried again
/// by the next sweep.
async fn reap(
    is_followed: impl Fn(&ServiceName) -> bool,
    why: Reason<'_>,
    at: DateTime<Utc>,
    by: &Follower<'_>,
) -> Result<Vec<Advance>, StateError> {
    let active = by.store.active().await?;
    let services: BTreeSet<ServiceName> = active.into_iter().map(|it| it.service).collect();
    let gone: Vec<ServiceName> = services.into_iter().filter(|it| !is_followed(it)).collect();
    let read = by.store.readable_heads(&gone).await?;
    for reason in read.damaged.values() {
        tracing::warn!(%reason, "incidents of a removed service were not ended");
    }
    let mut ended = Vec::new();
    for stored in read.heads.into_values() {
        let Some(reason) = why(&stored.head) else { continue };
        if by.deadline.is_some_and(|it| it.is_near()) {
            break;
        }
        ended.extend(end(stored.head, reason, at, by).await);
    }
    Ok(ended)
}

/// Ends what is active of a service, in as many steps as that takes.
async fn end(
    head: ServiceHead,
    reason: EndReason,
    at: DateTime<Utc>,
    by: &Follower<'_>,
) -> Vec<Advance> {
    let at_ms = at.timestamp_millis();
    let attempt = Attempt { writer: by.writer, at_ms, is_cycle: false };
    let plan = |head: &ServiceHead| {
        let advance = end_all(head, reason, at_ms, by.rules.ends_max);
        let cycle_id = render::cycle_id(at);
        let said = messages(&head.service, cycle_id, &advance, Material::default());
        Plan { messages: copies(&said, by.receivers), advance }
    };
    let (mut ended, mut head) = (Vec::new(), head);
    while !head.active.is_empty() {
        match commit_service(by.store, by.clock, attempt, head, &plan).await {
            Ok(Outcome::Committed { plan, .. }) => {
                head = plan.advance.head.clone();
                ended.push(plan.advance);
            }
            outcome => {
                tracing::warn!(?outcome, "incidents of a removed service were not ended");
                break;
            }
        }
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cycles that sweep, of a process that runs one each `every` minutes, from `first` on.
    #[track_caller]
    fn check_sweeps(first: i64, every: i64, expected: &[i64]) {
        let mut sweeps = Sweeps::default();
        let at = |minute| DateTime::from_timestamp(minute * 60, 0).unwrap();
        let minutes = (0..).map(|index| first + index * every).take_while(|it| *it <= 75);
        let swept: Vec<i64> = minutes.filter(|minute| sweeps.is_due(at(*minute))).collect();
        assert_eq!(swept, expected);
    }

    #[test]
    fn a_sweep_is_due_once_each_half_hour_on_any_schedule() {
        check_sweeps(0, 2, &[0, 30, 60]);
        check_sweeps(4, 2, &[30, 60]);
        check_sweeps(4, 10, &[34, 64]);
        check_sweeps(3, 7, &[31, 66]);
    }
}
