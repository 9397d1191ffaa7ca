//! What training leaves behind for one service and one period: the period model.

use domain::config::valid::{ContaminationMethod, Opening};
use domain::{BadDirection, MetricKind, Period, ServiceName, Severity};
use forest::{Forest, StepFunction};
use serde::{Deserialize, Serialize};

use crate::drift_baseline::DriftBaseline;
use crate::evidence::EvidenceModel;
use crate::gate::GateReport;
use crate::quality::QualityReport;
use crate::statistics::{Statistics, ZeroStatistics};
use crate::transform::Transform;

/// Everything that inference needs to judge one service in one period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeriodModel {
    pub service: ServiceName,
    pub period: Period,
    pub feature_set: FeatureSet,
    pub training: TrainingRecord,
    pub metrics: Vec<MetricModel>,
    pub multivariate: Option<MultivariateModel>,
    /// Why there is no multivariate model, where there is none.
    pub multivariate_absent: Option<String>,
    pub drift: Option<DriftBaseline>,
    /// What opens anomalies where forests do not; the same in every period of a run.
    pub evidence: Option<EvidenceModel>,
    pub correlated: Vec<CorrelatedPair>,
    pub quality: QualityReport,
    /// What a reader of the model ought to know: where it makes do with less than it should have.
    pub notes: Vec<String>,
    pub gate: GateReport,
}

/// Which features the forests were trained on. A model of another set is refused, not misread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeatureSet {
    /// Transformed five-minute averages; forests open anomalies.
    ForestV1,
    /// How far each cycle is from usual ([`crate::features`]); evidence opens anomalies, and
    /// forests corroborate.
    ResidualV1,
}

impl FeatureSet {
    /// The word in cards and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            FeatureSet::ForestV1 => "forest-v1",
            FeatureSet::ResidualV1 => "residual-v1",
        }
    }
}

/// When and on what a model was trained. Instants are epoch seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    pub trained_at_s: i64,
    pub from_s: i64,
    pub until_s: i64,
    /// Width of the windows that rows average.
    pub row_width_s: i64,
    pub timezone: String,
    /// What opens anomalies; a model of another opening is refused, not misread.
    pub opening: Opening,
    pub rows_training: u32,
    pub rows_validation: u32,
    /// SHA-256 of the rows, hexadecimal: the same data and settings give the same model.
    pub data_digest: String,
    pub config_digest: String,
    pub yaga_version: String,
}

/// One metric of a period model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricModel {
    pub name: String,
    pub kind: MetricKind,
    pub unit: String,
    pub bad_direction: BadDirection,
    pub transform: Transform,
    pub statistics: Statistics,
    pub zeros: ZeroStatistics,
    pub forest: Option<UnivariateForest>,
    /// Why there is no forest, where there is none.
    pub forest_absent: Option<String>,
}

/// A univariate forest, collapsed to the step function it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnivariateForest {
    pub axis: Axis,
    /// The 0.1 % quantile and the maximum of the training features.
    pub range: (f32, f32),
    pub steps: StepFunction,
    pub parameters: ForestRecord,
    pub calibration: Calibration,
    pub contamination: Contamination,
    pub tail: TailLimits,
    /// Trained on positive values only: a zero is not scored.
    pub positive_only: bool,
}

/// What the steps of a univariate forest lie on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Axis {
    /// The metric's transformed value.
    Value,
    /// Sigmas from usual, lately, cut at [`DEVIATION_MAX`].
    Deviation,
}

/// Deviations beyond this many sigmas are alike to a forest: splits are even in the feature, and
/// one incident would draw them all.
pub const DEVIATION_MAX: f32 = 10.0;

/// The forest of all metrics at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MultivariateModel {
    /// Names of the features, in order.
    pub features: Vec<String>,
    pub forest: Forest,
    pub parameters: ForestRecord,
    pub calibration: Calibration,
    pub contamination: Contamination,
}

/// With what a forest was grown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForestRecord {
    pub trees: u32,
    pub subsample: u32,
    pub seed: u64,
    pub rows: u32,
}

/// Turns an anomaly score into a decision and a severity.
///
/// Decision score = -(anomaly score) - offset: below zero is anomalous, lower is worse.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Percentile of the training rows' negated anomaly scores at the contamination.
    pub offset: f64,
    /// `None` where too few held-out rows were left to calibrate on.
    pub thresholds: Option<SeverityThresholds>,
    pub rows_validation: u32,
    /// Share of held-out rows with a decision score below zero.
    pub flagged_share: f64,
    /// Mean decision score of the held-out rows.
    pub mean_score: f64,
}

/// Decision scores at or below which a flagged row has a severity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SeverityThresholds {
    pub critical: f64,
    pub high: f64,
    pub medium: f64,
    pub low: f64,
}

/// Robust deviations from the median at which a value beyond the training range has a severity by
/// itself. A forest's score is constant out there.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TailLimits {
    pub medium: f64,
    pub high: f64,
    pub critical: f64,
}

/// The expected share of anomalies in the training data, and how it was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Contamination {
    /// What the forest uses.
    pub value: f64,
    /// The category's or the service's configured share.
    pub base: f64,
    pub source: ContaminationSource,
    /// Share of rows more than 3.5 robust standard deviations from the median.
    pub tail_share: f64,
    /// Before bounds; absent if not estimated.
    pub estimate: Option<f64>,
    pub lower_bound: f64,
    pub upper_bound: f64,
}

/// Where a contamination comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContaminationSource {
    Configured,
    Estimated(ContaminationMethod),
    /// Too few rows to estimate.
    Fallback,
}

/// Two metrics that move together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CorrelatedPair {
    pub first: String,
    pub second: String,
    pub correlation: f64,
}

impl PeriodModel {
    /// The model of the metric with this name.
    pub fn metric(&self, name: &str) -> Option<&MetricModel> {
        self.metrics.iter().find(|metric| metric.name == name)
    }

    /// True if something can open an anomaly: evidence, or at least one forest.
    pub fn can_detect(&self) -> bool {
        self.evidence.is_some()
            || self.multivariate.is_some()
            || self.metrics.iter().any(|metric| metric.forest.is_some())
    }
}

impl MetricModel {
    /// The feature of a value in the metric's unit, or of a deviation, as the forest's axis is.
    pub fn feature(&self, axis: Axis, at: f64) -> f32 {
        match axis {
            Axis::Value => self.transform.apply(at) as f32,
            Axis::Deviation => (at as f32).clamp(-DEVIATION_MAX, DEVIATION_MAX),
        }
    }

    /// What [`MetricModel::feature`] was made from.
    pub fn at_feature(&self, axis: Axis, feature: f32) -> f64 {
        match axis {
            Axis::Value => self.transform.invert(f64::from(feature)),
            Axis::Deviation => f64::from(feature),
        }
    }
}

impl Calibration {
    /// The decision score of an anomaly score.
    pub fn decision(&self, anomaly_score: f64) -> f64 {
        -anomaly_score - self.offset
    }
}

impl TailLimits {
    /// The severity of a value this many robust deviations out.
    pub fn severity(&self, sigmas: f64) -> Severity {
        match sigmas {
            s if s >= self.critical => Severity::Critical,
            s if s >= self.high => Severity::High,
            s if s >= self.medium => Severity::Medium,
            _ => Severity::None,
        }
    }
}

impl SeverityThresholds {
    /// The severity of a flagged decision score.
    pub fn severity(&self, decision: f64) -> Severity {
        if decision <= self.critical {
            Severity::Critical
        } else if decision <= self.high {
            Severity::High
        } else if decision <= self.medium {
            Severity::Medium
        } else {
            Severity::Low
        }
    }

    /// True if worse levels need lower scores.
    pub fn is_monotone(&self) -> bool {
        let all = [self.critical, self.high, self.medium, self.low];
        all.iter().all(|threshold| threshold.is_finite()) && all.is_sorted()
    }
}
