//! The topic against a server that misbehaves.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::config::receivers::Topic;
use payload::message::Message;
use pipeline::ports::{Outcome, Publisher};
use testkit::conformance::{Behaviour, ReceiverBench, has_poison, publisher, resolution};
use tokio::net::TcpListener;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::{AccessKey, SnsOptions, SnsTopic};

const PATIENCE: Duration = Duration::from_millis(300);
const TAKEN: &str = "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult>\
                     </PublishResponse>";

fn topic(url: &str, name: &str) -> SnsTopic {
    let arn = format!("arn:aws:sns:eu-west-1:123456789012:{name}");
    let topic = Topic { arn, region: "eu-west-1".to_owned() };
    let access_key = Some(AccessKey { id: "test".to_owned(), secret: "s3cret".to_owned() });
    let options = SnsOptions { endpoint: Some(url.to_owned()), access_key };
    SnsTopic::new(&topic, options).hurry(PATIENCE)
}

fn refusal(status: u16, code: &str, text: &str) -> ResponseTemplate {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{text}</Message>\
         </Error></ErrorResponse>"
    );
    ResponseTemplate::new(status).set_body_string(body)
}

/// A server that does one thing to every request.
struct Misbehaving(Behaviour);

impl Respond for Misbehaving {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let taken = || ResponseTemplate::new(200).set_body_string(TAKEN);
        match self.0 {
            Behaviour::Takes | Behaviour::Drops => taken(),
            Behaviour::Fails => refusal(500, "InternalError", "out of order"),
            Behaviour::Busy { seconds } => refusal(429, "Throttled", "too many")
                .insert_header("Retry-After", seconds.to_string()),
            Behaviour::Hangs => taken().set_delay(PATIENCE * 20),
            Behaviour::RefusesPoison if has_poison(&String::from_utf8_lossy(&request.body)) => {
                refusal(400, "InvalidParameter", "Invalid parameter: Message")
            }
            Behaviour::RefusesPoison => taken(),
            Behaviour::Unknown => ResponseTemplate::new(401),
            Behaviour::RedirectsAway => {
                ResponseTemplate::new(307).insert_header("Location", "http://elsewhere.invalid/api")
            }
        }
    }
}

#[derive(Default)]
struct Bench(Mutex<Option<Arc<MockServer>>>);

#[async_trait]
impl ReceiverBench for Bench {
    async fn publisher(&self, behaviour: Behaviour) -> Arc<dyn Publisher> {
        if behaviour == Behaviour::Drops {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move { while listener.accept().await.is_ok() {} });
            return Arc::new(topic(&format!("http://{address}"), "alerts"));
        }
        let server = MockServer::start().await;
        Mock::given(method("POST")).respond_with(Misbehaving(behaviour)).mount(&server).await;
        let publisher = topic(&server.uri(), "alerts");
        *self.0.lock().unwrap() = Some(Arc::new(server));
        Arc::new(publisher)
    }

    async fn received(&self) -> Vec<String> {
        let server = self.0.lock().unwrap().clone().expect("a server was started");
        let requests = server.received_requests().await.unwrap();
        let payloads = requests.iter().map(|it| field(&it.body, "Message"));
        payloads.filter(|body| !has_poison(body)).collect()
    }
}

/// A field of a form.
fn field(form: &[u8], name: &str) -> String {
    let form = String::from_utf8_lossy(form).into_owned();
    let fields = form.split('&').filter_map(|field| field.split_once('='));
    let (_, value) = fields.into_iter().find(|(it, _)| *it == name).unwrap_or_default();
    let mut bytes = value.bytes();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(plain).unwrap()
}

#[tokio::test]
async fn a_topic_is_a_receiver() {
    publisher(&Bench::default()).await;
    let described = topic("http://127.0.0.1:1", "alerts").describe();
    assert_eq!(described, "the SNS topic arn:aws:sns:eu-west-1:123456789012:alerts");
    assert!(!format!("{:?}", topic("http://127.0.0.1:1", "alerts")).contains("s3cret"));
}

#[tokio::test]
async fn what_is_published_can_be_filtered() {
    let server = MockServer::start().await;
    let taken = ResponseTemplate::new(200).set_body_string(TAKEN);
    Mock::given(method("POST")).respond_with(taken).mount(&server).await;
    let message = resolution(1);
    for name in ["alerts", "alerts.fifo"] {
        let sent = topic(&server.uri(), name).send(std::slice::from_ref(&message)).await;
        assert_eq!(sent, [Outcome::Delivered]);
    }
    let requests = server.received_requests().await.unwrap();
    let [plain, fifo] = [0, 1].map(|index| requests[index].body.clone());
    assert_eq!(field(&plain, "Message"), message.body);
    assert_eq!(field(&plain, "TopicArn"), "arn:aws:sns:eu-west-1:123456789012:alerts");
    let form = String::from_utf8_lossy(&plain).into_owned();
    for (name, value) in [("kind", "resolution"), ("service", "service-1"), ("severity", "low")] {
        assert!(form.contains(&format!("Name={name}&")), "{name} is missing: {form}");
        assert!(form.contains(&format!("StringValue={value}")), "{value} is missing: {form}");
    }
    assert_eq!(field(&plain, "MessageDeduplicationId"), "");
    assert_eq!(field(&fifo, "MessageDeduplicationId"), message.id);
    assert_eq!(field(&fifo, "MessageGroupId").len(), 24);
}

/// `true`: worth trying again.
async fn is_retried(status: u16, code: &str, text: &str) -> bool {
    let server = MockServer::start().await;
    let response = refusal(status, code, text);
    Mock::given(method("POST")).respond_with(response).mount(&server).await;
    let batch: [Message; 1] = [resolution(1)];
    match &topic(&server.uri(), "alerts").send(&batch).await[..] {
        [Outcome::Retry { .. }] => true,
        [Outcome::Refused { reason }] => {
            assert!(reason.contains(text), "{reason}");
            false
        }
        other => panic!("{code}: {other:?}"),
    }
}

#[tokio::test]
async fn only_what_is_wrong_with_the_message_is_final() {
    for (status, code, text) in [
        (403, "AuthorizationError", "not authorized to perform SNS:Publish"),
        (404, "NotFound", "Topic does not exist"),
        (400, "InvalidParameter", "Invalid parameter: TopicArn"),
        (400, "KMSAccessDenied", "no access to the key"),
        (400, "KMSThrottling", "slow down"),
        (400, "Throttling", "Rate exceeded"),
        (503, "ServiceUnavailable", "later"),
    ] {
        assert!(is_retried(status, code, text).await, "{code}");
    }
    for (status, code, text) in [
        (400, "InvalidParameter", "Invalid parameter: Message too long"),
        (400, "InvalidParameterValue", "invalid characters in the message"),
        (400, "Strange", "unheard of"),
    ] {
        assert!(!is_retried(status, code, text).await, "{code}");
    }
}
