//! The record of one training run: when, on what, what came of it, and why not more.
//!
//! Written once beside the models, and bounded: reasons are listed once each, with a few of the
//! places that they hold for. Plain words, so that a record can be read by any later version.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// The version of this document's form.
pub const RUN_VERSION: u32 = 1;
/// Reasons that a record lists.
pub const REASONS_MAX: usize = 50;
/// Places that are named with a reason.
pub const PLACES_MAX: usize = 5;
/// Characters of a text in a record.
pub const TEXT_CHARS_MAX: usize = 400;
/// Bytes of a record that are read at most.
pub const RUN_BYTES_MAX: usize = 256 * 1024;

/// The document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingRun {
    pub version: u32,
    pub run_id: String,
    pub status: String,
    pub validation: Validation,
    pub started_at: String,
    pub completed_at: String,
    pub duration_ms: i64,
    /// The history that was learned from.
    pub history_from: String,
    pub history_until: String,
    /// Excluded periods and known incidents that were left out of it.
    pub left_out: usize,
    pub opening: String,
    pub services: usize,
    pub services_failed: usize,
    /// Rows of five minutes, over all services.
    pub data_points: usize,
    /// SHA-256 over the data of all models, in order: equal data gives an equal digest.
    pub data_digest: String,
    pub periods: PeriodCounts,
    /// Why periods did not pass, the most frequent reason first.
    pub reasons: Vec<Reason>,
    /// Reasons beyond those that are listed.
    pub reasons_left_out: usize,
    /// Why the run ended before it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    pub config_digest: String,
    pub yaga_version: String,
}

/// What validation says of a run as a whole: the worst of its periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Validation {
    Passed,
    /// Some models are provisional, or there was too little data for some.
    Warning,
    /// Some new models were not put in force, or the run failed.
    Failed,
}

/// Periods of services by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodCounts {
    pub passed: usize,
    pub warned: usize,
    pub failed: usize,
}

/// A reason and where it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    pub reason: String,
    pub count: usize,
    /// The first few, `service period`.
    pub places: Vec<String>,
}

impl Validation {
    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Validation::Passed => "PASSED",
            Validation::Warning => "WARNING",
            Validation::Failed => "FAILED",
        }
    }
}

impl PeriodCounts {
    /// The verdict on a run that went through.
    pub fn validation(self) -> Validation {
        match self {
            PeriodCounts { failed: 1.., .. } => Validation::Failed,
            PeriodCounts { warned: 1.., .. } => Validation::Warning,
            PeriodCounts { .. } => Validation::Passed,
        }
    }
}

impl TrainingRun {
    /// The document as indented JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a record holds only JSON types");
        bytes.push(b'\n');
        bytes
    }
}

/// The key of a run's record: later runs come later in the order of keys.
pub fn run_key(started_at: DateTime<Utc>, run_id: &str) -> String {
    format!("{}{}-{run_id}.json", RUNS, started_at.format("%Y%m%dT%H%M%SZ"))
}

/// What all keys of records begin with.
pub const RUNS: &str = "runs/v1/";

/// Reasons put together: the most frequent first, each once, places and texts cut to what a record
/// holds. With the number of reasons that did not fit.
pub fn gather(found: impl IntoIterator<Item = (String, String)>) -> (Vec<Reason>, usize) {
    let mut reasons: Vec<Reason> = Vec::new();
    for (place, reason) in found {
        let reason: String = reason.chars().take(TEXT_CHARS_MAX).collect();
        match reasons.iter_mut().find(|known| known.reason == reason) {
            Some(known) => {
                known.count += 1;
                if known.places.len() < PLACES_MAX {
                    known.places.push(place);
                }
            }
            None => reasons.push(Reason { reason, count: 1, places: vec![place] }),
        }
    }
    reasons.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.reason.cmp(&b.reason)));
    let left_out = reasons.len().saturating_sub(REASONS_MAX);
    reasons.truncate(REASONS_MAX);
    (reasons, left_out)
}

/// An instant as records spell it.
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_period_decides() {
        let counts = |passed, warned, failed| PeriodCounts { passed, warned, failed };
        assert_eq!(counts(5, 0, 0).validation(), Validation::Passed);
        assert_eq!(counts(5, 1, 0).validation(), Validation::Warning);
        assert_eq!(counts(5, 1, 1).validation(), Validation::Failed);
    }

    #[test]
    fn reasons_are_counted_and_bounded() {
        let many = (0..500).map(|i| (format!("place {i}"), format!("reason {}", i % 70)));
        let (reasons, left_out) = gather(many.chain([("last".to_owned(), "x".repeat(9000))]));
        assert_eq!((reasons.len(), left_out), (REASONS_MAX, 21));
        assert!(reasons.is_sorted_by(|a, b| a.count >= b.count));
        assert_eq!((reasons[0].count, reasons[0].places.len()), (8, PLACES_MAX));
        let (reasons, _) = gather([("a".to_owned(), "x".repeat(9000))]);
        assert_eq!(reasons[0].reason.len(), TEXT_CHARS_MAX);
    }

    #[test]
    fn keys_are_in_the_order_of_time() {
        let at = |text: &str| text.parse().unwrap();
        let first = run_key(at("2026-03-31T02:00:00Z"), "train_0b");
        assert_eq!(first, "runs/v1/20260331T020000Z-train_0b.json");
        assert!(first < run_key(at("2026-04-01T02:00:00Z"), "train_0a"));
    }
}
