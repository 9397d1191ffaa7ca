//! Worked examples: values, and what must come of them.

use domain::Period::{EveningHours, NightHours, WeekendNight};
use domain::Severity::{self, Critical, High, Low, Medium, None};
use domain::config::objectives::TrafficSeverity;

use super::Case;
use crate::OperationalImpact as Impact;
use crate::SloStatus::{self, ApproachingWarning, Breached, Ok, Warning};
use crate::{DatabaseStatus, TrafficKind, TrafficStatus};

/// The detector's severity, once as an anomaly about latency and once as a severity alone.
#[track_caller]
fn check(
    number: u32,
    case: Case,
    original: Severity,
    status: SloStatus,
    proximity: f64,
    impact: Impact,
    adjusted: Severity,
) {
    let mut alone = case.clone();
    alone.overall = Some(original);
    let mut cases = vec![alone];
    if original > None {
        cases.push(case.anomaly("application_latency_high", original));
    }
    for case in cases {
        let evaluation = case.run().evaluation;
        let rounded = (evaluation.slo_proximity * 1000.0).round() / 1000.0;
        let found = (
            evaluation.original_severity,
            evaluation.slo_status,
            rounded,
            evaluation.operational_impact,
            evaluation.adjusted_severity,
        );
        assert_eq!(found, (original, status, proximity, impact, adjusted), "example {number}");
        assert_eq!(evaluation.severity_changed(), original != adjusted, "example {number}");
    }
}

fn other() -> Case {
    Case::new("catalog")
}

fn booking() -> Case {
    Case::new("booking")
}

#[test]
fn latency_and_errors() {
    use Impact::{Actionable, Critical as Severe, Informational, None as Nothing};
    check(1, other().latency(280.0), Critical, Ok, 0.28, Informational, Low);
    check(2, booking().latency(280.0), High, Ok, 0.56, Informational, Low);
    check(3, booking().latency(300.0), Critical, ApproachingWarning, 0.6, Actionable, High);
    check(4, booking().latency(450.0), Medium, Warning, 0.9, Actionable, High);
    check(5, booking().latency(500.0), Low, Breached, 1.0, Severe, Critical);
    check(6, other().errors(0.02), Low, Breached, 1.0, Severe, Critical);
    check(7, other().errors(0.015), Critical, Warning, 0.75, Actionable, High);
    let few = other().errors(0.007).rps(0.4);
    check(8, few, Medium, ApproachingWarning, 0.35, Informational, Medium);
    check(9, other().errors(0.007), Medium, ApproachingWarning, 0.35, Actionable, Medium);
    check(10, other().latency(600.0), None, ApproachingWarning, 0.6, Nothing, Low);
    check(11, other().latency(850.0), None, Warning, 0.85, Actionable, Medium);
    check(12, other().latency(1500.0), None, Breached, 1.5, Severe, Critical);
    check(13, other().latency(100.0), None, Ok, 0.1, Nothing, None);
}

#[test]
fn busy_periods() {
    use Impact::{Actionable, Critical as Severe, Informational};
    let case = || other().busy();
    let within = case().latency(700.0).errors(0.006);
    let limits = within.run().evaluation;
    let latency = limits.latency.limits;
    assert_eq!([latency.acceptable, latency.warning, latency.critical], [750.0, 1200.0, 1500.0]);
    let errors = limits.error_rate.ladder.limits;
    assert_eq!([errors.acceptable, errors.warning, errors.critical], [0.0075, 0.015, 0.03]);
    check(14, within, Critical, Ok, 0.467, Informational, Low);
    check(15, case().latency(1200.0), Critical, Warning, 0.8, Actionable, High);
    check(16, case().latency(1500.0), Low, Breached, 1.0, Severe, Critical);
}

#[test]
fn databases() {
    use Impact::{Actionable, Critical as Severe, Informational};
    let at_100 = |service: &str| Case::new(service).latency(100.0);
    let case = at_100("catalog").database(25.0, Some(10.0));
    check(17, case, Medium, Warning, 0.1, Actionable, High);
    let case = at_100("catalog").database(45.2, Some(15.0));
    check(18, case, Medium, Breached, 0.1, Severe, Critical);
    let case = at_100("search").database(5.0, Some(2.0));
    check(19, case, Medium, Breached, 0.2, Severe, Critical);
    let case = at_100("search").database(0.2, Option::None);
    check(20, case, Medium, Ok, 0.2, Informational, Low);
    let case = at_100("vms").database(8.0, Option::None);
    check(21, case, Medium, ApproachingWarning, 0.05, Actionable, Medium);
    let case = at_100("catalog").database(16.0, Some(10.0));
    check(22, case, Critical, ApproachingWarning, 0.1, Actionable, High);
}

/// Floor, value, usual mean, and the level.
#[test]
fn levels_of_databases() {
    use DatabaseStatus::{Critical, High, Info, Ok, Warning};
    for (floor, value, usual, status, below_floor) in [
        (1.0, 0.9, Some(0.1), Ok, true),
        (1.0, 1.0, Some(0.5), Warning, false),
        (1.0, 14.0, Some(10.0), Ok, false),
        (1.0, 15.0, Some(10.0), Info, false),
        (1.0, 20.0, Some(10.0), Warning, false),
        (1.0, 30.0, Some(10.0), High, false),
        (1.0, 50.0, Some(10.0), Critical, false),
        (5.0, 8.0, Option::None, Info, false),
        (5.0, 7.0, Option::None, Ok, false),
        (5.0, 25.0, Option::None, Critical, false),
    ] {
        let mut case = other().database(value, usual);
        case.settings.defaults.database_latency_floor_ms = floor;
        let found = case.run().evaluation.database_latency.unwrap().reading.unwrap();
        assert_eq!((found.status, found.below_floor), (status, below_floor), "{value} {usual:?}");
    }
}

struct Traffic {
    kind: TrafficKind,
    label: Option<TrafficSeverity>,
    status: TrafficStatus,
    /// By the matrix alone.
    matrix: Severity,
    /// With the traffic floor.
    adjusted: Severity,
}

#[track_caller]
fn check_traffic(number: u32, case: Case, expected: Traffic) {
    let case = case.anomaly("request_rate_unusual", Medium);
    let evaluation = case.run().evaluation;
    let reading = evaluation.request_rate.reading.unwrap();
    let found = (reading.kind, reading.severity, reading.status);
    assert_eq!(found, (expected.kind, expected.label, expected.status), "example {number}");
    assert_eq!(evaluation.adjusted_severity, expected.adjusted, "example {number}");
    let mut without = case;
    without.settings.request_rate_affects_severity = false;
    assert_eq!(without.run().evaluation.adjusted_severity, expected.matrix, "example {number}");
}

fn traffic(
    kind: TrafficKind,
    label: impl Into<Option<TrafficSeverity>>,
    matrix: Severity,
    adjusted: Severity,
) -> Traffic {
    let label = label.into();
    let status = match label {
        Option::None => TrafficStatus::Ok,
        Some(TrafficSeverity::Informational) => TrafficStatus::Info,
        Some(TrafficSeverity::Warning) => TrafficStatus::Warning,
        Some(TrafficSeverity::High) => TrafficStatus::High,
        Some(TrafficSeverity::Critical) => TrafficStatus::Critical,
    };
    Traffic { kind, label, status, matrix, adjusted }
}

#[test]
fn traffic_examples() {
    use TrafficKind::{Cliff, LowTraffic, Normal, Surge};
    use TrafficSeverity as Label;
    let at = |service: &str, rps: f64, usual: f64| Case::new(service).rps(rps).usual_rps(usual);
    let case = |rps| at("catalog", rps, 100.0);
    check_traffic(23, case(250.0).latency(900.0), traffic(Surge, Label::Warning, High, High));
    check_traffic(24, case(250.0).errors(0.012), traffic(Surge, Label::High, High, High));
    check_traffic(25, case(250.0), traffic(Surge, Label::Informational, Low, Low));
    check_traffic(26, case(50.0), traffic(Cliff, Label::High, Low, High));
    let evening = || case(50.0).in_period(EveningHours);
    check_traffic(27, evening(), traffic(Cliff, Label::Warning, Low, Medium));
    check_traffic(28, evening().errors(0.015), traffic(Cliff, Label::Critical, High, Critical));
    let booking = || at("booking", 40.0, 100.0);
    check_traffic(29, booking(), traffic(Cliff, Label::Critical, Low, High));
    let night = booking().in_period(NightHours);
    check_traffic(30, night, traffic(Cliff, Label::High, Low, High));
    check_traffic(31, at("catalog", 0.0, 4.0), traffic(Cliff, Label::High, Low, Low));
    check_traffic(32, at("catalog", 3.0, 4.0), traffic(LowTraffic, Label::Informational, Low, Low));
    let tiny = at("catalog", 0.15, 0.16).in_period(WeekendNight);
    check_traffic(33, tiny, traffic(LowTraffic, Label::Informational, Low, Low));
    let unknown = other().rps(50.0);
    check_traffic(34, unknown.clone(), traffic(Normal, Option::None, Low, Low));
    assert_eq!(unknown.run().evaluation.request_rate.reading.unwrap().ratio, Option::None);
}

#[test]
fn suppression_examples() {
    let names = |case: &Case| -> Vec<String> {
        let kept = case.run().kept;
        kept.iter().map(|kept| case.anomalies[kept.index].name.clone()).collect()
    };
    let case = other().database(0.37, Option::None).anomaly("database_latency_degraded", High);
    let verdict = case.run();
    assert!(!verdict.has_anomalies(), "example 35");
    assert_eq!(verdict.evaluation.adjusted_severity, None, "example 35");
    assert_eq!(verdict.evaluation.suppressed[0].threshold, 1.0, "example 35");

    let case = booking().errors(0.0015).anomaly("error_rate_high", High);
    assert!(names(&case).is_empty(), "example 36");

    let case = booking().errors(0.0025).anomaly("error_rate_high", Critical);
    let verdict = case.run();
    assert_eq!(verdict.evaluation.slo_status, ApproachingWarning, "example 37");
    assert_eq!(verdict.kept[0].severity, High, "example 37");
    let case = booking().errors(0.0025).anomaly("error_rate_high", Medium);
    assert_eq!(case.run().kept[0].severity, Medium, "example 37");

    let case = other().errors(0.004).anomaly("error_rate_elevated", High);
    assert!(names(&case).is_empty(), "example 38");

    let case = other()
        .latency(600.0)
        .database(0.5, Option::None)
        .anomaly("application_latency_high", Medium)
        .anomaly("database_latency_degraded", Critical);
    let evaluation = case.run().evaluation;
    assert_eq!(names(&case), ["application_latency_high"], "example 39");
    assert_eq!(evaluation.original_severity, Critical, "example 39");
    assert_eq!(evaluation.adjusted_severity, Medium, "example 39: the matrix runs again");
}
