//! What a step did: the head after it, what happened to each incident, and who is told.

use std::fmt;

use chrono::DateTime;
use domain::{Period, ServiceName, Severity};
use serde::{Deserialize, Serialize};

use crate::active::{Host, Incident};
use crate::head::ServiceHead;
use crate::id::{FingerprintId, IncidentId};
use crate::state::{EndReason, IncidentState};

/// The outcome of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Advance {
    /// To be written only where [`Advance::is_written`].
    pub head: ServiceHead,
    pub disposition: Disposition,
    /// One per incident that the step touched; a frozen one is not touched.
    pub changes: Vec<Change>,
    /// Names of detections that found no room.
    pub overflow: Vec<String>,
}

/// What became of a step as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// The head changed; its version is one higher.
    Advanced,
    /// Nothing was and nothing is: there is nothing to write.
    Quiet,
    /// This cycle is in the head already.
    AlreadyProcessed,
    /// A newer cycle is in the head.
    Late,
}

/// What happened to one incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// After the step.
    pub incident: Incident,
    /// Before the step; `None` if it is new.
    pub state_before: Option<IncidentState>,
    /// In order; the first says what kind of change this is. Never empty.
    pub events: Vec<Event>,
    /// What is told. At most one message an incident and step.
    pub announcement: Option<Announcement>,
    /// Why an alert that was due is not told.
    pub hold: Option<Hold>,
    /// Of an incident that ended.
    pub resolution: Option<Resolution>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    Created,
    Continued,
    Reopened {
        minutes_since_closure: i64,
    },
    Missed {
        missed_cycles: u32,
    },
    Closed {
        reason: EndReason,
    },
    /// An operator, or another service's incident, changed something about it.
    Edited,
    Confirmed,
    Recovering,
    SeverityChanged {
        from: Severity,
        to: Severity,
    },
    /// It became critical while it was open.
    Escalated,
    AlternatePattern {
        pattern: String,
    },
    Flapping,
    Folded {
        under: Host,
    },
    /// The incident that it was listed under is over.
    Unfolded {
        from: Host,
    },
    Affects {
        service: ServiceName,
    },
    /// From here on a filter, a window or a silence holds alerts back.
    HeldBack {
        hold: Hold,
    },
    Acknowledged {
        by: String,
    },
    Unacknowledged,
    Silenced {
        by: String,
        until_ms: i64,
    },
    Unsilenced,
    Assigned {
        owner: Option<String>,
    },
    /// Who ended it, where a person did.
    ClosedBy {
        by: String,
    },
    /// Somebody had its end told once more.
    EndToldAgain {
        by: String,
    },
}

/// A message that is to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    pub kind: AnnouncementKind,
    /// Counts the messages of one incident, from 1.
    pub seq: u32,
}

/// Why there is a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnnouncementKind {
    FirstAlert,
    /// The first alert since it was opened again.
    ReopenedAlert,
    /// It became critical.
    EscalatedAlert,
    RepeatedAlert,
    Resolution,
}

/// Why an alert is held back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum Hold {
    BelowSeverity {
        severity: Severity,
        threshold: Severity,
    },
    NonAlertingPattern {
        pattern: String,
    },
    LowConfidence {
        confidence: f64,
        threshold: f64,
    },
    /// A window of the configuration.
    Window {
        name: String,
        until_ms: Option<i64>,
    },
    /// An operator's silence on this incident.
    Silenced {
        by: String,
        until_ms: i64,
    },
    /// It is listed under another incident.
    Folded {
        under: Host,
    },
    /// Somebody is at it; only repeats are held back.
    Acknowledged {
        by: String,
    },
    /// Repeats come every so many cycles.
    NotDue,
}

impl Hold {
    /// Whether it is the same window, silence or filter, whatever the numbers of the cycle.
    pub fn is_like(&self, other: &Hold) -> bool {
        match (self, other) {
            (Hold::LowConfidence { .. }, Hold::LowConfidence { .. })
            | (Hold::BelowSeverity { .. }, Hold::BelowSeverity { .. }) => true,
            _ => self == other,
        }
    }
}

/// Why, for people: `window "database move" until 2026-03-02T10:00Z`.
impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hold::BelowSeverity { severity, threshold } => {
                write!(f, "{severity} is below alerting.severity_threshold {threshold}")
            }
            Hold::NonAlertingPattern { pattern } => {
                write!(f, "{pattern} is one of alerting.non_alerting_patterns")
            }
            Hold::LowConfidence { confidence, threshold } => write!(
                f,
                "confidence {confidence:.2} is below alerting.min_confidence {threshold:.2}"
            ),
            Hold::Window { name, until_ms: Some(until_ms) } => {
                write!(f, "window \"{name}\" until {}", instant(*until_ms))
            }
            Hold::Window { name, until_ms: None } => write!(f, "window \"{name}\""),
            Hold::Silenced { by, until_ms } => {
                write!(f, "silenced by {by} until {}", instant(*until_ms))
            }
            Hold::Folded { under } => {
                write!(f, "listed under {} of {}", under.incident_id, under.service)
            }
            Hold::Acknowledged { by } => write!(f, "acknowledged by {by}"),
            Hold::NotDue => f.write_str("a repeat is not due yet"),
        }
    }
}

fn instant(epoch_ms: i64) -> String {
    let at = DateTime::from_timestamp_millis(epoch_ms).unwrap_or_default();
    at.format("%Y-%m-%dT%H:%MZ").to_string()
}

/// The record of an end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resolution {
    pub fingerprint_id: FingerprintId,
    pub incident_id: IncidentId,
    pub anomaly_name: String,
    pub service: ServiceName,
    pub final_severity: Severity,
    pub peak_severity: Severity,
    pub first_seen_ms: i64,
    pub resolved_at_ms: i64,
    pub total_occurrences: u32,
    /// Grace included.
    pub incident_duration_minutes: i64,
    /// Up to the last detection.
    pub active_duration_minutes: i64,
    pub unobserved_minutes: i64,
    pub last_detected_by_model: Option<Period>,
    /// Only where it was closed by misses.
    pub missed_cycles_before_close: Option<u32>,
    pub reason: EndReason,
    pub root_cause: Option<ServiceName>,
    pub affected: Vec<ServiceName>,
}

impl Advance {
    /// Whether head and changes are to be stored.
    pub fn is_written(&self) -> bool {
        self.disposition == Disposition::Advanced
    }

    /// The changes that somebody is told of, in order.
    pub fn announced(&self) -> impl Iterator<Item = (&Change, Announcement)> {
        self.changes.iter().filter_map(|change| Some((change, change.announcement?)))
    }
}

impl Change {
    /// Whether a thing happened.
    pub fn has(&self, event: &Event) -> bool {
        self.events.contains(event)
    }

    /// Whether it was confirmed by this step.
    pub fn is_newly_confirmed(&self) -> bool {
        self.has(&Event::Confirmed)
    }

    /// The reason of its end, if it ended.
    pub fn end(&self) -> Option<EndReason> {
        self.events.iter().find_map(|event| match event {
            Event::Closed { reason } => Some(*reason),
            _ => None,
        })
    }
}

impl AnnouncementKind {
    /// The word in records.
    pub fn as_str(self) -> &'static str {
        match self {
            AnnouncementKind::FirstAlert => "first_alert",
            AnnouncementKind::ReopenedAlert => "reopened_alert",
            AnnouncementKind::EscalatedAlert => "escalated_alert",
            AnnouncementKind::RepeatedAlert => "repeated_alert",
            AnnouncementKind::Resolution => "resolution",
        }
    }

    /// Whether it is an alert and not a resolution.
    pub fn is_alert(self) -> bool {
        self != AnnouncementKind::Resolution
    }
}
