//! The observability server: batches of payloads on one path for anomalies, another one for
//! resolutions.

use async_trait::async_trait;
use domain::config::receivers::{self, BodyFormat};
use payload::SCHEMA_VERSION;
use payload::message::{Message, MessageKind, message_id};
use pipeline::ports::{Outcome, Publisher};
use serde::Deserialize;

use crate::batch::{self, Format, Item, array};
use crate::post::{Letter, Poster, shown};

/// Sends to `observability_api`.
#[derive(Debug)]
pub struct ObservabilityApi {
    base_url: String,
    settings: receivers::ObservabilityApi,
    poster: Poster,
}

impl ObservabilityApi {
    /// `secret` is a token, or a whole `Authorization` header.
    pub fn new(
        base_url: &str,
        settings: &receivers::ObservabilityApi,
        secret: Option<&str>,
    ) -> ObservabilityApi {
        ObservabilityApi {
            base_url: base_url.to_owned(),
            settings: settings.clone(),
            poster: Poster::new(settings.timeout_s, secret),
        }
    }

    #[cfg(test)]
    pub(crate) fn hurry(mut self, timeout: std::time::Duration) -> ObservabilityApi {
        self.poster.hurry(timeout);
        self
    }

    /// Path and, in an envelope, name of the list.
    fn place(&self, kind: MessageKind) -> Option<(&str, &'static str)> {
        let settings = &self.settings;
        match kind {
            MessageKind::Anomaly => Some((&settings.anomalies_path, "alerts")),
            MessageKind::Resolution => Some((&settings.resolutions_path, "resolutions")),
            MessageKind::Notification | MessageKind::Heartbeat => {
                settings.notifications_path.as_deref().map(|path| (path, "notifications"))
            }
        }
    }
}

#[async_trait]
impl Publisher for ObservabilityApi {
    async fn send(&self, batch: &[Message]) -> Vec<Outcome> {
        let reason = "no path is set for this kind of message".to_owned();
        let mut outcomes = vec![Outcome::Refused { reason }; batch.len()];
        for kind in MessageKind::ALL {
            let Some((path, list)) = self.place(kind) else { continue };
            let places: Vec<usize> = (0..batch.len()).filter(|i| batch[*i].kind == kind).collect();
            let items: Vec<Item> = places
                .iter()
                .map(|place| Item {
                    id: batch[*place].id.clone(),
                    json: batch[*place].body.clone(),
                })
                .collect();
            let url = format!("{}{path}", self.base_url);
            let form = Form { url, list, body_format: self.settings.body_format };
            let sent = batch::send(&self.poster, &form, &items).await;
            for (place, outcome) in places.into_iter().zip(sent) {
                outcomes[place] = outcome;
            }
        }
        outcomes
    }

    fn takes(&self, kind: MessageKind) -> bool {
        self.place(kind).is_some()
    }

    fn describe(&self) -> String {
        format!("the observability server {}", shown(&self.base_url))
    }
}

struct Form {
    url: String,
    list: &'static str,
    body_format: BodyFormat,
}

/// What the server may say of a batch that it took.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    success: Option<bool>,
    failed_count: u64,
    errors: Vec<serde_json::Value>,
}

impl Format for Form {
    fn letter(&self, items: &[Item]) -> Letter {
        let array = array(items);
        let body = match self.body_format {
            BodyFormat::Array => array,
            BodyFormat::Envelope => {
                format!("{{\"{}\":{array},\"schema_version\":\"{SCHEMA_VERSION}\"}}", self.list)
            }
        };
        let headers =
            vec![("Idempotency-Key", key(items)), ("X-Schema-Version", SCHEMA_VERSION.to_owned())];
        Letter { url: self.url.clone(), headers, content_type: "application/json", body }
    }

    /// An answer that cannot be read counts as success: the server answered 2xx.
    fn read(&self, answer: &[u8], items: usize) -> Vec<Outcome> {
        let answer: Answer = serde_json::from_slice(answer).unwrap_or_default();
        if answer.success != Some(false) && answer.failed_count == 0 {
            return vec![Outcome::Delivered; items];
        }
        let failed: Vec<(usize, String)> =
            answer.errors.iter().filter_map(|error| named(error, items)).collect();
        let names_all = !failed.is_empty() && failed.len() as u64 == answer.failed_count;
        let retry = |reason: String| Outcome::Retry { after: None, reason };
        if !names_all {
            return vec![
                retry("the server says that a part of the batch failed".to_owned());
                items
            ];
        }
        let mut outcomes = vec![Outcome::Delivered; items];
        for (index, reason) in failed {
            outcomes[index] = retry(reason);
        }
        outcomes
    }
}

/// The item that an error is about, where it says so.
fn named(error: &serde_json::Value, items: usize) -> Option<(usize, String)> {
    let index = usize::try_from(error.get("index")?.as_u64()?).ok()?;
    let text = ["message", "error"].iter().find_map(|name| error.get(name)?.as_str());
    let reason = payload::text::cut(text.unwrap_or("the server refused this item"), 200);
    (index < items).then_some((index, reason))
}

/// One message is known by its id, several by all of theirs.
fn key(items: &[Item]) -> String {
    match items {
        [item] => item.id.clone(),
        items => {
            let ids: Vec<&str> = items.iter().map(|item| item.id.as_str()).collect();
            message_id("", 0, &ids.join(","))
        }
    }
}
