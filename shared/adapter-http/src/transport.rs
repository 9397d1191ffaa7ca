//! How a metric source is asked: one client, one layer of retries, bounded answers.
//!
//! Reads change nothing, so a request without a complete answer may be sent again. A refusal
//! (4xx) is final: the same question would get the same answer.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::OnceLock;
use std::time::Duration;

use domain::config::valid;
use domain::limits::METRIC_RESPONSE_BYTES_MAX;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};

const BACKOFF_MAX: Duration = Duration::from_secs(3);
/// Longer questions are sent as a form: servers and proxies limit the length of an address.
const ADDRESS_BYTES_MAX: usize = 4_000;
const IDLE_CONNECTIONS_MAX: usize = 20;

/// Sends questions and brings back complete bodies.
pub(crate) struct Transport {
    /// Built when it is first used: loading certificates takes milliseconds of a cold start.
    client: OnceLock<Result<Client, String>>,
    token: Option<String>,
    attempts: u32,
    backoff: Duration,
    retry_statuses: Vec<u16>,
    bytes_max: usize,
}

/// Why there is no usable body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    Unreachable(String),
    TimedOut,
    BrokeOff(String),
    Status { code: u16, body: Vec<u8> },
    TooLarge,
}

impl Transport {
    pub(crate) fn new(settings: &valid::VictoriaMetrics, token: Option<String>) -> Transport {
        let backoff = Duration::from_millis(settings.retry_backoff_ms);
        Transport::with(settings.attempts, backoff, &settings.retry_statuses, token)
    }

    /// So many attempts, the first one included; the waits between them double.
    pub(crate) fn with(
        attempts: u32,
        backoff: Duration,
        retry_statuses: &[u16],
        token: Option<String>,
    ) -> Transport {
        Transport {
            client: OnceLock::new(),
            token,
            attempts: attempts.max(1),
            backoff,
            retry_statuses: retry_statuses.to_vec(),
            bytes_max: METRIC_RESPONSE_BYTES_MAX,
        }
    }

    /// Asks, and asks again while that may help. The timeout is that of each attempt.
    pub(crate) async fn ask(
        &self,
        address: &str,
        parameters: &[(&str, String)],
        timeout: Duration,
    ) -> Result<Vec<u8>, Failure> {
        let mut attempt = 1;
        loop {
            match self.ask_once(address, parameters, timeout).await {
                Err(failure) if attempt < self.attempts && self.may_pass(&failure) => {
                    let wait = full_jitter(ceiling(self.backoff, attempt), random());
                    tracing::debug!(
                        attempt,
                        ?wait,
                        ?failure,
                        "metric request failed, asking again"
                    );
                    tokio::time::sleep(wait).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Asks once.
    pub(crate) async fn ask_once(
        &self,
        address: &str,
        parameters: &[(&str, String)],
        timeout: Duration,
    ) -> Result<Vec<u8>, Failure> {
        let client = self.client.get_or_init(|| build_client(Policy::none())).as_ref();
        let client = client.map_err(|reason| Failure::Unreachable(reason.clone()))?;
        let mut request = question(client, address, parameters)?.timeout(timeout);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.map_err(|error| failure_of(error, true))?;
        let status = response.status();
        let body = self.body_of(response).await?;
        if status == StatusCode::OK {
            return Ok(body);
        }
        Err(Failure::Status { code: status.as_u16(), body })
    }

    async fn body_of(&self, mut response: Response) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| failure_of(error, false))? {
            if body.len() + part.len() > self.bytes_max {
                return Err(Failure::TooLarge);
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }

    #[cfg(test)]
    pub(crate) fn set_bytes_max(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    fn may_pass(&self, failure: &Failure) -> bool {
        match failure {
            Failure::Status { code, .. } => *code == 429 || self.retry_statuses.contains(code),
            Failure::Unreachable(_) | Failure::TimedOut | Failure::BrokeOff(_) => true,
            Failure::TooLarge => false,
        }
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").field("attempts", &self.attempts).finish_non_exhaustive()
    }
}

pub(crate) fn build_client(redirects: Policy) -> Result<Client, String> {
    Client::builder()
        .user_agent(concat!("yaga/", env!("CARGO_PKG_VERSION")))
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .redirect(redirects)
        .build()
        .map_err(|error| innermost(&error))
}

fn question(
    client: &Client,
    address: &str,
    parameters: &[(&str, String)],
) -> Result<RequestBuilder, Failure> {
    let plain = Url::parse(address).map_err(|error| Failure::Unreachable(error.to_string()))?;
    if parameters.is_empty() {
        return Ok(client.get(plain));
    }
    let mut whole = plain.clone();
    whole.query_pairs_mut().extend_pairs(parameters);
    if whole.as_str().len() <= ADDRESS_BYTES_MAX {
        return Ok(client.get(whole));
    }
    let form = whole.query().unwrap_or_default().to_owned();
    Ok(client.post(plain).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form))
}

/// The error's address is left out: it may hold a password.
fn failure_of(error: reqwest::Error, before_answer: bool) -> Failure {
    let error = error.without_url();
    if error.is_timeout() {
        return Failure::TimedOut;
    }
    if before_answer {
        return Failure::Unreachable(innermost(&error));
    }
    Failure::BrokeOff(innermost(&error))
}

pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// The longest wait after a failed attempt: doubles with each.
fn ceiling(base: Duration, attempt: u32) -> Duration {
    base.saturating_mul(1 << (attempt - 1).min(16)).min(BACKOFF_MAX)
}

/// A wait between nothing and the ceiling, so that many clients do not come back together.
pub(crate) fn full_jitter(ceiling: Duration, random: u64) -> Duration {
    ceiling.mul_f64(random as f64 / u64::MAX as f64)
}

/// Every `RandomState` has keys of its own, which is random enough to spread retries.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_three_seconds() {
        let waits: Vec<_> =
            (1..=6).map(|n| ceiling(Duration::from_millis(300), n).as_millis()).collect();
        assert_eq!(waits, [300, 600, 1_200, 2_400, 3_000, 3_000]);
        assert_eq!(ceiling(Duration::from_secs(1), u32::MAX), BACKOFF_MAX);
    }

    #[test]
    fn jitter_spreads_over_the_whole_wait() {
        let wait = |random| full_jitter(Duration::from_secs(2), random).as_millis();
        assert_eq!((wait(0), wait(u64::MAX / 2), wait(u64::MAX)), (0, 1_000, 2_000));
        assert_ne!(random(), random());
    }
}
