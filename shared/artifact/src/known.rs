//! Incidents that training leaves out, as a document beside the models.
//!
//! Closed incidents are forgotten after days, and training looks back for weeks. So each run writes
//! down what it knows of them, for as long as it lies within the look-back.

use std::collections::BTreeMap;

use domain::ServiceName;
use serde::{Deserialize, Serialize};

/// The version of this document's form.
pub const KNOWN_VERSION: u32 = 1;
/// The key of the document.
pub const KNOWN: &str = "models/known_incidents.json";
/// Incidents that are kept, the newest ones.
pub const INCIDENTS_MAX: usize = 20_000;
/// Bytes of the document that are read at most.
pub const KNOWN_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownIncidents {
    pub version: u32,
    /// By incident id.
    pub incidents: BTreeMap<String, KnownIncident>,
}

/// When something was wrong with a service. Both ends are included, epoch seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownIncident {
    pub service: ServiceName,
    pub start_s: i64,
    pub end_s: i64,
    /// What it was called, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Somebody said that nothing was wrong: it is learned from.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub false_alarm: bool,
}

impl Default for KnownIncidents {
    fn default() -> KnownIncidents {
        KnownIncidents { version: KNOWN_VERSION, incidents: BTreeMap::new() }
    }
}

impl KnownIncidents {
    /// Reads the document; the reason if it cannot be read.
    pub fn parse(bytes: &[u8]) -> Result<KnownIncidents, String> {
        let known: KnownIncidents =
            serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        match known.version {
            KNOWN_VERSION => Ok(known),
            other => Err(format!("it has version {other}, and only {KNOWN_VERSION} is known")),
        }
    }

    /// The document for people and machines.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    /// Takes in what is known by now: of an incident that is known already the newer word holds,
    /// but for what people said of it. What ended before `after_s` is forgotten, and of too many
    /// the oldest.
    pub fn renew(&mut self, newer: BTreeMap<String, KnownIncident>, after_s: i64) {
        for (id, it) in newer {
            let false_alarm = self.incidents.get(&id).is_some_and(|old| old.false_alarm);
            self.incidents.insert(id, KnownIncident { false_alarm, ..it });
        }
        self.incidents.retain(|_, it| it.end_s > after_s);
        let surplus = self.incidents.len().saturating_sub(INCIDENTS_MAX);
        if surplus > 0 {
            let mut ends: Vec<(i64, String)> =
                self.incidents.iter().map(|(id, it)| (it.end_s, id.clone())).collect();
            ends.sort();
            for (_, id) in ends.into_iter().take(surplus) {
                self.incidents.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(start_s: i64, end_s: i64) -> KnownIncident {
        let service = ServiceName::new("booking").unwrap();
        KnownIncident { service, start_s, end_s, pattern: None, false_alarm: false }
    }

    #[test]
    fn the_newer_word_holds_and_what_is_too_old_is_forgotten() {
        let mut document = KnownIncidents::default();
        let of = |pairs: &[(&str, i64, i64)]| -> BTreeMap<String, KnownIncident> {
            pairs.iter().map(|(id, start, end)| ((*id).to_owned(), known(*start, *end))).collect()
        };
        document.renew(of(&[("a", 100, 200), ("b", 150, 300)]), 0);
        document.renew(of(&[("b", 150, 400)]), 200);
        assert_eq!(document.incidents, of(&[("b", 150, 400)]));
        assert_eq!(KnownIncidents::parse(&document.to_json()), Ok(document));
    }

    #[test]
    fn what_people_said_is_kept() {
        let mut document = KnownIncidents::default();
        let said = KnownIncident { false_alarm: true, ..known(100, 200) };
        document.incidents.insert("a".to_owned(), said);
        document.renew(BTreeMap::from([("a".to_owned(), known(100, 300))]), 0);
        let expected = KnownIncident { false_alarm: true, ..known(100, 300) };
        assert_eq!(document.incidents["a"], expected);
        assert_eq!(KnownIncidents::parse(&document.to_json()), Ok(document));
    }

    #[test]
    fn of_too_many_the_oldest_are_forgotten() {
        let mut document = KnownIncidents::default();
        let last = INCIDENTS_MAX as i64 + 2;
        let many = (1..=last).map(|end_s| (format!("id{end_s}"), known(0, end_s)));
        document.renew(many.collect(), 0);
        assert_eq!(document.incidents.len(), INCIDENTS_MAX);
        assert!(!document.incidents.contains_key("id2"));
        assert!(document.incidents.contains_key("id3"));
        assert!(document.to_json().len() < KNOWN_BYTES_MAX);
    }

    #[test]
    fn another_version_is_refused() {
        let text = r#"{"version": 2, "incidents": {}}"#;
        let reason = KnownIncidents::parse(text.as_bytes()).unwrap_err();
        assert_eq!(reason, "it has version 2, and only 1 is known");
        assert!(KnownIncidents::parse(b"[").is_err());
    }
}
