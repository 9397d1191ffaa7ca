//! What tests share. Only ever a dev-dependency.
//!
//! - [`conformance`]: what an implementation of a port must do, as suites that adapters run
//! - [`MemoryIncidents`]: incident state in memory, with faults on demand
//! - [`plan`]: cycles of a service and what they lead to
//! - [`soak`]: random histories of incident state
//! - [`MemoryStore`], [`FakeSource`], [`FixedClock`], [`RecordingPublisher`]: fakes that pass them
//! - [`CountingStore`]: a store around a store, that counts what is asked of it and can fail

pub mod conformance;
mod counting_store;
mod fake_source;
mod fixed_clock;
mod memory_incidents;
mod memory_store;
pub mod plan;
mod recording_publisher;
pub mod soak;

pub use counting_store::{Action, CountingStore, Counts};
pub use fake_source::{Asked, FakeSource};
pub use fixed_clock::FixedClock;
pub use memory_incidents::{MemoryIncidents, StoreCounts, StoreFault};
pub use memory_store::MemoryStore;
pub use recording_publisher::RecordingPublisher;
