//! How a receiver is written to: one client, a few immediate tries, bounded answers.
//!
//! A refusal because of the address or the credentials (401, 403, 404, 405, 407) is not one of the
//! message: it is worth trying later, when somebody has corrected the setting. Redirects are
//! followed by hand, because clients turn a redirected POST into a GET, which would lose the body.

use std::sync::OnceLock;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};

use crate::transport::{build_client, full_jitter, innermost, random};

/// Pauses before the immediate tries that follow the first.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];
/// A receiver that asks for a longer wait is left alone for that long by whoever asked.
const WAIT_HERE_MAX: Duration = Duration::from_secs(2);
/// The longest wait that a receiver may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);
const REDIRECTS_MAX: usize = 3;
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Characters of an answer that are shown with a refusal.
const ANSWER_CHARS_SHOWN: usize = 200;

/// Writes to one receiver.
pub(crate) struct Poster {
    client: OnceLock<Result<Client, String>>,
    authorization: Option<String>,
    timeout: Duration,
    pauses: [Duration; 3],
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Accepted(Vec<u8>),
    /// It may help to send the same again.
    Later {
        after: Option<Duration>,
        reason: String,
    },
    /// This receiver will not take this body.
    Refused {
        reason: String,
    },
}

/// One attempt's reply, and whether another one at once may help.
struct Attempt {
    reply: Reply,
    is_passing: bool,
}

impl Poster {
    /// `secret` is sent as it is if it names its scheme (`Basic …`), else as bearer token.
    pub(crate) fn new(timeout_s: u64, secret: Option<&str>) -> Poster {
        let header = |secret: &str| match secret.contains(' ') {
            true => secret.to_owned(),
            false => format!("Bearer {secret}"),
        };
        Poster {
            client: OnceLock::new(),
            authorization: secret.map(header),
            timeout: Duration::from_secs(timeout_s),
            pauses: PAUSES,
        }
    }

    #[cfg(test)]
    pub(crate) fn hurry(&mut self, timeout: Duration) {
        self.timeout = timeout;
        self.pauses = [Duration::from_millis(1); 3];
    }

    /// Sends, and sends again while that may help at once.
    pub(crate) async fn post(&self, letter: &Letter) -> Reply {
        for pause in self.pauses {
            let Attempt { reply, is_passing } = self.attempt(letter).await;
            let wait = match &reply {
                Reply::Later { after: Some(after), .. } if *after <= WAIT_HERE_MAX => *after,
                Reply::Later { after: None, .. } if is_passing => {
                    pause / 2 + full_jitter(pause / 2, random())
                }
                _ => return reply,
            };
            tracing::debug!(?wait, ?reply, "message not taken, sending again");
            tokio::time::sleep(wait).await;
        }
        self.attempt(letter).await.reply
    }

    async fn attempt(&self, letter: &Letter) -> Attempt {
        let mut url = match Url::parse(&letter.url) {
            Ok(url) => url,
            Err(error) => return final_reply(Reply::Refused { reason: error.to_string() }),
        };
        for _ in 0..=REDIRECTS_MAX {
            let response = match self.request(&url, letter).await {
                Ok(response) => response,
                Err(reason) => return passing(None, reason),
            };
            if !response.status().is_redirection() {
                return judge(response).await;
            }
            match redirected(&url, &response) {
                Ok(next) => url = next,
                Err(reason) => return final_reply(Reply::Refused { reason }),
            }
        }
        final_reply(Reply::Refused { reason: "it redirects in a circle".to_owned() })
    }

    async fn request(&self, url: &Url, letter: &Letter) -> Result<Response, String> {
        let build = || build_client(Policy::none());
        let client = self.client.get_or_init(build).as_ref().map_err(Clone::clone)?;
        let mut request = client
            .post(url.clone())
            .timeout(self.timeout)
            .header(CONTENT_TYPE, letter.content_type)
            .body(letter.body.clone());
        for (name, value) in &letter.headers {
            request = request.header(*name, value);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        request.send().await.map_err(|error| {
            let error = error.without_url();
            match error.is_timeout() {
                true => format!("no answer within {} s", self.timeout.as_secs_f64()),
                false => innermost(&error),
            }
        })
    }
}

impl std::fmt::Debug for Poster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poster").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// Where a redirect leads, if a message and its credentials may follow it: the same server, or the
/// same host from plain HTTP to TLS, each at its usual port.
fn redirected(from: &Url, response: &Response) -> Result<Url, String> {
    let status = response.status().as_u16();
    let location = response.headers().get(LOCATION).and_then(|it| it.to_str().ok());
    let to = location.and_then(|location| from.join(location).ok());
    let to = to.ok_or_else(|| format!("it redirects (HTTP {status}) to no address"))?;
    // Behind another port of a host may be somebody else's server.
    let is_usual = |url: &Url| url.port().is_none();
    let is_into_tls = from.scheme() == "http" && to.scheme() == "https";
    let is_upgrade = to.host() == from.host() && is_into_tls && is_usual(from) && is_usual(&to);
    if to.origin() == from.origin() || is_upgrade {
        return Ok(to);
    }
    let place = shown(to.as_str());
    Err(format!("it redirects (HTTP {status}) to {place}, which was not asked for"))
}

async fn judge(response: Response) -> Attempt {
    let status = response.status();
    let after = retry_after(&response);
    let body = match bounded_body(response).await {
        Ok(body) => body,
        // The receiver may have it already: it is told again with the same key.
        Err(reason) => return passing(None, reason),
    };
    if status.is_success() {
        return final_reply(Reply::Accepted(body));
    }
    let shown: String = String::from_utf8_lossy(&body)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(ANSWER_CHARS_SHOWN)
        .collect();
    let reason = format!("HTTP {}: {}", status.as_u16(), shown.trim());
    match status.as_u16() {
        408 | 425 | 429 | 500..=599 => passing(after, reason),
        401 | 403 | 404 | 405 | 407 => {
            let reason = format!("{reason}; check the address and the credentials");
            final_reply(Reply::Later { after: None, reason })
        }
        _ => final_reply(Reply::Refused { reason }),
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let asked = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    Some(wait_of(asked, Utc::now())?.min(RETRY_AFTER_MAX))
}

/// The wait that a receiver asks for: seconds, or a date.
fn wait_of(asked: &str, now: DateTime<Utc>) -> Option<Duration> {
    if let Ok(seconds) = asked.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = DateTime::parse_from_rfc2822(asked.trim()).ok()?;
    Some((until.to_utc() - now).to_std().unwrap_or_default())
}

async fn bounded_body(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(part) =
        response.chunk().await.map_err(|error| innermost(&error.without_url()))?
    {
        if body.len() + part.len() > ANSWER_BYTES_MAX {
            // What it says so far decides; the rest is not read.
            break;
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

fn passing(after: Option<Duration>, reason: String) -> Attempt {
    Attempt { reply: Reply::Later { after, reason }, is_passing: true }
}

fn final_reply(reply: Reply) -> Attempt {
    Attempt { reply, is_passing: false }
}

/// An address as it may be shown: without user, password, path and query, which may hold secrets.
pub(crate) fn shown(url: &str) -> String {
    let Ok(url) = Url::parse(url) else { return "an unusable address".to_owned() };
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_until_a_date() {
        let now = DateTime::from_timestamp(1_766_485_800, 0).unwrap();
        for (asked, seconds) in [
            ("30", Some(30)),
            (" 0 ", Some(0)),
            ("Tue, 23 Dec 2025 10:30:45 GMT", Some(45)),
            ("Tue, 23 Dec 2025 10:29:00 GMT", Some(0)),
            ("soon", None),
            ("-3", None),
        ] {
            assert_eq!(wait_of(asked, now), seconds.map(Duration::from_secs), "{asked}");
        }
    }

    #[test]
    fn addresses_are_shown_without_secrets() {
        for (url, text) in [
            ("https://a:b@hooks.example.com/T000/secret?token=x", "https://hooks.example.com"),
            ("http://127.0.0.1:9093", "http://127.0.0.1:9093"),
            ("nonsense", "an unusable address"),
        ] {
            assert_eq!(shown(url), text);
        }
        let secret = format!("{:?}", Poster::new(5, Some("s3cret")));
        assert!(!secret.contains("s3cret"));
    }
}
