//! A server with the instant queries of Prometheus, for the context of alerts.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use payload::enrichment::Labelled;
use pipeline::ports::InstantQuery;
use serde::Deserialize;

use crate::transport::{Failure, Transport};
use crate::victoria_metrics::{redact, status_text};

/// Attempts of a query: an alert waits for it.
const ATTEMPTS: u32 = 3;
const BACKOFF: Duration = Duration::from_millis(300);
const RETRY_STATUSES: [u16; 4] = [500, 502, 503, 504];
/// Values of an answer that are read.
const VALUES_MAX: usize = 1_000;

/// Asks `/api/v1/query`.
#[derive(Debug)]
pub struct Prometheus {
    endpoint: String,
    name: String,
    timeout: Duration,
    transport: Transport,
}

impl Prometheus {
    /// A server at `endpoint` (`https://host/path`). The token, if any, is sent as bearer token.
    pub fn new(endpoint: &str, timeout: Duration, token: Option<String>) -> Prometheus {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let transport = Transport::with(ATTEMPTS, BACKOFF, &RETRY_STATUSES, token);
        Prometheus { name: redact(&endpoint), endpoint, timeout, transport }
    }
}

#[async_trait]
impl InstantQuery for Prometheus {
    async fn query(&self, expression: &str, at: DateTime<Utc>) -> Result<Vec<Labelled>, String> {
        let address = format!("{}/api/v1/query", self.endpoint);
        let parameters = [("query", expression.to_owned()), ("time", at.timestamp().to_string())];
        let body = self.transport.ask(&address, &parameters, self.timeout).await;
        let body = body.map_err(|failure| format!("{}: {}", self.name, text(failure)))?;
        decode(&body).map_err(|reason| format!("{}: {reason}", self.name))
    }

    fn describe(&self) -> String {
        self.name.clone()
    }
}

fn text(failure: Failure) -> String {
    match failure {
        Failure::Unreachable(reason) => format!("cannot be reached ({reason})"),
        Failure::TimedOut => "took too long".to_owned(),
        Failure::BrokeOff(reason) => format!("broke off ({reason})"),
        Failure::TooLarge => "answered with too much".to_owned(),
        Failure::Status { code, body } => status_text(code, &body),
    }
}

/// The values of an instant vector; what is no number is left out.
fn decode(body: &[u8]) -> Result<Vec<Labelled>, String> {
    #[derive(Deserialize)]
    struct Document<'a> {
        #[serde(borrow)]
        status: Cow<'a, str>,
        error: Option<String>,
        data: Option<Data>,
    }
    #[derive(Deserialize)]
    struct Data {
        #[serde(rename = "resultType")]
        result_type: String,
        result: Vec<Item>,
    }
    #[derive(Deserialize)]
    struct Item {
        metric: BTreeMap<String, String>,
        value: (serde_json::Number, String),
    }
    let document: Document<'_> = serde_json::from_slice(body)
        .map_err(|error| format!("its answer is not understood: {error}"))?;
    if document.status != "success" {
        return Err(document.error.unwrap_or_else(|| "it refuses and does not say why".to_owned()));
    }
    let data = document.data.ok_or("its answer has no data")?;
    if data.result_type != "vector" {
        return Err(format!("it answers with a {}, not with a vector", data.result_type));
    }
    let value = |item: Item| {
        let value = item.value.1.parse().ok()?;
        Some(Labelled { labels: item.metric, value })
    };
    Ok(data.result.into_iter().take(VALUES_MAX).filter_map(value).collect())
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{method, path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    async fn asked(template: ResponseTemplate) -> Result<Vec<Labelled>, String> {
        let server = MockServer::start().await;
        let is_asked = Mock::given(method("GET")).and(path("/prometheus/api/v1/query"));
        let is_asked = is_asked.and(query_param("query", "up{a=\"b\"}"));
        let is_asked = is_asked.and(query_param("time", "1766485800"));
        is_asked.respond_with(template).mount(&server).await;
        let endpoint = format!("{}/prometheus/", server.uri());
        let client = Prometheus::new(&endpoint, Duration::from_secs(2), None);
        let at = DateTime::from_timestamp(1_766_485_800, 0).unwrap();
        let answer = client.query("up{a=\"b\"}", at).await;
        answer.map_err(|reason| reason.replace(&server.uri(), "http://server"))
    }

    fn answer(text: &str) -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_raw(text.as_bytes(), "application/json")
    }

    #[tokio::test]
    async fn values_come_with_their_labels() {
        let found = asked(answer(
            r#"{"status":"success","data":{"resultType":"vector","result":[
                {"metric":{"exception_type":"A\"b"},"value":[1766485800,"0.5"]},
                {"metric":{},"value":[1766485800.123,"NaN"]},
                {"metric":{},"value":[1766485800,"soon"]}]}}"#,
        ));
        let found = found.await.unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].labels["exception_type"].as_str(), found[0].value), ("A\"b", 0.5));
        assert!(found[1].value.is_nan());
    }

    #[tokio::test]
    async fn what_goes_wrong_is_said() {
        let wrong = [
            answer(r#"{"status":"error","error":"parse error"}"#),
            answer(r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#),
            answer("<html>"),
            ResponseTemplate::new(422).set_body_string(r#"{"error":"too many points"}"#),
            ResponseTemplate::new(503),
        ];
        let mut said = Vec::new();
        for template in wrong {
            said.push(asked(template).await.unwrap_err());
        }
        insta::assert_snapshot!(said.join("\n"), @r"
        http://server/prometheus: parse error
        http://server/prometheus: it answers with a matrix, not with a vector
        http://server/prometheus: its answer is not understood: expected value at line 1 column 1
        http://server/prometheus: HTTP 422: too many points
        http://server/prometheus: HTTP 503
        ");
    }
}
