//! Cycles: what they find, what they cost, and what they say when something is wrong.

use domain::{Series, Severity};
use payload::result::{ErrorCode, ServiceResult, SkippedReason};
use payload::run::{Cycle, CycleStatus};
use pipeline::infer::Warm;
use pipeline::ports::{SourceError, StoreError};
use testkit::Action;

use crate::fleet::{Fleet, NOON, TRAINED_AT, names, service};

fn result<'a>(cycle: &'a Cycle, name: &str) -> &'a ServiceResult {
    cycle.results.iter().find(|it| it.service_name() == name).expect("the service is in the cycle")
}

fn unreachable() -> SourceError {
    SourceError::Unreachable { source_name: "vm".to_owned(), reason: "refused".to_owned() }
}

#[tokio::test]
async fn a_fault_is_reported_on_the_right_service_only() {
    let mut fleet = Fleet::trained();
    let broken = &names()[1];
    fleet.break_metric("application_latency", broken, NOON, 6.0);
    let cycle = fleet.infer(NOON).await.unwrap();
    assert_eq!(cycle.status, CycleStatus::Complete);
    assert_eq!(cycle.results[0].service_name(), broken.as_str(), "worst first");
    let evaluation = cycle.results[0].evaluation().unwrap();
    assert!(evaluation.overall_severity >= Severity::High);
    let (name, anomaly) = evaluation.anomalies.iter().next().unwrap();
    assert_eq!(name, "application_latency_bottleneck");
    assert_eq!(anomaly.root_metric.as_deref(), Some("application_latency"));
    for healthy in &cycle.results[1..] {
        assert_eq!(healthy.severity(), Severity::None, "{}", healthy.service_name());
    }
}

#[tokio::test]
async fn a_warm_cycle_reads_the_missing_end_and_one_unchanged_catalog() {
    let mut fleet = Fleet::trained();
    fleet.infer("2026-04-01T13:58:00Z").await.unwrap();
    let cold = fleet.store.counts();
    assert_eq!((cold.gets, cold.not_modified), (1 + names().len(), 0));
    let asked = fleet.source.asked();
    assert!(asked.iter().all(|it| it.until_s - it.after_s == 27 * 3600));
    fleet.store.reset();
    let cycle = fleet.infer(NOON).await.unwrap();
    let warm = fleet.store.counts();
    assert_eq!((warm.gets, warm.not_modified), (1, 1));
    assert_eq!(cycle.summary.models_fetched, 0);
    let new = &fleet.source.asked()[asked.len()..];
    assert_eq!(new.len(), fleet.config.metrics.len(), "one query per metric");
    assert!(new.iter().all(|it| it.until_s - it.after_s == 420 && it.services.is_none()));
}

#[tokio::test]
async fn a_warm_cycle_and_a_cold_one_give_the_same_bytes() {
    let mut warm = Fleet::trained();
    for minute in 0..5 {
        warm.infer(&format!("2026-04-01T13:5{}:00Z", 2 * minute)).await.unwrap();
    }
    let mut warm_cycle = warm.infer(NOON).await.unwrap();
    let mut cold_cycle = Fleet::trained().infer(NOON).await.unwrap();
    // How many models had to be fetched is the one thing that may differ.
    warm_cycle.summary.models_fetched = 0;
    cold_cycle.summary.models_fetched = 0;
    assert_eq!(warm_cycle, cold_cycle);
}

#[tokio::test]
async fn only_the_models_of_the_present_period_are_loaded() {
    let mut fleet = Fleet::trained();
    fleet.infer("2026-04-01T17:58:00Z").await.unwrap();
    fleet.store.reset();
    let cycle = fleet.infer("2026-04-01T18:00:00Z").await.unwrap();
    assert_eq!(cycle.summary.models_fetched as usize, names().len());
    assert_eq!(fleet.store.counts().gets, 1 + names().len());
}

#[tokio::test]
async fn an_unhealthy_source_skips_the_cycle_and_concludes_nothing() {
    let mut fleet = Fleet::trained();
    fleet.source.fail_health(unreachable());
    let cycle = fleet.infer(NOON).await.unwrap();
    assert_eq!(cycle.status, CycleStatus::SourceUnavailable);
    assert!(cycle.results.is_empty());
    insta::assert_snapshot!(
        cycle.message.unwrap(),
        @"vm cannot be reached: refused; check the address and the network"
    );
    assert_eq!(fleet.source.reads(), 0);
    fleet.source.heal();
    assert_eq!(fleet.infer(NOON).await.unwrap().status, CycleStatus::Complete);
}

#[tokio::test]
async fn a_slow_health_check_is_no_health() {
    let mut fleet = Fleet::trained();
    fleet.source.set_latency(std::time::Duration::from_secs(6));
    let cycle = fleet.infer(NOON).await.unwrap();
    assert_eq!(cycle.status, CycleStatus::SourceUnavailable);
    assert!(cycle.message.unwrap().contains("6000 ms"));
}

#[tokio::test]
async fn one_or_two_failed_metrics_are_named_and_the_rest_is_judged() {
    let mut fleet = Fleet::trained();
    fleet.source.fail("database_latency", unreachable());
    fleet.source.fail("error_rate", unreachable());
    let broken = &names()[0];
    fleet.break_metric("application_latency", broken, NOON, 6.0);
    let cycle = fleet.infer(NOON).await.unwrap();
    let evaluation = result(&cycle, broken.as_str()).evaluation().unwrap();
    assert!(evaluation.overall_severity >= Severity::High, "{evaluation:#?}");
    assert_eq!(evaluation.current_metrics["error_rate"], None, "missing is not zero");
    let failure = evaluation.partial_metrics_failure.as_ref().unwrap();
    assert_eq!(failure.failure_summary, "2/5 metrics failed: database_latency, error_rate");
}

#[tokio::test]
async fn without_traffic_or_with_half_the_metrics_nothing_is_judged() {
    let mut fleet = Fleet::trained();
    fleet.source.fail("request_rate", unreachable());
    let cycle = fleet.infer(NOON).await.unwrap();
    assert_eq!(cycle.status, CycleStatus::Partial);
    for name in names() {
        let ServiceResult::MetricsUnavailable(it) = result(&cycle, name.as_str()) else {
            panic!("{name} was judged without traffic")
        };
        assert_eq!(it.skipped_reason, SkippedReason::CriticalMetricsUnavailable);
        assert_eq!(it.error, "1/5 metrics failed: request_rate");
        assert!(it.collection_errors["request_rate"].starts_with("vm cannot be reached"));
    }
    fleet.source.heal();
    for metric in ["application_latency", "database_latency", "error_rate"] {
        fleet.source.fail(metric, unreachable());
    }
    let cycle = fleet.infer(NOON).await.unwrap();
    let ServiceResult::MetricsUnavailable(it) = &cycle.results[0] else { panic!() };
    assert_eq!(it.skipped_reason, SkippedReason::TooManyMetricsFailed);
    fleet.source.heal();
    assert_eq!(fleet.infer(NOON).await.unwrap().status, CycleStatus::Complete);
}

#[tokio::test]
async fn a_service_that_fell_silent_is_unavailable_and_not_zero() {
    let mut fleet = Fleet::trained();
    let silent = &names()[2];
    for metric in fleet.config.metrics.iter() {
        fleet.source.set(&metric.name, silent, Series::default());
    }
    let cycle = fleet.infer(NOON).await.unwrap();
    let ServiceResult::MetricsUnavailable(it) = result(&cycle, silent.as_str()) else { panic!() };
    assert_eq!(it.skipped_reason, SkippedReason::MetricsStale);
    assert_eq!(it.error, format!("the source holds no recent sample of request_rate for {silent}"));
    assert_eq!(cycle.summary.evaluated as usize, names().len() - 1, "the others are judged");
}

#[tokio::test]
async fn bad_values_are_warned_about_and_never_judged_as_zero() {
    let mut fleet = Fleet::trained();
    let dirty = &names()[0];
    fleet.alter("application_latency", dirty, NOON, |_| f64::NAN);
    fleet.alter("error_rate", dirty, NOON, |_| f64::INFINITY);
    fleet.alter("dependency_latency", dirty, NOON, |_| -1.0);
    let cycle = fleet.infer(NOON).await.unwrap();
    let evaluation = result(&cycle, dirty.as_str()).evaluation().unwrap();
    assert_eq!(evaluation.overall_severity, Severity::None, "{evaluation:#?}");
    assert_eq!(evaluation.current_metrics["application_latency"], None);
    assert_eq!(evaluation.current_metrics["error_rate"], None);
    insta::assert_snapshot!(evaluation.validation_warnings.join("\n"), @r"
    application_latency: invalid value NaN, treated as missing
    dependency_latency: negative value -1, using 0.0
    error_rate: invalid value inf, treated as missing
    ");
}

#[tokio::test]
async fn without_a_catalog_the_answer_says_what_to_do() {
    let mut fleet = Fleet::untrained();
    let cycle = fleet.infer(NOON).await.unwrap();
    assert_eq!(cycle.status, CycleStatus::NoModels);
    assert_eq!(cycle.message.unwrap(), "no service has a model yet; run `yaga train` first");
}

#[tokio::test]
async fn a_damaged_artifact_fails_its_service_and_no_other() {
    for (damage, told) in [
        (Damage::Flip, "its checksum does not match: it is damaged"),
        (Damage::Truncate, "it is truncated or was appended to"),
        (Damage::Version, "its format version is 9; this yaga reads version 3"),
        (Damage::Foreign, "it does not begin like a yaga model"),
        (Damage::Remove, "holds no object models/v1/"),
        (Damage::Exchange, "is not the object that the catalog names"),
    ] {
        let (mut fleet, memory) = Fleet::trained_on_memory();
        let victim = &names()[0];
        let catalog = fleet.registry.catalog().await.unwrap().catalog;
        let period = domain::Period::BusinessHours;
        let key = catalog.route(victim, period).unwrap().model.key.clone();
        let other = catalog.route(&names()[1], period).unwrap().model.key.clone();
        damage.inflict(&memory, &key, &other);
        let cycle = fleet.infer(NOON).await.unwrap();
        let ServiceResult::Error(it) = result(&cycle, victim.as_str()) else { panic!("{told}") };
        assert_eq!(it.error_code, ErrorCode::ModelUnusable);
        assert!(it.error_message.contains(told), "{}", it.error_message);
        assert!(it.error_message.contains(&key), "{}", it.error_message);
        assert_eq!(cycle.summary.evaluated as usize, names().len() - 1, "{told}");
    }
}

#[derive(Debug, Clone, Copy)]
enum Damage {
    Flip,
    Truncate,
    Version,
    Foreign,
    Remove,
    Exchange,
}

impl Damage {
    fn inflict(self, memory: &testkit::MemoryStore, key: &str, other: &str) {
        let all = memory.snapshot();
        let mut bytes = all[key].clone();
        match self {
            Damage::Flip => bytes[5000] ^= 0x10,
            Damage::Truncate => bytes.truncate(5000),
            Damage::Version => bytes[8] = 9,
            Damage::Foreign => bytes = b"<html>not found</html>, and so on and so forth".to_vec(),
            Damage::Exchange => bytes = all[other].clone(),
            Damage::Remove => {
                memory.remove(key);
                return;
            }
        }
        memory.set(key, bytes);
    }
}

#[tokio::test]
async fn a_registry_that_fails_after_a_good_cycle_is_survived() {
    let mut fleet = Fleet::trained();
    fleet.infer("2026-04-01T13:58:00Z").await.unwrap();
    fleet.store.fail_when(|action, key| {
        (action == Action::Get).then(|| StoreError::Unavailable {
            store: "s3://models".to_owned(),
            action: "read",
            key: key.to_owned(),
            reason: "connection reset".to_owned(),
        })
    });
    let cycle = fleet.infer(NOON).await.unwrap();
    assert_eq!(cycle.summary.evaluated as usize, names().len());
    assert!(cycle.message.unwrap().contains("connection reset"));
    let mut cold = Fleet::trained();
    cold.store.fail_when(|_, key| {
        Some(StoreError::Denied {
            store: "s3://models".to_owned(),
            action: "read",
            key: key.to_owned(),
            reason: "access denied".to_owned(),
        })
    });
    insta::assert_snapshot!(
        cold.infer(NOON).await.unwrap_err(),
        @"s3://models does not allow to read models/v1/catalog.json: access denied; check the permissions"
    );
}

#[tokio::test]
async fn a_malformed_catalog_is_named() {
    let (mut fleet, memory) = Fleet::trained_on_memory();
    memory.set("models/v1/catalog.json", b"{\"version\": 7}".to_vec());
    let error = fleet.infer(NOON).await.unwrap_err().to_string();
    assert!(
        error.contains("the catalog has version 7; this yaga reads versions 1 to 2"),
        "{error}"
    );
}

#[tokio::test]
async fn a_cycle_in_the_hour_that_clocks_skip_has_a_period() {
    let mut fleet = Fleet::trained();
    fleet.config = crate::fleet::config(r#"{"time_periods": {"timezone": "Europe/Paris"}}"#);
    // 01:30 UTC is 03:30 in Paris; 02:30 was skipped. The fleet has samples of that night.
    let cycle = fleet.infer("2026-03-29T01:30:00Z").await.unwrap();
    let evaluation = cycle.results[0].evaluation().unwrap();
    assert_eq!(evaluation.time_period, domain::Period::WeekendNight);
}

#[tokio::test]
async fn a_requested_service_without_a_model_says_so() {
    let mut fleet = Fleet::trained();
    fleet.config.services.listed = vec![(service("newcomer"), domain::Category::new("standard"))];
    let cycle = fleet.infer(NOON).await.unwrap();
    let ServiceResult::Error(it) = &cycle.results[0] else { panic!() };
    assert_eq!(it.error_code, ErrorCode::ModelNotFound);
    assert_eq!(
        it.error_message,
        "newcomer has no model for business_hours nor for a period that could stand in: \
         it has not been trained"
    );
    assert_eq!(cycle.status, CycleStatus::Partial);
}

#[tokio::test]
async fn the_answer_validates_and_survives_its_own_json() {
    let mut fleet = Fleet::trained();
    fleet.break_metric("error_rate", &names()[0], NOON, 100.0);
    let cycle = fleet.infer(NOON).await.unwrap();
    let json = serde_json::to_value(&cycle).unwrap();
    let validator = jsonschema::validator_for(&payload::schema::cycle_schema()).unwrap();
    let problems: Vec<String> = validator.iter_errors(&json).map(|e| e.to_string()).collect();
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(serde_json::from_value::<Cycle>(json).unwrap(), cycle);
    assert!(TRAINED_AT < NOON);
}

#[tokio::test]
async fn a_service_is_as_bad_as_its_anomalies_at_one_instant_for_all() {
    let mut fleet = Fleet::trained();
    fleet.break_metric("error_rate", &names()[0], NOON, 100.0);
    let cycle = fleet.infer(NOON).await.unwrap();
    for it in cycle.results.iter().map(|it| it.evaluation().unwrap()) {
        let worst = it.anomalies.values().map(|it| it.severity).max().unwrap_or(Severity::None);
        assert_eq!(it.overall_severity, worst, "{}", it.service_name);
        assert_eq!(it.anomalies.is_empty(), it.overall_severity == Severity::None);
        assert_eq!(it.timestamp, cycle.timestamp);
    }
}

#[tokio::test]
async fn residuals_open_anomalies() {
    let mut fleet = Fleet::trained();
    let quiet = fleet.infer(NOON).await.unwrap();
    assert!(quiet.results.iter().all(|it| it.severity() == Severity::None), "{quiet:#?}");
    let broken = &names()[1];
    fleet.warm = Warm::default();
    fleet.break_metric("application_latency", broken, NOON, 2.0);
    let cycle = fleet.infer(NOON).await.unwrap();
    let evaluation = result(&cycle, broken.as_str()).evaluation().unwrap();
    let anomaly = &evaluation.anomalies["application_latency_bottleneck"];
    assert_eq!(anomaly.detection_signals[0].method, "seasonal_residual");
    assert!(anomaly.severity >= Severity::High);
    for healthy in cycle.results.iter().filter(|it| it.service_name() != broken.as_str()) {
        assert_eq!(healthy.severity(), Severity::None, "{}", healthy.service_name());
    }
}

#[tokio::test]
async fn forests_open_anomalies_where_they_are_asked_to() {
    let mut fleet = Fleet::untrained();
    fleet.config = crate::fleet::config(r#"{"detection": {"opening": "forest"}}"#);
    fleet.train().await.unwrap();
    let broken = &names()[1];
    fleet.break_metric("application_latency", broken, NOON, 6.0);
    let cycle = fleet.infer(NOON).await.unwrap();
    let evaluation = cycle.results[0].evaluation().unwrap();
    assert_eq!(evaluation.service_name, broken.as_str());
    let anomaly = &evaluation.anomalies["application_latency_bottleneck"];
    assert_eq!(anomaly.detection_signals[0].method, "isolation_forest");
    assert!(anomaly.severity >= Severity::High);
}

#[tokio::test]
async fn what_a_failed_read_left_out_is_taken_in_later() {
    let mut warm = Fleet::trained();
    warm.infer("2026-04-01T13:40:00Z").await.unwrap();
    warm.source.fail("error_rate", unreachable());
    for instant in ["2026-04-01T13:46:00Z", "2026-04-01T13:52:00Z", "2026-04-01T13:58:00Z"] {
        warm.infer(instant).await.unwrap();
    }
    warm.source.heal();
    let mut warm_cycle = warm.infer(NOON).await.unwrap();
    let mut cold_cycle = Fleet::trained().infer(NOON).await.unwrap();
    warm_cycle.summary.models_fetched = 0;
    cold_cycle.summary.models_fetched = 0;
    assert_eq!(warm_cycle, cold_cycle);
}

#[tokio::test]
async fn a_model_for_another_opening_is_refused() {
    let mut fleet = Fleet::untrained();
    fleet.config = crate::fleet::config(r#"{"detection": {"opening": "forest"}}"#);
    fleet.train().await.unwrap();
    fleet.config = crate::fleet::config("{}");
    let cycle = fleet.infer(NOON).await.unwrap();
    let ServiceResult::Error(it) = &cycle.results[0] else { panic!("it was judged") };
    assert_eq!(it.error_code, ErrorCode::ModelUnusable);
    assert!(it.error_message.contains("train again"), "{}", it.error_message);
}
