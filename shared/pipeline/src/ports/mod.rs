//! What the use cases need from the outside, as traits. Adapters implement them; a conformance
//! suite per port says what an implementation must do.
//!
//! - [`MetricSource`]: where metrics come from
//! - [`ObjectStore`]: where models live
//! - [`incidents`]: where incident state lives
//! - [`outbox`]: messages that were committed with that state
//! - [`Publisher`]: where messages go; [`ScoreSink`]: where scores go
//! - [`InstantQuery`]: where an alert's context is looked up
//! - [`Clock`]: the time

mod clock;
mod context;
pub mod incidents;
mod metrics;
mod objects;
pub mod outbox;
mod publisher;

pub use clock::Clock;
pub use context::InstantQuery;
pub use metrics::{Health, MetricRead, MetricSource, RangeRequest, SourceError};
pub use objects::{ETag, Object, ObjectStore, Read, StoreError, check_key};
pub use publisher::{Outcome, Publisher, ScoreSink};
