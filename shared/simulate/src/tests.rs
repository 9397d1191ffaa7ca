//! Tests of the whole: an estate goes in as parameters and is judged by its samples.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::{
    Difficulty, Estate, EstateParams, EventKind, Fault, FaultKind, FaultPlan, Label, Metric,
    Series, parse_labels, service_names, simulate,
};

/// 2026-03-02T00:00:00Z, a Monday.
const MONDAY_S: i64 = 1_772_409_600;
const DAY_S: i64 = 86_400;
const HOUR_S: i64 = 3_600;

fn params(faults: FaultPlan) -> EstateParams {
    EstateParams {
        services: 12,
        start_s: MONDAY_S,
        train_days: 1,
        test_days: 2.0,
        step_s: 60,
        seed: 11,
        faults,
    }
}

fn estate(faults: FaultPlan) -> Estate {
    simulate(&params(faults), |_| HOUR_S).expect("the parameters are fine")
}

/// A fault of an hour on the first test day, from 10:00 UTC, or 01:00 for the night shift.
fn fault(kind: FaultKind, service: &str) -> Fault {
    let hour = if kind == FaultKind::NightShift { 1 } else { 10 };
    let start_s = MONDAY_S + DAY_S + hour * HOUR_S;
    Fault { kind, service: service.to_owned(), start_s, end_s: start_s + HOUR_S, intensity: 1.0 }
}

fn with_fault(kind: FaultKind, service: &str) -> Estate {
    estate(FaultPlan::Listed(vec![fault(kind, service)]))
}

fn series<'a>(estate: &'a Estate, service: &str, metric: Metric) -> &'a Series {
    let wanted = |each: &&Series| each.service == service && each.metric == metric;
    estate.series.iter().find(wanted).expect("the service has the metric")
}

/// Mean of the finite, non-negative samples in `[start_s, end_s)`.
fn mean(series: &Series, start_s: i64, end_s: i64) -> f64 {
    let inside: Vec<f64> = samples(series)
        .filter(|(at_s, value)| (start_s..end_s).contains(at_s) && is_sound(*value))
        .map(|(_, value)| value)
        .collect();
    inside.iter().sum::<f64>() / inside.len() as f64
}

fn samples(series: &Series) -> impl Iterator<Item = (i64, f64)> {
    series.timestamps_s.iter().copied().zip(series.values.iter().copied())
}

fn is_sound(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}

/// How much a metric rises through a fault, as a factor, in the fault's window.
fn rise(kind: FaultKind, root: &str, service: &str, metric: Metric) -> f64 {
    let (calm, hit) = (estate(FaultPlan::None), with_fault(kind, root));
    let window = fault(kind, root);
    let level = |estate| mean(series(estate, service, metric), window.start_s, window.end_s);
    level(&hit) / level(&calm)
}

/// FNV-1a of everything the estate writes.
fn digest(estate: &Estate) -> String {
    let tables = [estate.labels_csv(), estate.graph_csv(), estate.events_csv()];
    let more = [estate.services_csv(), estate.split_csv()];
    let texts = tables.into_iter().chain(more).chain(estate.recording_lines());
    let bytes = texts.flat_map(String::into_bytes);
    let hash = bytes.fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    format!("{hash:016x}")
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let plan = FaultPlan::Random { per_service_day: 0.5 };
    let first = estate(plan.clone());
    insta::assert_snapshot!(digest(&first), @"56ff67be0178196d");
    assert_eq!(digest(&first), digest(&estate(plan.clone())));
    let other = simulate(&EstateParams { seed: 12, ..params(plan) }, |_| HOUR_S);
    assert_ne!(digest(&first), digest(&other.expect("the parameters are fine")));
}

#[test]
fn listing_the_faults_of_a_random_plan_replays_it() {
    let random = estate(FaultPlan::Random { per_service_day: 0.5 });
    let listed = estate(FaultPlan::Listed(random.faults.clone()));
    assert_eq!(digest(&random), digest(&listed));
}

#[test]
fn faults_change_nothing_outside_their_windows() {
    let calm = estate(FaultPlan::None);
    let hit = estate(FaultPlan::Random { per_service_day: 0.5 });
    assert!(hit.faults.len() >= 8, "{}", hit.faults.len());
    let faulty = |at_s: &i64| hit.faults.iter().any(|f| (f.start_s..f.end_s).contains(at_s));
    for (without, with) in calm.series.iter().zip(&hit.series) {
        let outside = |series| -> Vec<(i64, u64)> {
            samples(series).filter(|(at, _)| !faulty(at)).map(|(at, v)| (at, v.to_bits())).collect()
        };
        assert!(outside(without) == outside(with), "{} {}", with.service, with.metric);
    }
}

#[test]
fn faults_and_labels_lie_in_the_test_part_with_room_to_recover() {
    for seed in 0..5 {
        let plan = FaultPlan::Random { per_service_day: 1.0 };
        let estate = simulate(&EstateParams { seed, ..params(plan) }, |_| 0).expect("fine");
        let mut last_end_s: BTreeMap<&str, i64> = BTreeMap::new();
        assert!(!estate.labels.is_empty());
        for label in &estate.labels {
            assert!(label.start_s >= estate.test_start_s + HOUR_S, "{label:?}");
            assert!(label.end_s <= estate.end_s - HOUR_S, "{label:?}");
            let before_s = last_end_s.insert(&label.service, label.end_s).unwrap_or(i64::MIN);
            assert!(label.start_s - HOUR_S >= before_s, "{label:?}");
        }
        assert_eq!(estate.faults.len() + estate.unplaced_faults, 24);
    }
}

#[test]
fn rows_of_an_incident_agree_and_begin_with_the_root_cause() {
    let estate = estate(FaultPlan::Random { per_service_day: 0.5 });
    let mut first: BTreeMap<&str, &Label> = BTreeMap::new();
    for label in &estate.labels {
        let head = first.entry(&label.incident_id).or_insert(label);
        let told = |l: &Label| (l.kind.clone(), l.root_cause_service.clone(), l.difficulty);
        assert_eq!(told(head), told(label));
        assert_eq!(head.service, head.root_cause_service);
        assert!(!label.metrics.is_empty(), "{label:?}");
    }
    assert_eq!(first.len(), estate.faults.len());
}

#[test]
fn labelled_metrics_move_in_the_samples() {
    let calm = estate(FaultPlan::None);
    let hit = estate(FaultPlan::Random { per_service_day: 0.5 });
    for label in &hit.labels {
        for &metric in &label.metrics {
            let level =
                |estate| mean(series(estate, &label.service, metric), label.start_s, label.end_s);
            let (without, with) = (level(&calm), level(&hit));
            let moved = (with - without).abs() / without.max(1e-4);
            assert!(moved > 0.05, "{label:?} {metric}: {without} to {with}");
        }
    }
}

#[test]
fn every_kind_is_labelled_on_its_root_cause() {
    let lines: Vec<String> = FaultKind::ALL
        .iter()
        .map(|&kind| {
            let labels = with_fault(kind, "order").labels;
            let metrics: Vec<&str> = labels[0].metrics.iter().map(|m| m.as_str()).collect();
            assert_eq!(labels[0].service, "order");
            format!("{kind}: {}", metrics.join(" "))
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    latency_spike: application_latency
    error_burst: error_rate
    traffic_cliff: request_rate
    traffic_surge_degrading: request_rate application_latency error_rate
    traffic_surge_healthy: request_rate
    database_slowdown: application_latency database_latency
    slow_dependency: application_latency dependency_latency
    fast_failure: application_latency error_rate
    partial_outage: application_latency error_rate
    retry_storm: request_rate application_latency error_rate
    gradual_degradation: application_latency error_rate
    night_shift: application_latency error_rate
    ");
}

#[track_caller]
fn check_rise(kind: FaultKind, service: &str, metric: Metric, range: std::ops::Range<f64>) {
    let factor = rise(kind, "order", service, metric);
    assert!(range.contains(&factor), "{kind} on order, {service} {metric}: x{factor}");
}

#[test]
fn every_kind_does_to_its_root_cause_what_it_says() {
    use FaultKind as K;
    use Metric as M;
    check_rise(K::LatencySpike, "order", M::ApplicationLatency, 2.3..2.7);
    check_rise(K::LatencySpike, "order", M::RequestRate, 0.99..1.01);
    check_rise(K::ErrorBurst, "order", M::ErrorRate, 10.0..1e4);
    check_rise(K::ErrorBurst, "order", M::ApplicationLatency, 0.99..1.01);
    check_rise(K::TrafficCliff, "order", M::RequestRate, 0.13..0.20);
    check_rise(K::TrafficSurgeDegrading, "order", M::ApplicationLatency, 1.7..2.2);
    check_rise(K::TrafficSurgeDegrading, "order", M::RequestRate, 2.0..2.4);
    check_rise(K::TrafficSurgeHealthy, "order", M::RequestRate, 2.0..2.4);
    check_rise(K::TrafficSurgeHealthy, "order", M::ApplicationLatency, 0.9..1.2);
    check_rise(K::DatabaseSlowdown, "order", M::DatabaseLatency, 3.7..4.1);
    check_rise(K::DatabaseSlowdown, "order", M::ApplicationLatency, 1.1..4.0);
    check_rise(K::SlowDependency, "order", M::DependencyLatency, 2.8..3.1);
    check_rise(K::FastFailure, "order", M::ErrorRate, 10.0..1e4);
    check_rise(K::FastFailure, "order", M::ApplicationLatency, 0.5..0.8);
    check_rise(K::PartialOutage, "order", M::ErrorRate, 10.0..1e4);
    check_rise(K::RetryStorm, "order", M::RequestRate, 1.8..2.1);
    check_rise(K::RetryStorm, "order", M::ErrorRate, 10.0..1e4);
    check_rise(K::GradualDegradation, "order", M::ApplicationLatency, 1.5..2.0);
    check_rise(K::NightShift, "order", M::ApplicationLatency, 1.5..1.8);
    check_rise(K::NightShift, "order", M::ErrorRate, 2.0..1e4);
}

#[test]
fn faults_spread_along_the_call_graph() {
    use FaultKind as K;
    use Metric as M;
    check_rise(K::LatencySpike, "front-door", M::DependencyLatency, 1.2..2.5);
    check_rise(K::LatencySpike, "front-door", M::ApplicationLatency, 1.05..2.0);
    check_rise(K::LatencySpike, "backoffice", M::ApplicationLatency, 1.01..2.0);
    check_rise(K::LatencySpike, "payment", M::ApplicationLatency, 0.999..1.001);
    check_rise(K::ErrorBurst, "front-door", M::ErrorRate, 3.0..1e3);
    check_rise(K::ErrorBurst, "payment", M::ErrorRate, 0.999..1.001);
    check_rise(K::TrafficCliff, "payment", M::RequestRate, 0.1..0.5);
    check_rise(K::TrafficCliff, "front-door", M::RequestRate, 0.999..1.001);
    check_rise(K::FastFailure, "payment", M::RequestRate, 0.5..0.9);
    check_rise(K::RetryStorm, "payment", M::RequestRate, 1.5..2.1);
    check_rise(K::SlowDependency, "payment", M::ApplicationLatency, 0.999..1.001);
    check_rise(K::SlowDependency, "storefront", M::ApplicationLatency, 0.999..1.001);
}

#[test]
fn samples_are_in_range_but_for_the_planted_ones() {
    let estate = estate(FaultPlan::Random { per_service_day: 0.5 });
    let planted = estate.events.iter().filter(|e| e.kind == EventKind::BadValue).count();
    let mut unsound = 0;
    for series in &estate.series {
        assert_eq!(series.timestamps_s.len(), series.values.len());
        assert!(series.timestamps_s.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(series.timestamps_s.iter().all(|at_s| at_s % 60 == 0 && *at_s < estate.end_s));
        let most = match series.metric {
            Metric::ErrorRate => 1.0,
            Metric::RequestRate => 2_000.0,
            _ => 60_000.0,
        };
        let sound = |value: &f64| (0.0..=most).contains(value);
        unsound += series.values.iter().filter(|value| !sound(value)).count();
    }
    assert!(planted > 0);
    assert_eq!(unsound, planted);
}

#[test]
fn a_minute_without_requests_has_no_latency_and_no_errors() {
    let estate = estate(FaultPlan::None);
    let idle: Vec<i64> = samples(series(&estate, "backoffice", Metric::RequestRate))
        .filter(|(_, rate)| *rate == 0.0)
        .map(|(at_s, _)| at_s)
        .collect();
    assert!(idle.len() > 100, "{} idle minutes", idle.len());
    for metric in [Metric::ApplicationLatency, Metric::DatabaseLatency, Metric::ErrorRate] {
        let present = &series(&estate, "backoffice", metric);
        let sound = samples(present).filter(|(_, value)| is_sound(*value));
        assert!(sound.map(|(at_s, _)| at_s).all(|at_s| idle.binary_search(&at_s).is_err()));
    }
}

#[test]
fn days_follow_local_time() {
    for offset_h in [-8, 0, 9] {
        let calm = simulate(&params(FaultPlan::None), |_| offset_h * HOUR_S).expect("fine");
        let rate = series(&calm, "front-door", Metric::RequestRate);
        let level = |local_hour: i64| {
            let start_s = MONDAY_S + DAY_S + (local_hour - offset_h) * HOUR_S;
            mean(rate, start_s, start_s + HOUR_S)
        };
        assert!(level(4) < 0.4 * level(11), "{offset_h}: {} and {}", level(4), level(11));
    }
}

#[test]
fn weekends_are_quieter_and_peaks_are_as_the_profile_says() {
    let month = EstateParams { train_days: 14, ..params(FaultPlan::None) };
    let estate = simulate(&month, |_| 0).expect("fine");
    for service in &estate.services {
        let rate = series(&estate, &service.name, Metric::RequestRate);
        let mut values: Vec<f64> = rate.values.iter().copied().filter(|v| is_sound(*v)).collect();
        values.sort_by(f64::total_cmp);
        let busy = values[values.len() * 98 / 100] / service.peak_rps;
        assert!((0.5..1.8).contains(&busy), "{}: {busy}", service.name);
    }
    let front = series(&estate, "front-door", Metric::RequestRate);
    let day = |number: i64| mean(front, MONDAY_S + number * DAY_S, MONDAY_S + (number + 1) * DAY_S);
    assert!(day(5) < day(2) && day(6) < day(3));
}

#[test]
fn estates_of_all_sizes_and_steps_can_be_made() {
    for (services, step_s) in [(1, 60), (2, 10), (7, 300), (13, 120), (60, 300), (200, 300)] {
        let plan = FaultPlan::Random { per_service_day: 1.0 };
        let small =
            EstateParams { services, step_s, train_days: 0, test_days: 0.5, ..params(plan) };
        let estate = simulate(&small, |_| 0).expect("fine");
        let names: Vec<String> = estate.services.iter().map(|each| each.name.clone()).collect();
        assert_eq!(names, service_names(services));
        assert!(estate.graph.iter().all(|(a, b)| names.contains(a) && names.contains(b)));
        let metrics: usize = estate.services.iter().map(|each| each.metrics.len()).sum();
        assert_eq!(estate.series.len(), metrics);
    }
}

#[test]
fn label_files_are_read_back() {
    let estate = estate(FaultPlan::Random { per_service_day: 1.0 });
    assert_eq!(parse_labels(&estate.labels_csv()).expect("own labels"), estate.labels);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_labels_are_read_back(rows in prop::collection::vec(any_label(), 0..20)) {
        let tiny = EstateParams { services: 1, test_days: 0.01, ..params(FaultPlan::None) };
        let mut estate = simulate(&tiny, |_| 0).expect("fine");
        estate.labels = rows;
        prop_assert_eq!(&parse_labels(&estate.labels_csv()).expect("own labels"), &estate.labels);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*", body in "[a-z0-9,:TZ|\\n-]{0,200}") {
        let _either = parse_labels(&text);
        let header = "incident_id,service,start,end,kind,root_cause_service,metrics";
        let _either = parse_labels(&format!("{header}\n{body}"));
    }
}

fn any_label() -> impl Strategy<Value = Label> {
    let metrics = prop::sample::subsequence(Metric::ALL.to_vec(), 0..=5);
    let difficulty = prop::option::of(prop::sample::select(Difficulty::ALL));
    ("[a-z-]{1,9}", "[a-z]{1,9}", 0..4_000_000_000_i64, 1..9_999_i64, difficulty, metrics).prop_map(
        |(incident_id, service, start_s, length_s, difficulty, metrics)| Label {
            incident_id,
            root_cause_service: service.clone(),
            service,
            start_s,
            end_s: start_s + length_s,
            kind: "latency_spike".to_owned(),
            difficulty,
            metrics,
        },
    )
}

#[track_caller]
fn check_refused(change: impl FnOnce(&mut EstateParams), expected: &str) {
    let mut changed = params(FaultPlan::None);
    change(&mut changed);
    let error = simulate(&changed, |_| 0).expect_err("the parameters must be refused");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn parameters_out_of_range_are_refused() {
    check_refused(|p| p.services = 0, "services is 0, choose 1 to 200");
    check_refused(|p| p.services = 201, "services is 201, choose 1 to 200");
    check_refused(|p| p.step_s = 7, "step_s is 7, choose a divisor of 3600 from 10 to 300");
    check_refused(
        |p| p.start_s = 61,
        "start_s is 61, choose a multiple of step_s from 1970 to 2199",
    );
    check_refused(|p| p.test_days = f64::NAN, "test_days is NaN, choose a number from 0 to 400");
    check_refused(
        |p| (p.train_days, p.test_days) = (0, 0.0),
        "the simulation lasts 0 steps, choose at least one step and at most 400 days",
    );
    check_refused(
        |p| (p.services, p.train_days) = (200, 300),
        "about 434880000 samples, at most 64000000: take fewer services or days",
    );
    check_refused(
        |p| p.faults = FaultPlan::Random { per_service_day: -1.0 },
        "per_service_day is -1, choose a number from 0 to 10",
    );
    let error = simulate(&params(FaultPlan::None), |_| DAY_S).expect_err("a day is too much");
    assert_eq!(
        error.to_string(),
        "local offset at 1772409600 is 86400 s, must lie within 18 hours"
    );
}

#[test]
fn impossible_faults_are_refused() {
    let check = |listed: Fault, expected: &str| {
        check_refused(|p| p.faults = FaultPlan::Listed(vec![listed]), expected);
    };
    check(
        fault(FaultKind::ErrorBurst, "nobody"),
        "fault 0 (error_burst on 'nobody'): the estate has no such service",
    );
    check(
        fault(FaultKind::DatabaseSlowdown, "pricing"),
        "fault 0 (database_slowdown on 'pricing'): the service has no database",
    );
    check(
        fault(FaultKind::SlowDependency, "payment"),
        "fault 0 (slow_dependency on 'payment'): the service calls no other",
    );
    let plain = fault(FaultKind::ErrorBurst, "order");
    check(
        Fault { start_s: MONDAY_S, ..plain.clone() },
        "fault 0 (error_burst on 'order'): the window must not be empty and must lie in the \
         test part",
    );
    check(
        Fault { intensity: 0.0, ..plain },
        "fault 0 (error_burst on 'order'): intensity must be above 0 and at most 4",
    );
}
