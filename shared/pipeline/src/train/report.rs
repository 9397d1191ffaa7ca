//! What a training run did, service by service and period by period.

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat, Utc};
use detect::quality::{Grade, QualityReport};
use domain::{Period, ServiceName, Variant};
use serde::Serialize;

use crate::ports::SourceError;
use crate::train::record::run_id;

/// The whole run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainingReport {
    pub run_id: String,
    pub status: RunStatus,
    /// End of the history that was learned from.
    pub at: String,
    pub started_at: String,
    pub completed_at: String,
    pub duration_ms: i64,
    pub promoted: usize,
    pub provisional: usize,
    pub kept: usize,
    pub without_model: usize,
    pub services_failed: usize,
    pub services: Vec<ServiceReport>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Every period of every service has a new model in force, some of them perhaps on probation.
    Completed,
    /// Some have; each other one says why not.
    Partial,
    /// None has.
    Failed,
}

impl RunStatus {
    /// The word in reports and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            RunStatus::Completed => "completed",
            RunStatus::Partial => "partial",
            RunStatus::Failed => "failed",
        }
    }
}

/// One service: its usual models, or those of a variant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceReport {
    pub service: ServiceName,
    /// Whose models this is about; absent for the usual ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<Variant>,
    /// Why nothing could be done at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    pub rows: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<Grade>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality_score: Option<f64>,
    pub recommendations: Vec<String>,
    pub periods: Vec<PeriodReport>,
}

/// One period of a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PeriodReport {
    pub period: Period,
    pub status: PeriodStatus,
    /// Why no new model is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The period whose model serves instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub falls_back_to: Option<Period>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_training: Option<u32>,
    /// SHA-256 of the period's data; empty without a model.
    #[serde(skip)]
    pub data_digest: String,
    /// Share of held-out data with a signal.
    #[serde(skip)]
    pub signal_share: f64,
}

/// What became of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodStatus {
    /// The new model is in force.
    Promoted,
    /// The new model is in force although it did not pass its gate: no other of its own is better.
    Provisional,
    /// The model before it stays in force.
    Kept,
    /// A model was trained that cannot be used, and there is none before it.
    HeldBack,
    /// No model could be trained, and there is none before it.
    TooLittleData,
}

impl TrainingReport {
    pub(super) fn new(
        at: DateTime<Utc>,
        started: DateTime<Utc>,
        completed: DateTime<Utc>,
        services: Vec<ServiceReport>,
    ) -> TrainingReport {
        let count = |statuses: &[PeriodStatus]| {
            let periods = services.iter().flat_map(|service| &service.periods);
            periods.filter(|period| statuses.contains(&period.status)).count()
        };
        let promoted = count(&[PeriodStatus::Promoted]);
        let provisional = count(&[PeriodStatus::Provisional]);
        let kept = count(&[PeriodStatus::Kept]);
        let without_model = count(&[PeriodStatus::HeldBack, PeriodStatus::TooLittleData]);
        let services_failed = services.iter().filter(|service| service.error.is_some()).count();
        let status = match (promoted + provisional, kept + without_model + services_failed) {
            (0, _) => RunStatus::Failed,
            (_, 0) => RunStatus::Completed,
            _ => RunStatus::Partial,
        };
        let text = |instant: DateTime<Utc>| instant.to_rfc3339_opts(SecondsFormat::Millis, true);
        TrainingReport {
            run_id: run_id(started),
            status,
            at: text(at),
            started_at: text(started),
            completed_at: text(completed),
            duration_ms: (completed - started).num_milliseconds(),
            promoted,
            provisional,
            kept,
            without_model,
            services_failed,
            services,
        }
    }
}

impl TrainingReport {
    /// Number of distinct services; one with a variant has several reports.
    pub fn services_count(&self) -> usize {
        self.services.iter().map(|it| &it.service).collect::<BTreeSet<_>>().len()
    }
}

impl ServiceReport {
    pub(super) fn failed(service: ServiceName, error: &SourceError) -> ServiceReport {
        ServiceReport {
            service,
            variant: None,
            error: Some(error.to_string()),
            rows: 0,
            quality: None,
            quality_score: None,
            recommendations: Vec::new(),
            periods: Vec::new(),
        }
    }

    /// A service of which the configuration asks for no models, and has no variant to learn.
    pub(super) fn without_baseline(service: ServiceName) -> ServiceReport {
        let error = "training.model_variants.train_baseline is off, and no variant has enough \
                     excluded days in the history";
        ServiceReport {
            service,
            variant: None,
            error: Some(error.to_owned()),
            rows: 0,
            quality: None,
            quality_score: None,
            recommendations: Vec::new(),
            periods: Vec::new(),
        }
    }

    /// The service, with the variant if it is about one: `shop (holiday)`.
    pub fn title(&self) -> String {
        match &self.variant {
            None => self.service.to_string(),
            Some(variant) => format!("{} ({variant})", self.service),
        }
    }

    pub(super) fn trained(
        service: ServiceName,
        variant: Option<Variant>,
        quality: &QualityReport,
        rows: usize,
    ) -> ServiceReport {
        ServiceReport {
            service,
            variant,
            error: None,
            rows,
            quality: Some(quality.grade),
            quality_score: Some((quality.score * 10.0).round() / 10.0),
            recommendations: quality.recommendations.clone(),
            periods: Vec::new(),
        }
    }

    pub(super) fn put_in_force(&self) -> usize {
        let new = [PeriodStatus::Promoted, PeriodStatus::Provisional];
        self.periods.iter().filter(|period| new.contains(&period.status)).count()
    }
}
