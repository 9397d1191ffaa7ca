use super::*;
use crate::evidence::EvidenceSignal;
use crate::features::Features;
use crate::residual::{ExpectedBand, SymptomScores};
use crate::score::{CombinationVerdict, ScoreSettings, assess};
use crate::testing::{business_model, detection};

const NORMAL: [f64; 5] = [70.0, 125.0, 40.0, 12.0, 0.002];

/// What a test may set; the rest is a working day.
struct Scene {
    model: PeriodModel,
    values: [f64; 5],
    evidence: Option<Evidence>,
    trends: Option<Trends>,
    dependencies: Option<DependencyContext>,
    drift: Option<DriftReport>,
    breached: Vec<String>,
    weekday: u32,
    is_fallback: bool,
}

impl Scene {
    fn of(values: [f64; 5]) -> Scene {
        Scene {
            model: business_model().clone(),
            values,
            evidence: None,
            trends: None,
            dependencies: None,
            drift: None,
            breached: Vec::new(),
            weekday: 2,
            is_fallback: false,
        }
    }

    fn interpret(&self) -> Option<Anomaly> {
        self.interpret_with(|_| ())
    }

    fn interpret_with(&self, change: impl Fn(&mut Assessment)) -> Option<Anomaly> {
        let (metrics, detection) = (MetricSet::five(), detection());
        let observation = Observation {
            at_s: 1_775_001_600,
            requests: Some(self.values[0] * 300.0),
            values: self.values.iter().map(|v| Some(*v).filter(|v| v.is_finite())).collect(),
        };
        let is_fallback = self.is_fallback;
        let settings = ScoreSettings { metrics: &metrics, detection: &detection, is_fallback };
        let mut assessment = assess(&self.model, &observation, &Features::default(), &settings);
        change(&mut assessment);
        interpret(&Case {
            model: &self.model,
            metrics: &metrics,
            observation: &observation,
            assessment: &assessment,
            evidence: self.evidence.as_ref(),
            trends: self.trends.as_ref(),
            dependencies: self.dependencies.as_ref(),
            drift: self.drift.as_ref(),
            category: &Category::new("critical"),
            period: Period::BusinessHours,
            weekday: self.weekday,
            hour: 14,
            is_fallback,
            time_confidence: 0.9,
            breached: &self.breached,
        })
    }
}

fn evidence_signal(metric: &str, direction: Direction, value: f64, usual: f64) -> EvidenceSignal {
    EvidenceSignal {
        metric: metric.to_owned(),
        direction,
        score: 3.2,
        severity: Severity::High,
        value,
        usual,
        z: if direction == Direction::High { 6.0 } else { -6.0 },
        percentile: if direction == Direction::High { 100.0 } else { 0.0 },
        text: format!("{metric} {value} where {usual} is usual"),
    }
}

fn evidence(signals: Vec<EvidenceSignal>, score: f64) -> Evidence {
    let band = |it: &EvidenceSignal| ExpectedBand {
        metric: it.metric.clone(),
        usual: it.usual,
        seasonal: None,
        low: 0.8 * it.usual,
        high: 1.2 * it.usual,
    };
    Evidence {
        at_s: 1_775_001_600,
        score,
        stay: 0.3,
        recipe_score: 1.5 * score,
        published_score: 1.5 * score,
        severity: if score >= 2.0 { Severity::High } else { Severity::Medium },
        bands: signals.iter().map(band).collect(),
        signals,
        symptoms: SymptomScores::default(),
        notes: Vec::new(),
    }
}

fn sum(contributions: &[Contribution]) -> f64 {
    contributions.iter().map(|it| it.share).sum()
}

#[test]
fn a_pattern_names_and_explains() {
    let mut values = NORMAL;
    (values[1], values[3]) = (636.0, 500.0);
    let found = Scene::of(values).interpret().unwrap();
    assert_eq!(found.name, "database_latency_bottleneck");
    assert_eq!(found.kind, AnomalyKind::Consolidated);
    assert_eq!(found.root_metric.as_deref(), Some("application_latency"));
    assert_eq!((found.value, found.direction), (Some(636.0), Some(Direction::High)));
    assert_eq!(found.severity, Severity::Critical, "one above the pattern's high");
    assert!((sum(&found.contributions) - 1.0).abs() < 1e-9, "{:?}", found.contributions);
    insta::assert_snapshot!(found.description, @"The database takes 500 ms, 79 % of the response time 636 ms (application_latency usually 124 ms)");
    insta::assert_snapshot!(found.interpretation, @"Most of the response time is spent in the database; the rest can save little.");
    insta::assert_snapshot!(found.impact.told(found.severity), @"Users are affected now (service with an impact on revenue), in business hours.");
    insta::assert_snapshot!(found.recommended_actions.join("\n"), @r"
    CHECK slow queries, connection pool, host of the database
    INVESTIGATE plans, missing indexes, many small queries in a loop
    ASSESS how many users are affected, and tell them
    FOCUS on the database: 79 % of the response time
    CONSIDER a cache or a replica for reading
    ");
}

#[test]
fn without_a_pattern_the_strongest_metric_names_it() {
    let mut values = NORMAL;
    values[2] = 200.0;
    let found = Scene::of(values).interpret().unwrap();
    assert_eq!(found.name, "dependency_latency_high");
    assert_eq!((found.kind, found.pattern), (AnomalyKind::Isolated, None));
    assert_eq!(found.interpretation, "No known pattern fits what these metrics do together.");
    insta::assert_snapshot!(found.description, @"[booking] unusual behaviour: dependency_latency 200 ms (higher than ever in training, usually 40 ms)");
    insta::assert_snapshot!(found.recommended_actions.join("\n"), @r"
    CHECK latency by endpoint called
    CHECK status of vendors
    INVESTIGATE dependency_latency
    CORRELATE with releases and changes of the last hour
    ASSESS how many users are affected, and tell them
    ");
    assert_eq!(Scene::of(NORMAL).interpret(), None);
}

#[test]
fn a_combination_alone_is_never_more_than_medium() {
    let verdict = |severity| CombinationVerdict {
        score: -0.1,
        is_flagged: true,
        severity,
        contributions: vec![("request_rate".to_owned(), 0.7), ("error_rate".to_owned(), 0.2)],
    };
    let scene = Scene::of(NORMAL);
    let with = |severity| scene.interpret_with(|it| it.combination = Some(verdict(severity)));
    let found = with(Severity::Critical).unwrap();
    assert_eq!((found.name.as_str(), found.severity), (COMBINATION_NAME, Severity::Medium));
    assert_eq!(found.confidence, 0.4);
    assert!((sum(&found.contributions) - 1.0).abs() < 1e-9);
    assert_eq!(with(Severity::Medium), None);
}

#[test]
fn evidence_and_pattern_make_an_anomaly_of_residuals() {
    let mut values = NORMAL;
    values[1] = 400.0;
    let mut scene = Scene::of(values);
    let latency = evidence_signal("application_latency", Direction::High, 410.0, 120.0);
    scene.evidence = Some(evidence(vec![latency], 1.2));
    let found = scene.interpret().unwrap();
    assert_eq!(found.name, "application_latency_bottleneck");
    assert_eq!(found.severity, Severity::High, "the pattern's, because it is worse");
    assert_eq!(found.value, Some(410.0));
    assert_eq!(found.score, 1.2 * 1.5);
    insta::assert_snapshot!(found.description, @"Responses take 410 ms although dependencies and database are as usual (application_latency usually 120 ms)");
    scene.evidence.as_mut().unwrap().score = 0.2;
    assert_eq!(scene.interpret(), None, "too weak to keep an anomaly");
}

#[test]
fn a_healthy_surge_is_low_whatever_the_evidence_and_the_hour() {
    let mut values = NORMAL;
    values[0] = 300.0;
    let mut scene = Scene::of(values);
    scene.weekday = 6;
    let surge = evidence_signal("request_rate", Direction::High, 300.0, 70.0);
    scene.evidence = Some(evidence(vec![surge], 4.0));
    let found = scene.interpret().unwrap();
    assert_eq!(found.name, "request_rate_surge_healthy");
    assert_eq!((found.severity, found.severity_reasons.len()), (Severity::Low, 0));
}

#[test]
fn a_cliff_is_measured_against_the_season() {
    let mut values = NORMAL;
    values[0] = 7.0;
    let mut scene = Scene::of(values);
    let fall = evidence_signal("request_rate", Direction::Low, 7.0, 28.0);
    scene.evidence = Some(evidence(vec![fall], 4.0));
    let found = scene.interpret().unwrap();
    assert_eq!((found.name.as_str(), found.severity), ("request_rate_cliff", Severity::Critical));
    insta::assert_snapshot!(found.description, @"Traffic fell to 7.0 req/s, 75 % below the 28.0 req/s usual at this time");
}

#[test]
fn a_model_of_another_period_knows_no_cliff() {
    let mut values = NORMAL;
    values[0] = 0.0;
    let mut scene = Scene::of(values);
    assert_eq!(scene.interpret().unwrap().name, "request_rate_cliff");
    scene.is_fallback = true;
    assert_eq!(scene.interpret(), None);
}

#[test]
fn a_missing_metric_is_neither_normal_nor_zero() {
    let latency = evidence_signal("application_latency", Direction::High, 410.0, 120.0);
    let name = |values: [f64; 5]| {
        let mut scene = Scene::of(values);
        scene.evidence = Some(evidence(vec![latency.clone()], 2.0));
        scene.interpret().unwrap()
    };
    let mut values = NORMAL;
    values[1] = 400.0;
    values[3] = f64::NAN;
    assert_eq!(name(values).name, "latency_spike_recent", "the database may be the cause");
    values[4] = f64::NAN;
    let unknown = name(values);
    assert_eq!(unknown.name, "application_latency_high", "errors may be high");
    let all = format!("{} {:?}", unknown.description, unknown.recommended_actions);
    assert!(!all.contains("0.00 %"), "{all}");
}

#[test]
fn fast_responses_among_failures_are_seen_beside_evidence() {
    let mut values = NORMAL;
    (values[1], values[4]) = (15.0, 0.3);
    let mut scene = Scene::of(values);
    let errors = evidence_signal("error_rate", Direction::High, 0.3, 0.002);
    scene.evidence = Some(evidence(vec![errors], 4.0));
    let found = scene.interpret().unwrap();
    assert_eq!(found.name, "error_rate_fast_rejection", "{found:#?}");
    assert!(found.involved.iter().any(|it| it.is_corroborating));
    assert!(found.impact.told(found.severity).starts_with("Requests are rejected"));
}

#[test]
fn a_dependency_that_is_normally_idle_and_is_used_is_a_signal() {
    let mut scene = Scene::of(NORMAL);
    let dependency = scene.model.metrics.iter_mut().find(|it| it.name == "dependency_latency");
    let dependency = dependency.unwrap();
    dependency.forest = None;
    dependency.zeros.is_zero_dominant = true;
    dependency.zeros.positive_p95 = 15.0;
    dependency.statistics.summary.p50 = 0.0;
    let found = scene.interpret().unwrap();
    assert_eq!(found.name, "dependency_latency_activated");
    assert_eq!(found.involved[0].level, crate::pattern::Level::High);
    assert_eq!(found.involved[0].percentile, 95.0);
    scene.values[2] = 30.0;
    assert_eq!(scene.interpret(), None, "twice the usual activity is not beyond it");
    scene.values[2] = 0.0;
    assert_eq!(scene.interpret(), None);
}

#[test]
fn the_root_of_a_cascade_is_told_and_is_no_part_of_the_name() {
    let mut values = NORMAL;
    (values[1], values[2]) = (400.0, 320.0);
    let mut scene = Scene::of(values);
    scene.evidence = Some(evidence(
        vec![
            evidence_signal("application_latency", Direction::High, 400.0, 120.0),
            evidence_signal("dependency_latency", Direction::High, 320.0, 40.0),
        ],
        2.0,
    ));
    assert_eq!(scene.interpret().unwrap().name, "dependency_latency_cascade");
    scene.dependencies = Some(DependencyContext {
        kind: pattern::DependencyKind::UpstreamAnomaly,
        root_service: Some("vms".to_owned()),
        root_anomaly: Some("error_rate_critical".to_owned()),
        affected_chain: vec!["vms".to_owned(), "booking".to_owned()],
        confidence: 0.85,
    });
    let found = scene.interpret().unwrap();
    assert_eq!(found.name, "upstream_cascade");
    insta::assert_snapshot!(found.description, @"Slow while vms is degraded (error_rate_critical); chain of 2; now 400 ms (application_latency usually 120 ms)");
    insta::assert_snapshot!(found.recommended_actions.join("\n"), @r"
    CHECK the incident of vms
    FOCUS on vms: its status and releases
    CONSIDER a circuit breaker towards vms
    CONSIDER a degraded mode without vms
    MONITOR this service while vms recovers
    ");
}

#[test]
fn drift_takes_confidence_unless_an_objective_is_breached() {
    let mut values = NORMAL;
    values[2] = 200.0;
    let mut scene = Scene::of(values);
    let before = scene.interpret().unwrap();
    assert_eq!(before.original_confidence, None);
    scene.drift = Some(DriftReport {
        limits: domain::config::valid::DriftLimits::default(),
        is_lasting: false,
        basis: crate::drift::Basis::Window { rows: 100 },
        metrics: Vec::new(),
        relation: None,
        penalty: 0.15,
    });
    let after = scene.interpret().unwrap();
    assert_eq!(after.original_confidence, Some(before.confidence));
    assert!((after.confidence - 0.85 * before.confidence).abs() < 1e-12);
    scene.breached = vec!["dependency_latency".to_owned()];
    assert_eq!(scene.interpret().unwrap().confidence, before.confidence);
}

#[test]
fn the_weekend_excuses_one_level_and_says_so() {
    let mut values = NORMAL;
    values[1] = 400.0;
    let mut scene = Scene::of(values);
    let latency = evidence_signal("application_latency", Direction::High, 410.0, 120.0);
    scene.evidence = Some(evidence(vec![latency], 1.2));
    scene.weekday = 5;
    let found = scene.interpret().unwrap();
    assert_eq!(found.severity, Severity::Medium);
    assert_eq!(found.severity_reasons, ["off-hours: one level milder"]);
    assert!(
        found.impact.told(found.severity).starts_with("A minor degradation"),
        "told after adjustments"
    );
    scene.breached = vec!["application_latency".to_owned()];
    assert_eq!(scene.interpret().unwrap().severity, Severity::High);
}
