//! From scores to one incident: when it opens, goes on, and has ended.
//!
//! Opens at a score of theta, goes on while it is at least a share of theta, and bridges two cycles
//! below that. Its end is the last cycle that was not below.

use serde::{Deserialize, Serialize};

/// When incidents of a service open and end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpisodeRule {
    /// Opens at this score.
    pub theta: f64,
    /// Goes on at this share of theta.
    pub stay: f64,
    /// Cycles below that are bridged.
    pub bridged: u32,
    /// Without any cycle for longer than this many seconds it has ended.
    pub silence_s: i64,
}

/// Whether an incident is open.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum Episode {
    #[default]
    Quiet,
    Open {
        since_s: i64,
        /// The last cycle that was not below.
        last_s: i64,
        /// The newest cycle seen.
        seen_s: i64,
        /// Cycles below since then.
        below: u32,
        peak: f64,
    },
}

/// What a cycle changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    None,
    Opened,
    /// Another cycle with evidence.
    GoesOn,
    /// A cycle below that is bridged.
    Bridged,
    Ended {
        since_s: i64,
        end_s: i64,
        peak: f64,
    },
}

impl EpisodeRule {
    /// The rule with a threshold.
    pub fn new(theta: f64) -> EpisodeRule {
        EpisodeRule { theta, stay: 0.3, bridged: 2, silence_s: 7200 }
    }
}

impl Episode {
    /// Takes in the score of a cycle. An ending that coincides with an opening (after a silence)
    /// is reported first; the episode that comes back is then the new one.
    #[must_use]
    pub fn step(self, at_s: i64, score: f64, rule: &EpisodeRule) -> (Episode, Change) {
        let Episode::Open { since_s, last_s, seen_s, below, peak } = self else {
            return Episode::opened(at_s, score, rule);
        };
        let ended = Change::Ended { since_s, end_s: last_s, peak };
        if at_s - seen_s > rule.silence_s {
            return (Episode::opened(at_s, score, rule).0, ended);
        }
        if score >= rule.theta * rule.stay {
            let peak = peak.max(score);
            let open = Episode::Open { since_s, last_s: at_s, seen_s: at_s, below: 0, peak };
            return (open, Change::GoesOn);
        }
        if below < rule.bridged {
            let open = Episode::Open { since_s, last_s, seen_s: at_s, below: below + 1, peak };
            return (open, Change::Bridged);
        }
        (Episode::Quiet, ended)
    }

    fn opened(at_s: i64, score: f64, rule: &EpisodeRule) -> (Episode, Change) {
        if score < rule.theta || score.is_nan() {
            return (Episode::Quiet, Change::None);
        }
        let (last_s, seen_s) = (at_s, at_s);
        (Episode::Open { since_s: at_s, last_s, seen_s, below: 0, peak: score }, Change::Opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The episodes of scores two minutes apart, as (first, last) cycle.
    fn episodes(scores: &[f64]) -> Vec<(i64, i64)> {
        let rule = EpisodeRule::new(1.5);
        let (mut state, mut found) = (Episode::Quiet, Vec::new());
        for (cycle, score) in scores.iter().copied().chain([-3.0; 3]).enumerate() {
            let (next, change) = state.step(cycle as i64 * 120, score, &rule);
            if let Change::Ended { since_s, end_s, .. } = change {
                found.push((since_s / 120, end_s / 120));
            }
            state = next;
        }
        assert_eq!(state, Episode::Quiet);
        found
    }

    #[test]
    fn two_cycles_are_bridged_and_three_end_it() {
        assert_eq!(episodes(&[0.0, 1.5, 0.0, 0.0, 0.45, 0.0]), [(1, 4)]);
        assert_eq!(episodes(&[2.0, 0.0, 0.0, 0.0, 1.0, 2.0]), [(0, 0), (5, 5)]);
        assert_eq!(episodes(&[1.4; 9]), []);
        assert_eq!(episodes(&[f64::NAN, 2.0, f64::NAN, 1.0]), [(1, 3)]);
    }

    #[test]
    fn a_silence_ends_it_and_may_open_the_next() {
        let rule = EpisodeRule::new(1.5);
        let (open, _) = Episode::Quiet.step(0, 2.0, &rule);
        let (next, change) = open.step(7201, 3.0, &rule);
        assert_eq!(change, Change::Ended { since_s: 0, end_s: 0, peak: 2.0 });
        assert!(matches!(next, Episode::Open { since_s: 7201, .. }));
        assert_eq!(open.step(7200, 0.5, &rule).1, Change::GoesOn);
    }

    proptest! {
        #[test]
        fn each_episode_reaches_theta_and_episodes_are_apart(
            scores in prop::collection::vec(-3.0f64..3.0, 0..80),
        ) {
            let found = episodes(&scores);
            for (first, last) in &found {
                prop_assert!(scores[*first as usize] >= 1.5 && scores[*last as usize] >= 0.45);
            }
            prop_assert!(found.windows(2).all(|pair| pair[0].1 + 3 < pair[1].0));
        }
    }
}
