use domain::{Calendar, Period};

use super::*;
use crate::testing::{business_model, month};

/// The last 25 hours of business hours before Tuesday 2026-03-31 17:00, changed row by row.
fn recent(change: impl Fn(i64, usize, f64) -> f64) -> (Rows, i64) {
    const AT_S: i64 = 1_774_976_400;
    let calendar = Calendar::utc();
    let is_business = |time: i64| {
        let at = chrono::DateTime::from_timestamp(time, 0).unwrap();
        calendar.period_at(at) == Period::BusinessHours
    };
    let mut rows = month().filter(|t| t > AT_S - 25 * 3600 && t <= AT_S && is_business(t));
    let times = rows.times_s.clone();
    for (metric, column) in rows.columns.iter_mut().enumerate() {
        for (value, time) in column.iter_mut().zip(&times) {
            *value = change(AT_S - time, metric, *value);
        }
    }
    (rows, AT_S)
}

fn checked(model: &PeriodModel, change: impl Fn(i64, usize, f64) -> f64) -> DriftReport {
    let (rows, at_s) = recent(change);
    let metrics = MetricSet::five();
    let last = rows.observation(rows.len() - 1, &metrics);
    check(model, &rows, &last, &metrics, DriftLimits::default(), at_s)
}

#[test]
fn a_usual_day_is_no_drift() {
    let found = checked(business_model(), |_, _, value| value);
    assert!(!found.has_drift() && found.penalty == 0.0, "{found:?}");
    assert_eq!(found.recommendation(), "OK: as in training");
    assert!(matches!(found.basis, Basis::Window { rows: 100.. }), "{:?}", found.basis);
    assert_eq!(found.metrics.len(), 5);
    let relation = found.relation.unwrap();
    assert!(relation.limit >= 4.5293 && relation.features == 5, "{relation:?}");
    assert!(found.metrics.iter().all(|metric| metric.stability() == "stable"), "{found:#?}");
}

#[test]
fn an_hour_of_trouble_is_an_incident_and_no_drift() {
    let found =
        checked(
            business_model(),
            |ago, metric, value| {
                if metric == 1 && ago < 3600 { value * 6.0 } else { value }
            },
        );
    assert_eq!((found.has_drift(), found.penalty), (false, 0.0), "{found:?}");
}

#[test]
fn a_day_at_another_level_is_drift_and_costs_confidence() {
    let found =
        checked(business_model(), |_, metric, value| if metric == 2 { value * 3.0 } else { value });
    let drifted: Vec<&str> = found.drifted().map(|metric| metric.metric.as_str()).collect();
    assert_eq!(drifted, ["dependency_latency"]);
    assert!(found.score() > 5.0 && found.has_relation_drift(), "{found:?}");
    assert_eq!(found.penalty, 0.30);
    let metric = found.drifted().next().unwrap();
    assert_eq!(metric.stability(), "severe");
    assert_eq!(metric.severity(), Severity::High);
    assert!(metric.standard_errors() > metric.z_score);
    assert!(found.recommendation().starts_with("CRITICAL"));
}

#[test]
fn a_change_that_is_not_an_hour_old_costs_nothing_yet() {
    let found = checked(business_model(), |ago, metric, value| {
        // More than half of the ten hours now, and less than half of those an hour ago.
        if metric == 2 && ago < 5 * 3600 + 900 { value * 3.0 } else { value }
    });
    assert!(found.has_drift(), "{found:?}");
    assert_eq!(found.penalty, 0.0, "{found:?}");
}

#[test]
fn a_whole_day_far_away_asks_for_training_and_less_does_not() {
    let since = |hours: i64| {
        move |ago: i64, metric, value| {
            if metric == 2 && ago < hours * 3600 { value * 3.0 } else { value }
        }
    };
    let model = business_model();
    assert!(checked(model, since(25)).is_lasting);
    let half = checked(model, since(10));
    assert!(half.penalty > 0.0 && !half.is_lasting, "it costs confidence already: {half:?}");
    assert!(!checked(model, |_, _, value| value).is_lasting);
    let (rows, at_s) = recent(since(25));
    let metrics = MetricSet::five();
    let last = rows.observation(rows.len() - 1, &metrics);
    let today = rows.filter(|time_s| time_s > at_s - 9 * 3600);
    assert!(
        !check(model, &today, &last, &metrics, DriftLimits::default(), at_s).is_lasting,
        "nobody knows of yesterday"
    );
}

#[test]
fn relations_alone_can_drift() {
    let found = checked(business_model(), |ago, metric, value| match metric {
        // Each stays within its own range; together they were never so far out.
        2 => value + if ago % 600 < 300 { 5.5 } else { -5.5 },
        3 => value + if ago % 600 < 300 { -2.2 } else { 2.2 },
        4 => value * if ago % 600 < 300 { 2.4 } else { 0.3 },
        _ => value,
    });
    assert_eq!(found.score(), 0.0, "{found:?}");
    assert!(found.has_relation_drift(), "{found:?}");
    assert!(found.penalty >= 0.15, "{found:?}");
    assert!(found.recommendation().contains("relation"));
}

#[test]
fn one_observation_is_told_and_costs_nothing() {
    let model = business_model();
    let (rows, at_s) = recent(|_, metric, value| if metric == 2 { value * 3.0 } else { value });
    let metrics = MetricSet::five();
    let last = rows.observation(rows.len() - 1, &metrics);
    let few = rows.filter(|time| time > at_s - 1800);
    let found = check(model, &few, &last, &metrics, DriftLimits::default(), at_s);
    assert_eq!((found.basis, found.penalty), (Basis::Instant, 0.0));
    assert!(found.has_drift());
    assert_eq!(found.metrics[0].psi, None);
}

#[test]
fn what_is_missing_is_not_checked() {
    let found =
        checked(business_model(), |_, metric, value| if metric == 1 { f64::NAN } else { value });
    let names: Vec<&str> = found.metrics.iter().map(|it| it.metric.as_str()).collect();
    assert!(!names.contains(&"application_latency") && names.len() == 4);
    assert_eq!(found.relation, None);
}

#[test]
fn limits_are_those_of_chi_square() {
    let expected = [3.2905, 3.7169, 4.0331, 4.2973, 4.5293, 4.7390];
    for (index, expected) in expected.into_iter().enumerate() {
        assert!((distance_limit(index + 1) - expected).abs() < 1e-4, "{index}");
    }
    // 24.3219, 29.5883 and 45.3147 squared.
    for (features, exact) in [(7, 4.9317), (10, 5.4395), (20, 6.7316)] {
        assert!((distance_limit(features) - exact).abs() < 0.025, "{}", distance_limit(features));
    }
}

#[test]
fn penalties_begin_beyond_their_bounds() {
    assert_eq!(
        [0.0, 3.0, 3.01, 4.0, 5.0, 5.01].map(|it| penalty(it, DriftLimits::default())),
        [0.0, 0.0, 0.15, 0.15, 0.15, 0.30]
    );
}

#[test]
fn limits_are_those_of_the_configuration() {
    let (rows, at_s) = recent(|_, metric, value| if metric == 2 { value * 3.0 } else { value });
    let metrics = MetricSet::five();
    let last = rows.observation(rows.len() - 1, &metrics);
    let found = |warning, critical| {
        let limits = DriftLimits { warning, critical };
        check(business_model(), &rows, &last, &metrics, limits, at_s)
    };
    let score = found(3.0, 5.0).score();
    let mild = found(3.0, score + 1.0);
    assert_eq!(mild.drifted().next().map(MetricDrift::severity), Some(Severity::Medium));
    assert_eq!(found(score + 1.0, score + 2.0).drifted().count(), 0);
}
