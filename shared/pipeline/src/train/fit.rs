//! Fits the services of a batch on all cores.

use detect::budget::{Peers, Replay};
use detect::evidence::{self, EvidenceFit, EvidenceModel};
use detect::features::FeatureTable;
use detect::fit::{FittedPeriod, Learned, RunRecord, ServiceHistory, Shortfall, fit_period};
use detect::model::PeriodModel;
use detect::prior::lean_on_peers;
use detect::quality::QualityReport;
use detect::rows::{Rows, ServiceSamples, rows, step_of};
use detect::trial::{Material, Trial};
use domain::config::valid::{Config, Opening};
use domain::limits::FEATURE_WINDOW_S;
use domain::{Category, Period, ServiceName};
use rayon::prelude::*;

use crate::train::read::{History, Past};
use crate::train::{Champions, Progress, TrainEvent, variant};

/// What fitting made of one service.
pub(super) struct Fitted {
    pub service: ServiceName,
    pub quality: QualityReport,
    pub rows: usize,
    pub periods: Vec<(Period, Result<FittedPeriod, Shortfall>)>,
}

/// A service with what it teaches by itself.
struct Prepared {
    history: ServiceHistory,
    fit: Option<EvidenceFit>,
    /// The same from the older part of the history.
    trial: Option<EvidenceFit>,
    material: Option<Material>,
    notes: Vec<String>,
    split_s: i64,
}

/// Fits every service, in the order of their names.
///
/// Evidence is learned first, because rare evidence is learned from all services together.
pub(super) fn fit_services(
    history: History,
    past: &Past,
    champions: &Champions,
    config: &Config,
    run: &RunRecord,
    progress: &dyn Progress,
) -> Vec<Fitted> {
    let services: Vec<(ServiceName, ServiceSamples)> = history.into_iter().collect();
    let prepare = |(it, samples)| prepare(it, samples, past, config);
    let mut prepared: Vec<Prepared> = services.into_par_iter().map(prepare).collect();
    let fits = prepared.iter_mut().map(|it| it.fit.take()).collect();
    let trials = prepared.iter_mut().map(|it| it.trial.take()).collect();
    let (mut models, mut trials) =
        (finish(&prepared, fits, config), finish(&prepared, trials, config));
    let category = |it: &Prepared| config.category_of(&it.history.service);
    let categories: Vec<Category> = prepared.iter().map(category).collect();
    lean_on_peers(&mut trials, &categories);
    let notes = lean_on_peers(&mut models, &categories);
    let prepared: Vec<_> = prepared.into_iter().zip(models).zip(trials).zip(notes).collect();
    prepared
        .into_par_iter()
        .map(|(((prepared, model), trial), notes)| {
            let split_s = prepared.split_s;
            let history = learn(prepared, model, trial, notes, config);
            let mut fitted = fit_service(history, split_s, champions, config, run);
            note_variant(&mut fitted, past);
            progress.on(TrainEvent::ServiceFitted { service: &fitted.service });
            fitted
        })
        .collect()
}

/// Models with what all services teach together: tails, and how often incidents open by mistake.
fn finish(
    prepared: &[Prepared],
    fits: Vec<Option<EvidenceFit>>,
    config: &Config,
) -> Vec<Option<EvidenceModel>> {
    let pool = evidence::pool(&fits);
    let finished: Vec<_> = fits.into_par_iter().map(|fit| Some(fit?.finish(&pool))).collect();
    let peers = Peers::of(finished.iter().flatten().filter_map(|(_, replay)| replay.as_ref()));
    let open = |(prepared, finished): (&Prepared, Option<(EvidenceModel, Option<Replay>)>)| {
        let (mut model, replay) = finished?;
        let wish = config.false_alarm_budget_of(&prepared.history.service);
        model.open_at(replay.as_ref(), &peers, wish);
        Some(model)
    };
    prepared.iter().zip(finished).map(open).collect()
}

/// The rows of a service and, where residuals open anomalies, what it teaches by itself.
fn prepare(
    service: ServiceName,
    samples: ServiceSamples,
    past: &Past,
    config: &Config,
) -> Prepared {
    let step_s = step_of(&samples).unwrap_or(FEATURE_WINDOW_S);
    let span = (past.after_s, past.until_s);
    let (metrics, bounds) = (&config.metrics, &config.detection.bounds);
    // Coarse data has one sample per row; finer data is averaged.
    let width_s = step_s.max(FEATURE_WINDOW_S);
    let rows_of = |samples: &ServiceSamples, width_s: i64| {
        rows(samples, metrics, bounds, span.0, span.1, width_s)
    };
    let all = rows_of(&samples, width_s);
    let exclusion = past.exclusion_of(&service);
    let is_whole = exclusion.is_empty();
    let samples = if is_whole { samples } else { exclusion.cut(&samples) };
    let kept = if is_whole { all.clone() } else { rows_of(&samples, width_s) };
    let split_s = split_s(&kept, config.training.validation_fraction);
    let calendar = config.calendar_of(&service);
    let cycle_s = step_s.max(config.training.cycle_s);
    let fitted = match config.detection.opening {
        Opening::Forest => None,
        Opening::Residual => evidence::fit(&samples, metrics, bounds, &calendar, span, cycle_s),
    };
    let (fit, material) = fitted.unzip();
    let trial = material.as_ref();
    let trial = trial.and_then(|it| evidence::fit_older(it, metrics, &calendar, split_s));
    let history = ServiceHistory::new(service, &all, kept, config);
    let notes = fit.as_ref().map_or_else(Vec::new, EvidenceFit::notes);
    Prepared { history, fit, trial, material, notes, split_s }
}

/// Where the newest share of the rows begins.
fn split_s(rows: &Rows, newest_share: f64) -> i64 {
    let older = (rows.len() as f64 * (1.0 - newest_share)) as usize;
    older.checked_sub(1).map_or(0, |last| rows.times_s[last])
}

/// The history with what evidence learned of it.
fn learn(
    prepared: Prepared,
    model: Option<EvidenceModel>,
    trial: Option<EvidenceModel>,
    mut notes: Vec<String>,
    config: &Config,
) -> ServiceHistory {
    let Prepared { mut history, material, split_s, .. } = prepared;
    notes.extend(prepared.notes);
    let calendar = config.calendar_of(&history.service);
    let metrics = &config.metrics;
    history.learned = model.zip(material).map(|(evidence, material)| {
        let features = FeatureTable::of(&evidence, &material, metrics, &calendar);
        let trial = trial.map(|model| Trial::of(model, &material, metrics, &calendar, split_s));
        Learned { evidence, material, features, trial, notes }
    });
    history
}

/// A reader of a variant's model is told so.
fn note_variant(fitted: &mut Fitted, past: &Past) {
    let Some(variant) = &past.variant else { return };
    let note = variant::note(variant, past, &fitted.service);
    for period in fitted.periods.iter_mut().filter_map(|(_, outcome)| outcome.as_mut().ok()) {
        period.model.notes.insert(0, note.clone());
    }
}

fn fit_service(
    history: ServiceHistory,
    split_s: i64,
    champions: &Champions,
    config: &Config,
    run: &RunRecord,
) -> Fitted {
    let periods = config.periods.calendar.table().periods();
    let champion = |period: Period| champions.get(&(history.service.clone(), period));
    let trials =
        champion_trials(&history, periods.iter().filter_map(|it| champion(*it)), split_s, config);
    let periods = periods
        .into_par_iter()
        .map(|period| {
            let champion = champion(period);
            let evidence = champion.and_then(|champion| champion.evidence.as_ref());
            let trial = evidence.and_then(|it| trials.iter().find(|trial| trial.model == *it));
            (period, fit_period(&history, period, champion, trial, config, run))
        })
        .collect();
    let rows = history.rows.len();
    Fitted { quality: history.quality, service: history.service, rows, periods }
}

/// What the evidence in force says of the held-out cycles; models of one run share it.
fn champion_trials<'a>(
    history: &ServiceHistory,
    champions: impl Iterator<Item = &'a PeriodModel>,
    split_s: i64,
    config: &Config,
) -> Vec<Trial> {
    let Some(learned) = &history.learned else { return Vec::new() };
    let calendar = config.calendar_of(&history.service);
    let mut trials: Vec<Trial> = Vec::new();
    for evidence in champions.filter_map(|champion| champion.evidence.as_ref()) {
        if trials.iter().all(|trial| trial.model != *evidence) {
            let (metrics, material) = (&config.metrics, &learned.material);
            trials.push(Trial::of(evidence.clone(), material, metrics, &calendar, split_s));
        }
    }
    trials
}
