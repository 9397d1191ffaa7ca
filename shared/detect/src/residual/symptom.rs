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

impl Symptom {
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
