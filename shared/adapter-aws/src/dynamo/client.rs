//! The SDK's client: towards DynamoDB, a server that speaks its protocol, or an engine inside.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Builder, Credentials};

use super::engine::{Engine, http_client};
use crate::AccessKey;
use crate::region::region_of_a_server;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A cycle has 100 seconds; one answer takes milliseconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
const ATTEMPTS: u32 = 3;

/// How to reach DynamoDB where the surroundings do not say so.
#[derive(Debug, Clone, Default)]
pub struct DynamoOptions {
    /// The address of a server that speaks the protocol of DynamoDB.
    pub endpoint: Option<String>,
    /// Without one: the SDK's own search, or `us-east-1` for a server of one's own.
    pub region: Option<String>,
    /// Without one: the SDK's own search.
    pub access_key: Option<AccessKey>,
}

/// A client that asks DynamoDB, or the server that the options name.
pub(crate) async fn connect(options: &DynamoOptions) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts);
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    } else if options.endpoint.is_some() {
        loader = loader.region(region_of_a_server());
    }
    if let Some(endpoint) = &options.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(key) = &options.access_key {
        let credentials = Credentials::new(&key.id, &key.secret, None, None, "configuration");
        loader = loader.credentials_provider(credentials);
    }
    Client::new(&loader.load().await)
}

/// A client that asks an engine inside the process: no network, no keys, no second attempt.
pub(crate) fn inside(engine: Arc<dyn Engine>) -> Client {
    let config = Builder::new()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("local"))
        .endpoint_url("http://inside")
        .credentials_provider(Credentials::new("local", "local", None, None, "inside"))
        .retry_config(RetryConfig::disabled())
        .http_client(http_client(engine))
        .build();
    Client::from_conf(config)
}
