//! All reads of a cycle: metrics, catalog and models, side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use detect::evidence::EvidenceWindow;
use detect::rows::ServiceSamples;
use domain::config::valid::Config;
use domain::limits::COLLECTION_ERROR_CHARS_MAX;
use domain::{Period, ServiceName, Slot};
use slo::BurnWindow;

use crate::infer::follow::Heads;
use crate::infer::models::{NoModel, RoutedModel};
use crate::infer::silence::{self, Traffic};
use crate::infer::window::WindowShape;
use crate::infer::{CycleRequest, InferError, InferPorts, MetricWindow, Warm};
use crate::ports::incidents::{ReadableHeads, StateError};

/// Everything that a decision needs, and nothing that could change under it.
#[derive(Debug, Clone)]
pub struct CycleInput {
    /// The instant to judge: the requested one, less the source's lag, on the grid of cycles.
    pub at: DateTime<Utc>,
    /// Set if the source is unhealthy: nothing was read, and nothing may be concluded.
    pub source_failure: Option<String>,
    /// Trouble that did not stop the cycle.
    pub warnings: Vec<String>,
    /// By metric: why it could not be read.
    pub failed_metrics: BTreeMap<String, String>,
    pub services: Vec<ServiceInput>,
    pub models_fetched: u32,
    /// Incident state of the services that have any, where it is kept.
    pub heads: Heads,
    /// Services whose incident state cannot be read, and why: nothing is written of them.
    pub damaged_heads: BTreeMap<ServiceName, String>,
    /// The services that were asked for; more are judged where they share incidents with those.
    pub asked: Option<BTreeSet<ServiceName>>,
}

/// What was gathered for one service.
#[derive(Debug, Clone)]
pub struct ServiceInput {
    pub service: ServiceName,
    pub period: Period,
    pub samples: ServiceSamples,
    pub model: Result<RoutedModel, NoModel>,
    /// The samples in the form that evidence is weighed in; `None` to make it from them.
    pub window: Option<Arc<EvidenceWindow>>,
    /// Failures of the last days; empty without an error budget.
    pub burn: Vec<BurnWindow>,
    /// What people should know of its samples.
    pub notes: Vec<String>,
}

/// Reads everything. Fails only if it is unknown which models are in force.
pub async fn gather(
    request: &CycleRequest,
    config: &Config,
    ports: &InferPorts<'_>,
    warm: &mut Warm,
) -> Result<CycleInput, InferError> {
    let shape = WindowShape::of(config.detection.opening);
    let at = judged_instant(request.at, ports.source.lag_s(), shape.step_s);
    if let Some(failure) = unhealthy(config, ports).await {
        return Ok(CycleInput::skipped(at, failure, active_heads(ports).await?));
    }
    let Warm { window, models, evidence, burn, .. } = warm;
    let (read, catalog) = futures_util::future::join(
        window.refresh(ports.source, config, at.timestamp(), ports.deadline),
        models.refresh(ports.registry),
    )
    .await;
    let (catalog, warning) = catalog?;
    let asked = request.services.as_ref().map(|it| it.iter().cloned().collect());
    let watched = match (&asked, ports.incidents.is_some()) {
        (Some(asked), true) => connected(asked, config, &catalog),
        (Some(asked), false) => asked.clone(),
        (None, _) => watched(config, &catalog),
    };
    let services: Vec<(ServiceName, Slot)> =
        watched.into_iter().map(|it| (it.clone(), config.slot_at(&it, at))).collect();
    let names: Vec<ServiceName> = services.iter().map(|(service, _)| service.clone()).collect();
    let (loaded, heads, troubles) = futures_util::future::join3(
        models.load(ports.registry, &catalog, &services, config.inference.max_workers),
        heads(ports, &names),
        burn.refresh(ports.source, config, &names, at.timestamp(), ports.deadline),
    )
    .await;
    let ReadableHeads { heads, damaged: damaged_heads } = heads?;
    let failed_metrics = config
        .metrics
        .iter()
        .zip(&read.errors)
        .filter_map(|(metric, error)| {
            let text: String =
                error.as_ref()?.to_string().chars().take(COLLECTION_ERROR_CHARS_MAX).collect();
            Some((metric.name.clone(), text))
        })
        .collect();
    let services = services
        .into_iter()
        .zip(loaded.routes)
        .map(|((service, slot), model)| {
            let period = slot.period;
            let samples = samples_of(window, config, &service, &failed_metrics);
            let (burn, window) = (burn.windows(config, &service, at.timestamp()), None);
            ServiceInput { samples, service, period, model, window, burn, notes: Vec::new() }
        })
        .collect();
    let is_complete = failed_metrics.is_empty();
    let mut services = evidence.refresh(services, config, at.timestamp(), is_complete);
    if let Some(traffic) = traffic(config, &failed_metrics, at, shape) {
        silence::fill(&mut services, &traffic, ports.source).await;
    }
    Ok(CycleInput {
        at,
        source_failure: None,
        warnings: warning.into_iter().chain(read.warnings).chain(troubles).collect(),
        failed_metrics,
        services,
        models_fetched: loaded.fetched,
        heads,
        damaged_heads,
        asked,
    })
}

/// The traffic that a cycle looks at; `None` without one, or if it could not be read.
fn traffic<'a>(
    config: &'a Config,
    failed: &BTreeMap<String, String>,
    at: DateTime<Utc>,
    shape: WindowShape,
) -> Option<Traffic<'a>> {
    let index = config.metrics.traffic_index()?;
    let metric = config.metrics.get(index)?;
    let is_read = !failed.contains_key(&metric.name);
    is_read.then(|| Traffic { metric, index, at_s: at.timestamp(), step_s: shape.step_s })
}

impl CycleInput {
    fn skipped(at: DateTime<Utc>, failure: String, read: ReadableHeads) -> CycleInput {
        CycleInput {
            at,
            source_failure: Some(failure),
            warnings: Vec::new(),
            failed_metrics: BTreeMap::new(),
            services: Vec::new(),
            models_fetched: 0,
            heads: read.heads,
            damaged_heads: read.damaged,
            asked: None,
        }
    }
}

async fn heads(
    ports: &InferPorts<'_>,
    services: &[ServiceName],
) -> Result<ReadableHeads, StateError> {
    match &ports.incidents {
        Some(incidents) => incidents.store.readable_heads(services).await,
        None => Ok(ReadableHeads::default()),
    }
}

/// Heads of the services with incidents, when nothing else is known.
async fn active_heads(ports: &InferPorts<'_>) -> Result<ReadableHeads, StateError> {
    let Some(incidents) = &ports.incidents else { return Ok(ReadableHeads::default()) };
    let active = incidents.store.active().await?;
    let services: BTreeSet<ServiceName> = active.into_iter().map(|it| it.service).collect();
    let services: Vec<ServiceName> = services.into_iter().collect();
    incidents.store.readable_heads(&services).await
}

fn judged_instant(requested: DateTime<Utc>, lag_s: i64, grid_s: i64) -> DateTime<Utc> {
    let second = (requested.timestamp() - lag_s).div_euclid(grid_s) * grid_s;
    DateTime::from_timestamp(second, 0).unwrap_or(requested)
}

/// Why the source must not be believed, if so. Judging on half an answer would close incidents.
async fn unhealthy(config: &Config, ports: &InferPorts<'_>) -> Option<String> {
    match ports.source.health().await {
        Err(error) => Some(error.to_string()),
        Ok(health) => {
            let limit = u128::from(config.victoria_metrics.health_latency_ms);
            let took = health.latency.as_millis();
            (took > limit).then(|| {
                let place = ports.source.describe();
                format!("{place} took {took} ms to say that it is healthy; at most {limit} ms")
            })
        }
    }
}

/// All services that are to be judged.
fn watched(config: &Config, catalog: &artifact::Catalog) -> BTreeSet<ServiceName> {
    if config.services.listed.is_empty() {
        return catalog.services.keys().cloned().collect();
    }
    config.services.listed.iter().map(|(service, _)| service.clone()).collect()
}

/// The services that were asked for, and all that the call graph connects with them: an incident
/// is listed under that of a neighbour, so neither can be followed without the other.
fn connected(
    asked: &BTreeSet<ServiceName>,
    config: &Config,
    catalog: &artifact::Catalog,
) -> BTreeSet<ServiceName> {
    let mut neighbours: BTreeMap<&ServiceName, BTreeSet<&ServiceName>> = BTreeMap::new();
    for (caller, callees) in &config.dependencies.graph {
        for callee in callees {
            neighbours.entry(caller).or_default().insert(callee);
            neighbours.entry(callee).or_default().insert(caller);
        }
    }
    let known = watched(config, catalog);
    let mut found: BTreeSet<&ServiceName> = asked.iter().collect();
    let mut new: Vec<&ServiceName> = asked.iter().collect();
    while let Some(service) = new.pop() {
        let more = neighbours.get(service).into_iter().flatten().copied();
        let more: Vec<&ServiceName> = more.filter(|it| !found.contains(it)).collect();
        found.extend(&more);
        new.extend(more);
    }
    let is_judged = |it: &&ServiceName| asked.contains(*it) || known.contains(*it);
    found.into_iter().filter(is_judged).cloned().collect()
}

/// The window's samples of a service; a metric that could not be read has none, not old ones.
fn samples_of(
    window: &MetricWindow,
    config: &Config,
    service: &ServiceName,
    failed: &BTreeMap<String, String>,
) -> ServiceSamples {
    let series = config
        .metrics
        .iter()
        .map(|metric| {
            if failed.contains_key(&metric.name) {
                return None;
            }
            window.series(&metric.name, service).cloned()
        })
        .collect();
    ServiceSamples { series }
}
