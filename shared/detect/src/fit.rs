//! From the history of a service to the model of one period.

use chrono::DateTime;
use domain::config::valid::Config;
use domain::{Calendar, MetricSet, Period, ServiceName};
use sha2::{Digest, Sha256};

use crate::calibrate::CalibrationSettings;
use crate::contamination::Base;
use crate::evidence::EvidenceModel;
use crate::gate::{self, Check, GateReport};
use crate::model::{FeatureSet, MetricModel, PeriodModel, TrainingRecord};
use crate::multivariate::fit_combination;
use crate::quality::{QualityReport, judge, present_metrics};
use crate::rows::Rows;
use crate::univariate::{LearnSettings, fit_metric};

/// Width of the edges that neighbouring periods share.
const EDGE_S: i64 = 1800;

/// A service's rows over the whole look-back, and how good they are.
#[derive(Debug, Clone)]
pub struct ServiceHistory {
    pub service: ServiceName,
    pub rows: Rows,
    pub quality: QualityReport,
    /// Learned with the services of the same run; `None` where forests open anomalies.
    pub evidence: Option<EvidenceModel>,
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
    /// Judges the rows and leaves out the periods that the configuration excludes.
    pub fn new(service: ServiceName, rows: &Rows, config: &Config) -> ServiceHistory {
        let meta = config.services.meta.get(&service);
        let expected = meta
            .and_then(|meta| meta.expected_metrics.clone())
            .unwrap_or_else(|| present_metrics(rows, &config.metrics));
        let quality = judge(rows, &config.metrics, &expected);
        let excluded = &config.training.excluded_periods;
        let rows = rows.filter(|time| {
            !excluded.iter().any(|period| period.start_s <= time && time <= period.end_s)
        });
        ServiceHistory { service, rows, quality, evidence: None }
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

/// Learns the model of one period. `champion` is the model in force, to compare with.
pub fn fit_period(
    history: &ServiceHistory,
    period: Period,
    champion: Option<&PeriodModel>,
    config: &Config,
    run: &RunRecord,
) -> Result<FittedPeriod, Shortfall> {
    let rows = rows_of_period(history, period, config);
    let shortfall = shortfall_of(history, period, &rows, config);
    if let Some(shortfall) = shortfall.filter(|_| history.evidence.is_none()) {
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
    let (metrics, detection) = (&config.metrics, &config.detection);
    let gate = gate::judge(&model, &validation, metrics, detection);
    let model = PeriodModel { gate, ..model };
    let against_champion = champion
        .and_then(|champion| gate::compare(&model, champion, &validation, metrics, detection));
    Ok(FittedPeriod { model, against_champion })
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
    let metrics = fit_metrics(&config.metrics, training, validation, &settings);
    let combination = fit_combination(&config.metrics, &metrics, training, validation, &settings);
    let (multivariate, multivariate_absent) = match combination.model {
        Ok(model) => (Some(model), None),
        Err(reason) => (None, Some(reason)),
    };
    PeriodModel {
        service: history.service.clone(),
        period,
        feature_set: FeatureSet::ForestV1,
        training: record(rows, training, validation, history, config, run),
        metrics,
        multivariate,
        multivariate_absent,
        drift: combination.drift,
        evidence: history.evidence.clone(),
        correlated: combination.correlated,
        quality: history.quality.clone(),
        gate: GateReport::pending(),
    }
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
