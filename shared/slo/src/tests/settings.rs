//! Each key of `slos` changes what is said of some situation.

use domain::Period;
use domain::Severity::{Critical, Medium};

use super::{Case, settings_of};
use crate::{BurnWindow, Verdict};

/// Situations that between them come near every threshold.
fn situations() -> Vec<Case> {
    let case = || Case::new("custom");
    let burn = |length_s| BurnWindow { length_s, error_share: 0.5, requests: 1e5 };
    let mut budget = case();
    budget.burn = vec![burn(3_600), burn(300)];
    let mut all = vec![
        case().latency(450.0).anomaly("application_latency_high", Critical),
        case().latency(750.0).anomaly("application_latency_high", Critical),
        case().latency(1100.0).anomaly("application_latency_high", Critical),
        case().errors(0.0045).anomaly("error_rate_high", Medium),
        case().errors(0.012),
        case().errors(0.03),
        case().errors(0.006).rps(2.0).anomaly("request_rate_low", Medium),
        case().latency(120.0).busy(),
        case().anomaly("application_latency_high", Critical),
        case().latency(850.0).rps(250.0).usual_rps(100.0),
        case().errors(0.03).rps(250.0).usual_rps(100.0),
        case().rps(250.0).usual_rps(100.0),
        case().rps(40.0).usual_rps(100.0).errors(0.03),
        case().rps(5.0).usual_rps(100.0),
        budget,
    ];
    for value in [3.0, 13.0, 22.0, 35.0, 55.0] {
        all.push(case().database(value, Some(10.0)));
    }
    for period in Period::ALL {
        all.push(case().rps(40.0).usual_rps(100.0).in_period(period));
        all.push(case().rps(6.0).in_period(period));
    }
    all
}

fn verdicts(document: &str) -> Vec<Verdict> {
    let settings = settings_of(document);
    let with = |case: Case| Case { settings: settings.clone(), ..case }.run();
    situations().into_iter().map(with).collect()
}

const PLAIN: &str = r#"{"slos": {"busy_periods": [
    {"start": "2026-12-20T00:00:00Z", "end": "2026-12-27T00:00:00Z"}]}}"#;

/// The busy period that the situations know, then one more key.
fn document(key: &str, value: &str) -> String {
    let inside = key
        .rsplit('.')
        .fold(value.to_owned(), |inside, segment| format!("{{\"{segment}\": {inside}}}"));
    let inside = &inside[1..inside.len() - 1];
    format!(
        r#"{{"slos": {{{inside}, "busy_periods": [
            {{"start": "2026-12-20T00:00:00Z", "end": "2026-12-27T00:00:00Z"}}]}}}}"#
    )
}

#[track_caller]
fn check(key: &str, value: &str) {
    let plain = verdicts(PLAIN);
    assert!(verdicts(&document(key, value)) != plain, "{key} = {value} changes nothing");
}

#[test]
fn switches_have_an_effect() {
    check("allow_downgrade_to_informational", "false");
    check("database_high_maps_to", "\"warning\"");
    check("request_rate_affects_severity", "false");
    let unbound = r#"{"slos": {"allow_downgrade_to_informational": false}}"#;
    let free = r#"{"slos": {"allow_downgrade_to_informational": false,
        "require_slo_breach_for_critical": false}}"#;
    assert!(verdicts(unbound) != verdicts(free));
    let never_busy = r#"{"slos": {"enabled": true}}"#;
    assert!(verdicts(never_busy) != verdicts(PLAIN));
}

#[test]
fn every_threshold_has_an_effect_as_default_and_of_a_service() {
    let traffic = "request_rate_evaluation";
    let own = |part: &str| format!("{traffic}.{part}");
    let keys = [
        ("latency_acceptable_ms".to_owned(), "400"),
        ("latency_warning_ms".to_owned(), "700"),
        ("latency_critical_ms".to_owned(), "1200"),
        ("error_rate_acceptable".to_owned(), "0.004"),
        ("error_rate_warning".to_owned(), "0.015"),
        ("error_rate_critical".to_owned(), "0.05"),
        ("error_rate_floor".to_owned(), "0.001"),
        ("min_traffic_rps".to_owned(), "3"),
        ("busy_period_factor".to_owned(), "2"),
        ("database_latency_floor_ms".to_owned(), "4"),
        ("database_latency_ratios.info".to_owned(), "1.2"),
        ("database_latency_ratios.warning".to_owned(), "2.5"),
        ("database_latency_ratios.high".to_owned(), "4"),
        ("database_latency_ratios.critical".to_owned(), "6"),
        ("error_budget.objective".to_owned(), "0.99"),
        (own("enabled"), "false"),
        (own("surge.threshold_percent"), "300"),
        (own("surge.standalone_severity"), "\"high\""),
        (own("surge.with_latency_breach_severity"), "\"high\""),
        (own("surge.with_error_breach_severity"), "\"critical\""),
        (own("cliff.threshold_percent"), "30"),
        (own("cliff.standalone_severity"), "\"high\""),
        (own("cliff.peak_hours_severity"), "\"critical\""),
        (own("cliff.with_upstream_errors_severity"), "\"high\""),
        (own("min_expected_rps.business_hours"), "7"),
        (own("min_expected_rps.evening_hours"), "7"),
        (own("min_expected_rps.night_hours"), "7"),
        (own("min_expected_rps.weekend_day"), "7"),
        (own("min_expected_rps.weekend_night"), "7"),
    ];
    for (key, value) in keys {
        check(&format!("defaults.{key}"), value);
        check(&format!("services.custom.{key}"), value);
    }
}
