//! Goldens of the wire form, each valid against the published schema.

use domain::config::load;
use domain::{Period, ServiceName, Severity};
use serde_json::Value;
use slo::{Anomaly, Baseline, Baselines, BurnWindow, Metrics, Situation, Verdict};

use crate::schema::slo_schema;

/// A situation of the service `booking`, with an anomaly on each metric, or none.
fn verdict(metrics: Metrics, anomalies: &[&str], burn: &[BurnWindow]) -> Verdict {
    let document = r#"{"slos": {"services": {"booking": {"error_budget": {"objective": 0.999}}}}}"#;
    let settings = load(Some(document), &|_| None).unwrap().config.slos.unwrap();
    let anomalies: Vec<Anomaly> = anomalies
        .iter()
        .map(|metric| Anomaly::new(&format!("{metric}_unusual"), Some(metric), Severity::Medium))
        .collect();
    slo::evaluate(
        &settings,
        &Situation {
            service: &ServiceName::new("booking").unwrap(),
            at: "2026-03-04T10:00:00Z".parse().unwrap(),
            period: Period::BusinessHours,
            metrics,
            window_s: 300,
            baselines: Baselines {
                request_rate_rps: Baseline::of_period(Some(100.0)),
                database_latency_ms: Baseline::of_period(Some(10.0 / 3.0)),
            },
            anomalies: &anomalies,
            overall_severity: None,
            burn,
        },
    )
}

/// Renders, validates, and reads back.
#[track_caller]
fn checked(verdict: &Verdict) -> Value {
    let wire = super::evaluation(&verdict.evaluation);
    let json = serde_json::to_value(&wire).unwrap();
    let validator = jsonschema::validator_for(&slo_schema()).unwrap();
    let errors: Vec<String> = validator.iter_errors(&json).map(|it| it.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}\n{json:#}");
    assert_eq!(serde_json::from_value::<super::SloEvaluation>(json.clone()).unwrap(), wire);
    json
}

fn metrics(latency: f64, errors: f64, rps: f64, database: f64) -> Metrics {
    Metrics {
        application_latency_ms: Some(latency),
        error_rate: Some(errors),
        request_rate_rps: Some(rps),
        database_latency_ms: Some(database),
    }
}

#[test]
fn a_breach_with_everything() {
    let burn = |length_s| BurnWindow { length_s, error_share: 0.02, requests: 30_000.0 };
    let found = verdict(metrics(850.44, 0.031, 250.0, 12.3), &[], &[burn(3_600), burn(300)]);
    insta::assert_json_snapshot!(checked(&found), @r#"
        {
          "adjusted_severity": "critical",
          "database_latency_evaluation": {
            "baseline_mean_ms": 3.33,
            "below_floor": false,
            "floor_ms": 1.0,
            "ratio": 3.69,
            "status": "high",
            "thresholds": {
              "critical": 5.0,
              "high": 3.0,
              "info": 1.5,
              "warning": 2.0
            },
            "value_ms": 12.3
          },
          "driver": "error_rate",
          "error_budget_evaluation": {
            "burn_rates": [
              {
                "burn_rate": 20.0,
                "window_minutes": 5.0
              },
              {
                "burn_rate": 20.0,
                "window_minutes": 60.0
              }
            ],
            "minutes_to_exhaustion": 2160.0,
            "objective": 0.999,
            "remaining": null,
            "status": "breached"
          },
          "error_rate_evaluation": {
            "p_value": 0.0,
            "proximity": 1.55,
            "status": "breached",
            "threshold_acceptable": 0.005,
            "threshold_critical": 0.02,
            "threshold_warning": 0.01,
            "value": 0.031,
            "value_percent": "3.10%"
          },
          "explanation": "Severity changed from none to critical. Latency 850 ms is at or above the warning limit 800 ms (critical 1000 ms). Error rate 3.10 % breaks the critical limit 2.00 %. Database latency 12.3 ms is high: 3.7 times the usual 3.3 ms, limit 3 times. Traffic surge: 250.00 req/s, 2.50 times the usual 100.00, with errors. Error budget of 0.10 % burns 20.0 times as fast as it lasts: used up in 2160 min.",
          "is_busy_period": false,
          "latency_evaluation": {
            "proximity": 0.85,
            "status": "warning",
            "threshold_acceptable": 500.0,
            "threshold_critical": 1000.0,
            "threshold_warning": 800.0,
            "value": 850.44
          },
          "matrix_outcome": "critical",
          "operational_impact": "critical",
          "original_severity": "none",
          "request_rate_evaluation": {
            "baseline_mean_rps": 100.0,
            "correlated_with_errors": true,
            "correlated_with_latency": true,
            "explanation": "Traffic surge: 250.00 req/s, 2.50 times the usual 100.00, with errors.",
            "ratio": 2.5,
            "severity": "high",
            "status": "high",
            "threshold_percent": 200.0,
            "type": "surge",
            "value_rps": 250.0
          },
          "severity_changed": true,
          "slo_proximity": 1.55,
          "slo_status": "breached"
        }
        "#);
}

#[test]
fn an_anomaly_within_limits_and_one_that_is_dropped() {
    let anomalies = ["application_latency", "database_latency"];
    let found = verdict(metrics(120.0, 0.001, 40.0, 0.4), &anomalies, &[]);
    insta::assert_json_snapshot!(checked(&found), @r#"
        {
          "adjusted_severity": "high",
          "database_latency_evaluation": {
            "baseline_mean_ms": 3.3333333333333335,
            "below_floor": true,
            "floor_ms": 1.0,
            "ratio": 0.0,
            "status": "ok",
            "value_ms": 0.4
          },
          "error_rate_evaluation": {
            "proximity": 0.05,
            "status": "ok",
            "threshold_acceptable": 0.005,
            "threshold_critical": 0.02,
            "threshold_warning": 0.01,
            "value": 0.001,
            "value_percent": "0.10%"
          },
          "explanation": "1 anomaly suppressed: too small to matter. Severity changed from medium to high. Within acceptable limits: latency 120 ms (limit 500 ms), error rate 0.10 % (limit 0.50 %). Database latency 0.40 ms is below its floor of 1.00 ms. Traffic cliff: 40.00 req/s, 0.40 times the usual 100.00. So few requests are high at least, whatever else holds.",
          "is_busy_period": false,
          "latency_evaluation": {
            "proximity": 0.12,
            "status": "ok",
            "threshold_acceptable": 500.0,
            "threshold_critical": 1000.0,
            "threshold_warning": 800.0,
            "value": 120.0
          },
          "matrix_outcome": "informational",
          "operational_impact": "informational",
          "original_severity": "medium",
          "request_rate_evaluation": {
            "baseline_mean_rps": 100.0,
            "correlated_with_errors": false,
            "explanation": "Traffic cliff: 40.00 req/s, 0.40 times the usual 100.00.",
            "is_peak_hours": true,
            "ratio": 0.4,
            "severity": "high",
            "status": "high",
            "threshold_percent": 50.0,
            "type": "cliff",
            "value_rps": 40.0
          },
          "severity_changed": true,
          "slo_proximity": 0.12,
          "slo_status": "ok",
          "suppressed": [
            {
              "metric": "database_latency",
              "name": "database_latency_unusual",
              "reason": "database latency 0.40 ms is below its floor of 1.00 ms",
              "threshold": 1.0,
              "value": 0.4
            }
          ],
          "traffic_floor": "high"
        }
        "#);
}

#[test]
fn nothing_was_collected() {
    let json = checked(&verdict(Metrics::default(), &[], &[]));
    for part in ["latency", "error_rate", "database_latency", "request_rate"] {
        assert_eq!(json[format!("{part}_evaluation")]["status"], "unavailable", "{part}");
    }
    assert_eq!(json["incomplete"], true);
    assert_eq!(json["latency_evaluation"]["value"], Value::Null);
}

#[test]
fn contexts_and_anomalies_of_objectives() {
    let all = ["application_latency", "error_rate", "database_latency", "request_rate"];
    let found = verdict(metrics(620.0, 0.006, 40.0, 12.3), &all, &[]);
    let contexts: Vec<_> =
        found.kept.iter().filter_map(|kept| kept.context.as_ref()).map(super::context).collect();
    for context in &contexts {
        let json = serde_json::to_value(context).unwrap();
        assert_eq!(&serde_json::from_value::<super::SloContext>(json).unwrap(), context);
    }
    insta::assert_json_snapshot!(contexts, @r#"
        [
          {
            "current_value_ms": 620.0,
            "acceptable_threshold_ms": 500.0,
            "critical_threshold_ms": 1000.0,
            "within_acceptable": false,
            "is_busy_period": false
          },
          {
            "current_value": 0.006,
            "current_value_percent": "0.60%",
            "acceptable_threshold": 0.005,
            "critical_threshold": 0.02,
            "suppression_threshold": 0.005,
            "within_acceptable": false,
            "is_busy_period": false
          },
          {
            "current_value_ms": 12.3,
            "baseline_mean_ms": 3.3333333333333335,
            "ratio": 3.69,
            "floor_ms": 1.0,
            "below_floor": false,
            "thresholds": {
              "info": 1.5,
              "warning": 2.0,
              "high": 3.0,
              "critical": 5.0
            },
            "within_acceptable": false,
            "is_busy_period": false
          },
          {
            "current_value_rps": 40.0,
            "baseline_mean_rps": 100.0,
            "ratio": 0.4,
            "surge_threshold_percent": 200.0,
            "cliff_threshold_percent": 50.0,
            "is_surge": false,
            "is_cliff": true,
            "is_busy_period": false
          }
        ]
        "#);
    let alone = verdict(metrics(1200.0, 0.001, 100.0, 3.0), &[], &[]);
    let made = super::synthetic(&alone.synthetic[0], Period::BusinessHours, 0.9);
    insta::assert_json_snapshot!(made, @r#"
        {
          "type": "slo_threshold",
          "severity": "critical",
          "confidence": 1.0,
          "score": 0.0,
          "description": "Latency 1200 ms: the objective is breached",
          "interpretation": "Beyond an objective, though not unusual for this service.",
          "business_impact": "Users get less than they were promised.",
          "root_metric": "application_latency",
          "signal_count": 1,
          "value": 1200.0,
          "detection_signals": [
            {
              "method": "slo_threshold",
              "type": "slo_threshold",
              "metric": "application_latency",
              "severity": "critical",
              "severity_source": "rule",
              "score": 0.0
            }
          ],
          "possible_causes": [],
          "recommended_actions": [],
          "checks": [],
          "contributing_metrics": [
            "application_latency"
          ],
          "comparison_data": {},
          "time_confidence": 0.9,
          "detected_by_model": "business_hours"
        }
        "#);
}
