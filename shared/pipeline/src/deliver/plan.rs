//! Which messages may be sent now. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use payload::message::MessageKind;

use crate::ports::outbox::{MessageStatus, QueuedMessage};

/// The pause after the first failure is twice this; it doubles with each further one.
const BACKOFF_S: i64 = 5;
const BACKOFF_S_MAX: i64 = 600;

/// One receiver's waiting messages by service, each service's in order.
pub type Lanes = BTreeMap<String, Vec<QueuedMessage>>;

/// What one service sends next to one receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// Position in the lane.
    pub index: usize,
    /// Everything before it says less: alerts of the same incidents.
    pub superseded: usize,
}

/// Sorts messages into the lanes of each receiver, in the receivers' order; the rest is for
/// receivers that are not there (any more).
pub fn by_receiver<'a>(
    waiting: Vec<QueuedMessage>,
    receivers: impl Iterator<Item = &'a str>,
) -> (Vec<Lanes>, Vec<QueuedMessage>) {
    let names: Vec<&str> = receivers.collect();
    let mut lanes = vec![Lanes::new(); names.len()];
    let mut strays = Vec::new();
    for queued in waiting {
        let name = queued.message.destination.as_deref();
        match names.iter().position(|it| Some(*it) == name) {
            Some(place) => {
                let service = queued.message.message.service.clone();
                lanes[place].entry(service).or_default().push(queued);
            }
            None => strays.push(queued),
        }
    }
    for lane in lanes.iter_mut().flat_map(BTreeMap::values_mut) {
        lane.sort_by_key(|queued| (queued.message.seq, queued.message.created_at));
    }
    (lanes, strays)
}

/// What a lane may send at `now`, if anything: its first message, or, of alerts that follow each
/// other, the newest that speaks of all incidents of those before it.
pub fn next(lane: &[QueuedMessage], now: DateTime<Utc>) -> Option<Next> {
    let run = 1 + lane.windows(2).take_while(|pair| says_more(&pair[0], &pair[1])).count();
    let run = &lane[..run.min(lane.len())];
    // Whoever holds one of them may be sending it; and one that failed says when to try again.
    let is_due = run.iter().all(|queued| queued.next_attempt_at <= now);
    (is_due && !run.is_empty()).then(|| Next { index: run.len() - 1, superseded: run.len() - 1 })
}

fn says_more(old: &QueuedMessage, new: &QueuedMessage) -> bool {
    let (old, new) = (&old.message.message, &new.message.message);
    old.kind == MessageKind::Anomaly
        && new.kind == MessageKind::Anomaly
        && old.incident_ids.iter().all(|id| new.incident_ids.contains(id))
}

/// When a message that failed is tried again, after this many attempts.
pub fn retry_at(now: DateTime<Utc>, attempts: u32, asked: Option<TimeDelta>) -> DateTime<Utc> {
    let doubled = BACKOFF_S.saturating_mul(1 << attempts.min(20)).min(BACKOFF_S_MAX);
    now + TimeDelta::seconds(doubled).max(asked.unwrap_or_default())
}

/// Whether somebody has a claim on it that still holds.
pub fn is_held(queued: &QueuedMessage, now: DateTime<Utc>) -> bool {
    queued.status == MessageStatus::Sending && queued.next_attempt_at > now
}

#[cfg(test)]
mod tests {
    use payload::message::Message;
    use proptest::prelude::*;

    use super::*;
    use crate::ports::outbox::OutboxMessage;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_766_485_800 + second, 0).unwrap()
    }

    /// `A12` is an alert of incidents 1 and 2, `R1` the resolution of incident 1; `+` after it: it
    /// is not due before second 10.
    fn queued(seq: usize, text: &str) -> QueuedMessage {
        let is_late = text.ends_with('+');
        let ids = text[1..].trim_end_matches('+').chars().map(String::from).collect();
        let is_alert = text.starts_with('A');
        let kind = if is_alert { MessageKind::Anomaly } else { MessageKind::Resolution };
        let message = Message {
            id: format!("{seq:024}"),
            kind,
            service: "booking".to_owned(),
            cycle_id: seq as i64,
            incident_ids: ids,
            body: "{}".to_owned(),
        };
        QueuedMessage {
            message: OutboxMessage {
                message,
                seq: seq as u64,
                created_at: at(0),
                destination: Some("webhook".to_owned()),
            },
            status: MessageStatus::Pending,
            attempts: 0,
            next_attempt_at: at(if is_late { 10 } else { 0 }),
            last_error: None,
        }
    }

    fn lane(text: &str) -> Vec<QueuedMessage> {
        text.split_whitespace().enumerate().map(|(seq, it)| queued(seq, it)).collect()
    }

    #[track_caller]
    fn check(text: &str, expected: Option<usize>) {
        assert_eq!(next(&lane(text), at(5)).map(|it| it.index), expected, "{text}");
    }

    #[test]
    fn the_newest_of_alerts_that_say_the_same_is_sent() {
        check("", None);
        check("A1", Some(0));
        check("A1 A1 A1", Some(2));
        check("A1 A12 A12", Some(2));
        check("A12 A1", Some(0));
        check("A1 R1 A1", Some(0));
        check("R1 R2", Some(0));
        check("A1 A1 R1", Some(1));
        check("A1 A2", Some(0));
    }

    #[test]
    fn a_message_that_waits_or_is_being_sent_holds_up_what_follows() {
        check("A1+ R1", None);
        check("A1+ A1", None);
        check("A1 A1+", None);
        check("A12 A1+", Some(0));
        assert_eq!(next(&lane("A1+ R1"), at(10)).map(|it| it.index), Some(0));
    }

    #[test]
    fn pauses_double_up_to_ten_minutes() {
        let pause = |attempts| (retry_at(at(0), attempts, None) - at(0)).num_seconds();
        let pauses: Vec<i64> = (1..=9).map(pause).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 600, 600, 600]);
        assert_eq!(pause(u32::MAX), 600);
        let asked = Some(TimeDelta::seconds(60));
        assert_eq!(retry_at(at(0), 1, asked), at(60));
    }

    #[test]
    fn messages_are_sorted_into_the_lanes_of_their_receivers() {
        let mut stray = queued(9, "A1");
        stray.message.destination = Some("pigeon".to_owned());
        let waiting = vec![queued(2, "R1"), stray.clone(), queued(1, "A1")];
        let (lanes, strays) = by_receiver(waiting, ["webhook", "sns"].into_iter());
        let seqs: Vec<u64> = lanes[0]["booking"].iter().map(|it| it.message.seq).collect();
        assert_eq!((seqs, lanes[1].len()), (vec![1, 2], 0));
        assert_eq!(strays, [stray]);
    }

    proptest! {
        /// However a lane is drained, no resolution is sent while an alert of its incident waits,
        /// and the last alert before each resolution is sent.
        #[test]
        fn a_resolution_never_overtakes(words in prop::collection::vec("[AR][12]", 0..12)) {
            let mut waiting = lane(&words.join(" "));
            let mut sent = Vec::new();
            while let Some(Next { index, .. }) = next(&waiting, at(5)) {
                sent.push(waiting[index].message.seq as usize);
                waiting.drain(..=index);
            }
            prop_assert!(waiting.is_empty());
            prop_assert!(sent.is_sorted());
            for (seq, word) in words.iter().enumerate().filter(|(_, word)| word.starts_with('R')) {
                prop_assert!(sent.contains(&seq));
                let alert = format!("A{}", &word[1..]);
                let last = words[..seq].iter().rposition(|it| *it == alert);
                let since = last.map_or(0, |last| last + 1);
                let is_bare = words[since..seq].iter().all(|it| it.starts_with('A'));
                if let Some(last) = last.filter(|_| is_bare) {
                    prop_assert!(sent.contains(&last), "{words:?} sent {sent:?}");
                }
            }
        }
    }
}
