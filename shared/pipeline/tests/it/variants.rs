//! Days that are unlike others have models of their own: learned from them, and asked in them.

use detect::model::PeriodModel;
use domain::{Period, Severity, Slot};
use payload::result::{ErrorCode, Evaluation, ServiceResult};
use payload::run::Cycle;
use pipeline::train::RunStatus;

use crate::fleet::{Fleet, NOON, at, config, names};

/// Monday to Sunday in the history, and the day after it.
const HOLIDAYS: &str = r#"
    {"start": "2026-03-16", "end": "2026-03-22", "reason": "spring"},
    {"start": "2026-04-01", "end": "2026-04-01", "reason": "spring again"}"#;
/// How much of the usual traffic there is then.
const HOLIDAY_TRAFFIC: f64 = 0.4;

fn settings(training: &str) -> domain::config::Config {
    config(&format!(r#"{{"training": {{"excluded_periods": [{HOLIDAYS}] {training}}}}}"#))
}

/// On holidays the first service has less traffic, today is one.
fn holidaymakers(training: &str) -> Fleet {
    let mut fleet = Fleet::untrained();
    fleet.config = settings(training);
    let day = |text: &str| at(&format!("{text}T00:00:00Z")).timestamp();
    let (start_s, end_s, today_s) = (day("2026-03-16"), day("2026-03-23"), day("2026-04-01"));
    fleet.rewrite("request_rate", &names()[0], |time_s, value| {
        let is_holiday = (start_s..end_s).contains(&time_s) || time_s >= today_s;
        if is_holiday { value * HOLIDAY_TRAFFIC } else { value }
    });
    fleet
}

fn first(cycle: &Cycle) -> &ServiceResult {
    let name = &names()[0];
    cycle.results.iter().find(|it| it.service_name() == name.as_str()).unwrap()
}

fn evaluation(cycle: &Cycle) -> &Evaluation {
    first(cycle).evaluation().expect("it was judged")
}

async fn model_of(fleet: &Fleet, slot: &str) -> PeriodModel {
    let catalog = fleet.registry.catalog().await.unwrap().catalog;
    let route = catalog.route(&names()[0], Slot::parse(slot).unwrap()).unwrap();
    assert!(!route.is_fallback);
    fleet.registry.model(route.model).await.unwrap()
}

#[tokio::test]
async fn a_holiday_is_judged_by_what_holidays_are_like() {
    let mut fleet = holidaymakers("");
    let report = fleet.train().await.unwrap();
    assert_eq!(report.services.len(), 2 * names().len(), "usual ones and those of the holidays");
    assert_eq!(report.services_count(), names().len());

    let inside = fleet.infer(NOON).await.unwrap();
    let quiet = evaluation(&inside);
    assert_eq!(quiet.overall_severity, Severity::None, "{quiet:#?}");
    assert!(quiet.metadata.is_holiday_variant && !quiet.metadata.is_fallback);
    assert_eq!(quiet.metadata.model_variant.as_deref(), Some("holiday"));
    assert_eq!(quiet.performance_info.total_available, 5);

    // What would be usual on another day.
    let midnight_s = at("2026-04-01T00:00:00Z").timestamp();
    let noon_s = at(NOON).timestamp();
    let is_holiday = |time_s: i64| time_s >= midnight_s && time_s < noon_s - 1800;
    fleet.rewrite("request_rate", &names()[0], |time_s, value| {
        if is_holiday(time_s) { value * HOLIDAY_TRAFFIC } else { value }
    });
    fleet.warm = Default::default();
    let busy = fleet.infer(NOON).await.unwrap();
    // A rush on a holiday; that the service bears it makes it mild.
    let found = evaluation(&busy);
    assert!(found.anomalies.contains_key("request_rate_surge_healthy"), "{found:#?}");
}

#[tokio::test]
async fn the_same_day_is_an_anomaly_to_the_usual_models() {
    let mut fleet = holidaymakers("");
    fleet.train().await.unwrap();
    fleet.config = config("{}");
    // The morning was as usual, so that the recent level does not excuse the rest.
    let drop_s = at(NOON).timestamp() - 1800;
    fleet.rewrite("request_rate", &names()[0], |time_s, value| {
        if time_s >= drop_s { value * HOLIDAY_TRAFFIC } else { value }
    });
    let outside = fleet.infer(NOON).await.unwrap();
    let found = evaluation(&outside);
    assert!(found.overall_severity >= Severity::Medium, "{found:#?}");
    assert!(!found.metadata.is_holiday_variant);
    assert_eq!(found.metadata.model_variant, None);
}

#[tokio::test]
async fn each_learns_from_its_own_days_alone() {
    let fleet = holidaymakers("");
    fleet.train().await.unwrap();
    let usual = model_of(&fleet, "business_hours").await;
    let holiday = model_of(&fleet, "business_hours@holiday").await;
    let traffic =
        |model: &PeriodModel| model.metric("request_rate").unwrap().statistics.summary.p50;
    let ratio = traffic(&holiday) / traffic(&usual);
    assert!((ratio - HOLIDAY_TRAFFIC).abs() < 0.1, "{ratio}");
    let rows = |model: &PeriodModel| {
        f64::from(model.training.rows_training + model.training.rows_validation)
    };
    // Five of 22 working days, and both share the edges of the period.
    let share = rows(&holiday) / (rows(&holiday) + rows(&usual));
    assert!((share - 5.0 / 22.0).abs() < 0.02, "{share}");
    let note = "learned from 7.0 days that are excluded as holiday, and serves in such days";
    assert_eq!(holiday.notes[0], note);
    assert!(usual.notes.iter().all(|it| !it.contains("holiday")));
}

#[tokio::test]
async fn a_service_with_a_variant_only_is_judged_in_it() {
    let mut fleet = holidaymakers(r#", "model_variants": {"train_baseline": false}"#);
    let report = fleet.train().await.unwrap();
    assert_ne!(report.status, RunStatus::Failed);
    let catalog = fleet.registry.catalog().await.unwrap().catalog;
    assert!(catalog.route(&names()[0], Period::BusinessHours).is_none());
    let inside = fleet.infer(NOON).await.unwrap();
    assert!(evaluation(&inside).metadata.is_holiday_variant);
    fleet.config = config("{}");
    let outside = fleet.infer(NOON).await.unwrap();
    let ServiceResult::Error(failure) = first(&outside) else { panic!("{outside:?}") };
    assert_eq!(failure.error_code, ErrorCode::ModelNotFound);
}

#[tokio::test]
async fn too_few_days_and_a_switch_leave_the_usual_models_alone() {
    for (training, told) in [
        (r#", "model_variants": {"min_excluded_days_for_variant": 8}"#, true),
        (r#", "model_variants": {"train_holiday": false}"#, false),
    ] {
        let mut fleet = holidaymakers(training);
        let report = fleet.train().await.unwrap();
        assert_eq!(report.services.len(), names().len(), "{training}");
        let text = "no models of holiday: 7.0 of its days are in the history; 8 are needed";
        let is_told = report.services[0].recommendations.iter().any(|it| it == text);
        assert_eq!(is_told, told, "{:?}", report.services[0].recommendations);
        let cycle = fleet.infer(NOON).await.unwrap();
        assert!(!evaluation(&cycle).metadata.is_holiday_variant, "the usual models serve");
    }
}

#[tokio::test]
async fn a_run_without_anything_to_learn_says_why() {
    let fleet =
        holidaymakers(r#", "model_variants": {"train_baseline": false, "train_holiday": false}"#);
    let report = fleet.train().await.unwrap();
    assert_eq!(report.status, RunStatus::Failed);
    let error = report.services[0].error.as_deref().unwrap();
    assert!(error.starts_with("training.model_variants.train_baseline is off"), "{error}");
}
