//! From the history of a service to the model of one period.

use chrono::DateTime;
use domain::config::valid::Config;
use domain::limits::FEATURE_WINDOW_S;
use domain::{Calendar, MetricSet, Period, ServiceName};
use sha2::{Digest, Sha256};

use crate::calibrate::CalibrationSettings;
use crate::contamination::Base;
use crate::drift_baseline::DriftBaseline;
use crate::evidence::EvidenceModel;
use crate::features::FeatureTable;
use crate::gate::{self, Check, GateReport, Hearing};
use crate::model::{
    CorrelatedPair, FeatureSet, MetricModel, MultivariateModel, PeriodModel, TrainingRecord,
};
use crate::multivariate::{
    Combination, describe_together, fit_combination, fit_feature_combination,
};
use crate::quality::{QualityReport, judge, present_metrics};
use crate::rows::Rows;
use crate::trial::{Material, Trial};
use crate::univariate::{LearnSettings, fit_deviations, fit_metric};

/// Width of the edges that neighbouring periods share.
const EDGE_S: i64 = 1800;
/// A deviation is far out beyond this many sigmas, a move beyond the largest of a quiet day.
const FAR_SIGMAS: f64 = 3.5;
const FAR_QUIET_DAYS: f64 = 1.0;

/// A service's rows over the whole look-back, and how good they are.
#[derive(Debug, Clone)]
pub struct ServiceHistory {
    pub service: ServiceName,
    pub rows: Rows,
    pub quality: QualityReport,
    /// `None` where forests open anomalies.
    pub learned: Option<Learned>,
}

/// What evidence learned of a service, together with the services of the same run.
#[derive(Debug, Clone)]
pub struct Learned {
    pub evidence: EvidenceModel,
    pub material: Material,
    pub features: FeatureTable,
    /// A model of the older part of the history on the newer part; `None` if there is too little.
    pub trial: Option<Trial>,
    /// What a reader of the models ought to know.
    pub notes: Vec<String>,
}

/// What is recorded with every model of a run.
#[derive(Debug, Clone)]
pub struct RunRecord {
    pub trained_at_s: i64,
    pub config_digest: String,
    pub yaga_version: String,
}

/// Why a period got no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Shortfall {
    #[error("{rows} rows of data; {needed} are needed")]
    ServiceRows { rows: usize, needed: usize },
    #[error("{rows} rows in this period; {needed} are needed")]
    PeriodRows { rows: usize, needed: usize },
    #[error("no metric has enough varying values: {reasons}")]
    NoForest { reasons: String },
}

impl ServiceHistory {
    /// A history whose data has the quality of `all` rows, of which `kept` are learned from: what
    /// is left out on purpose is no gap in the data.
    pub fn new(service: ServiceName, all: &Rows, kept: Rows, config: &Config) -> ServiceHistory {
        let meta = config.services.meta.get(&service);
        let expected = meta
            .and_then(|meta| meta.expected_metrics.clone())
            .unwrap_or_else(|| present_metrics(all, &config.metrics));
        let quality = judge(all, &config.metrics, &expected);
        ServiceHistory { service, rows: kept, quality, learned: None }
    }
}

/// A model of one period, and how it compares with the one in force.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedPeriod {
    pub model: PeriodModel,
    /// `None` where there is nothing to compare with.
    pub against_champion: Option<Check>,
}

impl FittedPeriod {
    /// True if the model passed its gate and is no worse than the one in force.
    pub fn is_better(&self) -> bool {
        self.model.gate.passed && self.against_champion.as_ref().is_none_or(|check| check.passed)
    }

    /// What does not hold, for people.
    pub fn reasons(&self) -> Vec<String> {
        let compared = self.against_champion.iter().filter(|check| !check.passed);
        let mut reasons = self.model.gate.reasons();
        reasons.extend(compared.map(|check| check.detail.clone()));
        reasons
    }
}

/// Learns the model of one period. `champion` is the model in force, to compare with, and
/// `champion_trial` what its evidence says of the cycles of [`Learned::trial`].
pub fn fit_period(
    history: &ServiceHistory,
    period: Period,
    champion: Option<&PeriodModel>,
    champion_trial: Option<&Trial>,
    config: &Config,
    run: &RunRecord,
) -> Result<FittedPeriod, Shortfall> {
    let rows = rows_of_period(history, period, config);
    let shortfall = shortfall_of(history, period, &rows, config);
    if let Some(shortfall) = shortfall.filter(|_| history.learned.is_none()) {
        return Err(shortfall);
    }
    let (training, validation) = split(&rows, config.training.validation_fraction);
    let model = fit_model(history, period, &rows, &training, &validation, config, run);
    if !model.can_detect() {
        let reasons = model
            .metrics
            .iter()
            .filter_map(|m| Some(format!("{} ({})", m.name, m.forest_absent.as_ref()?)))
            .collect::<Vec<_>>()
            .join(", ");
        return Err(Shortfall::NoForest { reasons });
    }
    Ok(match &history.learned {
        None => judged_by_forests(model, champion, &validation, config),
        Some(learned) => {
            judged_by_evidence(model, learned, champion.zip(champion_trial), history, config)
        }
    })
}

fn judged_by_forests(
    model: PeriodModel,
    champion: Option<&PeriodModel>,
    validation: &Rows,
    config: &Config,
) -> FittedPeriod {
    let (metrics, detection) = (&config.metrics, &config.detection);
    let gate = gate::judge(&model, validation, metrics, detection);
    let model = PeriodModel { gate, ..model };
    let against_champion = champion
        .and_then(|champion| gate::compare(&model, champion, validation, metrics, detection));
    FittedPeriod { model, against_champion }
}

fn judged_by_evidence(
    model: PeriodModel,
    learned: &Learned,
    champion: Option<(&PeriodModel, &Trial)>,
    history: &ServiceHistory,
    config: &Config,
) -> FittedPeriod {
    let calendar = config.calendar_of(&history.service);
    let period = model.period;
    let is_of_period = |time_s: i64| belongs_to(&calendar, period, time_s);
    let hearing = |trial| Hearing {
        trial,
        material: &learned.material,
        metrics: &config.metrics,
        calendar: &calendar,
        is_of_period: &is_of_period,
    };
    let own = learned.trial.as_ref().map(hearing);
    let gate = gate::judge_evidence(&model, own.as_ref());
    let model = PeriodModel { gate, ..model };
    let against_champion = champion
        .filter(|_| own.is_some())
        .and_then(|(champion, trial)| gate::compare_evidence(&model, champion, &hearing(trial)));
    FittedPeriod { model, against_champion }
}

fn rows_of_period(history: &ServiceHistory, period: Period, config: &Config) -> Rows {
    let calendar = config.calendar_of(&history.service);
    history.rows.filter(|time| belongs_to(&calendar, period, time))
}

/// Why the rows are too few for forests. Evidence needs none of the period's own rows.
fn shortfall_of(
    history: &ServiceHistory,
    period: Period,
    rows: &Rows,
    config: &Config,
) -> Option<Shortfall> {
    let needed = config.training.min_data_points;
    if history.rows.len() < needed {
        return Some(Shortfall::ServiceRows { rows: history.rows.len(), needed });
    }
    let needed = config.min_rows_of(&history.service, period);
    (rows.len() < needed).then_some(Shortfall::PeriodRows { rows: rows.len(), needed })
}

/// The instant that ends a row decides, as it does in service. Half an hour on either side of the
/// period belongs to it too: behaviour does not change with the stroke of the clock, and without
/// them the first minutes of a period are hardly represented in it.
fn belongs_to(calendar: &Calendar, period: Period, time_s: i64) -> bool {
    [0, -EDGE_S, EDGE_S].iter().any(|offset| {
        DateTime::from_timestamp(time_s + offset, 0)
            .is_some_and(|instant| calendar.period_at(instant) == period)
    })
}

/// One chronological split: what comes later is held out. Nothing of it reaches training.
fn split(rows: &Rows, validation_fraction: f64) -> (Rows, Rows) {
    let training = (rows.len() as f64 * (1.0 - validation_fraction)) as usize;
    rows.split_at(training)
}

fn fit_model(
    history: &ServiceHistory,
    period: Period,
    rows: &Rows,
    training: &Rows,
    validation: &Rows,
    config: &Config,
    run: &RunRecord,
) -> PeriodModel {
    let identity = format!("{}/{period}", history.service);
    let (share, is_final) = config.contamination_of(&history.service);
    let settings = LearnSettings {
        model: &config.model,
        training: &config.training,
        base: Base { share, is_final },
        calibration: CalibrationSettings {
            enabled: config.training.calibration_enabled,
            percentiles: config.training.percentiles,
            metrics: watched(&config.metrics, rows),
        },
        identity: &identity,
    };
    let forests = match &history.learned {
        None => forests_on_values(&config.metrics, training, validation, &settings),
        Some(learned) => {
            let table = &learned.features;
            forests_on_features(table, history, period, training, config, &settings)
        }
    };
    let (multivariate, multivariate_absent) = match forests.combination {
        Ok(model) => (Some(model), None),
        Err(reason) => (None, Some(reason)),
    };
    let evidence = history.learned.as_ref().map(|learned| learned.evidence.clone());
    let feature_set = match evidence {
        Some(_) => FeatureSet::ResidualV1,
        None => FeatureSet::ForestV1,
    };
    PeriodModel {
        service: history.service.clone(),
        period,
        feature_set,
        training: record(rows, training, validation, history, config, run),
        metrics: forests.metrics,
        multivariate,
        multivariate_absent,
        drift: forests.drift,
        evidence,
        correlated: forests.correlated,
        quality: history.quality.clone(),
        notes: forests.notes,
        gate: GateReport::pending(),
    }
}

/// What the rows of a period teach, whatever its forests are given.
struct Forests {
    metrics: Vec<MetricModel>,
    combination: Result<MultivariateModel, String>,
    drift: Option<DriftBaseline>,
    correlated: Vec<CorrelatedPair>,
    notes: Vec<String>,
}

fn forests_on_values(
    metrics: &MetricSet,
    training: &Rows,
    validation: &Rows,
    settings: &LearnSettings<'_>,
) -> Forests {
    let models = fit_metrics(metrics, training, validation, settings);
    let Combination { model, drift, correlated } =
        fit_combination(metrics, &models, training, validation, settings);
    Forests { metrics: models, combination: model, drift, correlated, notes: Vec::new() }
}

/// Forests on features of the period's cycles; on those of the whole week where the period has too
/// few: season and level are accounted for, so cycles of other periods are better than none.
fn forests_on_features(
    table: &FeatureTable,
    history: &ServiceHistory,
    period: Period,
    training: &Rows,
    config: &Config,
    settings: &LearnSettings<'_>,
) -> Forests {
    let calendar = config.calendar_of(&history.service);
    let of_period = table.filter(|time_s| belongs_to(&calendar, period, time_s));
    let rows_per_cycle = table.width_s as f64 / FEATURE_WINDOW_S as f64;
    let rows = |table: &FeatureTable| (table.len() as f64 * rows_per_cycle) as usize;
    let share = 1.0 - config.training.validation_fraction;
    let has_enough = rows(&of_period) as f64 * share >= config.model.min_training_samples as f64;
    let mut notes = history.learned.as_ref().map_or_else(Vec::new, |it| it.notes.clone());
    let used = if has_enough || of_period.len() == table.len() {
        &of_period
    } else {
        notes.push(format!(
            "the forests learned from all periods of the week: this one has {} rows, {} of which \
             would be held out",
            rows(&of_period),
            (rows(&of_period) as f64 * (1.0 - share)) as usize
        ));
        table
    };
    let (learned, held_out) = used.split_at((used.len() as f64 * share) as usize);
    let metrics = &config.metrics;
    let models: Vec<MetricModel> = metrics
        .iter()
        .enumerate()
        .filter_map(|(index, metric)| {
            let values: Vec<f64> =
                training.columns[index].iter().copied().filter(|it| it.is_finite()).collect();
            let (deviations, later) = (learned.finite(&metric.name), held_out.finite(&metric.name));
            fit_deviations(metric, &values, deviations, later, rows_per_cycle, settings)
        })
        .collect();
    let far = match history.learned.as_ref().map(|it| &it.evidence) {
        Some(EvidenceModel::Generic(_)) => FAR_QUIET_DAYS,
        _ => FAR_SIGMAS,
    };
    let combination = fit_feature_combination(&learned, &held_out, far, rows_per_cycle, settings);
    let (drift, correlated) = describe_together(metrics, &models, training);
    Forests { metrics: models, combination, drift, correlated, notes }
}

fn fit_metrics(
    metrics: &MetricSet,
    training: &Rows,
    validation: &Rows,
    settings: &LearnSettings<'_>,
) -> Vec<MetricModel> {
    let finite = |column: &[f64]| -> Vec<f64> {
        column.iter().copied().filter(|value| value.is_finite()).collect()
    };
    metrics
        .iter()
        .enumerate()
        .filter_map(|(index, metric)| {
            let (values, held_out) = (&training.columns[index], &validation.columns[index]);
            fit_metric(metric, &finite(values), &finite(held_out), settings)
        })
        .collect()
}

/// Metrics that have any value in these rows.
fn watched(metrics: &MetricSet, rows: &Rows) -> usize {
    let has_value = |column: &&Vec<f64>| column.iter().any(|value| value.is_finite());
    rows.columns.iter().take(metrics.len()).filter(has_value).count()
}

fn record(
    rows: &Rows,
    training: &Rows,
    validation: &Rows,
    history: &ServiceHistory,
    config: &Config,
    run: &RunRecord,
) -> TrainingRecord {
    TrainingRecord {
        trained_at_s: run.trained_at_s,
        from_s: rows.times_s.first().map_or(0, |first| first - rows.width_s),
        until_s: rows.times_s.last().copied().unwrap_or(0),
        row_width_s: rows.width_s,
        timezone: config.calendar_of(&history.service).zone_name().to_owned(),
        opening: config.detection.opening,
        rows_training: training.len() as u32,
        rows_validation: validation.len() as u32,
        data_digest: digest(rows),
        config_digest: run.config_digest.clone(),
        yaga_version: run.yaga_version.clone(),
    }
}

/// SHA-256 over times and values, so that two models can be told to rest on the same data.
fn digest(rows: &Rows) -> String {
    let mut hash = Sha256::new();
    for time in &rows.times_s {
        hash.update(time.to_le_bytes());
    }
    for value in rows.columns.iter().flatten() {
        hash.update(value.to_bits().to_le_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
