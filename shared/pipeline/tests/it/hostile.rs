//! Names that no reader expects, from the source to everything that is written.

use std::sync::Arc;

use payload::alertmanager::alerts;
use payload::message::{Body, MessageKind};
use payload::sns::publication;
use payload::write_back::requests;
use pipeline::ports::incidents::IncidentStore;
use serde_json::{Value, json};
use testkit::RecordingPublisher;

use crate::fleet::{Fleet, NOON, at, config, names, service};
use crate::watch::Watch;

const SERVICE: &str = "a \"b\" {c}\\d/\u{2028}é'; --";
const METRIC: &str = "la\"te}n{cy\\ #1=,\u{1f4a5}";

fn document() -> Value {
    let metric = |name: &str, kind: &str| json!({ "name": name, "kind": kind, "query": "x" });
    json!({ "metrics": [
        metric("request_rate", "rate"), metric(METRIC, "latency"), metric("error_rate", "ratio"),
    ]})
}

/// The hostile service, slow in the last quarter of an hour before noon.
async fn watch(fake: &Arc<RecordingPublisher>) -> Watch {
    let mut watch = Watch::new("{}", &[("webhook", fake)]);
    let mut fleet = Fleet::untrained();
    fleet.config = config(&document().to_string());
    let (model, hostile, noon_s) = (&names()[1], service(SERVICE), at(NOON).timestamp());
    let same = |_: i64, value: f64| value;
    for name in ["request_rate", "error_rate"] {
        fleet.borrow((name, model), name, &hostile, same);
    }
    let slow = |time_s: i64, value: f64| if time_s > noon_s - 900 { value * 3.0 } else { value };
    fleet.borrow(("application_latency", model), METRIC, &hostile, slow);
    fleet.train().await.expect("a run");
    watch.fleet = fleet;
    watch
}

#[tokio::test]
async fn hostile_names_are_told_kept_and_written_as_they_are() {
    let fake = Arc::new(RecordingPublisher::new());
    let mut watch = watch(&fake).await;
    let cycle = watch.tick().await;
    assert_eq!(cycle.message, None);
    let taken = fake.taken();
    let alert = taken.iter().find(|it| it.service == SERVICE && it.kind == MessageKind::Anomaly);
    let alert = alert.unwrap_or_else(|| panic!("nobody was told: {cycle:#?}"));
    let body = alert.read_body().expect("a body");
    let Body::AnomalyDetected(it) = &body else { panic!("{body:?}") };
    assert_eq!(it.service_name, SERVICE);
    assert!(it.anomalies.values().any(|it| it.root_metric.as_deref() == Some(METRIC)), "{it:#?}");
    for alert in alerts(&body, 25) {
        assert_eq!(alert.labels["service"], SERVICE);
        assert!(!alert.labels.values().any(|it| it.contains(char::is_control)), "{alert:?}");
    }
    let made = publication(alert);
    assert_eq!(serde_json::from_str::<Value>(&made.payload).unwrap()["service_name"], SERVICE);
    let points = watch.points.empty();
    for line in requests(&points).concat().lines() {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        let labels = &line["metric"];
        let is_known = labels["service_name"] == SERVICE
            || names().iter().any(|it| labels["service_name"] == it.as_str());
        assert!(is_known, "{labels}");
    }
    assert!(points.iter().flat_map(|it| &it.metrics).any(|it| it.metric == METRIC));
    let heads = watch.store.heads(&[service(SERVICE)]).await.unwrap();
    assert_eq!(heads.len(), 1, "its incident is kept");
}

#[tokio::test]
async fn a_graph_that_goes_in_circles_is_followed_to_an_end() {
    let fake = Arc::new(RecordingPublisher::new());
    let [a, b, c] = [0, 1, 2].map(|index| names()[index].to_string());
    let graph = json!({ &a: [&b, "nobody"], &b: [&c, &a], &c: [&a, &b], "nobody": [&a] });
    let document = json!({ "dependencies": { "graph": graph } });
    let mut watch = Watch::new(&document.to_string(), &[("webhook", &fake)]);
    for name in names() {
        watch.fleet.break_metric("application_latency", &name, NOON, 3.0);
    }
    let cycle = watch.tick().await;
    assert_eq!(cycle.summary.anomalous, 3, "{cycle:#?}");
    assert_eq!(cycle.incidents.map(|it| it.not_committed), Some(0));
    let told: Vec<String> = fake.taken().into_iter().map(|it| it.service).collect();
    assert!(!told.is_empty(), "all of them are listed under each other, and nobody is told");
}
