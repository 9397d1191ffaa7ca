//! Objectives over many cycles: what is confirmed, what lingers, what is too thin to be told.

use std::collections::BTreeSet;

use detect::residual::CallGraph;
use domain::Severity;
use incident::Rules;
use payload::result::ServiceResult;
use pipeline::backtest::decided::Decided;
use pipeline::backtest::{Incidents, Notified, Part, fates, read_tapes, replay};
use serde_json::json;

use crate::fleet::{Fleet, NOON, TRAINED_AT, at, config, names};

const CYCLE_S: i64 = 120;
const DAY_S: i64 = 86_400;

/// A quiet day under objectives.
async fn day(fleet: &Fleet) -> Incidents {
    let part = |after_s, until_s| Part { source: &fleet.source, after_s, until_s };
    let trained_s = at(TRAINED_AT).timestamp();
    let history = part(trained_s - 30 * DAY_S, trained_s);
    let metrics = part(trained_s, trained_s + DAY_S);
    let tapes = read_tapes(history, metrics, &fleet.config).await.unwrap();
    let no_graph = CallGraph::of([]);
    let judge = Decided::load(&fleet.registry, &fleet.config, names(), no_graph).await.unwrap();
    let tracks = replay(&tapes, &judge, CYCLE_S, &|_| {});
    let found = Incidents::of(&tracks, &judge, &Rules::of(&fleet.config));
    let silenced = fates(&tracks, &found, &judge, None);
    assert_eq!(silenced.values().map(|it| it.unseen).sum::<usize>(), 0, "{silenced:?}");
    found
}

/// A fleet of which one service's usual latency lies at its warning limit.
fn at_the_limit(hysteresis: f64) -> Fleet {
    let mut fleet = Fleet::trained();
    let service = names()[1].clone();
    let trained_s = at(TRAINED_AT).timestamp();
    let mut latencies = fleet.values("application_latency", &service, trained_s..trained_s + DAY_S);
    latencies.sort_by(f64::total_cmp);
    let usual = latencies[latencies.len() / 2];
    let limits = json!({
        "latency_acceptable_ms": 0.5 * usual,
        "latency_warning_ms": usual,
        "latency_critical_ms": 10.0 * usual,
    });
    let services = serde_json::Map::from_iter([(service.to_string(), limits)]);
    let slos = json!({ "hysteresis": hysteresis, "services": services });
    fleet.config = config(&json!({ "slos": slos }).to_string());
    fleet
}

#[tokio::test]
async fn a_value_at_its_limit_is_told_less_often_if_it_may_linger() {
    let mut told = Vec::new();
    for hysteresis in [0.0, 0.05, 0.2] {
        let found = day(&at_the_limit(hysteresis)).await;
        let it = Notified::of(&found, None);
        told.push(it.first_alerts + it.reopened_alerts);
    }
    assert!(told[0] > 2 * told[1] && told[1] > told[2] && told[2] >= 1, "{told:?}");
}

#[tokio::test]
async fn a_broken_objective_is_told_from_its_second_cycle_on() {
    let found = day(&at_the_limit(0.05)).await;
    let mut seen = BTreeSet::new();
    for it in found.all.iter().filter(|it| it.anomaly_name == "slo_application_latency") {
        // What comes back was confirmed before.
        if seen.insert(it.incident_id.clone()) {
            let waited_s = it.episode.start_s - it.episode.first_evidence_s;
            assert!(waited_s >= CYCLE_S, "{it:#?}");
        }
    }
    assert!(!seen.is_empty());
}

#[tokio::test]
async fn slow_answers_to_a_few_requests_break_no_objective() {
    let mut fleet = Fleet::trained();
    let service = names()[1].clone();
    fleet.rewrite("request_rate", &service, |_, _| 0.02);
    let slos = json!({ "defaults": {
        "latency_acceptable_ms": 0.01, "latency_warning_ms": 0.02, "latency_critical_ms": 0.03,
    }});
    fleet.config = config(&json!({ "slos": slos }).to_string());
    let found = day(&fleet).await;
    let broken = |name: &str| {
        let made = found.all.iter().filter(|it| it.anomaly_name.starts_with("slo_"));
        made.filter(|it| it.service.as_str() == name).count()
    };
    assert_eq!(broken(service.as_str()), 0, "six requests in five minutes");
    assert!(broken(names()[0].as_str()) > 0);
}

#[tokio::test]
async fn the_impact_is_that_of_the_severity_after_objectives() {
    let mut told = Vec::new();
    for limits in [
        "{}",
        r#"{"slos": {"defaults": {
        "latency_acceptable_ms": 100000, "latency_warning_ms": 200000, "latency_critical_ms": 300000
    }}}"#,
    ] {
        let mut fleet = Fleet::trained();
        fleet.break_metric("application_latency", &names()[1], NOON, 6.0);
        fleet.config = config(limits);
        let cycle = fleet.infer(NOON).await.unwrap();
        let found = cycle.results.iter().filter_map(ServiceResult::evaluation);
        let anomaly = found.flat_map(|it| it.anomalies.values()).next().expect("an anomaly");
        told.push((anomaly.severity, anomaly.business_impact.clone()));
    }
    let [(before, loud), (after, mild)] = &told[..] else { panic!("{told:?}") };
    assert!(*before >= Severity::High && *after == Severity::Low, "{told:?}");
    assert!(loud.starts_with("Users are affected") || loud.starts_with("Users have"), "{loud}");
    assert!(mild.starts_with("A minor degradation"), "{mild}");
}
