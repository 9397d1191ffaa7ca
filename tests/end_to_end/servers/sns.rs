//! A real SNS and SQS protocol server (moto) in memory: topics, and queues that subscribe to them.

use adapter_aws::{AccessKey, SnsOptions, SnsTopic};
use anyhow::{Context, Result};
use domain::config::receivers::Topic;
use serde_json::{Value, json};

use super::moto::Moto;
use crate::http::Request;
use crate::stage::Stage;

const REGION: &str = "us-east-1";
/// The server's only account.
const ACCOUNT: &str = "123456789012";
/// Messages of one answer of a queue.
const MESSAGES_MAX: usize = 10;

#[derive(Debug)]
pub(crate) struct Sns(Moto);

impl Sns {
    pub(crate) fn start(stage: &Stage) -> Result<Self> {
        Ok(Self(Moto::start(stage)?))
    }

    pub(crate) fn url(&self) -> String {
        self.0.url()
    }

    pub(crate) fn arn(name: &str) -> String {
        format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}")
    }

    pub(crate) fn create_topic(&self, name: &str) -> Result<()> {
        let form = format!("Action=CreateTopic&Version=2010-03-31&Name={name}");
        self.ask("sns", "application/x-www-form-urlencoded", &form).map(drop)
    }

    /// A new queue that gets what the topic publishes, as far as the policy lets it through.
    pub(crate) fn subscribe(&self, topic: &str, queue: &str, policy: Option<&str>) -> Result<()> {
        self.queue("CreateQueue", &json!({ "QueueName": queue }))?;
        let mut form = format!(
            "Action=Subscribe&Version=2010-03-31&Protocol=sqs&TopicArn={}\
             &Endpoint=arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
            Self::arn(topic)
        );
        if let Some(policy) = policy {
            let encoded: String = policy.bytes().map(|byte| format!("%{byte:02X}")).collect();
            form += "&Attributes.entry.1.key=FilterPolicy&Attributes.entry.1.value=";
            form += &encoded;
        }
        self.ask("sns", "application/x-www-form-urlencoded", &form).map(drop)
    }

    /// Takes all that waits in a queue: notifications as SNS wraps them.
    pub(crate) fn take(&self, queue: &str) -> Result<Vec<Value>> {
        let url = format!("{}/{ACCOUNT}/{queue}", self.url());
        let ask = json!({ "QueueUrl": url, "MaxNumberOfMessages": MESSAGES_MAX });
        let mut taken = Vec::new();
        loop {
            let answer = self.queue("ReceiveMessage", &ask)?;
            let Some(messages) = answer["Messages"].as_array() else { return Ok(taken) };
            for message in messages {
                let body = message["Body"].as_str().context("a message without a body")?;
                taken.push(serde_json::from_str(body)?);
            }
        }
    }

    /// The adapter, in front of a topic of this server.
    pub(crate) fn receiver(&self, topic: &str) -> SnsTopic {
        let topic = Topic { arn: Self::arn(topic), region: REGION.to_owned() };
        let key = AccessKey { id: "test".to_owned(), secret: "test".to_owned() };
        let options = SnsOptions { endpoint: Some(self.url()), access_key: Some(key) };
        SnsTopic::new(&topic, options)
    }

    fn queue(&self, action: &str, ask: &Value) -> Result<Value> {
        let target = format!("AmazonSQS.{action}");
        let signed = Moto::signed("sqs");
        let headers = [
            ("Authorization", signed.as_str()),
            ("Content-Type", "application/x-amz-json-1.0"),
            ("X-Amz-Target", target.as_str()),
        ];
        let body = ask.to_string();
        let request = Request { headers: &headers, ..Request::post("/", body.as_bytes()) };
        request.send(self.0.port)?.ok(action)?.json()
    }

    fn ask(&self, service: &str, content_type: &str, form: &str) -> Result<String> {
        let signed = Moto::signed(service);
        let headers = [("Authorization", signed.as_str()), ("Content-Type", content_type)];
        let request = Request { headers: &headers, ..Request::post("/", form.as_bytes()) };
        Ok(request.send(self.0.port)?.ok(form)?.text())
    }
}
