//! `yaga config` and `yaga period`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fs;

use common::{yaga, yaga_with};
use tempfile::TempDir;

fn with_document(text: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("yaga.json"), text).unwrap();
    folder
}

#[test]
fn a_valid_configuration_says_so() {
    let folder = with_document(
        r#"{"services": {"core": ["booking"]}, "services_meta": {"x": {"timezone": "UTC"}}}"#,
    );
    let ran = yaga_with(folder.path(), "config check", &[("MODELS_DIR", "m")]);
    insta::assert_snapshot!(ran.all());
    let none = yaga(tempfile::tempdir().unwrap().path(), "config check");
    insta::assert_snapshot!(none.all());
}

#[test]
fn all_problems_come_at_once() {
    let folder = with_document(
        r#"{"modle": {}, "training": {"lookback_days": "30"}, "model": {"random_state": -1}}"#,
    );
    let ran = yaga(folder.path(), "config check");
    insta::assert_snapshot!(ran.all());
    let ran = yaga(folder.path(), "config check --json");
    let json = ran.json();
    assert_eq!((ran.code, &json["valid"]), (2, &false.into()));
    assert_eq!(json["errors"].as_array().unwrap().len(), 3);
    let broken = with_document("{\"training\": ");
    let ran = yaga(broken.path(), "config check");
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("not JSON at line 1"), "{ran:?}");
    let ran = yaga(folder.path(), "config check --config missing.json");
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("missing.json cannot be read"), "{ran:?}");
}

#[test]
fn effective_settings_have_their_source() {
    let folder = with_document(r#"{"training": {"lookback_days": 14}}"#);
    let arguments = "config check --effective --json";
    let json = yaga_with(folder.path(), arguments, &[("MODELS_DIR", "elsewhere")]).json();
    let settings = json["settings"].as_array().unwrap();
    let of = |path: &str| {
        let found = settings.iter().find(|setting| setting["path"] == path).unwrap();
        (found["value"].clone(), found["source"].as_str().unwrap().to_owned())
    };
    assert_eq!(of("training.lookback_days"), (14.into(), "document".into()));
    assert_eq!(of("model.models_directory"), ("elsewhere".into(), "MODELS_DIR".into()));
    assert_eq!(of("model.random_state").1, "default");
    let text = yaga(folder.path(), "config check --effective").out;
    let line = text.lines().find(|line| line.contains("training.lookback_days")).unwrap();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>()[1..], ["14", "document"]);
}

#[test]
fn the_schema_is_the_published_one() {
    let folder = tempfile::tempdir().unwrap();
    let json = yaga(folder.path(), "config schema").json();
    assert_eq!(json, domain::config::schema());
}

fn period(arguments: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let ran = yaga(folder.path(), &format!("period {arguments}"));
    format!("$ yaga period {arguments}\n{}", ran.all())
}

#[test]
fn a_period_is_explained() {
    let texts = [
        "--at 2026-03-04T09:17:00Z --timezone Europe/Paris",
        "--at 2026-03-04T10:17 --timezone Europe/Paris",
        "--at 2026-03-29T00:30:00Z --timezone Europe/Paris",
        "--at 2026-10-24T23:30:00+02:00 --timezone Europe/Paris",
        "--at 2026-03-07T08:00:00Z --timezone Asia/Kathmandu",
    ]
    .map(period);
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn a_time_that_is_none_or_two_is_refused() {
    let texts = [
        "--at 2026-03-29T02:30 --timezone Europe/Paris",
        "--at 2026-10-25T02:30 --timezone Europe/Paris",
        "--at yesterday",
        "--at 2026-03-04T10:00:00Z --timezone Mars/Olympus",
    ]
    .map(period);
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn a_service_has_its_own_zone_and_the_table_is_the_configurations() {
    let folder = with_document(
        r#"{
            "services": {"core": ["booking"]},
            "services_meta": {"booking": {"timezone": "America/New_York"}},
            "time_periods": {"night_hours": {"start": 0, "end": 24, "days": [
                "mon", "tue", "wed", "thu", "fri", "sat", "sun"]}, "gap_assignment": "night_hours"}
        }"#,
    );
    let at = "period --at 2026-03-04T09:17:00Z --json";
    let json = yaga(folder.path(), &format!("{at} --service booking")).json();
    assert_eq!(json["timezone"], "America/New_York");
    assert_eq!(json["local"], "2026-03-04T04:17:00-05:00");
    assert_eq!(
        (&json["period"], &json["until"]),
        (&"night_hours".into(), &serde_json::Value::Null)
    );
    assert_eq!(yaga(folder.path(), at).json()["timezone"], "UTC");
}
