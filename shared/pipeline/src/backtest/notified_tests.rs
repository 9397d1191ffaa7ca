use std::collections::BTreeSet;

use domain::ServiceName;
use incident::{Evaluated, FingerprintId, IncidentId};

use super::*;
use crate::backtest::episode::Episode;
use crate::backtest::testing::Blames;

fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

fn id(service: &str) -> IncidentId {
    IncidentId::of(&FingerprintId::of(&name(service), "latency_high"), 1)
}

fn truth() -> Truth {
    let label = |incident: &str, service: &str, kind: &str, start_s: i64| Label {
        incident: incident.to_owned(),
        service: service.to_owned(),
        start_s,
        end_s: start_s + 600,
        kind: kind.to_owned(),
        root_cause: service.to_owned(),
    };
    let labels = vec![
        label("1", "a", "latency_spike", 1_000),
        label("2", "b", "latency_spike", 1_000),
        label("3", "c", "error_burst", 5_000),
        label("4", "d", "error_burst", 9_000),
    ];
    let (labelled, maintenance) = (labels.clone(), Vec::new());
    Truth { labels, labelled, maintenance, step_s: 60, service_days: 1.0 }
}

fn opening(service: &str, start_s: i64, severity: Severity, before: Severity) -> Incident {
    Incident {
        service: name(service),
        incident_id: id(service),
        anomaly_name: "latency_high".to_owned(),
        episode: Episode {
            start_s,
            end_s: start_s + 60,
            first_evidence_s: start_s,
            severity,
            detected: Severity::Medium,
            before_objectives: before,
            score: 1.0,
            cycles: 1,
            worst_at: 0,
        },
        root_cause: name(service),
        affected: BTreeSet::from([name(service)]),
        is_told: severity >= Severity::Medium,
        hold: (severity < Severity::Medium)
            .then_some(Hold::BelowSeverity { severity, threshold: Severity::Medium }),
        end: None,
        cause: None,
    }
}

fn message(service: &str, at_s: i64, kind: AnnouncementKind) -> Notification {
    Notification {
        at_s,
        kind,
        service: name(service),
        incident_id: id(service),
        anomaly_name: "latency_high".to_owned(),
        severity: Severity::High,
        root_cause: name(service),
        affected: Vec::new(),
    }
}

#[test]
fn messages_are_counted_beside_the_incidents_that_they_meet() {
    use AnnouncementKind::{FirstAlert, ReopenedAlert, Resolution};
    let notifications = vec![
        message("a", 1_060, FirstAlert),
        message("a", 1_300, Resolution),
        message("a", 1_400, ReopenedAlert),
        message("b", 1_060, FirstAlert),
        message("c", 8_000, FirstAlert),
    ];
    let all = vec![opening("a", 1_060, Severity::Low, Severity::Low)];
    let incidents = Incidents { all, notifications, repeats: 7, ..Incidents::default() };
    let it = Notified::of(&incidents, Some(&truth()));
    assert_eq!((it.first_alerts, it.reopened_alerts, it.resolutions), (3, 1, 1));
    assert_eq!((it.repeated_alerts, it.per_labelled_incident), (7, Some(1.5)));
    assert_eq!(it.held_back, BTreeMap::from([("below_severity", 1)]));
    assert_eq!(Notified::of(&incidents, None).per_labelled_incident, None);
}

#[test]
fn what_objectives_did_is_counted_by_kind() {
    let dropped = Finding {
        at_s: 5_100,
        stamp_s: 5_100,
        detected: Severity::High,
        score: Some(2.0),
        evaluated: Some(Evaluated::default()),
        ..Finding::default()
    };
    let fleet = [Track { service: name("c"), cycle_s: 60, findings: vec![dropped] }];
    let all = vec![
        opening("a", 1_060, Severity::High, Severity::High),
        opening("b", 1_060, Severity::Low, Severity::Medium),
        opening("b", 20_000, Severity::Low, Severity::High),
    ];
    let incidents = Incidents { all, ..Incidents::default() };
    let found = fates(&fleet, &incidents, &Blames(&[]), Some(&truth()));
    let spike = Fates { incidents: 2, loud: 1, lowered: 1, ..Fates::default() };
    let burst = Fates { incidents: 2, dropped: 1, unseen: 1, ..Fates::default() };
    let unlabelled = Fates { incidents: 1, lowered: 1, ..Fates::default() };
    let expected = [("error_burst", burst), ("latency_spike", spike), ("unlabelled", unlabelled)];
    assert_eq!(found, expected.map(|(kind, fates)| (kind.to_owned(), fates)).into());
}
