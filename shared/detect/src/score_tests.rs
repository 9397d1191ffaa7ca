use domain::{MetricSet, Period, ServiceName};

use super::*;
use crate::fit::{RunRecord, ServiceHistory, Shortfall, fit_period};
use crate::model::PeriodModel;
use crate::testing::{config, detection, month};

fn run() -> RunRecord {
    RunRecord {
        trained_at_s: 1_775_001_600,
        config_digest: "c0".to_owned(),
        yaga_version: "test".to_owned(),
    }
}

fn business_model() -> PeriodModel {
    let config = config();
    let service = ServiceName::new("booking").unwrap();
    let history = ServiceHistory::new(service, &month(), month(), &config);
    fit_period(&history, Period::BusinessHours, None, None, &config, &run()).unwrap().model
}

fn observe(values: [f64; 5]) -> Observation {
    Observation {
        at_s: 1_775_001_600,
        requests: Some(values[0] * 300.0),
        values: values.iter().map(|v| Some(*v).filter(|v| v.is_finite())).collect(),
    }
}

const NORMAL: [f64; 5] = [70.0, 125.0, 40.0, 12.0, 0.002];

fn judge(model: &PeriodModel, values: [f64; 5]) -> Assessment {
    let (metrics, detection) = (MetricSet::five(), detection());
    let settings = ScoreSettings { metrics: &metrics, detection: &detection, is_fallback: false };
    assess(model, &observe(values), &Features::default(), &settings)
}

#[test]
fn the_model_of_clean_data_passes_its_gate() {
    let model = business_model();
    assert!(model.gate.passed, "{:?}", model.gate.reasons());
    assert!(model.gate.rates.faults_injected > 300);
    assert!(model.multivariate.is_some());
    // Ten hours and two edges on each of 22 weekdays.
    assert_eq!(model.training.rows_training + model.training.rows_validation, 22 * 132);
    assert_eq!(model.training.rows_training, 2323);
    for metric in &model.metrics {
        let forest = metric.forest.as_ref().unwrap();
        assert!(forest.calibration.thresholds.unwrap().is_monotone());
    }
}

#[test]
fn training_twice_gives_the_same_model() {
    assert_eq!(business_model(), business_model());
}

#[test]
fn held_out_rows_do_not_reach_the_forests() {
    let config = config();
    let mut rows = month();
    let service = ServiceName::new("booking").unwrap();
    let fit = |rows: &crate::rows::Rows| {
        let history = ServiceHistory::new(service.clone(), rows, rows.clone(), &config);
        fit_period(&history, Period::BusinessHours, None, None, &config, &run()).unwrap().model
    };
    let before = fit(&rows);
    let last = rows.len() - 300;
    for column in &mut rows.columns {
        column[last..].iter_mut().for_each(|value| *value *= 1.5);
    }
    let after = fit(&rows);
    for (a, b) in before.metrics.iter().zip(&after.metrics) {
        assert_eq!(a.statistics, b.statistics);
        assert_eq!(a.transform, b.transform);
        assert_eq!(a.forest.as_ref().unwrap().steps, b.forest.as_ref().unwrap().steps);
    }
    assert_eq!(before.drift, after.drift);
}

#[test]
fn faults_are_signals_on_the_right_metric() {
    let model = business_model();
    assert!(judge(&model, NORMAL).signals.is_empty());
    for (index, factor, metric, direction) in [
        (1, 4.0, "application_latency", Direction::High),
        (2, 4.0, "dependency_latency", Direction::High),
        (3, 5.0, "database_latency", Direction::High),
        (4, 30.0, "error_rate", Direction::High),
        (0, 4.0, "request_rate", Direction::High),
    ] {
        let mut values = NORMAL;
        values[index] *= factor;
        let found = judge(&model, values);
        assert_eq!(found.signals.len(), 1, "{metric}");
        assert_eq!(found.signals[0].metric, metric);
        assert_eq!(found.signals[0].direction, direction);
        assert!(found.signals[0].severity >= Severity::High, "{:?}", found.signals[0]);
    }
}

#[test]
fn an_outage_is_critical_and_silences_everything_else() {
    let model = business_model();
    let found = judge(&model, [0.0, 900.0, f64::NAN, f64::NAN, 0.9]);
    assert_eq!(found.signals.len(), 1);
    assert_eq!(found.signals[0].metric, "request_rate");
    assert_eq!(found.signals[0].severity, Severity::Critical);
}

#[test]
fn improvements_and_missing_values_are_no_signals() {
    let model = business_model();
    let mut values = NORMAL;
    (values[2], values[3], values[4]) = (1.0, 0.5, 0.0);
    assert!(judge(&model, values).signals.is_empty());
    let missing = judge(&model, [70.0, f64::NAN, f64::NAN, f64::NAN, f64::NAN]);
    assert!(missing.signals.is_empty());
    assert_eq!(missing.combination, None);
}

#[test]
fn low_latency_matters_only_with_errors() {
    let model = business_model();
    let mut values = NORMAL;
    values[1] = 20.0;
    assert!(judge(&model, values).signals.is_empty());
    values[4] = 0.08;
    let metrics: Vec<_> = judge(&model, values).signals.into_iter().map(|s| s.metric).collect();
    assert!(metrics.contains(&"application_latency".to_owned()), "{metrics:?}");
}

#[test]
fn a_handful_of_requests_says_nothing_about_errors() {
    let model = business_model();
    let (metrics, detection) = (MetricSet::five(), detection());
    let settings = ScoreSettings { metrics: &metrics, detection: &detection, is_fallback: false };
    let mut seen = observe([70.0, 900.0, 40.0, 12.0, 0.5]);
    assert!(!assess(&model, &seen, &Features::default(), &settings).signals.is_empty());
    seen.requests = Some(19.0);
    assert!(assess(&model, &seen, &Features::default(), &settings).signals.is_empty());
}

#[test]
fn a_few_failures_are_chance() {
    let model = business_model();
    let (metrics, detection) = (MetricSet::five(), detection());
    let settings = ScoreSettings { metrics: &metrics, detection: &detection, is_fallback: false };
    let mut seen = observe([70.0, 125.0, 40.0, 12.0, 0.02]);
    for (requests, is_signal) in [(100.0, false), (200.0, true), (20_000.0, true)] {
        seen.requests = Some(requests);
        let found = assess(&model, &seen, &Features::default(), &settings);
        assert_eq!(!found.signals.is_empty(), is_signal, "{requests} requests");
    }
}

#[test]
fn a_fallback_model_knows_nothing_about_traffic() {
    let model = business_model();
    let (metrics, detection) = (MetricSet::five(), detection());
    let settings = ScoreSettings { metrics: &metrics, detection: &detection, is_fallback: true };
    let mut values = NORMAL;
    values[0] *= 5.0;
    assert!(assess(&model, &observe(values), &Features::default(), &settings).signals.is_empty());
}

#[test]
fn far_outside_the_training_range_severity_still_grows() {
    let model = business_model();
    let at = |latency: f64| {
        let mut values = NORMAL;
        values[1] = latency;
        judge(&model, values).signals.first().map_or(Severity::None, |s| s.severity)
    };
    assert!(at(10_000.0) == Severity::Critical);
    let mut last = Severity::None;
    for step in 0..60 {
        let now = at(125.0 * 1.1_f64.powi(step));
        assert!(now >= last, "severity fell from {last} to {now}");
        last = now;
    }
}

#[test]
fn too_little_history_says_what_is_missing() {
    let config = config();
    let service = ServiceName::new("booking").unwrap();
    let fit = |rows: crate::rows::Rows, period| {
        let history = ServiceHistory::new(service.clone(), &rows, rows.clone(), &config);
        fit_period(&history, period, None, None, &config, &run()).unwrap_err()
    };
    let none = month().filter(|_| false);
    assert_eq!(fit(none, Period::NightHours), Shortfall::ServiceRows { rows: 0, needed: 2000 });
    let start = month().times_s[0];
    let week = month().filter(|time| time < start + 7 * 86_400 + 3 * 3600);
    assert!(matches!(
        fit(week, Period::WeekendNight),
        Shortfall::PeriodRows { .. } | Shortfall::ServiceRows { .. } | Shortfall::NoForest { .. }
    ));
    let mut constant = month();
    for column in &mut constant.columns {
        column.iter_mut().for_each(|value| *value = 1.0);
    }
    let error = fit(constant, Period::BusinessHours).to_string();
    assert!(error.starts_with("no metric has enough varying values: request_rate (constant"));
}
