//! Any address: one signed POST per message.

use async_trait::async_trait;
use domain::config::receivers;
use hmac::{Hmac, KeyInit, Mac};
use payload::SCHEMA_VERSION;
use payload::message::{Message, MessageKind};
use pipeline::ports::{Clock, Outcome, Publisher};
use sha2::Sha256;
use std::sync::Arc;

use crate::post::{Letter, Poster, Reply, shown};

/// Sends to `webhook`.
pub struct Webhook {
    url: String,
    secret: Option<String>,
    clock: Arc<dyn Clock>,
    poster: Poster,
}

impl Webhook {
    /// With a `secret` each request is signed; the clock dates the signature.
    pub fn new(
        url: &str,
        settings: &receivers::Webhook,
        secret: Option<&str>,
        clock: Arc<dyn Clock>,
    ) -> Webhook {
        Webhook {
            url: url.to_owned(),
            secret: secret.map(str::to_owned),
            clock,
            poster: Poster::new(settings.timeout_s, None),
        }
    }

    #[cfg(test)]
    pub(crate) fn hurry(mut self, timeout: std::time::Duration) -> Webhook {
        self.poster.hurry(timeout);
        self
    }

    fn letter(&self, message: &Message) -> Letter {
        let mut headers = vec![
            ("Idempotency-Key", message.id.clone()),
            ("X-Schema-Version", SCHEMA_VERSION.to_owned()),
            ("X-Yaga-Kind", message.kind.as_str().to_owned()),
        ];
        if let Some(secret) = &self.secret {
            let at_s = self.clock.now().timestamp();
            headers.push(("X-Yaga-Timestamp", at_s.to_string()));
            headers.push(("X-Yaga-Signature", signature(secret, at_s, &message.body)));
        }
        let body = message.body.clone();
        Letter { url: self.url.clone(), headers, content_type: "application/json", body }
    }
}

#[async_trait]
impl Publisher for Webhook {
    async fn send(&self, batch: &[Message]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(batch.len());
        for message in batch {
            outcomes.push(match self.poster.post(&self.letter(message)).await {
                Reply::Accepted(_) => Outcome::Delivered,
                Reply::Later { after, reason } => Outcome::Retry { after, reason },
                Reply::Refused { reason } => Outcome::Refused { reason },
            });
        }
        outcomes
    }

    fn takes(&self, _kind: MessageKind) -> bool {
        true
    }

    fn describe(&self) -> String {
        format!("the webhook {}", shown(&self.url))
    }
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("host", &shown(&self.url)).finish_non_exhaustive()
    }
}

/// `v1=` and HMAC-SHA256, in hexadecimal, of the second of sending, a dot, and the body.
fn signature(secret: &str, at_s: i64, body: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key may have any length");
    mac.update(format!("{at_s}.{body}").as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
    format!("v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figure is what `printf '1766485800.{"a":1}' | openssl dgst -sha256 -hmac s3cret` says.
    #[test]
    fn a_signature_is_what_other_tools_compute() {
        insta::assert_snapshot!(signature("s3cret", 1_766_485_800, "{\"a\":1}"), @"v1=523c2c8351fb0d3d372f7df68caf77fceb84e9f916d86e0c7038839d4c25963c");
    }
}
