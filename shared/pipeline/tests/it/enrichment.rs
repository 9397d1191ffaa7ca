//! What is looked up beside alerts, and anomalies that are told as one.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::Severity;
use payload::enrichment::Labelled;
use payload::message::{Body, Message};
use payload::result::Evaluation;
use testkit::RecordingPublisher;

use crate::fleet::{NOON, names};
use crate::watch::{Lookups, Watch};

/// Objectives that any failure and any answer breaks.
const STRICT: &str = r#""slos": {"defaults": {
    "latency_acceptable_ms": 0.1, "latency_warning_ms": 0.2, "latency_critical_ms": 0.3,
    "error_rate_acceptable": 0.00001, "error_rate_warning": 0.00002, "error_rate_critical": 0.00003}}"#;

fn labelled(value: f64, labels: &[(&str, &str)]) -> Labelled {
    let labels = labels.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    Labelled { labels: labels.collect(), value }
}

fn alert(messages: &[Message], service: &str) -> Box<Evaluation> {
    let of_service = messages.iter().filter(|it| it.service == service);
    let mut bodies = of_service.filter_map(|it| match it.read_body() {
        Ok(Body::AnomalyDetected(evaluation)) => Some(evaluation),
        _ => None,
    });
    bodies.next().expect("an alert of the service")
}

#[tokio::test]
async fn alerts_carry_what_was_looked_up_and_what_could_not_be() {
    let fake = Arc::new(RecordingPublisher::new());
    let broken = names()[1].to_string();
    let document = format!(
        r#"{{{STRICT}, "envoy_enrichment": {{"enabled": true,
            "mimir_endpoint": "https://mimir.example", "lookback_minutes": 7,
            "cluster_mapping": {{"{broken}": "edge\"x"}}}}}}"#
    );
    let mut watch = Watch::new(&document, &[("webhook", &fake)]);
    watch.fleet.break_metric("error_rate", &names()[1], NOON, 60.0);
    let exceptions = vec![labelled(0.4, &[("exception_type", "java.net.SocketException")])];
    watch.lookups = Some(Lookups {
        answers: vec![
            ("events_total", Ok(exceptions)),
            ("traces_service_graph", Err("the server is down".to_owned())),
            ("rq_xx", Ok(vec![labelled(5.0, &[("envoy_response_code_class", "2")])])),
        ],
        ..Lookups::default()
    });
    watch.tick().await;
    let alert = alert(&fake.taken(), &broken);
    let exceptions = alert.exception_context.expect("exceptions");
    assert_eq!(exceptions.top_exceptions[0].short_name, "SocketException");
    let graph = alert.service_graph_context.expect("a note on the calls");
    assert!(!graph.query_successful);
    assert_eq!(graph.error_message.as_deref(), Some("the server is down"));
    let proxy = alert.envoy_context.expect("the proxy's view");
    assert_eq!((proxy.request_rates["2xx"], proxy.edge_error_rate), (5.0, 0.0));
    let asked = watch.lookups.as_ref().unwrap().asked.lock().unwrap().clone();
    assert!(asked.iter().any(|it| it.contains(r#"envoy_cluster_name="edge\"x""#)), "{asked:#?}");
    assert!(asked.iter().any(|it| it.contains("[7m]")), "{asked:#?}");
}

#[tokio::test]
async fn nothing_is_looked_up_for_what_nobody_is_told_of() {
    let fake = Arc::new(RecordingPublisher::new());
    let mut watch = Watch::new("{}", &[("webhook", &fake)]);
    watch.lookups = Some(Lookups::default());
    watch.tick().await;
    assert!(watch.lookups.as_ref().unwrap().asked.lock().unwrap().is_empty());
    // A slow service under no objectives, which waits for nobody, has nothing to look up either.
    watch.fleet.break_metric("application_latency", &names()[1], "2026-04-01T14:02:00Z", 6.0);
    watch.tick().await;
    assert_eq!(fake.taken().len(), 1);
    assert!(watch.lookups.as_ref().unwrap().asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn anomalies_of_a_service_are_told_as_one_if_that_is_asked_for() {
    let mut told = BTreeMap::new();
    for correlation in ["false", "true"] {
        let fake = Arc::new(RecordingPublisher::new());
        let document = format!(
            r#"{{{STRICT}, "detection": {{"opening": "residual"}},
                "alerting": {{"correlation": {{"enabled": {correlation},
                "primary_selection": "highest_severity"}}}}}}"#
        );
        let mut watch = Watch::new(&document, &[("webhook", &fake)]);
        // Two cycles: an objective that is broken is confirmed by the second one.
        watch.tick().await;
        watch.tick().await;
        told.insert(correlation, fake.taken());
    }
    let service = names()[1].to_string();
    let [apart, together] = ["false", "true"].map(|key| alert(&told[key], &service));
    assert!(apart.anomalies.len() >= 2, "{:?}", apart.anomalies.keys());
    let (_, primary) = together.anomalies.iter().next().expect("one entry");
    assert_eq!((together.anomalies.len(), together.anomaly_count), (1, 1));
    let correlation = primary.correlation.as_ref().expect("the others");
    assert_eq!(correlation.anomaly_count as usize, apart.anomalies.len());
    assert!(correlation.correlation_id.starts_with("corr_"));
    let ids = correlation.contributing_anomalies.iter().filter_map(|it| it.incident_id.as_ref());
    assert_eq!(ids.count(), apart.anomalies.len());
    assert!(primary.description.contains("correlated"), "{}", primary.description);
    assert!(primary.severity >= Severity::Critical);
}
