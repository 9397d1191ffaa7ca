//! A made-up estate of microservices: five metrics a service, a call graph, and incidents whose
//! time, kind and root cause are known.
//!
//! The crate is pure. A seed goes in, an [`Estate`] comes out; the same parameters give the same
//! bytes on every platform. It serves the demo, the tests, and anyone who wants to try detection
//! before pointing it at production.
//!
//! How a sample comes to be, top down:
//!
//! - [`params`](EstateParams) says how many services, how long, and which faults.
//! - `blueprint` names the services and who calls whom; the seed plays no part in it.
//! - `model` draws each service's size, speed and error rate from the seed.
//! - `season` and `wander` give the day, the week and the slow drift of a service.
//! - `disturbance` plans what is *not* an incident: deploys, maintenance, gaps, bad values.
//! - `effect` says what a fault or a disturbance does to one service.
//! - `flow` carries traffic down the call graph, and latency and errors up it. Faults reach other
//!   services only this way.
//! - `sample` adds the noise of counting: Poisson requests, averaged latencies, binomial errors.
//! - `measure` compares the flow with and without a fault; what exceeds noise is labelled.
//! - `plan` places random faults so that no service feels two at once.
//! - `csv` and `recording` write the estate as text.
//!
//! Invariant: randomness is a function of (seed, purpose, index) and never of what was drawn
//! before. Hence two runs that differ only in their faults are identical outside the faults.

mod blueprint;
mod csv;
mod disturbance;
mod effect;
mod estate;
mod fault;
mod flow;
mod horizon;
mod measure;
mod model;
mod params;
mod plan;
mod random;
mod recording;
mod sample;
mod season;
mod simulate;
mod wander;

#[cfg(test)]
mod tests;

pub use blueprint::service_names;
pub use csv::{LabelError, parse_labels};
pub use estate::{
    Category, Difficulty, Estate, Event, EventKind, Label, Metric, Series, ServiceProfile,
};
pub use fault::{Fault, FaultKind, FaultPlan};
pub use params::{EstateParams, FaultProblem, ParamsError};
pub use params::{MAX_DAYS, MAX_FAULTS, MAX_FAULTS_PER_SERVICE_DAY};
pub use params::{MAX_INTENSITY, MAX_SAMPLES, MAX_SERVICES};
pub use simulate::simulate;
