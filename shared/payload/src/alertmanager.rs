//! Messages as alerts of a Prometheus Alertmanager (`POST /api/v2/alerts`).
//!
//! An Alertmanager knows an alert by all of its labels. A label that changes makes another alert,
//! which is told anew, while the old one lingers. So no label here ever changes during an incident:
//!
//! - `severity` is a rung, not yaga's severity. An incident that reaches a rung raises an alert
//!   there, beside those of the rungs below, and none is taken back before the incident ends. Rules
//!   that let `critical` inhibit `warning`, and `warning` inhibit `info`, show only the highest.
//! - `incident_id` keeps occurrences apart: an old resolution that is sent again cannot end a
//!   newer incident. Silences that shall outlive an occurrence match `service`, `anomaly` or
//!   `fingerprint_id`.
//!
//! What changes is in annotations.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::Severity;
use serde::Serialize;

use crate::instant;
use crate::message::Body;
use crate::notification::{Heartbeat, Notification, NotificationStatus};
use crate::resolution::Resolution;
use crate::result::{Anomaly, Evaluation};
use crate::text::cut;
use crate::tracking::Tracking;

/// `alertname` of incidents.
pub const INCIDENT_ALERT: &str = "YagaAnomaly";
/// `alertname` of notifications.
pub const UNAVAILABLE_ALERT: &str = "YagaUnavailable";
/// Its name where a model is out of date.
pub const DRIFT_ALERT: &str = "YagaModelDrift";
/// `alertname` of heartbeats: always firing while cycles run.
pub const HEARTBEAT_ALERT: &str = "YagaHeartbeat";
/// Characters of a label's value and of an annotation.
const LABEL_CHARS_MAX: usize = 200;
const ANNOTATION_CHARS_MAX: usize = 2_000;
/// A notification is repeated every half hour while it holds; a heartbeat every cycle.
const NOTIFICATION_HOURS: i64 = 2;
/// Drift is told once a day.
const DRIFT_HOURS: i64 = 25;
const HEARTBEAT_MINUTES: i64 = 15;

/// One alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    pub labels: BTreeMap<&'static str, String>,
    pub annotations: BTreeMap<&'static str, String>,
    pub starts_at: String,
    /// In the future while it is firing.
    pub ends_at: String,
}

/// A step of the `severity` label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rung {
    Info,
    Warning,
    Critical,
}

/// The alerts that a message raises, keeps or ends. None if it names no incident.
///
/// While it is firing, an alert ends by itself `expires_after_hours` after the message's instant.
pub fn alerts(body: &Body, expires_after_hours: u32) -> Vec<Alert> {
    match body {
        Body::AnomalyDetected(it) => {
            let until = after(&it.timestamp, TimeDelta::hours(i64::from(expires_after_hours)));
            it.anomalies.values().flat_map(|anomaly| firing(it, anomaly, &until)).collect()
        }
        Body::IncidentResolved(it) => resolved(it),
        Body::Pipeline(it) => vec![notification(it)],
        Body::Heartbeat(it) => vec![heartbeat(it)],
    }
}

fn firing(it: &Evaluation, anomaly: &Anomaly, until: &str) -> Vec<Alert> {
    let Some(tracking) = &anomaly.tracking else { return Vec::new() };
    let identity = [
        ("anomaly", tracking.anomaly_name.as_str()),
        ("fingerprint_id", &tracking.fingerprint_id),
        ("incident_id", &tracking.incident_id),
        ("service", &it.service_name),
    ];
    let peak = tracking.peak_severity.max(anomaly.severity);
    let alert = |rung| Alert {
        labels: labels(INCIDENT_ALERT, rung, &identity),
        annotations: annotations(&about(it, anomaly, tracking)),
        starts_at: tracking.first_seen.clone(),
        ends_at: until.to_owned(),
    };
    Rung::up_to(peak).map(alert).collect()
}

fn about(it: &Evaluation, anomaly: &Anomaly, tracking: &Tracking) -> Vec<(&'static str, String)> {
    let affected: Vec<&str> =
        it.affected_services.iter().map(|affected| affected.service_name.as_str()).collect();
    let root_cause = it.root_cause.as_ref().map(|root| root.service_name.clone());
    vec![
        ("summary", format!("{}: {}", it.service_name, tracking.anomaly_name)),
        ("description", anomaly.description.clone()),
        ("severity", anomaly.severity.to_string()),
        ("peak_severity", tracking.peak_severity.to_string()),
        ("affected_services", affected.join(", ")),
        ("root_cause", root_cause.unwrap_or_default()),
        ("recommended_actions", anomaly.recommended_actions.join("\n")),
        ("detected_at", it.timestamp.clone()),
    ]
}

fn resolved(it: &Resolution) -> Vec<Alert> {
    let details = &it.resolution_details;
    let identity = [
        ("anomaly", it.anomaly_name.as_str()),
        ("fingerprint_id", &it.fingerprint_id),
        ("incident_id", &it.incident_id),
        ("service", &it.service_name),
    ];
    let reason = serde_json::to_value(details.resolution_reason).unwrap_or_default();
    let alert = |rung| Alert {
        labels: labels(INCIDENT_ALERT, rung, &identity),
        annotations: annotations(&[
            ("summary", format!("{}: {} is over", it.service_name, it.anomaly_name)),
            ("description", format!("over after {} min", details.incident_duration_minutes)),
            ("severity", details.final_severity.to_string()),
            ("peak_severity", details.peak_severity.to_string()),
            ("resolution_reason", reason.as_str().unwrap_or_default().to_owned()),
        ]),
        starts_at: details.first_seen.clone(),
        ends_at: it.timestamp.clone(),
    };
    Rung::up_to(details.peak_severity.max(details.final_severity)).map(alert).collect()
}

fn notification(it: &Notification) -> Alert {
    let service = it.service_name.as_deref().unwrap_or_default();
    let ends_at = match it.status {
        NotificationStatus::Unavailable => {
            after(&it.timestamp, TimeDelta::hours(NOTIFICATION_HOURS))
        }
        NotificationStatus::Drifted => after(&it.timestamp, TimeDelta::hours(DRIFT_HOURS)),
        NotificationStatus::Recovered => it.timestamp.clone(),
    };
    let whom = if service.is_empty() { "any service" } else { service };
    let (name, summary) = match it.status {
        NotificationStatus::Drifted => (DRIFT_ALERT, format!("the model of {whom} is out of date")),
        _ => (UNAVAILABLE_ALERT, format!("yaga cannot judge {whom}")),
    };
    Alert {
        labels: labels(name, Rung::Warning, &[("service", service)]),
        annotations: annotations(&[
            ("summary", summary),
            ("description", it.message.clone()),
            ("cause", it.cause.clone()),
        ]),
        starts_at: it.since.clone(),
        ends_at,
    }
}

fn heartbeat(it: &Heartbeat) -> Alert {
    Alert {
        labels: labels(HEARTBEAT_ALERT, Rung::Info, &[]),
        annotations: annotations(&[("summary", format!("the last cycle was {}", it.status))]),
        starts_at: it.timestamp.clone(),
        ends_at: after(&it.timestamp, TimeDelta::minutes(HEARTBEAT_MINUTES)),
    }
}

/// An empty label is the same as none.
fn labels(
    name: &str,
    rung: Rung,
    identity: &[(&'static str, &str)],
) -> BTreeMap<&'static str, String> {
    let fixed = [("alertname", name), ("severity", rung.as_str())];
    let all = fixed.iter().chain(identity).filter(|(_, value)| !value.is_empty());
    all.map(|(label, value)| (*label, cut(value, LABEL_CHARS_MAX))).collect()
}

fn annotations(pairs: &[(&'static str, String)]) -> BTreeMap<&'static str, String> {
    let said = pairs.iter().filter(|(_, text)| !text.is_empty());
    said.map(|(name, text)| (*name, cut(text, ANNOTATION_CHARS_MAX))).collect()
}

/// An instant of ours, later; one that is none stays as it is, and the receiver refuses it.
fn after(at: &str, by: TimeDelta) -> String {
    match at.parse::<DateTime<Utc>>() {
        Ok(at) => instant(at + by),
        Err(_) => at.to_owned(),
    }
}

impl Rung {
    /// The rungs that an incident has raised, lowest first.
    fn up_to(peak: Severity) -> impl Iterator<Item = Rung> {
        let highest = match peak {
            Severity::None | Severity::Low => Rung::Info,
            Severity::Medium | Severity::High => Rung::Warning,
            Severity::Critical => Rung::Critical,
        };
        [Rung::Info, Rung::Warning, Rung::Critical].into_iter().filter(move |it| *it <= highest)
    }

    fn as_str(self) -> &'static str {
        match self {
            Rung::Info => "info",
            Rung::Warning => "warning",
            Rung::Critical => "critical",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples;

    fn label_sets(body: &Body) -> Vec<BTreeMap<&'static str, String>> {
        alerts(body, 25).into_iter().map(|alert| alert.labels).collect()
    }

    fn at(severity: Severity, peak: Severity) -> Body {
        let mut it = examples::evaluation();
        let anomaly = it.anomalies.values_mut().next().unwrap();
        anomaly.severity = severity;
        anomaly.tracking.as_mut().unwrap().peak_severity = peak;
        Body::AnomalyDetected(Box::new(it))
    }

    #[test]
    fn severity_adds_alerts_and_never_changes_one() {
        let mut known = Vec::new();
        for (severity, peak) in [
            (Severity::Low, Severity::Low),
            (Severity::High, Severity::High),
            (Severity::Critical, Severity::Critical),
            (Severity::Low, Severity::Critical),
        ] {
            let now = label_sets(&at(severity, peak));
            assert!(known.iter().all(|it| now.contains(it)), "an alert vanished at {severity}");
            known = now;
        }
        let rungs: Vec<&str> = known.iter().map(|it| it["severity"].as_str()).collect();
        assert_eq!(rungs, ["info", "warning", "critical"]);
    }

    #[test]
    fn a_resolution_ends_every_alert_that_was_raised() {
        let mut resolution = examples::resolution();
        resolution.resolution_details.peak_severity = Severity::Critical;
        resolution.resolution_details.final_severity = Severity::Low;
        let over = Body::IncidentResolved(Box::new(resolution.clone()));
        assert_eq!(label_sets(&over), label_sets(&at(Severity::Low, Severity::Critical)));
        for alert in alerts(&over, 25) {
            assert_eq!(alert.ends_at, resolution.timestamp);
            assert_eq!(alert.starts_at, resolution.resolution_details.first_seen);
        }
    }

    #[test]
    fn an_alert_reads_well() {
        let body = Body::AnomalyDetected(Box::new(examples::evaluation()));
        let alerts = alerts(&body, 25);
        insta::assert_snapshot!(serde_json::to_string_pretty(&alerts[0]).unwrap(), @r#"
        {
          "labels": {
            "alertname": "YagaAnomaly",
            "anomaly": "latency_spike_recent",
            "fingerprint_id": "anomaly_e0e86c103edf",
            "incident_id": "incident_ab62e1ef67bc",
            "service": "booking",
            "severity": "info"
          },
          "annotations": {
            "affected_services": "mobile-api",
            "description": "Latency degradation: 450ms (92nd percentile)",
            "detected_at": "2025-12-23T10:30:00.000Z",
            "peak_severity": "high",
            "recommended_actions": "Check recent deployments\nReview dependencies",
            "severity": "high",
            "summary": "booking: latency_spike_recent"
          },
          "startsAt": "2025-12-23T10:28:00.000Z",
          "endsAt": "2025-12-24T11:30:00.000Z"
        }
        "#);
        let mut untracked = examples::evaluation();
        untracked.anomalies.values_mut().for_each(|it| it.tracking = None);
        assert_eq!(label_sets(&Body::AnomalyDetected(Box::new(untracked))), []);
    }

    #[test]
    fn notifications_and_heartbeats_are_alerts_too() {
        let mut it = examples::notification();
        let ends = |it: &Notification| {
            let alerts = alerts(&Body::Pipeline(Box::new(it.clone())), 25);
            (alerts[0].labels["service"].clone(), alerts[0].ends_at.clone())
        };
        assert_eq!(ends(&it), ("booking".to_owned(), "2025-12-23T12:30:00.000Z".to_owned()));
        it.status = NotificationStatus::Recovered;
        assert_eq!(ends(&it).1, it.timestamp);
        it.status = NotificationStatus::Drifted;
        assert_eq!(ends(&it).1, "2025-12-24T11:30:00.000Z");
        let drifted = label_sets(&Body::Pipeline(Box::new(it.clone())));
        assert_eq!(drifted[0]["alertname"], DRIFT_ALERT);
        it.service_name = None;
        let labels = label_sets(&Body::Pipeline(Box::new(it)));
        assert!(!labels[0].contains_key("service"));
        let heartbeat = Body::Heartbeat(Box::new(examples::heartbeat()));
        assert_eq!(label_sets(&heartbeat)[0]["alertname"], HEARTBEAT_ALERT);
    }

    #[test]
    fn hostile_texts_stay_in_their_place() {
        let mut it = examples::evaluation();
        it.service_name = "a\"b\n{}\\,\u{0}".repeat(100);
        let alert = &alerts(&Body::AnomalyDetected(Box::new(it)), 25)[0];
        assert_eq!(alert.labels["service"].chars().count(), LABEL_CHARS_MAX);
        let text = serde_json::to_string(alert).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
}
