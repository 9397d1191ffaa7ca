//! The JSON that yaga emits: wire types and their published schema.
//!
//! - [`result`]: what one cycle says of one service
//! - [`cascade`]: where its trouble starts
//! - [`run`]: what one cycle says as a whole
//! - [`tracking`]: which incidents a verdict belongs to, and what was done to them
//! - [`slo`]: what objectives say of a service and of an anomaly
//! - [`resolution`], [`notification`]: what else is sent
//! - [`message`]: what is sent, with its id; [`announce`]: from incidents to messages
//! - [`correlation`]: several anomalies told as one
//! - [`enrichment`]: what was looked up beside an alert
//! - [`drift`]: whether the model still knows the service
//! - [`alertmanager`], [`sns`], [`write_back`]: the same in other systems' forms
//! - [`render`]: from what scoring found to these types
//! - [`schema`]: the JSON Schema of both, generated from the types
//!
//! Numbers are finite, instants are UTC with `Z` and milliseconds, names are snake_case. A field
//! that may be absent is absent or null alike.

pub mod alertmanager;
pub mod announce;
pub mod cascade;
pub mod correlation;
pub mod drift;
pub mod enrichment;
#[cfg(test)]
mod examples;
pub mod message;
pub mod notification;
pub mod render;
pub mod resolution;
pub mod result;
pub mod run;
pub mod schema;
pub mod slo;
pub mod sns;
pub mod text;
pub mod tracking;
pub mod write_back;

/// Version of the wire format: patch for documentation, minor for optional fields, major for
/// anything that breaks a reader.
pub const SCHEMA_VERSION: &str = "3.0.0";

/// An instant on the wire: UTC, milliseconds, `Z`.
pub fn instant(at: chrono::DateTime<chrono::Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
