//! Words for people: states, ends, messages, and what happened to an incident.

use std::time::Duration;

use chrono::{DateTime, Utc};
use comfy_table::Cell;
use incident::{AnnouncementKind, EndReason, Event, IncidentState};

use crate::terminal::{Tone, cell, duration, instant, minutes};

/// The tone of a state.
pub fn tone(state: IncidentState) -> Tone {
    match state {
        IncidentState::Suspected => Tone::Note,
        IncidentState::Open => Tone::Bad,
        IncidentState::Recovering => Tone::Warning,
        IncidentState::Closed => Tone::Good,
    }
}

/// The state of an incident as a cell: for one that is over, why.
pub fn state_cell(state: IncidentState, end: Option<EndReason>) -> Cell {
    cell(tone(state), &state_text(state, end))
}

/// The state of an incident: for one that is over, why.
pub fn state_text(state: IncidentState, end: Option<EndReason>) -> String {
    match (state, end) {
        (_, Some(end)) => reason(end).to_owned(),
        (IncidentState::Suspected, None) => "suspected".to_owned(),
        (IncidentState::Open, None) => "open".to_owned(),
        (IncidentState::Recovering, None) => "recovering".to_owned(),
        (IncidentState::Closed, None) => "closed".to_owned(),
    }
}

/// Why an incident ended.
pub fn reason(end: EndReason) -> &'static str {
    match end {
        EndReason::Resolved => "resolved",
        EndReason::AutoStale => "gap too long",
        EndReason::SuspectedExpired => "never confirmed",
        EndReason::SystemReset => "reset",
        EndReason::OperatorClosed => "closed by an operator",
        EndReason::ServiceRemoved => "service removed",
        EndReason::Unobserved => "nothing known for too long",
    }
}

/// Why there is a message.
pub fn message(kind: AnnouncementKind) -> &'static str {
    match kind {
        AnnouncementKind::FirstAlert => "alert",
        AnnouncementKind::ReopenedAlert => "alert: open again",
        AnnouncementKind::EscalatedAlert => "alert: now critical",
        AnnouncementKind::RepeatedAlert => "alert, repeated",
        AnnouncementKind::Resolution => "resolution",
    }
}

/// What happened to an incident in one cycle.
pub fn events(all: &[Event]) -> String {
    let has_closer = all.iter().any(|it| matches!(it, Event::ClosedBy { .. }));
    let told = |it: &&Event| !(has_closer && matches!(it, Event::Closed { .. }));
    all.iter().filter(told).map(event).collect::<Vec<_>>().join("; ")
}

/// What happened to an incident.
pub fn event(event: &Event) -> String {
    match event {
        Event::Created => "seen for the first time".to_owned(),
        Event::Continued => "still there".to_owned(),
        Event::Reopened { minutes_since_closure } => {
            format!("open again, {minutes_since_closure} min after it was closed")
        }
        Event::Missed { missed_cycles } => format!("not seen, {missed_cycles} in a row"),
        Event::Closed { reason: end } => format!("over: {}", reason(*end)),
        Event::Edited => "changed".to_owned(),
        Event::Confirmed => "confirmed".to_owned(),
        Event::Recovering => "not seen any more, may be over".to_owned(),
        Event::SeverityChanged { from, to } => format!("now {to}, was {from}"),
        Event::Escalated => "escalated".to_owned(),
        Event::AlternatePattern { pattern } => format!("also looks like {pattern}"),
        Event::Flapping => "comes and goes: held open until it is quiet for long".to_owned(),
        Event::Folded { under } => {
            format!("listed under {} of {}", under.incident_id, under.service)
        }
        Event::Unfolded { from } => format!("no longer listed under {}", from.incident_id),
        Event::Affects { service } => format!("{service} is affected"),
        Event::HeldBack { hold } => format!("nobody is told: {hold}"),
        Event::Acknowledged { by } => format!("acknowledged by {by}"),
        Event::Unacknowledged => "acknowledgement taken back".to_owned(),
        Event::Silenced { by, until_ms } => {
            format!("silenced by {by} until {}", instant(at(*until_ms)))
        }
        Event::Unsilenced => "silence lifted".to_owned(),
        Event::Assigned { owner: Some(owner) } => format!("assigned to {owner}"),
        Event::Assigned { owner: None } => "assigned to nobody".to_owned(),
        Event::EndToldAgain { by } => format!("end told once more by {by}"),
        Event::ClosedBy { by } => format!("over: closed by {by}"),
    }
}

/// The instant of epoch milliseconds.
pub fn at(epoch_ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(epoch_ms).unwrap_or_default()
}

/// A span of milliseconds: `38 min`, `4 h 30 min`, `3 days`.
pub fn span(from_ms: i64, until_ms: i64) -> String {
    let length = Duration::from_millis((until_ms - from_ms).max(0) as u64);
    if length < Duration::from_secs(48 * 3_600) { minutes(length) } else { duration(length) }
}

/// How long ago epoch milliseconds are.
pub fn ago_of(epoch_ms: i64) -> String {
    crate::terminal::ago(at(epoch_ms), Utc::now())
}
