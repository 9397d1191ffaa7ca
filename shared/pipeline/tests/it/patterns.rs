//! Patterns end to end: faults in a simulated fleet, and the words of the answer.

use std::fmt::Write as _;

use domain::Severity;
use payload::result::{Anomaly, Evaluation};

use crate::fleet::{Fleet, NOON, names};

/// The answer about a service after its metrics were multiplied.
async fn broken(changes: &[(&str, f64)]) -> Evaluation {
    broken_of(0, changes).await
}

async fn broken_of(index: usize, changes: &[(&str, f64)]) -> Evaluation {
    let mut fleet = Fleet::trained();
    let service = &names()[index];
    for (metric, factor) in changes {
        fleet.break_metric(metric, service, NOON, *factor);
    }
    let cycle = fleet.infer(NOON).await.unwrap();
    let result = cycle.results.iter().find(|it| it.service_name() == service.as_str()).unwrap();
    let json = serde_json::to_value(result).unwrap();
    let validator = jsonschema::validator_for(&payload::schema::result_schema()).unwrap();
    let problems: Vec<String> = validator.iter_errors(&json).map(|e| e.to_string()).collect();
    assert!(problems.is_empty(), "{problems:?}");
    result.evaluation().unwrap().clone()
}

/// What people read of an anomaly.
fn words(evaluation: &Evaluation) -> String {
    let mut text = String::new();
    for (name, it) in &evaluation.anomalies {
        let (severity, root) = (it.severity, it.root_metric.as_deref().unwrap_or("-"));
        let onset = it.onset.as_deref().unwrap_or("-");
        let _ = writeln!(text, "{name}: {severity}, {root}, {onset}, {}", it.kind);
        let _ = writeln!(text, "{}\n{}\n{}", it.description, it.interpretation, it.business_impact);
        let _ = writeln!(text, "{}", it.recommended_actions.join("\n"));
        for reason in &it.severity_adjustments {
            let _ = writeln!(text, "({reason})");
        }
        check(it);
    }
    text.trim_end().to_owned()
}

/// What holds for every anomaly.
#[track_caller]
fn check(it: &Anomaly) {
    let shares = it.feature_contributions.as_ref().expect("an explanation");
    let sum: f64 = shares.iter().map(|it| it.contribution).sum();
    assert!((sum - 1.0).abs() < 1e-9, "{shares:?}");
    assert_eq!(it.signal_count as usize, it.detection_signals.len());
    let all = serde_json::to_string(it).unwrap();
    let words = format!("{} {} {:?}", it.description, it.interpretation, it.recommended_actions);
    assert!(!words.contains(['{', '}']), "{words}");
    assert!(!all.contains("null"), "absent, not null: {all}");
    for signal in it.detection_signals.iter().filter(|it| it.method == "seasonal_residual") {
        assert!(signal.metric.is_some() && signal.explanation.is_some());
        let compared = &it.comparison_data[signal.metric.as_ref().unwrap()];
        let expected = compared.expected.as_ref().expect("a band");
        assert!(expected.low < expected.usual && expected.usual < expected.high);
        let is_outside = compared.current < expected.low || compared.current > expected.high;
        assert!(is_outside, "{compared:?}");
    }
}

#[tokio::test]
async fn slow_answers_at_normal_load() {
    let found = broken(&[("application_latency", 4.0)]).await;
    insta::assert_snapshot!(words(&found));
    let pattern = found.anomalies.values().next().unwrap().detection_signals.last().unwrap();
    assert_eq!(pattern.method, "named_pattern_matching");
    assert_eq!(pattern.pattern.as_deref(), Some("application_latency_bottleneck"));
    assert!(found.metadata.models_used.contains(&"named_pattern_matching".to_owned()));
    for feature in ["named_patterns", "interpretations", "contextual_severity", "recommendations"] {
        assert!(found.metadata.features[feature], "{feature}");
    }
}

#[tokio::test]
async fn many_failures_at_normal_load() {
    insta::assert_snapshot!(words(&broken(&[("error_rate", 60.0)]).await));
}

#[tokio::test]
async fn more_load_than_the_service_can_bear() {
    let changes = [("request_rate", 4.0), ("application_latency", 5.0), ("error_rate", 80.0)];
    insta::assert_snapshot!(words(&broken(&changes).await));
}

#[tokio::test]
async fn a_healthy_surge_is_low() {
    let found = broken(&[("request_rate", 5.0)]).await;
    assert_eq!(found.overall_severity, Severity::Low);
    insta::assert_snapshot!(words(&found));
}

#[tokio::test]
async fn traffic_that_does_not_come() {
    insta::assert_snapshot!(words(&broken(&[("request_rate", 0.1)]).await));
}

#[tokio::test]
async fn a_slow_database_that_answers_feel() {
    let changes = [("database_latency", 12.0), ("application_latency", 3.0)];
    insta::assert_snapshot!(words(&broken_of(2, &changes).await));
}

#[tokio::test]
async fn drift_is_told_only_where_it_is_asked_for() {
    let mut fleet = Fleet::trained();
    let quiet = fleet.infer(NOON).await.unwrap();
    let evaluation = quiet.results[0].evaluation().unwrap();
    assert_eq!((&evaluation.drift_analysis, &evaluation.drift_warning), (&None, &None));
    assert!(!evaluation.performance_info.drift_check_enabled);
    let mut fleet = Fleet::trained();
    fleet.config = crate::fleet::config(r#"{"inference": {"check_drift": true}}"#);
    let cycle = fleet.infer(NOON).await.unwrap();
    for result in &cycle.results {
        let evaluation = result.evaluation().unwrap();
        let analysis = evaluation.drift_analysis.as_ref().expect("a check");
        assert_eq!((analysis.has_drift, analysis.basis.as_str()), (false, "window"));
        assert_eq!(evaluation.drift_warning, None, "a usual day is no drift");
        assert!(evaluation.performance_info.drift_check_enabled);
    }
}

#[tokio::test]
async fn a_day_at_another_level_is_drift() {
    let mut fleet = Fleet::trained();
    fleet.config = crate::fleet::config(r#"{"inference": {"check_drift": true}}"#);
    let service = &names()[0];
    fleet.alter_for("application_latency", service, NOON, 27 * 3600, |value| value * 4.0);
    let cycle = fleet.infer(NOON).await.unwrap();
    let result = cycle.results.iter().find(|it| it.service_name() == service.as_str()).unwrap();
    let evaluation = result.evaluation().unwrap();
    let warning = evaluation.drift_warning.as_ref().expect("a warning");
    assert_eq!(warning.affected_metrics, ["application_latency"]);
    assert_eq!(evaluation.performance_info.drift_penalty_applied, 0.30);
    assert_eq!(warning.confidence_penalty_applied, 0.30);
    for anomaly in evaluation.anomalies.values() {
        let before = anomaly.original_confidence.unwrap();
        assert!((anomaly.confidence - 0.7 * before).abs() < 1e-3);
        assert_eq!(anomaly.drift_warning, Some(true));
    }
}
