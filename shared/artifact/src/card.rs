//! The readable JSON beside each model: when and on what it was trained, what it expects, and how
//! it judges. What only the scoring needs (trees, transforms, the drift baseline) is not in it.

use chrono::{DateTime, SecondsFormat};
use detect::evidence::EvidenceModel;
use detect::gate::GateReport;
use detect::model::{
    Axis, Calibration, Contamination, ContaminationSource, CorrelatedPair, ForestRecord,
    MetricModel, PeriodModel, TailLimits,
};
use detect::quality::QualityReport;
use detect::statistics::Statistics;
use domain::Period;
use serde::{Deserialize, Serialize};

/// Points of a metric's score curve in a card.
const CURVE_POINTS: usize = 48;

/// The document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    pub card_version: u32,
    pub service: String,
    pub period: Period,
    pub feature_set: String,
    /// SHA-256 of the artifact.
    pub digest: String,
    pub bytes: u64,
    pub trained_at: String,
    pub trained_on: TrainedOn,
    /// When incidents open and how often by mistake; absent where residuals do not open them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<ThresholdCard>,
    pub metrics: Vec<MetricCard>,
    pub combination: Option<CombinationCard>,
    /// Why there is no model of all metrics together, where there is none.
    pub combination_absent: Option<String>,
    /// Metrics that move together.
    pub correlated: Vec<CorrelatedPair>,
    /// Where the model makes do with less than it should have, and what it made of it.
    #[serde(default)]
    pub notes: Vec<String>,
    pub gate: GateReport,
    pub quality: QualityReport,
    pub config_digest: String,
    pub yaga_version: String,
}

/// The score that opens incidents. Rates are false incidents per week that are expected from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThresholdCard {
    pub score: f64,
    pub wished_per_week: Option<f64>,
    pub per_week: f64,
    /// The 90 % interval.
    pub per_week_low: f64,
    pub per_week_high: f64,
    /// At the lowest threshold there is.
    pub per_week_max: f64,
    /// Incidents in a replay of the training data, and its length.
    #[serde(default)]
    pub replayed: u32,
    pub weeks: f64,
}

/// The data behind a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainedOn {
    pub from: String,
    pub until: String,
    pub timezone: String,
    pub row_width_s: i64,
    pub rows_training: u32,
    pub rows_validation: u32,
    pub data_digest: String,
}

/// One metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricCard {
    pub name: String,
    pub unit: String,
    pub statistics: Statistics,
    pub zero_share: f64,
    pub forest: Option<ForestCard>,
    pub forest_absent: Option<String>,
}

/// A forest without its trees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForestCard {
    pub trees: u32,
    pub subsample: u32,
    pub rows: u32,
    pub seed: String,
    pub contamination: f64,
    pub contamination_record: ContaminationCard,
    pub calibration: Calibration,
    /// Steps of the stored score function; absent for the combination.
    pub steps: Option<u32>,
    /// Robust deviations at which a value beyond the training range has a severity by itself.
    pub tail: Option<TailLimits>,
    /// What `curve` runs over: `value` in the metric's unit, or `deviation` in sigmas from usual;
    /// absent for the combination.
    #[serde(default)]
    pub axis: Option<String>,
    /// (value or deviation, decision score): below zero is anomalous. Empty for the combination.
    pub curve: Vec<(f64, f64)>,
}

/// How a contamination was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContaminationCard {
    pub source: String,
    pub base: f64,
    pub estimate: Option<f64>,
    pub tail_share: f64,
    pub bounds: (f64, f64),
}

/// The forest of all metrics together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CombinationCard {
    pub features: Vec<String>,
    pub forest: ForestCard,
}

impl Card {
    /// The card of a model whose artifact has this digest and size.
    pub fn of(model: &PeriodModel, digest: &str, bytes: u64) -> Card {
        Card {
            card_version: 1,
            service: model.service.to_string(),
            period: model.period,
            feature_set: model.feature_set.as_str().to_owned(),
            digest: digest.to_owned(),
            bytes,
            trained_at: instant(model.training.trained_at_s),
            trained_on: TrainedOn {
                from: instant(model.training.from_s),
                until: instant(model.training.until_s),
                timezone: model.training.timezone.clone(),
                row_width_s: model.training.row_width_s,
                rows_training: model.training.rows_training,
                rows_validation: model.training.rows_validation,
                data_digest: model.training.data_digest.clone(),
            },
            opens_at: threshold_card(model),
            metrics: model.metrics.iter().map(metric_card).collect(),
            combination: combination_card(model),
            combination_absent: model.multivariate_absent.clone(),
            correlated: model.correlated.clone(),
            notes: model.notes.clone(),
            gate: model.gate.clone(),
            quality: model.quality.clone(),
            config_digest: model.training.config_digest.clone(),
            yaga_version: model.training.yaga_version.clone(),
        }
    }

    /// The document as indented JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a card holds only JSON types");
        bytes.push(b'\n');
        bytes
    }
}

fn threshold_card(model: &PeriodModel) -> Option<ThresholdCard> {
    let Some(EvidenceModel::Residual(residual)) = &model.evidence else { return None };
    let it = &residual.threshold;
    let (low, high) = it.interval_per_week();
    let round = |value: f64| (value * 1000.0).round() / 1000.0;
    Some(ThresholdCard {
        score: round(f64::from(it.theta)),
        wished_per_week: it.wish.map(|wish| round(f64::from(wish))),
        per_week: round(it.per_week()),
        per_week_low: round(low),
        per_week_high: round(high),
        per_week_max: round(it.per_week_max()),
        replayed: it.incidents,
        weeks: round(f64::from(it.weeks)),
    })
}

fn metric_card(metric: &MetricModel) -> MetricCard {
    MetricCard {
        name: metric.name.clone(),
        unit: metric.unit.clone(),
        statistics: metric.statistics.clone(),
        zero_share: metric.zeros.zero_share,
        forest: metric.forest.as_ref().map(|forest| ForestCard {
            steps: Some(forest.steps.cuts().len() as u32 + 1),
            tail: Some(forest.tail),
            axis: Some(axis_word(forest.axis).to_owned()),
            curve: score_curve(metric),
            ..forest_card(&forest.parameters, &forest.contamination, &forest.calibration)
        }),
        forest_absent: metric.forest_absent.clone(),
    }
}

fn combination_card(model: &PeriodModel) -> Option<CombinationCard> {
    let combination = model.multivariate.as_ref()?;
    let (parameters, contamination) = (&combination.parameters, &combination.contamination);
    Some(CombinationCard {
        features: combination.features.clone(),
        forest: forest_card(parameters, contamination, &combination.calibration),
    })
}

fn forest_card(
    parameters: &ForestRecord,
    contamination: &Contamination,
    calibration: &Calibration,
) -> ForestCard {
    ForestCard {
        trees: parameters.trees,
        subsample: parameters.subsample,
        rows: parameters.rows,
        seed: format!("{:016x}", parameters.seed),
        contamination: contamination.value,
        contamination_record: ContaminationCard {
            source: match contamination.source {
                ContaminationSource::Configured => "configured".to_owned(),
                ContaminationSource::Estimated(method) => {
                    format!("estimated ({method:?})").to_lowercase()
                }
                ContaminationSource::Fallback => "fallback".to_owned(),
            },
            base: contamination.base,
            estimate: contamination.estimate,
            tail_share: contamination.tail_share,
            bounds: (contamination.lower_bound, contamination.upper_bound),
        },
        calibration: *calibration,
        steps: None,
        tail: None,
        axis: None,
        curve: Vec::new(),
    }
}

fn axis_word(axis: Axis) -> &'static str {
    match axis {
        Axis::Value => "value",
        Axis::Deviation => "deviation",
    }
}

/// (value or deviation, decision score) from somewhat below the lowest to somewhat above the
/// highest in training, evenly spaced on the forest's scale. Empty for a metric without a forest.
pub fn score_curve(metric: &MetricModel) -> Vec<(f64, f64)> {
    const MARGIN: f64 = 0.15;
    let Some(forest) = &metric.forest else { return Vec::new() };
    let seen = &metric.statistics.summary;
    let (low, high) = match forest.axis {
        Axis::Value => (metric.transform.apply(seen.min), metric.transform.apply(seen.max)),
        Axis::Deviation => (f64::from(forest.range.0), f64::from(forest.range.1)),
    };
    let margin = MARGIN * (high - low);
    let point = |step: usize| {
        let share = step as f64 / (CURVE_POINTS - 1) as f64;
        let feature = (low - margin + share * (high - low + 2.0 * margin)) as f32;
        let at = metric.at_feature(forest.axis, feature);
        (at, forest.calibration.decision(forest.steps.score(feature)))
    };
    (0..CURVE_POINTS).map(point).collect()
}

fn instant(epoch_s: i64) -> String {
    DateTime::from_timestamp(epoch_s, 0)
        .map_or_else(|| epoch_s.to_string(), |at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
}
