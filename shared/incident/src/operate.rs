//! What people do to incidents, and what happens to those that nobody watches any more.
//!
//! Each action is a step of its own: a new version of the head, without a cycle.

use crate::active::{Acknowledgement, Incident, Silence};
use crate::advance::{close, resolution};
use crate::announce;
use crate::change::{Advance, Change, Disposition, Event};
use crate::head::ServiceHead;
use crate::id::{FingerprintId, IncidentId};
use crate::rules::Rules;
use crate::sight::cut;
use crate::state::EndReason;

/// Longest silence: longer ones belong into the configuration.
pub const SILENCE_DAYS_MAX: i64 = 30;

/// An operator's action on one incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Alerts are not repeated; escalation and resolution are still told.
    Acknowledge {
        by: String,
        note: Option<String>,
    },
    Unacknowledge,
    /// No alerts until an instant (exclusive); the resolution is still told.
    Silence {
        by: String,
        until_ms: i64,
        reason: Option<String>,
    },
    Unsilence,
    /// Free text; `None` takes it away.
    Assign {
        owner: Option<String>,
    },
    /// For good: what goes on afterwards is another incident.
    Close {
        by: String,
    },
}

/// Why an action is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    #[error("{incident} is not active in {service}; `closed` incidents cannot be changed")]
    NotActive { incident: IncidentId, service: String },
    #[error("a silence must end after now, and within {SILENCE_DAYS_MAX} days")]
    SilenceEnd,
    #[error("nobody was told of the beginning of {0}, so there is no end to tell")]
    NeverTold(IncidentId),
    #[error("{0} must not be empty")]
    Empty(&'static str),
}

/// Does an action at an instant, epoch milliseconds.
pub fn act(
    head: &ServiceHead,
    id: &IncidentId,
    action: &Action,
    at_ms: i64,
) -> Result<Advance, ActionError> {
    check(action, at_ms)?;
    let not_active =
        || ActionError::NotActive { incident: id.clone(), service: head.service.to_string() };
    let mut incident = head.incident(id).cloned().ok_or_else(not_active)?;
    let mut after = head.clone();
    after.active.remove(&incident.fingerprint_id);
    let change = if let Action::Close { by } = action {
        let at_ms = at_ms.max(incident.last_updated_ms);
        let mut change = close(&mut after, incident, EndReason::OperatorClosed, at_ms);
        change.events.push(Event::ClosedBy { by: cut(by) });
        change
    } else {
        let event = edit(&mut incident, action, at_ms);
        after.active.insert(incident.fingerprint_id.clone(), incident.clone());
        let (announcement, hold, resolution) = (None, None, None);
        let state_before = Some(incident.state);
        let events = vec![Event::Edited, event];
        Change { incident, state_before, events, announcement, hold, resolution }
    };
    Ok(written(after, vec![change]))
}

/// Ends all incidents of a service: a reset, a service that was removed, or one that nothing was
/// known of for too long. More than [`Rules::ends_max`] take several steps, until none is active.
pub fn end_all(head: &ServiceHead, reason: EndReason, at_ms: i64, ends_max: usize) -> Advance {
    let mut after = head.clone();
    let mut changes = Vec::new();
    let ending: Vec<FingerprintId> = after.active.keys().take(ends_max.max(1)).cloned().collect();
    for fingerprint in ending {
        let Some(incident) = after.active.remove(&fingerprint) else { continue };
        let at_ms = at_ms.max(incident.last_updated_ms);
        changes.push(close(&mut after, incident, reason, at_ms));
    }
    if reason == EndReason::SystemReset {
        after.recent.clear();
    }
    if changes.is_empty() && after == *head {
        let head = head.clone();
        return Advance { head, disposition: Disposition::Quiet, changes, overflow: vec![] };
    }
    written(after, changes)
}

/// Tells the end of an incident once more: for a receiver that takes it for open still.
pub fn tell_end_again(
    head: &ServiceHead,
    incident: &Incident,
    (reason, closed_at_ms): (EndReason, i64),
    by: &str,
) -> Result<Advance, ActionError> {
    if by.trim().is_empty() {
        return Err(ActionError::Empty("the name of who does it"));
    }
    let mut incident = incident.clone();
    let told = announce::resolution(&mut incident);
    let announcement = told.ok_or_else(|| ActionError::NeverTold(incident.incident_id.clone()))?;
    let change = Change {
        resolution: Some(resolution(&head.service, &incident, reason, closed_at_ms)),
        incident,
        state_before: None,
        events: vec![Event::Edited, Event::EndToldAgain { by: cut(by) }],
        announcement: Some(announcement),
        hold: None,
    };
    Ok(written(head.clone(), vec![change]))
}

/// Whether the reaper may end what is active: no evaluation for `max_unobserved_hours`.
pub fn is_unobserved(head: &ServiceHead, at_ms: i64, rules: &Rules) -> bool {
    let limit_ms = rules.max_unobserved_hours * 3_600_000;
    !head.active.is_empty() && at_ms - head.last_evaluated_at_ms >= limit_ms
}

fn check(action: &Action, at_ms: i64) -> Result<(), ActionError> {
    let is_blank = |text: &str| text.trim().is_empty();
    match action {
        Action::Acknowledge { by, .. } | Action::Silence { by, .. } | Action::Close { by }
            if is_blank(by) =>
        {
            Err(ActionError::Empty("the name of who does it"))
        }
        Action::Assign { owner: Some(owner) } if is_blank(owner) => {
            Err(ActionError::Empty("the owner"))
        }
        Action::Silence { until_ms, .. } => {
            let latest_ms = at_ms + SILENCE_DAYS_MAX * 86_400_000;
            let is_sound = *until_ms > at_ms && *until_ms <= latest_ms;
            if is_sound { Ok(()) } else { Err(ActionError::SilenceEnd) }
        }
        _ => Ok(()),
    }
}

fn edit(incident: &mut Incident, action: &Action, at_ms: i64) -> Event {
    match action {
        Action::Acknowledge { by, note } => {
            let note = note.as_deref().map(cut);
            incident.acknowledged = Some(Acknowledgement { by: cut(by), at_ms, note });
            Event::Acknowledged { by: cut(by) }
        }
        Action::Unacknowledge => {
            incident.acknowledged = None;
            Event::Unacknowledged
        }
        Action::Silence { by, until_ms, reason } => {
            let (reason, until_ms) = (reason.as_deref().map(cut), *until_ms);
            incident.silenced = Some(Silence { by: cut(by), at_ms, until_ms, reason });
            Event::Silenced { by: cut(by), until_ms }
        }
        Action::Unsilence => {
            incident.silenced = None;
            Event::Unsilenced
        }
        Action::Assign { owner } => {
            incident.owner = owner.as_deref().map(cut);
            Event::Assigned { owner: incident.owner.clone() }
        }
        // Handled by the caller: the incident leaves the head.
        Action::Close { .. } => Event::Edited,
    }
}

fn written(mut head: ServiceHead, changes: Vec<Change>) -> Advance {
    head.version += 1;
    Advance { head, disposition: Disposition::Advanced, changes, overflow: Vec::new() }
}
