//! Messages as rows, and back.

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::DateTime;
use payload::message::{Message, MessageKind};
use pipeline::ports::outbox::{MessageKey, MessageStatus, OutboxMessage, QueuedMessage};

use super::item::{Item, instant, instant_at, integer_at, number, text, text_at};
use super::layout::{self, DUE, STATUS};

pub(crate) const ATTEMPTS: &str = "attempts";
pub(crate) const CLAIMED_BY: &str = "claimed_by";
pub(crate) const LAST_ERROR: &str = "last_error";

/// Where the body of a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    Here(String),
    /// The key of an object.
    Object(String),
}

/// A row as it was read; its body may have to be fetched.
#[derive(Debug)]
pub(crate) struct MessageRow {
    pub(crate) queued: QueuedMessage,
    pub(crate) body: Body,
}

/// A message that was just committed: pending, and due since its cycle.
pub(crate) fn message_item(message: &OutboxMessage, body: &Body) -> Item {
    let key = message.key();
    let mut item = layout::message_key(&key);
    let what = &message.message;
    let incident_ids = what.incident_ids.iter().map(|id| text(id.as_str())).collect();
    let (body_name, body) = match body {
        Body::Here(body) => ("body", body),
        Body::Object(key) => ("body_key", key),
    };
    item.extend(
        [
            ("message_id", text(&what.id)),
            ("service", text(&what.service)),
            ("incident_ids", AttributeValue::L(incident_ids)),
            ("kind", text(what.kind.as_str())),
            ("cycle", number(what.cycle_id)),
            ("seq", number(message.seq)),
            ("created_at", text(instant(message.created_at))),
            (body_name, text(body)),
            (STATUS, text(MessageStatus::Pending.as_str())),
            (ATTEMPTS, number(0)),
            (DUE.partition, text(layout::due_partition(key.partition))),
            (DUE.sort, text(instant(message.created_at))),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    if let Some(destination) = &message.destination {
        item.insert("destination".to_owned(), text(destination));
    }
    item
}

pub(crate) fn message_from(item: &Item) -> Result<MessageRow, String> {
    let kind = MessageKind::parse(text_at(item, "kind")?).ok_or("its kind is unknown")?;
    let status = MessageStatus::parse(text_at(item, STATUS)?).ok_or("its status is unknown")?;
    let body = match text_at(item, "body") {
        Ok(body) => Body::Here(body.to_owned()),
        Err(_) => Body::Object(text_at(item, "body_key")?.to_owned()),
    };
    let optional = |name: &str| text_at(item, name).ok().map(str::to_owned);
    let what = Message {
        id: text_at(item, "message_id")?.to_owned(),
        kind,
        service: text_at(item, "service")?.to_owned(),
        cycle_id: integer_at(item, "cycle")?,
        incident_ids: texts_at(item, "incident_ids")?,
        body: String::new(),
    };
    let message = OutboxMessage {
        message: what,
        seq: integer_at(item, "seq")?.unsigned_abs(),
        created_at: instant_at(item, "created_at")?,
        destination: optional("destination"),
    };
    let queued = QueuedMessage {
        message,
        status,
        attempts: u32::try_from(integer_at(item, ATTEMPTS)?).unwrap_or(u32::MAX),
        next_attempt_at: instant_at(item, DUE.sort)?,
        last_error: optional(LAST_ERROR),
    };
    Ok(MessageRow { queued, body })
}

/// The key of a message that may not be readable otherwise.
pub(crate) fn key_from(item: &Item) -> Option<MessageKey> {
    let partition = text_at(item, layout::PK).ok()?.strip_prefix(layout::MESSAGES_START)?;
    let (created_ms, id) = text_at(item, layout::SK).ok()?.split_once('#')?;
    Some(MessageKey {
        partition: partition.parse().ok()?,
        created_at: DateTime::from_timestamp_millis(created_ms.parse().ok()?)?,
        id: id.to_owned(),
    })
}

fn texts_at(item: &Item, name: &str) -> Result<Vec<String>, String> {
    let list = item.get(name).and_then(|value| value.as_l().ok());
    let list = list.ok_or_else(|| format!("it has no list {name}"))?;
    Ok(list.iter().filter_map(|value| value.as_s().ok()).cloned().collect())
}

/// The key of a message as keys are put into requests.
pub(crate) fn item_key(key: &MessageKey) -> Item {
    layout::message_key(key)
}
