//! Settings and data for this crate's tests.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use domain::config::valid::*;
use domain::{Calendar, MetricSet, Period, ServiceName};

use crate::fit::{RunRecord, ServiceHistory, fit_period};
use crate::model::PeriodModel;
use crate::rows::Rows;

pub(crate) fn training() -> Training {
    Training {
        cycle_s: 120,
        lookback_days: 30,
        min_data_points: 2000,
        validation_fraction: 0.2,
        contamination_method: ContaminationMethod::Knee,
        contamination_min_samples: 100,
        contamination_fallback: 0.05,
        calibration_enabled: true,
        percentiles: SeverityPercentiles { critical: 0.1, high: 1.0, medium: 5.0, low: 10.0 },
        excluded_periods: Vec::new(),
        variants: ModelVariants { train_baseline: true, train_holiday: true, days_min: 7 },
    }
}

pub(crate) fn detection() -> Detection {
    Detection {
        opening: Opening::Forest,
        bounds: Bounds { request_rate_max: 1e6, latency_ms_max: 3e5 },
        gates: Gates {
            requests_min: 20.0,
            error_rate_min: 0.001,
            error_rate_ratio_min: 1.5,
            latency_ms_min: 5.0,
            latency_ratio_min: 0.10,
            rate_min: 1.0,
            rate_ratio_min: 0.15,
        },
        fallback_scores: FallbackScores { critical: -0.6, high: -0.3, medium: -0.1 },
    }
}

pub(crate) fn config() -> Config {
    let confidence = [0.9, 0.8, 0.95, 0.7, 0.6];
    Config {
        victoria_metrics: VictoriaMetrics {
            endpoint: None,
            timeout_s: 10,
            attempts: 3,
            retry_backoff_ms: 300,
            retry_statuses: vec![500],
            failure_budget: 5,
            lag_s: 0,
            rate_window: "2m".to_owned(),
            chunk_days: 7,
            health_latency_ms: 5000,
        },
        metrics: MetricSet::five(),
        model: Model {
            location: ModelsLocation::Folder("models".to_owned()),
            min_training_samples: 500,
            min_multivariate_samples: 1000,
            default_contamination: 0.05,
            contamination_by_category: BTreeMap::new(),
            contamination_by_service: BTreeMap::new(),
            univariate_trees: 200,
            multivariate_trees: 300,
            subsample: 256,
            seed: 42,
        },
        training: training(),
        inference: Inference { max_workers: 4, check_drift: false, drift: DriftLimits::default() },
        detection: detection(),
        services: Services::default(),
        periods: Periods {
            calendar: Calendar::utc(),
            confidence: Period::ALL.into_iter().zip(confidence).collect(),
            min_samples: BTreeMap::new(),
            min_samples_default: MinimumRows { weekday: 200, weekend: 100 },
        },
        state: None,
        fingerprinting: domain::config::incidents::Fingerprinting::default(),
        dependencies: domain::config::incidents::Dependencies::default(),
        alerting: domain::config::incidents::Alerting::default(),
        enrichment: domain::config::enrichment::Enrichment::default(),
        delivery: domain::config::receivers::Delivery::default(),
        slos: None,
        log_level: LogLevel::Info,
    }
}

/// Thirty days of five-minute rows of a service with a daily wave, from Monday 2026-03-02.
pub(crate) fn month() -> Rows {
    const START_S: i64 = 1_772_409_600;
    let count = 30 * 288;
    let times_s: Vec<i64> = (1..=count).map(|i| START_S + i * 300).collect();
    let wave = |i: i64| 1.0 + 0.5 * libm::sin(i as f64 * 2.0 * std::f64::consts::PI / 288.0 - 1.6);
    let noise = |i: i64, salt: i64| {
        let x = (i * 7919 + salt * 104_729) % 1009;
        x as f64 / 1009.0 - 0.5
    };
    let column = |f: &dyn Fn(i64) -> f64| (1..=count).map(f).collect::<Vec<f64>>();
    let columns = vec![
        column(&|i| 50.0 * wave(i) * (1.0 + 0.2 * noise(i, 1))),
        column(&|i| 120.0 * (0.9 + 0.1 * wave(i)) * (1.0 + 0.15 * noise(i, 2))),
        column(&|i| 40.0 * (1.0 + 0.15 * noise(i, 3))),
        column(&|i| 12.0 * (1.0 + 0.2 * noise(i, 4))),
        column(&|i| 0.002 * (1.0 + 0.8 * noise(i, 5))),
    ];
    Rows { times_s, columns, width_s: 300 }
}

/// What the month teaches of business hours; learned once.
pub(crate) fn business_model() -> &'static PeriodModel {
    static MODEL: OnceLock<PeriodModel> = OnceLock::new();
    MODEL.get_or_init(|| {
        let run = RunRecord {
            trained_at_s: 1_775_001_600,
            config_digest: "c0".to_owned(),
            yaga_version: "test".to_owned(),
        };
        let config = config();
        let service = ServiceName::new("booking").unwrap();
        let history = ServiceHistory::new(service, &month(), month(), &config);
        fit_period(&history, Period::BusinessHours, None, None, &config, &run).unwrap().model
    })
}
