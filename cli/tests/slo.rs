//! `yaga slo`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Ran, yaga};
use tempfile::TempDir;

const DOCUMENT: &str = r#"{
    "time_periods": {"timezone": "Europe/Paris"},
    "services": {"critical": ["booking"], "standard": ["catalog"]},
    "slos": {
        "defaults": {"latency_critical_ms": 1100},
        "busy_periods": [{"start": "2026-12-20T10:00", "end": "2026-12-20T18:00"}],
        "services": {"booking": {"latency_acceptable_ms": 300, "latency_critical_ms": 500}}
    }
}"#;

fn folder(document: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("yaga.json"), document).unwrap();
    folder
}

/// Runs `yaga slo evaluate` with a situation on standard input.
fn evaluate(folder: &Path, arguments: &str, situation: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_yaga"))
        .args(["slo", "evaluate"])
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its configuration does not read.
    let _ = child.stdin.take().unwrap().write_all(situation.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

const SITUATION: &str = r#"{
    "service": "booking",
    "metrics": {
        "application_latency": 450, "error_rate": 0.001, "request_rate": 52,
        "database_latency": 0.4, "request_rate_mean": 50, "database_latency_mean": 3
    },
    "anomalies": {"database_latency_high": "high", "latency_spike": "critical"},
    "overall_severity": "critical",
    "time_period": "business_hours",
    "timestamp": "2026-03-04T10:00:00Z"
}"#;

#[test]
fn a_situation_is_judged() {
    let folder = folder(DOCUMENT);
    let ran = evaluate(folder.path(), "", SITUATION);
    assert_eq!(ran.code, 0, "{ran:?}");
    insta::assert_snapshot!(ran.out);
    let json = evaluate(folder.path(), "--json", SITUATION).json();
    assert_eq!(json["slo_status"], "warning");
    assert_eq!(json["original_severity"], "critical");
    assert_eq!(json["adjusted_severity"], "high");
    assert_eq!(json["latency_evaluation"]["threshold_warning"], 400.0);
    assert_eq!(json["suppressed"][0]["name"], "database_latency_high");
    let anomalies = json["anomalies"].as_object().unwrap();
    assert_eq!(anomalies.len(), 1);
    assert_eq!(anomalies["latency_spike"]["severity"], "high");
    assert_eq!(anomalies["latency_spike"]["ml_severity"], "critical");
    assert_eq!(anomalies["latency_spike"]["slo_context"]["current_value_ms"], 450.0);
}

#[test]
fn what_is_not_said_is_looked_up() {
    let folder = folder(DOCUMENT);
    let judge = |situation: &str| evaluate(folder.path(), "--json", situation).json();
    // 11:00 in Paris, without an offset.
    let busy = r#"{"service": "catalog", "timestamp": "2026-12-20T11:00:00",
        "metrics": {"server_latency_avg": 0, "application_latency": 700, "error_rate": null}}"#;
    let json = judge(busy);
    assert_eq!(json["is_busy_period"], true);
    assert_eq!(json["slo_status"], "ok", "the limit is 750 now");
    assert_eq!(json["error_rate_evaluation"]["status"], "unavailable");
    assert_eq!(json["incomplete"], true);
    // Saturday night in Paris: 0.5 requests a second are enough there.
    let night = r#"{"service": "catalog", "timestamp": "2026-03-07T22:30:00Z",
        "metrics": {"request_rate": 0.5}}"#;
    assert_eq!(judge(night)["request_rate_evaluation"]["min_expected_rps"], 0.2);
    let full = r#"{"service": "catalog", "metrics": {"dependency_latency": 12, "application_latency": 90},
        "anomalies": {"slow": {"severity": "medium", "root_metric": "dependency_latency"}}}"#;
    let context = judge(full)["anomalies"]["slow"]["slo_context"].clone();
    assert_eq!(context["current_value_ms"], 12.0);
}

#[test]
fn situations_that_make_no_sense_are_refused() {
    let with_slos = folder(DOCUMENT);
    let mut text = String::new();
    for situation in [
        "",
        "{",
        r#"{"service": "booking"}"#,
        r#"{"service": "", "metrics": {}}"#,
        r#"{"service": "booking", "metrics": {}, "anomaly": {}}"#,
        r#"{"service": "booking", "metrics": {"error_rate": 2}}"#,
        r#"{"service": "booking", "metrics": {"request_rate": -1}}"#,
        r#"{"service": "booking", "metrics": {}, "anomalies": {"a": "severe"}}"#,
        r#"{"service": "booking", "metrics": {}, "overall_severity": "bad"}"#,
        r#"{"service": "booking", "metrics": {}, "time_period": "lunch"}"#,
        r#"{"service": "booking", "metrics": {}, "timestamp": "yesterday"}"#,
        r#"{"service": "booking", "metrics": {}, "timestamp": "2026-03-29T02:30:00"}"#,
    ] {
        let ran = evaluate(with_slos.path(), "", situation);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{situation}");
        // The configuration has a warning of its own.
        let error = ran.err.lines().find(|line| line.starts_with("error")).unwrap();
        text += &format!("{situation}\n  {error}\n");
    }
    insta::assert_snapshot!(text);
    let without = folder("{}");
    let ran = evaluate(without.path(), "--json", SITUATION);
    insta::assert_snapshot!(ran.all());
    assert_eq!(yaga(without.path(), "slo show booking").all(), ran.all());
}

#[test]
fn thresholds_are_shown_with_their_source() {
    let folder = folder(DOCUMENT);
    let ran = yaga(folder.path(), "slo show booking --at 2026-12-20T12:00:00Z");
    assert_eq!(ran.code, 0, "{ran:?}");
    insta::assert_snapshot!(ran.out);
    let json = yaga(folder.path(), "slo show booking --at 2026-12-21T12:00:00Z --json").json();
    assert_eq!(json["is_busy_period"], false);
    let threshold = |key: &str| {
        let all = json["thresholds"].as_array().unwrap();
        let found = all.iter().find(|threshold| threshold["key"] == key).unwrap();
        (found["value"].clone(), found["from"].as_str().unwrap().to_owned())
    };
    assert_eq!(threshold("latency_critical_ms"), (500.0.into(), "service".into()));
    assert_eq!(threshold("latency_warning_ms"), (400.0.into(), "between its neighbours".into()));
    assert_eq!(threshold("error_rate_critical"), (0.02.into(), "built in".into()));
    let json = yaga(folder.path(), "slo show catalog --json").json();
    assert_eq!(json["thresholds"][2]["from"], "slos.defaults");
    // What is shown is what the configuration knows.
    let shown = json["thresholds"].as_array().unwrap();
    let known = yaga(folder.path(), "config check --effective --json").json();
    let known = known["settings"].as_array().unwrap();
    let is_known = |key: &str| {
        key == "error_budget.objective"
            || known.iter().any(|setting| setting["path"] == format!("slos.defaults.{key}"))
    };
    assert!(shown.iter().all(|it| is_known(it["key"].as_str().unwrap())));
    let defaults =
        known.iter().filter(|it| it["path"].as_str().unwrap().starts_with("slos.defaults."));
    assert_eq!(shown.len(), defaults.count() + 1);
}
