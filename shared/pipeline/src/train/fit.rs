//! Fits the services of a batch on all cores.

use detect::evidence::{self, EvidenceFit};
use detect::fit::{FittedPeriod, RunRecord, ServiceHistory, Shortfall, fit_period};
use detect::quality::QualityReport;
use detect::rows::{ServiceSamples, rows, step_of};
use domain::config::valid::{Config, Opening};
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
///
/// Evidence is learned first, because rare evidence is learned from all services together.
pub(super) fn fit_services(
    history: History,
    champions: &Champions,
    config: &Config,
    run: &RunRecord,
    progress: &dyn Progress,
) -> Vec<Fitted> {
    let services: Vec<(ServiceName, ServiceSamples)> = history.into_iter().collect();
    let (mut histories, fits): (Vec<ServiceHistory>, Vec<Option<EvidenceFit>>) =
        services.into_par_iter().map(|(it, samples)| prepare(it, samples, config, run)).unzip();
    let pool = evidence::pool(&fits);
    histories.par_iter_mut().zip(fits).for_each(|(history, fit)| {
        let wish = config.false_alarm_budget_of(&history.service);
        history.evidence = fit.map(|fit| fit.finish(&pool, wish));
    });
    histories
        .into_par_iter()
        .map(|history| {
            let fitted = fit_service(history, champions, config, run);
            progress.on(TrainEvent::ServiceFitted { service: &fitted.service });
            fitted
        })
        .collect()
}

/// The rows of a service and, where residuals open anomalies, what it teaches by itself.
fn prepare(
    service: ServiceName,
    samples: ServiceSamples,
    config: &Config,
    run: &RunRecord,
) -> (ServiceHistory, Option<EvidenceFit>) {
    let step_s = step_of(&samples).unwrap_or(FEATURE_WINDOW_S);
    let until_s = run.trained_at_s;
    let after_s = until_s - i64::from(config.training.lookback_days) * 86_400;
    let (metrics, bounds) = (&config.metrics, &config.detection.bounds);
    // Coarse data has one sample per row; finer data is averaged.
    let width_s = step_s.max(FEATURE_WINDOW_S);
    let rows = rows(&samples, metrics, bounds, after_s, until_s, width_s);
    let fit = match config.detection.opening {
        Opening::Forest => None,
        Opening::Residual => {
            let calendar = config.calendar_of(&service);
            evidence::fit(&samples, metrics, bounds, &calendar, (after_s, until_s), step_s)
        }
    };
    (ServiceHistory::new(service, &rows, config), fit)
}

fn fit_service(
    history: ServiceHistory,
    champions: &Champions,
    config: &Config,
    run: &RunRecord,
) -> Fitted {
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
