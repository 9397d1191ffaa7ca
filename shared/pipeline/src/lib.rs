//! The use cases of yaga: learn from metrics, and say what is wrong now.
//!
//! - [`ports`]: what the use cases need from the outside, as traits
//! - [`registry`]: models and the catalog on top of an object store
//! - [`train`]: history -> models in the registry -> catalog
//! - [`infer`]: gather, decide, act: one cycle
//! - [`incidents`]: the state of incidents, committed exactly once
//! - [`deliver`]: outbox -> receivers
//! - [`backtest`]: recordings -> cycles -> incidents -> how good they are
//!
//! Everything is asynchronous over the ports and knows neither a runtime nor a network. Deciding
//! is pure: what was gathered can be decided again to the same bytes.
//!
//! As a library, with a recording for metrics and a folder for models:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use adapter_local::{Folder, Recording};
//! use domain::config;
//! use pipeline::infer::{CycleRequest, InferPorts, Warm, infer_cycle};
//! use pipeline::registry::Registry;
//! use pipeline::train::{Silent, TrainPorts, TrainRequest, train};
//! # use testkit::FixedClock as SystemClock;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let config = config::load(None, &|_| None)?.config;
//! let source = Recording::new("recording.jsonl.gz", &config.metrics);
//! let registry = Registry::new(Arc::new(Folder::new("models")));
//! let at = "2026-04-01T00:00:00Z".parse()?;
//!
//! let clock = SystemClock::at(at);
//! let ports =
//!     TrainPorts { source: &source, registry: &registry, clock: &clock, progress: &Silent };
//! let request = TrainRequest {
//!     at,
//!     services: None,
//!     incidents: Vec::new(),
//!     config_digest: "by hand".to_owned(),
//! };
//! let report = train(&request, &config, &ports).await?;
//! assert_eq!(report.without_model, 0);
//!
//! let mut warm = Warm::default();
//! let request = CycleRequest { at, services: None };
//! let ports = InferPorts { source: &source, registry: &registry, incidents: None, deadline: None };
//! let cycle = infer_cycle(&request, &config, &ports, &mut warm).await?;
//! for result in &cycle.results {
//!     println!("{}: {}", result.service_name(), result.severity());
//! }
//! # Ok(())
//! # }
//! ```

pub mod backtest;
pub mod deliver;
pub mod incidents;
pub mod infer;
pub mod ports;
pub mod registry;
pub mod train;
