//! Cycles of a service with one or two patterns, and the plans that they lead to.

use chrono::{DateTime, Utc};
use domain::{ServiceName, Severity};
use incident::{
    AnnouncementKind, Cycle, Detection, Evaluated, Evaluation, Rules, ServiceHead, Step, advance,
};
use payload::message::{Message, MessageKind, message_id};
use pipeline::incidents::Plan;

/// What a cycle sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The named patterns.
    Patterns(&'static [&'static str]),
    /// All is well.
    Nothing,
    /// The service could not be evaluated.
    Unknown,
}

/// The instant of a cycle of two minutes.
pub fn cycle_at_ms(cycle: i64) -> i64 {
    cycle * 120_000
}

/// The same as an instant.
pub fn cycle_at(cycle: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(cycle_at_ms(cycle)).expect("an instant that chrono can show")
}

/// The step of a cycle.
pub fn step(cycle: i64, seen: Seen) -> Step {
    let detection = |name: &&str| Detection {
        anomaly: (*name).to_owned(),
        root_metric: None,
        severity: Severity::High,
        ml_severity: Severity::Critical,
        confidence: 0.8,
        score: 1.0 / 3.0,
        value: Some(0.1),
        threshold: None,
        method: None,
        description: Some("text # with \"signs\" \u{e9}".to_owned()),
        opens: true,
        is_single: false,
        lingering: Severity::None,
    };
    let detected = |patterns: &[&str]| Evaluated {
        detections: patterns.iter().map(detection).collect(),
        ..Evaluated::default()
    };
    let evaluation = match seen {
        Seen::Patterns(patterns) => Evaluation::Evaluated(detected(patterns)),
        Seen::Nothing => Evaluation::Evaluated(detected(&[])),
        Seen::Unknown => Evaluation::NotEvaluated { reason: "test".to_owned() },
    };
    Step::new(Cycle::at(cycle_at_ms(cycle), 120), evaluation)
}

/// What a step does to a head, with a message for each announcement.
pub fn plan(head: &ServiceHead, step: &Step, rules: &Rules) -> Plan {
    let advance = advance(head, step, rules);
    let service = head.service.as_str();
    let messages = advance.announced().map(|(change, announcement)| {
        let id = change.incident.incident_id.as_str();
        let (kind, word) = match announcement.kind {
            AnnouncementKind::Resolution => (MessageKind::Resolution, "resolution"),
            _ => (MessageKind::Anomaly, "anomaly"),
        };
        let message = Message {
            id: message_id(service, step.cycle.id, &format!("{word} {id}")),
            kind,
            service: service.to_owned(),
            cycle_id: step.cycle.id,
            incident_ids: vec![id.to_owned()],
            body: format!("{{\"seq\":{}}}", announcement.seq),
        };
        (message, None)
    });
    let messages = messages.collect();
    Plan { advance, messages }
}

/// A service's name.
pub fn service(name: &str) -> ServiceName {
    ServiceName::new(name).expect("a name that is allowed")
}
