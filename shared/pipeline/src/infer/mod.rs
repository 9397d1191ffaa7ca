//! One cycle: gather everything, decide, act.
//!
//! [`gather`] does all reads: the metric window, the catalog, and the models of the current period
//! that are not warm yet. [`decide`] is one pure function of what was gathered. [`act`] makes the
//! decision count. A cycle that finds everything warm costs one query per metric and one
//! conditional read of the catalog.

pub mod act;
pub mod cause;
pub mod decide;
mod evidence;
pub mod gather;
mod interpret;
mod models;
mod window;

use chrono::{DateTime, Utc};
use domain::ServiceName;
use domain::config::valid::Config;
use payload::run::Cycle;

use crate::ports::MetricSource;
use crate::registry::{Registry, RegistryError};

pub use evidence::WarmEvidence;
pub use models::WarmModels;
pub use window::MetricWindow;

/// What to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CycleRequest {
    pub at: DateTime<Utc>,
    /// `None` for the configured services, or all that have models.
    pub services: Option<Vec<ServiceName>>,
}

/// The outside of a cycle.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "ports are trait objects")]
pub struct InferPorts<'a> {
    pub source: &'a dyn MetricSource,
    pub registry: &'a Registry,
}

/// What stays in memory between the cycles of one process. Losing it costs time, never truth.
#[derive(Debug, Default)]
pub struct Warm {
    pub window: MetricWindow,
    pub models: WarmModels,
    pub evidence: WarmEvidence,
}

/// Why there was no cycle. Trouble with one service, or with the metric source, is no reason: it
/// is part of the answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InferError {
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// Runs one cycle.
pub async fn infer_cycle(
    request: &CycleRequest,
    config: &Config,
    ports: &InferPorts<'_>,
    warm: &mut Warm,
) -> Result<Cycle, InferError> {
    let input = gather::gather(request, config, ports, warm).await?;
    let outcome = decide::decide(&input, config);
    Ok(act::act(&input, outcome))
}
