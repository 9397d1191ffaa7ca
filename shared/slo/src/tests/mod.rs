//! The layer as a whole: worked examples, laws, and what each setting does.

mod budget;
mod cases;
mod examples;
mod laws;
mod settings;

use std::sync::LazyLock;

use domain::config::{SloSettings, load};
use domain::{Period, ServiceName, Severity};

use crate::{
    Anomaly, Baseline, Baselines, BurnWindow, Counters, Metrics, Situation, Verdict, evaluate,
};

/// The overrides of a small estate, with some limits of their own.
const ESTATE: &str = r#"{"slos": {
    "busy_periods": [{"start": "2026-12-20T00:00:00Z", "end": "2026-12-27T00:00:00Z"}],
    "services": {
        "booking": {
            "latency_acceptable_ms": 300, "latency_warning_ms": 400, "latency_critical_ms": 500,
            "error_rate_acceptable": 0.002, "error_rate_warning": 0.005,
            "error_rate_critical": 0.01, "error_rate_floor": 0.002,
            "database_latency_floor_ms": 0.5,
            "request_rate_evaluation": {
                "cliff": {"standalone_severity": "high", "peak_hours_severity": "critical"},
                "min_expected_rps": {"business_hours": 20, "evening_hours": 10, "night_hours": 2}
            }
        },
        "search": {
            "latency_acceptable_ms": 200, "latency_warning_ms": 350, "latency_critical_ms": 500,
            "database_latency_floor_ms": 0.3,
            "database_latency_ratios": {"info": 1.3, "warning": 1.5, "high": 2, "critical": 3}
        },
        "vms": {
            "latency_acceptable_ms": 800, "latency_warning_ms": 1200, "latency_critical_ms": 2000,
            "error_rate_acceptable": 0.01, "error_rate_warning": 0.02,
            "error_rate_critical": 0.05, "database_latency_floor_ms": 5
        }
    }
}}"#;

/// Reading a document a thousand times is what would take long.
static ESTATE_SETTINGS: LazyLock<SloSettings> = LazyLock::new(|| settings_of(ESTATE));

fn settings_of(document: &str) -> SloSettings {
    let loaded = load(Some(document), &|_| None).unwrap_or_else(|problems| panic!("{problems}"));
    loaded.config.slos.expect("the document has objectives")
}

/// A situation that a test changes where it matters: an ordinary Wednesday at ten.
#[derive(Debug, Clone)]
struct Case {
    settings: SloSettings,
    service: ServiceName,
    at: &'static str,
    period: Period,
    metrics: Metrics,
    baselines: Baselines,
    anomalies: Vec<Anomaly>,
    overall: Option<Severity>,
    burn: Vec<BurnWindow>,
    window_s: u32,
}

impl Case {
    fn new(service: &str) -> Case {
        Case {
            settings: ESTATE_SETTINGS.clone(),
            service: ServiceName::new(service).unwrap(),
            at: "2026-03-04T10:00:00Z",
            period: Period::BusinessHours,
            metrics: Metrics {
                application_latency_ms: Some(120.0),
                error_rate: Some(0.001),
                request_rate_rps: Some(40.0),
                database_latency_ms: None,
            },
            baselines: Baselines::default(),
            anomalies: Vec::new(),
            overall: None,
            burn: Vec::new(),
            window_s: 300,
        }
    }

    fn latency(mut self, value_ms: f64) -> Case {
        self.metrics.application_latency_ms = Some(value_ms);
        self
    }

    fn errors(mut self, share: f64) -> Case {
        self.metrics.error_rate = Some(share);
        self
    }

    fn rps(mut self, value: f64) -> Case {
        self.metrics.request_rate_rps = Some(value);
        self
    }

    fn database(mut self, value_ms: f64, usual_ms: Option<f64>) -> Case {
        self.metrics.database_latency_ms = Some(value_ms);
        self.baselines.database_latency_ms = Baseline::of_period(usual_ms);
        self
    }

    fn usual_rps(mut self, value: f64) -> Case {
        self.baselines.request_rate_rps = Baseline::of_period(Some(value));
        self
    }

    fn anomaly(mut self, name: &str, severity: Severity) -> Case {
        let root = ["application_latency", "database_latency", "error_rate", "request_rate"]
            .into_iter()
            .find(|metric| name.starts_with(metric));
        self.anomalies.push(Anomaly::new(name, root, severity));
        self
    }

    fn busy(mut self) -> Case {
        self.at = "2026-12-24T10:00:00Z";
        self
    }

    fn in_period(mut self, period: Period) -> Case {
        self.period = period;
        self
    }

    fn run(&self) -> Verdict {
        let verdict = evaluate(
            &self.settings,
            &Situation {
                service: &self.service,
                at: self.at.parse().unwrap(),
                period: self.period,
                metrics: self.metrics,
                window_s: self.window_s,
                baselines: self.baselines,
                anomalies: &self.anomalies,
                overall_severity: self.overall,
                burn: &self.burn,
            },
        );
        check_invariants(self, &verdict);
        verdict
    }
}

/// What holds for every verdict.
fn check_invariants(case: &Case, verdict: &Verdict) {
    let evaluation = &verdict.evaluation;
    let indices: Vec<usize> = verdict.kept.iter().map(|kept| kept.index).collect();
    let mut all = indices.clone();
    all.extend(evaluation.suppressed.iter().map(|dropped| dropped.index));
    all.sort_unstable();
    assert_eq!(all, (0..case.anomalies.len()).collect::<Vec<_>>());
    assert!(indices.is_sorted());
    let of_kept = verdict.kept.iter().map(|kept| kept.severity);
    let worst = of_kept.chain(verdict.synthetic.iter().map(|made| made.severity)).max();
    let is_locked = case.anomalies.iter().any(|anomaly| anomaly.is_locked);
    if let Some(worst) = worst
        && !is_locked
    {
        assert_eq!(worst, evaluation.adjusted_severity, "{verdict:#?}");
    }
    assert!(!evaluation.explanation.is_empty());
    let counters = Counters::of(verdict);
    assert_eq!(counters.suppressions as usize, evaluation.suppressed.len());
    assert_eq!(counters.unavailable > 0, evaluation.is_incomplete);
}
