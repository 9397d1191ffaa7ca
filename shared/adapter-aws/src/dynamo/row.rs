//! Heads, incidents and events as rows, and back.

use chrono::{DateTime, Utc};
use domain::{ServiceName, Severity};
use incident::{EndReason, FingerprintId, Incident, IncidentId, IncidentState, ServiceHead};
use pipeline::ports::incidents::{
    Commit, End, IncidentEvent, IncidentRecord, IncidentSummary, StoredHead,
};
use serde::{Deserialize, Serialize};

use super::item::{
    Item, from_item, instant_of_ms, integer_at, item_of, number, of_json, text, text_at,
};
use super::layout::{self, STATUS, TTL};

const LAST_WRITER: &str = "last_writer";
const SCHEMA: &str = "schema_v";
const EVENTS: &str = "events";

/// The head of a commit.
pub(crate) fn head_item(commit: &Commit) -> Result<Item, String> {
    let head = &commit.head;
    let mut item = item_of(head)?;
    item.extend(layout::head_key(&head.service));
    item.insert("last_cycle_at".to_owned(), text(instant_of_ms(head.last_cycle_at_ms)));
    item.insert(LAST_WRITER.to_owned(), text(&commit.writer));
    Ok(item)
}

pub(crate) fn head_from(item: &Item) -> Result<StoredHead, String> {
    let last_writer = text_at(item, LAST_WRITER)?.to_owned();
    let head: ServiceHead = from_item(item)?;
    Ok(StoredHead { head, last_writer })
}

/// What is kept of an incident besides the incident.
#[derive(Serialize)]
struct IncidentColumns<'a> {
    service_name: &'a ServiceName,
    status: IncidentState,
    first_seen: String,
    last_updated: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved_at_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution_reason: Option<EndReason>,
}

/// An incident with the keys of the indexes that it is found by. Written as a whole, so that what
/// is not in it any more (the expiry of one that was re-opened) is gone.
pub(crate) fn incident_item(record: &IncidentRecord) -> Result<Item, String> {
    let IncidentRecord { service, incident, end } = record;
    let status = end.map_or(incident.state, |_| IncidentState::Closed);
    let id = &incident.incident_id;
    let mut item = item_of(incident)?;
    item.extend(item_of(&IncidentColumns {
        service_name: service,
        status,
        first_seen: instant_of_ms(incident.first_seen_ms),
        last_updated: instant_of_ms(incident.last_updated_ms),
        resolved_at: end.map(|end| instant_of_ms(end.at_ms)),
        resolved_at_ms: end.map(|end| end.at_ms),
        resolution_reason: end.map(|end| end.reason),
    })?);
    item.extend(layout::incident_key(id));
    item.insert(SCHEMA.to_owned(), number(layout::SCHEMA_VERSION));
    let seen = layout::first_seen_id(incident.first_seen_ms, id);
    put(&mut item, layout::TIMELINE, layout::timeline_partition(service), seen.clone());
    put(&mut item, layout::PATTERN, layout::pattern_partition(&incident.fingerprint_id), seen);
    match end {
        Some(end) => {
            item.insert(TTL.to_owned(), number(end.expires_at.timestamp()));
        }
        None => {
            let updated = incident.last_updated_ms;
            let sort = layout::status_updated_id(status.as_str(), updated, id);
            put(&mut item, layout::ACTIVES, layout::ACTIVE.to_owned(), sort);
        }
    }
    Ok(item)
}

fn put(item: &mut Item, index: layout::Index, partition: String, sort: String) {
    item.insert(index.partition.to_owned(), text(partition));
    item.insert(index.sort.to_owned(), text(sort));
}

pub(crate) fn incident_from(item: &Item) -> Result<IncidentRecord, String> {
    let row: SummaryRow = from_item(item)?;
    let incident: Incident = from_item(item)?;
    let end = match (row.resolved_at_ms, row.resolution_reason) {
        (Some(at_ms), Some(reason)) => Some(End { at_ms, reason, expires_at: expiry_of(item)? }),
        _ => None,
    };
    Ok(IncidentRecord { service: row.service_name, incident, end })
}

/// What lists show, as the indexes hold it.
#[derive(Deserialize)]
struct SummaryRow {
    incident_id: IncidentId,
    fingerprint_id: FingerprintId,
    service_name: ServiceName,
    anomaly_name: String,
    status: IncidentState,
    severity: Severity,
    peak_severity: Severity,
    first_seen_ms: i64,
    last_updated_ms: i64,
    resolved_at_ms: Option<i64>,
    resolution_reason: Option<EndReason>,
    occurrence_count: u32,
    alerted: bool,
}

pub(crate) fn summary_from(item: &Item) -> Result<IncidentSummary, String> {
    let row: SummaryRow = from_item(item)?;
    Ok(IncidentSummary {
        incident_id: row.incident_id,
        fingerprint_id: row.fingerprint_id,
        service: row.service_name,
        anomaly_name: row.anomaly_name,
        state: row.status,
        severity: row.severity,
        peak_severity: row.peak_severity,
        first_seen_ms: row.first_seen_ms,
        last_updated_ms: row.last_updated_ms,
        closed_at_ms: row.resolved_at_ms,
        reason: row.resolution_reason,
        occurrence_count: row.occurrence_count,
        alerted: row.alerted,
    })
}

pub(crate) fn event_item(event: &IncidentEvent) -> Result<Item, String> {
    let events = serde_json::to_value(&event.events).map_err(|error| error.to_string())?;
    let mut item = layout::event_key(&event.incident_id, event.cycle, event.at_ms, &event.kind);
    item.extend([
        ("incident_id".to_owned(), text(event.incident_id.as_str())),
        ("cycle".to_owned(), number(event.cycle)),
        ("at".to_owned(), text(instant_of_ms(event.at_ms))),
        ("at_ms".to_owned(), number(event.at_ms)),
        ("kind".to_owned(), text(&event.kind)),
        (EVENTS.to_owned(), of_json(&events)),
        (TTL.to_owned(), number(event.expires_at.timestamp())),
    ]);
    Ok(item)
}

pub(crate) fn event_from(item: &Item) -> Result<IncidentEvent, String> {
    #[derive(Deserialize)]
    struct Events {
        incident_id: IncidentId,
        events: Vec<incident::Event>,
    }
    let Events { incident_id, events } = from_item(item)?;
    Ok(IncidentEvent {
        incident_id,
        cycle: integer_at(item, "cycle")?,
        at_ms: integer_at(item, "at_ms")?,
        kind: text_at(item, "kind")?.to_owned(),
        events,
        expires_at: expiry_of(item)?,
    })
}

fn expiry_of(item: &Item) -> Result<DateTime<Utc>, String> {
    let ttl_s = integer_at(item, TTL)?;
    DateTime::from_timestamp(ttl_s, 0).ok_or_else(|| format!("its {TTL} is no instant"))
}

/// Whether a row of an incident's partition is the incident itself.
pub(crate) fn is_incident(item: &Item) -> bool {
    text_at(item, layout::SK) == Ok(layout::META) && item.contains_key(STATUS)
}
