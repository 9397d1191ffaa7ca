//! Incident state over its port: one service's cycle is committed exactly once.
//!
//! - [`commit_service`]: head -> plan -> one transaction, again if somebody else was quicker
//! - [`Plan`]: what a cycle does to a service, decided by a pure function of its head
//! - [`statistics`]: sums over incidents, for people
//! - [`verdicts`]: what people said of them
//!
//! No lock and no lease: writers of one service meet at the version of its head. Who loses reads
//! the head again and plans anew, so that nothing is counted twice and nothing is lost. Messages
//! are part of the plan, so they are written with the state that they speak of or not at all.

mod commit;
mod record;
pub mod statistics;
pub mod verdicts;

pub use commit::{Attempt, Outcome, Plan, Writer, commit_service};
pub use record::{Retention, ends_max};
