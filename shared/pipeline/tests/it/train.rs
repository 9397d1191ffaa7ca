//! Training runs: what they leave behind, and what they say when something is wrong.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::{Period, Series};
use incident::IncidentState;
use pipeline::ports::incidents::IncidentStore;
use pipeline::ports::{Clock, SourceError, StoreError};
use pipeline::train::known::{mark_false_alarm, own_incidents};
use pipeline::train::{PeriodStatus, RunStatus, TrainError};
use testkit::{Action, RecordingPublisher};

use crate::fleet::{Fleet, NOON, at, config, names, service};
use crate::watch::Watch;

fn failing(reason: &str) -> SourceError {
    SourceError::Failing { source_name: "vm".to_owned(), reason: reason.to_owned() }
}

#[tokio::test]
async fn every_period_has_a_model_or_a_visible_fallback() {
    let fleet = Fleet::untrained();
    let report = fleet.train().await.unwrap();
    let catalog = fleet.registry.catalog().await.unwrap().catalog;
    for service in &report.services {
        assert_eq!(service.periods.len(), 5);
        for period in &service.periods {
            let route = catalog.route(&service.service, period.period).expect("something serves");
            let in_force = [PeriodStatus::Promoted, PeriodStatus::Provisional];
            assert_eq!(route.is_fallback, !in_force.contains(&period.status));
            assert_eq!(period.falls_back_to.is_some(), route.is_fallback);
            assert_eq!(period.reason.is_none(), period.status == PeriodStatus::Promoted);
        }
    }
}

#[tokio::test]
async fn an_artifact_is_small_and_has_a_card() {
    let (fleet, memory) = Fleet::trained_on_memory();
    let catalog = fleet.registry.catalog().await.unwrap().catalog;
    let all = memory.snapshot();
    let mut combinations = 0;
    for entry in catalog.services.values().flat_map(|periods| periods.values()) {
        let Some(model) = &entry.current else { continue };
        let bytes = &all[&model.key];
        assert!(bytes.len() <= 256 * 1024, "{} has {} bytes", model.key, bytes.len());
        let card: artifact::Card =
            serde_json::from_slice(&all[&artifact::key::card_key(&model.key)]).unwrap();
        assert_eq!(card.digest, model.digest);
        combinations += usize::from(card.combination.is_some());
    }
    assert!(combinations >= names().len(), "business hours have enough rows for all metrics");
}

#[tokio::test]
async fn training_again_on_the_same_history_changes_nothing() {
    let (fleet, memory) = Fleet::trained_on_memory();
    let before = memory.snapshot();
    let report = fleet.train().await.unwrap();
    assert!(report.promoted > 0);
    assert!(memory.snapshot() == before, "same data, same bytes, same catalog");
}

#[tokio::test]
async fn a_later_run_keeps_the_model_before_it_reachable() {
    let (fleet, _) = Fleet::trained_on_memory();
    let before = fleet.registry.catalog().await.unwrap().catalog;
    fleet.train_at("2026-04-02T00:00:00Z").await.unwrap();
    let after = fleet.registry.catalog().await.unwrap().catalog;
    let service = &names()[0];
    let period = Period::BusinessHours;
    let (old, new) = (before.entry(service, period), after.entry(service, period));
    assert_eq!(new.unwrap().previous, old.unwrap().current);
    assert_ne!(new.unwrap().current, old.unwrap().current);
}

#[tokio::test]
async fn a_metric_that_cannot_be_read_keeps_the_models_in_force() {
    let (mut fleet, memory) = Fleet::trained_on_memory();
    let before = memory.snapshot();
    fleet.config.services.listed =
        names().into_iter().map(|name| (name, domain::Category::new("core"))).collect();
    fleet.source.fail("error_rate", failing("it answered 503"));
    let report = fleet.train().await.unwrap();
    assert_eq!((report.status, report.services_failed), (RunStatus::Failed, names().len()));
    assert_eq!(report.services[0].error.as_deref(), Some("vm is failing: it answered 503"));
    assert!(memory.snapshot() == before, "nothing was replaced");
}

#[tokio::test]
async fn an_unhealthy_source_stops_the_run_before_it_begins() {
    let fleet = Fleet::untrained();
    fleet.source.fail_health(failing("it answered 500"));
    let error = fleet.train().await.unwrap_err();
    assert_eq!(error, TrainError::Source(failing("it answered 500")));
    assert_eq!(fleet.source.reads(), 0);
}

#[tokio::test]
async fn an_empty_source_says_where_it_looked() {
    let mut fleet = Fleet::untrained();
    fleet.source = testkit::FakeSource::new();
    let error = fleet.train().await.unwrap_err().to_string();
    assert!(error.starts_with("there is no service to train: none is configured and "), "{error}");
    assert!(error.contains("30 days before 2026-04-01"), "{error}");
}

#[tokio::test]
async fn odd_services_are_reported_and_do_not_stop_the_others() {
    let mut fleet = Fleet::untrained();
    let odd = ["absent", "lonely", "frozen"];
    fleet.config.services.listed = names()
        .into_iter()
        .chain(odd.map(service))
        .map(|name| (name, domain::Category::new("standard")))
        .collect();
    let start = crate::fleet::at("2026-03-02T00:00:00Z").timestamp();
    fleet.source.push("request_rate", &service("lonely"), start + 600, 4.0);
    let frozen: Vec<(i64, f64)> = (1..43_000).map(|i| (start + 60 * i, 7.0)).collect();
    for metric in ["request_rate", "application_latency"] {
        fleet.source.set(metric, &service("frozen"), Series::from_samples(frozen.clone()));
    }
    let report = fleet.train().await.unwrap();
    assert_eq!(report.status, RunStatus::Partial);
    let reasons: Vec<String> = odd
        .iter()
        .map(|name| {
            let it = report.services.iter().find(|it| it.service.as_str() == *name).unwrap();
            let status = it.periods[0].status;
            assert!(it.periods.iter().all(|p| p.status == status));
            assert!(it.periods.iter().all(|p| p.falls_back_to.is_none()));
            format!("{name}: {status:?}, {}", it.periods[0].reason.as_deref().unwrap_or("-"))
        })
        .collect();
    insta::assert_snapshot!(reasons.join("\n"), @r"
    absent: TooLittleData, 0 rows of data; 2000 are needed
    lonely: TooLittleData, 1 rows of data; 2000 are needed
    frozen: Promoted, -
    ");
    let trained = report.services.iter().filter(|it| names().contains(&it.service));
    assert!(trained.flat_map(|it| &it.periods).any(|p| p.status == PeriodStatus::Promoted));
}

#[tokio::test]
async fn an_unwritable_registry_is_named_and_nothing_is_lost() {
    let (fleet, memory) = Fleet::trained_on_memory();
    let before = memory.snapshot();
    fleet.store.fail_when(|action, key| {
        (action == Action::PutNew).then(|| StoreError::Denied {
            store: "s3://models".to_owned(),
            action: "write",
            key: key.to_owned(),
            reason: "access denied".to_owned(),
        })
    });
    let error = fleet.train_at("2026-04-02T00:00:00Z").await.unwrap_err().to_string();
    assert!(error.starts_with("s3://models does not allow to write models/v1/"), "{error}");
    assert!(memory.snapshot() == before, "nothing was replaced");
}

#[tokio::test]
async fn a_damaged_model_in_force_is_replaced() {
    let (fleet, memory) = Fleet::trained_on_memory();
    let catalog = fleet.registry.catalog().await.unwrap().catalog;
    let key = catalog.route(&names()[0], Period::BusinessHours).unwrap().model.key.clone();
    memory.set(&key, b"gone".to_vec());
    let report = fleet.train_at("2026-04-02T00:00:00Z").await.unwrap();
    let replaced = &report.services[0].periods[0];
    assert_ne!(replaced.status, PeriodStatus::Kept);
    assert_ne!(replaced.key.as_ref(), Some(&key));
}

/// From the 20th on, everything that a service does.
const BAD_DAYS: &str = r#"{"start": "2026-03-20", "end": "2026-03-31", "reason": "sale"}"#;

fn without_bad_days() -> domain::config::Config {
    config(&format!(r#"{{"training": {{"excluded_periods": [{BAD_DAYS}]}}}}"#))
}

async fn model_of(fleet: &Fleet, name: &domain::ServiceName) -> detect::model::PeriodModel {
    let catalog = fleet.registry.catalog().await.unwrap().catalog;
    let reference = catalog.route(name, Period::BusinessHours).unwrap().model;
    fleet.registry.model(reference).await.unwrap()
}

#[tokio::test]
async fn excluded_periods_reach_neither_forests_nor_evidence() {
    let (mut quiet, mut wild) = (Fleet::untrained(), Fleet::untrained());
    let from_s = crate::fleet::at("2026-03-20T00:00:00Z").timestamp();
    for fleet in [&mut quiet, &mut wild] {
        fleet.config = without_bad_days();
    }
    wild.rewrite("application_latency", &names()[0], |time_s, value| {
        if (from_s..from_s + 12 * 86_400).contains(&time_s) { value * 7.0 } else { value }
    });
    let report = quiet.train().await.unwrap();
    wild.train().await.unwrap();
    let rows = report.services[0].rows;
    // The look-back grew beyond the first sample, and midnight belongs to the day after.
    assert!((18 * 288 - 60..=18 * 288 + 2).contains(&rows), "{rows} rows of eighteen days");
    for name in names() {
        let (quiet, wild) = (model_of(&quiet, &name).await, model_of(&wild, &name).await);
        assert_eq!(quiet.evidence, wild.evidence, "{name}");
        assert_eq!(quiet.metrics, wild.metrics, "{name}");
    }
}

#[tokio::test]
async fn a_known_incident_is_left_out_of_its_service_only() {
    let named = |service| domain::config::valid::ExcludedPeriod {
        service,
        start_s: crate::fleet::at("2026-03-20T00:00:00Z").timestamp(),
        end_s: crate::fleet::at("2026-03-31T23:59:59Z").timestamp(),
        reason: "sale".to_owned(),
        variant: None,
    };
    let mut by_config = Fleet::untrained();
    by_config.config = without_bad_days();
    by_config.train().await.unwrap();
    let (plain, by_list) = (Fleet::trained(), Fleet::untrained());
    by_list.train_without(vec![named(Some(names()[0].clone()))]).await.unwrap();
    let rows = |model: detect::model::PeriodModel| model.training.rows_training;
    let first = &names()[0];
    let expected = rows(model_of(&by_config, first).await);
    assert_eq!(rows(model_of(&by_list, first).await), expected);
    assert_ne!(rows(model_of(&plain, first).await), expected);
    let second = &names()[1];
    assert_eq!(rows(model_of(&by_list, second).await), rows(model_of(&plain, second).await));
}

#[tokio::test]
async fn the_look_back_grows_by_what_is_left_out_of_it() {
    let mut fleet = Fleet::untrained();
    fleet.config = config(
        r#"{"training": {"lookback_days": 15, "excluded_periods": [
            {"start": "2026-03-20", "end": "2026-03-24"}
        ]}}"#,
    );
    let report = fleet.train().await.unwrap();
    let rows = report.services[0].rows;
    assert!((15 * 288 - 60..=15 * 288).contains(&rows), "{rows} rows of fifteen days");
}

#[tokio::test]
async fn a_day_of_history_gives_verdicts() {
    let mut fleet = Fleet::untrained();
    fleet.config = config(r#"{"training": {"lookback_days": 1}}"#);
    let report = fleet.train().await.unwrap();
    for service in &report.services {
        let status = |it: &pipeline::train::PeriodReport| it.status;
        assert!(service.periods.iter().map(status).all(|it| it == PeriodStatus::Provisional));
    }
    let broken = &names()[1];
    fleet.break_metric("error_rate", broken, NOON, 300.0);
    let cycle = fleet.infer(NOON).await.unwrap();
    assert_eq!(cycle.results[0].service_name(), broken.as_str());
    assert!(cycle.results[0].severity() >= domain::Severity::Medium);
}

#[tokio::test]
async fn a_service_without_traffic_is_judged_by_its_other_metrics() {
    let mut fleet = Fleet::untrained();
    // Others may have traffic.
    let document = r#"{
        "metrics": [{"name": "request_rate"}, {"name": "queue_depth"}, {"name": "cpu"}],
        "services": {"standard": ["worker"]}
    }"#;
    fleet.config = config(document);
    let worker = service("worker");
    let end = crate::fleet::at(NOON).timestamp();
    let wave = |i: i64| 50.0 + 10.0 * ((i % 1440) as f64 / 229.0).sin() + (i * 7919 % 13) as f64;
    for (name, scale) in [("queue_depth", 1.0), ("cpu", 0.01)] {
        let samples = (0..41_000).map(|i| {
            let is_broken = name == "queue_depth" && i < 5;
            (end - 60 * i, scale * wave(i) * if is_broken { 8.0 } else { 1.0 })
        });
        fleet.source.set(name, &worker, Series::from_samples(samples.collect()));
    }
    fleet.train().await.unwrap();
    let cycle = fleet.infer(NOON).await.unwrap();
    let result = cycle.results.iter().find(|it| it.service_name() == "worker").unwrap();
    let anomaly = &result.evaluation().unwrap().anomalies["queue_depth_high"];
    assert_eq!(anomaly.detection_signals[0].method, "recent_level");
}

#[tokio::test]
async fn a_run_leaves_a_record_of_what_came_of_it() {
    let (fleet, _) = Fleet::trained_on_memory();
    let report = fleet.train().await.unwrap();
    let runs = fleet.registry.runs(10).await.unwrap();
    assert_eq!(runs.len(), 1);
    let run = &runs[0];
    assert_eq!((run.run_id.as_str(), run.status.as_str()), (&*report.run_id, "completed"));
    assert_eq!((run.services, run.services_failed, run.left_out), (3, 0, 0));
    assert_eq!(run.periods.passed + run.periods.warned + run.periods.failed, 15);
    assert_eq!(run.validation, run.periods.validation());
    assert_eq!(run.data_points, report.services.iter().map(|it| it.rows).sum::<usize>());
    assert_eq!(run.history_from, "2026-03-02T00:00:00Z");
    assert!(run.to_json().len() < 32 * 1024, "bounded");
}

#[tokio::test]
async fn a_run_that_cannot_begin_is_recorded_as_failed() {
    let fleet = Fleet::untrained();
    fleet.source.fail_health(failing("it answered 500"));
    fleet.train().await.unwrap_err();
    let runs = fleet.registry.runs(10).await.unwrap();
    let words = serde_json::to_string(&runs[0].validation).unwrap();
    assert_eq!((words.as_str(), runs[0].status.as_str()), ("\"FAILED\"", "failed"));
    assert_eq!(runs[0].error.as_deref(), Some("vm is failing: it answered 500"));
}

#[tokio::test]
async fn own_incidents_are_left_out_for_as_long_as_training_looks_back() {
    let fake = Arc::new(RecordingPublisher::new());
    let mut watch = Watch::new("{}", &[("webhook", &fake)]);
    let broken = &names()[1];
    watch.fleet.break_metric("application_latency", broken, NOON, 2.0);
    for _ in 0..12 {
        watch.tick().await;
    }
    let store = &watch.store;
    let all = store.of_service(broken, at(NOON), 10).await.unwrap();
    assert_eq!(all[0].state, IncidentState::Closed, "{all:?}");
    let fleet = &watch.fleet;
    let by = (&fleet.registry, &fleet.clock as &dyn Clock);
    let left_out = async |store: Option<&dyn IncidentStore>, days: i64| {
        let until = at(NOON) + TimeDelta::days(days);
        let own = own_incidents(store, None, until, &fleet.config, by).await;
        assert_eq!(own.warnings, [""; 0]);
        own.left_out
    };
    let found = left_out(Some(store), 1).await;
    let [incident] = &found[..] else { panic!("{found:?}") };
    assert_eq!(incident.service.as_ref(), Some(broken));
    let noon_s = at(NOON).timestamp();
    assert!(incident.start_s < noon_s && incident.end_s > noon_s, "{incident:?}");
    // The store forgets it after days, and training looks back for thirty.
    assert_eq!(left_out(None, 29).await, found);
    mark_false_alarm(&all[0], true, by).await.unwrap();
    assert_eq!(left_out(Some(store), 1).await, []);
    mark_false_alarm(&all[0], false, by).await.unwrap();
    assert_eq!(left_out(None, 31).await, []);
}
