//! What the call graph makes of a cycle: names, causes, and the cascades of the answer.

use std::collections::{BTreeMap, BTreeSet};

use payload::cascade::{CascadeAnalysis, CascadeType};
use payload::result::{Anomaly, Evaluation};
use payload::run::Cycle;

use crate::fleet::{Fleet, NOON, config, names};

/// Which of the three services call which, by position.
const ONE: &[(usize, usize)] = &[(0, 1)];
const CHAIN: &[(usize, usize)] = &[(0, 1), (1, 2)];

fn fleet(calls: &[(usize, usize)], cascade_detection: &str) -> Fleet {
    let mut fleet = Fleet::trained();
    fleet.config =
        config(&format!(r#"{{"dependencies": {{"cascade_detection": {cascade_detection}}}}}"#));
    put_graph(&mut fleet, calls);
    fleet
}

fn put_graph(fleet: &mut Fleet, calls: &[(usize, usize)]) {
    let mut graph: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (caller, callee) in calls {
        graph.entry(names()[*caller].clone()).or_default().insert(names()[*callee].clone());
    }
    fleet.config.dependencies.graph = graph;
}

fn evaluation(cycle: &Cycle, index: usize) -> &Evaluation {
    let name = &names()[index];
    let result = cycle.results.iter().find(|it| it.service_name() == name.as_str()).unwrap();
    result.evaluation().unwrap()
}

fn anomaly(cycle: &Cycle, index: usize) -> (&str, &Anomaly) {
    let (name, anomaly) = evaluation(cycle, index).anomalies.iter().next().expect("an anomaly");
    (name, anomaly)
}

fn analysis(cycle: &Cycle, index: usize) -> &CascadeAnalysis {
    anomaly(cycle, index).1.cascade_analysis.as_ref().expect("an analysis")
}

/// The first service waits for the second, which is slow.
fn break_callee(fleet: &Fleet) {
    for (metric, index) in
        [("dependency_latency", 0), ("application_latency", 0), ("application_latency", 1)]
    {
        fleet.break_metric(metric, &names()[index], NOON, 6.0);
    }
}

#[tokio::test]
async fn a_service_that_waits_for_a_slow_callee_is_named_after_that() {
    let mut fleet = fleet(ONE, "{}");
    break_callee(&fleet);
    let cycle = fleet.infer(NOON).await.unwrap();
    let (name, found) = anomaly(&cycle, 0);
    let root = names()[1].to_string();
    assert_eq!(name, "upstream_cascade");
    assert!(found.description.starts_with(&format!("Slow while {root} is degraded")), "{found:?}");
    assert!(found.description.contains(anomaly(&cycle, 1).0), "{}", found.description);
    let actions = found.recommended_actions.join("\n");
    assert!(actions.contains(&root) && !actions.contains('{'), "{actions}");
    let told = analysis(&cycle, 0);
    assert_eq!((told.is_cascade, told.cascade_type), (true, CascadeType::UpstreamCascade));
    assert_eq!(told.affected_chain, [root.clone(), names()[0].to_string()]);
    assert!(told.confidence >= 0.85, "{told:?}");
    assert_eq!(evaluation(&cycle, 0).root_cause.as_ref().unwrap().service_name, root);
    assert!(!analysis(&cycle, 1).is_cascade);
    let cascade = &cycle.cascades[0];
    assert_eq!((cascade.root_service.as_str(), cascade.blast_radius), (root.as_str(), 1));
    assert_eq!(cascade.affected_services, [names()[0].to_string()]);
    assert_eq!(cascade.confidence, told.confidence);
}

#[tokio::test]
async fn a_fault_at_the_end_of_a_chain_is_told_along_the_chain() {
    let mut fleet = fleet(CHAIN, "{}");
    break_callee(&fleet);
    fleet.break_metric("dependency_latency", &names()[1], NOON, 6.0);
    fleet.break_metric("application_latency", &names()[2], NOON, 6.0);
    let cycle = fleet.infer(NOON).await.unwrap();
    let (name, found) = anomaly(&cycle, 0);
    assert_eq!(name, "dependency_chain_degradation");
    let chain: Vec<String> = names().iter().rev().map(ToString::to_string).collect();
    let description = format!(
        "3 services in the chain are affected ({}); probable origin {}",
        chain.join(", "),
        chain[0]
    );
    assert!(found.description.starts_with(&description), "{}", found.description);
    assert_eq!(analysis(&cycle, 0).cascade_type, CascadeType::ChainDegraded);
    assert_eq!(anomaly(&cycle, 1).0, "upstream_cascade");
    let cascades: Vec<_> =
        cycle.cascades.iter().map(|it| (it.root_service.as_str(), it.blast_radius)).collect();
    assert_eq!(cascades, [(chain[0].as_str(), 2)]);
}

#[tokio::test]
async fn a_slow_service_whose_callees_are_healthy_has_the_trouble_inside() {
    let broken = |fleet: &Fleet| {
        fleet.break_metric("application_latency", &names()[2], NOON, 6.0);
        fleet.break_metric("database_latency", &names()[2], NOON, 2.5);
    };
    let mut alone = fleet(&[], "{}");
    broken(&alone);
    let cycle = alone.infer(NOON).await.unwrap();
    let (without, found) = anomaly(&cycle, 2);
    assert_eq!((without, &found.cascade_analysis), ("latency_spike_recent", &None));
    let mut among = fleet(&[(2, 0), (2, 1)], "{}");
    broken(&among);
    let cycle = among.infer(NOON).await.unwrap();
    assert_eq!(anomaly(&cycle, 2).0, "internal_latency_issue");
    assert_eq!(analysis(&cycle, 2).cascade_type, CascadeType::DependenciesHealthy);
    assert_eq!(cycle.cascades, []);
    // What was not judged is not known to be healthy.
    let mut blind = fleet(&[(2, 0), (2, 1)], "{}");
    broken(&blind);
    blind.source.set("request_rate", &names()[0], domain::Series::default());
    let cycle = blind.infer(NOON).await.unwrap();
    assert_eq!(anomaly(&cycle, 2).0, "latency_spike_recent");
    assert_eq!(analysis(&cycle, 2).cascade_type, CascadeType::None);
}

#[tokio::test]
async fn the_name_of_an_anomaly_is_no_other_services() {
    for calls in [ONE, CHAIN] {
        let mut fleet = fleet(calls, "{}");
        break_callee(&fleet);
        let cycle = fleet.infer(NOON).await.unwrap();
        let keys = cycle.results.iter().filter_map(|it| it.evaluation());
        for key in keys.flat_map(|it| it.anomalies.keys()) {
            assert!(!key.contains(':') && names().iter().all(|it| !key.contains(it.as_str())));
        }
    }
}

#[tokio::test]
async fn cascade_detection_can_be_switched_off() {
    let mut fleet = fleet(ONE, r#"{"enabled": false}"#);
    break_callee(&fleet);
    let cycle = fleet.infer(NOON).await.unwrap();
    let (name, found) = anomaly(&cycle, 0);
    assert_eq!((name, &found.cascade_analysis), ("latency_spike_recent", &None));
    assert_eq!(evaluation(&cycle, 0).root_cause, None);
    assert_eq!(cycle.cascades, []);
}

#[tokio::test]
async fn the_way_to_a_cause_has_a_longest_length() {
    for (depth, type_, root) in
        [(1, CascadeType::UpstreamCascade, 1), (2, CascadeType::ChainDegraded, 2)]
    {
        let mut fleet = fleet(CHAIN, &format!(r#"{{"max_depth": {depth}}}"#));
        break_callee(&fleet);
        fleet.break_metric("application_latency", &names()[2], NOON, 6.0);
        let cycle = fleet.infer(NOON).await.unwrap();
        let told = analysis(&cycle, 0);
        let expected = Some(names()[root].to_string());
        assert_eq!((told.cascade_type, &told.root_cause_service), (type_, &expected));
    }
}

#[tokio::test]
async fn slowness_comes_from_below_only_where_enough_time_is_spent_there() {
    for (threshold, is_cascade) in [("0.99", false), ("0.0", true)] {
        let setting = format!(r#"{{"latency_propagation_threshold": {threshold}}}"#);
        let mut fleet = fleet(ONE, &setting);
        fleet.break_metric("application_latency", &names()[0], NOON, 6.0);
        fleet.break_metric("application_latency", &names()[1], NOON, 6.0);
        let cycle = fleet.infer(NOON).await.unwrap();
        assert_eq!(analysis(&cycle, 0).is_cascade, is_cascade, "{threshold}");
        assert_eq!(evaluation(&cycle, 0).root_cause.is_some(), is_cascade, "{threshold}");
    }
}

#[tokio::test]
async fn a_cause_begins_no_later_than_its_effect() {
    for (setting, is_cascade) in [
        ("{}", false),
        (r#"{"require_temporal_correlation": false}"#, true),
        (r#"{"correlation_window_minutes": 15}"#, true),
    ] {
        let mut fleet = fleet(ONE, setting);
        for metric in ["dependency_latency", "application_latency"] {
            fleet.alter_for(metric, &names()[0], NOON, 900, |value| value * 6.0);
        }
        fleet.alter_for("application_latency", &names()[1], NOON, 240, |value| value * 20.0);
        let cycle = fleet.infer(NOON).await.unwrap();
        assert_eq!(analysis(&cycle, 0).is_cascade, is_cascade, "{setting}");
    }
}

#[tokio::test]
async fn forests_find_causes_too() {
    let mut fleet = Fleet::untrained();
    fleet.config = config(r#"{"detection": {"opening": "forest"}}"#);
    put_graph(&mut fleet, ONE);
    fleet.train().await.unwrap();
    break_callee(&fleet);
    let cycle = fleet.infer(NOON).await.unwrap();
    assert_eq!(anomaly(&cycle, 0).0, "upstream_cascade");
    assert_eq!(cycle.cascades[0].root_service, names()[1].to_string());
}
