//! What the worked examples leave open: missing metrics, floors, locked severities, who carries
//! what, small counts, words.

use domain::Severity::{self, Critical, High, Low, Medium, None};
use domain::config::objectives::{DatabaseHigh, TrafficSeverity};

use super::Case;
use crate::{
    Baseline, Counters, Driver, ErrorCap, MatrixOutcome, SloContext, SloStatus, TrafficKind,
    Verdict, matrix_severity,
};

fn case() -> Case {
    Case::new("catalog")
}

fn synthetic(verdict: &Verdict) -> Vec<(&str, &str, Severity)> {
    verdict.synthetic.iter().map(|made| (made.name, made.root_metric, made.severity)).collect()
}

/// The whole matrix, with every combination of the two switches.
#[test]
fn the_severity_matrix() {
    let mut text = String::new();
    for (downgrade, require) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut settings = case().settings;
        settings.allow_downgrade_to_informational = downgrade;
        settings.require_slo_breach_for_critical = require;
        text += &format!("downgrade {downgrade}, breach required {require}\n");
        for anomaly in
            [Option::None, Some(None), Some(Low), Some(Medium), Some(High), Some(Critical)]
        {
            let label = anomaly.map_or("no anomaly".to_owned(), |it| format!("anomaly {it}"));
            text += &format!("  {label:<17}");
            for status in SloStatus::ALL {
                let (severity, outcome) = matrix_severity(anomaly, status, (&settings).into());
                let cell = format!("{severity} ({})", outcome.as_str());
                text += &format!(" {cell:<20}");
            }
            text = text.trim_end().to_owned() + "\n";
        }
    }
    insta::assert_snapshot!(text, @"
        downgrade true, breach required true
          no anomaly        none (none)          low (warning)        medium (warning)     critical (critical)
          anomaly none      low (informational)  low (warning)        high (high)          critical (critical)
          anomaly low       low (informational)  low (warning)        high (high)          critical (critical)
          anomaly medium    low (informational)  medium (warning)     high (high)          critical (critical)
          anomaly high      low (informational)  high (high)          high (high)          critical (critical)
          anomaly critical  low (informational)  high (high)          high (high)          critical (critical)
        downgrade true, breach required false
          no anomaly        none (none)          low (warning)        medium (warning)     critical (critical)
          anomaly none      low (informational)  low (warning)        high (high)          critical (critical)
          anomaly low       low (informational)  low (warning)        high (high)          critical (critical)
          anomaly medium    low (informational)  medium (warning)     high (high)          critical (critical)
          anomaly high      low (informational)  high (high)          high (high)          critical (critical)
          anomaly critical  low (informational)  high (high)          high (high)          critical (critical)
        downgrade false, breach required true
          no anomaly        none (none)          low (warning)        medium (warning)     critical (critical)
          anomaly none      none (none)          low (warning)        high (high)          critical (critical)
          anomaly low       low (low)            low (warning)        high (high)          critical (critical)
          anomaly medium    medium (medium)      medium (warning)     high (high)          critical (critical)
          anomaly high      high (high)          high (high)          high (high)          critical (critical)
          anomaly critical  high (high)          high (high)          high (high)          critical (critical)
        downgrade false, breach required false
          no anomaly        none (none)          low (warning)        medium (warning)     critical (critical)
          anomaly none      none (none)          low (warning)        high (high)          critical (critical)
          anomaly low       low (low)            low (warning)        high (high)          critical (critical)
          anomaly medium    medium (medium)      medium (warning)     high (high)          critical (critical)
          anomaly high      high (high)          high (high)          high (high)          critical (critical)
          anomaly critical  critical (critical)  high (high)          high (high)          critical (critical)
        ");
}

#[test]
fn what_was_not_collected_is_neither_ok_nor_dropped() {
    let mut missing =
        case().anomaly("error_rate_high", Critical).anomaly("database_latency_degraded", High);
    missing.metrics.error_rate = Option::None;
    missing.metrics.database_latency_ms = Some(f64::NAN);
    missing.baselines.database_latency_ms = Baseline::of_period(Some(12.0));
    let verdict = missing.run();
    assert_eq!(verdict.kept.len(), 2, "nothing is dropped on a metric that is not known");
    assert!(verdict.evaluation.is_incomplete);
    assert_eq!(Counters::of(&verdict).unavailable, 2);
    assert_eq!(verdict.kept[0].context, Option::None);
    assert_eq!(verdict.kept[0].severity, High, "not low, and critical needs a breach");
    let mut own = case().anomaly("queue_depth_high", High);
    assert_eq!(own.run().kept[0].severity, Low, "the objectives are kept");
    own.metrics = crate::Metrics::default();
    assert_eq!(own.run().kept[0].severity, High, "there is no objective to keep");
    insta::assert_snapshot!(verdict.evaluation.explanation, @"Severity changed from critical to high. Within acceptable limits: latency 120 ms (limit 500 ms). Not collected: error rate, database latency.");
    // A service that never had a database has none that could be missing.
    let verdict = case().run();
    assert_eq!(verdict.evaluation.database_latency, Option::None);
    assert!(!verdict.evaluation.is_incomplete);
    let mut nothing = case();
    nothing.metrics = crate::Metrics::default();
    let evaluation = nothing.run().evaluation;
    assert_eq!((evaluation.slo_status, evaluation.adjusted_severity), (SloStatus::Ok, None));
    assert!(evaluation.is_incomplete);
}

#[test]
fn the_hour_of_the_week_is_known_better_than_the_period() {
    let mut rising = case().rps(40.0).usual_rps(100.0);
    rising.baselines.request_rate_rps.hour_of_week = Some(42.0);
    let reading = rising.run().evaluation.request_rate.reading.unwrap();
    assert_eq!(reading.kind, TrafficKind::Normal);
    rising.baselines.request_rate_rps.hour_of_week = Some(0.0);
    let reading = rising.run().evaluation.request_rate.reading.unwrap();
    assert_eq!(reading.kind, TrafficKind::Cliff, "an unusable mean is no mean");
}

#[test]
fn objectives_speak_where_detection_saw_nothing() {
    let made = |case: Case| {
        synthetic(&case.run())
            .into_iter()
            .map(|(n, r, s)| (n.to_owned(), r.to_owned(), s))
            .collect::<Vec<_>>()
    };
    let one = |name: &str, root: &str, severity| vec![(name.to_owned(), root.to_owned(), severity)];
    assert_eq!(made(case().latency(600.0)), [], "approaching is no anomaly");
    let slow = one("slo_application_latency", "application_latency", Medium);
    assert_eq!(made(case().latency(850.0)), slow);
    assert_eq!(made(case().errors(0.05)), one("slo_error_rate", "error_rate", Critical));
    let database = case().database(30.0, Some(10.0));
    assert_eq!(made(database), one("slo_database_latency", "database_latency", Critical));
    let two = case().latency(2000.0).errors(0.05).database(25.0, Some(10.0)).run();
    let names: Vec<_> = two.synthetic.iter().map(|made| made.name).collect();
    assert_eq!(names, ["slo_application_latency", "slo_error_rate"], "only the worst status");
    assert_eq!(two.evaluation.driver, Some(Driver::Latency));
    let failing: Vec<_> = two.evaluation.failing_metrics().collect();
    assert_eq!(failing, ["application_latency", "error_rate", "database_latency"]);
    let found = case().latency(2000.0).anomaly("application_latency_high", Low).run();
    assert_eq!((found.synthetic.len(), found.kept[0].severity), (0, Critical));
}

#[test]
fn dropped_anomalies_leave_the_objectives_to_speak() {
    let drop = |case: Case| case.database(0.1, Option::None).anomaly("database_latency_high", High);
    let quiet = drop(case().latency(600.0)).run();
    assert!(!quiet.has_anomalies());
    assert_eq!(quiet.evaluation.adjusted_severity, None, "not the milder row of the matrix");
    assert_eq!(quiet.evaluation.matrix_outcome, MatrixOutcome::None);
    let slow = drop(case().latency(850.0)).run();
    assert_eq!(synthetic(&slow), [("slo_application_latency", "application_latency", Medium)]);
    insta::assert_snapshot!(slow.evaluation.explanation, @"1 anomaly suppressed: too small to matter. Severity changed from high to medium. Latency 850 ms is at or above the warning limit 800 ms (critical 1000 ms). Database latency 0.10 ms is below its floor of 1.00 ms.");
    insta::assert_snapshot!(slow.evaluation.suppressed[0].reason, @"database latency 0.10 ms is below its floor of 1.00 ms");
}

#[test]
fn a_service_that_nobody_reaches_is_not_low() {
    let fall = |rps: f64| case().rps(rps).usual_rps(100.0);
    assert_eq!(fall(45.0).run().evaluation.adjusted_severity, None, "means of a period are coarse");
    let out = fall(10.0).run();
    assert_eq!(synthetic(&out), [("slo_request_rate", "request_rate", High)]);
    assert_eq!(out.evaluation.traffic_floor, Some(High));
    insta::assert_snapshot!(out.evaluation.explanation, @"Severity changed from none to high. Traffic cliff: 10.00 req/s, 0.10 times the usual 100.00. So few requests are high at least, whatever else holds.");
    let failing = fall(45.0).errors(0.015).run();
    let expected =
        [("slo_error_rate", "error_rate", Medium), ("slo_request_rate", "request_rate", Critical)];
    assert_eq!(synthetic(&failing), expected);
    let found = fall(10.0)
        .anomaly("application_latency_low", Medium)
        .anomaly("request_rate_cliff", Low)
        .run();
    let severities: Vec<_> = found.kept.iter().map(|kept| kept.severity).collect();
    assert_eq!(severities, [Low, High], "the anomaly about traffic carries it");
    let other = fall(10.0).anomaly("application_latency_low", Medium).run();
    assert_eq!(other.kept[0].severity, High);
    assert_eq!(fall(10.0).busy().run().evaluation.adjusted_severity, None, "busy periods");
}

#[test]
fn critical_by_traffic_needs_errors_or_the_switch() {
    let mut fall = case().rps(5.0).usual_rps(100.0);
    fall.settings.defaults.request_rate.cliff.peak_hours = TrafficSeverity::Critical;
    assert_eq!(fall.run().evaluation.adjusted_severity, High);
    fall.settings.require_slo_breach_for_critical = false;
    assert_eq!(fall.run().evaluation.adjusted_severity, Critical);
}

#[test]
fn a_surge_in_a_busy_period_is_what_everybody_waits_for() {
    let mut surge = case().rps(300.0).usual_rps(100.0).busy();
    surge.settings.defaults.request_rate.surge.standalone = TrafficSeverity::High;
    let label = |case: &Case| case.run().evaluation.request_rate.reading.unwrap().severity;
    assert_eq!(label(&surge), Some(TrafficSeverity::Informational));
    surge.at = "2026-03-04T10:00:00Z";
    assert_eq!(label(&surge), Some(TrafficSeverity::High));
}

#[test]
fn a_locked_severity_is_never_raised() {
    let mut surge = case().rps(300.0).usual_rps(100.0).anomaly("request_rate_surge_healthy", Low);
    surge.anomalies[0].is_locked = true;
    assert_eq!(surge.run().kept[0].severity, Low);
    let breached = surge.clone().latency(3000.0).run();
    assert_eq!(breached.kept[0].severity, Low);
    let expected = [("slo_application_latency", "application_latency", Critical)];
    assert_eq!(synthetic(&breached), expected, "the broken objective speaks for itself");
    let beside = surge.latency(3000.0).anomaly("application_latency_high", Medium).run();
    let severities: Vec<_> = beside.kept.iter().map(|kept| kept.severity).collect();
    assert_eq!((severities, beside.synthetic.len()), (vec![Low, Critical], 0));
}

/// Requests in five minutes, failures among them, and what they are worth.
#[test]
fn few_failures_page_nobody() {
    for (requests, failures, cap, status) in [
        (1.0, 1.0, Some(ErrorCap::LowTraffic), SloStatus::ApproachingWarning),
        (19.0, 19.0, Some(ErrorCap::LowTraffic), SloStatus::ApproachingWarning),
        (20.0, 1.0, Some(ErrorCap::FewFailures), SloStatus::ApproachingWarning),
        (20.0, 2.0, Some(ErrorCap::FewFailures), SloStatus::ApproachingWarning),
        (20.0, 3.0, Option::None, SloStatus::Breached),
        (60.0, 3.0, Some(ErrorCap::FewFailures), SloStatus::ApproachingWarning),
        (60.0, 4.0, Option::None, SloStatus::Breached),
        (300.0, 4.0, Some(ErrorCap::FewFailures), SloStatus::ApproachingWarning),
        (300.0, 8.0, Option::None, SloStatus::Breached),
        (12_000.0, 120.0, Option::None, SloStatus::Warning),
    ] {
        let few = case().rps(requests / 300.0).errors(failures / requests);
        let errors = few.run().evaluation.error_rate;
        assert_eq!((errors.cap, errors.status()), (cap, status), "{failures} of {requests}");
        let proximity = few.run().evaluation.slo_proximity;
        assert_eq!(proximity >= 1.0, status == SloStatus::Breached, "{failures} of {requests}");
    }
    let mut uncounted = case().errors(0.5);
    uncounted.metrics.request_rate_rps = Option::None;
    assert_eq!(uncounted.run().evaluation.slo_status, SloStatus::Breached, "nothing to count by");
    let mut unknown = case().rps(0.1).errors(0.5);
    unknown.window_s = 0;
    assert_eq!(unknown.run().evaluation.slo_status, SloStatus::Breached, "no window to count in");
    let verdict = case().rps(0.1).errors(0.04).anomaly("error_rate_high", Critical).run();
    assert_eq!(verdict.kept[0].severity, High);
    insta::assert_snapshot!(verdict.evaluation.explanation, @"Severity changed from critical to high. Error rate 4.00 % is above 0.50 %, on the way to 1.00 %. The error rate counts for less: so few failures happen by chance at the acceptable rate. Low traffic: 0.10 req/s, at least 5.00 are expected.");
}

#[test]
fn a_high_database_may_be_a_warning() {
    let mut slow = case().database(30.0, Some(10.0));
    slow.settings.database_high_maps_to = DatabaseHigh::Warning;
    assert_eq!(slow.run().evaluation.slo_status, SloStatus::Warning);
}

#[test]
fn contexts_are_about_the_anomalys_own_metric() {
    let mut many = case()
        .latency(600.0)
        .errors(0.006)
        .database(14.0, Some(10.0))
        .rps(250.0)
        .usual_rps(100.0)
        .anomaly("application_latency_high", Medium)
        .anomaly("dependency_slow", Medium)
        .anomaly("database_latency_high", Medium)
        .anomaly("error_rate_high", Medium)
        .anomaly("request_rate_surge", Medium)
        .anomaly("queue_depth_high", Medium);
    many.anomalies[1].root_metric = Some("dependency_latency".to_owned());
    many.anomalies[1].value = Some(90.0);
    let contexts: Vec<_> = many.run().kept.into_iter().map(|kept| kept.context).collect();
    let latency = |value_ms, within_acceptable| {
        Some(SloContext::Latency {
            value_ms,
            acceptable_ms: 500.0,
            critical_ms: 1000.0,
            within_acceptable,
            is_busy_period: false,
        })
    };
    assert_eq!(contexts[0], latency(600.0, false));
    assert_eq!(contexts[1], latency(90.0, true));
    insta::assert_debug_snapshot!(contexts[2..], @"
        [
            Some(
                Database {
                    value_ms: 14.0,
                    baseline_ms: Some(
                        10.0,
                    ),
                    ratio: Some(
                        1.4,
                    ),
                    floor_ms: 1.0,
                    ratios: DatabaseRatios {
                        info: 1.5,
                        warning: 2.0,
                        high: 3.0,
                        critical: 5.0,
                    },
                    within_acceptable: true,
                    is_busy_period: false,
                },
            ),
            Some(
                ErrorRate {
                    value: 0.006,
                    acceptable: 0.005,
                    critical: 0.02,
                    suppression: 0.005,
                    within_acceptable: false,
                    is_busy_period: false,
                },
            ),
            Some(
                RequestRate {
                    value_rps: 250.0,
                    baseline_rps: Some(
                        100.0,
                    ),
                    ratio: Some(
                        2.5,
                    ),
                    surge_threshold_percent: 200.0,
                    cliff_threshold_percent: 50.0,
                    is_surge: true,
                    is_cliff: false,
                    is_busy_period: false,
                },
            ),
            None,
        ]
        ");
}

#[test]
fn the_explanation_has_the_numbers() {
    let text = |case: Case| case.run().evaluation.explanation;
    insta::assert_snapshot!(text(case()), @"All objectives are kept.");
    let warning = case().latency(850.0).errors(0.012).anomaly("application_latency_high", Critical);
    insta::assert_snapshot!(text(warning), @"Severity changed from critical to high. Latency 850 ms is at or above the warning limit 800 ms (critical 1000 ms). Error rate 1.20 % is at or above the warning limit 1.00 % (critical 2.00 %).");
    let breached = case().latency(1500.4).errors(0.031).database(45.2, Some(15.0));
    insta::assert_snapshot!(text(breached), @"Severity changed from none to critical. Latency 1500 ms breaks the critical limit 1000 ms. Error rate 3.10 % breaks the critical limit 2.00 %. Database latency 45.2 ms is high: 3.0 times the usual 15.0 ms, limit 3 times.");
    let within = case()
        .busy()
        .latency(280.0)
        .database(0.4, Option::None)
        .anomaly("application_latency_high", High);
    insta::assert_snapshot!(text(within), @"Severity changed from high to low. Busy period: limits are 1.5 times as large. Within acceptable limits: latency 280 ms (limit 750 ms), error rate 0.10 % (limit 0.75 %). Database latency 0.40 ms is below its floor of 1.50 ms.");
    let approaching = case().latency(600.0).database(8.0, Option::None).rps(3.0).usual_rps(4.0);
    insta::assert_snapshot!(text(approaching), @"Severity changed from none to critical. Latency 600 ms is above 500 ms, on the way to 800 ms. Database latency 8.0 ms is critical: nothing usual is known, so against the floor 1.0 ms, limit 5 times. Low traffic: 3.00 req/s, at least 5.00 are expected.");
    let surge = case().rps(250.0).usual_rps(100.0).latency(900.0);
    insta::assert_snapshot!(text(surge), @"Severity changed from none to medium. Latency 900 ms is at or above the warning limit 800 ms (critical 1000 ms). Traffic surge: 250.00 req/s, 2.50 times the usual 100.00, with slow answers.");
}

#[test]
fn counts_add_up() {
    let verdicts = [
        case().run(),
        case().latency(2000.0).run(),
        case().database(0.1, Option::None).anomaly("database_latency_high", High).run(),
    ];
    let sum: Counters = verdicts.iter().map(Counters::of).sum();
    let expected =
        Counters { evaluations: 3, adjustments: 2, suppressions: 1, unavailable: 0, synthetic: 1 };
    assert_eq!(sum, expected);
    assert_eq!(sum.adjustment_rate(), 2.0 / 3.0);
    assert_eq!(Counters::default().adjustment_rate(), 0.0);
}
