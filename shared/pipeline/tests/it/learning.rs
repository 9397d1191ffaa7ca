//! What models make of the history where evidence opens anomalies.

use detect::model::{Axis, FeatureSet, PeriodModel};
use domain::{Period, ServiceName, Severity};
use pipeline::train::PeriodStatus;

use crate::fleet::{Fleet, NOON, at, config, names};

async fn model_of(fleet: &Fleet, name: &ServiceName, period: Period) -> PeriodModel {
    let catalog = fleet.registry.catalog().await.unwrap().catalog;
    fleet.registry.model(catalog.route(name, period).unwrap().model).await.unwrap()
}

#[tokio::test]
async fn forests_learn_from_residuals() {
    let (fleet, _) = Fleet::trained_on_memory();
    for name in names() {
        let model = model_of(&fleet, &name, Period::BusinessHours).await;
        assert_eq!(model.feature_set, FeatureSet::ResidualV1);
        let forests: Vec<_> = model.metrics.iter().filter_map(|it| it.forest.as_ref()).collect();
        assert!(forests.len() >= 3, "{name}");
        assert!(forests.iter().all(|forest| forest.axis == Axis::Deviation));
        let combination = model.multivariate.as_ref().expect("business hours have enough cycles");
        assert!(combination.features.iter().all(|it| model.metric(it).is_some()));
        assert_eq!(model.notes, Vec::<String>::new());
    }
}

#[tokio::test]
async fn other_openings_have_other_features() {
    let mut fleet = Fleet::untrained();
    fleet.config = config(r#"{"detection": {"opening": "forest"}}"#);
    fleet.train().await.unwrap();
    let model = model_of(&fleet, &names()[0], Period::BusinessHours).await;
    assert_eq!((model.feature_set, model.evidence.is_none()), (FeatureSet::ForestV1, true));
}

#[tokio::test]
async fn a_day_and_a_half_of_five_minute_data_gives_verdicts_and_says_how_little_it_is() {
    let mut fleet = Fleet::untrained();
    fleet.config = config(r#"{"training": {"lookback_days": 1}}"#);
    fleet.thin(300);
    let report = fleet.train().await.unwrap();
    let periods = || report.services.iter().flat_map(|service| &service.periods);
    assert!(periods().all(|period| period.status == PeriodStatus::Provisional), "{report:#?}");
    assert!(periods().all(|it| it.reason.as_ref().unwrap().contains("1.0 days of history; 7")));
    let broken = &names()[1];
    let model = model_of(&fleet, broken, Period::BusinessHours).await;
    assert!(model.notes[0].starts_with("1.0 days of history: one value stands"), "{model:#?}");
    fleet.rewrite_thinned("error_rate", broken, 300, |time_s, value| {
        let is_then = (at(NOON).timestamp() - 1800..=at(NOON).timestamp()).contains(&time_s);
        if is_then { (value * 300.0).clamp(0.3, 1.0) } else { value }
    });
    let cycle = fleet.infer(NOON).await.unwrap();
    assert_eq!(cycle.summary.evaluated, 3);
    assert_eq!(cycle.results[0].service_name(), broken.as_str());
    assert!(cycle.results[0].severity() >= Severity::Medium);
}

#[tokio::test]
async fn a_level_that_lasted_a_day_is_normal_at_the_next_training_and_noted() {
    let (mut fleet, moved) = (Fleet::untrained(), &names()[0]);
    let from_s = at("2026-03-31T00:00:00Z").timestamp();
    fleet.rewrite(
        "application_latency",
        moved,
        |time_s, value| {
            if time_s > from_s { value * 1.9 } else { value }
        },
    );
    fleet.train().await.unwrap();
    let model = model_of(&fleet, moved, Period::BusinessHours).await;
    assert_eq!(model.notes.len(), 1, "{:?}", model.notes);
    assert!(model.notes[0].starts_with("application_latency moved by +"), "{:?}", model.notes);
    let catalog = fleet.registry.catalog().await.unwrap().catalog;
    let key = &catalog.route(moved, Period::BusinessHours).unwrap().model.key;
    assert_eq!(fleet.registry.card(key).await.unwrap().notes, model.notes);
    let cycle = fleet.infer(NOON).await.unwrap();
    let result = cycle.results.iter().find(|it| it.service_name() == moved.as_str()).unwrap();
    assert_eq!(result.severity(), Severity::None);
}

#[tokio::test]
async fn evidence_that_is_not_quiet_on_held_out_cycles_is_not_promoted() {
    let (fleet, wild) = (Fleet::untrained(), &names()[0]);
    let from_s = at("2026-03-26T00:00:00Z").timestamp();
    // Ten bad minutes of every hour, in the part that is held out.
    fleet.rewrite("error_rate", wild, |time_s, value| {
        let is_bad = time_s > from_s && time_s % 3600 < 600;
        if is_bad { (value * 100.0).clamp(0.2, 1.0) } else { value }
    });
    let report = fleet.train().await.unwrap();
    let service = report.services.iter().find(|it| it.service == *wild).unwrap();
    let business = &service.periods[0];
    assert_ne!(business.status, PeriodStatus::Promoted);
    let reason = business.reason.as_deref().unwrap_or_default();
    assert!(reason.contains("of normal cycles would open an anomaly; at most 5 %"), "{reason}");
}

#[tokio::test]
async fn injected_faults_are_seen_by_evidence() {
    let (fleet, _) = Fleet::trained_on_memory();
    for name in names() {
        let model = model_of(&fleet, &name, Period::BusinessHours).await;
        let rates = &model.gate.rates;
        assert!(rates.rows > 500, "{rates:?}");
        assert!(rates.faults_injected > 50 && rates.faults_seen_share >= 0.9, "{rates:?}");
        assert!(rates.signal_share < 0.02, "{rates:?}");
    }
}
