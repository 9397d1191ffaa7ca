//! From the severities of single cycles to episodes: when something began, and when it was over.
//!
//! This is for display only. It is a stand-in for incidents, which will have identities, survive
//! restarts, and close with more care.
//!
//! An episode opens when two of the last three cycles are at least high. It stays open while any
//! of the last five is at least medium. A cycle that could not judge a service says nothing about
//! it: its episode neither ages nor ends.

use std::collections::{BTreeMap, VecDeque};

use domain::Severity;
use serde::Serialize;

const OPENING_CYCLES: usize = 3;
const OPENING_HITS: usize = 2;
const CLOSING_CYCLES: usize = 5;

/// One stretch of trouble of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Episode {
    pub service: String,
    /// Epoch seconds of the cycle that opened it.
    pub opened_s: i64,
    /// The last cycle so far that was at least medium.
    pub last_s: i64,
    pub worst: Severity,
    /// What was said when it opened.
    pub what: String,
}

/// What a cycle changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Opened,
    Ended(Episode),
}

/// The episodes of all services.
#[derive(Debug, Default)]
pub struct Episodes {
    tracks: BTreeMap<String, Track>,
    over: Vec<Episode>,
}

#[derive(Debug, Default)]
struct Track {
    /// Newest last.
    recent: VecDeque<Severity>,
    open: Option<Episode>,
}

impl Episodes {
    /// Takes the verdict of one cycle on one service; `what` says it in words.
    pub fn take(
        &mut self,
        service: &str,
        at_s: i64,
        severity: Severity,
        what: impl FnOnce() -> String,
    ) -> Option<Change> {
        let track = self.tracks.entry(service.to_owned()).or_default();
        track.remember(severity);
        if let Some(episode) = &mut track.open {
            episode.worst = episode.worst.max(severity);
            if severity >= Severity::Medium {
                episode.last_s = at_s;
            }
            if track.recent.iter().any(|recent| *recent >= Severity::Medium) {
                return None;
            }
            let episode = track.open.take()?;
            self.over.push(episode.clone());
            return Some(Change::Ended(episode));
        }
        track.opens().then(|| {
            let (service, worst) = (service.to_owned(), track.worst());
            track.open =
                Some(Episode { service, opened_s: at_s, last_s: at_s, worst, what: what() });
            Change::Opened
        })
    }

    /// All episodes in the order in which they opened; those still open, too.
    pub fn finish(self) -> Vec<Episode> {
        let open = self.tracks.into_values().filter_map(|track| track.open);
        let mut all: Vec<Episode> = self.over.into_iter().chain(open).collect();
        all.sort_by(|a, b| (a.opened_s, &a.service).cmp(&(b.opened_s, &b.service)));
        all
    }
}

impl Track {
    fn remember(&mut self, severity: Severity) {
        self.recent.push_back(severity);
        if self.recent.len() > CLOSING_CYCLES {
            self.recent.pop_front();
        }
    }

    fn opens(&self) -> bool {
        let newest = self.recent.iter().rev().take(OPENING_CYCLES);
        let hits = newest.filter(|severity| **severity >= Severity::High).count();
        hits >= OPENING_HITS && self.recent.back().is_some_and(|it| *it >= Severity::High)
    }

    fn worst(&self) -> Severity {
        self.recent.iter().rev().take(OPENING_CYCLES).copied().max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One letter a cycle: `.` none, `l` low, `m` medium, `h` high, `c` critical, `?` not judged.
    /// The answer marks openings `<` and ends `>`.
    fn fold(cycles: &str) -> (String, Vec<Episode>) {
        let mut episodes = Episodes::default();
        let mut marks = String::new();
        for (index, letter) in cycles.chars().enumerate() {
            let severity = match letter {
                'l' => Severity::Low,
                'm' => Severity::Medium,
                'h' => Severity::High,
                'c' => Severity::Critical,
                _ => Severity::None,
            };
            let at_s = index as i64 * 120;
            let change = (letter != '?')
                .then(|| episodes.take("order", at_s, severity, || "slow".to_owned()))
                .flatten();
            marks.push(match change {
                None => ' ',
                Some(Change::Opened) => '<',
                Some(Change::Ended(_)) => '>',
            });
        }
        (marks, episodes.finish())
    }

    #[track_caller]
    fn check(cycles: &str, marks: &str) {
        assert_eq!(fold(cycles).0, marks, "of {cycles:?}");
    }

    #[test]
    fn two_of_three_open_and_five_quiet_ones_end() {
        check(".h.....", "       ");
        check("hh.....", " <    >");
        check("h.h.....", "  <    >");
        check("h..h..h..h", "          ");
        check("mmmmm", "     ");
        check("ch....m....h.....", " <              >");
        check("hhl....", " <    >");
    }

    #[test]
    fn what_was_not_judged_neither_ages_nor_ends() {
        check("hh..???..?", " <        ");
        check("hh..???...", " <       >");
    }

    #[test]
    fn an_episode_ends_with_its_last_unusual_cycle() {
        let (_, episodes) = fold(".hhcm.....hh");
        let ends: Vec<(i64, i64)> = episodes.iter().map(|it| (it.opened_s, it.last_s)).collect();
        assert_eq!(ends, [(240, 480), (1_320, 1_320)]);
        assert_eq!(episodes[0].worst, Severity::Critical);
    }
}
