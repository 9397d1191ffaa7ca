use domain::config;

use super::*;

const SLOW: &str = "latency_spike_recent";

fn settings() -> SloSettings {
    let document = r#"{"slos": {"services": {"booking": {
        "latency_acceptable_ms": 300, "latency_warning_ms": 400, "latency_critical_ms": 500}}}}"#;
    let config = config::load(Some(document), &|_| None).unwrap().config;
    config.slos.unwrap()
}

/// What detection says of booking: one anomaly about a metric, or none.
fn evaluation(metrics: &[(&str, f64)], anomaly: Option<(&str, Severity)>) -> Box<Evaluation> {
    let golden = include_str!("../../../payload/goldens/anomaly_detected.json");
    let mut it: Evaluation = serde_json::from_str(golden).unwrap();
    let mut found = it.anomalies[SLOW].clone();
    let metrics = metrics.iter().map(|(name, value)| ((*name).to_owned(), Some(*value)));
    it.current_metrics = metrics.collect();
    it.slo_evaluation = None;
    let anomaly = anomaly.map(|(metric, severity)| {
        found.root_metric = Some(metric.to_owned());
        (found.severity, found.ml_severity, found.slo_context) = (severity, None, None);
        (SLOW.to_owned(), found)
    });
    it.set_anomalies(anomaly.into_iter().collect());
    Box::new(it)
}

fn subject(service: &ServiceName) -> Subject<'_> {
    Subject {
        service,
        at: "2026-04-01T14:00:00Z".parse().unwrap(),
        period: Period::BusinessHours,
        window_s: 300,
        time_confidence: 0.9,
        impact: None,
        bands: &[],
        burn: &[],
    }
}

fn booking() -> ServiceName {
    ServiceName::new("booking").unwrap()
}

fn judged(evaluation: Box<Evaluation>, is_weak: bool) -> Judged {
    let weak = if is_weak { BTreeSet::from([SLOW.to_owned()]) } else { BTreeSet::new() };
    apply(evaluation, weak, &subject(&booking()), &settings())
}

fn band(metric: &str, seasonal: f64) -> ExpectedBand {
    let (low, high) = (0.5 * seasonal, 2.0 * seasonal);
    let seasonal = Some(seasonal);
    ExpectedBand { metric: metric.to_owned(), usual: low, seasonal, low, high }
}

#[test]
fn weak_evidence_follows_the_matrix_as_any_other() {
    for (latency, severity, opens) in [
        (100.0, Severity::Low, false),
        (350.0, Severity::Medium, false),
        (450.0, Severity::High, true),
        (600.0, Severity::Critical, true),
    ] {
        let metrics =
            [("application_latency", latency), ("error_rate", 0.0), ("request_rate", 50.0)];
        let found = || evaluation(&metrics, Some(("application_latency", Severity::Medium)));
        let (weak, strong) = (judged(found(), true), judged(found(), false));
        let it = weak.result.evaluation().unwrap();
        let names: Vec<&String> = it.anomalies.keys().collect();
        assert_eq!(names, [SLOW], "nothing is made beside what is there, at {latency} ms");
        assert_eq!(it.overall_severity, severity, "at {latency} ms");
        let said = it.slo_evaluation.as_ref().unwrap();
        assert_eq!(said.adjusted_severity, severity);
        let anomaly = &it.anomalies[SLOW];
        assert_eq!(anomaly.ml_severity, Some(Severity::Medium));
        assert!(anomaly.slo_context.is_some());
        assert_eq!(it.anomalies, strong.result.evaluation().unwrap().anomalies);
        assert_eq!(weak.weak.contains(SLOW), !opens, "at {latency} ms");
        assert_eq!(weak.by_objective.contains(SLOW), opens);
        assert!(weak.lingering[SLOW] >= severity);
    }
}

#[test]
fn where_weak_evidence_is_not_told_objectives_speak_without_it() {
    let metrics = [("application_latency", 100.0), ("error_rate", 0.0), ("request_rate", 50.0)];
    let Judged { result, alone, weak, .. } =
        judged(evaluation(&metrics, Some(("application_latency", Severity::Medium))), true);
    assert_eq!(alone.adjusted_severity, Severity::None);
    let mut it = result.evaluation().unwrap().clone();
    it.leave_out(|name, _| weak.contains(name), Some(&alone));
    assert_eq!((it.overall_severity, it.original_severity), (Severity::None, None));
    assert_eq!(it.slo_evaluation, Some(alone));
}

#[test]
fn weak_evidence_below_a_floor_keeps_no_incident() {
    let metrics = [("application_latency", 100.0), ("error_rate", 0.001), ("request_rate", 50.0)];
    let it = judged(evaluation(&metrics, Some(("error_rate", Severity::Medium))), true);
    assert_eq!(it.counters.suppressions, 1);
    let it = it.result.evaluation().unwrap();
    assert_eq!((it.anomaly_count, it.overall_severity), (0, Severity::None));
    assert_eq!(it.slo_evaluation.as_ref().unwrap().suppressed[0].metric, "error_rate");
}

#[test]
fn few_slow_requests_start_nothing_of_weak_evidence() {
    let metrics = [("application_latency", 600.0), ("error_rate", 0.0), ("request_rate", 0.02)];
    let it = judged(evaluation(&metrics, Some(("application_latency", Severity::Medium))), true);
    assert!(it.weak.contains(SLOW) && it.by_objective.is_empty());
}

#[test]
fn an_approached_limit_without_an_anomaly_changes_no_severity() {
    let metrics = [("application_latency", 350.0), ("error_rate", 0.0), ("request_rate", 50.0)];
    let it = judged(evaluation(&metrics, None), false);
    let ServiceResult::NoAnomaly(it) = it.result else { panic!("an anomaly") };
    assert_eq!((it.overall_severity, it.original_severity), (Severity::None, None));
    let said = it.slo_evaluation.unwrap();
    assert_eq!(
        (said.slo_status.as_str(), said.adjusted_severity),
        ("approaching_warning", Severity::Low)
    );
}

#[test]
fn metrics_under_other_names_have_their_objectives() {
    let metrics = [
        ("server_latency_avg", 600.0),
        ("db_latency_avg", 45.0),
        ("error_rate", 0.0),
        ("request_rate", 50.0),
    ];
    let mut found = evaluation(&metrics, None);
    found.training_baselines = BTreeMap::from([("db_latency_avg".to_owned(), 15.0)]);
    let it = judged(found, false);
    let it = it.result.evaluation().unwrap();
    let said = it.slo_evaluation.as_ref().unwrap();
    assert_eq!((said.latency_evaluation.status.as_str(), said.incomplete), ("breached", false));
    let database = said.database_latency_evaluation.as_ref().unwrap();
    assert_eq!((database.status.as_str(), database.ratio), ("high", Some(3.0)));
    let roots: Vec<_> = it.anomalies.values().map(|it| it.root_metric.as_deref()).collect();
    assert_eq!(roots, [Some("server_latency_avg"), Some("db_latency_avg")]);
    let failing = failing(&it.current_metrics, &subject(&booking()), &settings());
    assert_eq!(failing, ["server_latency_avg"]);
}

#[test]
fn one_failure_breaks_no_objective_that_detection_asks_about() {
    let (service, settings) = (booking(), settings());
    let metrics = evaluation(&[("error_rate", 0.05), ("request_rate", 20.0 / 300.0)], None);
    let failing = |window_s| {
        let subject = Subject { window_s, ..subject(&service) };
        failing(&metrics.current_metrics, &subject, &settings)
    };
    assert_eq!(failing(0), ["error_rate"], "nothing to count by");
    assert_eq!(failing(300), [""; 0], "one of twenty");
}

#[test]
fn the_usual_of_this_hour_is_better_than_that_of_the_period() {
    let (service, settings) = (booking(), settings());
    let metrics = [
        ("application_latency", 100.0),
        ("error_rate", 0.0),
        ("request_rate", 9.0),
        ("database_latency", 30.0),
    ];
    let with = |bands: &[ExpectedBand]| {
        let mut found = evaluation(&metrics, None);
        let means = [("request_rate", 10.0), ("database_latency", 40.0)];
        let means = means.into_iter().map(|(name, mean)| (name.to_owned(), mean));
        found.training_baselines = means.collect();
        let it = apply(found, BTreeSet::new(), &Subject { bands, ..subject(&service) }, &settings);
        it.result.evaluation().unwrap().clone()
    };
    let by_period = with(&[]).slo_evaluation.unwrap();
    assert_eq!(by_period.request_rate_evaluation.kind.as_deref(), Some("normal"));
    assert_eq!(by_period.slo_status, "ok");
    let it = with(&[band("request_rate", 100.0), band("database_latency", 15.0)]);
    let by_hour = it.slo_evaluation.unwrap();
    assert_eq!(by_hour.request_rate_evaluation.baseline_mean_rps, Some(100.0));
    assert_eq!(by_hour.request_rate_evaluation.kind.as_deref(), Some("cliff"));
    assert_eq!(by_hour.database_latency_evaluation.unwrap().ratio, Some(2.0));
    let names: Vec<&String> = it.anomalies.keys().collect();
    assert_eq!(names, ["slo_database_latency", "slo_request_rate"]);
}
