//! What a series that is out of its usual range says about its service.

use super::model::{SeriesModel, Side};
use super::score::ServiceEvidence;
use super::transform::Form;

/// Kinds of evidence, by what they say about where trouble starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Symptom {
    /// Requests to the service fail.
    Errors,
    /// The service itself is slow or strained: its own latency, its database's, or a gauge.
    Strain,
    /// Calls that the service makes are slow.
    SlowCalls,
    /// More requests than usual.
    RateUp,
    /// Fewer requests than usual.
    RateDown,
}

/// Scores below this say nothing about a symptom.
pub const SYMPTOM_MIN: f64 = 0.3;
/// Names of the latency of calls that a service makes.
const CALL_LATENCIES: [&str; 2] = ["dependency_latency", "client_latency"];

/// The best gated score of each symptom of a service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SymptomScores([f64; 5]);

/// What a service showed in the last minutes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RecentSymptoms {
    /// The best score of each symptom.
    pub scores: SymptomScores,
    /// The first cycle with any symptom, epoch seconds.
    pub since_s: Option<i64>,
}

impl RecentSymptoms {
    /// Puts cycles together, each with the time of its end.
    pub fn of(cycles: impl IntoIterator<Item = (i64, SymptomScores)>) -> RecentSymptoms {
        let take = |recent: RecentSymptoms, (at_s, scores): (i64, SymptomScores)| {
            let shows = scores.leading().map(|_| at_s);
            let since_s = recent.since_s.into_iter().chain(shows).min();
            RecentSymptoms { scores: recent.scores.merged(&scores), since_s }
        };
        cycles.into_iter().fold(RecentSymptoms::default(), take)
    }
}

impl Symptom {
    const ALL: [Symptom; 5] =
        [Symptom::Errors, Symptom::Strain, Symptom::SlowCalls, Symptom::RateUp, Symptom::RateDown];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Symptom::Errors => "errors",
            Symptom::Strain => "slow",
            Symptom::SlowCalls => "slow_calls",
            Symptom::RateUp => "more_traffic",
            Symptom::RateDown => "less_traffic",
        }
    }

    /// What a series on one side tells of.
    pub fn of(series: &SeriesModel, side: Side) -> Symptom {
        match (series.form, side) {
            (Form::Rate, Side::Up) if series.is_traffic => Symptom::RateUp,
            (Form::Rate, Side::Down) if series.is_traffic => Symptom::RateDown,
            (Form::ErrorShare, _) => Symptom::Errors,
            (Form::Latency, _) if CALL_LATENCIES.contains(&series.metric.as_str()) => {
                Symptom::SlowCalls
            }
            _ => Symptom::Strain,
        }
    }
}

impl Default for SymptomScores {
    /// No symptom at all.
    fn default() -> SymptomScores {
        SymptomScores([f64::NEG_INFINITY; 5])
    }
}

impl SymptomScores {
    /// The symptoms of one cycle.
    pub fn of(evidence: &ServiceEvidence) -> SymptomScores {
        let mut scores = SymptomScores::default();
        for series in &evidence.series {
            scores.raise(series.symptom, series.score);
        }
        scores
    }

    /// The symptoms of one cycle or another.
    #[must_use]
    pub fn merged(mut self, other: &SymptomScores) -> SymptomScores {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine = mine.max(theirs));
        self
    }

    /// The symptom that says most; `None` if none says anything.
    pub fn leading(&self) -> Option<Symptom> {
        let better = |best: Symptom, next: Symptom| {
            if self.get(next) > self.get(best) { next } else { best }
        };
        Symptom::ALL.into_iter().filter(|symptom| self.has(*symptom)).reduce(better)
    }

    /// Raises a symptom to a score.
    pub fn raise(&mut self, symptom: Symptom, score: f64) {
        let mine = &mut self.0[symptom as usize];
        *mine = mine.max(score);
    }

    /// The score of a symptom; minus infinity if nothing is known of it.
    pub fn get(&self, symptom: Symptom) -> f64 {
        self.0[symptom as usize]
    }

    /// True if the symptom's score says something.
    pub fn has(&self, symptom: Symptom) -> bool {
        self.get(symptom) >= SYMPTOM_MIN
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::trained_month;
    use super::*;

    #[test]
    fn each_metric_tells_of_something() {
        let (_, model) = trained_month();
        let up: Vec<Symptom> = model.series.iter().map(|s| Symptom::of(s, Side::Up)).collect();
        use Symptom::*;
        assert_eq!(up, [RateUp, Strain, SlowCalls, Strain, Errors]);
        assert_eq!(Symptom::of(&model.series[0], Side::Down), RateDown);
    }

    #[test]
    fn recent_symptoms_know_their_first_cycle() {
        let with = |symptom, score| {
            let mut scores = SymptomScores::default();
            scores.raise(symptom, score);
            scores
        };
        let cycles = [
            (0, with(Symptom::Errors, 0.2)),
            (120, with(Symptom::Strain, 1.0)),
            (240, with(Symptom::Errors, 2.0)),
        ];
        let recent = RecentSymptoms::of(cycles);
        assert_eq!((recent.since_s, recent.scores.leading()), (Some(120), Some(Symptom::Errors)));
        assert_eq!(RecentSymptoms::of([]).since_s, None);
        assert_eq!(cycles[0].1.leading(), None);
    }

    #[test]
    fn the_best_score_counts() {
        let mut scores = SymptomScores::default();
        assert!(!scores.has(Symptom::Errors));
        scores.raise(Symptom::Errors, 0.2);
        let mut other = SymptomScores::default();
        other.raise(Symptom::Errors, 0.3);
        other.raise(Symptom::Errors, f64::NAN);
        assert!(!scores.has(Symptom::Errors) && scores.merged(&other).has(Symptom::Errors));
    }
}
