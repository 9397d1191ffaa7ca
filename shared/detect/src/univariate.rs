//! Learns one metric: statistics, forest, contamination and calibration.

use domain::MetricDefinition;
use domain::config::valid::{Model, Training};
use forest::{Forest, ForestParams, Table};

use crate::calibrate::{CalibrationSettings, calibrate, calibrate_tail};
use crate::contamination::{Base, estimate, share_of, tail_share};
use crate::model::{Axis, ForestRecord, MetricModel, UnivariateForest};
use crate::seed::seed_of;
use crate::statistics::{Selection, Statistics, ZeroStatistics};
use crate::transform::Transform;

/// How far the stored step function may be from the forest it stands for, in anomaly score.
pub const STORED_SCORE_ERROR_MAX: f64 = 0.002;
/// A column whose features vary less than this is constant.
const CONSTANT_STD: f64 = 1e-10;
/// A deviation counts as far out beyond this many sigmas.
const FAR_SIGMAS: f32 = 3.5;

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
    let validation = select(validation, selection);
    let training = select(training, selection);
    let described = describe(metric, zeros, &training)?;
    let forest = if selection == Selection::Nothing {
        Err("almost always zero; any clear activity is reported instead".to_owned())
    } else {
        let transform = &described.transform;
        let features = |values: &[f64]| -> Vec<f32> {
            values.iter().map(|value| transform.apply(*value) as f32).collect()
        };
        let sample = Sample {
            axis: Axis::Value,
            training: features(&training),
            held_out: features(&validation),
            deviations: validation.iter().map(|it| transform.floored_sigmas(*it).abs()).collect(),
            tail_share: tail_share(&training, transform),
            rows_per_feature: 1.0,
            positive_only: selection == Selection::Positive,
        };
        sample.fit(&metric.name, settings)
    };
    Some(with_forest(described, forest))
}

/// Learns from deviations in sigmas, finite, of training and held-out cycles. What is usual in
/// natural units still comes from the training values; `None` without values.
///
/// `rows_per_feature`: rows of five minutes that one cycle stands for.
pub(crate) fn fit_deviations(
    metric: &MetricDefinition,
    values: &[f64],
    training: Vec<f32>,
    held_out: Vec<f32>,
    rows_per_feature: f64,
    settings: &LearnSettings<'_>,
) -> Option<MetricModel> {
    let zeros = ZeroStatistics::count(metric, values);
    let described = describe(metric, zeros, &select(values, zeros.selection()))?;
    let far = training.iter().filter(|z| z.abs() > FAR_SIGMAS).count();
    let cut = |z: &f32| described.feature(Axis::Deviation, f64::from(*z));
    let sample = Sample {
        axis: Axis::Deviation,
        tail_share: share_of(far, training.len()),
        deviations: held_out.iter().map(|z| f64::from(z.abs())).collect(),
        training: training.iter().map(cut).collect(),
        held_out: held_out.iter().map(cut).collect(),
        rows_per_feature,
        positive_only: false,
    };
    let forest = sample.fit(&metric.name, settings);
    Some(with_forest(described, forest))
}

/// What is usual, without a forest.
fn describe(
    metric: &MetricDefinition,
    zeros: ZeroStatistics,
    values: &[f64],
) -> Option<MetricModel> {
    Some(MetricModel {
        name: metric.name.clone(),
        kind: metric.kind,
        unit: metric.unit.clone(),
        bad_direction: metric.bad_direction,
        transform: Transform::fit(metric.kind, values),
        statistics: Statistics::describe(values)?,
        zeros,
        forest: None,
        forest_absent: None,
    })
}

fn with_forest(described: MetricModel, forest: Result<UnivariateForest, String>) -> MetricModel {
    match forest {
        Ok(forest) => MetricModel { forest: Some(forest), ..described },
        Err(reason) => MetricModel { forest_absent: Some(reason), ..described },
    }
}

fn select(values: &[f64], selection: Selection) -> Vec<f64> {
    match selection {
        Selection::Positive => values.iter().copied().filter(|value| *value > 0.0).collect(),
        Selection::All | Selection::Nothing => values.to_vec(),
    }
}

/// What one forest learns from.
struct Sample {
    axis: Axis,
    training: Vec<f32>,
    held_out: Vec<f32>,
    /// Absolute, of the held-out rows, in sigmas.
    deviations: Vec<f64>,
    tail_share: f64,
    rows_per_feature: f64,
    positive_only: bool,
}

impl Sample {
    fn fit(&self, name: &str, settings: &LearnSettings<'_>) -> Result<UnivariateForest, String> {
        self.check(settings)?;
        let seed = seed_of(settings.model.seed, settings.identity, name);
        let (trees, subsample) = (settings.model.univariate_trees, settings.model.subsample);
        let params = ForestParams { trees, subsample, seed };
        let params = params.validate().map_err(|error| error.to_string())?;
        let table = Table::from_columns(std::slice::from_ref(&self.training));
        let table = table.map_err(|error| error.to_string())?;
        let forest = Forest::fit(&params, &table).map_err(|error| error.to_string())?;
        let steps = forest.collapse().ok_or("a forest of one feature was expected")?;
        let steps = steps.simplify(STORED_SCORE_ERROR_MAX);
        // From here on only what is stored counts, so training and service judge alike.
        let scores = steps.scores(&self.training);
        let held_out = steps.scores(&self.held_out);
        let contamination = estimate(&scores, self.tail_share, settings.base, settings.training);
        let calibration = calibrate(&scores, &held_out, contamination.value, &settings.calibration);
        Ok(UnivariateForest {
            axis: self.axis,
            range: range_of(&self.training),
            tail: calibrate_tail(&self.deviations, &settings.calibration),
            steps,
            parameters: ForestRecord { trees, subsample, seed, rows: self.training.len() as u32 },
            calibration,
            contamination,
            positive_only: self.positive_only,
        })
    }

    /// Why there are too few values, or all alike.
    fn check(&self, settings: &LearnSettings<'_>) -> Result<(), String> {
        let needed = settings.model.min_training_samples;
        let rows = (self.training.len() as f64 * self.rows_per_feature) as usize;
        if rows < needed {
            return Err(format!("{rows} training rows; {needed} are needed"));
        }
        let features: Vec<f64> = self.training.iter().map(|it| f64::from(*it)).collect();
        let std = stats::Moments::of(&features).population_std().unwrap_or(0.0);
        if std < CONSTANT_STD { Err("constant in the training data".to_owned()) } else { Ok(()) }
    }
}

fn range_of(features: &[f32]) -> (f32, f32) {
    const LOW: f64 = 0.001;
    let mut sorted: Vec<f64> = features.iter().map(|it| f64::from(*it)).collect();
    stats::sort(&mut sorted);
    let low = stats::quantile_sorted(&sorted, LOW).unwrap_or(0.0);
    (low as f32, sorted.last().copied().unwrap_or(0.0) as f32)
}
