//! Several messages in one request: cut to size, and split where the receiver refuses one.

use pipeline::ports::Outcome;

use crate::post::{Letter, Poster, Reply};

/// Messages of one request.
const ITEMS_MAX: usize = 100;
/// Bytes of one request's body.
const BYTES_MAX: usize = 1024 * 1024;

/// What is sent for one message: JSON values, separated by commas.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) json: String,
}

/// How items become a request, and what its answer says of each.
pub(crate) trait Format: Sync {
    fn letter(&self, items: &[Item]) -> Letter;

    fn read(&self, _answer: &[u8], items: usize) -> Vec<Outcome> {
        vec![Outcome::Delivered; items]
    }
}

/// Sends all items; one outcome each, in their order.
pub(crate) async fn send(poster: &Poster, format: &dyn Format, items: &[Item]) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(items.len());
    let mut rest = items;
    while !rest.is_empty() {
        let (chunk, others) = rest.split_at(first_chunk(rest));
        outcomes.extend(send_chunk(poster, format, chunk).await);
        rest = others;
    }
    outcomes
}

async fn send_chunk(poster: &Poster, format: &dyn Format, chunk: &[Item]) -> Vec<Outcome> {
    match poster.post(&format.letter(chunk)).await {
        Reply::Refused { .. } if chunk.len() > 1 => {
            let mut outcomes = Vec::with_capacity(chunk.len());
            for item in chunk {
                let single = std::slice::from_ref(item);
                let reply = poster.post(&format.letter(single)).await;
                outcomes.extend(outcomes_of(reply, format, 1));
            }
            outcomes
        }
        reply => outcomes_of(reply, format, chunk.len()),
    }
}

fn outcomes_of(reply: Reply, format: &dyn Format, items: usize) -> Vec<Outcome> {
    match reply {
        Reply::Accepted(answer) => format.read(&answer, items),
        Reply::Later { after, reason } => vec![Outcome::Retry { after, reason }; items],
        Reply::Refused { reason } => vec![Outcome::Refused { reason }; items],
    }
}

/// How many items the next request takes: at least one.
fn first_chunk(items: &[Item]) -> usize {
    let mut bytes = 0;
    let fitting = items.iter().take(ITEMS_MAX).take_while(|item| {
        bytes += item.json.len() + 1;
        bytes <= BYTES_MAX
    });
    fitting.count().max(1)
}

/// One JSON array of all items.
pub(crate) fn array(items: &[Item]) -> String {
    let parts: Vec<&str> = items.iter().map(|item| item.json.as_str()).collect();
    format!("[{}]", parts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_bounded_in_items_and_bytes() {
        let item = |bytes: usize| Item { id: String::new(), json: "x".repeat(bytes) };
        assert_eq!(first_chunk(&vec![item(10); 250]), ITEMS_MAX);
        assert_eq!(first_chunk(&vec![item(100_000); 50]), 10);
        assert_eq!(first_chunk(&[item(2 * BYTES_MAX), item(1)]), 1);
    }
}
