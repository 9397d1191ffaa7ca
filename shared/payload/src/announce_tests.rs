use incident::head::ServiceHead;
use incident::step::{Cycle, Detection, Evaluated, Evaluation as Found, Step};
use incident::{Rules, advance};

use std::collections::BTreeMap;

use super::*;
use crate::examples;
use crate::tracking::SeverityDirection;

const START_MS: i64 = 14_500_000 * 120_000;

fn service() -> ServiceName {
    ServiceName::new("booking").unwrap()
}

fn detection(severity: Severity) -> Detection {
    Detection {
        anomaly: "latency_spike_recent".to_owned(),
        root_metric: Some("application_latency".to_owned()),
        severity,
        ml_severity: severity,
        confidence: 0.9,
        score: 2.4,
        value: Some(450.0),
        threshold: None,
        method: None,
        description: None,
        opens: true,
        is_single: false,
        lingering: Severity::None,
    }
}

/// One service's incidents over cycles; `None` is a quiet one.
fn run(severities: &[Option<Severity>], rules: &Rules) -> Vec<(Evaluation, Vec<Message>)> {
    let mut head = ServiceHead::new(service());
    let mut told = Vec::new();
    for (index, severity) in severities.iter().enumerate() {
        let at_ms = START_MS + index as i64 * 120_000;
        let cycle = Cycle::at(at_ms, 120);
        let detections = severity.iter().map(|it| detection(*it)).collect();
        let found = Found::Evaluated(Evaluated { detections, ..Evaluated::default() });
        let advance = advance(&head, &Step::new(cycle, found), rules);
        let mut evaluation = examples::evaluation();
        match severity {
            Some(severity) => {
                evaluation.anomalies.values_mut().for_each(|it| it.severity = *severity);
            }
            None => evaluation.anomalies.clear(),
        }
        evaluation.anomalies.values_mut().for_each(|it| it.tracking = None);
        track(&mut evaluation, &advance, rules, at_ms);
        let of = Material { evaluation: Some(&evaluation), ..Material::default() };
        let messages = messages(&service(), cycle.id, &advance, of);
        told.push((evaluation, messages));
        if advance.is_written() {
            head = advance.head;
        }
    }
    told
}

fn words(told: &[(Evaluation, Vec<Message>)]) -> Vec<String> {
    let of_cycle = |(_, messages): &(Evaluation, Vec<Message>)| {
        let kinds: Vec<&str> = messages.iter().map(|it| it.kind.as_str()).collect();
        kinds.join("+")
    };
    told.iter().map(of_cycle).collect()
}

#[test]
fn an_incident_is_told_from_its_confirmation_to_its_end() {
    let rules = Rules { confirmation_cycles: 2, ..Rules::default() };
    let high = Some(Severity::High);
    let told = run(&[high, high, high, None, None, None, None], &rules);
    assert_eq!(words(&told), ["", "anomaly", "anomaly", "", "", "resolution", ""]);
    let state = |index: usize| {
        let tracking = told[index].0.anomalies["latency_spike_recent"].tracking.clone().unwrap();
        (tracking.status, tracking.newly_confirmed, tracking.cycles_to_confirm)
    };
    assert_eq!(state(0), (IncidentStatus::Suspected, false, Some(1)));
    assert_eq!(state(1), (IncidentStatus::Open, true, None));
    assert_eq!(state(2), (IncidentStatus::Open, false, None));
    let Ok(Body::IncidentResolved(end)) = told[5].1[0].read_body() else { panic!("no resolution") };
    assert_eq!(end.incident_id, "incident_ab62e1ef67bc");
    assert_eq!(end.resolution_details.resolution_reason, ResolutionReason::Resolved);
    assert_eq!(end.resolution_details.missed_cycles_before_close, Some(3));
    let block = told[5].0.fingerprinting.as_ref().unwrap();
    assert_eq!(block.overall_action, OverallAction::Resolve);
    assert_eq!(block.resolved_incidents.len(), 1);
}

#[test]
fn the_block_of_a_quiet_cycle_is_whole() {
    let told = run(&[None], &Rules::default());
    let block = told[0].0.fingerprinting.as_ref().unwrap();
    assert_eq!(block.overall_action, OverallAction::NoChange);
    assert_eq!(block.total_active_incidents, 0);
    assert_eq!(block.detection_context.resolution_grace_cycles, 3);
}

#[test]
fn a_change_of_severity_is_told_once_and_remembered() {
    let told = run(&[Some(Severity::High), Some(Severity::Critical)], &Rules::default());
    let tracking = told[1].0.anomalies["latency_spike_recent"].tracking.clone().unwrap();
    assert!(tracking.severity_changed && tracking.escalated);
    assert_eq!(tracking.previous_severity, Some(Severity::High));
    assert_eq!(tracking.severity_direction, Some(SeverityDirection::Up));
    assert_eq!(tracking.peak_severity, Severity::Critical);
    assert_eq!(tracking.severity_history.len(), 1);
}

#[test]
fn a_held_severity_is_that_of_the_incident_everywhere() {
    let rules = Rules::default();
    let mut head = ServiceHead::new(service());
    let mut told = Vec::new();
    for (index, severity) in [Severity::Critical, Severity::High].into_iter().enumerate() {
        let at_ms = START_MS + index as i64 * 120_000;
        let detections = vec![Detection { lingering: Severity::Critical, ..detection(severity) }];
        let found = Found::Evaluated(Evaluated { detections, ..Evaluated::default() });
        let advance = advance(&head, &Step::new(Cycle::at(at_ms, 120), found), &rules);
        let mut evaluation = examples::evaluation();
        for anomaly in evaluation.anomalies.values_mut() {
            (anomaly.severity, anomaly.tracking) = (severity, None);
        }
        track(&mut evaluation, &advance, &rules, at_ms);
        let of = Material { evaluation: Some(&evaluation), ..Material::default() };
        told.extend(messages(&service(), at_ms / 120_000, &advance, of));
        head = advance.head;
    }
    for message in &told {
        let Ok(Body::AnomalyDetected(body)) = message.read_body() else { panic!("no alert") };
        assert_eq!(body.overall_severity, Severity::Critical);
        assert_eq!(body.slo_evaluation.unwrap().adjusted_severity, Severity::Critical);
        let anomaly = body.anomalies.values().next().unwrap();
        assert_eq!(anomaly.severity, Severity::Critical);
        let severity = crate::sns::publication(message).attributes.into_iter();
        assert!(severity.clone().any(|it| it == ("severity", "critical".to_owned())));
    }
    let Ok(Body::AnomalyDetected(held)) = told[1].read_body() else { panic!("no alert") };
    let why = &held.anomalies.values().next().unwrap().severity_adjustments;
    assert_eq!(
        why.last().unwrap(),
        "held at critical: high by its value, which is not clear of the limit yet"
    );
}

#[test]
fn a_repeated_cycle_makes_the_same_bytes_and_the_body_is_read_back() {
    let high = [Some(Severity::High)];
    let (once, again) = (run(&high, &Rules::default()), run(&high, &Rules::default()));
    assert_eq!(once[0].1, again[0].1);
    let message = &once[0].1[0];
    assert_eq!(message.incident_ids, ["incident_ab62e1ef67bc"]);
    let Ok(Body::AnomalyDetected(body)) = message.read_body() else { panic!("no alert") };
    assert_eq!(body.message_id.as_deref(), Some(message.id.as_str()));
    assert_eq!(serde_json::to_string(&Body::AnomalyDetected(body)).unwrap(), message.body);
}

#[test]
fn a_body_is_bounded_whatever_is_in_it() {
    let mut it = examples::evaluation();
    let anomaly = it.anomalies.values().next().unwrap().clone();
    for index in 0..60 {
        let mut anomaly = anomaly.clone();
        anomaly.description = "\u{1F525}\"\\\n".repeat(2_000);
        anomaly.recommended_actions = vec!["\u{0}".repeat(5_000); 50];
        anomaly.severity = if index == 59 { Severity::Critical } else { Severity::Low };
        it.anomalies.insert(format!("pattern_{index}"), anomaly);
    }
    let body = bounded(it).unwrap();
    assert!(body.len() <= BODY_BYTES_MAX, "{} bytes", body.len());
    let it: Evaluation = serde_json::from_str(&body).unwrap();
    assert_eq!(it.truncated, Some(true));
    assert_eq!(it.anomaly_count as usize, it.anomalies.len());
    assert_eq!(it.overall_severity, Severity::Critical);
}

#[test]
fn every_golden_is_valid_and_is_what_the_types_say() {
    let schema = jsonschema::validator_for(&crate::schema::message_schema()).unwrap();
    let bodies = [
        Body::AnomalyDetected(Box::new(examples::evaluation())),
        Body::IncidentResolved(Box::new(examples::resolution())),
        Body::Pipeline(Box::new(examples::notification())),
        Body::Heartbeat(Box::new(examples::heartbeat())),
    ];
    for body in bodies {
        let json = serde_json::to_value(&body).unwrap();
        let errors: Vec<String> = schema.iter_errors(&json).map(|it| it.to_string()).collect();
        assert_eq!(errors, [""; 0], "{json}");
        assert_eq!(serde_json::from_value::<Body>(json.clone()).unwrap(), body);
        let mut wrong = json;
        wrong["timestamp"] = serde_json::Value::from(7);
        assert!(!schema.is_valid(&wrong), "the schema takes a number for an instant");
    }
}

#[test]
fn an_alert_has_what_its_readers_were_promised() {
    let json = serde_json::to_value(examples::evaluation()).unwrap();
    let anomaly = &json["anomalies"]["latency_spike_recent"];
    for field in ["slo_evaluation", "original_severity", "root_cause", "fingerprinting"] {
        assert!(!json[field].is_null(), "{field}");
    }
    for field in ["slo_context", "ml_severity", "correlation", "cascade_analysis", "incident_id"] {
        assert!(!anomaly[field].is_null(), "{field} of the anomaly");
    }
    assert_eq!(json["overall_severity"], json["slo_evaluation"]["adjusted_severity"]);
    assert_eq!(json["metadata"]["enhanced_messaging"], true);
    let end = serde_json::to_value(examples::resolution()).unwrap();
    assert_eq!(end["resolution_context"]["slo_evaluation"]["slo_status"], "warning");
}

#[test]
fn what_is_said_of_anomalies_as_a_whole_follows_them() {
    let mut it = examples::evaluation();
    let all = it.anomalies.clone();
    it.set_anomalies(BTreeMap::new());
    assert_eq!((it.anomaly_count, it.overall_severity), (0, Severity::None));
    assert_eq!(it.metadata.models_used, [""; 0]);
    assert_eq!(it.original_severity, Some(Severity::Critical), "taken back to nothing");
    let mut objective = all["latency_spike_recent"].clone();
    objective.severity = Severity::Critical;
    objective.detection_signals[0].method = "slo_threshold".to_owned();
    it.set_anomalies(all.into_iter().chain([("slo_error_budget".to_owned(), objective)]).collect());
    assert_eq!(it.metadata.models_used, ["seasonal_residual", "slo_threshold"]);
    assert_eq!(it.original_severity, None, "critical as detection said");
    assert!(!it.slo_evaluation.unwrap().severity_changed);
}

#[test]
fn what_is_close_to_a_limit_changes_no_severity_of_the_root() {
    let mut it = examples::evaluation();
    it.anomalies.clear();
    let mut said = it.slo_evaluation.take().unwrap();
    (said.original_severity, said.adjusted_severity) = (Severity::None, Severity::Low);
    it.set_objectives(said);
    assert_eq!((it.overall_severity, it.original_severity), (Severity::None, None));
    let said = it.slo_evaluation.unwrap();
    assert_eq!((said.adjusted_severity, said.severity_changed), (Severity::Low, true));
}
