//! Metrics over HTTP: the adapter between the port `MetricSource` and VictoriaMetrics, or anything
//! else that speaks the same query API.
//!
//! - [`VictoriaMetrics`]: the metric source: one range query per metric and chunk of time
//! - `query`: what to ask: expression, filter, grid and chunks; pure
//! - `answer`: what came back: a matrix, decoded without an intermediate document; pure
//! - `transport`: how to ask: one client, one layer of retries, bounded answers
//!
//! This is the only crate that names `reqwest`.

mod answer;
mod query;
mod transport;
mod victoria_metrics;

pub use victoria_metrics::VictoriaMetrics;
