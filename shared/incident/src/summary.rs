//! A cycle of a service in numbers: what happened, what is going on, and one word for it.

use serde::{Deserialize, Serialize};

use crate::change::{Advance, Change, Event};
use crate::state::IncidentState;

/// The counts of one step of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summary {
    pub action_summary: ActionSummary,
    pub status_summary: StatusSummary,
    pub overall_action: OverallAction,
    /// All active incidents of the service.
    pub total_active_incidents: u32,
    /// Those that are open.
    pub total_alerting_incidents: u32,
    /// Open and recovering ones.
    pub total_open_incidents: u32,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ActionSummary {
    pub incident_creates: u32,
    pub incident_continues: u32,
    /// Without those that were never confirmed.
    pub incident_closes: u32,
    pub newly_confirmed: u32,
    pub incident_reopens: u32,
    /// Ended without ever being confirmed.
    pub suspected_expired: u32,
}

/// What is going on after the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StatusSummary {
    pub suspected: u32,
    pub confirmed: u32,
    pub recovering: u32,
}

/// One word for a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OverallAction {
    #[default]
    NoChange,
    Confirmed,
    Create,
    Update,
    Resolve,
    Reopen,
    Mixed,
}

/// Counts the changes of a step.
pub fn summarize(advance: &Advance) -> Summary {
    let actions = actions(&advance.changes);
    let in_state = |state: IncidentState| {
        advance.head.active.values().filter(|incident| incident.state == state).count() as u32
    };
    let status = StatusSummary {
        suspected: in_state(IncidentState::Suspected),
        confirmed: in_state(IncidentState::Open),
        recovering: in_state(IncidentState::Recovering),
    };
    Summary {
        action_summary: actions,
        status_summary: status,
        overall_action: overall(&actions),
        total_active_incidents: status.suspected + status.confirmed + status.recovering,
        total_alerting_incidents: status.confirmed,
        total_open_incidents: status.confirmed + status.recovering,
    }
}

fn actions(changes: &[Change]) -> ActionSummary {
    let count = |is: fn(&Change) -> bool| changes.iter().filter(|change| is(change)).count() as u32;
    ActionSummary {
        incident_creates: count(|it| it.has(&Event::Created)),
        incident_continues: count(|it| it.has(&Event::Continued)),
        incident_closes: count(|it| it.end().is_some() && was_confirmed(it)),
        newly_confirmed: count(Change::is_newly_confirmed),
        incident_reopens: count(|it| matches!(it.events.first(), Some(Event::Reopened { .. }))),
        suspected_expired: count(|it| it.end().is_some() && !was_confirmed(it)),
    }
}

fn was_confirmed(change: &Change) -> bool {
    change.state_before.is_some_and(IncidentState::is_confirmed)
}

fn overall(it: &ActionSummary) -> OverallAction {
    let kinds = [
        (it.incident_creates, OverallAction::Create),
        (it.incident_continues, OverallAction::Update),
        (it.incident_closes, OverallAction::Resolve),
        (it.incident_reopens, OverallAction::Reopen),
    ];
    let total: u32 = kinds.iter().map(|(count, _)| count).sum();
    match total {
        0 => OverallAction::NoChange,
        _ if it.newly_confirmed > 0 => OverallAction::Confirmed,
        1 => kinds.iter().find(|(count, _)| *count == 1).map_or(OverallAction::Mixed, |it| it.1),
        _ => OverallAction::Mixed,
    }
}
