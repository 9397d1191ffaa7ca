//! A Prometheus Alertmanager. Which labels an alert has, and why, is in `payload::alertmanager`.

use async_trait::async_trait;
use domain::config::receivers;
use payload::alertmanager::alerts;
use payload::message::{Message, MessageKind};
use pipeline::ports::{Outcome, Publisher};

use crate::batch::{self, Format, Item, array};
use crate::post::{Letter, Poster, shown};

/// Sends to `alertmanager`.
#[derive(Debug)]
pub struct Alertmanager {
    url: String,
    expires_after_hours: u32,
    poster: Poster,
}

impl Alertmanager {
    /// `secret` is a token, or a whole `Authorization` header.
    pub fn new(
        url: &str,
        settings: &receivers::Alertmanager,
        secret: Option<&str>,
    ) -> Alertmanager {
        Alertmanager {
            url: url.to_owned(),
            expires_after_hours: settings.expires_after_hours,
            poster: Poster::new(settings.timeout_s, secret),
        }
    }

    #[cfg(test)]
    pub(crate) fn hurry(mut self, timeout: std::time::Duration) -> Alertmanager {
        self.poster.hurry(timeout);
        self
    }

    fn item(&self, message: &Message) -> Result<Item, Outcome> {
        let refused = |reason: String| Outcome::Refused { reason };
        let body = message.read_body().map_err(|error| refused(error.to_string()))?;
        let alerts = alerts(&body, self.expires_after_hours);
        let parts: Result<Vec<String>, _> = alerts.iter().map(serde_json::to_string).collect();
        let parts = parts.map_err(|error| refused(error.to_string()))?;
        if parts.is_empty() {
            return Err(refused("the message names no incident".to_owned()));
        }
        Ok(Item { id: message.id.clone(), json: parts.join(",") })
    }
}

#[async_trait]
impl Publisher for Alertmanager {
    async fn send(&self, batch: &[Message]) -> Vec<Outcome> {
        let made: Vec<Result<Item, Outcome>> = batch.iter().map(|it| self.item(it)).collect();
        let items: Vec<Item> = made.iter().filter_map(|it| it.as_ref().ok()).cloned().collect();
        let form = Form { url: format!("{}/api/v2/alerts", self.url) };
        let mut sent = batch::send(&self.poster, &form, &items).await.into_iter();
        let lost = || Outcome::Retry { after: None, reason: "it was not sent".to_owned() };
        made.into_iter()
            .map(|it| match it {
                Ok(_) => sent.next().unwrap_or_else(lost),
                Err(outcome) => outcome,
            })
            .collect()
    }

    fn takes(&self, _kind: MessageKind) -> bool {
        true
    }

    fn describe(&self) -> String {
        format!("the Alertmanager {}", shown(&self.url))
    }
}

struct Form {
    url: String,
}

impl Format for Form {
    fn letter(&self, items: &[Item]) -> Letter {
        Letter {
            url: self.url.clone(),
            headers: Vec::new(),
            content_type: "application/json",
            body: array(items),
        }
    }
}
