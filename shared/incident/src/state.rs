//! Words of the state machine: states and the reasons for an end.

use serde::{Deserialize, Serialize};

/// Where an incident is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IncidentState {
    /// Seen, not confirmed: nobody is told.
    Suspected,
    /// Confirmed and seen in the last evaluated cycle.
    Open,
    /// Confirmed and not seen in the last evaluated cycle.
    Recovering,
    /// Over; only a re-opening brings it back.
    Closed,
}

/// Why an incident was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Not seen for the grace cycles.
    Resolved,
    /// Seen again after a gap that is too long for the same occurrence.
    AutoStale,
    /// Never confirmed.
    SuspectedExpired,
    SystemReset,
    OperatorClosed,
    /// The service is not watched any more.
    ServiceRemoved,
    /// Nothing was known of the service for too long.
    Unobserved,
}

impl IncidentState {
    /// All states, in the order of a life.
    pub const ALL: [IncidentState; 4] = [
        IncidentState::Suspected,
        IncidentState::Open,
        IncidentState::Recovering,
        IncidentState::Closed,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            IncidentState::Suspected => "SUSPECTED",
            IncidentState::Open => "OPEN",
            IncidentState::Recovering => "RECOVERING",
            IncidentState::Closed => "CLOSED",
        }
    }

    /// True once enough detections followed each other.
    pub fn is_confirmed(self) -> bool {
        matches!(self, IncidentState::Open | IncidentState::Recovering)
    }
}

impl EndReason {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            EndReason::Resolved => "resolved",
            EndReason::AutoStale => "auto_stale",
            EndReason::SuspectedExpired => "suspected_expired",
            EndReason::SystemReset => "system_reset",
            EndReason::OperatorClosed => "operator_closed",
            EndReason::ServiceRemoved => "service_removed",
            EndReason::Unobserved => "unobserved",
        }
    }
}

impl std::fmt::Display for IncidentState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::fmt::Display for EndReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_that_serde_writes() {
        for state in IncidentState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        let reasons = [
            EndReason::Resolved,
            EndReason::AutoStale,
            EndReason::SuspectedExpired,
            EndReason::SystemReset,
            EndReason::OperatorClosed,
            EndReason::ServiceRemoved,
            EndReason::Unobserved,
        ];
        for reason in reasons {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }
}
