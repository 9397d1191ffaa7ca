//! Learns one metric: statistics, forest, contamination and calibration.

use domain::MetricDefinition;
use domain::config::valid::{Model, Training};
use forest::{Forest, ForestParams, Table};

use crate::calibrate::{CalibrationSettings, calibrate, calibrate_tail};
use crate::contamination::{Base, estimate, tail_share};
use crate::model::{ForestRecord, MetricModel, UnivariateForest};
use crate::seed::seed_of;
use crate::statistics::{Selection, Statistics, ZeroStatistics};
use crate::transform::Transform;

/// How far the stored step function may be from the forest it stands for, in anomaly score.
pub const STORED_SCORE_ERROR_MAX: f64 = 0.002;
/// A column whose features vary less than this is constant.
const CONSTANT_STD: f64 = 1e-10;

/// What learning a metric or a combination of metrics needs besides data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LearnSettings<'a> {
    pub model: &'a Model,
    pub training: &'a Training,
    pub base: Base,
    pub calibration: CalibrationSettings,
    /// Names the seed: service and period.
    pub identity: &'a str,
}

/// Learns from finite training and held-out values in natural units; `None` without values.
pub(crate) fn fit_metric(
    metric: &MetricDefinition,
    training: &[f64],
    validation: &[f64],
    settings: &LearnSettings<'_>,
) -> Option<MetricModel> {
    let zeros = ZeroStatistics::count(metric, training);
    let selection = zeros.selection();
    let training = select(training, selection);
    let validation = select(validation, selection);
    let transform = Transform::fit(metric.kind, &training);
    let forest = match absent_reason(&training, &transform, selection, settings) {
        Some(reason) => Err(reason),
        None => fit_forest(metric, &training, &validation, &transform, selection, settings),
    };
    let (forest, forest_absent) = match forest {
        Ok(forest) => (Some(forest), None),
        Err(reason) => (None, Some(reason)),
    };
    Some(MetricModel {
        name: metric.name.clone(),
        kind: metric.kind,
        unit: metric.unit.clone(),
        bad_direction: metric.bad_direction,
        transform,
        statistics: Statistics::describe(&training)?,
        zeros,
        forest,
        forest_absent,
    })
}

fn select(values: &[f64], selection: Selection) -> Vec<f64> {
    match selection {
        Selection::Positive => values.iter().copied().filter(|value| *value > 0.0).collect(),
        Selection::All | Selection::Nothing => values.to_vec(),
    }
}

fn absent_reason(
    values: &[f64],
    transform: &Transform,
    selection: Selection,
    settings: &LearnSettings<'_>,
) -> Option<String> {
    let needed = settings.model.min_training_samples;
    if selection == Selection::Nothing {
        return Some("almost always zero; any clear activity is reported instead".to_owned());
    }
    if values.len() < needed {
        return Some(format!("{} training rows; {needed} are needed", values.len()));
    }
    let features: Vec<f64> = values.iter().map(|value| transform.apply(*value)).collect();
    let std = stats::Moments::of(&features).population_std().unwrap_or(0.0);
    (std < CONSTANT_STD).then(|| "constant in the training data".to_owned())
}

fn fit_forest(
    metric: &MetricDefinition,
    training: &[f64],
    validation: &[f64],
    transform: &Transform,
    selection: Selection,
    settings: &LearnSettings<'_>,
) -> Result<UnivariateForest, String> {
    let seed = seed_of(settings.model.seed, settings.identity, &metric.name);
    let (trees, subsample) = (settings.model.univariate_trees, settings.model.subsample);
    let params = ForestParams { trees, subsample, seed };
    let params = params.validate().map_err(|error| error.to_string())?;
    let features = |values: &[f64]| -> Vec<f32> {
        values.iter().map(|value| transform.apply(*value) as f32).collect()
    };
    let column = features(training);
    let table = Table::from_columns(std::slice::from_ref(&column)).map_err(|e| e.to_string())?;
    let forest = Forest::fit(&params, &table).map_err(|error| error.to_string())?;
    let steps = forest.collapse().ok_or("a forest of one feature was expected")?;
    let steps = steps.simplify(STORED_SCORE_ERROR_MAX);
    // From here on only what is stored counts, so training and service judge alike.
    let scores = steps.scores(&column);
    let held_out = steps.scores(&features(validation));
    let tail = tail_share(training, transform);
    let contamination = estimate(&scores, tail, settings.base, settings.training);
    let calibration = calibrate(&scores, &held_out, contamination.value, &settings.calibration);
    let deviations: Vec<f64> =
        validation.iter().map(|value| transform.floored_sigmas(*value).abs()).collect();
    Ok(UnivariateForest {
        tail: calibrate_tail(&deviations, &settings.calibration),
        steps,
        parameters: ForestRecord { trees, subsample, seed, rows: column.len() as u32 },
        calibration,
        contamination,
        positive_only: selection == Selection::Positive,
    })
}
