//! A DynamoDB inside the process: the SDK's requests go to it instead of a socket.
//!
//! The adapter stays the same to the last byte: what differs is who answers. Invariant: nothing
//! leaves the process.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;

/// The header that names the operation, after the version of the protocol and a dot.
const TARGET: &str = "x-amz-target";
const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// Something that speaks DynamoDB's JSON protocol without a network.
#[async_trait]
pub trait Engine: Send + Sync + fmt::Debug {
    /// Answers one operation, such as `GetItem`, asked in JSON.
    async fn answer(&self, operation: &str, body: &str) -> Reply;

    /// What the engine works on, for messages: a path.
    fn describe(&self) -> String;
}

/// The answer of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// As in HTTP: 200, 400 or 500.
    pub status: u16,
    /// JSON.
    pub body: String,
}

/// The client of the SDK that asks `engine`.
pub(crate) fn http_client(engine: Arc<dyn Engine>) -> SharedHttpClient {
    SharedHttpClient::new(Connector(engine))
}

#[derive(Debug, Clone)]
struct Connector(Arc<dyn Engine>);

impl HttpClient for Connector {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Connector(engine) = self.clone();
        HttpConnectorFuture::new(async move {
            let target = request.headers().get(TARGET).unwrap_or_default();
            let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
            let bytes = request.body().bytes().unwrap_or_default();
            let body = String::from_utf8_lossy(bytes).into_owned();
            respond(engine.answer(&operation, &body).await)
        })
    }
}

fn respond(reply: Reply) -> Result<HttpResponse, ConnectorError> {
    let status = reply.status.try_into().map_err(|_| {
        ConnectorError::other(format!("{} is no status", reply.status).into(), None)
    })?;
    let mut response = HttpResponse::new(status, reply.body.into());
    response.headers_mut().insert("content-type", CONTENT_TYPE);
    Ok(response)
}
