//! Takes the incidents of all services through a cycle, and commits each service once.
//!
//! Which incident is listed under which is decided for the fleet, before anything is written. Then
//! every service is committed by itself: one that cannot be is told of, and stops no other.

use std::collections::BTreeMap;

use domain::ServiceName;
use domain::config::incidents::Correlation;
use futures_util::StreamExt;
use incident::cascade::{Member, place};
use incident::{Advance, Rules, ServiceHead, advance};
use payload::announce::{Material, messages, track};
use payload::result::{Anomaly, Evaluation, ServiceResult};

use crate::deliver::Receiver;
use crate::deliver::queue::copies;
use crate::incidents::{Attempt, Outcome, Plan, Writer, commit_service};
use crate::infer::Deadline;
use crate::infer::finding::Finding;
use crate::ports::Clock;
use crate::ports::incidents::{IncidentStore, StoredHead};

/// Why a service was left for the next cycle.
const DEADLINE: &str = "deadline: the invocation's time was nearly over, the next cycle goes on";

/// What following needs from the outside.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "ports are trait objects")]
pub struct Follower<'a> {
    pub store: &'a dyn IncidentStore,
    pub clock: &'a dyn Clock,
    pub writer: &'a Writer,
    pub rules: &'a Rules,
    /// Whether anomalies of a service are told as one.
    pub correlation: Option<&'a Correlation>,
    /// Who is told.
    pub receivers: &'a [Receiver],
    /// Services that are committed at once.
    pub workers: usize,
    /// `None` if nobody ends the cycle.
    pub deadline: Option<Deadline<'a>>,
}

/// Heads as they were gathered.
pub type Heads = BTreeMap<ServiceName, StoredHead>;

/// A service after its incidents were taken through the cycle.
#[derive(Debug, Clone, PartialEq)]
pub struct Followed {
    pub service: ServiceName,
    pub result: ServiceResult,
    /// What the cycle did; `None` if its incidents did not take part.
    pub advance: Option<Advance>,
    /// Why they did not, for people.
    pub trouble: Option<String>,
    /// The cycle is missing in the state: it could not be written.
    pub is_lost: bool,
}

/// Every finding's service before the cycle, and what it is taken through; it is decided which
/// incident is listed under which.
pub fn members(findings: &[Finding], heads: &Heads, rules: &Rules) -> Vec<Member> {
    let mut members: Vec<Member> = findings
        .iter()
        .map(|finding| Member { head: head_of(heads, &finding.service), step: finding.step() })
        .collect();
    place(&mut members, rules);
    members
}

/// Positions of the services that somebody is going to be alerted of.
pub fn about_to_tell(members: &[Member], rules: &Rules) -> Vec<usize> {
    let is_alerted = |member: &Member| {
        let after = advance(&member.head, &member.step, rules);
        after.announced().any(|(_, announcement)| announcement.kind.is_alert())
    };
    let told = members.iter().enumerate().filter(|(_, member)| is_alerted(member));
    told.map(|(index, _)| index).collect()
}

/// Takes every finding's service through the cycle, in their order.
pub async fn follow(
    findings: &[Finding],
    members: Vec<Member>,
    by: &Follower<'_>,
) -> Vec<Followed> {
    let commits = findings.iter().zip(members).map(|(it, member)| follow_one(it, member, by));
    futures_util::stream::iter(commits).buffered(by.workers.max(1)).collect().await
}

async fn follow_one(finding: &Finding, member: Member, by: &Follower<'_>) -> Followed {
    if by.deadline.is_some_and(|it| it.is_near()) {
        return left_for_the_next_cycle(finding);
    }
    let Member { head, step } = member;
    let attempt = Attempt { writer: by.writer, at_ms: step.cycle.at_ms, is_cycle: true };
    let plan = |head: &ServiceHead| {
        let advance = advance(head, &step, by.rules);
        let told = tracked(finding, &advance, by.rules);
        let (service, cycle, context) = (&finding.service, finding.cycle.id, &finding.context);
        let of = Material {
            evaluation: told.as_deref(),
            context: context.as_ref(),
            correlation: by.correlation,
        };
        let said = messages(service, cycle, &advance, of);
        Plan { messages: copies(&said, by.receivers), advance }
    };
    let outcome = commit_service(by.store, by.clock, attempt, head, &plan).await;
    let is_lost = matches!(outcome, Ok(Outcome::GivenUp { .. }) | Err(_));
    let (advance, trouble) = match outcome {
        Ok(Outcome::Committed { plan, .. } | Outcome::Quiet { plan }) => (Some(plan.advance), None),
        Ok(Outcome::AlreadyProcessed) => (None, Some("this cycle was counted already".to_owned())),
        Ok(Outcome::Late) => (None, Some("a later cycle was counted already".to_owned())),
        Ok(Outcome::GivenUp { reason, tries }) => {
            (None, Some(format!("not committed after {tries} tries: {reason}")))
        }
        Err(error) => (None, Some(error.to_string())),
    };
    let told = match &advance {
        Some(advance) => tracked(finding, advance, by.rules),
        None => untracked(finding),
    };
    let result = told.map_or_else(|| finding.result.clone(), ServiceResult::of);
    Followed { service: finding.service.clone(), result, advance, trouble, is_lost }
}

/// A service that there is no time for: its incidents stay as they are.
fn left_for_the_next_cycle(finding: &Finding) -> Followed {
    let result = untracked(finding).map_or_else(|| finding.result.clone(), ServiceResult::of);
    let trouble = Some(DEADLINE.to_owned());
    Followed { service: finding.service.clone(), result, advance: None, trouble, is_lost: true }
}

/// The verdict with the incidents that it belongs to; what is too weak to start one and belongs to
/// none is left out.
fn tracked(finding: &Finding, advance: &Advance, rules: &Rules) -> Option<Box<Evaluation>> {
    let mut evaluation = Box::new(finding.result.evaluation()?.clone());
    track(&mut evaluation, advance, rules, finding.cycle.at_ms);
    Some(strong(finding, evaluation))
}

/// The verdict of a cycle that incidents took no part in: what is too weak to start one says
/// nothing by itself.
fn untracked(finding: &Finding) -> Option<Box<Evaluation>> {
    Some(strong(finding, Box::new(finding.result.evaluation()?.clone())))
}

fn strong(finding: &Finding, mut evaluation: Box<Evaluation>) -> Box<Evaluation> {
    let is_out = |name: &str, it: &Anomaly| it.tracking.is_none() && finding.weak.contains(name);
    evaluation.leave_out(is_out, finding.alone.as_deref());
    evaluation
}

fn head_of(heads: &Heads, service: &ServiceName) -> ServiceHead {
    let known = heads.get(service).map(|stored| stored.head.clone());
    known.unwrap_or_else(|| ServiceHead::new(service.clone()))
}
