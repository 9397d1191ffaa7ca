//! What an implementation of a port must do.
//!
//! A suite panics at the first thing that is not as it should be, and says what it was. Adapters
//! run it in their own tests, or in the end-to-end tests where it needs a server.

mod incident_store;
mod metric_source;
mod object_store;
mod outbox;
mod publisher;
#[cfg(test)]
mod tests;

pub use incident_store::incident_store;
pub use metric_source::{KnownMetrics, metric_source};
pub use object_store::object_store;
pub use outbox::{IncidentsAndOutbox, outbox};
pub use publisher::{Behaviour, ReceiverBench, has_poison, is_poison, publisher, resolution};
