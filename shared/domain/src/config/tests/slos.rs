//! `slos`: the merge of defaults and services, its repair, what is refused, busy periods.

use serde_json::{Value, json};

use super::{accepted, load_with, refused, warned};
use crate::config::keys;
use crate::config::objectives::{DatabaseHigh, Ladder, Origin, TrafficSeverity};
use crate::service::ServiceName;

/// A value for each threshold that fits beside the defaults of the others.
fn other_value(name: &str) -> Value {
    match name.rsplit_once('.').map_or(name, |(_, last)| last) {
        "latency_acceptable_ms" => json!(400),
        "latency_warning_ms" => json!(700),
        "latency_critical_ms" => json!(1200),
        "error_rate_acceptable" => json!(0.004),
        "error_rate_warning" => json!(0.015),
        "error_rate_critical" => json!(0.05),
        "error_rate_floor" => json!(0.001),
        "info" => json!(1.2),
        "warning" => json!(2.5),
        "high" => json!(4),
        "critical" => json!(6),
        "enabled" => json!(false),
        "objective" => json!(0.99),
        "threshold_percent" if name.contains("surge") => json!(300),
        "threshold_percent" => json!(30),
        "with_error_breach_severity" | "peak_hours_severity" => json!("critical"),
        "standalone_severity"
        | "with_latency_breach_severity"
        | "with_upstream_errors_severity" => json!("high"),
        _ => json!(7),
    }
}

/// For the laws of all keys: a document with the section, and one that differs in the key.
pub(super) fn special(path: &str) -> Option<(Value, Value)> {
    let name = path.strip_prefix("slos.")?;
    let busy = |start, end| json!({"slos": {"busy_periods": [{"start": start, "end": end}]}});
    match name {
        "busy_periods[].start" => {
            return Some((busy("2026-01-01", "2026-01-03"), busy("2026-01-02", "2026-01-03")));
        }
        "busy_periods[].end" => {
            return Some((busy("2026-01-01", "2026-01-03"), busy("2026-01-01", "2026-01-04")));
        }
        _ => {}
    }
    let set = |name: &str, value: Value| {
        let inside = name.rsplit('.').fold(
            value,
            |value, segment| json!({ if segment == "*" { "custom" } else { segment }: value }),
        );
        json!({ "slos": inside })
    };
    let value = match name {
        "database_high_maps_to" => json!("warning"),
        "hysteresis" => json!(0.1),
        name if !name.contains('.') => json!(false),
        name => other_value(name),
    };
    Some((json!({"slos": {"enabled": true}}), set(name, value)))
}

fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

fn ladder(acceptable: f64, warning: f64, critical: f64) -> Ladder {
    Ladder { acceptable, warning, critical }
}

#[test]
fn the_layer_is_off_unless_the_section_says_something() {
    for off in ["{}", r#"{"slos": {}}"#, r#"{"slos": {"enabled": false, "busy_periods": []}}"#] {
        assert_eq!(accepted(off).slos, None, "{off}");
    }
    for on in [r#"{"slos": {"enabled": true}}"#, r#"{"slos": {"busy_periods": []}}"#] {
        assert!(accepted(on).slos.is_some(), "{on}");
    }
    let by_variable = load_with("{}", &[("YAGA__SLOS__ENABLED", "true")]).unwrap().config;
    assert_eq!(by_variable.slos, accepted(r#"{"slos": {"enabled": true}}"#).slos);
}

#[test]
fn a_threshold_changes_its_place_and_no_other() {
    let plain = accepted(r#"{"slos": {"enabled": true}}"#).slos.unwrap();
    let thresholds = || keys::under("slos.services").map(|key| key.path);
    let mut seen = vec![format!("{:?}", plain.defaults)];
    for path in thresholds() {
        let key = path.trim_start_matches("slos.services.*.");
        let (_, document) = special(path).unwrap();
        let settings = accepted(&document.to_string()).slos.unwrap();
        let own = format!("{:?}", settings.thresholds_of(&name("custom")));
        assert!(!seen.contains(&own), "{path} does what another key does, or nothing");
        assert_eq!(settings.thresholds_of(&name("other")), &plain.defaults, "{path}");
        assert_eq!(settings.origin_of(&name("custom"), key), Origin::Service, "{path}");
        assert_eq!(settings.origin_of(&name("other"), key), Origin::Defaults, "{path}");
        let (_, document) = special(&format!("slos.defaults.{key}")).unwrap();
        let defaults = accepted(&document.to_string()).slos.unwrap().defaults;
        assert_eq!(format!("{defaults:?}"), own, "{path}");
        seen.push(own);
    }
    assert_eq!(seen.len(), thresholds().count() + 1);
}

#[test]
fn the_switches_are_read() {
    let plain = accepted(r#"{"slos": {"enabled": true}}"#).slos.unwrap();
    assert!(plain.allow_downgrade_to_informational && plain.require_slo_breach_for_critical);
    assert!(plain.request_rate_affects_severity);
    assert_eq!(plain.database_high_maps_to, DatabaseHigh::Breached);
    let with = |key: &str, value: &str| {
        accepted(&format!(r#"{{"slos": {{"{key}": {value}}}}}"#)).slos.unwrap()
    };
    let downgrade = "allow_downgrade_to_informational";
    assert!(!with(downgrade, "false").allow_downgrade_to_informational);
    let require = "require_slo_breach_for_critical";
    assert!(!with(require, "false").require_slo_breach_for_critical);
    let traffic = "request_rate_affects_severity";
    assert!(!with(traffic, "false").request_rate_affects_severity);
    let database = with("database_high_maps_to", "\"warning\"");
    assert_eq!(database.database_high_maps_to, DatabaseHigh::Warning);
    assert_eq!((plain.hysteresis, with("hysteresis", "0.1").hysteresis), (0.05, 0.1));
}

#[test]
fn services_inherit_member_by_member() {
    let settings = accepted(
        r#"{"slos": {
            "defaults": {
                "database_latency_ratios": {"info": 1.1, "critical": 8},
                "request_rate_evaluation": {"enabled": false, "cliff": {"threshold_percent": 20}}
            },
            "services": {"search": {
                "database_latency_ratios": {"warning": 1.7},
                "request_rate_evaluation": {"cliff": {"peak_hours_severity": "critical"}}
            }}
        }}"#,
    )
    .slos
    .unwrap();
    let search = settings.thresholds_of(&name("search"));
    let ratios = &search.database_ratios;
    assert_eq!([ratios.info, ratios.warning, ratios.high, ratios.critical], [1.1, 1.7, 3.0, 8.0]);
    assert!(!search.request_rate.enabled);
    assert_eq!(search.request_rate.cliff.threshold_percent, 20.0);
    assert_eq!(search.request_rate.cliff.peak_hours, TrafficSeverity::Critical);
    assert_eq!(settings.defaults.request_rate.cliff.peak_hours, TrafficSeverity::High);
    assert_eq!(settings.thresholds_of(&name("Search")), &settings.defaults, "case counts");
}

/// The example that many configurations are copied from.
#[test]
fn an_inherited_limit_in_the_middle_moves_between_its_neighbours() {
    let document = r#"{"services": {"critical": ["booking"]}, "slos": {"services": {"booking": {
        "latency_acceptable_ms": 300, "latency_critical_ms": 500, "error_rate_critical": 0.01
    }}}}"#;
    let settings = accepted(document).slos.unwrap();
    let booking = settings.thresholds_of(&name("booking"));
    assert_eq!(booking.latency_ms, ladder(300.0, 400.0, 500.0));
    assert_eq!(booking.error_rate, ladder(0.005, 0.0075, 0.01));
    assert_eq!(settings.origin_of(&name("booking"), "latency_warning_ms"), Origin::Repaired);
    insta::assert_snapshot!(warned(document), @r"
    warning SLO013 at slos.services.booking.latency_warning_ms: the inherited latency_warning_ms is 800, not between 300 and 500; 400 is used, write this key to choose another one
    warning SLO013 at slos.services.booking.error_rate_warning: the inherited error_rate_warning is 0.01, not between 0.005 and 0.01; 0.0075 is used, write this key to choose another one
    ");
}

#[test]
fn limits_that_somebody_chose_are_never_moved() {
    insta::assert_snapshot!(refused(
        r#"{"slos": {
            "defaults": {"latency_acceptable_ms": 900, "error_rate_critical": 0.01},
            "services": {
                "a": {"latency_acceptable_ms": 300, "latency_warning_ms": 600, "latency_critical_ms": 500},
                "b": {"error_rate_warning": 0.001},
                "c": {"latency_critical_ms": 400}
            }
        }}"#
    ), @"
        the configuration has 5 errors
          1. error SLO001 at slos.defaults.latency_acceptable_ms: latency_acceptable_ms is 900 and latency_warning_ms is 800; write latency_acceptable_ms < latency_warning_ms < latency_critical_ms, each larger than the one before (what is not given is built in)
          2. error SLO004 at slos.defaults.error_rate_warning: error_rate_warning is 0.01 and error_rate_critical is 0.01; write error_rate_acceptable < error_rate_warning < error_rate_critical, each larger than the one before (what is not given is built in)
          3. error SLO006 at slos.services.a: latency_acceptable_ms is 300, latency_warning_ms is 600 and latency_critical_ms is 500; each must be larger than the one before, write the others as well (what is not given is inherited)
          4. error SLO006 at slos.services.b: error_rate_acceptable is 0.005, error_rate_warning is 0.001 and error_rate_critical is 0.01; each must be larger than the one before, write the others as well (what is not given is inherited)
          5. error SLO006 at slos.services.c: latency_acceptable_ms is 900, latency_warning_ms is 800 and latency_critical_ms is 400; each must be larger than the one before, write the others as well (what is not given is inherited)
        ");
}

#[test]
fn ratios_traffic_floors_and_shares_are_checked() {
    insta::assert_snapshot!(refused(
        r#"{"slos": {
            "defaults": {
                "database_latency_ratios": {"info": 2.5},
                "request_rate_evaluation": {"surge": {"threshold_percent": 100}}
            },
            "services": {"a": {
                "error_rate_acceptable": 5, "error_rate_floor": 0.5,
                "request_rate_evaluation": {"cliff": {"threshold_percent": 100}}
            }}
        }}"#
    ), @"
        the configuration has 4 errors and 1 warning
          1. error SLO010 at slos.services.a.error_rate_acceptable: 5 is out of range; write a number from 0 to 1
          2. error SLO007 at slos.defaults.database_latency_ratios: info is 2.5, warning is 2, high is 3 and critical is 5; each must be larger than the one before
          3. error SLO008 at slos.defaults.request_rate_evaluation.surge.threshold_percent: 100 is not usable; write a number above 100
          4. error SLO008 at slos.services.a.request_rate_evaluation.cliff.threshold_percent: 100 is not usable; write a number above 0 and below 100
          5. warning SLO011 at slos.services.a.error_rate_floor: the floor 0.5 is above error_rate_critical, 0.02: broken objectives would be ignored; write a smaller one
        ");
}

#[test]
fn objectives_of_unlisted_services_are_named_with_the_nearest() {
    insta::assert_snapshot!(warned(
        r#"{"services": {"critical": ["booking"]},
            "slos": {"services": {"bookng": {"min_traffic_rps": 2, "busy_period_factor": 2}}}}"#
    ), @r#"warning SLO012 at slos.services.bookng: "bookng" is not listed under services; did you mean "booking"?"#);
    assert_eq!(warned(r#"{"slos": {"services": {"any": {"min_traffic_rps": 2}}}}"#), "");
}

#[test]
fn busy_periods_are_local_unless_they_have_an_offset() {
    let settings = accepted(
        r#"{"time_periods": {"timezone": "Europe/Paris"}, "slos": {"busy_periods": [
            {"start": "2026-12-20T10:00", "end": "2026-12-20T12:00"},
            {"start": "2026-12-21T10:00:00Z", "end": "2026-12-21T10:00:00-05:00"},
            {"start": "2026-12-24", "end": "2026-12-24"}
        ]}}"#,
    )
    .slos
    .unwrap();
    let is_busy = |at: &str| settings.is_busy(at.parse().unwrap());
    for (at, busy) in [
        ("2026-12-20T08:59:59Z", false),
        ("2026-12-20T09:00:00Z", true),
        ("2026-12-20T11:00:00Z", true),
        ("2026-12-20T11:00:01Z", false),
        ("2026-12-21T09:59:59Z", false),
        ("2026-12-21T10:00:00Z", true),
        ("2026-12-21T15:00:00Z", true),
        ("2026-12-21T15:00:01Z", false),
        ("2026-12-23T23:00:00Z", true),
        ("2026-12-24T22:59:59Z", true),
        ("2026-12-24T23:00:00Z", false),
    ] {
        assert_eq!(is_busy(at), busy, "{at}");
    }
}

#[test]
fn busy_periods_that_cannot_be_are_refused() {
    insta::assert_snapshot!(refused(
        r#"{"time_periods": {"timezone": "Europe/Paris"}, "slos": {"busy_periods": [
            {"start": "2026-12-20T12:00", "end": "2026-12-20T12:00"},
            {"start": "2026-03-29T02:30", "end": "2026-03-30"},
            {"start": "next week", "end": "2026-03-30"},
            {"start": "2026-03-30"}
        ]}}"#
    ), @r#"
        the configuration has 4 errors
          1. error GEN002 at slos.busy_periods[2].start: "next week" does not fit; write a date, "2026-12-24", or an instant, "2026-12-24T18:00:00+01:00" (without an offset: in the configured zone)
          2. error GEN004 at slos.busy_periods[3].end: the key is missing; write a date, "2026-12-24", or an instant, "2026-12-24T18:00:00+01:00" (without an offset: in the configured zone)
          3. error SLO009 at slos.busy_periods[0].end: "2026-12-20T12:00" is not after the start, "2026-12-20T12:00"; write a later end
          4. error SLO009 at slos.busy_periods[1].start: 2026-03-29 02:30:00 does not exist in Europe/Paris: clocks jump over it; write a time before or after the jump, or give an offset like +01:00
        "#);
}
