//! Fits the services of a batch on all cores.

use detect::fit::{FittedPeriod, RunRecord, ServiceHistory, Shortfall, fit_period};
use detect::quality::QualityReport;
use detect::rows::{ServiceSamples, rows, step_of};
use domain::config::valid::Config;
use domain::limits::FEATURE_WINDOW_S;
use domain::{Period, ServiceName};
use rayon::prelude::*;

use crate::train::read::History;
use crate::train::{Champions, Progress, TrainEvent};

/// What fitting made of one service.
pub(super) struct Fitted {
    pub service: ServiceName,
    pub quality: QualityReport,
    pub rows: usize,
    pub periods: Vec<(Period, Result<FittedPeriod, Shortfall>)>,
}

/// Fits every service, in the order of their names.
pub(super) fn fit_services(
    history: History,
    champions: &Champions,
    config: &Config,
    run: &RunRecord,
    progress: &dyn Progress,
) -> Vec<Fitted> {
    let services: Vec<(ServiceName, ServiceSamples)> = history.into_iter().collect();
    services
        .into_par_iter()
        .map(|(service, samples)| {
            let fitted = fit_service(service, samples, champions, config, run);
            progress.on(TrainEvent::ServiceFitted { service: &fitted.service });
            fitted
        })
        .collect()
}

fn fit_service(
    service: ServiceName,
    samples: ServiceSamples,
    champions: &Champions,
    config: &Config,
    run: &RunRecord,
) -> Fitted {
    // Coarse data has one sample per row; finer data is averaged.
    let width_s = step_of(&samples).unwrap_or(FEATURE_WINDOW_S).max(FEATURE_WINDOW_S);
    let until_s = run.trained_at_s;
    let after_s = until_s - i64::from(config.training.lookback_days) * 86_400;
    let rows = rows(&samples, &config.metrics, &config.detection.bounds, after_s, until_s, width_s);
    drop(samples);
    let history = ServiceHistory::new(service, &rows, config);
    let periods = config
        .periods
        .calendar
        .table()
        .periods()
        .into_par_iter()
        .map(|period| {
            let champion = champions.get(&(history.service.clone(), period));
            (period, fit_period(&history, period, champion, config, run))
        })
        .collect();
    let rows = history.rows.len();
    Fitted { quality: history.quality, service: history.service, rows, periods }
}
