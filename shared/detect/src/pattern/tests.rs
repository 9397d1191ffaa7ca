//! The whole space of levels, and every sentence of every pattern.

use std::collections::BTreeMap;

use super::state::DependencyKind::{ChainDegraded, DependenciesHealthy, UpstreamAnomaly};
use super::*;

/// Values that make the quantities lie on both sides of every bound.
#[derive(Clone, Copy)]
struct Amounts {
    database_share: f64,
    dependency_share: f64,
    share_of_usual: f64,
    error_share: f64,
    is_rising: bool,
    is_night: bool,
}

fn state(levels: [Level; 5], amounts: Amounts, kind: Option<DependencyKind>) -> State {
    let values = [
        100.0 * amounts.share_of_usual,
        1000.0,
        1000.0 * amounts.dependency_share,
        1000.0 * amounts.database_share,
        amounts.error_share,
    ];
    let mut metrics = [MetricState::NORMAL; 5];
    for ((metric, level), value) in metrics.iter_mut().zip(levels).zip(values) {
        let value = (level != Level::Unknown).then_some(value);
        let is_rising = Some(amounts.is_rising);
        *metric = MetricState { level, value, usual: Some(100.0), is_rising };
    }
    State::new(metrics, kind.map(context)).at_night(amounts.is_night)
}

fn context(kind: DependencyKind) -> DependencyContext {
    DependencyContext {
        kind,
        root_service: Some("vms".to_owned()),
        root_anomaly: Some("error_rate_critical".to_owned()),
        affected_chain: vec!["vms".to_owned(), "search".to_owned()],
        confidence: 0.85,
    }
}

fn all_amounts() -> Vec<Amounts> {
    let shares = [(0.5, 0.5, false), (0.8, 0.5, true), (0.5, 0.7, false)];
    let sizes = [(0.3, 0.05), (0.8, 0.01)];
    let of = |(database_share, dependency_share, is_rising)| {
        sizes.map(|(share_of_usual, error_share)| Amounts {
            database_share,
            dependency_share,
            share_of_usual,
            error_share,
            is_rising,
            is_night: !is_rising,
        })
    };
    shares.into_iter().flat_map(of).collect()
}

fn all_levels() -> impl Iterator<Item = [Level; 5]> {
    (0..8usize.pow(5)).map(|code| {
        let mut code = code;
        [0; 5].map(|_| {
            let level = Level::ALL[code % 8];
            code /= 8;
            level
        })
    })
}

/// How often each pattern is the answer over all levels, and shares, trends and contexts on both
/// sides of every bound.
fn answers() -> BTreeMap<&'static str, usize> {
    let kinds = [None, Some(UpstreamAnomaly), Some(ChainDegraded), Some(DependenciesHealthy)];
    let mut found: BTreeMap<&'static str, usize> = BTreeMap::new();
    for amounts in all_amounts() {
        for kind in kinds {
            let mut it = state([Level::Normal; 5], amounts, kind);
            for levels in all_levels() {
                for (metric, level) in it.metrics_mut().iter_mut().zip(levels) {
                    metric.level = level;
                }
                *found.entry(find(&it).map_or("", |it| it.pattern.name)).or_default() += 1;
            }
        }
    }
    found
}

#[test]
fn no_pattern_is_shadowed_and_a_quiet_service_has_none() {
    let found = answers();
    for pattern in PATTERNS {
        assert!(found.contains_key(pattern.name), "{} is never reached", pattern.name);
    }
    assert!(found.contains_key(""), "something is left for unnamed anomalies");
    let total: usize = found.values().sum();
    assert_eq!(total, 8usize.pow(5) * all_amounts().len() * 4);
    for amounts in all_amounts() {
        assert_eq!(find(&state([Level::Normal; 5], amounts, None)), None);
        assert_eq!(find(&state([Level::Unknown; 5], amounts, None)), None);
    }
}

/// The pattern of request rate, application, dependency and database latency, error rate.
#[track_caller]
fn check(levels: [Level; 5], expected: &str) -> Match {
    let amounts = Amounts {
        database_share: 0.5,
        dependency_share: 0.5,
        share_of_usual: 0.8,
        error_share: 0.05,
        is_rising: false,
        is_night: false,
    };
    let found = find(&state(levels, amounts, None)).expect("a pattern");
    assert_eq!(found.pattern.name, expected);
    found
}

#[test]
fn examples_of_every_pattern_that_needs_no_more_than_levels() {
    use Level::*;
    let n = Normal;
    check([High, High, n, n, High], "request_rate_surge_failing");
    check([n, n, n, n, VeryHigh], "error_rate_critical");
    check([n, n, n, n, High], "error_rate_elevated");
    check([n, VeryLow, n, n, VeryHigh], "error_rate_fast_rejection");
    check([Low, VeryLow, n, n, High], "reduced_traffic_with_errors");
    check([VeryLow, VeryLow, n, n, VeryHigh], "reduced_traffic_with_errors");
    check([Low, n, n, n, High], "traffic_loss_with_errors");
    check([High, VeryHigh, n, n, n], "request_rate_surge_degrading");
    check([n, High, n, n, n], "application_latency_bottleneck");
    check([n, High, n, Unknown, n], "latency_spike_recent");
    check([n, Low, n, n, VeryHigh], "error_rate_fast_failure");
    check([n, VeryLow, n, n, Elevated], "suspicious_fast_responses");
    check([n, Low, n, n, Elevated], "error_rate_partial_rejection");
    check([n, n, n, High, n], "database_latency_degraded");
    check([VeryHigh, n, n, n, n], "request_rate_surge_healthy");
    let amounts = Amounts { is_night: true, ..all_amounts()[0] };
    let at_night = find(&state([VeryHigh, n, n, n, n], amounts, None)).expect("a pattern");
    assert_eq!(at_night.pattern.name, "request_rate_surge_at_night");
    let slow = check([n, High, n, n, High], "error_rate_elevated_with_latency");
    assert_eq!(slow.severity, Severity::High);
    let worse = check([n, High, n, n, VeryHigh], "error_rate_elevated_with_latency");
    assert_eq!(worse.severity, Severity::Critical);
}

#[test]
fn what_an_error_rate_means_depends_on_its_size() {
    let mut levels = [Level::Normal; 5];
    levels[4] = Level::VeryHigh;
    let mut amounts = all_amounts()[0];
    (amounts.share_of_usual, amounts.error_share) = (1.0, 0.0003);
    let small = find(&state(levels, amounts, None)).unwrap();
    assert_eq!((small.pattern.name, small.severity), ("error_rate_elevated", Severity::High));
    amounts.error_share = 0.03;
    let large = find(&state(levels, amounts, None)).unwrap();
    assert_eq!((large.pattern.name, large.severity), ("error_rate_critical", Severity::Critical));
}

#[test]
fn a_cliff_is_a_fall_below_half_of_what_is_usual_and_known() {
    let mut levels = [Level::Normal; 5];
    levels[0] = Level::VeryLow;
    let mut amounts = all_amounts()[0];
    let name = |amounts| find(&state(levels, amounts, None)).map(|it| it.pattern.name);
    amounts.share_of_usual = 0.49;
    assert_eq!(name(amounts), Some("request_rate_cliff"));
    amounts.share_of_usual = 0.0;
    assert_eq!(name(amounts), Some("request_rate_cliff"));
    amounts.share_of_usual = 0.5;
    assert_eq!(name(amounts), None);
    amounts.share_of_usual = 0.1;
    let mut unknown = state(levels, amounts, None);
    unknown.metrics_mut()[0].usual = None;
    assert_eq!(find(&unknown), None, "without an expectation there is no fall");
}

#[test]
fn the_larger_of_two_bottlenecks_names_it_and_the_other_is_told() {
    let levels = [Level::Normal, Level::High, Level::High, Level::VeryHigh, Level::Normal];
    let of = |database_share, dependency_share| {
        let amounts = Amounts { database_share, dependency_share, ..all_amounts()[0] };
        let found = find(&state(levels, amounts, None)).unwrap();
        (found.pattern.name, found.secondary)
    };
    let (database, dependency) = ("database_latency_bottleneck", "dependency_latency_cascade");
    assert_eq!(of(0.9, 0.7), (database, Some(Core::DependencyLatency)));
    assert_eq!(of(0.8, 0.9), (dependency, Some(Core::DatabaseLatency)));
    assert_eq!(of(0.9, 0.1), (database, Some(Core::DependencyLatency)));
    assert_eq!(of(0.1, 0.7), (dependency, Some(Core::DatabaseLatency)));
}

#[test]
fn a_steady_rise_is_gradual_and_the_call_graph_comes_first() {
    let levels = [Level::Normal, Level::High, Level::High, Level::Normal, Level::Normal];
    let rising = Amounts { is_rising: true, ..all_amounts()[0] };
    let name = |kind| find(&state(levels, rising, kind)).unwrap().pattern.name;
    assert_eq!(name(None), "gradual_degradation");
    assert_eq!(name(Some(UpstreamAnomaly)), "upstream_cascade");
    assert_eq!(name(Some(ChainDegraded)), "dependency_chain_degradation");
}

#[test]
fn every_sentence_of_every_pattern_can_be_filled_in() {
    for pattern in PATTERNS {
        let it = state([Level::Normal; 5], all_amounts()[0], Some(ChainDegraded));
        let actions = pattern.actions.iter().map(|action| action.text);
        for sentence in [pattern.description, pattern.interpretation].into_iter().chain(actions) {
            let filled = text::fill(sentence, &it);
            let filled = filled.unwrap_or_else(|| panic!("{}: {sentence}", pattern.name));
            assert!(!filled.contains(['{', '}']) && !filled.contains("  "), "{filled}");
        }
        assert!((2..=5).contains(&pattern.actions.len()), "{}", pattern.name);
    }
}

#[test]
fn names_and_aliases_are_unique_and_found_with_a_root() {
    let mut all: Vec<&str> =
        PATTERNS.iter().flat_map(|it| it.aliases.iter().copied().chain([it.name])).collect();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
    let name = |text| by_name(text).map(|it| it.name);
    assert_eq!(name("traffic_surge_healthy"), Some("request_rate_surge_healthy"));
    assert_eq!(name("recent_degradation"), Some("latency_spike_recent"));
    assert_eq!(name("upstream_cascade:vms"), Some("upstream_cascade"));
    assert_eq!(name("error_rate_high"), None);
}

#[test]
fn only_a_healthy_surge_is_locked() {
    let locked: Vec<&str> = PATTERNS.iter().filter(|it| it.is_locked).map(|it| it.name).collect();
    assert_eq!(locked, ["request_rate_surge_healthy"]);
}

/// Data shows what came together, not why.
#[test]
fn no_sentence_asserts_a_cause_or_a_haste() {
    const CAUSES: [&str; 10] = [
        "because",
        "caused by",
        "due to",
        "the cause is",
        "not the cause",
        "is broken",
        "something else changed",
        "exceeds capacity",
        "will help",
        "are refused",
    ];
    // How fast it came is said by the trend alone, where there is one.
    const HASTE: [&str; 4] = ["sudden", "spike", "recently", "jumped"];
    for pattern in PATTERNS {
        for sentence in [pattern.description, pattern.interpretation] {
            let sentence = sentence.to_lowercase();
            let asserted = CAUSES.iter().chain(&HASTE).find(|word| sentence.contains(**word));
            assert_eq!(asserted, None, "{}: {sentence}", pattern.name);
        }
    }
}
