//! `yaga incidents ack`, `silence`, `close` and the like: what people do to an incident.
//!
//! Each is a write of the service's head, as a cycle is, so it cannot get lost between two cycles.
//! What is to be told waits in the outbox, and the next cycle sends it.

use std::sync::OnceLock;

use anyhow::anyhow;
use chrono::{DateTime, TimeDelta, Utc};
use domain::ServiceName;
use incident::operate::{self, Action, ActionError};
use incident::{Advance, Disposition, IncidentId, ServiceHead};
use payload::announce::{Material, messages};
use pipeline::deliver::queue::copies;
use pipeline::incidents::{Attempt, Outcome as Committed, Plan, commit_service};
use pipeline::ports::Clock;
use pipeline::ports::incidents::{IncidentHistory, IncidentRecord};
use pipeline::train::known::mark_false_alarm;
use serde::Serialize;
use wiring::SystemClock;

use super::find;
use super::show::{Document, document};
use super::words::{ago_of, event};
use crate::commands::state::{Opened, Place, unusable};
use crate::exit::{Done, Failure, Outcome};
use crate::instant::parse_length;
use crate::shell::Shell;
use crate::terminal::{Tone, count, paint};

/// Which incident, and who does it.
#[derive(Debug, clap::Args)]
pub struct Target {
    /// Id of the incident, or the beginning of it.
    id: String,
    /// Who does it.
    #[arg(long, value_name = "NAME")]
    by: String,
    #[command(flatten)]
    place: Place,
}

/// An acknowledgement.
#[derive(Debug, clap::Args)]
pub struct AckArguments {
    #[command(flatten)]
    target: Target,
    /// What others should know.
    #[arg(long, value_name = "TEXT", conflicts_with = "undo")]
    note: Option<String>,
    /// Take the acknowledgement back.
    #[arg(long)]
    undo: bool,
}

/// A silence.
#[derive(Debug, clap::Args)]
pub struct SilenceArguments {
    #[command(flatten)]
    target: Target,
    /// For how long, from now on, at most 30 days: 90s, 45m, 2h, 3d.
    #[arg(long = "for", value_name = "LENGTH", value_parser = parse_length)]
    #[arg(required_unless_present = "undo", conflicts_with = "undo")]
    length: Option<TimeDelta>,
    /// Why.
    #[arg(long, value_name = "TEXT", conflicts_with = "undo")]
    reason: Option<String>,
    /// Lift the silence.
    #[arg(long)]
    undo: bool,
}

/// An end.
#[derive(Debug, clap::Args)]
pub struct CloseArguments {
    #[command(flatten)]
    target: Target,
}

/// An end that is to be told again.
#[derive(Debug, clap::Args)]
pub struct ResendArguments {
    #[command(flatten)]
    target: Target,
}

/// An incident that was none.
#[derive(Debug, clap::Args)]
pub struct FalseAlarmArguments {
    /// Id of the incident, or the beginning of it.
    id: String,
    /// It was a true one after all.
    #[arg(long)]
    undo: bool,
    #[command(flatten)]
    place: Place,
}

/// An assignment.
#[derive(Debug, clap::Args)]
pub struct AssignArguments {
    /// Id of the incident, or the beginning of it.
    id: String,
    /// Who takes care of it; without it, nobody does.
    #[arg(long, value_name = "OWNER")]
    to: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// The answer for machines.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    after: Document<'a>,
    /// Messages that the next cycle sends for it.
    messages: usize,
}

/// Runs `ack`.
pub(super) async fn acknowledge(shell: &Shell, arguments: &AckArguments) -> Outcome {
    let by = arguments.target.by.clone();
    let action = match arguments.undo {
        true => Action::Unacknowledge,
        false => Action::Acknowledge { by, note: arguments.note.clone() },
    };
    act(shell, &arguments.target.place, &arguments.target.id, &action).await
}

/// Runs `silence`.
pub(super) async fn silence(shell: &Shell, arguments: &SilenceArguments) -> Outcome {
    let by = arguments.target.by.clone();
    let reason = arguments.reason.clone();
    let action = match arguments.length {
        Some(length) => {
            let until = Utc::now().checked_add_signed(length).unwrap_or(DateTime::<Utc>::MAX_UTC);
            Action::Silence { by, until_ms: until.timestamp_millis(), reason }
        }
        None => Action::Unsilence,
    };
    act(shell, &arguments.target.place, &arguments.target.id, &action).await
}

/// Runs `close`.
pub(super) async fn close(shell: &Shell, arguments: &CloseArguments) -> Outcome {
    let Target { id, by, place } = &arguments.target;
    act(shell, place, id, &Action::Close { by: by.clone() }).await
}

/// Runs `resend`.
pub(super) async fn resend(shell: &Shell, arguments: &ResendArguments) -> Outcome {
    let Target { id, by, place } = &arguments.target;
    let opened = place.open(shell).await?;
    let known = find::incident(opened.store(), id).await?;
    let IncidentRecord { service, incident, end } = &known.record;
    let Some(end) = end else {
        return Err(Failure::Usage(anyhow!(
            "{} of {service} goes on: its cycles tell of it; only an end can be told again",
            incident.incident_id
        )));
    };
    let at = Utc::now();
    let of = (end.reason, end.at_ms);
    let step = |head: &ServiceHead| operate::tell_end_again(head, incident, of, by);
    let plan = commit(&opened, service, at, &step).await?;
    answer(shell, &opened, &known, &plan, at).await
}

/// The answer of `false-alarm` for machines.
#[derive(Debug, Serialize)]
struct Marked<'a> {
    incident_id: &'a IncidentId,
    false_alarm: bool,
}

/// Runs `false-alarm`.
pub(super) async fn false_alarm(shell: &Shell, arguments: &FalseAlarmArguments) -> Outcome {
    let opened = arguments.place.open(shell).await?;
    let known = find::incident(opened.store(), &arguments.id).await?;
    let (registry, false_alarm) = (shell.registry(&opened.settings), !arguments.undo);
    let by = (&registry, &SystemClock as &dyn Clock);
    let marked = mark_false_alarm(&known.record.summary(), false_alarm, by).await;
    marked.map_err(|error| Failure::Registry(error.into()))?;
    let incident = &known.record.incident;
    if shell.json {
        shell.say_json(&Marked { incident_id: &incident.incident_id, false_alarm })?;
        return Ok(Done::Whole);
    }
    let what = format!("{} of {}", incident.anomaly_name, known.record.service);
    let (sign, what) = (paint(Tone::Good, "✓"), paint(Tone::Strong, &what));
    let then = match false_alarm {
        true => "a false alarm; the next training learns from that time",
        false => "a true alarm; the next training leaves that time out",
    };
    shell.say(&format!("{sign} {what}: {then} ({})", incident.incident_id));
    Ok(Done::Whole)
}

/// Runs `assign`.
pub(super) async fn assign(shell: &Shell, arguments: &AssignArguments) -> Outcome {
    let action = Action::Assign { owner: arguments.to.clone() };
    act(shell, &arguments.place, &arguments.id, &action).await
}

async fn act(shell: &Shell, place: &Place, id: &str, action: &Action) -> Outcome {
    let opened = place.open(shell).await?;
    let known = find::incident(opened.store(), id).await?;
    check_goes_on(&known.record)?;
    let id = &known.record.incident.incident_id;
    let at = Utc::now();
    let step = |head: &ServiceHead| operate::act(head, id, action, at.timestamp_millis());
    let plan = commit(&opened, &known.record.service, at, &step).await?;
    answer(shell, &opened, &known, &plan, at).await
}

/// Says what was done to an incident.
async fn answer(
    shell: &Shell,
    opened: &Opened,
    known: &IncidentHistory,
    plan: &Plan,
    at: DateTime<Utc>,
) -> Outcome {
    if shell.json {
        let id = &known.record.incident.incident_id;
        let found = opened.store().incident(id, at).await.map_err(unusable)?;
        let history = found.as_ref().unwrap_or(known);
        let answer = Answer { after: document(history), messages: plan.messages.len() };
        shell.say_json(&answer)?;
    } else {
        tell(shell, known, plan);
    }
    Ok(Done::Whole)
}

fn check_goes_on(record: &IncidentRecord) -> Result<(), Failure> {
    let Some(end) = record.end else { return Ok(()) };
    Err(Failure::Usage(anyhow!(
        "{} of {} was over {}; only what goes on can be changed",
        record.incident.incident_id,
        record.service,
        ago_of(end.at_ms)
    )))
}

/// Commits one step of a service that is no cycle, with the messages that tell of it.
pub(super) async fn commit(
    opened: &Opened,
    service: &ServiceName,
    at: DateTime<Utc>,
    step: &(dyn Fn(&ServiceHead) -> Result<Advance, ActionError> + Sync),
) -> Result<Plan, Failure> {
    let store = opened.store();
    let writer = opened.incidents.writer();
    let attempt = Attempt { writer: &writer, at_ms: at.timestamp_millis(), is_cycle: false };
    let refused = OnceLock::new();
    let cycle_id = payload::render::cycle_id(at);
    let plan = |head: &ServiceHead| match step(head) {
        Ok(advance) => {
            let said = messages(service, cycle_id, &advance, Material::default());
            Plan { messages: copies(&said, &opened.incidents.receivers), advance }
        }
        Err(error) => {
            refused.get_or_init(|| error);
            unchanged(head)
        }
    };
    let mut heads = store.heads(std::slice::from_ref(service)).await.map_err(unusable)?;
    let head = heads.remove(service).map(|stored| stored.head);
    let head = head.unwrap_or_else(|| ServiceHead::new(service.clone()));
    let outcome = commit_service(store, &SystemClock, attempt, head, &plan).await;
    if let Some(error) = refused.get() {
        return Err(Failure::Usage(error.clone().into()));
    }
    match outcome.map_err(unusable)? {
        Committed::Committed { plan, .. } | Committed::Quiet { plan } => Ok(*plan),
        Committed::GivenUp { reason, tries } => {
            Err(Failure::State(anyhow!("nothing was changed after {tries} tries: {reason}")))
        }
        Committed::AlreadyProcessed | Committed::Late => {
            Err(Failure::State(anyhow!("nothing was changed: a later cycle was there before")))
        }
    }
}

fn unchanged(head: &ServiceHead) -> Plan {
    let (disposition, changes, overflow) = (Disposition::Quiet, Vec::new(), Vec::new());
    Plan {
        advance: Advance { head: head.clone(), disposition, changes, overflow },
        messages: vec![],
    }
}

fn tell(shell: &Shell, known: &IncidentHistory, plan: &Plan) {
    let record = &known.record;
    for change in &plan.advance.changes {
        let words: Vec<String> = change.events.iter().skip(1).map(event).collect();
        let sign = paint(Tone::Good, "✓");
        let what = format!("{} of {}", record.incident.anomaly_name, record.service);
        shell.say(&format!(
            "{sign} {}: {} ({})",
            paint(Tone::Strong, &what),
            words.join(", "),
            record.incident.incident_id
        ));
    }
    tell_messages(shell, plan.messages.len());
}

/// Says that messages wait.
pub(super) fn tell_messages(shell: &Shell, messages: usize) {
    if messages > 0 {
        let verb = if messages == 1 { "waits" } else { "wait" };
        let text =
            format!("{} {verb} in the outbox; the next cycle sends", count(messages, "message"));
        let object = if messages == 1 { "it" } else { "them" };
        shell.say(&paint(Tone::Faint, &format!("  {text} {object}")));
    }
}
