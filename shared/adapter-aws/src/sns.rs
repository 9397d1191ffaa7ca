//! A topic of Amazon SNS as receiver: one publication a message.
//!
//! What is published, and what subscribers can filter by, is made in `payload::sns`. A topic that
//! cannot be found, or that does not know the caller, is no fault of the message: that is worth
//! trying later, when somebody has corrected the setting.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_sns::Client;
use aws_sdk_sns::config::Credentials;
use aws_sdk_sns::config::http::HttpResponse;
use aws_sdk_sns::error::SdkError;
use aws_sdk_sns::operation::publish::PublishError;
use aws_sdk_sns::types::MessageAttributeValue;
use domain::config::receivers::Topic;
use futures_util::StreamExt;
use payload::message::{Message, MessageKind, message_id};
use payload::sns::publication;
use payload::text::cut;
use pipeline::ports::{Outcome, Publisher};
use tokio::sync::OnceCell;

use crate::AccessKey;
use crate::fault::Fault;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// As for the other receivers.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPTS: u32 = 4;
/// Publications at once: each is one request.
const AT_ONCE: usize = 8;
/// The longest wait that may be asked for.
const RETRY_AFTER_S_MAX: u64 = 60;
const REASON_CHARS_MAX: usize = 300;

/// Codes that speak of the topic, its key or the caller, and not of the message.
const NOT_THE_MESSAGE: &[&str] = &[
    "AuthorizationError",
    "EndpointDisabled",
    "ExpiredToken",
    "InvalidClientTokenId",
    "KMSAccessDenied",
    "KMSDisabled",
    "KMSInvalidState",
    "KMSNotFound",
    "KMSOptInRequired",
    "MissingAuthenticationToken",
    "NotFound",
    "SignatureDoesNotMatch",
];
/// Codes of requests that were refused because there are too many.
const BUSY: &[&str] = &["KMSThrottling", "Throttled", "ThrottledException", "Throttling"];

/// How to reach SNS where the surroundings do not say so.
#[derive(Debug, Clone, Default)]
pub struct SnsOptions {
    /// The address of a server that speaks the protocol of SNS.
    pub endpoint: Option<String>,
    /// Without one: the SDK's own search.
    pub access_key: Option<AccessKey>,
}

/// Publishes to `sns.topic_arn`.
pub struct SnsTopic {
    topic: Topic,
    options: SnsOptions,
    attempt_timeout: Duration,
    attempts: u32,
    /// Built when it is first used, so that a start needs no network.
    client: OnceCell<Client>,
}

impl SnsTopic {
    /// A topic, in the region that its ARN names. Nothing is connected yet.
    pub fn new(topic: &Topic, options: SnsOptions) -> SnsTopic {
        SnsTopic {
            topic: topic.clone(),
            options,
            attempt_timeout: ATTEMPT_TIMEOUT,
            attempts: ATTEMPTS,
            client: OnceCell::new(),
        }
    }

    #[cfg(test)]
    pub(crate) fn hurry(self, attempt_timeout: Duration) -> SnsTopic {
        SnsTopic { attempt_timeout, attempts: 1, ..self }
    }

    async fn client(&self) -> &Client {
        self.client.get_or_init(|| self.connect()).await
    }

    async fn connect(&self) -> Client {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(self.attempt_timeout)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::new(self.topic.region.clone()))
            .retry_config(RetryConfig::standard().with_max_attempts(self.attempts))
            .timeout_config(timeouts);
        if let Some(endpoint) = &self.options.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(key) = &self.options.access_key {
            let credentials = Credentials::new(&key.id, &key.secret, None, None, "configuration");
            loader = loader.credentials_provider(credentials);
        }
        Client::new(&loader.load().await)
    }

    async fn publish(&self, message: &Message) -> Outcome {
        let made = publication(message);
        let mut request =
            self.client().await.publish().topic_arn(&self.topic.arn).message(made.payload);
        for (name, value) in made.attributes {
            let value =
                MessageAttributeValue::builder().data_type("String").string_value(value).build();
            let Ok(value) = value else { continue };
            request = request.message_attributes(name, value);
        }
        if self.topic.arn.ends_with(".fifo") {
            // Such a topic keeps the order of a service, and drops what comes twice.
            request = request
                .message_group_id(message_id(&message.service, 0, "group"))
                .message_deduplication_id(&message.id);
        }
        match request.send().await {
            Ok(_) => Outcome::Delivered,
            Err(error) => outcome(&error),
        }
    }
}

#[async_trait]
impl Publisher for SnsTopic {
    async fn send(&self, batch: &[Message]) -> Vec<Outcome> {
        let sent: Vec<_> = batch.iter().map(|message| self.publish(message)).collect();
        futures_util::stream::iter(sent).buffered(AT_ONCE).collect().await
    }

    fn takes(&self, _kind: MessageKind) -> bool {
        true
    }

    fn describe(&self) -> String {
        format!("the SNS topic {}", self.topic.arn)
    }
}

impl fmt::Debug for SnsTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SnsTopic({})", self.topic.arn)
    }
}

/// What an error means for the message.
fn outcome(error: &SdkError<PublishError, HttpResponse>) -> Outcome {
    let Fault { status, code, reason } = Fault::of(error);
    let reason = cut(&reason, REASON_CHARS_MAX);
    let is_the_topic = code.starts_with("InvalidParameter") && reason.contains("TopicArn");
    match (status, code.as_str()) {
        (None, _) => Outcome::Retry { after: None, reason },
        (Some(408 | 429 | 500..=599), _) => Outcome::Retry { after: retry_after(error), reason },
        (_, code) if BUSY.contains(&code) => Outcome::Retry { after: None, reason },
        (Some(401 | 403 | 404), _) => not_the_message(&reason),
        (_, code) if is_the_topic || NOT_THE_MESSAGE.contains(&code) => not_the_message(&reason),
        _ => Outcome::Refused { reason },
    }
}

fn not_the_message(reason: &str) -> Outcome {
    let reason = format!("{reason}; check the topic, its key and who may publish to it");
    Outcome::Retry { after: None, reason }
}

fn retry_after(error: &SdkError<PublishError, HttpResponse>) -> Option<Duration> {
    let header = error.raw_response()?.headers().get("retry-after")?;
    let seconds: u64 = header.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(RETRY_AFTER_S_MAX)))
}
