//! Messages as notifications of an SNS topic.
//!
//! The payload is the message. What subscribers may filter by is in attributes beside it. SNS takes
//! 256 KB; a payload that is larger is replaced by a short one that says so: a subscriber who
//! knows who is ill and where to look is better off than one who hears nothing.

use serde_json::{Map, Value};

use crate::SCHEMA_VERSION;
use crate::message::{Body, Message};
use crate::text::cut;

/// Bytes of a payload that is sent as it is. SNS counts the attributes too, which need far less
/// than what this leaves of its 256 KB.
pub const PAYLOAD_BYTES_MAX: usize = 250 * 1024;
/// Characters of one text of a payload that was replaced, and of an attribute.
const TEXT_CHARS_MAX: usize = 300;
/// Fields of a payload that was replaced.
const FIELDS_MAX: usize = 40;

/// What is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// JSON.
    pub payload: String,
    /// Names and values, none of them empty.
    pub attributes: Vec<(&'static str, String)>,
}

/// The notification of a message.
pub fn publication(message: &Message) -> Publication {
    let is_too_large = message.body.len() > PAYLOAD_BYTES_MAX;
    let payload = if is_too_large { shortened(message) } else { message.body.clone() };
    let attributes = [
        ("kind", message.kind.as_str().to_owned()),
        ("service", message.service.clone()),
        ("severity", severity(message).unwrap_or_default()),
        ("schema_version", SCHEMA_VERSION.to_owned()),
    ];
    let attributes = attributes.into_iter().map(|(name, text)| (name, plain(&text)));
    Publication {
        payload: readable(&payload),
        attributes: attributes.filter(|(_, text)| !text.is_empty()).collect(),
    }
}

/// The severity of an alert; of a resolution the worst there was, so that whoever heard the worst
/// alert hears of its end.
fn severity(message: &Message) -> Option<String> {
    match message.read_body().ok()? {
        Body::AnomalyDetected(it) => Some(it.overall_severity.to_string()),
        Body::IncidentResolved(it) => Some(it.resolution_details.peak_severity.to_string()),
        Body::Pipeline(_) | Body::Heartbeat(_) => None,
    }
}

/// The plain fields of a payload, which incidents it is about, and that it was shortened.
fn shortened(message: &Message) -> String {
    let body: Value = serde_json::from_str(&message.body).unwrap_or_default();
    let plain_field = |(name, value): (&String, &Value)| match value {
        Value::String(text) => Some((name.clone(), Value::from(cut(text, TEXT_CHARS_MAX)))),
        Value::Number(_) | Value::Bool(_) => Some((name.clone(), value.clone())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let fields = body.as_object().into_iter().flatten();
    let mut short: Map<String, Value> = fields.filter_map(plain_field).take(FIELDS_MAX).collect();
    short.insert("schema_version".to_owned(), Value::from(SCHEMA_VERSION));
    short.insert("service_name".to_owned(), Value::from(message.service.clone()));
    short.insert("incident_ids".to_owned(), Value::from(message.incident_ids.clone()));
    short.insert("truncated".to_owned(), Value::from(true));
    short.insert("payload_bytes".to_owned(), Value::from(message.body.len()));
    Value::Object(short).to_string()
}

/// An attribute's value: one line.
fn plain(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    cut(readable(&line).trim(), TEXT_CHARS_MAX)
}

/// SNS takes the characters of XML only. JSON has escapes for the others, which stand inside of
/// texts: what is read is the same.
fn readable(json: &str) -> String {
    json.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples;
    use crate::message::{MessageKind, message_id};

    fn message(kind: MessageKind, body: &Body) -> Message {
        Message {
            id: message_id("booking", 1, kind.as_str()),
            kind,
            service: "booking".to_owned(),
            cycle_id: 1,
            incident_ids: vec!["incident_ab62e1ef67bc".to_owned()],
            body: serde_json::to_string(body).unwrap(),
        }
    }

    fn alert() -> Message {
        let body = Body::AnomalyDetected(Box::new(examples::evaluation()));
        message(MessageKind::Anomaly, &body)
    }

    #[test]
    fn subscribers_can_filter_by_attributes() {
        let found = publication(&alert());
        assert_eq!(found.payload, alert().body);
        let expected = [
            ("kind", "anomaly"),
            ("service", "booking"),
            ("severity", "high"),
            ("schema_version", "3.0.0"),
        ];
        assert_eq!(found.attributes, expected.map(|(name, text)| (name, text.to_owned())));
        let mut resolution = examples::resolution();
        resolution.resolution_details.peak_severity = domain::Severity::Critical;
        let over = Body::IncidentResolved(Box::new(resolution));
        let found = publication(&message(MessageKind::Resolution, &over));
        assert!(found.attributes.contains(&("severity", "critical".to_owned())));
        let beat = Body::Heartbeat(Box::new(examples::heartbeat()));
        let beat = Message { service: String::new(), ..message(MessageKind::Heartbeat, &beat) };
        let names: Vec<&str> = publication(&beat).attributes.iter().map(|it| it.0).collect();
        assert_eq!(names, ["kind", "schema_version"], "an empty value is refused by SNS");
    }

    #[test]
    fn what_is_too_large_is_shortened_and_says_so() {
        let mut it = examples::evaluation();
        it.validation_warnings = vec!["ä".repeat(1_000); 200];
        let large = message(MessageKind::Anomaly, &Body::AnomalyDetected(Box::new(it)));
        assert!(large.body.len() > PAYLOAD_BYTES_MAX);
        let found = publication(&large);
        assert!(found.payload.len() < 10_000);
        let read: Value = serde_json::from_str(&found.payload).unwrap();
        assert_eq!(read["alert_type"], "anomaly_detected");
        assert_eq!(read["service_name"], "booking");
        assert_eq!(read["overall_severity"], "high");
        assert_eq!(read["incident_ids"][0], "incident_ab62e1ef67bc");
        assert_eq!(
            (&read["truncated"], &read["payload_bytes"]),
            (&true.into(), &large.body.len().into())
        );
        assert!(found.attributes.contains(&("severity", "high".to_owned())));
        let nonsense = Message { body: "x".repeat(PAYLOAD_BYTES_MAX + 1), ..large };
        assert!(publication(&nonsense).payload.contains("\"truncated\":true"));
    }

    #[test]
    fn hostile_characters_stay_what_they_are() {
        let mut it = examples::evaluation();
        it.validation_warnings = vec!["a\u{ffff}b\u{fffe}\n\u{0}\"\\".to_owned()];
        let warnings = it.validation_warnings.clone();
        let message = message(MessageKind::Anomaly, &Body::AnomalyDetected(Box::new(it)));
        let message = Message { service: "a\nb\u{ffff}".to_owned(), ..message };
        let found = publication(&message);
        let is_xml = |c: char| c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}');
        assert!(found.payload.chars().all(is_xml));
        let read: Value = serde_json::from_str(&found.payload).unwrap();
        assert_eq!(read["validation_warnings"], serde_json::json!(warnings));
        assert!(found.attributes.contains(&("service", "a b\\uffff".to_owned())));
    }
}
