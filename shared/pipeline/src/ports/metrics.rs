//! Where metrics come from.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use domain::{MetricDefinition, Series, ServiceName};

/// Where metrics come from.
#[async_trait]
pub trait MetricSource: Send + Sync {
    /// Asks the source whether it can be read at all.
    async fn health(&self) -> Result<Health, SourceError>;

    /// Reads one metric of all (or the named) services. A service without a sample in the range
    /// is not in the answer; an empty answer is a success and not an error.
    async fn read(&self, request: &RangeRequest<'_>) -> Result<MetricRead, SourceError>;

    /// Seconds by which the newest samples of this source lag behind the clock.
    fn lag_s(&self) -> i64;

    /// What the source is, for messages: an address or a path.
    fn describe(&self) -> String;
}

/// One metric over one range of time.
#[derive(Debug, Clone, Copy)]
pub struct RangeRequest<'a> {
    pub metric: &'a MetricDefinition,
    /// Exclusive, epoch seconds.
    pub after_s: i64,
    /// Inclusive, epoch seconds.
    pub until_s: i64,
    /// Resolution to ask for. A source of raw samples may answer with finer ones.
    pub step_s: i64,
    /// `None` for every service.
    pub services: Option<&'a [ServiceName]>,
}

/// The answer to a [`RangeRequest`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricRead {
    pub series: BTreeMap<ServiceName, Series>,
    /// What was left out and why, for people.
    pub warnings: Vec<String>,
}

/// A source that answered its health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    pub latency: Duration,
}

/// Why metrics could not be read. Each text says what, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error("{source_name} cannot be reached: {reason}; check the address and the network")]
    Unreachable { source_name: String, reason: String },
    #[error(
        "{source_name} did not answer within {seconds} s; raise victoria_metrics.timeout_seconds or look at its load"
    )]
    TimedOut { source_name: String, seconds: u64 },
    #[error("{source_name} refused the query of {metric}: {reason}")]
    Refused { source_name: String, metric: String, reason: String },
    #[error("{source_name} is failing: {reason}")]
    Failing { source_name: String, reason: String },
    #[error("the answer of {source_name} for {metric} cannot be read: {reason}")]
    BadAnswer { source_name: String, metric: String, reason: String },
    #[error("{source_name} was not asked any more: {failures} requests of this run had failed")]
    BudgetSpent { source_name: String, failures: u32 },
    #[error("{source_name} had not answered yet when the cycle's time for reading was over")]
    CutOff { source_name: String },
    #[error("the recording {path} cannot be read: {reason}")]
    BadRecording { path: String, reason: String },
}
