//! One cycle: gather everything, decide, act.
//!
//! [`gather`] does all reads: the metric window, the catalog, and the models of the current period
//! that are not warm yet. [`decide`] is one pure function of what was gathered. [`act`] makes the
//! decision count. A cycle that finds everything warm costs one query per metric and one
//! conditional read of the catalog.

pub mod act;
pub(crate) mod burn;
pub mod cause;
mod deadline;
pub mod decide;
mod enrich;
mod evidence;
pub mod finding;
pub mod follow;
pub mod gather;
mod interpret;
mod judge;
mod models;
mod objectives;
mod points;
mod silence;
mod sweep;
mod tell;
mod window;

use chrono::{DateTime, Utc};
use domain::ServiceName;
use domain::config::valid::Config;
use payload::run::Cycle;

use crate::deliver::Receiver;
use crate::deliver::notice::Notices;
use crate::incidents::Writer;
use crate::ports::incidents::{IncidentStore, StateError};
use crate::ports::outbox::Outbox;
use crate::ports::{Clock, MetricSource, ScoreSink};
use crate::registry::{Registry, RegistryError};

pub use burn::WarmBurn;
pub use deadline::Deadline;
pub use enrich::ContextPorts;
pub use evidence::WarmEvidence;
pub use models::{RoutedModel, WarmModels};
pub use sweep::Sweeps;
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
    /// `None`: the cycle says what it sees, and nothing is kept or sent.
    pub incidents: Option<IncidentPorts<'a>>,
    /// `None` if nobody ends it.
    pub deadline: Option<Deadline<'a>>,
}

/// Where incidents are kept, and who is told of them.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "ports are trait objects")]
pub struct IncidentPorts<'a> {
    pub store: &'a dyn IncidentStore,
    pub outbox: &'a dyn Outbox,
    pub receivers: &'a [Receiver],
    /// Where scores are written for charts.
    pub scores: Option<&'a dyn ScoreSink>,
    /// Where an alert's context is looked up.
    pub contexts: ContextPorts<'a>,
    pub clock: &'a dyn Clock,
    /// This invocation, and when it began.
    pub writer: &'a Writer,
    pub began_at: DateTime<Utc>,
}

/// What stays in memory between the cycles of one process. Losing it costs time, never truth.
#[derive(Debug, Default)]
pub struct Warm {
    pub window: MetricWindow,
    pub models: WarmModels,
    pub evidence: WarmEvidence,
    pub burn: WarmBurn,
    /// What was said of services that cannot be judged, and of models. Lost, it is counted anew.
    pub notices: Notices,
    pub sweeps: Sweeps,
}

/// Why there was no cycle. Trouble with one service, or with the metric source, is no reason: it
/// is part of the answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InferError {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Nothing was decided: without the state of incidents nobody could be told rightly.
    #[error(transparent)]
    State(#[from] StateError),
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
    Ok(act::act(&input, outcome, config, ports, warm).await)
}
