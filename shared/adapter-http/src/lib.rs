//! What is reached over HTTP: metrics, and the receivers of alerts.
//!
//! Metrics, from VictoriaMetrics or anything else that speaks the same query API:
//!
//! - [`VictoriaMetrics`]: the metric source: one range query per metric and chunk of time
//! - `query`: what to ask: expression, filter, grid and chunks; pure
//! - `answer`: what came back: a matrix, decoded without an intermediate document; pure
//! - `transport`: how to ask: one client, one layer of retries, bounded answers
//!
//! - [`Prometheus`]: instant queries, for the context of alerts
//!
//! Receivers, each of which passes the suite of the port `Publisher`:
//!
//! - [`ObservabilityApi`]: batches of payloads; [`Alertmanager`]: alerts; [`Webhook`]: anything
//! - [`WriteBack`]: scores as metrics
//! - `batch`: many messages in one request; `post`: tries, redirects, bounded answers
//!
//! This is the only crate that names `reqwest`.

mod alertmanager;
mod answer;
mod batch;
mod observability;
mod post;
mod prometheus;
mod query;
#[cfg(test)]
mod receiver_tests;
mod transport;
mod victoria_metrics;
mod webhook;
mod write_back;

pub use alertmanager::Alertmanager;
pub use observability::ObservabilityApi;
pub use prometheus::Prometheus;
pub use victoria_metrics::VictoriaMetrics;
pub use webhook::Webhook;
pub use write_back::WriteBack;
