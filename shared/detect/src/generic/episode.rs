//! Alarms of one service that are close to one another are one incident.

use domain::Severity;
use serde::{Deserialize, Serialize};

use super::score::SampleScore;

/// Alarms closer than this are one incident, or than this many steps.
const APART_S: i64 = 900;
const APART_STEPS: i64 = 3;
/// Multiples of the threshold at which an alarm is high and critical.
const HIGH: f64 = 1.5;
const CRITICAL: f64 = 2.0;

/// The severity of a trigger score: medium, high, critical at 1, 1.5 and 2 times the threshold.
pub fn severity(score: f64, theta: f64) -> Severity {
    match score / theta {
        ratio if ratio >= CRITICAL => Severity::Critical,
        ratio if ratio >= HIGH => Severity::High,
        ratio if ratio >= 1.0 => Severity::Medium,
        _ => Severity::None,
    }
}

/// One incident of a service.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// Stamps of the first and the last sample in alarm.
    pub start_s: i64,
    pub end_s: i64,
    /// The highest score and its stamp.
    pub peak: f64,
    pub peak_s: i64,
}

/// Joins a service's alarms into episodes, sample by sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Episodes {
    theta: f64,
    apart_s: i64,
    open: Option<Episode>,
}

impl Episodes {
    /// For a threshold and a service's step in seconds.
    pub fn new(theta: f64, step_s: i64) -> Episodes {
        let apart_s = APART_S.max(step_s.saturating_mul(APART_STEPS));
        Episodes { theta, apart_s, open: None }
    }

    /// Takes the next sample in order of time; gives the episode that it shows to be over.
    pub fn observe(&mut self, sample: &SampleScore) -> Option<Episode> {
        let SampleScore { stamp_s, score, .. } = *sample;
        let is_apart = |open: &mut Episode| stamp_s.saturating_sub(open.end_s) >= self.apart_s;
        let over = self.open.take_if(is_apart);
        if score >= self.theta {
            let new = Episode { start_s: stamp_s, end_s: stamp_s, peak: score, peak_s: stamp_s };
            let open = self.open.get_or_insert(new);
            open.end_s = stamp_s;
            if score > open.peak {
                (open.peak, open.peak_s) = (score, stamp_s);
            }
        }
        over
    }

    /// The episode that is not over yet.
    pub fn open(&self) -> Option<&Episode> {
        self.open.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn episodes(step_s: i64, scores: &[(i64, f64)]) -> Vec<(i64, i64, f64)> {
        let mut joined = Episodes::new(2.0, step_s);
        let mut all: Vec<Episode> = scores
            .iter()
            .filter_map(|(stamp_s, score)| {
                let sample = SampleScore { stamp_s: *stamp_s, score: *score, published: 0.0 };
                joined.observe(&sample)
            })
            .collect();
        all.extend(joined.open());
        all.iter().map(|episode| (episode.start_s, episode.end_s, episode.peak)).collect()
    }

    #[test]
    fn close_alarms_are_one_incident() {
        let scores = [(0, 2.0), (60, 1.9), (899, 3.0), (1000, 0.0), (1799, 2.5), (5000, 0.0)];
        assert_eq!(episodes(60, &scores), [(0, 899, 3.0), (1799, 1799, 2.5)]);
        assert_eq!(episodes(600, &scores), [(0, 1799, 3.0)]);
        assert_eq!(episodes(60, &[(0, 1.9), (60, f64::NAN)]), []);
        assert_eq!(episodes(i64::MAX, &[(i64::MIN, 2.0), (0, 3.0)]).len(), 2);
    }

    #[test]
    fn severities_are_multiples_of_the_threshold() {
        use Severity::{Critical, High, Medium};
        let levels = [2.1, 2.2, 3.29, 3.31, 4.39, 4.4, f64::NAN].map(|s| severity(s, 2.2));
        assert_eq!(levels, [Severity::None, Medium, Medium, High, High, Critical, Severity::None]);
    }
}
