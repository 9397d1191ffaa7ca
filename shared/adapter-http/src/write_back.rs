//! Scores and expected values, written to the metric server. Not a message: what cannot be written
//! now is not written at all, because the next cycle has newer ones.

use async_trait::async_trait;
use payload::write_back::{ServicePoint, requests};
use pipeline::ports::ScoreSink;

use crate::post::{Letter, Poster, Reply, shown};

/// Patience for one request: it is the last thing of a cycle, and worth little.
const TIMEOUT_S: u64 = 3;

/// Writes to `/api/v1/import` of a VictoriaMetrics.
#[derive(Debug)]
pub struct WriteBack {
    url: String,
    poster: Poster,
}

impl WriteBack {
    /// `secret` is a token, or a whole `Authorization` header.
    pub fn new(url: &str, secret: Option<&str>) -> WriteBack {
        WriteBack { url: url.to_owned(), poster: Poster::new(TIMEOUT_S, secret) }
    }

    #[cfg(test)]
    pub(crate) fn hurry(mut self, timeout: std::time::Duration) -> WriteBack {
        self.poster.hurry(timeout);
        self
    }
}

#[async_trait]
impl ScoreSink for WriteBack {
    async fn write(&self, points: &[ServicePoint]) -> Result<(), String> {
        for body in requests(points) {
            let letter = Letter {
                url: format!("{}/api/v1/import", self.url),
                headers: Vec::new(),
                content_type: "application/stream+json",
                body,
            };
            match self.poster.post(&letter).await {
                Reply::Accepted(_) => {}
                Reply::Later { reason, .. } | Reply::Refused { reason } => return Err(reason),
            }
        }
        Ok(())
    }

    fn describe(&self) -> String {
        format!("the metric server {}", shown(&self.url))
    }
}
