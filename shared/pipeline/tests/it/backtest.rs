//! Replays: each cycle decides what it decides in service, alone or in a row.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use detect::residual::CallGraph;
use domain::{ServiceName, Severity};
use incident::Rules;
use payload::result::ServiceResult;
use pipeline::backtest::accuracy::{Alert, Label, Truth, Verdict, judge};
use pipeline::backtest::decided::Decided;
use pipeline::backtest::{Incidents, Judge, Part, Tape, Track, read_tapes, replay};
use pipeline::infer::{CycleRequest, InferPorts, Warm, infer_cycle};

use crate::fleet::{Fleet, NOON, TRAINED_AT, at, names};

const CYCLE_S: i64 = 120;
/// From midnight to a little after what the tests break.
const REPLAYED_UNTIL: &str = "2026-04-01T15:00:00Z";

async fn tapes(fleet: &Fleet) -> Vec<Tape> {
    let part = |after_s, until_s| Part { source: &fleet.source, after_s, until_s };
    let trained_s = at(TRAINED_AT).timestamp();
    let history = part(trained_s - 30 * 86_400, trained_s);
    let metrics = part(trained_s, at(REPLAYED_UNTIL).timestamp());
    read_tapes(history, metrics, &fleet.config).await.expect("the source answers")
}

async fn decided<'a>(fleet: &'a Fleet, calls: &[(&ServiceName, &ServiceName)]) -> Decided<'a> {
    let calls = calls.iter().map(|(caller, callee)| ((*caller).clone(), (*callee).clone()));
    let loaded = Decided::load(&fleet.registry, &fleet.config, names(), CallGraph::of(calls)).await;
    loaded.expect("the registry answers")
}

/// A fleet of which one service's latency is broken before noon.
fn broken() -> Fleet {
    let fleet = Fleet::trained();
    fleet.break_metric("application_latency", &names()[1], NOON, 6.0);
    fleet
}

#[tokio::test]
async fn a_replayed_cycle_decides_what_it_decides_in_service() {
    let fleet = broken();
    let tapes = tapes(&fleet).await;
    let judge = decided(&fleet, &[]).await;
    let mut worst = Severity::None;
    for tape in &tapes {
        let ticks = tape.ticks(CYCLE_S);
        let findings = judge.judge(tape, &ticks);
        let near_noon = ticks.iter().zip(&findings).skip(405).take(30).step_by(3);
        for (tick, finding) in near_noon {
            let instant = DateTime::from_timestamp(tick.at_s, 0).unwrap();
            let services = Some(vec![tape.service.clone()]);
            let request = CycleRequest { at: instant, services };
            let ports = InferPorts {
                source: &fleet.source,
                registry: &fleet.registry,
                incidents: None,
                deadline: None,
            };
            let cycle = infer_cycle(&request, &fleet.config, &ports, &mut Warm::default()).await;
            let result: &ServiceResult = &cycle.unwrap().results[0];
            assert!(finding.is_judged() && result.evaluation().is_some());
            assert_eq!(finding.severity, result.severity(), "{} at {instant}", tape.service);
            worst = worst.max(finding.severity);
        }
    }
    assert!(worst >= Severity::High, "the fault was not among these cycles");
}

#[tokio::test]
async fn a_cycle_alone_gives_what_it_gives_in_a_row() {
    let fleet = broken();
    let judge = decided(&fleet, &[]).await;
    for tape in &tapes(&fleet).await {
        let ticks = tape.ticks(CYCLE_S);
        let findings = judge.judge(tape, &ticks);
        for index in (0..ticks.len()).step_by(29).chain([418, 419, 420, 421]) {
            let alone = judge.judge(tape, &ticks[index..=index]);
            assert_eq!(alone[0], findings[index], "{} {:?}", tape.service, ticks[index]);
            let explained = judge.explain(tape, &ticks[index]);
            assert_eq!(explained.finding, findings[index]);
            assert_eq!(explained.metrics.len(), fleet.config.metrics.len());
        }
    }
}

#[tokio::test]
async fn a_fault_becomes_an_alert_and_is_counted() {
    let fleet = broken();
    let tapes = tapes(&fleet).await;
    let broken = names()[1].clone();
    let decided = decided(&fleet, &[]).await;
    let tracks = replay(&tapes, &decided, CYCLE_S, &|_| {});
    let incidents = Incidents::of(&tracks, &decided, &Rules::default());
    let noon_s = at(NOON).timestamp();
    let alert = incidents.alerts.iter().find(|it| it.service == broken).expect("an alert");
    let episode = &alert.episode;
    assert!((noon_s - 900..=noon_s - 600).contains(&episode.start_s), "{episode:?}");
    assert!((noon_s - 120..=noon_s + 600).contains(&episode.end_s), "{episode:?}");
    assert_eq!(alert.root_cause, broken);
    assert!(alert.cause.as_ref().unwrap().metrics.contains(&"application_latency".to_owned()));

    let alerts: Vec<Alert> = incidents.alerts.iter().map(Alert::from).collect();
    let label = Label {
        incident: "1".to_owned(),
        service: broken.to_string(),
        start_s: noon_s - 900,
        end_s: noon_s,
        kind: "latency_spike".to_owned(),
        root_cause: broken.to_string(),
    };
    let accuracy = judge(&Truth::new(vec![label], Vec::new(), &tapes), &alerts);
    assert_eq!((accuracy.detected, accuracy.incidents), (1, 1));
    assert_eq!(accuracy.root_cause_top1, Some(1.0));
    let hits = accuracy.verdicts.iter().filter(|it| matches!(it, Verdict::True { .. }));
    assert_eq!(hits.count(), accuracy.outcomes[0].hits.len());
}

#[tokio::test]
async fn a_callers_trouble_is_told_with_the_callee_that_it_comes_from() {
    let fleet = Fleet::trained();
    let (caller, callee) = (&names()[0], &names()[1]);
    fleet.break_metric("dependency_latency", caller, NOON, 8.0);
    fleet.break_metric("application_latency", callee, NOON, 8.0);
    let tapes = tapes(&fleet).await;
    let judge = decided(&fleet, &[(caller, callee)]).await;
    let tracks = replay(&tapes, &judge, CYCLE_S, &|_| {});
    let incidents = Incidents::of(&tracks, &judge, &Rules::default());
    let near = |service: &ServiceName, start_s: i64| {
        (at(NOON).timestamp() - start_s).abs() < 3_600 && (service == caller || service == callee)
    };
    let announced = incidents.announced().filter(|it| near(&it.service, it.episode.start_s));
    assert_eq!(announced.filter(|it| it.root_cause == *callee).count(), 2);
    let told: Vec<_> =
        incidents.alerts.iter().filter(|it| near(&it.service, it.episode.start_s)).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0].affected.len(), 2);
}

#[tokio::test]
async fn a_cycle_in_service_blames_whom_a_replay_blames() {
    let mut fleet = Fleet::trained();
    let (caller, callee) = (names()[0].clone(), names()[1].clone());
    fleet.break_metric("dependency_latency", &caller, NOON, 8.0);
    fleet.break_metric("application_latency", &callee, NOON, 8.0);
    let calls = BTreeMap::from([(caller, BTreeSet::from([callee.clone()]))]);
    fleet.config.dependencies.graph = calls;
    let tapes = tapes(&fleet).await;
    let judge = decided(&fleet, &[]).await;
    let tracks = replay(&tapes, &judge, CYCLE_S, &|_| {});
    let (mut warm, mut blamed) = (Warm::default(), 0);
    for tick in tapes[0].ticks(CYCLE_S).iter().skip(405).take(24) {
        let instant = DateTime::from_timestamp(tick.at_s, 0).unwrap();
        let request = CycleRequest { at: instant, services: Some(names()) };
        let ports = InferPorts {
            source: &fleet.source,
            registry: &fleet.registry,
            incidents: None,
            deadline: None,
        };
        let cycle = infer_cycle(&request, &fleet.config, &ports, &mut warm).await.unwrap();
        for evaluation in cycle.results.iter().filter_map(ServiceResult::evaluation) {
            let Some(anomaly) = evaluation.anomalies.values().next() else { continue };
            let service = ServiceName::new(&*evaluation.service_name).unwrap();
            let replayed = judge.root_cause(&service, &tracks, tick.at_s);
            let replayed = replayed.map_or(service.clone(), |root| root.service);
            let said = evaluation.root_cause.as_ref().map(|it| it.service_name.as_str());
            assert_eq!(said.unwrap_or(service.as_str()), replayed.as_str(), "{instant}");
            let analysis = anomaly.cascade_analysis.as_ref().expect("an analysis");
            assert_eq!(analysis.root_cause_service.as_deref(), said);
            blamed += usize::from(said == Some(callee.as_str()));
        }
    }
    assert!(blamed >= 3, "{blamed}");
}

#[tokio::test]
async fn replays_are_the_same_each_time() {
    let fleet = broken();
    let tapes = tapes(&fleet).await;
    let judge = decided(&fleet, &[]).await;
    let run = || -> Vec<Track> { replay(&tapes, &judge, CYCLE_S, &|_| {}) };
    let (first, second) = (run(), run());
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let alone = one.install(run);
    assert_eq!(first, second);
    assert_eq!(first, alone);
    let bits = |tracks: &[Track]| -> Vec<u64> {
        let all = tracks.iter().flat_map(|track| &track.findings);
        all.filter_map(|finding| Some(finding.score?.to_bits())).collect()
    };
    assert_eq!(bits(&first), bits(&alone));
}
