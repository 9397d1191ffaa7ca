//! The use cases on fakes that pass the same conformance suites as the real adapters.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod artifact;
mod backtest;
mod charts;
mod deadline;
mod deliver;
mod enrichment;
mod fleet;
mod graph;
mod hostile;
mod infer;
mod isolated;
mod late;
mod learning;
mod notices;
mod objectives;
mod parity;
mod patterns;
mod registry;
mod train;
mod variants;
mod watch;
