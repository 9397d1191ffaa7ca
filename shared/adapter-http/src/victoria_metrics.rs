//! A VictoriaMetrics server as metric source.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::config::valid;
use domain::limits::METRIC_RESPONSE_BYTES_MAX;
use pipeline::ports::{Health, MetricRead, MetricSource, RangeRequest, SourceError};

use crate::answer::{self, Answer, LabelledSeries, Merge};
use crate::query::{self, Chunk};
use crate::transport::{Failure, Transport};

/// The least patience with a range of more than a day.
const LONG_RANGE_TIMEOUT: Duration = Duration::from_secs(120);

/// Reads metrics with range queries.
///
/// After `failure_budget` failed requests nothing more is asked until a health check succeeds or
/// [`VictoriaMetrics::begin_run`] is called: a server that is down must not cost a cycle its time.
/// A query that the server refuses does not count: the server is well and other queries may work.
pub struct VictoriaMetrics {
    endpoint: String,
    /// The endpoint without a password, for messages.
    name: String,
    settings: valid::VictoriaMetrics,
    timeout: Duration,
    transport: Transport,
    failures: AtomicU32,
}

impl VictoriaMetrics {
    /// A source at `endpoint` (`https://host/path`, no trailing slash). Nothing is connected or
    /// read until the first request. The token, if any, is sent as bearer token and never shown.
    pub fn new(
        endpoint: &str,
        settings: &valid::VictoriaMetrics,
        token: Option<String>,
    ) -> VictoriaMetrics {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        VictoriaMetrics {
            name: redact(&endpoint),
            endpoint,
            settings: settings.clone(),
            timeout: Duration::from_secs(settings.timeout_s),
            transport: Transport::new(settings, token),
            failures: AtomicU32::new(0),
        }
    }

    /// Forgets the failures of the run before.
    pub fn begin_run(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    async fn read_chunk(
        &self,
        request: &RangeRequest<'_>,
        chunk: Chunk,
    ) -> Result<(Vec<LabelledSeries>, bool), SourceError> {
        let failures = self.failures.load(Ordering::Relaxed);
        if failures >= self.settings.failure_budget.max(1) {
            return Err(SourceError::BudgetSpent { source_name: self.name.clone(), failures });
        }
        let outcome = self.ask(request, chunk).await;
        if let Err(error) = &outcome
            && !matches!(error, SourceError::Refused { .. })
        {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        outcome
    }

    async fn ask(
        &self,
        request: &RangeRequest<'_>,
        chunk: Chunk,
    ) -> Result<(Vec<LabelledSeries>, bool), SourceError> {
        let address = format!("{}/api/v1/query_range", self.endpoint);
        let parameters = parameters(request, chunk, &self.settings.rate_window);
        let timeout = self.timeout_for(chunk);
        let metric = &request.metric.name;
        let body = self.transport.ask(&address, &parameters, timeout).await;
        let body = body.map_err(|failure| self.error_of(failure, timeout, metric))?;
        let answer = answer::decode(&body).map_err(|reason| self.bad_answer(metric, reason))?;
        match answer {
            Answer::Matrix { series, partial } => Ok((series, partial)),
            Answer::Refused(reason) => Err(self.refused(metric, reason)),
        }
    }

    fn timeout_for(&self, chunk: Chunk) -> Duration {
        if chunk.is_longer_than_a_day() {
            return self.timeout.max(LONG_RANGE_TIMEOUT);
        }
        self.timeout
    }

    fn error_of(&self, failure: Failure, timeout: Duration, metric: &str) -> SourceError {
        let source_name = self.name.clone();
        match failure {
            Failure::Unreachable(reason) => SourceError::Unreachable { source_name, reason },
            Failure::TimedOut => SourceError::TimedOut { source_name, seconds: timeout.as_secs() },
            Failure::BrokeOff(reason) => {
                let reason = format!("its answer broke off ({reason})");
                SourceError::Failing { source_name, reason }
            }
            Failure::TooLarge => {
                let reason = format!(
                    "it has more than {METRIC_RESPONSE_BYTES_MAX} bytes; \
                     lower victoria_metrics.chunk_days or read fewer services at once"
                );
                self.bad_answer(metric, reason)
            }
            Failure::Status { code, body } if is_refusal(code) => {
                self.refused(metric, status_text(code, &body))
            }
            Failure::Status { code, body } => {
                SourceError::Failing { source_name, reason: status_text(code, &body) }
            }
        }
    }

    fn refused(&self, metric: &str, reason: String) -> SourceError {
        let (source_name, metric) = (self.name.clone(), metric.to_owned());
        SourceError::Refused { source_name, metric, reason }
    }

    fn bad_answer(&self, metric: &str, reason: String) -> SourceError {
        let (source_name, metric) = (self.name.clone(), metric.to_owned());
        SourceError::BadAnswer { source_name, metric, reason }
    }
}

/// Neither the token nor a password in the address is shown.
impl std::fmt::Debug for VictoriaMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VictoriaMetrics({})", self.name)
    }
}

#[async_trait]
impl MetricSource for VictoriaMetrics {
    /// Asked once and not again: a server that needs a second try is not healthy. A healthy one is
    /// asked for metrics again, whatever failed before: a cycle begins with this check.
    async fn health(&self) -> Result<Health, SourceError> {
        let address = format!("{}/health", self.endpoint);
        let start = Instant::now();
        match self.transport.ask_once(&address, &[], self.timeout).await {
            Ok(_) => {
                self.begin_run();
                Ok(Health { latency: start.elapsed() })
            }
            Err(Failure::Status { code, body }) => {
                let reason = format!("its health check answers {}", status_text(code, &body));
                Err(SourceError::Failing { source_name: self.name.clone(), reason })
            }
            Err(failure) => Err(self.error_of(failure, self.timeout, "health")),
        }
    }

    async fn read(&self, request: &RangeRequest<'_>) -> Result<MetricRead, SourceError> {
        let mut merge = Merge::default();
        if request.services.is_some_and(<[_]>::is_empty) {
            return Ok(merge.finish());
        }
        for chunk in query::chunks(request, self.settings.chunk_days) {
            let (series, partial) = self.read_chunk(request, chunk).await?;
            merge.add(series, request);
            if partial {
                merge.note_partial(request);
            }
        }
        Ok(merge.finish())
    }

    fn lag_s(&self) -> i64 {
        self.settings.lag_s
    }

    fn describe(&self) -> String {
        self.name.clone()
    }
}

fn parameters(
    request: &RangeRequest<'_>,
    chunk: Chunk,
    rate_window: &str,
) -> Vec<(&'static str, String)> {
    let mut parameters = vec![
        ("query", query::expression(request.metric, rate_window)),
        ("start", chunk.start_s.to_string()),
        ("end", chunk.end_s.to_string()),
        ("step", request.step_s.max(1).to_string()),
    ];
    if let Some(services) = request.services {
        parameters.push(("extra_filters[]", query::service_filter(services)));
    }
    parameters
}

/// A client's error, except those that say "later".
fn is_refusal(code: u16) -> bool {
    (400..500).contains(&code) && code != 429 && code != 408
}

pub(crate) fn status_text(code: u16, body: &[u8]) -> String {
    let text = answer::error_text(body);
    match code {
        300..400 => format!("HTTP {code}, a redirect; use the address that it points to"),
        _ if text.is_empty() => format!("HTTP {code}"),
        _ => format!("HTTP {code}: {text}"),
    }
}

/// Takes user and password out of an address.
pub(crate) fn redact(endpoint: &str) -> String {
    let (scheme, rest) = endpoint.split_once("://").unwrap_or(("", endpoint));
    let authority_end = rest.find('/').unwrap_or(rest.len());
    let host_start = rest[..authority_end].rfind('@').map_or(0, |at| at + 1);
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}{}", &rest[host_start..])
}

#[cfg(test)]
#[path = "victoria_metrics_tests.rs"]
mod tests;
