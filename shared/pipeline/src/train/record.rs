//! The record of a run: what is written beside the models, whatever the run came to.

use artifact::run::{
    PeriodCounts, RUN_VERSION, TEXT_CHARS_MAX, TrainingRun, Validation, gather, instant,
};
use chrono::{DateTime, Utc};
use domain::config::valid::Config;
use sha2::{Digest, Sha256};

use crate::train::read::Past;
use crate::train::report::{PeriodReport, PeriodStatus, ServiceReport};
use crate::train::{RunStatus, TrainError, TrainRequest, TrainingReport};

/// Share of normal data with a signal above which a model that passed is still warned about.
const SIGNAL_SHARE_WARNED: f64 = 0.10;

/// The record of a run that went through, or of one that had to stop.
pub(super) fn record(
    outcome: &Result<TrainingReport, TrainError>,
    (started, completed): (DateTime<Utc>, DateTime<Utc>),
    past: &Past,
    request: &TrainRequest,
    config: &Config,
) -> TrainingRun {
    let none: &[ServiceReport] = &[];
    let services = outcome.as_ref().map_or(none, |report| &report.services);
    let periods = count(services);
    let (reasons, reasons_left_out) = gather(services.iter().flat_map(reasons_of));
    let epoch = |seconds| DateTime::from_timestamp(seconds, 0).map(instant).unwrap_or_default();
    TrainingRun {
        version: RUN_VERSION,
        run_id: run_id(started),
        status: outcome.as_ref().map_or(RunStatus::Failed, |it| it.status).as_str().to_owned(),
        validation: match outcome {
            Ok(report) if report.services_failed == 0 => periods.validation(),
            _ => Validation::Failed,
        },
        started_at: instant(started),
        completed_at: instant(completed),
        duration_ms: (completed - started).num_milliseconds(),
        history_from: epoch(past.after_s),
        history_until: epoch(past.until_s),
        left_out: past.left_out.len(),
        opening: config.detection.opening.as_str().to_owned(),
        services: outcome.as_ref().map_or(0, TrainingReport::services_count),
        services_failed: services.iter().filter(|service| service.error.is_some()).count(),
        data_points: services.iter().map(|service| service.rows).sum(),
        data_digest: digest(services),
        periods,
        reasons,
        reasons_left_out,
        error: outcome
            .as_ref()
            .err()
            .map(|error| error.to_string().chars().take(TEXT_CHARS_MAX).collect()),
        config_digest: request.config_digest.clone(),
        yaga_version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// The name of a run: when it started.
pub(super) fn run_id(started: DateTime<Utc>) -> String {
    format!("train_{:012x}", started.timestamp_millis())
}

fn count(services: &[ServiceReport]) -> PeriodCounts {
    let mut counts = PeriodCounts::default();
    for period in services.iter().flat_map(|service| &service.periods) {
        match period.status {
            PeriodStatus::Promoted if period.signal_share <= SIGNAL_SHARE_WARNED => {
                counts.passed += 1;
            }
            PeriodStatus::Promoted | PeriodStatus::Provisional | PeriodStatus::TooLittleData => {
                counts.warned += 1;
            }
            PeriodStatus::Kept | PeriodStatus::HeldBack => counts.failed += 1,
        }
    }
    counts
}

fn reasons_of(service: &ServiceReport) -> Vec<(String, String)> {
    let name = service.title();
    let failed = service.error.iter().map(|error| (name.clone(), error.clone()));
    let of_period =
        |period: &PeriodReport| Some((format!("{name} {}", period.period), period.reason.clone()?));
    failed.chain(service.periods.iter().filter_map(of_period)).collect()
}

fn digest(services: &[ServiceReport]) -> String {
    let mut hash = Sha256::new();
    for period in services.iter().flat_map(|service| &service.periods) {
        hash.update(&period.data_digest);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
