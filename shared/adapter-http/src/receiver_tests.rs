//! Every receiver against a server that misbehaves.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::config::receivers::{BodyFormat, Delivery};
use payload::message::Message;
use payload::write_back::ServicePoint;
use pipeline::ports::{Outcome, Publisher, ScoreSink};
use testkit::FixedClock;
use testkit::conformance::{Behaviour, ReceiverBench, has_poison, publisher, resolution};
use tokio::net::TcpListener;
use wiremock::matchers::{header, header_exists, method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::{Alertmanager, ObservabilityApi, Webhook, WriteBack};

const PATIENCE: Duration = Duration::from_millis(200);
const SECRET: &str = "s3cret";

fn observability(url: &str, body_format: BodyFormat) -> Arc<dyn Publisher> {
    let settings = domain::config::receivers::ObservabilityApi {
        body_format,
        ..Delivery::default().observability
    };
    Arc::new(ObservabilityApi::new(url, &settings, Some(SECRET)).hurry(PATIENCE))
}

fn alertmanager(url: &str) -> Arc<dyn Publisher> {
    let settings = Delivery::default().alertmanager;
    Arc::new(Alertmanager::new(url, &settings, Some(SECRET)).hurry(PATIENCE))
}

fn webhook(url: &str) -> Arc<dyn Publisher> {
    let clock = Arc::new(FixedClock::at_epoch_s(1_766_485_800));
    let settings = Delivery::default().webhook;
    Arc::new(Webhook::new(url, &settings, Some(SECRET), clock).hurry(PATIENCE))
}

/// A server that does one thing to every POST.
struct Misbehaving(Behaviour);

impl Respond for Misbehaving {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body = String::from_utf8_lossy(&request.body);
        match self.0 {
            Behaviour::Takes | Behaviour::Drops => ResponseTemplate::new(200),
            Behaviour::Fails => ResponseTemplate::new(500).set_body_string("out of order"),
            Behaviour::Busy { seconds } => {
                ResponseTemplate::new(429).insert_header("Retry-After", seconds.to_string())
            }
            Behaviour::Hangs => ResponseTemplate::new(200).set_delay(PATIENCE * 20),
            Behaviour::RefusesPoison if has_poison(&body) => {
                ResponseTemplate::new(400).set_body_string("bad\nmessage")
            }
            Behaviour::RefusesPoison => ResponseTemplate::new(200),
            Behaviour::Unknown => ResponseTemplate::new(401),
            Behaviour::RedirectsAway => {
                ResponseTemplate::new(307).insert_header("Location", "http://elsewhere.invalid/api")
            }
        }
    }
}

struct Bench {
    make: fn(&str) -> Arc<dyn Publisher>,
    server: Mutex<Option<Arc<MockServer>>>,
}

#[async_trait]
impl ReceiverBench for Bench {
    async fn publisher(&self, behaviour: Behaviour) -> Arc<dyn Publisher> {
        if behaviour == Behaviour::Drops {
            return (self.make)(&dropping().await);
        }
        let server = MockServer::start().await;
        Mock::given(method("POST")).respond_with(Misbehaving(behaviour)).mount(&server).await;
        let publisher = (self.make)(&server.uri());
        *self.server.lock().unwrap() = Some(Arc::new(server));
        publisher
    }

    async fn received(&self) -> Vec<String> {
        let server = self.server.lock().unwrap().clone().expect("a server was started");
        let requests = server.received_requests().await.unwrap();
        let bodies = requests.iter().map(|it| String::from_utf8_lossy(&it.body).into_owned());
        bodies.filter(|body| !has_poison(body)).collect()
    }
}

/// The address of a server that hangs up on everybody.
async fn dropping() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    format!("http://{address}")
}

async fn check(make: fn(&str) -> Arc<dyn Publisher>) {
    publisher(&Bench { make, server: Mutex::new(None) }).await;
    let described = make("https://user:pass@alerts.example.com/T0/hidden").describe();
    assert!(described.contains("https://alerts.example.com"), "{described}");
    for secret in ["pass", "hidden", SECRET] {
        assert!(!described.contains(secret), "{described}");
    }
}

#[tokio::test]
async fn the_observability_server_is_a_receiver() {
    check(|url| observability(url, BodyFormat::Array)).await;
    check(|url| observability(url, BodyFormat::Envelope)).await;
}

#[tokio::test]
async fn an_alertmanager_is_a_receiver() {
    check(alertmanager).await;
}

#[tokio::test]
async fn a_webhook_is_a_receiver() {
    check(webhook).await;
}

#[tokio::test]
async fn a_batch_of_the_observability_server_is_as_documented() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/api/incidents/resolve"))
        .and(header("authorization", "Bearer s3cret"))
        .and(header("x-schema-version", "3.0.0"))
        .and(header("idempotency-key", resolution(1).id.as_str()))
        .respond_with(ResponseTemplate::new(202))
        .expect(2)
        .mount(&server)
        .await;
    for (format, body) in [
        (BodyFormat::Array, format!("[{}]", resolution(1).body)),
        (
            BodyFormat::Envelope,
            format!("{{\"resolutions\":[{}],\"schema_version\":\"3.0.0\"}}", resolution(1).body),
        ),
    ] {
        let sent = observability(&server.uri(), format).send(&[resolution(1)]).await;
        assert_eq!(sent, [Outcome::Delivered]);
        let requests = server.received_requests().await.unwrap();
        assert_eq!(String::from_utf8_lossy(&requests.last().unwrap().body), body);
    }
}

#[tokio::test]
async fn a_partial_failure_is_tried_again_in_part_where_the_server_says_which() {
    let whole = r#"{"success":false,"processed_count":1,"failed_count":1,"errors":["no"]}"#;
    let named = r#"{"success":false,"failed_count":1,"errors":[{"index":1,"message":"no room"}]}"#;
    let lying = r#"{"success":true,"failed_count":1,"errors":[{"index":9}]}"#;
    for (answer, retried) in [
        (whole, vec![0, 1]),
        (named, vec![1]),
        (lying, vec![0, 1]),
        (r#"{"success":true,"processed_count":2,"failed_count":0}"#, vec![]),
        ("thank you", vec![]),
        ("", vec![]),
    ] {
        let server = MockServer::start().await;
        let response = ResponseTemplate::new(200).set_body_string(answer);
        Mock::given(method("POST")).respond_with(response).mount(&server).await;
        let receiver = observability(&server.uri(), BodyFormat::Array);
        let sent = receiver.send(&[resolution(1), resolution(2)]).await;
        let is_retry = |it: &Outcome| matches!(it, Outcome::Retry { .. });
        let found: Vec<usize> = (0..2).filter(|index| is_retry(&sent[*index])).collect();
        assert_eq!(found, retried, "{answer}");
    }
}

#[tokio::test]
async fn failures_are_tried_three_times_more_and_refusals_once() {
    for (status, tries) in [(500, 4), (503, 4), (408, 4), (401, 1), (404, 1), (422, 1)] {
        let server = MockServer::start().await;
        let response = ResponseTemplate::new(status);
        Mock::given(method("POST")).respond_with(response).mount(&server).await;
        alertmanager(&server.uri()).send(&[resolution(1)]).await;
        assert_eq!(server.received_requests().await.unwrap().len(), tries, "HTTP {status}");
    }
}

#[tokio::test]
async fn a_redirect_on_the_same_host_keeps_method_and_body() {
    let server = MockServer::start().await;
    let moved = ResponseTemplate::new(301).insert_header("Location", "/new");
    Mock::given(path("/old")).respond_with(moved).expect(1).mount(&server).await;
    let response = ResponseTemplate::new(200);
    Mock::given(method("POST"))
        .and(path("/new"))
        .respond_with(response)
        .expect(1)
        .mount(&server)
        .await;
    let sent = webhook(&format!("{}/old", server.uri())).send(&[resolution(1)]).await;
    assert_eq!(sent, [Outcome::Delivered]);
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[1].body, resolution(1).body.into_bytes());
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect_to_another_port() {
    let (server, other) = (MockServer::start().await, MockServer::start().await);
    let moved = ResponseTemplate::new(307).insert_header("Location", other.uri());
    Mock::given(method("POST")).respond_with(moved).expect(1).mount(&server).await;
    let sent = alertmanager(&server.uri()).send(&[resolution(1)]).await;
    let [Outcome::Refused { reason }] = &sent[..] else { panic!("{sent:?}") };
    assert!(reason.contains(&format!("to {}, which was not asked for", other.uri())), "{reason}");
    assert_eq!(other.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_webhook_is_signed_and_an_unreadable_message_is_refused() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(header("x-yaga-timestamp", "1766485800"))
        .and(header("x-yaga-kind", "resolution"))
        .and(header_exists("x-yaga-signature"))
        .and(header("idempotency-key", resolution(1).id.as_str()))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    assert_eq!(webhook(&server.uri()).send(&[resolution(1)]).await, [Outcome::Delivered]);
    let strange = Message { body: "{\"alert_type\":\"sonnet\"}".to_owned(), ..resolution(2) };
    let sent = alertmanager(&server.uri()).send(&[strange]).await;
    assert!(matches!(sent[..], [Outcome::Refused { .. }]), "{sent:?}");
}

#[tokio::test]
async fn scores_are_imported_and_a_failure_is_told() {
    let point = ServicePoint {
        service: "booking".to_owned(),
        at_ms: 1_766_485_800_000,
        score: Some(2.5),
        incident: None,
        metrics: Vec::new(),
    };
    let server = MockServer::start().await;
    let import = Mock::given(method("POST")).and(path("/api/v1/import"));
    import.respond_with(ResponseTemplate::new(204)).expect(1).mount(&server).await;
    let sink = WriteBack::new(&server.uri(), None).hurry(PATIENCE);
    assert_eq!(sink.write(&[]).await, Ok(()));
    assert_eq!(sink.write(std::slice::from_ref(&point)).await, Ok(()));
    let lost = WriteBack::new(&dropping().await, None).hurry(PATIENCE);
    assert!(lost.write(&[point]).await.is_err());
}
