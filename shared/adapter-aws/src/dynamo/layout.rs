//! The layout of the table: keys, indexes and the version of it all.
//!
//! | entity | PK | SK |
//! |---|---|---|
//! | head of a service | `SVC#<service>` | `HEAD` |
//! | incident | `INC#<incident>` | `META` |
//! | what happened to it | `INC#<incident>` | `EVT#<cycle, 12 digits>#<kind>` |
//! | message | `OUT#<0..7>` | `<epoch ms, 13 digits>#<message>` |
//! | version of the layout | `TABLE` | `META` |
//!
//! Whole numbers are numbers; instants are text that sorts, and epoch milliseconds beside it.

use chrono::{DateTime, Utc};
use domain::ServiceName;
use incident::{FingerprintId, IncidentId};
use pipeline::ports::outbox::MessageKey;
use serde_json::{Value, json};

use super::item::{Item, instant_of_ms, text};

/// Raised when a release can no longer read what an older one wrote.
pub(crate) const SCHEMA_VERSION: i64 = 1;

pub(crate) const PK: &str = "PK";
pub(crate) const SK: &str = "SK";
/// Epoch seconds after which a row counts as gone.
pub(crate) const TTL: &str = "ttl";
pub(crate) const VERSION: &str = "version";
pub(crate) const STATUS: &str = "status";
pub(crate) const HEAD: &str = "HEAD";
pub(crate) const META: &str = "META";
pub(crate) const EVENT_START: &str = "EVT#";
pub(crate) const INCIDENT_START: &str = "INC#";
pub(crate) const MESSAGES_START: &str = "OUT#";
/// All rows that are listed as active.
pub(crate) const ACTIVE: &str = "ACTIVE";

/// An index: it holds the rows that have both of its attributes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Index {
    pub(crate) name: &'static str,
    pub(crate) partition: &'static str,
    pub(crate) sort: &'static str,
    /// Attributes besides keys.
    pub(crate) holds: &'static [&'static str],
}

/// What lists show.
const SUMMARY: &[&str] = &[
    "incident_id",
    "fingerprint_id",
    "service_name",
    "anomaly_name",
    "status",
    "severity",
    "peak_severity",
    "first_seen_ms",
    "last_updated_ms",
    "resolved_at_ms",
    "resolution_reason",
    "occurrence_count",
    "alerted",
    "ttl",
];

/// Incidents of a service, by first sight.
pub(crate) const TIMELINE: Index =
    Index { name: "timeline", partition: "svc", sort: "first_seen_id", holds: SUMMARY };
/// Incidents of a fingerprint, by first sight.
pub(crate) const PATTERN: Index =
    Index { name: "pattern", partition: "fp", sort: "first_seen_id", holds: SUMMARY };
/// Incidents that are not closed.
pub(crate) const ACTIVES: Index =
    Index { name: "active", partition: "act", sort: "status_updated_id", holds: SUMMARY };
/// Messages that are neither delivered nor given up.
pub(crate) const DUE: Index =
    Index { name: "due", partition: "due", sort: "next_attempt_at", holds: &[] };

pub(crate) const INDEXES: [Index; 4] = [TIMELINE, PATTERN, ACTIVES, DUE];

fn keys(partition: String, sort: String) -> Item {
    Item::from([(PK.to_owned(), text(partition)), (SK.to_owned(), text(sort))])
}

pub(crate) fn head_key(service: &ServiceName) -> Item {
    keys(format!("SVC#{service}"), HEAD.to_owned())
}

pub(crate) fn incident_partition(id: &IncidentId) -> String {
    format!("{INCIDENT_START}{id}")
}

pub(crate) fn incident_key(id: &IncidentId) -> Item {
    keys(incident_partition(id), META.to_owned())
}

/// People act between cycles, so the instant is a part of it.
pub(crate) fn event_key(id: &IncidentId, cycle: i64, at_ms: i64, kind: &str) -> Item {
    keys(incident_partition(id), format!("{EVENT_START}{cycle:012}#{at_ms:013}#{kind}"))
}

pub(crate) fn message_partition(partition: u8) -> String {
    format!("{MESSAGES_START}{partition}")
}

pub(crate) fn message_key(key: &MessageKey) -> Item {
    let created_ms = key.created_at.timestamp_millis();
    keys(message_partition(key.partition), format!("{created_ms:013}#{}", key.id))
}

pub(crate) fn version_key() -> Item {
    keys("TABLE".to_owned(), META.to_owned())
}

/// The partition of [`DUE`].
pub(crate) fn due_partition(partition: u8) -> String {
    format!("DUE#{partition}")
}

/// The partition of [`TIMELINE`].
pub(crate) fn timeline_partition(service: &ServiceName) -> String {
    format!("SVC#{service}")
}

/// The partition of [`PATTERN`].
pub(crate) fn pattern_partition(fingerprint: &FingerprintId) -> String {
    fingerprint.as_str().to_owned()
}

/// Where [`TIMELINE`] and [`PATTERN`] sort an incident.
pub(crate) fn first_seen_id(first_seen_ms: i64, id: &IncidentId) -> String {
    format!("{}#{id}", instant_of_ms(first_seen_ms))
}

/// Where [`ACTIVES`] sorts an incident.
pub(crate) fn status_updated_id(status: &str, last_updated_ms: i64, id: &IncidentId) -> String {
    format!("{status}#{}#{id}", instant_of_ms(last_updated_ms))
}

/// Whether the platform may have removed the row by now: it takes its time, readers do not.
pub(crate) fn is_expired(item: &Item, now: DateTime<Utc>) -> bool {
    super::item::integer_at(item, TTL).is_ok_and(|ttl_s| ttl_s <= now.timestamp())
}

/// Keys, indexes and expiry as the deployment template must spell them.
pub fn table_properties() -> Value {
    let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
    let mut names: Vec<&str> = vec![PK, SK];
    names.extend(INDEXES.iter().flat_map(|index| [index.partition, index.sort]));
    names.sort_unstable();
    names.dedup();
    let indexes = INDEXES.iter().map(|index| {
        let projection = match index.holds {
            [] => json!({ "ProjectionType": "KEYS_ONLY" }),
            names => json!({ "ProjectionType": "INCLUDE", "NonKeyAttributes": names }),
        };
        json!({
            "IndexName": index.name,
            "KeySchema": [key(index.partition, "HASH"), key(index.sort, "RANGE")],
            "Projection": projection,
        })
    });
    let attribute = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
    json!({
        "AttributeDefinitions": names.into_iter().map(attribute).collect::<Vec<_>>(),
        "KeySchema": [key(PK, "HASH"), key(SK, "RANGE")],
        "GlobalSecondaryIndexes": indexes.collect::<Vec<_>>(),
        "TimeToLiveSpecification": { "AttributeName": TTL, "Enabled": true },
    })
}
