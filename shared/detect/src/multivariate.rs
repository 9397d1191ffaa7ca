//! Learns all metrics of a service at once: the forest that sees unusual combinations.

use domain::MetricSet;
use forest::{FEATURES_MAX, Forest, ForestParams, Table};
use stats::correlation_matrix;

use crate::calibrate::calibrate;
use crate::contamination::{estimate, share_of};
use crate::drift_baseline::DriftBaseline;
use crate::features::{FeatureTable, metric_of};
use crate::model::{CorrelatedPair, DEVIATION_MAX, ForestRecord, MetricModel, MultivariateModel};
use crate::rows::Rows;
use crate::seed::seed_of;
use crate::statistics::Selection;
use crate::univariate::LearnSettings;

/// Features below which a combination says no more than its parts.
const FEATURES_MIN: usize = 2;
/// Metrics that are tried: below this a service is too small for a combination.
const METRICS_MIN: usize = 3;
/// Pairs of metrics that move together more than this are listed.
const CORRELATED: f64 = 0.8;
/// A row counts as far out if one of its features is beyond this many robust deviations.
const FAR_SIGMAS: f64 = 3.5;

/// What the rows of all metrics together teach.
#[derive(Debug)]
pub(crate) struct Combination {
    pub model: Result<MultivariateModel, String>,
    pub drift: Option<DriftBaseline>,
    pub correlated: Vec<CorrelatedPair>,
}

/// Learns from complete rows of the metrics that have a usable, varying column.
pub(crate) fn fit_combination(
    metrics: &MetricSet,
    models: &[MetricModel],
    training: &Rows,
    validation: &Rows,
    settings: &LearnSettings<'_>,
) -> Combination {
    let features = usable_features(models);
    if features.len() < METRICS_MIN.min(metrics.len()).max(FEATURES_MIN) {
        let reason = format!("{} usable metrics; three are needed", features.len());
        return Combination { model: Err(reason), drift: None, correlated: Vec::new() };
    }
    let columns = complete_rows(metrics, &features, training);
    let names: Vec<String> = features.iter().map(|model| model.name.clone()).collect();
    let needed = settings.model.min_multivariate_samples;
    let count = columns[0].len();
    let model = if count < needed {
        Err(format!("{count} complete training rows; {needed} are needed"))
    } else {
        let held_out = complete_rows(metrics, &features, validation);
        let tail_share = far_share(&columns, FAR_SIGMAS / stats::IQR_PER_SIGMA);
        fit_forest(&names, &columns, &held_out, tail_share, settings)
    };
    Combination {
        model,
        drift: DriftBaseline::fit(&names, &columns),
        correlated: correlated_pairs(&names, &columns),
    }
}

/// Learns from the features of complete cycles; drift is still told from natural values.
///
/// `far`: a feature beyond this is far out. `rows_per_feature`: rows of five minutes that one
/// cycle stands for.
pub(crate) fn fit_feature_combination(
    training: &FeatureTable,
    held_out: &FeatureTable,
    far: f64,
    rows_per_feature: f64,
    settings: &LearnSettings<'_>,
) -> Result<MultivariateModel, String> {
    let is_usable = |at: &usize| varies(&training.columns[*at]);
    let used: Vec<usize> = (0..training.names.len()).filter(is_usable).take(FEATURES_MAX).collect();
    let mut subjects: Vec<&str> = used.iter().map(|at| metric_of(&training.names[*at])).collect();
    subjects.dedup();
    if subjects.len() < FEATURES_MIN {
        return Err(format!("{} usable metrics; {FEATURES_MIN} are needed", subjects.len()));
    }
    let columns = complete_features(training, &used);
    let count = (columns[0].len() as f64 * rows_per_feature) as usize;
    let needed = settings.model.min_multivariate_samples;
    if count < needed {
        return Err(format!("{count} complete training rows; {needed} are needed"));
    }
    let names: Vec<String> = used.iter().map(|at| training.names[*at].clone()).collect();
    let tail_share = far_share(&columns, far);
    fit_forest(&names, &columns, &complete_features(held_out, &used), tail_share, settings)
}

/// What drift is told from, and which metrics move together, where forests learn from features.
pub(crate) fn describe_together(
    metrics: &MetricSet,
    models: &[MetricModel],
    training: &Rows,
) -> (Option<DriftBaseline>, Vec<CorrelatedPair>) {
    let usable = |model: &&MetricModel| {
        model.zeros.selection() == Selection::All
            && model.statistics.summary.min < model.statistics.summary.max
    };
    let features: Vec<&MetricModel> = models.iter().filter(usable).collect();
    if features.len() < FEATURES_MIN {
        return (None, Vec::new());
    }
    let columns = complete_rows(metrics, &features, training);
    let names: Vec<String> = features.iter().map(|model| model.name.clone()).collect();
    (DriftBaseline::fit(&names, &columns), correlated_pairs(&names, &columns))
}

fn varies(column: &[f32]) -> bool {
    let mut finite = column.iter().filter(|value| value.is_finite());
    finite.next().is_some_and(|first| finite.any(|value| value != first))
}

fn complete_features(table: &FeatureTable, used: &[usize]) -> Vec<Vec<f64>> {
    let is_complete = |row: &usize| used.iter().all(|at| table.columns[*at][*row].is_finite());
    let complete: Vec<usize> = (0..table.len()).filter(is_complete).collect();
    let column = |at: &usize| {
        complete.iter().map(|row| f64::from(combined(table.columns[*at][*row]))).collect()
    };
    used.iter().map(column).collect()
}

/// A feature as the forest of all of them sees it.
pub(crate) fn combined(feature: f32) -> f32 {
    feature.clamp(-DEVIATION_MAX, DEVIATION_MAX)
}

/// The feature vector of an observation's values, or `None` where one of them is missing.
pub(crate) fn feature_vector(
    features: &[String],
    models: &[MetricModel],
    value_of: impl Fn(&str) -> Option<f64>,
) -> Option<Vec<f32>> {
    let feature = |name: &String| {
        let model = models.iter().find(|model| model.name == *name)?;
        Some(model.transform.apply(value_of(name)?) as f32)
    };
    features.iter().map(feature).collect()
}

/// Metrics that have a forest of their own and are not described by their positive values only.
fn usable_features(models: &[MetricModel]) -> Vec<&MetricModel> {
    let usable =
        |model: &&MetricModel| model.forest.as_ref().is_some_and(|forest| !forest.positive_only);
    models.iter().filter(usable).collect()
}

/// Features of the rows in which every metric has a value, column by column.
fn complete_rows(metrics: &MetricSet, features: &[&MetricModel], rows: &Rows) -> Vec<Vec<f64>> {
    let columns: Vec<(&MetricModel, &Vec<f64>)> = features
        .iter()
        .filter_map(|model| Some((*model, rows.columns.get(metrics.index_of(&model.name)?)?)))
        .collect();
    let complete: Vec<usize> = (0..rows.len())
        .filter(|row| columns.iter().all(|(_, column)| column[*row].is_finite()))
        .collect();
    let features = |(model, column): &(&MetricModel, &Vec<f64>)| {
        complete.iter().map(|row| model.transform.apply(column[*row])).collect()
    };
    columns.iter().map(features).collect()
}

fn fit_forest(
    names: &[String],
    columns: &[Vec<f64>],
    held_out: &[Vec<f64>],
    tail_share: f64,
    settings: &LearnSettings<'_>,
) -> Result<MultivariateModel, String> {
    let seed = seed_of(settings.model.seed, settings.identity, "*");
    let (trees, subsample) = (settings.model.multivariate_trees, settings.model.subsample);
    let params = ForestParams { trees, subsample, seed };
    let params = params.validate().map_err(|error| error.to_string())?;
    let table = table_of(columns)?;
    let forest = Forest::fit(&params, &table).map_err(|error| error.to_string())?;
    let scores = forest.score_rows(&table);
    let held_out = match held_out.first() {
        Some(first) if !first.is_empty() => forest.score_rows(&table_of(held_out)?),
        _ => Vec::new(),
    };
    let contamination = estimate(&scores, tail_share, settings.base, settings.training);
    let calibration = calibrate(&scores, &held_out, contamination.value, &settings.calibration);
    Ok(MultivariateModel {
        features: names.to_vec(),
        forest,
        parameters: ForestRecord { trees, subsample, seed, rows: scores.len() as u32 },
        calibration,
        contamination,
    })
}

fn table_of(columns: &[Vec<f64>]) -> Result<Table, String> {
    let narrow = |column: &Vec<f64>| column.iter().map(|value| *value as f32).collect();
    let columns: Vec<Vec<f32>> = columns.iter().map(narrow).collect();
    Table::from_columns(&columns).map_err(|error| error.to_string())
}

/// Share of rows with a feature far from its median.
fn far_share(columns: &[Vec<f64>], far: f64) -> f64 {
    let rows = columns.first().map_or(0, Vec::len);
    let is_far = |row: usize| columns.iter().any(|column| column[row].abs() > far);
    share_of((0..rows).filter(|row| is_far(*row)).count(), rows)
}

fn correlated_pairs(names: &[String], columns: &[Vec<f64>]) -> Vec<CorrelatedPair> {
    let Some(matrix) = correlation_matrix(columns) else { return Vec::new() };
    let mut pairs = Vec::new();
    for i in 0..names.len() {
        for j in i + 1..names.len() {
            let correlation = matrix.get(i, j);
            if correlation.abs() > CORRELATED {
                let (first, second) = (names[i].clone(), names[j].clone());
                pairs.push(CorrelatedPair { first, second, correlation });
            }
        }
    }
    pairs
}
