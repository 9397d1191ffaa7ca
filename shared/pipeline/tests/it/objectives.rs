//! Objectives over many cycles: what is confirmed, what lingers, what is too thin to be told.

use std::collections::BTreeSet;

use detect::residual::CallGraph;
use domain::{ServiceName, Severity};
use incident::Rules;

use payload::result::{Evaluation, ServiceResult};
use payload::run::Cycle;
use payload::slo::SloEvaluation;
use pipeline::backtest::decided::Decided;
use pipeline::backtest::{Incidents, Notified, Part, fates, read_tapes, replay};
use pipeline::ports::SourceError;
use serde_json::json;
use testkit::Asked;

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

/// Every result of a cycle with what objectives say of it.
fn judged(cycle: &Cycle) -> Vec<(&Evaluation, &SloEvaluation)> {
    let found = cycle.results.iter().filter_map(ServiceResult::evaluation);
    found.map(|it| (it, it.slo_evaluation.as_ref().expect("objectives"))).collect()
}

fn of<'a>(cycle: &'a Cycle, service: &ServiceName) -> (&'a Evaluation, &'a SloEvaluation) {
    let mut all = judged(cycle).into_iter();
    all.find(|(it, _)| it.service_name == service.as_str()).expect("the service")
}

/// Objectives to which few failures do not matter.
const FORGIVING: &str = r#"{"slos": {"defaults": {"error_rate_floor": 0.6,
    "error_rate_acceptable": 0.7, "error_rate_warning": 0.8, "error_rate_critical": 0.9}}}"#;

#[tokio::test]
async fn an_anomaly_below_its_floor_is_not_in_the_payload() {
    let service = names()[1].clone();
    let mut found = Vec::new();
    for limits in ["{}", FORGIVING] {
        let mut fleet = Fleet::trained();
        fleet.break_metric("error_rate", &service, NOON, 60.0);
        fleet.config = config(limits);
        let cycle = fleet.infer(NOON).await.unwrap();
        let it = cycle.results.iter().find(|it| it.service_name() == service.as_str()).unwrap();
        found.push((it.evaluation().unwrap().clone(), cycle.summary.objectives.clone()));
    }
    let (loud, none) = &found[0];
    assert_eq!((loud.anomaly_count, none), (1, &None));
    let root = loud.anomalies.values().next().unwrap().root_metric.as_deref();
    assert_eq!(root, Some("error_rate"));
    let (quiet, counts) = &found[1];
    assert_eq!((quiet.anomaly_count, quiet.overall_severity), (0, Severity::None));
    assert_eq!(quiet.anomalies.len() + quiet.metadata.models_used.len(), 0);
    let suppressed = &quiet.slo_evaluation.as_ref().unwrap().suppressed;
    assert_eq!(suppressed[0].metric, "error_rate");
    let counts = counts.as_ref().unwrap();
    assert_eq!((counts.evaluations, counts.suppressed, counts.adjusted), (3, 1, 1));
}

#[tokio::test]
async fn what_training_saw_reaches_the_objectives() {
    let (fallen, risen) = (names()[0].clone(), names()[1].clone());
    let mut fleet = Fleet::trained();
    fleet.break_metric("request_rate", &fallen, NOON, 0.02);
    fleet.break_metric("request_rate", &risen, NOON, 4.0);
    fleet.config = config(r#"{"slos": {"enabled": true}}"#);
    let cycle = fleet.infer(NOON).await.unwrap();
    for (service, kind) in [(&fallen, "cliff"), (&risen, "surge")] {
        let traffic = &of(&cycle, service).1.request_rate_evaluation;
        assert_eq!(traffic.kind.as_deref(), Some(kind), "{traffic:?}");
        assert!(traffic.ratio.is_some());
    }
    let databases = judged(&cycle)
        .into_iter()
        .filter_map(|(_, said)| said.database_latency_evaluation.as_ref());
    let ratios: Vec<_> = databases.filter(|it| !it.below_floor).map(|it| it.ratio).collect();
    assert!(!ratios.is_empty() && ratios.iter().all(Option::is_some), "{ratios:?}");
    for (it, said) in judged(&cycle).into_iter().filter(|(it, _)| it.anomaly_count > 0) {
        assert_eq!(it.overall_severity, said.adjusted_severity, "{}", it.service_name);
    }
}

#[tokio::test]
async fn a_budget_that_burns_is_judged_where_there_is_an_objective() {
    let service = names()[1].clone();
    let mut fleet = Fleet::trained();
    fleet.rewrite("error_rate", &service, |_, _| 0.03);
    let limits = json!({
        "error_rate_acceptable": 0.2, "error_rate_warning": 0.3, "error_rate_critical": 0.4,
        "error_budget": { "objective": 0.999 },
    });
    let services = serde_json::Map::from_iter([(service.to_string(), limits)]);
    fleet.config = config(&json!({ "slos": { "services": services } }).to_string());
    let cycle = fleet.infer(NOON).await.unwrap();
    let (it, said) = of(&cycle, &service);
    let budget = said.error_budget_evaluation.as_ref().expect("a budget");
    assert_eq!((budget.status.as_str(), said.slo_status.as_str()), ("breached", "breached"));
    assert_eq!(said.driver.as_deref(), Some("error_budget"));
    assert_eq!(budget.burn_rates.len(), 5);
    assert!(budget.burn_rates.iter().all(|it| it.burn_rate == 30.0), "{budget:?}");
    assert_eq!(budget.minutes_to_exhaustion, Some(1440.0));
    assert!(it.anomaly_count > 0 && it.overall_severity == Severity::Critical);
    let others = judged(&cycle).into_iter().filter(|(it, _)| it.service_name != service.as_str());
    assert!(others.into_iter().all(|(_, said)| said.error_budget_evaluation.is_none()));
    let three_days = |asked: &&Asked| asked.until_s - asked.after_s == 3 * DAY_S;
    let asked = fleet.source.asked();
    let past: Vec<_> = asked.iter().filter(three_days).collect();
    assert_eq!(past.len(), 2, "traffic and errors, once: {asked:?}");
    assert!(past.iter().all(|it| it.services.as_deref() == Some(&[service.clone()][..])));
    fleet.infer("2026-04-01T14:02:00Z").await.unwrap();
    assert_eq!(fleet.source.asked().iter().filter(three_days).count(), 2, "then only what is new");
}

#[tokio::test]
async fn a_past_that_cannot_be_read_stops_no_cycle() {
    let mut fleet = Fleet::trained();
    fleet.config = config(r#"{"slos": {"defaults": {"error_budget": {"objective": 0.999}}}}"#);
    let source_name = "the source".to_owned();
    fleet
        .source
        .fail("error_rate", SourceError::Failing { source_name, reason: "it is down".to_owned() });
    let cycle = fleet.infer(NOON).await.unwrap();
    assert_eq!(cycle.summary.evaluated, 3);
    assert!(judged(&cycle).iter().all(|(_, said)| said.error_budget_evaluation.is_none()));
    let message = cycle.message.unwrap();
    assert!(message.contains("error budgets are not judged"), "{message}");
}
