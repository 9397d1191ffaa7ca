//! Learns from history: read, fit, store, put in force.
//!
//! Services are taken in batches. A batch is read with one query per metric, fitted on all cores,
//! written to the registry, and put in force with one swap of the catalog. A service that cannot
//! be trained keeps the models that it has and says why; it never stops the others. Incidents that
//! yaga found itself are left out ([`known`]). Excluded days
//! that are many enough have models of their own beside the usual ones ([`variant`]).

mod fit;
pub mod known;
mod read;
mod record;
mod report;
mod variant;

use std::collections::BTreeMap;

use artifact::catalog::{Catalog, ModelRef, Shortfall};
use chrono::{DateTime, Utc};
use detect::fit::{FittedPeriod, RunRecord};
use detect::model::PeriodModel;
use domain::config::valid::{Config, ExcludedPeriod};
use domain::limits::TRAINING_BATCH_SERVICES_MAX;
use domain::{Period, ServiceName, Slot, Variant};

use crate::ports::{Clock, MetricSource, SourceError};
use crate::registry::{Registry, RegistryError};
use fit::Fitted;
use read::{History, Past};

pub use report::{PeriodReport, PeriodStatus, RunStatus, ServiceReport, TrainingReport};

/// What to train.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainRequest {
    /// End of the history.
    pub at: DateTime<Utc>,
    /// `None` for the configured services, or all that the metrics know.
    pub services: Option<Vec<ServiceName>>,
    /// Known incidents: left out like the periods that the configuration excludes.
    pub incidents: Vec<ExcludedPeriod>,
    /// Recorded with every model.
    pub config_digest: String,
}

/// The outside of a training run.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "ports are trait objects")]
pub struct TrainPorts<'a> {
    pub source: &'a dyn MetricSource,
    pub registry: &'a Registry,
    pub clock: &'a dyn Clock,
    pub progress: &'a dyn Progress,
}

/// Is told what a run is doing, for progress bars and logs.
pub trait Progress: Send + Sync {
    /// Called from any thread.
    fn on(&self, event: TrainEvent<'_>);
}

/// One step of a training run.
#[derive(Debug, Clone, Copy)]
pub enum TrainEvent<'a> {
    /// How many services there are.
    Planned {
        services: usize,
    },
    MetricRead {
        metric: &'a str,
        services: usize,
    },
    ServiceFitted {
        service: &'a ServiceName,
    },
    BatchStored {
        services: usize,
        promoted: usize,
    },
}

/// A run that has nobody to tell.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {
    fn on(&self, _: TrainEvent<'_>) {}
}

/// Why a run could not even begin, or had to stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrainError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(
        "there is no service to train: none is configured and {place} holds no metrics in the {days} days before {at}"
    )]
    NoServices { place: String, days: u32, at: String },
}

/// Trains every requested service, and leaves a record of the run beside the models.
pub async fn train(
    request: &TrainRequest,
    config: &Config,
    ports: &TrainPorts<'_>,
) -> Result<TrainingReport, TrainError> {
    let started = ports.clock.now();
    let past = Past::of(request, config, ports);
    let outcome = train_all(request, &past, config, ports, started).await;
    let times = (started, ports.clock.now());
    let record = record::record(&outcome, times, &past, request, config);
    // A run is not undone because nobody can read of it later.
    if let Err(error) = ports.registry.record_run(started, &record).await {
        tracing::warn!(%error, run_id = record.run_id, "the record of the run was not written");
    }
    outcome
}

async fn train_all(
    request: &TrainRequest,
    past: &Past,
    config: &Config,
    ports: &TrainPorts<'_>,
    started: DateTime<Utc>,
) -> Result<TrainingReport, TrainError> {
    ports.source.health().await?;
    let run = RunRecord {
        trained_at_s: request.at.timestamp(),
        config_digest: request.config_digest.clone(),
        yaga_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let planned = plan(request, past, config, ports).await?;
    ports.progress.on(TrainEvent::Planned { services: planned.len() });
    let mut services = Vec::new();
    for batch in planned.chunks(TRAINING_BATCH_SERVICES_MAX) {
        services.extend(train_batch(batch, request, past, config, &run, ports).await?);
    }
    Ok(TrainingReport::new(request.at, started, ports.clock.now(), services))
}

/// The services to train: the named ones, or all that the metrics know.
async fn plan(
    request: &TrainRequest,
    past: &Past,
    config: &Config,
    ports: &TrainPorts<'_>,
) -> Result<Vec<ServiceName>, TrainError> {
    let listed = config.services.listed.iter().map(|(service, _)| service.clone());
    let mut planned: Vec<ServiceName> =
        request.services.clone().unwrap_or_else(|| listed.collect());
    if planned.is_empty() {
        planned = read::discover(past, config, ports).await?;
    }
    planned.sort();
    planned.dedup();
    if planned.is_empty() {
        return Err(TrainError::NoServices {
            place: ports.source.describe(),
            days: config.training.lookback_days,
            at: request.at.to_rfc3339(),
        });
    }
    Ok(planned)
}

async fn train_batch(
    batch: &[ServiceName],
    request: &TrainRequest,
    past: &Past,
    config: &Config,
    run: &RunRecord,
    ports: &TrainPorts<'_>,
) -> Result<Vec<ServiceReport>, TrainError> {
    let history = match read::read_history(batch, past, config, ports).await {
        Ok(history) => history,
        Err(error) => {
            return Ok(batch.iter().map(|it| ServiceReport::failed(it.clone(), &error)).collect());
        }
    };
    let stored = learn_all(history, past, config, run, ports).await?;
    let at = request.at;
    let reports =
        ports.registry.swap(ports.clock, |catalog| Ok(put_in_force(catalog, &stored, at))).await?;
    let promoted = reports.iter().map(ServiceReport::put_in_force).sum();
    ports.progress.on(TrainEvent::BatchStored { services: batch.len(), promoted });
    Ok(reports)
}

/// Learns and stores the usual models of a batch and those of its variants: by service, the usual
/// ones first.
async fn learn_all(
    history: History,
    past: &Past,
    config: &Config,
    run: &RunRecord,
    ports: &TrainPorts<'_>,
) -> Result<Vec<Stored>, RegistryError> {
    let mut stored = Vec::new();
    let mut short = Vec::new();
    for plan in variant::plans(&history, past, config) {
        let quiet = TrainPorts { progress: &Silent, ..*ports };
        let settings = variant::settings(config);
        stored.extend(learn(plan.history, &plan.past, &settings, run, &quiet).await?);
        short.extend(plan.short);
    }
    if config.training.variants.train_baseline {
        stored.extend(learn(history, past, config, run, ports).await?);
    } else {
        let bare = |service: &&ServiceName| stored.iter().all(|it| it.service != **service);
        let bare: Vec<ServiceName> = history.keys().filter(bare).cloned().collect();
        stored.extend(bare.into_iter().map(Stored::nothing));
    }
    for (service, text) in short {
        let report = stored.iter_mut().find(|it| it.service == service && it.variant.is_none());
        report.into_iter().for_each(|it| it.report.recommendations.push(text.clone()));
    }
    stored.sort_by(|a, b| (&a.service, &a.variant).cmp(&(&b.service, &b.variant)));
    Ok(stored)
}

async fn learn(
    history: History,
    past: &Past,
    config: &Config,
    run: &RunRecord,
    ports: &TrainPorts<'_>,
) -> Result<Vec<Stored>, RegistryError> {
    let champions = champions(&history, past.variant.as_ref(), ports.registry).await?;
    let fitted = fit::fit_services(history, past, &champions, config, run, ports.progress);
    store_all(fitted, past.variant.as_ref(), &champions, ports).await
}

type Champions = BTreeMap<(ServiceName, Period), PeriodModel>;

/// The models in force, for the gate to compare with. One that cannot be read is no reason not to
/// train: the new model will replace it.
async fn champions(
    history: &History,
    variant: Option<&Variant>,
    registry: &Registry,
) -> Result<Champions, RegistryError> {
    let catalog = registry.catalog().await?.catalog;
    let mut champions = Champions::new();
    for service in history.keys() {
        for period in Period::ALL {
            let slot = Slot::of(variant.cloned(), period);
            let current = catalog.entry(service, &slot).and_then(|entry| entry.current.as_ref());
            let Some(reference) = current else { continue };
            match registry.model(reference).await {
                Ok(model) => {
                    champions.insert((service.clone(), period), model);
                }
                Err(error) => {
                    tracing::warn!(%service, %slot, %error, "model in force cannot be read");
                }
            }
        }
    }
    Ok(champions)
}

/// What became of one service's periods, with the stored models where there are any.
struct Stored {
    service: ServiceName,
    variant: Option<Variant>,
    report: ServiceReport,
    models: Vec<(Period, Result<Placed, String>)>,
}

struct Placed {
    reference: ModelRef,
    fitted: FittedPeriod,
    /// No model in force has passed its gate: a sound one that has not may take the place.
    place_is_free: bool,
}

impl Stored {
    /// A service of which nothing was to be learned.
    fn nothing(service: ServiceName) -> Stored {
        let report = ServiceReport::without_baseline(service.clone());
        Stored { service, variant: None, report, models: Vec::new() }
    }
}

async fn store_all(
    fitted: Vec<Fitted>,
    variant: Option<&Variant>,
    champions: &Champions,
    ports: &TrainPorts<'_>,
) -> Result<Vec<Stored>, RegistryError> {
    let mut all = Vec::with_capacity(fitted.len());
    for Fitted { service, quality, rows, periods } in fitted {
        let mut models = Vec::with_capacity(periods.len());
        for (period, outcome) in periods {
            let placed = match outcome {
                Ok(fitted) => {
                    let champion = champions.get(&(service.clone(), period));
                    let place_is_free = champion.is_none_or(|champion| !champion.gate.passed);
                    let reference = ports.registry.store(&fitted.model, variant).await?;
                    Ok(Placed { reference, fitted, place_is_free })
                }
                Err(reason) => Err(reason.to_string()),
            };
            models.push((period, placed));
        }
        let variant = variant.cloned();
        let report = ServiceReport::trained(service.clone(), variant.clone(), &quality, rows);
        all.push(Stored { service, variant, report, models });
    }
    Ok(all)
}

/// Promotes what passed its gate and notes why the rest did not. Pure, so a lost race can repeat it.
fn put_in_force(catalog: &mut Catalog, stored: &[Stored], at: DateTime<Utc>) -> Vec<ServiceReport> {
    let mut reports = Vec::with_capacity(stored.len());
    for Stored { service, variant, report, models } in stored {
        let mut report = report.clone();
        let slot = |period: Period| Slot::of(variant.clone(), period);
        for (period, placed) in models {
            report.periods.push(place(catalog, service, &slot(*period), placed, at));
        }
        for period in &mut report.periods {
            let route = catalog.route(service, slot(period.period));
            period.falls_back_to =
                route.filter(|route| route.is_fallback).map(|route| route.slot.period);
        }
        reports.push(report);
    }
    reports
}

fn place(
    catalog: &mut Catalog,
    service: &ServiceName,
    slot: &Slot,
    placed: &Result<Placed, String>,
    at: DateTime<Utc>,
) -> PeriodReport {
    let has_model = catalog.entry(service, slot).is_some_and(|entry| entry.current.is_some());
    let (status, reason) = match placed {
        Ok(placed) => {
            let reason = placed.fitted.reasons().join("; ");
            if placed.fitted.is_better() {
                catalog.promote(service, slot, placed.reference.clone());
                (PeriodStatus::Promoted, None)
            } else if placed.fitted.model.gate.is_sound() && placed.place_is_free {
                catalog.promote(service, slot, placed.reference.clone());
                (PeriodStatus::Provisional, Some(reason))
            } else if has_model {
                (PeriodStatus::Kept, Some(reason))
            } else {
                (PeriodStatus::HeldBack, Some(reason))
            }
        }
        Err(reason) if has_model => (PeriodStatus::Kept, Some(reason.clone())),
        Err(reason) => (PeriodStatus::TooLittleData, Some(reason.clone())),
    };
    if let Some(reason) = &reason {
        note(catalog, service, slot, reason, at);
    }
    let placed = placed.as_ref().ok();
    PeriodReport {
        period: slot.period,
        status,
        reason,
        falls_back_to: None,
        key: placed.map(|placed| placed.reference.key.clone()),
        bytes: placed.map(|placed| placed.reference.bytes),
        rows_training: placed.map(|placed| placed.fitted.model.training.rows_training),
        data_digest: placed
            .map(|placed| placed.fitted.model.training.data_digest.clone())
            .unwrap_or_default(),
        signal_share: placed.map_or(0.0, |placed| placed.fitted.model.gate.rates.signal_share),
    }
}

fn note(
    catalog: &mut Catalog,
    service: &ServiceName,
    slot: &Slot,
    reason: &str,
    at: DateTime<Utc>,
) {
    let shortfall = Shortfall { at, reason: reason.to_owned() };
    catalog.note_shortfall(service, slot, shortfall);
}
