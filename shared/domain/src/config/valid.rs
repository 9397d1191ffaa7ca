//! The configuration after all checks: every value present, in range, and of its own type.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::enrichment::Enrichment;
use super::incidents::{Alerting, Dependencies, Fingerprinting};
use super::objectives::SloSettings;
use super::receivers::Delivery;
use crate::MetricSet;
use crate::period::{Calendar, Period};
use crate::service::{Category, ServiceName};
use crate::slot::{Slot, Variant};

/// Everything that a run needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    pub victoria_metrics: VictoriaMetrics,
    pub metrics: MetricSet,
    pub model: Model,
    pub training: Training,
    pub inference: Inference,
    pub detection: Detection,
    pub services: Services,
    pub periods: Periods,
    /// Where alerts go.
    pub delivery: Delivery,
    /// Where incidents are kept.
    pub state: Option<StateLocation>,
    pub fingerprinting: Fingerprinting,
    pub dependencies: Dependencies,
    pub alerting: Alerting,
    /// What is looked up beside an alert.
    pub enrichment: Enrichment,
    /// `None`: objectives are not judged.
    pub slos: Option<SloSettings>,
    pub log_level: LogLevel,
}

/// Where metrics come from, by the form of one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetricsLocation {
    /// A VictoriaMetrics (or compatible) server: `https://…`, without a trailing slash.
    Http(String),
    /// A recording: `file://recording.jsonl.gz`, here as a path.
    Recording(String),
}

/// Where models live, by the form of one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelsLocation {
    /// `s3://bucket/prefix`; the prefix has no leading or trailing slash and may be empty.
    S3 { bucket: String, prefix: String },
    /// A folder of the file system.
    Folder(String),
}

/// Where incidents are kept, by the form of one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateLocation {
    /// `dynamodb://table`, here the table's name.
    Table(String),
    /// A file of this machine.
    File(String),
}

/// `victoria_metrics`: the metric source and how patient to be with it.
#[derive(Debug, Clone, PartialEq)]
pub struct VictoriaMetrics {
    /// `None` until somebody sets it: there is no default endpoint.
    pub endpoint: Option<MetricsLocation>,
    pub timeout_s: u64,
    /// Attempts per request, the first one included.
    pub attempts: u32,
    pub retry_backoff_ms: u64,
    pub retry_statuses: Vec<u16>,
    /// Requests that may fail in one run before the rest is not tried any more.
    pub failure_budget: u32,
    /// Seconds that the source holds back its newest samples.
    pub lag_s: i64,
    /// Replaces `$window` in queries.
    pub rate_window: String,
    /// Days of one range request of a training run.
    pub chunk_days: u32,
    /// Slower than this, the source counts as unhealthy and the cycle is skipped.
    pub health_latency_ms: u64,
}

/// `model`: the forests and where they are stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub location: ModelsLocation,
    pub min_training_samples: usize,
    pub min_multivariate_samples: usize,
    pub default_contamination: f64,
    pub contamination_by_category: BTreeMap<Category, f64>,
    /// Final: a service listed here is not estimated.
    pub contamination_by_service: BTreeMap<ServiceName, f64>,
    pub univariate_trees: u32,
    pub multivariate_trees: u32,
    pub subsample: u32,
    pub seed: u64,
}

/// How the share of anomalies in the training data is estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContaminationMethod {
    Knee,
    Gap,
}

/// Percentiles of held-out decision scores that become severity thresholds, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeverityPercentiles {
    pub critical: f64,
    pub high: f64,
    pub medium: f64,
    pub low: f64,
}

/// A window of time that training leaves out, inclusive at both ends, epoch seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExcludedPeriod {
    /// `None` for all services.
    pub service: Option<ServiceName>,
    pub start_s: i64,
    pub end_s: i64,
    pub reason: String,
    /// Whose models learn from it and serve in it; `None`: nobody learns from it.
    pub variant: Option<Variant>,
}

/// `training.model_variants`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelVariants {
    /// Whether the usual models are trained.
    pub train_baseline: bool,
    /// Whether models of excluded days are.
    pub train_holiday: bool,
    /// Excluded days within the look-back below which a variant has no models.
    pub days_min: u32,
}

/// `training`.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    pub lookback_days: u32,
    /// Length of the cycles that evidence is learned for, seconds; a service's own step where that
    /// is longer. Not a key: a backtest replays other cycles than those of the schedule.
    pub cycle_s: i64,
    /// Rows of five minutes that a service must have.
    pub min_data_points: usize,
    pub validation_fraction: f64,
    pub contamination_method: ContaminationMethod,
    pub contamination_min_samples: usize,
    pub contamination_fallback: f64,
    pub calibration_enabled: bool,
    pub percentiles: SeverityPercentiles,
    pub excluded_periods: Vec<ExcludedPeriod>,
    pub variants: ModelVariants,
}

/// `inference`.
#[derive(Debug, Clone, PartialEq)]
pub struct Inference {
    /// Requests and model reads under way at once.
    pub max_workers: usize,
    /// Whether each cycle looks for drift.
    pub check_drift: bool,
    pub drift: DriftLimits,
}

/// `training.drift_detection`: how many standard deviations of training a metric must be away.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DriftLimits {
    /// Beyond it there is drift.
    pub warning: f64,
    /// Beyond it the drift is far.
    pub critical: f64,
}

impl Default for DriftLimits {
    fn default() -> DriftLimits {
        DriftLimits { warning: 3.0, critical: 5.0 }
    }
}

/// What opens an anomaly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Opening {
    /// A metric's isolation forest flags its value.
    Forest,
    /// A metric leaves its season further than it does by itself; forests corroborate.
    Residual,
}

/// `detection` and `detection_thresholds`.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    pub opening: Opening,
    pub bounds: Bounds,
    pub gates: Gates,
    /// Used only where calibration is absent.
    pub fallback_scores: FallbackScores,
}

/// Values beyond these are capped, in training and in service alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    pub request_rate_max: f64,
    pub latency_ms_max: f64,
}

/// What a signal must reach besides being unusual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gates {
    /// Requests in the averaging window below which latency and errors say nothing.
    pub requests_min: f64,
    pub error_rate_min: f64,
    pub error_rate_ratio_min: f64,
    pub latency_ms_min: f64,
    pub latency_ratio_min: f64,
    pub rate_min: f64,
    pub rate_ratio_min: f64,
}

/// Decision scores at or below which an uncalibrated anomaly has a severity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FallbackScores {
    pub critical: f64,
    pub high: f64,
    pub medium: f64,
}

/// `services` and `services_meta`: who is watched.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Services {
    /// In the order of the document; empty means: discover them in the metrics.
    pub listed: Vec<(ServiceName, Category)>,
    pub meta: BTreeMap<ServiceName, ServiceMeta>,
}

/// What the configuration knows of one service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceMeta {
    /// IANA zone, checked.
    pub timezone: Option<String>,
    pub expected_metrics: Option<Vec<String>>,
}

/// Minimum rows of a period, weekday and weekend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinimumRows {
    pub weekday: usize,
    pub weekend: usize,
}

/// `time_periods`.
#[derive(Debug, Clone)]
pub struct Periods {
    pub calendar: Calendar,
    pub confidence: BTreeMap<Period, f64>,
    pub min_samples: BTreeMap<Category, MinimumRows>,
    pub min_samples_default: MinimumRows,
}

/// `logging.level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

impl Config {
    /// The category of a service: the one that lists it, else a guess from its name.
    pub fn category_of(&self, service: &ServiceName) -> Category {
        let listed = self.services.listed.iter().find(|(name, _)| name == service);
        listed.map_or_else(|| Category::guess(service), |(_, category)| category.clone())
    }

    /// The expected share of anomalies of a service, and whether it is final (not estimated).
    pub fn contamination_of(&self, service: &ServiceName) -> (f64, bool) {
        if let Some(share) = self.model.contamination_by_service.get(service) {
            return (*share, true);
        }
        let category = self.category_of(service);
        let of_category = self.model.contamination_by_category.get(&category).copied();
        let share = of_category
            .or_else(|| category.built_in_contamination())
            .unwrap_or(self.model.default_contamination);
        (share, false)
    }

    /// False incidents per week that are acceptable of a service, if anybody said.
    pub fn false_alarm_budget_of(&self, service: &ServiceName) -> Option<f64> {
        let budget = &self.alerting.false_alarm_budget;
        let of_category = || budget.by_category.get(&self.category_of(service));
        budget.by_service.get(service).or_else(of_category).copied().or(budget.default)
    }

    /// The calendar of a service: the common one, in the service's own zone if it has one.
    pub fn calendar_of(&self, service: &ServiceName) -> Calendar {
        let zone = self.services.meta.get(service).and_then(|meta| meta.timezone.as_deref());
        let own = zone.and_then(|zone| self.periods.calendar.in_zone(zone).ok());
        own.unwrap_or_else(|| self.periods.calendar.clone())
    }

    /// The variant whose models serve a service at an instant: that of the first excluded period
    /// around it that has one.
    pub fn variant_at(&self, service: &ServiceName, at_s: i64) -> Option<&Variant> {
        let periods = self.training.excluded_periods.iter();
        periods
            .filter(|it| it.concerns(service) && it.holds(at_s))
            .find_map(|it| it.variant.as_ref())
    }

    /// Which of a service's models is asked at an instant: that of its period, and of the variant
    /// in whose days it lies.
    pub fn slot_at(&self, service: &ServiceName, at: DateTime<Utc>) -> Slot {
        let variant = self.variant_at(service, at.timestamp());
        Slot::of(variant.cloned(), self.calendar_of(service).period_at(at))
    }

    /// The rows that a period of a service needs before it gets a model.
    pub fn min_rows_of(&self, service: &ServiceName, period: Period) -> usize {
        let rows = self.periods.min_samples.get(&self.category_of(service));
        let rows = rows.unwrap_or(&self.periods.min_samples_default);
        match period {
            Period::WeekendDay | Period::WeekendNight => rows.weekend,
            _ => rows.weekday,
        }
    }
}

impl ExcludedPeriod {
    /// True if it is meant for all services, or for this one.
    pub fn concerns(&self, service: &ServiceName) -> bool {
        self.service.as_ref().is_none_or(|own| own == service)
    }

    /// True at an instant from its start to its end, both included.
    pub fn holds(&self, at_s: i64) -> bool {
        (self.start_s..=self.end_s).contains(&at_s)
    }
}

impl Opening {
    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Opening::Forest => "forest",
            Opening::Residual => "residual",
        }
    }
}

impl LogLevel {
    /// The word that log filters understand.
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
        }
    }
}
